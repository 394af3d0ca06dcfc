//! Damaged bytes: found, never shown as content, and the frames around them stay readable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;
use std::sync::Arc;

use common::{KEY, Random, end, end_of, exact_config, frame, frames, open, read_all};
use proptest::prelude::*;
use ursa_journal::sim::SimDisk;
use ursa_journal::{Entry, Journal, JournalConfig, JournalError, Position};
use ursa_model::capture::{EndReason, Frame, FrameKind};

const FIRST: &str = "seg-0000000000000001.ujl";

/// Three segments of frames, three in most commits.
fn filled() -> (SimDisk, Vec<Entry>) {
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let writer = journal.writer();
    for capture in 1..=16 {
        drop(writer.append(frame(capture, FrameKind::Head, format!("head {capture}"))).unwrap());
        drop(writer.append(frame(capture, FrameKind::RequestPart, vec![capture as u8; 150])).unwrap());
        writer.append(end(capture)).unwrap().durable_blocking().unwrap();
    }
    let entries = read_all(&journal, None);
    assert_eq!(entries.last().unwrap().position.segment, 3);
    journal.close().unwrap();
    (disk, entries)
}

/// The frames that `flipped` spares.
fn spared(entries: &[Entry], segment: u64, flipped: u64) -> Vec<Frame> {
    let hit = |entry: &&Entry| {
        entry.position.segment == segment && (entry.position.offset..entry.next.offset).contains(&flipped)
    };
    entries.iter().filter(|entry| !hit(entry)).map(|entry| entry.frame.clone().unwrap()).collect()
}

/// Frames without the ends that recovery wrote.
fn without_interrupted(frames: Vec<Frame>) -> Vec<Frame> {
    frames.into_iter().filter(|f| f.kind != FrameKind::End || end_of(f).reason != EndReason::Interrupted).collect()
}

#[test]
fn f05_a_flipped_bit_costs_one_frame_and_is_counted() {
    let (disk, entries) = filled();
    let mut content = disk.content(FIRST).unwrap();
    // As long as it was while it was written: what is cut may come undone.
    content.resize(4096, 0);
    let used = entries.iter().filter(|entry| entry.position.segment == 1).map(|entry| entry.next.offset).max().unwrap();
    let mut random = Random(3);
    for at in 0..content.len() {
        let disk = copy(&disk);
        let mut flipped = content.clone();
        flipped[at] ^= 1 << random.below(8);
        disk.put(FIRST, flipped);
        let journal = open(&disk, &exact_config(4096)).unwrap();
        let read = read_all(&journal, None);
        let seen = without_interrupted(read.iter().filter_map(|entry| entry.frame.clone().ok()).collect());
        assert_eq!(seen, spared(&entries, 1, at as u64), "byte {at}");
        let found = journal.stats().quarantined;
        assert_eq!(found, u64::from((at as u64) < used), "byte {at}");
        let gaps = read.iter().filter(|entry| entry.frame.is_err()).count();
        assert_eq!(gaps, usize::from((1024..used).contains(&(at as u64))), "byte {at}");
        if found == 1 {
            assert!(disk.content(FIRST).is_none() && disk.content(&format!("{FIRST}.damaged")).is_some());
        }
    }
}

#[test]
fn f05_a_flipped_bit_in_the_last_segment_costs_at_most_its_commit() {
    let (disk, entries) = filled();
    let name = "seg-0000000000000003.ujl";
    let last = entries.last().unwrap().position.segment;
    assert_eq!(last, 3);
    let content = disk.content(name).unwrap();
    let in_last: Vec<&Entry> = entries.iter().filter(|entry| entry.position.segment == last).collect();
    let used = in_last.last().unwrap().next.offset;
    let last_commit = in_last[in_last.len() - 3].position.offset;
    for at in (0..used).step_by(3) {
        let disk = copy(&disk);
        let mut flipped = content.clone();
        flipped[at as usize] ^= 1;
        disk.put(name, flipped);
        let journal = open(&disk, &exact_config(4096)).unwrap();
        let seen = without_interrupted(frames(&journal));
        let spared = spared(&entries, last, at);
        if at < last_commit {
            assert_eq!(seen, spared, "byte {at}");
            assert_eq!(journal.stats().quarantined, 1);
        } else {
            // The tail of the log: what follows the bad frame is cut, as nothing tells it from a torn write.
            assert_eq!(seen[..], spared[..seen.len()], "byte {at}");
            assert!(seen.len() >= entries.len() - 3 && journal.stats().cut_bytes > 0);
        }
        // What was cut does not come back.
        let first = frames(&journal);
        journal.close().unwrap();
        assert_eq!(frames(&open(&disk, &exact_config(4096)).unwrap()), first, "byte {at}");
    }
}

fn copy(disk: &SimDisk) -> SimDisk {
    use ursa_journal::Disk;
    let fresh = SimDisk::new(1);
    for name in disk.list().unwrap() {
        fresh.put(&name, disk.content(&name).unwrap());
    }
    fresh
}

