//! The same traffic direct and through the edge: neither side may see a difference but those that are allowed. The cases
//! are the testkit's, which `cargo xtask transparency` runs against the whole program and docs/TRANSPARENCY.md lists.

use ursa_testkit::transparency::{self, Case, Row, Stage};

use crate::edge_under_test::{Under, captures};
use crate::wire::{Conn, answering};

/// Runs cases, and holds that every exchange was recorded to its end.
fn run(cases: &[Case]) {
    let stage = Stage::new().unwrap();
    let under = Under::new(stage.addr());
    let mut rows = Vec::new();
    let mut exchanges = 0;
    for case in cases {
        let verdict = transparency::run(case, &stage, under.addr).unwrap();
        exchanges += case.exchanges + usize::from(verdict.http2.is_some());
        Row::add(&mut rows, case, verdict);
    }
    let differences: Vec<String> = rows.iter().flat_map(Row::differences).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    under.sink.wait(|frames| {
        let captures = captures(frames);
        (captures.len() == exchanges && captures.iter().all(|capture| capture.end.is_some())).then_some(())
    });
}

#[test]
fn recorded_traffic_passes_as_it_is() {
    run(&transparency::recorded().unwrap());
}

#[test]
fn generated_traffic_passes_as_it_is() {
    run(&transparency::generated());
}

#[test]
fn the_document_lists_every_case_and_every_allowed_difference() {
    let path = format!("{}/../../docs/TRANSPARENCY.md", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(path).unwrap();
    let cases = transparency::recorded().unwrap().into_iter().chain(transparency::generated());
    for case in cases {
        let cell = format!("| {}", case.name.replace('|', "\\|"));
        assert!(document.contains(&cell), "docs/TRANSPARENCY.md: {} is not in the table", case.name);
    }
    for (_, letter, text) in transparency::RULES {
        assert!(document.contains(&format!("- {letter}: {text}")), "docs/TRANSPARENCY.md: rule {letter}");
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

#[test]
fn an_old_client_gets_the_same_bytes() {
    let (addr, _seen) =
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nall \r\n5\r\nof it\r\n0\r\n\r\n");
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    conn.send("GET /edge/anthropic/x HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let (head, payload) = conn.response("GET").unwrap();
    assert_eq!((head.get("transfer-encoding"), payload.bytes.as_slice()), (None, b"all of it".as_slice()));
}

#[test]
fn nothing_of_ours_goes_upstream() {
    let (addr, seen) = answering(OK);
    let under = Under::new(addr);
    let mut conn = Conn::connect(under.addr).unwrap();
    let headers = "x-ursa-user: me\r\nX-Ursa-Device: d\r\nx-ursa-anything: 1\r\nX-Mine: 1\r\nContent-Length: 2\r\n";
    conn.send(format!("POST /edge/anthropic/v1/messages HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{{}}"));
    conn.response("POST").unwrap();
    let (_, head, _) = seen.recv().unwrap();
    assert_eq!(head.get("host"), Some(addr.to_string().as_str()), "host is the upstream's");
    let names: Vec<String> = head.headers.iter().map(|(n, _)| n.to_lowercase()).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "host", "x-mine"]);
    let capture = under.sink.capture(0);
    assert_eq!(capture.head.reported_user.as_deref(), Some("me"));
    assert_eq!(capture.head.reported_device.as_deref(), Some("d"));
}
