//! F14, F15: requests that hide requests, and fields that hide headers.

use ursa_testkit::raw_upstream::RawUpstream;
use ursa_testkit::raw_wire::Wire;

use crate::support::{Under, conversation, prompt, prompts};

const HEAD: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\n";
const HIDDEN: &str = "GET /edge/anthropic/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Requests that one reader takes for one and another for two; all are refused.
fn refused() -> Vec<(&'static str, String)> {
    let chunks = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    vec![
        // By its length what is hidden is body; by its chunks it is too.
        (
            "both framings, length first",
            format!("{HEAD}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}", chunks.len()),
        ),
        (
            "both framings, chunked first",
            format!("{HEAD}Transfer-Encoding: chunked\r\nContent-Length: {}\r\n\r\n{chunks}", chunks.len()),
        ),
        ("the same length twice", format!("{HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}{HIDDEN}")),
        ("bare line feeds", format!("{HEAD}X-A: b\nContent-Length: {}\n\n{HIDDEN}", HIDDEN.len())),
        ("a bare line feed among returns", format!("{HEAD}X-A: b\nX-C: d\r\n\r\n{HIDDEN}")),
        ("two lengths", format!("{HEAD}Content-Length: 0\r\nContent-Length: 60\r\n\r\n{HIDDEN}")),
        ("a list of lengths", format!("{HEAD}Content-Length: 0, 60\r\n\r\n{HIDDEN}")),
        ("a signed length", format!("{HEAD}Content-Length: +5\r\n\r\n{HIDDEN}")),
        ("a negative length", format!("{HEAD}Content-Length: -1\r\n\r\n{HIDDEN}")),
        ("a hexadecimal length", format!("{HEAD}Content-Length: 0x5\r\n\r\n{HIDDEN}")),
        ("a length past all", format!("{HEAD}Content-Length: 99999999999999999999\r\n\r\n{HIDDEN}")),
        ("an empty length", format!("{HEAD}Content-Length:\r\n\r\n{HIDDEN}")),
        ("an unknown coding", format!("{HEAD}Transfer-Encoding: xchunked\r\n\r\n{HIDDEN}")),
        ("identity", format!("{HEAD}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{{}}{HIDDEN}")),
        ("chunked not last", format!("{HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("a tab before the coding's name", format!("{HEAD}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("a space before the colon", format!("{HEAD}Content-Length : 60\r\n\r\n{HIDDEN}")),
        ("a folded header", format!("{HEAD}X-A: b\r\n Content-Length: 60\r\n\r\n{HIDDEN}")),
        ("a header without a colon", format!("{HEAD}Content-Length 60\r\n\r\n{HIDDEN}")),
        ("a bare return", format!("{HEAD}X-A: b\rContent-Length: 60\r\n\r\n{HIDDEN}")),
        ("NUL in a value", format!("{HEAD}X-A: b\0c\r\n\r\n{HIDDEN}")),
        ("chunked in HTTP/1.0", HEAD.replace("1.1", "1.0") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN),
    ]
}

/// Ends the connection if it is read as a request of its own.
const LAST: &str = "GET /edge/anthropic/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Sends bytes and a last request, then waits until the server ends the connection; tells the first status.
async fn send_raw(under: &Under, raw: &str) -> u16 {
    let mut wire = under.wire().await;
    // A refusal may come before everything is sent, and end the sending.
    let _ = wire.send(format!("{raw}{LAST}")).await;
    let head = wire.head().await.unwrap();
    wire.ended().await.unwrap();
    head.map_or(0, |head| head.status())
}

/// Start lines in what an upstream got, over all connections.
fn start_lines(upstream: &RawUpstream) -> Vec<String> {
    let received = upstream.received();
    let lines =
        received.iter().flat_map(|bytes| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| line.ends_with("HTTP/1.1") || line.ends_with("HTTP/1.0")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_contradicting_framing_is_refused_with_nothing_upstream() {
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    for (name, raw) in refused() {
        assert_eq!(send_raw(&under, &raw).await, 400, "{name}");
        assert!(upstream.received().is_empty(), "{name}: {:?}", start_lines(&upstream));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_two_requests_never_appear_where_one_was_sent() {
    let cases = [
        ("a request as a body", format!("{HEAD}Content-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len())),
        ("a request in a chunk's extension", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n0;{}\r\n\r\n", "a=b")),
        (
            "a chunk's size past all",
            format!("{HEAD}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{HIDDEN}0\r\n\r\n"),
        ),
        ("a chunk's size with a sign", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n")),
        ("a chunk without its line end", format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX{HIDDEN}")),
    ];
    for (name, raw) in cases {
        let upstream = RawUpstream::answering(OK).await.unwrap();
        let under = Under::start(&upstream.base_url(), "").await;
        let status = send_raw(&under, &raw).await;
        let seen = start_lines(&upstream);
        println!("{name}: {status}, upstream saw {seen:?}");
        // What is hidden, and the last request, may be part of a body; then they keep the path that they were sent with.
        let requests: Vec<_> = seen.iter().filter(|line| !line.contains(" /edge/")).collect();
        let sent = requests.iter().filter(|line| line.starts_with("POST /v1/messages ")).count();
        let last = requests.iter().filter(|line| line.starts_with("GET /last ")).count();
        assert!(sent <= 1 && last <= 1 && sent + last == requests.len(), "{name}: {requests:?}");
    }
}

/// An upstream that answers an upgrade as though nothing had been asked, then treats what follows as bytes.
#[tokio::test(flavor = "multi_thread")]
async fn f14_an_upgrade_that_is_answered_with_200_opens_no_tunnel() {
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    let mut wire = under.wire().await;
    let upgrade = "GET /edge/openai/v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: \
                   websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    wire.send(format!("{upgrade}GET /edge/anthropic/hidden HTTP/1.1\r\nHost: evil\r\n\r\n")).await.unwrap();
    let head = wire.head().await.unwrap().unwrap();
    assert_eq!(head.status(), 200);
    wire.body(&head).await.unwrap();
    // What follows is a request in its own right, and goes through everything that a request goes through: its Host is
    // no name of this machine, so that it needs a key.
    let second = wire.head().await.unwrap().unwrap();
    assert_eq!(second.status(), 401);
    let seen = start_lines(&upstream);
    assert_eq!(seen, ["GET /v1/responses HTTP/1.1"], "nothing passes before a 101");
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_line_breaks_in_fields_become_no_headers() {
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    let host = upstream.address();
    let id = conversation(15);
    let mut body = prompt("line\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1");
    body["model"] = "claude\r\nX-Injected: 2".into();
    body["metadata"] = serde_json::json!({"user_id": "a\r\nX-Injected: 3"});
    let body = body.to_string();
    let request = format!(
        "POST /edge/anthropic/v1/mess%0d%0aX-Injected:%204/..%2f?a=b%0d%0aX-Injected:5 HTTP/1.1\r\nHost: localhost\r\n\
         X-Ursa-User: mallory%0d%0aX-Injected: 6\r\nX-Ursa-Device: \u{e9}\u{2028}X-Injected: 7\r\n\
         x-claude-code-session-id: {id}\r\nAccept: */*\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (head, _) = under.exchange(request).await;
    assert_eq!(head.status(), 200);
    let golden = format!(
        "POST /v1/mess%0d%0aX-Injected:%204/..%2f?a=b%0d%0aX-Injected:5 HTTP/1.1\r\nhost: {host}\r\n\
         x-claude-code-session-id: {id}\r\naccept: */*\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let received = String::from_utf8(upstream.received().concat()).unwrap();
    let lines = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (start, headers) = head.split_once("\r\n").unwrap();
        let mut headers: Vec<String> = headers.split("\r\n").map(str::to_lowercase).collect();
        headers.sort();
        (start.to_owned(), headers, body.to_owned())
    };
    assert_eq!(lines(&received), lines(&golden));
    // And in what is recorded they are text.
    let known = crate::support::request_with(&conversation(16), "", body.as_bytes());
    assert_eq!(under.exchange(known).await.0.status(), 200);
    let session = under.session(&conversation(16)).await;
    assert_eq!(prompts(&session), ["line\r\nX-Injected: 1\r\n\r\nGET / HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_line_breaks_on_the_wire_are_refused() {
    let upstream = RawUpstream::answering(OK).await.unwrap();
    let under = Under::start(&upstream.base_url(), "").await;
    let cases = [
        "GET /edge/anthropic/a\rb HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /edge/anthropic/a\nb HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /edge/anthropic/a HTTP/1.1\r\nHost: localhost\r\nX-Ursa-User: a\rX-B: c\r\n\r\n",
        "GET /edge/anthropic/a HTTP/1.1\r\nHost: localhost\r\nX-Ursa-User: a\0b\r\n\r\n",
    ];
    for raw in cases {
        assert_eq!(send_raw(&under, raw).await, 400, "{raw:?}");
    }
    assert!(upstream.received().is_empty());
    let mut wire = Wire::connect(under.address()).await.unwrap();
    assert_eq!(
        wire.exchange("GET /edge/anthropic/a HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap().0.status(),
        200
    );
}
