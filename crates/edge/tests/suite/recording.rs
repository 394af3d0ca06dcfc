//! What is written down, and what is not.

use ursa_edge::{MASK, OnOverflow};
use ursa_model::capture::{EndReason, FrameKind};
use ursa_model::ids::hex;

use crate::edge_under_test::{MASKING_KEY, Mode, Under};
use crate::wire::{Conn, answering, chunked, upstream};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: r1\r\nX-Secret: s\r\nContent-Length: 2\r\n\r\n{}";

fn post(under: &Under, path: &str, headers: &str, body: &[u8]) -> (crate::wire::Head, crate::wire::Payload) {
    let mut conn = Conn::connect(under.addr).unwrap();
    let len = body.len();
    conn.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n{headers}\r\n"));
    conn.send(body);
    conn.response("POST").unwrap()
}

#[test]
fn a_whole_exchange() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    let headers = "User-Agent: claude-cli/2\r\nX-Api-Key: sk-ant-secret\r\nX-Other: o\r\n";
    post(&under, "/edge/anthropic/v1/messages?beta=true&key=abc123&x=y", headers, b"{\"model\":1}");
    let capture = under.sink.capture(0);
    let head = &capture.head;
    assert_eq!((head.upstream.as_str(), head.protocol.as_str()), ("anthropic", "anthropic-messages"));
    assert_eq!((head.method.as_str(), head.path.as_str()), ("POST", "/v1/messages"));
    assert_eq!(head.query, [("beta".to_owned(), "true".to_owned())]);
    let names: Vec<&str> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "user-agent"]);
    assert!(head.bodies_kept && !head.upgrade);
    assert_eq!(capture.request, b"{\"model\":1}");
    assert!(capture.request_whole);
    let answer = capture.response_head.unwrap();
    assert_eq!(answer.status, 200);
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "request-id", "content-length"]);
    assert_eq!(capture.response, b"{}");
    let end = capture.end.unwrap();
    assert_eq!((end.reason, end.request_bytes, end.response_bytes), (EndReason::Complete, 11, 2));
    assert!(end.first_byte_micros.is_some_and(|first| first <= end.duration_micros));
    let kinds: Vec<FrameKind> = under.sink.frames().iter().map(|frame| frame.kind).collect();
    use FrameKind::{End, Head, RequestEnd, RequestPart, ResponseHead, ResponsePart};
    assert_eq!(kinds, [Head, RequestPart, RequestEnd, ResponseHead, ResponsePart, End]);
    let stats = under.stats(|stats| stats.complete == 1);
    assert_eq!((stats.requests, stats.request_bytes, stats.response_bytes, stats.open_exchanges), (1, 11, 2, 0));
}

#[test]
fn unknown_routes_leave_only_sizes() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    post(&under, "/edge/anthropic/v1/files", "", b"content");
    let capture = under.sink.capture(0);
    assert!(!capture.head.bodies_kept && capture.request.is_empty() && capture.response.is_empty());
    let end = capture.end.unwrap();
    assert_eq!((end.request_bytes, end.response_bytes, end.request_bytes_cut), (7, 2, 0));
}

#[test]
fn credentials_are_masked_across_chunks_in_both_bodies() {
    let key = "sk-ant-0123456789-secret";
    let text = format!("data: you sent {key}, {key}{key} and sk-ant-0123\n\n");
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(5).collect();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (addr, seen) = answering([head.as_slice(), &chunked(&pieces)].concat());
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n");
    conn.send(format!("Authorization: Bearer {key}\r\n\r\n"));
    conn.send(chunked(&pieces));
    let (_, payload) = conn.response("POST").unwrap();
    assert_eq!(payload.bytes, text.as_bytes(), "the client gets the original");
    assert_eq!(seen.recv().unwrap().2.bytes, text.as_bytes(), "so does the upstream");
    let capture = under.sink.capture(0);
    let masked = text.replace(key, std::str::from_utf8(MASK).unwrap());
    assert_eq!(String::from_utf8(capture.request).unwrap(), masked);
    assert_eq!(String::from_utf8(capture.response).unwrap(), masked);
    let mac = hex(&blake3::keyed_hash(&MASKING_KEY, key.as_bytes()).as_bytes()[..16]);
    assert!(capture.head.credentials.iter().any(|mark| mark.len == key.len() && mark.mac == mac));
}

