//! Strict durability: nothing before it is on disk.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use ursa_edge::Durability;
use ursa_model::capture::FrameKind;

use crate::edge_under_test::{Mode, Under, captures};
use crate::wire::{CHANNEL, Conn, DEADLINE, answering, upstream};

const REQUEST: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn strict(addr: std::net::SocketAddr) -> Under {
    Under::with(&format!("http://{addr}"), |config, _| config.durability = Durability::Strict)
}

fn has(kind: FrameKind) -> impl FnMut(&[ursa_model::capture::Frame]) -> Option<()> {
    move |frames| frames.iter().any(|frame| frame.kind == kind).then_some(())
}

/// True when nothing can be read now. The peer is known to have had its turn.
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let outcome = (&*stream).read(&mut [0; 1]);
    stream.set_nonblocking(false).unwrap();
    outcome.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn no_byte_goes_upstream_before_it_is_durable() {
    let (addr, seen) = answering(OK);
    let under = strict(addr);
    under.sink.hold();
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    under.sink.wait(has(FrameKind::RequestEnd));
    assert!(seen.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is durable yet");
    under.sink.release(true);
    assert_eq!(seen.recv_timeout(DEADLINE).unwrap().2.bytes, b"hello");
    assert_eq!(conn.response("POST").unwrap().1.bytes, b"{}");
}

#[test]
fn a_long_upload_goes_in_batches() {
    let (addr, seen) = answering(OK);
    let under = strict(addr);
    let body: Vec<u8> = (0..3_500_000_u32).map(|n| (n % 251) as u8).collect();
    for chunked in [false, true] {
        let mut conn = Conn::connect(under.addr).unwrap();
        let framing =
            if chunked { "Transfer-Encoding: chunked".into() } else { format!("Content-Length: {}", body.len()) };
        conn.send(format!("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"));
        if chunked {
            conn.send(crate::wire::chunked(&body.chunks(70_000).collect::<Vec<_>>()));
        } else {
            conn.send(&body);
        }
        assert!(seen.recv_timeout(DEADLINE).unwrap().2.bytes == body);
        assert_eq!(conn.response("POST").unwrap().1.bytes, b"{}");
    }
    assert!(under.sink.capture(0).request == body && under.sink.capture(1).request == body);
}

#[test]
fn the_client_does_not_see_the_last_event_before_it_is_durable() {
    let (go, told) = mpsc::sync_channel::<()>(CHANNEL);
    let told = std::sync::Mutex::new(told);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        conn.send("7\r\ndelta\n\n\r\n");
        told.lock().unwrap().recv().unwrap();
        let last = "event: message_stop\ndata: {}\n\n";
        conn.send(format!("{:x}\r\n{last}\r\n0\r\n\r\n", last.len()));
    });
    let under = strict(addr);
    let stream = TcpStream::connect(under.addr).unwrap();
    let watch = stream.try_clone().unwrap();
    let mut conn = Conn::over(stream).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.chunk().unwrap(), b"delta\n\n", "what is not the end passes at once");
    under.sink.hold();
    go.send(()).unwrap();
    under.sink.wait(|frames| {
        let part = |frame: &ursa_model::capture::Frame| frame.payload.windows(12).any(|w| w == b"message_stop");
        frames.iter().any(|frame| frame.kind == FrameKind::ResponsePart && part(frame)).then_some(())
    });
    assert!(conn.buf.is_empty() && is_silent(&watch), "the last event is held back");
    under.sink.release(true);
    assert_eq!(conn.chunk().unwrap(), b"event: message_stop\ndata: {}\n\n");
    assert_eq!(conn.chunk().unwrap(), b"");
}

