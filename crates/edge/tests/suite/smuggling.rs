//! One request stays one request.

use std::sync::mpsc;
use std::time::Duration;

use crate::edge_under_test::Under;
use crate::wire::{CHANNEL, Conn, upstream};

/// Sends raw bytes that hide a second request, and behind them a last request that ends the connection if it is read as
/// one. Returns the start lines that the upstream saw before that, and the edge's first status.
fn seen_upstream(raw: &str) -> (Vec<String>, Option<u16>) {
    let (sender, seen) = mpsc::sync_channel(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        while let Some(head) = conn.head() {
            sender.send(head.start.clone()).unwrap();
            conn.payload(&head, false);
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(raw);
    conn.send(LAST);
    let status = conn.head().map(|head| head.status());
    while conn.fill() {}
    drop(conn);
    let Under { server, runtime, .. } = under;
    runtime.block_on(server.shutdown());
    // Whatever the edge sent is in the channel or in a socket that is closed by now.
    let starts = std::iter::from_fn(|| seen.recv_timeout(Duration::from_millis(20)).ok());
    (starts.take_while(|start| start != "GET /last HTTP/1.1").collect(), status)
}

const LAST: &str = "GET /edge/anthropic/last HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const HEAD: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\n";
const HIDDEN: &str = "GET /edge/anthropic/hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn framing_that_contradicts_itself_is_refused() {
    let cases = [
        ("two lengths", format!("{HEAD}Content-Length: 0\r\nContent-Length: 60\r\n\r\n{HIDDEN}")),
        ("a signed length", format!("{HEAD}Content-Length: +5\r\n\r\n{HIDDEN}")),
        ("a list of lengths", format!("{HEAD}Content-Length: 5, 6\r\n\r\n{HIDDEN}")),
        ("an unknown coding", format!("{HEAD}Transfer-Encoding: xchunked\r\n\r\n{HIDDEN}")),
        ("chunked not last", format!("{HEAD}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n{HIDDEN}")),
        ("a folded header", format!("{HEAD}X-A: b\r\n Content-Length: 60\r\n\r\n{HIDDEN}")),
        ("a space before the colon", format!("{HEAD}Content-Length : 60\r\n\r\n{HIDDEN}")),
        ("a header without a colon", format!("{HEAD}Content-Length 60\r\n\r\n{HIDDEN}")),
        ("the same length twice", format!("{HEAD}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}{HIDDEN}")),
        ("both framings", format!("{HEAD}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}")),
        (
            "both, chunked first",
            format!("{HEAD}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{HIDDEN}"),
        ),
        ("a bare line feed", format!("{HEAD}X-A: b\nContent-Length: 0\r\n\r\n{HIDDEN}")),
        ("bare line feeds at the end", format!("{HEAD}Content-Length: 0\n\n{HIDDEN}")),
    ];
    for (name, raw) in cases {
        let (starts, status) = seen_upstream(&raw);
        assert_eq!((starts.as_slice(), status), ([].as_slice(), Some(400)), "{name}");
    }
}

#[test]
fn a_broken_chunk_ends_the_request() {
    for chunk in ["zz\r\n", "-1\r\n", "+5\r\nhello\r\n", "ffffffffffffffffff\r\n", "5\r\nhelloXX", "\r\n"] {
        let (starts, status) = seen_upstream(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{chunk}{HIDDEN}"));
        assert!(starts.iter().all(|start| start.starts_with("POST /v1/messages")), "{chunk:?}: {starts:?}");
        assert!(starts.len() <= 1, "{chunk:?}: {starts:?}");
        assert!(status.is_none_or(|status| status == 400), "{chunk:?}: {status:?}");
    }
}

#[test]
fn a_request_as_a_body_stays_a_body() {
    let raw = format!("{HEAD}Content-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len());
    assert_eq!(seen_upstream(&raw).0, ["POST /v1/messages HTTP/1.1"]);
}

#[test]
fn line_breaks_in_a_target_do_not_become_headers() {
    for target in ["/a%0d%0aX-Injected:%201", "/a%0aX: b"] {
        let (starts, _) = seen_upstream(&format!("GET /edge/anthropic{target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        assert!(starts.iter().all(|start| start == &format!("GET {target} HTTP/1.1")), "{starts:?}");
    }
}
