//! What comes down.

use std::io::Write as _;

use super::{bare, exchange, noise, sized};
use crate::transparency::{Case, Step};
use crate::wire::chunked;

const GROUP: &str = "answers";
const SSE: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
const EVENTS: &str = "event: message_start\ndata: {\"type\":\"message_start\"}\n\nevent: delta\ndata: {\"text\":\"h\u{e9}llo \
     \u{1f43b} \u{4f60}\u{597d}\"}\n\n: note\r\n\r\ndata: one\ndata: two\n\ndata: [DONE]\n\n";

const TRAILED: &[u8] = b"HTTP/1.1 200 OK\r\nTrailer: X-End\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\
    X-End: 2\r\n\r\n";

pub(super) fn cases() -> Vec<Case> {
    [streams(), heads(), bodies(), without_body(), broken(), informational()].concat()
}

fn case(name: &str, answer: impl Into<Vec<u8>>) -> Case {
    exchange(GROUP, name, sized("", b"{}"), answer)
}

fn streamed(chunks: &[&[u8]]) -> Vec<u8> {
    [SSE.as_bytes(), &chunked(chunks)].concat()
}

fn with(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn streams() -> Vec<Case> {
    let split = [1, 2, 3, 7, 64].map(|size| {
        let chunks: Vec<&[u8]> = EVENTS.as_bytes().chunks(size).collect();
        case(&format!("events in chunks of {size}: within characters and `data:`"), streamed(&chunks))
    });
    let one = [b"data: ".as_slice(), &vec![b'x'; 1024 * 1024], b"\n\n"].concat();
    let many: Vec<Vec<u8>> = (0..5000).map(|n| format!("data: {{\"n\":{n}}}\n\n").into_bytes()).collect();
    let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
    let mut all = split.to_vec();
    all.extend([
        case("one event of 1 MB", streamed(&[&one])),
        case("5,000 events", streamed(&many)),
        case("a stream without an event", streamed(&[])),
        case("a stream that does not end with a line end", streamed(&[b"data: cut"])),
        case("chunk extensions in a stream", [SSE.as_bytes(), b"5;x=1\r\ndata:\r\n2\r\n\n\n\r\n0;y\r\n\r\n"].concat()),
        exchange(GROUP, "trailers of an answer, asked for", sized("TE: trailers\r\n", b"{}"), TRAILED),
        case("trailers of an answer, not asked for", TRAILED),
    ]);
    all
}

fn heads() -> Vec<Case> {
    let long = format!("200 OK\r\nX-Long: {}", "0123456789abcdef".repeat(2048));
    vec![
        case(
            "`Set-Cookie` twice, odd case",
            with("200 Fine\r\nset-COOKIE: a=1; Path=/\r\nX-Q: 1\r\nSet-Cookie: b=2", b"{}"),
        ),
        case("529 without a reason, `retry-after`", with("529 \r\nretry-after: 3\r\nx-should-retry: true", b"{}")),
        case(
            "429, `Retry-After` as a date",
            with("429 Too Many\r\nRetry-After: Mon, 23 Nov 2026 08:00:00 GMT\r\nretry-after-ms: 1500", b"{}"),
        ),
        case("a reason of its own", with("200 All Is Well Here", b"{}")),
        case("status 299", with("299 Odd", b"{}")),
        case("status 599", with("599 Odder", b"{}")),
        case("a redirect", with("302 Found\r\nLocation: http://127.0.0.1:1/", b"")),
        case("non-ASCII and empty values", with("200 OK\r\nX-Utf8: \u{e9}\r\nX-Empty:", b"{}")),
        case("a header of 32 KB in the answer", with(&long, b"{}")),
        case("`Connection: close`", with("200 OK\r\nConnection: close\r\nX-A: b", b"{}")),
        case(
            "`Date`, `Server`, `Via`, `Alt-Svc`",
            with(
                "200 OK\r\nDate: Mon, 23 Nov 2026 08:00:00 GMT\r\nServer: x\r\nVia: 1.1 y\r\nAlt-Svc: h3=\":443\"",
                b"{}",
            ),
        ),
    ]
}

fn bodies() -> Vec<Case> {
    let text = EVENTS.repeat(40).into_bytes();
    let encoded =
        [("gzip", gzip(&text)), ("br", brotli(&text)), ("zstd", zstd::encode_all(&text[..], 3).unwrap_or_default())];
    let sized = encoded.iter().map(|(name, body)| {
        case(&format!("{name}, with a length"), with(&format!("200 OK\r\nContent-Encoding: {name}"), body))
    });
    let streamed = encoded.iter().map(|(name, body)| {
        let head = SSE.replace("Transfer", &format!("content-encoding: {name}\r\nTransfer"));
        let chunks: Vec<&[u8]> = body.chunks(11).collect();
        case(&format!("{name}, streamed"), [head.as_bytes(), &chunked(&chunks)].concat())
    });
    let large = noise(20 * 1024 * 1024);
    let last = [
        case("an empty body", with("200 OK", b"")),
        case("bytes that are no gzip, called gzip", with("200 OK\r\nContent-Encoding: gzip", &noise(5000))),
        case("20 MB down with a length", with("200 OK", &large)),
        case("20 MB down in chunks", self::streamed(&large.chunks(70_000).collect::<Vec<_>>())),
    ];
    sized.chain(streamed).chain(last).collect()
}

/// Answers that have no body.
fn without_body() -> Vec<Case> {
    let get = || bare("GET", "/v1/models", "");
    let head = || bare("HEAD", "/v1/models", "");
    let to = |name: &str, request: Vec<u8>, answer: &str| exchange(GROUP, name, request, answer);
    vec![
        to("HEAD with a length", head(), "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n"),
        to("HEAD without a length", head(), "HTTP/1.1 200 OK\r\nETag: x\r\n\r\n"),
        to("204", get(), "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"),
        to("204 with a length of 0", get(), "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nX-A: b\r\n\r\n"),
        to("304", get(), "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        to("304 with a length", get(), "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 1234\r\n\r\n"),
    ]
}

/// Answers that end with their connection, on purpose or not.
fn broken() -> Vec<Case> {
    let ends = |name: &str, answer: &str| {
        let mut case = case(name, answer);
        case.upstream.push(Step::Close);
        case
    };
    vec![
        ends("a body that ends with the connection", "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nall of it"),
        ends("broken off in a chunk", &format!("{SSE}40\r\ndata: half an ev")),
        ends("broken off between chunks", &format!("{SSE}7\r\ndata: \n\r\n")),
        ends("broken off within a length", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
    ]
}

fn informational() -> Vec<Case> {
    let before = |name: &str, first: &str| case(name, [first.as_bytes(), super::OK].concat());
    vec![
        before("103 before the answer", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        before("102 before the answer", "HTTP/1.1 102 Processing\r\n\r\n"),
    ]
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // Writing into memory does not fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}

fn brotli(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    {
        let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
        let _ = writer.write_all(text);
    }
    out
}
