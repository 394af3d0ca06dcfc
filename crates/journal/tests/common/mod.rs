//! What the journal's tests share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::sync::Arc;
use std::time::Duration;

use ursa_journal::sim::SimDisk;
use ursa_journal::{Entry, Journal, JournalConfig, JournalError, Position};
use ursa_model::capture::{CaptureEnd, EndReason, Frame, FrameKind};
use ursa_model::{ExchangeId, Timestamp};

pub(crate) const KEY: [u8; 32] = [7; 32];

/// SplitMix64: the same numbers for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Commits happen only when somebody waits, so that a run replays exactly.
pub(crate) fn exact_config(segment_bytes: u64) -> JournalConfig {
    JournalConfig {
        commit_interval: Duration::from_hours(1),
        commit_bytes: usize::MAX,
        segment_bytes: Some(segment_bytes),
        prepare_ahead: false,
        ..JournalConfig::default()
    }
}

pub(crate) fn open(disk: &SimDisk, config: &JournalConfig) -> Result<Journal, JournalError> {
    Journal::open(Arc::new(disk.clone()), &KEY, config.clone(), None)
}

pub(crate) fn exchange(number: u64) -> ExchangeId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    ExchangeId(id)
}

pub(crate) fn frame(capture: u64, kind: FrameKind, payload: impl Into<Vec<u8>>) -> Frame {
    Frame {
        exchange: exchange(capture),
        at: Timestamp::from_micros(1_795_392_000_000_000 + i64::try_from(capture).unwrap()),
        kind,
        payload: payload.into(),
    }
}

/// An End as the edge writes it.
pub(crate) fn end(capture: u64) -> Frame {
    let end = CaptureEnd {
        reason: EndReason::Complete,
        request_bytes: capture,
        response_bytes: 0,
        first_byte_micros: None,
        duration_micros: 1,
        request_bytes_cut: 0,
        response_bytes_cut: 0,
        request_sha256: None,
        response_sha256: None,
        dropped_bytes: 0,
        edge_error: None,
    };
    frame(capture, FrameKind::End, serde_json::to_vec(&end).unwrap())
}

pub(crate) fn end_of(frame: &Frame) -> CaptureEnd {
    assert_eq!(frame.kind, FrameKind::End);
    serde_json::from_slice(&frame.payload).unwrap()
}

/// Everything that is committed.
pub(crate) fn read_all(journal: &Journal, from: Option<Position>) -> Vec<Entry> {
    let mut reader = journal.reader(from);
    let mut entries = Vec::new();
    loop {
        let batch = reader.next_batch(1500).unwrap();
        if batch.is_empty() {
            return entries;
        }
        for entry in &batch {
            assert!(entry.position < entry.next);
            assert!(entries.last().is_none_or(|last: &Entry| last.next <= entry.position));
            entries.push(entry.clone());
        }
    }
}

/// The readable frames.
pub(crate) fn frames(journal: &Journal) -> Vec<Frame> {
    read_all(journal, None).into_iter().filter_map(|entry| entry.frame.ok()).collect()
}