#[test]
fn damage_that_comes_while_running_is_an_entry_and_a_trim_keeps_the_file() {
    let (disk, entries) = filled();
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let mut content = disk.content(FIRST).unwrap();
    content[entries[1].position.offset as usize + 70] ^= 0x10;
    disk.put(FIRST, content);
    let read = read_all(&journal, None);
    assert_eq!(read.len(), entries.len());
    assert_eq!(read[1].frame.as_ref().unwrap_err().bytes, entries[1].next.offset - entries[1].position.offset);
    assert_eq!(read[2], entries[2]);
    assert_eq!((journal.stats().damaged_gaps, journal.stats().quarantined), (1, 1));
    assert!(journal.segments()[0].damaged);

    assert_eq!(journal.trim(Position { segment: 2, offset: 0 }).unwrap(), 1);
    assert_eq!(journal.segments()[0].number, 2);
    assert!(disk.content(&format!("{FIRST}.quarantined")).is_some(), "evidence is kept");
    journal.close().unwrap();
    let journal = open(&disk, &exact_config(4096)).unwrap();
    assert_eq!(journal.segments()[0].number, 2, "and stays out of the log");
}

#[test]
fn a_segment_without_a_readable_header_is_set_aside_and_the_others_are_read() {
    let (disk, entries) = filled();
    let mut content = disk.content(FIRST).unwrap();
    content[3] ^= 1;
    content[515] ^= 1;
    disk.put(FIRST, content);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let rest: Vec<_> = entries.iter().filter(|entry| entry.position.segment > 1).cloned().collect();
    assert_eq!(read_all(&journal, None)[..rest.len()], rest[..]);
    assert_eq!(journal.stats().quarantined, 1);
    assert!(disk.content(FIRST).is_none() && disk.content(&format!("{FIRST}.quarantined")).is_some());
}

#[test]
fn a_wrong_key_or_a_newer_version_changes_nothing() {
    use ursa_journal::Disk;
    let (disk, _) = filled();
    let names = disk.list().unwrap();
    let wrong = Journal::open(Arc::new(disk.clone()), &[8; 32], JournalConfig::default(), None);
    assert!(matches!(wrong.err(), Some(JournalError::WrongKey { segment: 1 })));

    let mut content = disk.content(FIRST).unwrap();
    for copy in content[..1024].chunks_exact_mut(512) {
        copy[8] = 2;
        let sum = blake3::hash(&copy[..496]);
        copy[496..].copy_from_slice(&sum.as_bytes()[..16]);
    }
    disk.put(FIRST, content);
    let newer = open(&disk, &exact_config(4096));
    assert!(matches!(newer.err(), Some(JournalError::Version { segment: 1, version: 2 })));
    assert_eq!(disk.list().unwrap(), names);
}

#[test]
fn a_frame_moved_to_another_place_or_segment_is_not_accepted() {
    let (disk, entries) = filled();
    let mut content = disk.content(FIRST).unwrap();
    let lengths =
        |entry: &Entry| (entry.position.offset as usize, (entry.next.offset - entry.position.offset) as usize);
    // Heads of one length: swapping them would swap what two captures say.
    let ((a, len), (b, same)) = (lengths(&entries[0]), lengths(&entries[3]));
    assert_eq!(len, same);
    for at in 0..len {
        content.swap(a + at, b + at);
    }
    disk.put(FIRST, content.clone());
    disk.put("seg-0000000000000009.ujl", content);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let seen = without_interrupted(frames(&journal));
    let kept: Vec<_> = [&entries[1..3], &entries[4..]].concat().into_iter().map(|e| e.frame.unwrap()).collect();
    assert_eq!(seen, kept);
    assert_eq!(journal.stats().quarantined, 2, "the copy under another number is none of ours");
}

#[test]
fn no_plain_text_reaches_the_disk() {
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(8192)).unwrap();
    let secret = b"the quick brown canary jumps";
    journal.writer().append(frame(1, FrameKind::Head, *secret)).unwrap().durable_blocking().unwrap();
    let content = disk.content(FIRST).unwrap();
    assert!(!content.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
    assert!(!content.windows(16).any(|window| window == &KEY[..16]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever lies in the files, opening does not panic, and each frame that is read is one that was written.
    #[test]
    fn noise_is_never_read_as_a_frame(
        hits in prop::collection::vec((1u64..4, 0usize..4096, prop::collection::vec(any::<u8>(), 1..600)), 1..6),
        cut in prop::option::of(0usize..4096),
    ) {
        let (disk, entries) = filled();
        for (segment, at, noise) in hits {
            let name = format!("seg-{segment:016x}.ujl");
            let mut content = disk.content(&name).unwrap();
            // As long as it was while it was written: what is cut may come undone.
            content.resize(4096, 0);
            let len = noise.len().min(content.len() - at);
            content[at..at + len].copy_from_slice(&noise[..len]);
            disk.put(&name, content);
        }
        if let Some(cut) = cut {
            let mut content = disk.content(FIRST).unwrap();
            content.truncate(cut);
            disk.put(FIRST, content);
        }
        let journal = open(&disk, &exact_config(4096)).unwrap();
        let mut written = entries.iter().map(|entry| entry.frame.clone().unwrap());
        for frame in without_interrupted(frames(&journal)) {
            prop_assert!(written.any(|known| known == frame), "in order, once, and never invented");
        }
    }
}

#[test]
fn an_unreadable_disk_is_an_error_and_not_an_empty_log() {
    let (disk, _) = filled();
    disk.lose_power();
    let opened = open(&disk, &exact_config(4096));
    let Some(JournalError::Io { source, .. }) = opened.err() else { panic!("expected an error") };
    assert_eq!(source.kind(), ErrorKind::Other);
}
