//! Bounds: the queue in bytes, the reserve for Ends, the lag of the pipeline, the payload.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{KEY, end, exact_config, frame, frames, open, read_all};
use ursa_journal::sim::{Call, SimDisk};
use ursa_journal::{
    AppendError, Disk, END_RESERVE_BYTES, Journal, JournalConfig, JournalError, PAYLOAD_BYTES_MAX, Position,
    SEGMENT_BYTES_FLOOR,
};
use ursa_model::capture::FrameKind;

#[test]
fn the_queue_is_bounded_in_bytes_and_keeps_a_reserve_for_ends() {
    let disk = SimDisk::new(1);
    let config = JournalConfig { queue_bytes: 100_000, ..exact_config(1 << 21) };
    let journal = open(&disk, &config).unwrap();
    let writer = journal.writer();
    disk.hold_syncs(true);
    let mut tickets = vec![writer.append_urgent(frame(1, FrameKind::Head, "head")).unwrap()];
    let refused = loop {
        match writer.append(frame(1, FrameKind::RequestPart, vec![1; 9_000])) {
            Ok(ticket) => tickets.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!(refused, AppendError::Full);
    assert!(journal.stats().queue_bytes <= 100_000 && journal.stats().queue_bytes > 90_000);

    tickets.push(writer.append(end(1)).unwrap());
    let long_end = || frame(1, FrameKind::End, vec![b' '; 300_000]);
    let more = std::iter::from_fn(|| writer.append(long_end()).ok()).collect::<Vec<_>>();
    assert_eq!(more.len(), 3, "the reserve has a bound as well");
    assert!(journal.stats().queue_bytes <= 100_000 + END_RESERVE_BYTES as u64);
    assert_eq!(journal.stats().dropped.queue_full, 2);

    disk.hold_syncs(false);
    for ticket in tickets.into_iter().chain(more) {
        ticket.durable_blocking().unwrap();
    }
    assert_eq!(journal.stats().queue_bytes, 0);
    assert!(writer.append(frame(1, FrameKind::RequestPart, vec![1; 9_000])).is_ok());
}

#[test]
fn frames_that_queue_up_share_one_sync() {
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(1 << 20)).unwrap();
    let writer = journal.writer();
    let syncs = disk.calls(Call::Sync);
    let tickets: Vec<_> =
        (0..50).map(|n| writer.append(frame(1, FrameKind::RequestPart, vec![n; 10])).unwrap()).collect();
    for ticket in tickets {
        ticket.durable_blocking().unwrap();
    }
    assert_eq!(disk.calls(Call::Sync), syncs + 1);
    let stats = journal.stats();
    assert_eq!((stats.frames, stats.commits, stats.bytes), (50, 1, 50 * 90));
    assert!(stats.slowest_commit_micros >= stats.last_commit_micros);
}

#[test]
fn without_a_waiter_the_interval_commits() {
    let disk = SimDisk::new(1);
    let config = JournalConfig { commit_interval: Duration::from_millis(1), ..exact_config(1 << 16) };
    let journal = open(&disk, &config).unwrap();
    drop(journal.writer().append(frame(1, FrameKind::Head, "head")).unwrap());
    assert!(journal.wait_committed(Position::default(), Duration::from_secs(30)));
    assert!(!journal.wait_committed(journal.committed(), Duration::ZERO));
}

#[test]
fn enough_bytes_commit_at_once() {
    let disk = SimDisk::new(1);
    let config = JournalConfig { commit_bytes: 1000, ..exact_config(1 << 16) };
    let journal = open(&disk, &config).unwrap();
    for _ in 0..2 {
        drop(journal.writer().append(frame(1, FrameKind::RequestPart, vec![0; 500])).unwrap());
    }
    assert!(journal.wait_committed(Position::default(), Duration::from_secs(30)));
}

#[test]
fn a_lagging_pipeline_fills_the_journal_until_it_advances() {
    let disk = SimDisk::new(1);
    let config = JournalConfig { lag_cap_bytes: 5_000, ..exact_config(4096) };
    let journal = open(&disk, &config).unwrap();
    let writer = journal.writer();
    let part = || frame(1, FrameKind::RequestPart, vec![0; 920]);
    for _ in 0..5 {
        writer.append(part()).unwrap().durable_blocking().unwrap();
    }
    assert_eq!(journal.stats().lag_bytes, 5_000);
    assert_eq!(writer.append(part()).err(), Some(AppendError::Full));
    writer.append(end(1)).unwrap().durable_blocking().unwrap();
    assert_eq!(journal.stats().dropped.lagging, 1);

    let third = read_all(&journal, None)[2].next;
    journal.advance(third);
    assert!(journal.stats().lag_bytes < 3_000);
    writer.append(part()).unwrap().durable_blocking().unwrap();
    journal.advance(Position::default());
    assert!(journal.stats().lag_bytes < 4_000, "a cursor never moves back");

    let end = journal.committed();
    journal.close().unwrap();
    let journal = Journal::open(Arc::new(disk.clone()), &KEY, config, Some(end)).unwrap();
    assert_eq!(journal.stats().lag_bytes, 0);
}

#[test]
fn a_payload_has_a_bound() {
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let writer = journal.writer();
    let most = writer.payload_bytes_max();
    let large = writer.append(frame(1, FrameKind::RequestPart, vec![0; most + 1]));
    assert_eq!(large.err(), Some(AppendError::TooLarge));
    writer.append(frame(1, FrameKind::RequestPart, vec![3; most])).unwrap().durable_blocking().unwrap();
    assert_eq!(frames(&journal)[0].payload, vec![3; most]);
    assert_eq!(JournalConfig::default().payload_bytes_max(), PAYLOAD_BYTES_MAX);
    let small = open(&SimDisk::new(1), &JournalConfig { segment_bytes: Some(100), ..JournalConfig::default() });
    assert!(matches!(small.err(), Some(JournalError::SegmentTooSmall { bytes: 100 })));
}

#[test]
fn a_frame_larger_than_a_batch_goes_alone() {
    let disk = SimDisk::new(1);
    // As small as a segment is ever chosen: the frame fits into an empty one only.
    let config = JournalConfig { segment_bytes: Some(SEGMENT_BYTES_FLOOR), ..JournalConfig::default() };
    let journal = open(&disk, &config).unwrap();
    let writer = journal.writer();
    let small = |n| frame(n, FrameKind::Envelope, vec![1; 1000]);
    let large = |n| frame(n, FrameKind::Envelope, vec![2; PAYLOAD_BYTES_MAX]);
    let tickets: Vec<_> =
        [small(1), large(2), small(3), large(4), small(5)].map(|frame| writer.append(frame).unwrap()).into();
    for ticket in tickets {
        ticket.durable_blocking().unwrap();
    }
    let lens: Vec<usize> = frames(&journal).iter().map(|frame| frame.payload.len()).collect();
    assert_eq!(lens, [1000, PAYLOAD_BYTES_MAX, 1000, PAYLOAD_BYTES_MAX, 1000]);
    assert_eq!(journal.backlog().pending(), 5, "each is a capture of its own");
}

#[test]
fn a_segment_takes_a_sixteenth_of_a_small_disk() {
    let size = |capacity| {
        let disk = SimDisk::new(1);
        disk.set_capacity(Some(capacity));
        let config = JournalConfig { prepare_ahead: false, ..JournalConfig::default() };
        open(&disk, &config).map(|_| disk.content("seg-0000000000000001.ujl").unwrap().len())
    };
    assert_eq!(size(96 << 20).unwrap(), 6 << 20);
    assert_eq!(size(8 << 20).unwrap(), 5 << 20);
    assert_eq!(size(4 << 30).unwrap(), 64 << 20);
    assert!(size(1 << 20).is_err());
}

/// Bytes of all files.
fn size(disk: &SimDisk) -> u64 {
    let names = disk.list().unwrap();
    names.iter().map(|name| disk.content(name).unwrap().len() as u64).sum()
}

#[test]
fn restarts_leave_no_preallocated_space_behind() {
    const SEGMENT: u64 = 256 << 10;
    let config = JournalConfig { prepare_ahead: true, ..exact_config(SEGMENT) };
    let disk = SimDisk::new(1);
    for round in 0..50 {
        let journal = open(&disk, &config).unwrap();
        journal.writer().append(frame(round, FrameKind::Head, vec![7; 300])).unwrap().durable_blocking().unwrap();
        assert_eq!(frames(&journal).len() as u64, 2 * round + 1);
        let used: u64 = journal.segments().iter().map(|segment| segment.bytes).sum();
        // Ends the process as a kill does: without a word to the folder. Two segments are written or made ahead.
        disk.lose_power();
        drop(journal);
        disk.restore_power();
        assert!(size(&disk) <= used + 2 * SEGMENT, "{} in round {round}, {used} used", size(&disk));
    }
}

#[test]
fn a_start_makes_room_on_a_disk_that_whole_segments_filled() {
    const SEGMENT: u64 = 64 << 10;
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(SEGMENT)).unwrap();
    journal.writer().append(frame(1, FrameKind::Head, "head")).unwrap().durable_blocking().unwrap();
    disk.lose_power();
    drop(journal);
    disk.restore_power();
    disk.set_capacity(Some(SEGMENT + 4096));
    assert_eq!(size(&disk), SEGMENT);
    let journal = open(&disk, &exact_config(SEGMENT)).unwrap();
    assert_eq!(frames(&journal).len(), 2);
}

