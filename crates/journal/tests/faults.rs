//! Errors of the disk: the n-th call fails, for every n; the disk is full; the disk is slow.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use common::{end, end_of, exact_config, frame, frames, open, read_all};
use ursa_journal::sim::{Call, SimDisk};
use ursa_journal::{AppendError, Health, JournalConfig, JournalError, Ticket};
use ursa_model::capture::{EndReason, Frame, FrameKind};

/// Appends twenty captures of some 5 KB in all, over several segments. Answers what was acknowledged; asserts that
/// nothing is after the first failure that is not "full".
fn script(disk: &SimDisk, config: &JournalConfig) -> Option<(Vec<Frame>, Health)> {
    let journal = open(disk, config).ok()?;
    let writer = journal.writer();
    let mut acknowledged = Vec::new();
    let mut failed = false;
    for capture in 1..=20 {
        for frame in [frame(capture, FrameKind::Head, vec![capture as u8; 400]), end(capture)] {
            let outcome = writer.append(frame.clone()).map(Ticket::durable_blocking);
            match outcome {
                Ok(Ok(_)) => {
                    assert!(!failed, "acknowledged after a failure");
                    acknowledged.push(frame);
                }
                Ok(Err(JournalError::Full)) => {}
                Ok(Err(JournalError::Failed { .. })) | Err(AppendError::Failed) => failed = true,
                other => panic!("unexpected {other:?}"),
            }
        }
    }
    // What is committed stays readable, whatever happened.
    let read = frames(&journal);
    assert!(acknowledged.iter().all(|frame| read.contains(frame)));
    assert_eq!(failed, journal.health() != Health::Working);
    let health = journal.health();
    assert_eq!(journal.close().is_err(), failed);
    Some((acknowledged, health))
}

fn fail_every_call(call: Call, kind: ErrorKind, check: impl Fn(u64, &Health)) -> u64 {
    let config = exact_config(4096);
    for n in 1.. {
        let disk = SimDisk::new(n);
        disk.fail_nth(call, n, kind);
        let ran = script(&disk, &config);
        let untouched = disk.clear_faults() == 1;
        let acknowledged = ran.map(|(acknowledged, health)| {
            check(n, &health);
            acknowledged
        });
        disk.lose_power();
        disk.restore_power();
        let journal = open(&disk, &config).expect("recovery");
        let seen = frames(&journal);
        let acknowledged = acknowledged.unwrap_or_default();
        let kept: Vec<_> = seen.iter().filter(|frame| acknowledged.contains(frame)).cloned().collect();
        assert_eq!(kept, acknowledged, "{call:?} {n}");
        if untouched {
            assert_eq!(acknowledged.len(), 40);
            return n;
        }
    }
    unreachable!()
}

#[test]
fn f03_a_failed_call_never_costs_what_was_acknowledged() {
    for call in [Call::Write, Call::Sync, Call::Folder] {
        let calls = fail_every_call(call, ErrorKind::Other, |_, _| {});
        assert!(calls > 3, "{call:?} happened {calls} times");
    }
}

#[test]
fn f03_a_start_that_may_not_cut_goes_on_and_one_that_may_not_sync_does_not() {
    let disk = SimDisk::new(1);
    let config = exact_config(8192);
    let journal = open(&disk, &config).unwrap();
    journal.writer().append(frame(1, FrameKind::Head, "head")).unwrap().durable_blocking().unwrap();
    journal.close().unwrap();
    let whole = disk.content("seg-0000000000000001.ujl").unwrap();

    // Syncs of a start: of what it reads, of the cut.
    for sync in 1..=2 {
        disk.fail_nth(Call::Sync, sync, ErrorKind::Other);
        assert!(matches!(open(&disk, &config).err(), Some(JournalError::Io { .. })), "sync {sync}");
        assert_eq!(disk.clear_faults(), 0);
        disk.put("seg-0000000000000001.ujl", whole.clone());
    }
    disk.fail_nth(Call::Write, 1, ErrorKind::PermissionDenied);
    let journal = open(&disk, &config).unwrap();
    assert_eq!(disk.clear_faults(), 0);
    assert_eq!(disk.content("seg-0000000000000001.ujl").unwrap().len(), 8192, "it keeps its size");
    assert_eq!(frames(&journal).len(), 2);
}

#[test]
fn f04_a_full_disk_drops_frames_and_the_journal_goes_on() {
    fail_every_call(Call::Write, ErrorKind::StorageFull, |n, health| assert_eq!(*health, Health::Working, "{n}"));
}

