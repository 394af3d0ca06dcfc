//! What can go wrong, and what the caller can do about it.

use std::io;
use std::sync::Arc;

/// Opening, reading or committing failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// The disk refused. `doing` says what was tried.
    #[error("journal: {doing} failed")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the disk said.
        #[source]
        source: Arc<io::Error>,
    },
    /// A segment was sealed with another key. Nothing was changed; open again with the right one.
    #[error("segment {segment} was written with another key")]
    WrongKey {
        /// Number of the segment.
        segment: u64,
    },
    /// A segment has a newer format than this program knows. Nothing was changed.
    #[error("segment {segment} has format version {version}, newer than this program")]
    Version {
        /// Number of the segment.
        segment: u64,
        /// Its format version.
        version: u32,
    },
    /// `segment_bytes` is below the smallest segment.
    #[error("segments of {bytes} bytes are too small")]
    SegmentTooSmall {
        /// The configured size in bytes.
        bytes: u64,
    },
    /// The disk was full when the frame, or one before it of its exchange, was to be written: that one is dropped and
    /// counted. Later appends may succeed.
    #[error("no space left for the frame")]
    Full,
    /// The disk did not confirm the frame in time. It stays queued, and may be on disk later.
    #[error("the disk takes too long")]
    Overdue,
    /// A write or sync failed, or the journal is closed: nothing is accepted any more, what was committed is readable.
    #[error("the journal no longer writes: {reason}")]
    Failed {
        /// Why.
        reason: Arc<str>,
    },
}

impl JournalError {
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source: Arc::new(source) }
    }
}

/// A frame was not accepted. It is dropped and counted by reason in the journal's stats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue or the lag of the pipeline is at its bound. May pass.
    #[error("the journal is full")]
    Full,
    /// A write or sync failed, or the journal is closed. Does not pass.
    #[error("the journal no longer writes")]
    Failed,
    /// The payload is longer than [`JournalConfig::payload_bytes_max`](crate::JournalConfig::payload_bytes_max).
    #[error("the payload is too long for one frame")]
    TooLarge,
}