#[test]
fn a_segment_that_is_ended_early_gives_back_the_rest() {
    const SEGMENT: u64 = 64 << 10;
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(SEGMENT)).unwrap();
    let writer = journal.writer();
    for capture in 1..=5 {
        writer.append(frame(capture, FrameKind::Head, "head")).unwrap().durable_blocking().unwrap();
        journal.roll();
    }
    writer.append(end(5)).unwrap().durable_blocking().unwrap();
    let segments = journal.segments();
    assert!(segments.len() >= 5);
    let used: u64 = segments.iter().map(|segment| segment.bytes).sum();
    assert!(size(&disk) <= used + SEGMENT, "{} on disk, {used} used", size(&disk));
    assert_eq!(frames(&journal).len(), 6);
}

#[tokio::test(flavor = "current_thread")]
async fn tickets_are_awaited_in_async_code() {
    let disk = SimDisk::new(1);
    let config = JournalConfig { prepare_ahead: true, ..exact_config(4096) };
    let journal = open(&disk, &config).unwrap();
    let writer = journal.writer();
    let mut last = Position::default();
    for n in 0..30 {
        let at = writer.append(frame(1, FrameKind::RequestPart, vec![n; 500])).unwrap().durable().await.unwrap();
        assert!(at > last);
        last = at;
    }
    let waiting = writer.append(frame(1, FrameKind::RequestPart, "last")).unwrap();
    journal.close().unwrap();
    waiting.durable().await.unwrap();
    assert_eq!(writer.append(end(1)).err(), Some(AppendError::Failed));
}

