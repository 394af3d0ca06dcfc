//! Settings and limits of the journal.

use std::time::Duration;

use crate::format::{FRAME_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES};

/// Largest payload of one frame, in bytes: what a device delivers is one frame, and may be 4 MiB. The edge splits its
/// bodies into far smaller ones.
pub const PAYLOAD_BYTES_MAX: usize = (4 << 20) + (128 << 10);
/// Bytes above the queue's and the lag's bound that only End frames may use, so that a drop can itself be recorded.
pub const END_RESERVE_BYTES: usize = 1 << 20;
/// Largest group of frames that is written and synced at once, in bytes; a frame that is larger goes alone. Bounds the
/// commit buffer that is kept.
pub const BATCH_BYTES_MAX: usize = 2 << 20;
/// Size of a segment when there is space enough, in bytes.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// Smallest segment that is chosen by free space, in bytes: it must hold the largest frame.
pub const SEGMENT_BYTES_FLOOR: u64 = 5 << 20;
/// Smallest segment that may be configured, in bytes. Small ones are for tests.
pub const SEGMENT_BYTES_MIN: u64 = 4 << 10;
/// A new segment takes at most this part of the free space.
pub(crate) const FREE_SPACE_SHARE: u64 = 16;

/// Settings of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalConfig {
    /// Longest time that a frame waits for others before it is committed, unless someone waits for it. Default 5 ms.
    pub commit_interval: Duration,
    /// Commit as soon as this many bytes are queued. Default 256 KiB.
    pub commit_bytes: usize,
    /// Bound of the queue in bytes, frames in the middle of a commit included. Default 64 MiB.
    pub queue_bytes: usize,
    /// How far the pipeline may lag behind, in bytes of journal; past it appends fail with `Full`. Default 8 GiB.
    pub lag_cap_bytes: u64,
    /// Longest wait for a frame to be durable; past it the ticket says [`Overdue`](crate::JournalError::Overdue), at once
    /// while the disk hangs. Default 5 s.
    pub durable_within: Duration,
    /// Size of a segment in bytes; `None` is the smaller of 64 MiB and 1/16 of the free space.
    pub segment_bytes: Option<u64>,
    /// Mean size of a segment's commits in bytes from which on the room of the next one is only reserved, and not written
    /// with zeros, unless somebody waited for a frame. Default 128 KiB: with 64 KiB the zeros save about what they
    /// cost (docs/PERFORMANCE.md).
    pub reserve_from_bytes: u64,
    /// Make the next segment in the background. Turned off by tests that replay exact orders of disk calls.
    pub prepare_ahead: bool,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            commit_interval: Duration::from_millis(5),
            commit_bytes: 256 << 10,
            queue_bytes: 64 << 20,
            lag_cap_bytes: 8 << 30,
            durable_within: Duration::from_secs(5),
            segment_bytes: None,
            reserve_from_bytes: 128 << 10,
            prepare_ahead: true,
        }
    }
}

impl JournalConfig {
    /// Largest payload that fits both the limit and a segment of the configured size, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        let fits = self.segment_bytes.unwrap_or(SEGMENT_BYTES_DEFAULT).saturating_sub(SEGMENT_HEADER_BYTES);
        PAYLOAD_BYTES_MAX.min(usize::try_from(fits).unwrap_or(usize::MAX).saturating_sub(FRAME_OVERHEAD_BYTES))
    }
}