#[test]
fn a_sized_answer_is_not_completed_before_its_end_is_durable() {
    let (addr, seen) = answering(OK);
    let under = strict(addr);
    let stream = TcpStream::connect(under.addr).unwrap();
    let watch = stream.try_clone().unwrap();
    let mut conn = Conn::over(stream).unwrap();
    under.sink.hold();
    conn.send(REQUEST);
    under.sink.wait(has(FrameKind::RequestEnd));
    under.sink.release(true);
    seen.recv_timeout(DEADLINE).unwrap();
    under.sink.wait(has(FrameKind::End));
    assert_eq!(conn.response("POST").unwrap().1.bytes, b"{}");
    // Again, held at the end.
    let (addr, seen) = {
        let (sender, seen) = mpsc::sync_channel(CHANNEL);
        let sender = std::sync::Mutex::new(sender);
        let (go, told) = mpsc::sync_channel::<()>(CHANNEL);
        let told = std::sync::Mutex::new(told);
        let addr = upstream(move |_, mut conn| {
            conn.request();
            sender.lock().unwrap().send(()).unwrap();
            told.lock().unwrap().recv().unwrap();
            conn.send(OK);
        });
        (addr, (seen, go))
    };
    drop((conn, watch));
    let under = strict(addr);
    let stream = TcpStream::connect(under.addr).unwrap();
    let watch = stream.try_clone().unwrap();
    let mut conn = Conn::over(stream).unwrap();
    conn.send(REQUEST);
    seen.0.recv_timeout(DEADLINE).unwrap();
    under.sink.hold();
    seen.1.send(()).unwrap();
    under.sink.wait(has(FrameKind::End));
    let head = conn.head().unwrap();
    assert!(conn.buf.is_empty() && is_silent(&watch), "the body is held back");
    under.sink.release(true);
    assert_eq!(conn.payload(&head, false).bytes, b"{}");
}

#[test]
fn a_failing_record_refuses_or_breaks_off() {
    let (addr, seen) = answering(OK);
    let under = strict(addr);
    under.sink.set(Mode::Full);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    assert_eq!(conn.response("POST").unwrap().0.get("x-ursa-error"), Some("journal_full"));
    under.sink.hold();
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    under.sink.wait(has(FrameKind::RequestEnd));
    under.sink.release(false);
    let (head, _) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (503, Some("journal_failed")));
    assert!(seen.recv_timeout(Duration::from_millis(50)).is_err(), "nothing went upstream");

    let (go, told) = mpsc::sync_channel::<()>(CHANNEL);
    let told = std::sync::Mutex::new(told);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        told.lock().unwrap().recv().unwrap();
        conn.send("0\r\n\r\n");
    });
    let under = strict(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    assert_eq!(conn.chunk().unwrap(), b"first");
    under.sink.set(Mode::Failed);
    go.send(()).unwrap();
    assert_eq!(conn.chunk(), None, "an unrecorded answer does not end properly");
}

#[test]
fn a_waiting_client_is_not_asked_for_more_before_the_head_is_durable() {
    let (got, arrived) = mpsc::sync_channel::<()>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        let head = conn.head().unwrap();
        got.send(()).unwrap();
        conn.send("HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(conn.payload(&head, false).bytes, b"hello");
        conn.send(OK);
    });
    let under = strict(addr);
    under.sink.hold();
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST.replace("\r\n\r\nhello", "\r\nExpect: 100-continue\r\n\r\n"));
    under.sink.wait(has(FrameKind::Head));
    assert!(arrived.recv_timeout(Duration::from_millis(50)).is_err(), "the head is not durable yet");
    under.sink.release(true);
    assert_eq!(conn.head().unwrap().status(), 100);
    conn.send("hello");
    assert_eq!(conn.response("POST").unwrap().0.status(), 200);
    assert_eq!(under.sink.capture(0).request, b"hello");
}

#[test]
fn full_parts_are_waited_for_too() {
    // The body's parts are full at the very end of each batch, so that no flush finds anything left.
    let (got, seen) = mpsc::sync_channel::<usize>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        let head = conn.head().unwrap();
        got.send(0).unwrap();
        got.send(conn.payload(&head, false).bytes.len()).unwrap();
        conn.send(OK);
    });
    let under = strict(addr);
    under.sink.hold();
    let body = vec![b'x'; 2 * 1024 * 1024];
    let mut conn = Conn::connect(under.addr).unwrap();
    let len = body.len();
    conn.send(format!("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n"));
    let sender = std::thread::spawn(move || {
        conn.send(&body);
        conn.response("POST").unwrap().0.status()
    });
    under.sink.wait(|frames| (captures(frames).first()?.request.len() >= 1024 * 1024).then_some(()));
    assert!(seen.recv_timeout(Duration::from_millis(50)).is_err(), "nothing is durable yet");
    under.sink.release(true);
    assert_eq!(seen.recv_timeout(DEADLINE), Ok(0));
    assert_eq!(seen.recv_timeout(DEADLINE), Ok(len));
    assert_eq!(sender.join().unwrap(), 200);
}
