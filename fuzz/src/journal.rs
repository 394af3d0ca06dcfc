//! What must hold for any bytes: shared by the fuzz target and by the test that replays its seeds on stable Rust.

use std::sync::Arc;

use ursa_journal::sim::SimDisk;
use ursa_journal::{Entry, Journal, JournalConfig};

/// Key and name of `crates/journal/tests/fixtures/segment-v1.ujl`, which is a seed, so that mutations reach behind the
/// checks of the header.
const KEY: [u8; 32] = [0x2a; 32];
const NAME: &str = "seg-0000000000000011.ujl";

fn read(disk: &SimDisk) -> Option<Vec<Entry>> {
    let config = JournalConfig { segment_bytes: Some(4096), prepare_ahead: false, ..JournalConfig::default() };
    let journal = Journal::open(Arc::new(disk.clone()), &KEY, config, None).ok()?;
    let mut reader = journal.reader(None);
    let mut entries = Vec::new();
    loop {
        let batch = reader.next_batch(1 << 16).expect("the disk in memory reads");
        if batch.is_empty() {
            return Some(entries);
        }
        entries.extend(batch);
    }
}

/// Any bytes as a segment: the journal opens or refuses, and a second opening reads the same frames. Gives how many.
pub fn segment(bytes: &[u8]) -> Option<usize> {
    let disk = SimDisk::new(0);
    disk.put(NAME, bytes.to_vec());
    let first = read(&disk)?;
    assert_eq!(read(&disk).as_ref(), Some(&first));
    Some(first.len())
}
