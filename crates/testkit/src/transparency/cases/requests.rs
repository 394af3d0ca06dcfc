//! What goes up.

use super::{OK, bare, exchange, noise, post, sized};
use crate::transparency::{Case, Step};
use crate::wire::chunked;

const GROUP: &str = "requests";

pub(super) fn cases() -> Vec<Case> {
    [headers(), bodies(), targets(), waiting()].concat()
}

fn case(name: &str, request: Vec<u8>) -> Case {
    exchange(GROUP, name, request, OK)
}

fn headers() -> Vec<Case> {
    let long = format!("X-Long: {}\r\n", "0123456789abcdef".repeat(2048));
    let many = (0..150).map(|n| format!("X-{n}: {n}\r\n")).collect::<Vec<_>>().concat();
    let latin: String = "X-Latin: caf\u{e9}\r\nX-Utf8: \u{c3}\u{a9}\r\n".to_owned();
    let mut odd = sized("X-Empty:\r\nX-Commas: a,b , c\r\nX-Blank:    padded\t \r\nX-Quote: \"a\\\"b\"\r\n", b"{}");
    let at = odd.len() - 4;
    odd.splice(at..at, latin.chars().map(|sign| sign as u8));
    vec![
        case(
            "provider key, version, user agent in odd case",
            sized(
                "X-Api-Key: sk-secret\r\nanthropic-version: 2023-06-01\r\nX-Stainless-Lang: js\r\nUSER-AGENT: cli\r\n",
                b"{\"a\": 1.0}",
            ),
        ),
        case(
            "duplicate headers in different cases",
            sized("X-A: 1\r\nx-a: 2\r\nX-B: b\r\nX-a: 3\r\nAnthropic-Beta: one\r\nanthropic-beta: two\r\n", b"{}"),
        ),
        case("empty, padded, quoted and non-ASCII values", odd),
        case("a header of 32 KB", sized(&long, b"{}")),
        case("150 headers", sized(&many, b"{}")),
        case("two cookie headers", bare("GET", "/v1/models", "Cookie: a=1\r\nCookie: b=2\r\n")),
        case("`x-ursa-*` headers", sized("X-Ursa-User: me\r\nx-ursa-device: d\r\nX-Mine: 1\r\n", b"{}")),
        case(
            "headers of the connection",
            sized(
                "Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nTE: trailers, deflate\r\nX-End: 2\r\n",
                b"{}",
            ),
        ),
    ]
}

fn bodies() -> Vec<Case> {
    let large = noise(20 * 1024 * 1024);
    let text = "{\"text\": \"h\u{e9}llo \u{1f43b} \u{4f60}\u{597d}\"}".as_bytes();
    let chunks = |size: usize| chunked(&text.chunks(size).collect::<Vec<_>>());
    let te = "Transfer-Encoding: chunked\r\n";
    vec![
        case("a length of 0", sized("", b"")),
        case("no body at all", post("", b"")),
        case("chunks of 1 byte, in the middle of characters", post(te, &chunks(1))),
        case("chunks of 5 bytes", post(te, &chunks(5))),
        case("a chunked body without a chunk", post(te, b"0\r\n\r\n")),
        case("chunk extensions", post(te, b"3;a=b\r\nabc\r\n2;c=\"d e\"\r\nde\r\n0;last\r\n\r\n")),
        case(
            "trailers",
            post(&format!("{te}TE: trailers\r\nTrailer: X-Sum\r\n"), b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nx-two: 2\r\n\r\n"),
        ),
        case("gzip", sized("Content-Encoding: gzip\r\n", &noise(5000))),
        case("zstd", sized("content-encoding: zstd\r\n", &[b"\x28\xb5\x2f\xfd".as_slice(), &noise(700)].concat())),
        case("bytes that are no text", sized("Content-Type: application/octet-stream\r\n", &noise(300))),
        case("20 MB with a length", sized("", &large)),
        case("20 MB in chunks", post(te, &chunked(&large.chunks(100_000).collect::<Vec<_>>()))),
    ]
}

fn targets() -> Vec<Case> {
    let targets = [
        "/",
        "//",
        "/v1/a%2Fb//c/./../d",
        "/x?",
        "/x?a=b&a=c&empty",
        "/x?q=%7B%22%C3%A9&plus=a+b",
        "/x?&[]=|^`",
        "/a;b=c/@:$&'()*+,=~",
        "/x?a=/edge/anthropic/",
        "/v1beta/models/gemini-3.1-pro:streamGenerateContent?alt=sse",
    ];
    let methods = ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "M-SEARCH", "brew"];
    let long = format!("/x?q={}", "abcdefgh".repeat(1024));
    let targets = targets.into_iter().map(|target| case(&format!("target `{target}`"), bare("GET", target, "")));
    let methods =
        methods.into_iter().map(|method| case(&format!("method `{method}`"), bare(method, "/v1/whatever/else", "")));
    let version = b"GET {P}/x HTTP/1.0\r\nHost: {H}\r\nX-Old: 1\r\n\r\n".to_vec();
    let last = [case("a query of 8 KB", bare("GET", &long, "")), case("HTTP/1.0", version)];
    targets.chain(methods).chain(last).collect()
}

/// Requests that are answered before they are whole.
fn waiting() -> Vec<Case> {
    let expects = post("Content-Length: 5\r\nExpect: 100-continue\r\n", b"");
    let made = |name: &str, client: Vec<Step>, upstream: Vec<Step>| Case {
        group: GROUP,
        name: name.to_owned(),
        client,
        upstream,
        exchanges: 1,
    };
    let granted = made(
        "`Expect: 100-continue`, granted",
        vec![Step::Request(expects.clone()), Step::Head, Step::Send(b"hello".to_vec()), Step::Answer],
        vec![Step::Head, Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), Step::Body, Step::Send(OK.to_vec())],
    );
    let refused = |status: &str| {
        let answer = format!("HTTP/1.1 {status}\r\nRetry-After: 2\r\nContent-Length: 2\r\n\r\nno").into_bytes();
        made(
            &format!("`Expect: 100-continue`, answered with {status}"),
            vec![Step::Request(expects.clone()), Step::Answer, Step::Close],
            vec![Step::Head, Step::Send(answer), Step::Drain],
        )
    };
    let early = |status: &str, headers: &str, sent: &[u8]| {
        let answer = format!("HTTP/1.1 {status}\r\nX-Should-Retry: false\r\nContent-Length: 2\r\n\r\nno").into_bytes();
        made(
            &format!("{status} while the upload runs"),
            vec![Step::Request(post(headers, sent)), Step::Answer, Step::Close],
            vec![Step::Head, Step::Send(answer), Step::Drain],
        )
    };
    vec![
        granted,
        refused("417 Expectation Failed"),
        refused("401 Unauthorized"),
        early("401 Unauthorized", "Content-Length: 1000000\r\n", &[b'x'; 1000]),
        early("413 Payload Too Large", "Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"),
        early("429 Too Many Requests", "Content-Length: 30000000\r\n", &noise(200_000)),
    ]
}
