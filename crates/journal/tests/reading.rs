//! Reading, waiting, trimming and recovery on a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{KEY, end, end_of, frame, frames, read_all};
use ursa_journal::{Disk, Journal, JournalConfig, OsDisk, Position};
use ursa_model::capture::{EndReason, FrameKind};

fn small() -> JournalConfig {
    JournalConfig { segment_bytes: Some(8192), ..JournalConfig::default() }
}

fn open_folder(folder: &Path, cursor: Option<Position>) -> Journal {
    Journal::open(Arc::new(OsDisk::open(folder).unwrap()), &KEY, small(), cursor).unwrap()
}

/// Appends whole captures and waits for them.
fn append(journal: &Journal, captures: std::ops::RangeInclusive<u64>) {
    let writer = journal.writer();
    for capture in captures {
        drop(writer.append(frame(capture, FrameKind::Head, vec![1; 700])).unwrap());
        writer.append(end(capture)).unwrap().durable_blocking().unwrap();
    }
}

#[test]
fn a_journal_reads_back_after_reopening_and_appends_behind() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_folder(folder.path(), None);
    append(&journal, 1..=20);
    let before = read_all(&journal, None);
    assert_eq!(before.len(), 40);
    assert!(before.last().unwrap().position.segment > 2);
    assert_eq!(before.last().unwrap().next, journal.committed());
    journal.close().unwrap();

    let journal = open_folder(folder.path(), None);
    assert_eq!(read_all(&journal, None), before);
    append(&journal, 21..=22);
    let after = read_all(&journal, None);
    assert_eq!(after[..40], before[..]);
    assert_eq!(after.len(), 44);
    let middle = after[17].next;
    assert_eq!(read_all(&journal, Some(middle)), after[18..]);
}

#[test]
fn one_process_at_a_time_holds_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let held = OsDisk::open(folder.path()).unwrap();
    assert_eq!(OsDisk::open(folder.path()).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(held);
    OsDisk::open(folder.path()).unwrap();
}

#[test]
fn a_reader_follows_the_writer_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(open_folder(folder.path(), None));
    let writing = Arc::clone(&journal);
    let writer = thread::spawn(move || append(&writing, 1..=60));
    let mut reader = journal.reader(None);
    let mut seen = Vec::new();
    while seen.len() < 120 {
        assert!(journal.wait_committed(reader.position(), Duration::from_mins(1)), "{} seen", seen.len());
        let batch = reader.next_batch(3000).unwrap();
        assert!(!batch.is_empty(), "woken for something to read");
        seen.extend(batch.into_iter().map(|entry| entry.frame.unwrap().exchange));
    }
    writer.join().unwrap();
    let expected: Vec<_> = (1..=60).flat_map(|capture| [common::exchange(capture); 2]).collect();
    assert_eq!(seen, expected);
    assert!(reader.next_batch(3000).unwrap().is_empty());
}

#[test]
fn a_batch_is_bounded_but_never_empty_while_there_is_more() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_folder(folder.path(), None);
    append(&journal, 1..=6);
    let mut reader = journal.reader(None);
    assert_eq!(reader.next_batch(0).unwrap().len(), 1);
    assert_eq!(reader.next_batch(1000).unwrap().len(), 2);
    assert_eq!(reader.next_batch(usize::MAX).unwrap().len(), 9);
}

#[test]
fn trimming_removes_whole_segments_below_and_positions_keep_rising() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_folder(folder.path(), None);
    append(&journal, 1..=20);
    let entries = read_all(&journal, None);
    let segments = journal.segments();
    assert_eq!(segments[0].first_at, Some(entries[0].frame.as_ref().unwrap().at));
    assert!(segments[0].last_at < segments[1].last_at);
    assert_eq!(segments.iter().map(|segment| segment.frames).sum::<u64>(), 40);

    let mut slow = journal.reader(None);
    slow.next_batch(1).unwrap();
    let inside = entries.iter().find(|entry| entry.position.segment == 3).unwrap().next;
    assert_eq!(journal.trim(inside).unwrap(), 2);
    assert_eq!(journal.trim(inside).unwrap(), 0);
    let kept: Vec<_> = entries.iter().filter(|entry| entry.position.segment >= 3).cloned().collect();
    assert_eq!(read_all(&journal, None), kept);
    assert_eq!(slow.next_batch(1).unwrap()[0].position.segment, 3, "a reader behind goes on with what is left");

    let committed = journal.committed();
    journal.trim(committed).unwrap();
    drop(slow);
    journal.close().unwrap();
    let journal = open_folder(folder.path(), Some(committed));
    append(&journal, 30..=30);
    assert!(read_all(&journal, Some(committed)).iter().all(|entry| entry.position > committed));
    assert_eq!(read_all(&journal, Some(committed)).len(), 2);
}

