//! Counters of the journal.

use std::sync::atomic::{AtomicU64, Ordering};

/// Frames that were dropped since the journal was opened, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Dropped {
    /// The queue was at its bound in bytes.
    pub queue_full: u64,
    /// The pipeline lagged further behind than the cap.
    pub lagging: u64,
    /// The disk was full when the frame was to be written.
    pub disk_full: u64,
    /// The journal had failed or was closed.
    pub failed: u64,
    /// The payload was too long for a frame.
    pub too_large: u64,
}

/// Counters and gauges of a journal; counters start when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct JournalStats {
    /// Frames committed.
    pub frames: u64,
    /// Bytes committed, as they are on disk.
    pub bytes: u64,
    /// Groups committed, each with one sync.
    pub commits: u64,
    /// Time of the last commit (write and sync) in microseconds.
    pub last_commit_micros: u64,
    /// Time of the slowest commit in microseconds.
    pub slowest_commit_micros: u64,
    /// Frames dropped.
    pub dropped: Dropped,
    /// Waits for the disk that were given up because they took too long. Their frames are not dropped.
    pub overdue: u64,
    /// Bytes that wait in the queue or are being committed.
    pub queue_bytes: u64,
    /// Bytes between the pipeline's cursor and the end of what is committed.
    pub lag_bytes: u64,
    /// Segments in the log.
    pub segments: u64,
    /// Bytes of torn tail that recovery cut off; none of them was ever acknowledged.
    pub cut_bytes: u64,
    /// Segments found damaged, those whose header could not be read included.
    pub quarantined: u64,
    /// Damaged stretches that readers skipped.
    pub damaged_gaps: u64,
    /// Captures without an End that recovery closed.
    pub interrupted: u64,
}

/// The counters behind [`JournalStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) last_commit_micros: AtomicU64,
    pub(crate) slowest_commit_micros: AtomicU64,
    pub(crate) queue_full: AtomicU64,
    pub(crate) lagging: AtomicU64,
    pub(crate) disk_full: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) too_large: AtomicU64,
    pub(crate) overdue: AtomicU64,
    pub(crate) cut_bytes: AtomicU64,
    pub(crate) quarantined: AtomicU64,
    pub(crate) damaged_gaps: AtomicU64,
    pub(crate) interrupted: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn committed(&self, frames: u64, bytes: u64, micros: u64) {
        count(&self.frames, frames);
        count(&self.bytes, bytes);
        count(&self.commits, 1);
        self.last_commit_micros.store(micros, Ordering::Relaxed);
        self.slowest_commit_micros.fetch_max(micros, Ordering::Relaxed);
    }

    /// The counters; the gauges are for the caller to fill in.
    pub(crate) fn snapshot(&self) -> JournalStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        JournalStats {
            frames: get(&self.frames),
            bytes: get(&self.bytes),
            commits: get(&self.commits),
            last_commit_micros: get(&self.last_commit_micros),
            slowest_commit_micros: get(&self.slowest_commit_micros),
            dropped: Dropped {
                queue_full: get(&self.queue_full),
                lagging: get(&self.lagging),
                disk_full: get(&self.disk_full),
                failed: get(&self.failed),
                too_large: get(&self.too_large),
            },
            overdue: get(&self.overdue),
            cut_bytes: get(&self.cut_bytes),
            quarantined: get(&self.quarantined),
            damaged_gaps: get(&self.damaged_gaps),
            interrupted: get(&self.interrupted),
            queue_bytes: 0,
            lag_bytes: 0,
            segments: 0,
        }
    }
}
