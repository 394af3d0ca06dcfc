//! Bytes pass as they come.

use std::sync::mpsc;

use crate::edge_under_test::Under;
use crate::wire::{CHANNEL, Conn, upstream};

const REQUEST: &str = "POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

#[test]
fn each_delta_arrives_before_the_next_is_sent() {
    let (arrived, next) = mpsc::sync_channel::<()>(CHANNEL);
    let next = std::sync::Mutex::new(next);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send(SSE);
        for n in 0..50 {
            let event = format!("data: {n}\n\n");
            conn.send(format!("{:x}\r\n{event}\r\n", event.len()));
            next.lock().unwrap().recv().unwrap();
        }
        conn.send("0\r\n\r\n");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    for n in 0..50 {
        assert_eq!(conn.chunk().unwrap(), format!("data: {n}\n\n").into_bytes());
        arrived.send(()).unwrap();
    }
    assert_eq!(conn.chunk().unwrap(), b"");
    let capture = under.sink.capture(0);
    let events: Vec<String> = (0..50).map(|n| format!("data: {n}\n\n")).collect();
    assert_eq!(capture.response, events.concat().into_bytes());
}

#[test]
fn the_upload_passes_as_it_comes() {
    let (seen, chunks) = mpsc::sync_channel::<Vec<u8>>(CHANNEL);
    let addr = upstream(move |_, mut conn| {
        conn.head();
        while let Some(chunk) = conn.chunk() {
            seen.send(chunk.clone()).unwrap();
            if chunk.is_empty() {
                break;
            }
        }
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for n in 0..10 {
        conn.send(format!("1\r\n{n}\r\n"));
        assert_eq!(chunks.recv_timeout(crate::wire::DEADLINE).unwrap(), n.to_string().into_bytes());
    }
    conn.send("0\r\n\r\n");
    assert_eq!(conn.response("POST").unwrap().0.status(), 200);
}

#[test]
fn an_early_refusal_passes_while_the_upload_runs() {
    let addr = upstream(|_, mut conn| {
        conn.head();
        conn.take(10);
        conn.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
        while conn.fill() {
            conn.buf.clear();
        }
    });
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    conn.send([b'x'; 1000]);
    let (head, payload) = conn.response("POST").unwrap();
    assert_eq!((head.status(), payload.bytes.as_slice()), (401, b"no".as_slice()));
}

#[test]
fn a_slow_stream_is_recorded_before_it_ends() {
    let (end, wait) = mpsc::sync_channel::<()>(CHANNEL);
    let wait = std::sync::Mutex::new(wait);
    let addr = upstream(move |_, mut conn| {
        conn.request();
        conn.send(SSE);
        conn.send("5\r\nfirst\r\n");
        wait.lock().unwrap().recv().unwrap();
        conn.send("0\r\n\r\n");
    });
    let under = Under::with(&format!("http://{addr}"), |config, _| {
        config.limits.checkpoint_interval = std::time::Duration::from_millis(20);
    });
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(REQUEST);
    conn.head().unwrap();
    let part = |frames: &[ursa_model::capture::Frame]| {
        let part = frames.iter().find(|frame| frame.kind == ursa_model::capture::FrameKind::ResponsePart);
        part.map(|frame| frame.payload.clone())
    };
    assert_eq!(under.sink.wait(part), b"first");
    end.send(()).unwrap();
    assert_eq!(under.sink.capture(0).response, b"first");
}