#[test]
fn encoded_bodies_are_kept_as_they_are() {
    let body = b"\x1f\x8bsecret-key-1 not really gzip";
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: {}\r\n\r\n", body.len());
    let (addr, _seen) = answering([head.as_bytes(), body].concat());
    let under = Under::new(addr);
    post(&under, "/edge/anthropic/v1/messages", "x-api-key: secret-key-1\r\nContent-Encoding: gzip\r\n", body);
    let capture = under.sink.capture(0);
    assert_eq!((capture.request.as_slice(), capture.response.as_slice()), (body.as_slice(), body.as_slice()));
    assert_eq!(capture.head.credentials.len(), 1);
}

#[test]
fn bodies_are_kept_up_to_the_limit_and_parts_are_bounded() {
    let body = vec![b'x'; 300_000];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let (addr, _seen) = answering([head.as_bytes(), &body].concat());
    let under = Under::with(&format!("http://{addr}"), |config, _| config.limits.kept_body_bytes_max = 200_000);
    let (_, payload) = post(&under, "/edge/anthropic/v1/messages", "", &body);
    assert!(payload.bytes == body);
    let capture = under.sink.capture(0);
    assert_eq!((capture.request.len(), capture.response.len()), (200_000, 200_000));
    assert!(!capture.request_whole, "what was cut is not whole");
    let end = capture.end.unwrap();
    assert_eq!((end.request_bytes, end.request_bytes_cut), (300_000, 100_000));
    assert_eq!((end.response_bytes, end.response_bytes_cut), (300_000, 100_000));
    // Of 300,000 times "x", by sha256sum.
    let whole = Some("29927e273accc68286005017f7fa6e4f27bddb4db3083ff8b8d4c3667905b7fa".to_owned());
    assert_eq!((&end.request_sha256, &end.response_sha256), (&whole, &whole));
    assert!(under.sink.frames().iter().all(|frame| frame.payload.len() <= 128 * 1024));
}

#[test]
fn a_full_sink_drops_and_counts() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    under.sink.set(Mode::Full);
    assert_eq!(post(&under, "/edge/anthropic/v1/messages", "", b"abc").0.status(), 200);
    let stats = under.stats(|stats| stats.complete == 1);
    assert_eq!((stats.dropped_exchanges_full, under.sink.len()), (1, 0));
    under.sink.set(Mode::NoBodies);
    assert_eq!(post(&under, "/edge/anthropic/v1/messages", "", b"abc").0.status(), 200);
    let capture = under.sink.capture(0);
    assert!(!capture.request_whole && capture.request.is_empty());
    assert_eq!(capture.end.unwrap().dropped_bytes, 5);
    assert_eq!(under.stats(|stats| stats.complete == 2).dropped_bytes_full, 5);
    under.sink.set(Mode::Failed);
    assert_eq!(post(&under, "/edge/anthropic/v1/messages", "", b"abc").0.status(), 200);
    assert_eq!(under.stats(|stats| stats.complete == 3).dropped_exchanges_failed, 1);
}

#[test]
fn a_full_sink_refuses_when_configured() {
    let addr = upstream(|_, _| panic!("nothing may go upstream"));
    let under = Under::with(&format!("http://{addr}"), |config, _| config.on_overflow = OnOverflow::Refuse);
    under.sink.set(Mode::Full);
    let (head, _) = post(&under, "/edge/anthropic/v1/messages", "", b"abc");
    assert_eq!((head.status(), head.get("x-ursa-error")), (503, Some("journal_full")));
    assert_eq!(head.get("retry-after"), Some("1"));
    under.sink.set(Mode::Failed);
    let (head, _) = post(&under, "/edge/anthropic/v1/messages", "", b"abc");
    assert_eq!((head.status(), head.get("x-ursa-error")), (503, Some("journal_failed")));
    assert_eq!(under.stats(|stats| stats.refused == 2).complete, 0);
}
