//! Upgraded connections pass byte for byte.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use ursa_edge::{Durability, EdgeConfig, WebSockets};
use ursa_model::capture::{EndReason, Frame, FrameKind};

use crate::edge_under_test::{Mode, Under};
use crate::wire::{CHANNEL, Conn, DEADLINE, upstream};

const REQUEST: &str = "GET /edge/openai/v1/responses HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn bytes_pass_both_ways_after_101() {
    let addr = upstream(|_, mut conn| {
        let head = conn.head().unwrap();
        assert_eq!((head.get("upgrade"), head.get("connection")), (Some("websocket"), Some("Upgrade")));
        conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello");
        while !conn.buf.is_empty() || conn.fill() {
            let echoed = std::mem::take(&mut conn.buf);
            conn.send(echoed);
        }
        conn.send("bye");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    let head = conn.head().unwrap();
    assert_eq!((head.status(), head.get("upgrade")), (101, Some("websocket")));
    assert_eq!(head.get("Sec-WebSocket-Accept"), Some("x"));
    assert_eq!(conn.take(5).unwrap(), b"hello", "what follows the head at once is not lost");
    for len in [1_usize, 100, 70_000] {
        let sent: Vec<u8> = (0..len).map(|n| (n % 256) as u8).collect();
        conn.send(&sent);
        assert!(conn.take(len).unwrap() == sent);
    }
    // Half-closed: the upstream still has something to say.
    conn.stream.shut_write();
    assert_eq!(conn.take(3).unwrap(), b"bye");
    assert!(conn.is_closed());
    let capture = under.sink.capture(0);
    assert!(capture.head.upgrade && capture.head.bodies_kept);
    assert_eq!(capture.response_head.unwrap().status, 101);
    let end = capture.end.unwrap();
    assert_eq!((end.reason, end.request_bytes, end.response_bytes), (EndReason::Complete, 70_101, 70_109));
    assert_eq!((capture.request.len(), capture.response.len()), (70_101, 70_109));
    assert!(capture.response.starts_with(b"hello") && capture.response.ends_with(b"bye"));
}

#[test]
fn a_refused_upgrade_passes() {
    let addr = upstream(|_, mut conn| {
        while conn.head().is_some() {
            conn.send("HTTP/1.1 426 Upgrade Required\r\nUpgrade: h3\r\nContent-Length: 2\r\n\r\nno");
        }
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    for _ in 0..2 {
        conn.send(REQUEST);
        let (head, payload) = conn.response("GET").unwrap();
        assert_eq!((head.status(), head.get("upgrade")), (426, Some("h3")));
        assert_eq!(payload.bytes, b"no");
    }
    let capture = under.sink.capture(0);
    assert!(capture.head.upgrade);
    assert_eq!(capture.end.unwrap().reason, EndReason::Complete);
}

#[test]
fn an_upstream_that_breaks_a_tunnel_ends_it_for_the_client() {
    let addr = upstream(|_, mut conn| {
        conn.head();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nabc");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.take(3).unwrap(), b"abc");
    assert!(conn.is_closed());
    conn.stream.shut_write();
    assert_eq!(under.sink.capture(0).end.unwrap().response_bytes, 3);
}

fn with(addr: SocketAddr, change: impl FnOnce(&mut EdgeConfig)) -> Under {
    Under::with(&format!("http://{addr}"), |config, _| change(config))
}

/// An upstream that answers each digit with as many dots.
fn chatty() -> SocketAddr {
    upstream(|_, mut conn| {
        conn.head();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        while !conn.buf.is_empty() || conn.fill() {
            for byte in std::mem::take(&mut conn.buf) {
                conn.send(vec![b'.'; usize::from(byte - b'0')]);
            }
        }
    })
}

fn parts(frames: &[Frame]) -> Vec<(FrameKind, usize)> {
    let parts = frames.iter().filter(|frame| matches!(frame.kind, FrameKind::RequestPart | FrameKind::ResponsePart));
    parts.map(|frame| (frame.kind, frame.payload.len())).collect()
}

#[test]
fn what_is_said_and_the_first_of_the_answer_are_recorded_while_the_connection_is_open() {
    let under = Under::new(chatty());
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    for _ in 0..2 {
        conn.send("3");
        assert_eq!(conn.take(3).unwrap(), b"...");
    }
    let expected = [1, 3, 1, 3];
    let told = under.sink.wait(|frames| Some(parts(frames)).filter(|parts| parts.len() == 4));
    assert_eq!(told.iter().map(|(_, len)| *len).collect::<Vec<_>>(), expected);
    assert_eq!((told[0].0, told[1].0), (FrameKind::RequestPart, FrameKind::ResponsePart));
    assert!(under.sink.frames().iter().all(|frame| frame.kind != FrameKind::End));
}

#[test]
fn connections_that_no_adapter_reads_are_counted_only() {
    let under = Under::new(chatty());
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST.replace("/v1/responses", "/v1/realtime"));
    conn.head().unwrap();
    conn.send("5");
    assert_eq!(conn.take(5).unwrap(), b".....");
    conn.stream.shut_write();
    assert!(conn.is_closed());
    let capture = under.sink.capture(0);
    assert!(!capture.head.bodies_kept);
    assert_eq!((capture.parts, capture.end.unwrap().response_bytes), (0, 5));
}

#[test]
fn the_limit_holds_for_what_one_side_says_in_one_go() {
    let addr = chatty();
    let under = with(addr, |config| config.limits.kept_body_bytes_max = 10);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    for _ in 0..4 {
        conn.send("8");
        assert_eq!(conn.take(8).unwrap(), b"........");
    }
    conn.send("99");
    assert_eq!(conn.take(18).unwrap(), [b'.'; 18]);
    conn.stream.shut_write();
    assert!(conn.is_closed());
    let capture = under.sink.capture(0);
    let end = capture.end.unwrap();
    assert_eq!((capture.request.len(), end.request_bytes_cut), (6, 0));
    assert_eq!((capture.response.len(), end.response_bytes_cut), (4 * 8 + 10, 8));
}

#[test]
fn a_credential_that_the_upstream_repeats_is_masked_and_lengths_stay() {
    let addr = upstream(|_, mut conn| {
        conn.head();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        conn.send("you are sk-secret-123, are you?");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST.replace("Host:", "Authorization: Bearer sk-secret-123\r\nHost:"));
    conn.head().unwrap();
    assert_eq!(conn.take(31).unwrap(), b"you are sk-secret-123, are you?");
    conn.stream.shut_write();
    assert!(conn.is_closed());
    assert_eq!(under.sink.capture(0).response, b"you are *************, are you?");
}

#[test]
fn strict_passes_nothing_that_is_not_on_disk() {
    let (sender, seen) = mpsc::sync_channel(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        conn.head();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        while conn.fill() {
            let _ = sender.send(std::mem::take(&mut conn.buf));
            conn.send("ok");
        }
    });
    let under = with(addr, |config| config.durability = Durability::Strict);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    under.sink.hold();
    conn.send("1");
    under.sink.wait(|frames| parts(frames).first().copied());
    assert!(seen.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is durable yet");
    under.sink.release(true);
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap(), b"1");
    assert_eq!(conn.take(2).unwrap(), b"ok");
    under.sink.set(Mode::Failed);
    conn.send("2");
    assert!(conn.is_closed());
    assert!(seen.try_recv().is_err(), "what cannot be recorded does not pass");
}

#[test]
fn refused_by_configuration() {
    let addr = upstream(|_, mut conn| {
        conn.head();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let under = with(addr, |config| config.websockets = WebSockets::Refuse);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    let (head, payload) = conn.response("GET").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (426, Some("websocket_refused")));
    assert_eq!(head.get("upgrade"), Some("HTTP/1.1"));
    assert!(String::from_utf8_lossy(&payload.bytes).contains("\"code\":\"websocket_refused\""));
    // Other requests, on the same connection too, pass.
    conn.send("GET /edge/openai/v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(conn.response("GET").unwrap().0.status(), 200);
}