#[test]
fn room_is_written_ahead_only_where_somebody_waits_or_commits_are_small() {
    const SEGMENT: u64 = 512 << 10;
    const LARGE: usize = 200 << 10;
    let fill = |awaited: bool, bytes: usize| {
        let disk = SimDisk::new(1);
        let journal = open(&disk, &exact_config(SEGMENT)).unwrap();
        let writer = journal.writer();
        writer.append_unawaited(frame(1, FrameKind::Head, "head")).unwrap();
        for round in 0..6 {
            let part = frame(1, FrameKind::RequestPart, vec![round; bytes]);
            if awaited {
                writer.append(part).unwrap().durable_blocking().unwrap();
            } else {
                writer.append_unawaited(part).unwrap();
                if bytes < LARGE {
                    journal.roll();
                }
            }
        }
        drop((writer, journal));
        let journal = open(&disk, &exact_config(SEGMENT)).unwrap();
        let parts = frames(&journal).into_iter().filter(|found| found.kind == FrameKind::RequestPart);
        let parts: Vec<u8> = parts.map(|part| part.payload[bytes - 1]).collect();
        assert_eq!(parts, [0, 1, 2, 3, 4, 5]);
        disk.reserved()
    };
    assert_ne!(fill(false, LARGE), 0, "nobody waits for large commits: no zeros");
    assert_eq!(fill(true, LARGE), 0, "somebody waits");
    assert_eq!(fill(false, 300), 0, "small commits");
}
