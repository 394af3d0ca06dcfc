//! The checked-in sample of the spool's format version 1: made with a fixed key and salt, so that the same bytes come out
//! for ever, and every later program reads them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ursa_endpoint::spool::{self, Limits, Spool};
use ursa_journal::format::SEGMENT_HEADER_BYTES;
use ursa_journal::frames::Segment;
use ursa_journal::sim::SimDisk;
use ursa_model::capture::Frame;
use ursa_model::time::Timestamp;
use uuid::Uuid;

const SEGMENT: &[u8] = include_bytes!("fixtures/spool-v1/seg-0000000000000003.ujl");
const IDENTITY: &[u8] = include_bytes!("fixtures/spool-v1/identity");
const TAIL: &[u8] = include_bytes!("fixtures/spool-v1/tail");
const LEDGER: &[u8] = include_bytes!("fixtures/spool-v1/ledger");
const NAME: &str = "seg-0000000000000003.ujl";
const FIRST: u64 = 40;

fn frames() -> Vec<Frame> {
    let line = |n: u128| {
        let id = Uuid::from_u128(n);
        let line = format!(
            r#"{{"id":"{id}","channel":"hook","source":"codex","at":"2026-11-23T00:00:00.00000{n}Z","meta":{{}},"body":{{"n":{n}}}}}"#
        );
        spool::record(id, Timestamp::from_micros(1_795_392_000_000_000 + n as i64), line.into_bytes())
    };
    (1..=3).map(line).collect()
}

#[test]
fn the_sample_of_version_1_loads() {
    let disk = SimDisk::new(1);
    for (name, bytes) in [(NAME, SEGMENT), ("identity", IDENTITY), ("tail", TAIL), ("ledger", LEDGER)] {
        disk.put(name, bytes.to_vec());
    }
    let spool = Spool::existing(&disk, Limits::default()).unwrap().unwrap();
    assert_eq!((spool.id(), spool.os_user()), (Uuid::from_u128(0x5b00), Some("ada")));
    assert_eq!(spool.settled().unwrap(), FIRST - 1);
    let read: Vec<_> = spool.read(10, 1 << 20).unwrap().lines.into_iter().map(|line| (line.seq, line.bytes)).collect();
    let expected: Vec<_> = (FIRST..).zip(frames().into_iter().map(|frame| frame.payload)).collect();
    assert_eq!(read, expected);
    assert_eq!(spool.append(frames()[0].clone()).unwrap().seq, FIRST + 3);
}

#[test]
fn version_1_is_written_as_ever() {
    let key = [0x2a; 32];
    let (segment, mut bytes) = Segment::begin(&key, 3, std::array::from_fn(|at| at as u8)).unwrap();
    assert_eq!(bytes.len() as u64, SEGMENT_HEADER_BYTES);
    for (seq, frame) in (FIRST..).zip(frames()) {
        segment.seal(&frame, bytes.len() as u64, seq, &mut bytes).unwrap();
    }
    assert!(bytes == SEGMENT, "a change of the format needs a new version and a sample of its own");
}

/// Made the sample once. Never run it again for version 1: the sample is what older programs wrote.
#[test]
#[ignore = "writes the sample of a new version"]
fn make_the_sample() {
    let disk = SimDisk::new(1);
    let key = "2a".repeat(32);
    let identity = format!(r#"{{"version":1,"spool":"{}","key":"{key}","os_user":"ada"}}"#, Uuid::from_u128(0x5b00));
    disk.put("identity", identity.into_bytes());
    let segment = |number: u64, first: u64, frames: &[Frame]| {
        let salt = std::array::from_fn(|at| at as u8);
        let (segment, mut bytes) = Segment::begin(&[0x2a; 32], number, salt).unwrap();
        for (seq, frame) in (first..).zip(frames) {
            segment.seal(frame, bytes.len() as u64, seq, &mut bytes).unwrap();
        }
        bytes
    };
    disk.put("seg-0000000000000002.ujl", segment(2, FIRST - 1, &frames()[..1]));
    disk.put(NAME, segment(3, FIRST, &frames()[..2]));
    let spool = Spool::existing(&disk, Limits::default()).unwrap().unwrap();
    spool.settle(&spool.read(1, 1 << 20).unwrap()).unwrap();
    spool.append(frames()[2].clone()).unwrap();
    for name in ["identity", NAME, "tail", "ledger"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/spool-v1/");
        std::fs::write(format!("{path}{name}"), disk.content(name).unwrap()).unwrap();
    }
}