#[test]
fn f03_a_failed_sync_is_never_tried_again() {
    let disk = SimDisk::new(1);
    let journal = open(&disk, &exact_config(8192)).unwrap();
    let writer = journal.writer();
    let kept = writer.append(frame(1, FrameKind::Head, "kept")).unwrap().durable_blocking().unwrap();
    disk.fail_nth(Call::Sync, 1, ErrorKind::Other);
    let syncs = disk.calls(Call::Sync);
    let first = writer.append(frame(1, FrameKind::RequestPart, "lost")).unwrap();
    let second = writer.append_urgent(frame(1, FrameKind::RequestEnd, "")).unwrap();
    assert!(matches!(first.durable_blocking(), Err(JournalError::Failed { .. })));
    assert!(matches!(second.durable_blocking(), Err(JournalError::Failed { .. })));
    assert_eq!(writer.append(end(1)).err(), Some(AppendError::Failed));
    assert!(matches!(journal.health(), Health::Failed { .. }));
    assert_eq!(journal.stats().dropped.failed, 3);
    assert_eq!(journal.stats().queue_bytes, 0);
    assert_eq!(read_all(&journal, None).iter().map(|entry| entry.position).collect::<Vec<_>>(), [kept]);
    assert!(journal.close().is_err());
    assert_eq!(disk.calls(Call::Sync), syncs + 1);
}

#[test]
fn f04_nothing_is_acknowledged_behind_a_frame_of_its_exchange_that_found_no_room() {
    let disk = SimDisk::new(3);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let writer = journal.writer();
    let durable = |frame| writer.append(frame).unwrap().durable_blocking();
    disk.set_capacity(Some(4096));
    for capture in 1..=2 {
        durable(frame(capture, FrameKind::Head, "begun")).unwrap();
    }
    // Nobody waits for the body; its end would find room, and be taken for the proof that all of it is on disk.
    writer.append_unawaited(frame(1, FrameKind::RequestPart, vec![0; 2900])).unwrap();
    assert!(matches!(durable(frame(1, FrameKind::RequestEnd, "")), Err(JournalError::Full)));
    assert!(matches!(durable(frame(1, FrameKind::RequestEnd, "")), Err(JournalError::Full)), "a batch later");
    durable(frame(2, FrameKind::RequestEnd, "")).unwrap();
    disk.set_capacity(None);
    assert!(matches!(durable(frame(1, FrameKind::ResponsePart, "x")), Err(JournalError::Full)), "still");
    assert!(matches!(durable(end(1)), Err(JournalError::Full)), "the exchange ended with a part missing");
    durable(end(2)).unwrap();
    assert_eq!(frames(&journal).iter().filter(|frame| frame.kind == FrameKind::End).count(), 2, "both have an end");
}

/// A disk whose syncs wait until this is dropped: a test that fails does not hang on closing its journal.
struct Held<'a>(&'a SimDisk);

impl<'a> Held<'a> {
    fn new(disk: &'a SimDisk) -> Self {
        disk.hold_syncs(true);
        Self(disk)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.hold_syncs(false);
    }
}

