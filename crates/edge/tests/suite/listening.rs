//! Connections: limits, deadlines, draining.

use std::sync::mpsc;
use std::time::Duration;

use ursa_model::capture::EndReason;

use crate::edge_under_test::Under;
use crate::wire::{CHANNEL, Conn, DEADLINE, answering, upstream};

const REQUEST: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn slow_heads_are_closed_and_waiting_connections_are_not() {
    let (addr, _seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |_, listen| {
        listen.limits.header_read_timeout = Duration::from_millis(500);
    });
    let mut silent = Conn::connect(under.addr).unwrap();
    let mut slow = Conn::connect(under.addr).unwrap();
    slow.send("POST /edge/anth");
    let mut waiting = Conn::connect(under.addr).unwrap();
    waiting.send(REQUEST);
    assert_eq!(waiting.response("POST").unwrap().0.status(), 200);
    assert!(silent.is_closed() && slow.is_closed());
    // Older than the others by now, and not closed by the deadline for heads.
    waiting.send(REQUEST);
    assert_eq!(waiting.response("POST").unwrap().0.status(), 200);
    waiting.send("PO");
    assert!(waiting.is_closed(), "the second head has the same deadline");
}

#[test]
fn empty_lines_before_a_request_are_passed_over() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    for lines in [1, 3, 100_000] {
        conn.send("\r\n".repeat(lines));
        conn.send(REQUEST);
        assert_eq!(conn.response("POST").unwrap().0.status(), 200, "{lines} of them");
    }
}

#[test]
fn idle_connections_are_closed() {
    let (addr, _seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |_, listen| {
        listen.limits.idle_timeout = Duration::from_millis(30);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.response("POST").unwrap();
    assert!(conn.is_closed());
}

#[test]
fn a_pausing_upload_is_ended() {
    let addr = upstream(|_, mut conn| {
        conn.head();
        while conn.fill() {}
    });
    let under = Under::with(&format!("http://{addr}"), |config, _| {
        config.limits.upload_idle_timeout = Duration::from_millis(30);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc");
    let (head, _) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (400, Some("bad_body")));
}

#[test]
fn heads_beyond_the_limit_are_refused() {
    let addr = upstream(|_, _| panic!("nothing may go upstream"));
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(format!("GET /edge/anthropic/x HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(70_000)));
    assert_eq!(conn.head().unwrap().status(), 431);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(format!("GET /edge/anthropic/x HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(300)));
    assert_eq!(conn.head().unwrap().status(), 431);
}

#[test]
fn connections_beyond_the_limit_wait() {
    let (addr, _seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |_, listen| {
        listen.threads = std::num::NonZeroUsize::new(1);
        listen.limits.connections_max = 1;
    });
    let mut first = Conn::connect(under.addr).unwrap();
    first.send(REQUEST);
    first.response("POST").unwrap();
    let mut second = Conn::connect(under.addr).unwrap();
    second.send(REQUEST);
    assert_eq!(under.stats(|stats| stats.complete == 1).open_connections, 1);
    drop(first);
    assert_eq!(second.response("POST").unwrap().0.status(), 200);
}

#[test]
fn a_port_that_is_taken_is_refused_even_from_ourselves() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    let taken = ursa_edge::ListenConfig::new(under.addr);
    let fallback = tower::service_fn(|_: http::Request<ursa_edge::RequestBody>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::<bytes::Bytes>::new()))
    });
    assert!(ursa_edge::serve(&taken, &under.edge, &fallback).is_err());
}

/// An upstream that sends one delta and then waits to be told to end, or for its connection to close.
fn hesitating() -> (std::net::SocketAddr, mpsc::SyncSender<()>) {
    let (go, told) = mpsc::sync_channel::<()>(CHANNEL);
    let told = std::sync::Mutex::new(told);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        if told.lock().unwrap().recv().is_ok() {
            conn.send("4\r\nlast\r\n0\r\n\r\n");
        }
        conn.is_closed();
    });
    (addr, go)
}

#[test]
fn a_drain_lets_open_exchanges_finish() {
    let (addr, go) = hesitating();
    let under = Under::new(addr);
    let mut idle = Conn::connect(under.addr).unwrap();
    idle.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    idle.response("GET").unwrap();
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.chunk().unwrap(), b"first");
    let Under { addr, server, runtime, sink, .. } = under;
    let drained = std::thread::spawn(move || runtime.block_on(server.shutdown()));
    assert!(idle.is_closed(), "an idle connection is closed at once");
    let until = std::time::Instant::now() + DEADLINE;
    while std::net::TcpStream::connect(addr).is_ok() {
        assert!(std::time::Instant::now() < until, "still accepting");
    }
    go.send(()).unwrap();
    assert_eq!(conn.chunk().unwrap(), b"last");
    assert_eq!(conn.chunk().unwrap(), b"");
    drained.join().unwrap();
    assert_eq!(sink.capture(0).end.unwrap().reason, EndReason::Complete);
}

#[test]
fn a_drain_cuts_and_records_what_does_not_finish() {
    let (addr, _go) = hesitating();
    let under = Under::with(&format!("http://{addr}"), |_, listen| {
        listen.limits.drain_timeout = Duration::from_millis(30);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.chunk().unwrap(), b"first");
    let Under { server, runtime, sink, .. } = under;
    runtime.block_on(server.shutdown());
    assert_eq!(conn.chunk(), None);
    let capture = sink.capture(0);
    assert_eq!(capture.response, b"first");
    assert_eq!(capture.end.unwrap().reason, EndReason::Interrupted);
}
