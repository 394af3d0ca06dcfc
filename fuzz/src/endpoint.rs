//! What must hold for any bytes: shared by the fuzz targets and by the test that replays seeds on stable Rust.

use ursa_endpoint::cut::{CutLimits, Cutter};
use ursa_endpoint::spool::{self, Limits, Spool};
use ursa_journal::sim::SimDisk;
use ursa_model::time::Timestamp;
use uuid::Uuid;

/// Name and identity of `crates/endpoint/tests/fixtures/spool-v1`, whose segment is a seed.
const NAME: &str = "seg-0000000000000003.ujl";
const IDENTITY: &[u8] = include_bytes!("../../crates/endpoint/tests/fixtures/spool-v1/identity");

fn numbers(spool: &Spool<'_>) -> Vec<u64> {
    let batch = spool.read(100_000, usize::MAX).expect("the disk in memory reads");
    batch.lines.iter().map(|line| line.seq).collect()
}

/// Any bytes as a segment of the spool: it is read, in order, and appending goes on behind it. Gives how many records.
pub fn spool(bytes: &[u8]) -> usize {
    let disk = SimDisk::new(0);
    disk.put("identity", IDENTITY.to_vec());
    disk.put(NAME, bytes.to_vec());
    let spool = Spool::existing(&disk, Limits::default()).expect("it opens").expect("it is there");
    let before = numbers(&spool);
    assert!(before.is_sorted_by(|a, b| a < b));
    // The last number there is cannot be followed; no spool comes to it.
    if before.last().is_none_or(|last| *last < u64::MAX >> 1) {
        let record = spool::record(Uuid::from_u128(9), Timestamp::from_micros(1), b"{}".to_vec());
        let seq = spool.append(record).expect("the disk in memory writes").seq;
        assert!(before.last().is_none_or(|last| *last < seq));
        assert_eq!(numbers(&spool), [&before[..], &[seq]].concat());
    }
    before.len()
}

/// Any bytes through the cutter, in two pieces: what was JSON stays JSON, and is again when it ends midway.
pub fn cut(bytes: &[u8]) {
    let limits = CutLimits { string: 5, member: 20, total: 60 };
    let is_json = |bytes: &[u8]| serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    let through = |limits, bytes: &[u8]| {
        let mut cutter = Cutter::new(limits);
        let (first, second) = bytes.split_at(bytes.len() / 3);
        cutter.feed(first);
        cutter.feed(second);
        cutter.finish()
    };
    let (cut, torn) = (through(limits, bytes), through(CutLimits::NONE, &bytes[..bytes.len() / 2]));
    if is_json(bytes) {
        assert!(is_json(&cut), "{}", String::from_utf8_lossy(&cut));
        let container = bytes.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['));
        let begun = bytes[..bytes.len() / 2].trim_ascii_start();
        if container && !begun.is_empty() && std::str::from_utf8(bytes).is_ok() {
            assert!(is_json(&torn), "{}", String::from_utf8_lossy(&torn));
        }
    }
}