#[test]
fn f04_nobody_waits_for_ever_for_a_disk_that_hangs() {
    let limit = Duration::from_millis(200);
    let disk = SimDisk::new(1);
    let journal = open(&disk, &JournalConfig { durable_within: limit, ..exact_config(1 << 16) }).unwrap();
    let writer = journal.writer();
    let late = |ticket: Ticket| {
        let begun = Instant::now();
        assert!(matches!(ticket.durable_blocking(), Err(JournalError::Overdue)));
        begun.elapsed()
    };
    let held = Held::new(&disk);
    let waited = late(writer.append(frame(1, FrameKind::Head, "head")).unwrap());
    assert!(waited >= limit, "{waited:?}");
    // The disk is known to hang: the next ones are told at once, in async code as well.
    let waited: Vec<_> = (0..20).map(|_| late(writer.append(frame(1, FrameKind::RequestPart, "x")).unwrap())).collect();
    assert!(waited.iter().all(|waited| *waited < limit), "{waited:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let ticket = writer.append(end(1)).unwrap();
    assert!(matches!(runtime.block_on(ticket.durable()), Err(JournalError::Overdue)));
    assert_eq!((journal.stats().overdue, journal.health()), (22, Health::Working));
    assert!(frames(&journal).is_empty());

    drop(held);
    let until = Instant::now() + Duration::from_secs(10);
    while journal.stats().queue_bytes > 0 {
        assert!(Instant::now() < until, "what is queued is committed");
        std::thread::yield_now();
    }
    writer.append(frame(2, FrameKind::Head, "head")).unwrap().durable_blocking().unwrap();
    assert_eq!(frames(&journal).len(), 23, "what was late is dropped no more than what was not");
    assert_eq!(journal.stats().dropped, ursa_journal::Dropped::default());
}

#[test]
fn f04_when_space_returns_open_captures_get_their_ends() {
    let disk = SimDisk::new(2);
    let journal = open(&disk, &exact_config(4096)).unwrap();
    let writer = journal.writer();
    let durable = |frame| writer.append(frame).unwrap().durable_blocking();
    durable(frame(1, FrameKind::Head, "begun")).unwrap();
    disk.set_capacity(Some(4096));
    // Fills the segment; the next one finds no space.
    while durable(frame(1, FrameKind::RequestPart, vec![0; 900])).is_ok() {}
    let full = writer.append(frame(2, FrameKind::Head, vec![0; 900])).unwrap();
    let ends = [writer.append(end(1)).unwrap(), writer.append(end(2)).unwrap()];
    assert!(matches!(full.durable_blocking(), Err(JournalError::Full)));
    let [first, second] = ends.map(Ticket::durable_blocking);
    // Whether the small ends found room is up to the segment; after this they are written or owed.
    assert!(first.is_ok() || matches!(first, Err(JournalError::Full)));
    assert!(second.is_ok() || matches!(second, Err(JournalError::Full)));
    assert_eq!(journal.health(), Health::Working);
    assert!(journal.stats().dropped.disk_full >= 2);
    assert_eq!(journal.backlog().pending(), 1, "a head that is not in the log does not count");
    let before = frames(&journal);

    disk.set_capacity(None);
    durable(frame(3, FrameKind::Head, "again")).unwrap();
    let after = frames(&journal);
    assert_eq!(after[..before.len()], before[..], "what was acknowledged is still there");
    let ended: Vec<_> = after.iter().filter(|frame| frame.kind == FrameKind::End).collect();
    assert!(ended.iter().filter(|frame| frame.exchange == common::exchange(1)).count() == 1, "{ended:?}");
    journal.close().unwrap();

    let journal = open(&disk, &exact_config(4096)).unwrap();
    let frames = frames(&journal);
    assert_eq!(frames[..after.len()], after[..]);
    assert_eq!(frames.len(), after.len() + 1);
    assert_eq!(end_of(&frames[after.len()]).reason, EndReason::Interrupted);
}

#[test]
fn what_a_full_disk_left_half_written_never_joins_the_log() {
    // The second frame after the failure is as long as the first one before it, or goes to the next segment.
    for (next_bytes, stale_is_cut) in [(100, true), (2900, false)] {
        let mut left_behind = 0;
        for seed in 0..60 {
            let disk = SimDisk::new(seed);
            let journal = open(&disk, &exact_config(4096)).unwrap();
            let writer = journal.writer();
            writer.append(frame(1, FrameKind::Head, vec![0; 100])).unwrap().durable_blocking().unwrap();
            disk.fail_nth(Call::Write, 1, ErrorKind::StorageFull);
            let dropped = [100, 10, 10].map(|bytes| frame(1, FrameKind::RequestPart, vec![1; bytes]));
            let tickets = dropped.clone().map(|frame| writer.append(frame).unwrap());
            for ticket in tickets {
                assert!(matches!(ticket.durable_blocking(), Err(JournalError::Full)));
            }
            let content = disk.content("seg-0000000000000001.ujl").unwrap();
            left_behind += u32::from(content[1024 + 360..].iter().any(|byte| *byte != 0));
            let next = frame(2, FrameKind::ResponsePart, vec![2; next_bytes]);
            writer.append(next).unwrap().durable_blocking().unwrap();
            let before = frames(&journal);
            assert_eq!(before.len(), 2);
            journal.close().unwrap();

            let journal = open(&disk, &exact_config(4096)).unwrap();
            let after = frames(&journal);
            assert_eq!((&after[..2], after.len()), (&before[..], 3), "seed {seed}");
            assert_eq!(end_of(&after[2]).reason, EndReason::Interrupted);
            assert_eq!(journal.stats().quarantined, 0);
            assert!(stale_is_cut || journal.stats().cut_bytes == 0);
        }
        assert!(left_behind > 5, "the failure left whole frames behind in some runs");
    }
}
