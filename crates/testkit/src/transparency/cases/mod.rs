//! Generated traffic.

mod answers;
mod connections;
mod requests;

use super::{Case, Step};

/// The answer where the case is about the request.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// Every generated case.
pub fn generated() -> Vec<Case> {
    [requests::cases(), answers::cases(), connections::cases()].concat()
}

/// One exchange: `request` is sent at once, and answered when it is whole.
fn exchange(group: &'static str, name: impl Into<String>, request: Vec<u8>, answer: impl Into<Vec<u8>>) -> Case {
    let client = vec![Step::Request(request), Step::Answer];
    let upstream = vec![Step::Head, Step::Body, Step::Send(answer.into())];
    Case { group, name: name.into(), client, upstream, exchanges: 1 }
}

/// A POST with these header lines, and what follows its head.
fn post(headers: &str, behind: &[u8]) -> Vec<u8> {
    let head = format!("POST {{P}}/v1/messages?beta=true HTTP/1.1\r\nHost: {{H}}\r\n{headers}\r\n");
    [head.as_bytes(), behind].concat()
}

/// The same with a length.
fn sized(headers: &str, body: &[u8]) -> Vec<u8> {
    post(&format!("Content-Length: {}\r\n{headers}", body.len()), body)
}

/// A request without a body.
fn bare(method: &str, target: &str, headers: &str) -> Vec<u8> {
    format!("{method} {{P}}{target} HTTP/1.1\r\nHost: {{H}}\r\n{headers}\r\n").into_bytes()
}

/// Bytes that no two places of repeat soon, and that no encoding shortens much.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}