#[test]
fn captures_without_an_end_are_ended_with_what_was_journalled() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_folder(folder.path(), None);
    append(&journal, 1..=2);
    let cursor = journal.committed();
    append(&journal, 3..=3);
    let writer = journal.writer();
    let later = |kind, payload: Vec<u8>, micros| {
        let mut frame = frame(9, kind, payload);
        frame.at = frame.at.plus_micros(micros);
        frame
    };
    for frame in [
        later(FrameKind::Head, vec![], 0),
        later(FrameKind::RequestPart, vec![0; 100], 10),
        later(FrameKind::RequestPart, vec![0; 11], 20),
        later(FrameKind::RequestEnd, vec![], 20),
        later(FrameKind::ResponseHead, vec![0; 5], 500),
        later(FrameKind::ResponsePart, vec![0; 7], 900),
        later(FrameKind::ResponsePart, vec![0; 8], 1_500),
    ] {
        drop(writer.append(frame).unwrap());
    }
    drop(writer);
    journal.close().unwrap();

    let journal = open_folder(folder.path(), Some(cursor));
    assert_eq!(journal.stats().interrupted, 1);
    assert_eq!(journal.backlog().pending(), 2, "one that ended behind the cursor, one that was cut short");
    let all = frames(&journal);
    let ended = end_of(all.last().unwrap());
    assert_eq!((ended.reason, ended.request_bytes, ended.response_bytes), (EndReason::Interrupted, 111, 15));
    assert_eq!((ended.first_byte_micros, ended.duration_micros), (Some(900), 1_500));

    journal.backlog().settle(1);
    append(&journal, 10..=12);
    assert_eq!((journal.backlog().begun(), journal.backlog().pending()), (5, 4));
    journal.close().unwrap();
    let journal = open_folder(folder.path(), None);
    assert_eq!(journal.stats().interrupted, 0, "an end is written once");
    assert_eq!(frames(&journal).len(), all.len() + 6);
}

#[test]
fn closing_removes_the_segment_that_was_made_ahead() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        open_folder(folder.path(), None).close().unwrap();
    }
    let disk = OsDisk::open(folder.path()).unwrap();
    let segments = disk.list().unwrap().into_iter().filter(|name| name.starts_with("seg-")).count();
    assert_eq!(segments, 1, "only the last, empty one");
}

#[cfg(unix)]
#[test]
fn files_are_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("journal");
    let journal = open_folder(&inner, None);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    assert_eq!(mode(&inner.join("seg-0000000000000001.ujl")), 0o600);
    drop(journal);
}

#[test]
fn a_segment_can_be_ended_before_it_is_full_and_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open_folder(folder.path(), None);
    append(&journal, 1..=1);
    let first = journal.segments().first().unwrap().number;
    let processed = journal.committed();
    journal.roll();
    append(&journal, 2..=2);
    assert!(journal.committed().segment > processed.segment);
    assert!(journal.trim(processed).unwrap() >= 1);
    assert!(journal.segments().iter().all(|segment| segment.number > first));
    assert_eq!(read_all(&journal, Some(processed)).len(), 2);
}

#[test]
fn reserved_room_reads_as_zeros_and_takes_what_is_written_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = OsDisk::open(folder.path()).unwrap().create("segment").unwrap();
    file.write_at(b"header", 0).unwrap();
    let reserved = file.reserve(64 << 10).unwrap();
    // Where it cannot be done nothing has changed.
    assert_eq!(file.len().unwrap(), if reserved { 64 << 10 } else { 6 });
    file.write_at(b"frame", 8192).unwrap();
    file.sync_data().unwrap();
    let mut seen = vec![1; 8197];
    assert_eq!(file.read_at(&mut seen, 0).unwrap(), 8197);
    assert_eq!((&seen[..6], &seen[8192..]), (&b"header"[..], &b"frame"[..]));
    assert!(seen[6..8192].iter().all(|byte| *byte == 0));
}
