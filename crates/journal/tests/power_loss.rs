//! Random histories on a disk that loses power: what was acknowledged is there, once, in order; nothing is invented.
//!
//! `URSA_SIM_SEEDS=n` runs n seeds; `URSA_SIM_SEED=s` runs that one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use common::{KEY, Random, end, end_of, exact_config, frame, read_all};
use ursa_journal::sim::SimDisk;
use ursa_journal::{Disk, Entry, Journal, JournalConfig, Position};
use ursa_model::capture::{EndReason, Frame, FrameKind};

const SEEDS_DEFAULT: u64 = 120;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

#[test]
fn f02_acknowledged_frames_survive_every_power_loss() {
    if let Some(seed) = variable("URSA_SIM_SEED") {
        return History::new(seed).run();
    }
    let mut reserved = 0;
    for seed in 0..variable("URSA_SIM_SEEDS").unwrap_or(SEEDS_DEFAULT) {
        let history = History::new(seed);
        let disk = history.disk.clone();
        let outcome = std::panic::catch_unwind(|| history.run());
        assert!(outcome.is_ok(), "failed with URSA_SIM_SEED={seed}");
        reserved += disk.reserved();
    }
    assert!(reserved > 0, "some segments had room that was only reserved");
}

struct History {
    seed: u64,
    disk: SimDisk,
    random: Random,
    /// What must be there: read at the last open.
    certain: Vec<Entry>,
    /// Entries at the front of `certain` that a trim may have removed.
    removable: usize,
    /// Appended since, in order.
    appended: Vec<Frame>,
    /// So many of `appended` were acknowledged.
    acknowledged: usize,
    cursor: Option<Position>,
    captures: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            disk: SimDisk::new(seed),
            random: Random(seed ^ 0x5EED),
            certain: Vec::new(),
            removable: 0,
            appended: Vec::new(),
            acknowledged: 0,
            cursor: None,
            captures: 0,
        }
    }

    fn config(&mut self) -> JournalConfig {
        let segment_bytes = 4096 << self.random.below(3);
        // One in four prepares ahead: closer to life, but its calls do not replay in an exact order.
        let prepare_ahead = self.seed % 4 == 3;
        let reserve_from_bytes = if self.reserves() { 0 } else { JournalConfig::default().reserve_from_bytes };
        JournalConfig { prepare_ahead, reserve_from_bytes, ..exact_config(segment_bytes) }
    }

    /// In every other history segments are only reserved where nobody waits, whatever the size of commits.
    fn reserves(&self) -> bool {
        self.seed % 2 == 1
    }

    fn run(mut self) {
        for _ in 0..8 {
            self.disk.restore_power();
            if self.random.below(2) == 0 {
                self.disk.lose_power_after(1 + self.random.below(30));
            }
            let config = self.config();
            let opened = Journal::open(Arc::new(self.disk.clone()), &KEY, config, self.cursor);
            // A power loss from the time of recovery may come later; it is taken back so that reading is not cut short.
            let Ok(journal) = opened else {
                assert!(!self.disk.is_powered(), "only a power loss may fail an open: {:?}", opened.err());
                continue;
            };
            if !self.disk.is_powered() {
                continue;
            }
            self.disk.restore_power();
            self.check(read_all(&journal, None));
            self.check_sizes(&journal);
            assert_eq!(journal.stats().quarantined, 0, "a power loss is not damage");
            self.maybe_trim(&journal);
            self.append_until_power_loss(&journal);
        }
    }

    /// Compares what is read after an open with what must and may be there.
    fn check(&mut self, seen: Vec<Entry>) {
        let frames: Vec<&Frame> = seen.iter().map(|entry| entry.frame.as_ref().expect("no damage")).collect();
        let gone = (0..=self.removable)
            .find(|gone| {
                let rest = &self.certain[*gone..];
                seen.len() >= rest.len() && seen[..rest.len()].iter().eq(rest)
            })
            .expect("all that was certain is there, in order");
        let mut known = self.certain.len() - gone;
        let survived = self.appended.iter().zip(&frames[known..]).take_while(|(a, b)| a == *b).count();
        assert!(survived >= self.acknowledged, "{survived} of {} acknowledged survived", self.acknowledged);
        known += survived;

        let mut open: HashSet<_> = HashSet::new();
        let mut ends: HashMap<_, u32> = HashMap::new();
        for (index, frame) in frames.iter().enumerate() {
            if frame.kind == FrameKind::Head {
                open.insert(frame.exchange);
            }
            if index >= known {
                assert_eq!(end_of(frame).reason, EndReason::Interrupted, "nothing is invented");
                assert!(open.contains(&frame.exchange), "an interrupted capture has a head and no end");
            }
            if frame.kind == FrameKind::End {
                open.remove(&frame.exchange);
                *ends.entry(frame.exchange).or_default() += 1;
            }
        }
        assert!(open.is_empty(), "every capture has an end after recovery");
        assert!(ends.values().all(|count| *count == 1), "and only one");
        self.certain = seen;
        self.removable = 0;
        self.appended.clear();
        self.acknowledged = 0;
    }

    /// Segments that are no longer written hold no zeros behind their frames, whichever part of a cut came undone before.
    fn check_sizes(&self, journal: &Journal) {
        let segments = journal.segments();
        // The last one, and the one made ahead, are as they were made.
        let names = self.disk.list().unwrap();
        for segment in &segments[..segments.len() - 1] {
            let name = names.iter().find(|name| name.contains(&format!("{:016x}", segment.number)));
            let content = self.disk.content(name.unwrap()).unwrap();
            let rest = &content[usize::try_from(segment.bytes).unwrap()..];
            assert!(rest.last().is_none_or(|byte| *byte != 0), "{} of zeros in {name:?}", rest.len());
        }
    }

    fn maybe_trim(&mut self, journal: &Journal) {
        if self.certain.is_empty() || self.random.below(3) != 0 {
            return;
        }
        let below = self.certain[self.random.below(self.certain.len() as u64) as usize].next;
        self.cursor = self.cursor.max(Some(below));
        if self.random.below(2) == 0 {
            self.disk.lose_power_after(1 + self.random.below(4));
        }
        let _ = journal.trim(below);
        self.removable = self.certain.iter().take_while(|entry| entry.next <= below).count();
    }

    fn append_until_power_loss(&mut self, journal: &Journal) {
        let writer = journal.writer();
        self.disk.lose_power_after(1 + self.random.below(40));
        let mut open = Vec::new();
        for _ in 0..40 {
            let frame = self.next_frame(&mut open);
            let waits = self.random.below(3) == 0;
            if !waits && self.reserves() {
                let Ok(()) = writer.append_unawaited(frame.clone()) else { break };
                self.appended.push(frame);
                continue;
            }
            let Ok(ticket) = writer.append(frame.clone()) else { break };
            self.appended.push(frame);
            if waits {
                if ticket.durable_blocking().is_err() {
                    break;
                }
                self.acknowledged = self.appended.len();
            }
        }
        if self.random.below(2) == 0 {
            self.disk.lose_power();
        }
    }

    fn next_frame(&mut self, open: &mut Vec<u64>) -> Frame {
        let size = if self.random.below(6) == 0 { 2500 } else { 200 };
        let size = self.random.below(size) as usize;
        let noise: Vec<u8> = (0..size).map(|_| self.random.next() as u8).collect();
        if open.is_empty() || self.random.below(4) == 0 {
            self.captures += 1;
            open.push(self.captures);
            return frame(self.captures, FrameKind::Head, noise);
        }
        let at = self.random.below(open.len() as u64) as usize;
        match self.random.below(4) {
            0 => frame(open[at], FrameKind::RequestPart, noise),
            1 => frame(open[at], FrameKind::RequestEnd, Vec::new()),
            2 => frame(open[at], FrameKind::ResponsePart, noise),
            _ => end(open.swap_remove(at)),
        }
    }
}
