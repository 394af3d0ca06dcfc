//! `expect: 100-continue` is the upstream's to answer.

use std::sync::mpsc;

use crate::edge_under_test::Under;
use crate::wire::{CHANNEL, Conn, DEADLINE, upstream};

const HEAD: &str =
    "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn the_client_is_told_to_go_on_when_the_upstream_says_so() {
    let (go, told) = mpsc::sync_channel::<()>(CHANNEL);
    let told = std::sync::Mutex::new(told);
    let (got, arrived) = mpsc::sync_channel::<bool>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        let head = conn.head().unwrap();
        got.send(head.get("expect") == Some("100-continue") && conn.buf.is_empty()).unwrap();
        told.lock().unwrap().recv().unwrap();
        conn.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = conn.payload(&head, false);
        assert_eq!(body.bytes, b"hello");
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(HEAD);
    assert!(arrived.recv_timeout(DEADLINE).unwrap());
    // The upstream has the head and has not answered: a 100 now could only be the edge's own.
    assert!(conn.buf.is_empty());
    go.send(()).unwrap();
    let informational = conn.head().unwrap();
    assert_eq!(informational.status(), 100);
    conn.send("hello");
    assert_eq!(conn.response("POST").unwrap().0.status(), 200);
    assert_eq!(under.sink.capture(0).request, b"hello");
}

#[test]
fn a_refusal_without_100_passes_and_the_body_is_never_asked_for() {
    for status in ["417 Expectation Failed", "401 Unauthorized"] {
        let (closed, seen) = mpsc::sync_channel::<bool>(CHANNEL);
        let addr = upstream(move |_, mut conn| {
            conn.head();
            conn.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
            closed.send(conn.is_closed()).unwrap();
        });
        let under = Under::new(addr);
        let mut conn = Conn::connect(under.addr).unwrap();
        conn.send(HEAD);
        let (head, payload) = conn.response("POST").unwrap();
        assert_eq!(head.start, format!("HTTP/1.1 {status}"), "the first answer is the refusal");
        assert_eq!(payload.bytes, b"no");
        assert!(seen.recv_timeout(DEADLINE).unwrap(), "the upstream got no body and is let go");
        let end = under.sink.capture(0).end.unwrap();
        assert_eq!(end.request_bytes, 0);
    }
}

#[test]
fn an_upstream_that_ignores_it_gets_the_body_after_a_while() {
    let addr = upstream(|_, mut conn| {
        let (_, body) = conn.request().unwrap();
        assert_eq!(body.bytes, b"hello");
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    });
    let under = Under::with(&format!("http://{addr}"), |config, _| {
        config.limits.expect_wait = std::time::Duration::from_millis(20);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(HEAD);
    assert_eq!(conn.head().unwrap().status(), 100);
    conn.send("hello");
    assert_eq!(conn.response("POST").unwrap().0.status(), 200);
}
