//! Who may call, and what the edge answers itself.

use ursa_model::capture::Principal;

use crate::edge_under_test::{KEY, Under};
use crate::wire::{Conn, Head, Payload, answering};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn get(under: &Under, path: &str, headers: &str) -> (Head, Payload) {
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send(format!("GET {path} HTTP/1.1\r\n{headers}\r\n"));
    conn.response("GET").unwrap()
}

fn refused(under: &Under, path: &str, headers: &str) -> (u16, String) {
    let (head, _) = get(under, path, headers);
    (head.status(), head.get("x-ursa-error").expect("an error of the edge").to_owned())
}

#[test]
fn loopback_without_a_key() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    let path = "/edge/anthropic/v1/models";
    assert_eq!(get(&under, path, "Host: localhost:1\r\n").0.status(), 200);
    assert_eq!(under.sink.capture(0).head.principal, Principal::Loopback);
    assert_eq!(refused(&under, path, "Host: evil.example\r\n"), (401, "key_required".into()));
    let origin = "Host: localhost\r\nOrigin: http://evil.example\r\n";
    assert_eq!(refused(&under, path, origin), (403, "forbidden_origin".into()));
    let forwarded = "Host: localhost\r\nX-Forwarded-For: 10.0.0.1\r\n";
    assert_eq!(refused(&under, path, forwarded), (401, "key_required".into()));
}

#[test]
fn a_key_by_header_and_by_path() {
    let (addr, seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |config, _| config.loopback = None);
    let host = "Host: localhost\r\n";
    assert_eq!(refused(&under, "/edge/anthropic/x", host), (401, "key_required".into()));
    assert_eq!(refused(&under, "/edge/k/wrong/anthropic/x", host), (401, "bad_key".into()));
    assert_eq!(get(&under, "/edge/anthropic/x", &format!("{host}x-ursa-key: {KEY}\r\n")).0.status(), 200);
    assert_eq!(seen.recv().unwrap().1.start, "GET /x HTTP/1.1");
    assert_eq!(get(&under, &format!("/edge/k/{KEY}/anthropic/x/{KEY}?beta={KEY}"), host).0.status(), 200);
    assert_eq!(seen.recv().unwrap().1.start, format!("GET /x/{KEY}?beta={KEY} HTTP/1.1"));
    let by_path = under.sink.capture(1).head;
    assert_eq!(by_path.principal, Principal::Key { id: "key-1".into() });
    assert_eq!(by_path.path, "/x/[redacted:credential]");
    for frame in under.sink.frames() {
        assert!(!String::from_utf8_lossy(&frame.payload).contains(KEY), "{:?}", frame.kind);
    }
}

#[test]
fn errors_have_the_protocols_shape() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    assert_eq!(refused(&under, "/edge/nowhere/x", "Host: localhost\r\n"), (404, "unknown_upstream".into()));
    assert_eq!(refused(&under, "/edge/", "Host: localhost\r\n"), (404, "unknown_upstream".into()));
    let json = |path: &str| -> serde_json::Value {
        serde_json::from_slice(&get(&under, path, "Host: x\r\n").1.bytes).unwrap()
    };
    assert_eq!(json("/edge/anthropic/x")["error"]["type"], "authentication_error");
    assert_eq!(json("/edge/openai/x")["error"]["code"], "key_required");
    assert_eq!(json("/edge/gemini/x")["error"]["status"], "UNAUTHENTICATED");
    assert_eq!(under.stats(|stats| stats.refused == 5).complete, 0);
}

#[test]
fn bodies_beyond_the_limit() {
    let (addr, _seen) = answering(OK);
    let under = Under::with(&format!("http://{addr}"), |config, _| config.limits.request_body_bytes_max = Some(10));
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n01234567890");
    let (head, _) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (413, Some("body_too_large")));
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    conn.send("b\r\n01234567890\r\n0\r\n\r\n");
    let (head, _) = conn.response("POST").unwrap();
    assert_eq!((head.status(), head.get("x-ursa-error")), (413, Some("body_too_large")));
}

#[test]
fn everything_else_goes_to_the_fallback() {
    let (addr, _seen) = answering(OK);
    let under = Under::new(addr);
    for path in ["/", "/api/v1/x", "/edgewise", "/edge"] {
        assert_eq!(get(&under, path, "Host: localhost\r\n").1.bytes, b"fallback", "{path}");
    }
    assert_eq!(under.sink.len(), 0);
}
