//! Either side leaves.

use std::sync::mpsc;

use ursa_model::capture::EndReason;

use crate::edge_under_test::Under;
use crate::wire::{CHANNEL, Conn, DEADLINE, upstream};

const REQUEST: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn a_reset_after_k_bytes_gives_the_client_exactly_those() {
    let stream: Vec<u8> = (0..4096_u32).map(|n| b'a' + (n % 26) as u8).collect();
    let full = stream.clone();
    let (cut, cuts) = mpsc::sync_channel::<usize>(CHANNEL);
    let cuts = std::sync::Mutex::new(cuts);
    let addr = upstream(move |_, mut conn| {
        let cut = cuts.lock().unwrap().recv().unwrap();
        conn.request();
        conn.send(SSE);
        conn.send(format!("{:x}\r\n", full.len()));
        conn.send(&full[..cut]);
        // Closed in the middle of the chunk.
    });
    let under = Under::new(addr);
    let ks: Vec<usize> = (0..4096).step_by(61).chain([1, 2, 4095]).collect();
    for (number, k) in ks.into_iter().enumerate() {
        cut.send(k).unwrap();
        let mut conn = Conn::connect(under.addr).unwrap();
        conn.send(REQUEST);
        let head = conn.head().unwrap();
        assert_eq!(head.status(), 200);
        let got = conn.payload(&head, false);
        assert!(!got.whole, "the body must not end properly");
        assert!(got.bytes == stream[..k], "k = {k}, got {}", got.bytes.len());
        let capture = under.sink.capture(number);
        let end = capture.end.unwrap();
        assert_eq!((end.reason, end.response_bytes), (EndReason::UpstreamReset, k as u64));
        assert!(capture.response == stream[..k]);
    }
}

#[test]
fn an_upstream_that_breaks_off_a_sized_answer() {
    let addr = upstream(|_, mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    let (_, payload) = conn.response("POST").unwrap();
    assert_eq!((payload.bytes.as_slice(), payload.whole), (b"abc".as_slice(), false));
    assert_eq!(under.sink.capture(0).end.unwrap().reason, EndReason::UpstreamReset);
}

#[test]
fn a_client_that_leaves_cancels_the_upstream() {
    let (closed, seen) = mpsc::sync_channel::<bool>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send(SSE);
        conn.send("5\r\nhello\r\n");
        closed.send(conn.is_closed()).unwrap();
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.chunk().unwrap(), b"hello");
    drop(conn);
    assert!(seen.recv_timeout(DEADLINE).unwrap(), "the upstream connection is closed");
    let capture = under.sink.capture(0);
    let end = capture.end.unwrap();
    assert_eq!((end.reason, end.request_bytes, end.response_bytes), (EndReason::ClientAbort, 2, 5));
    assert_eq!(capture.response, b"hello");
}

#[test]
fn a_client_that_leaves_before_the_answer_cancels_the_upstream() {
    let (got, arrived) = mpsc::sync_channel::<()>(CHANNEL);
    let (closed, seen) = mpsc::sync_channel::<bool>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        got.send(()).unwrap();
        closed.send(conn.is_closed()).unwrap();
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    arrived.recv_timeout(DEADLINE).unwrap();
    drop(conn);
    assert!(seen.recv_timeout(DEADLINE).unwrap());
    assert_eq!(under.sink.capture(0).end.unwrap().reason, EndReason::ClientAbort);
}

#[test]
fn a_client_that_leaves_in_the_upload() {
    let (closed, seen) = mpsc::sync_channel::<()>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        conn.head();
        while conn.fill() {}
        closed.send(()).unwrap();
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc");
    under.stats(|stats| stats.open_exchanges == 1);
    drop(conn);
    seen.recv_timeout(DEADLINE).unwrap();
    let capture = under.sink.capture(0);
    assert_eq!(capture.end.unwrap().reason, EndReason::ClientAbort);
    assert!(!capture.request_whole);
}

#[test]
fn an_upstream_that_cannot_be_reached() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    let (head, payload) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (502, Some("upstream_unreachable")));
    let body: serde_json::Value = serde_json::from_slice(&payload.bytes).unwrap();
    assert_eq!((&body["type"], &body["error"]["type"]), (&"error".into(), &"api_error".into()));
    let end = under.sink.capture(0).end.unwrap();
    assert_eq!(end.reason, EndReason::UpstreamUnreachable);
    assert_eq!(end.edge_error.as_deref(), Some("upstream_unreachable"));
}

#[test]
fn an_upstream_that_is_silent_for_too_long() {
    let addr = upstream(|_, mut conn| {
        conn.request();
        conn.is_closed();
    });
    let under = Under::with(&format!("http://{addr}"), |config, _| {
        config.limits.answer_timeout = std::time::Duration::from_millis(50);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    let (head, _) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (504, Some("upstream_timeout")));
}
