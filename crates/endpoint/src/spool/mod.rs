//! The spool of a device: what hooks told and the server does not have yet, on disk, bounded, in the journal's frames.
//!
//! Many short processes append to it. Each holds the spool's lock for one write at most; whoever cannot have the lock in
//! time leaves a file of its own ([`late`]). Records are numbered from 1 without holes; the number is the frame's seal
//! number. One process at a time reads and settles ([`reader`]).
//!
//! # Files of format version 1
//!
//! | name | what |
//! |---|---|
//! | `identity` | the spool's id, its key, whose it is |
//! | `seg-<16 hex>.ujl` | records: a segment header of the journal, then frames of kind `Envelope`; not preallocated. The payload is the envelope's line without `seq`, its body maybe as it came ([`crate::line`]); the frame's id is the envelope's |
//! | `thin-<16 hex>.ujl` | the same, of records that were cut to their small fields for want of space |
//! | `late-<uuid>.ujl` | the same with one frame, whose number is not yet given |
//! | `tail` | where the last frame is: a hint |
//! | `ledger` | how far records are settled, what was dropped |
//! | `lock` | empty, for its lock |
//!
//! # Invariants
//!
//! - A segment whose end is not a whole frame is never appended to again, so no nonce is used for two contents.
//! - A record leaves the spool only when the server has it or when it is counted in the ledger.
//! - Reading goes by record number, never by file: records may move from one file to another in between.

mod files;
mod identity;
mod late;
mod ledger;
mod lock;
mod place;
mod reader;
mod report;
mod segment;
mod tail;
mod trim;

use std::io;
use std::time::Duration;

use ursa_journal::frames::SegmentError;
use ursa_journal::{Disk, DiskFile};
use ursa_model::ExchangeId;
use ursa_model::capture::{Frame, FrameKind};
use ursa_model::envelope::ENVELOPE_BYTES_MAX;
use ursa_model::time::Timestamp;
use uuid::Uuid;

pub use late::{LATE_FILES_MAX, write_late};
pub use ledger::{Count, Reason};
pub use lock::Lock;
pub use reader::{Batch, Line};

use identity::Identity;

/// Longest line of a record, in bytes.
pub const LINE_BYTES_MAX: usize = ENVELOPE_BYTES_MAX;
/// Default size of a segment, in bytes: what is dropped or thinned at once.
pub const SEGMENT_BYTES: u64 = 2 << 20;
/// Default bound of the whole spool, in bytes.
pub const SIZE_BYTES: u64 = 256 << 20;
/// Smallest bound that may be configured, in bytes: some segments and the longest record.
pub const SIZE_BYTES_MIN: u64 = 16 << 20;
/// Default age at which records that cannot be delivered are dropped.
pub const AGE: Duration = Duration::from_hours(30 * 24);
/// Name of the file in the spool's folder that is held locked while appending.
pub const LOCK_NAME: &str = "lock";

/// Bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Age at which records are dropped while the server cannot be reached.
    pub age: Duration,
    /// Size at which the next segment is begun, in bytes.
    pub segment_bytes: u64,
    /// Whether an appended record is on the disk before the agent is answered.
    pub sync: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size_bytes: SIZE_BYTES, age: AGE, segment_bytes: SEGMENT_BYTES, sync: false }
    }
}

/// What can go wrong with the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk.
    #[error("the spool's disk: {0}")]
    Io(#[from] io::Error),
    /// A segment.
    #[error("the spool: {0}")]
    Segment(#[from] SegmentError),
    /// Made by a later program.
    #[error("the spool has format version {0}, which is later than this program")]
    Version(u32),
    /// The record is longer than [`LINE_BYTES_MAX`].
    #[error("the record is too long")]
    TooLong,
    /// Too many files are waiting to be taken in.
    #[error("too many records wait beside the spool")]
    TooManyLate,
}

impl From<segment::OpenError> for SpoolError {
    fn from(error: segment::OpenError) -> Self {
        match error {
            segment::OpenError::Io(error) => Self::Io(error),
            segment::OpenError::Segment(error) => Self::Segment(error),
        }
    }
}

/// An open spool. Unless said otherwise its methods need the spool's lock to be held.
pub struct Spool<'d> {
    disk: &'d dyn Disk,
    identity: Identity,
    key: [u8; 32],
    limits: Limits,
}

/// An appended record.
pub struct Appended {
    /// Its number.
    pub seq: u64,
    file: Box<dyn DiskFile>,
}

impl Appended {
    /// Puts it on the disk for good. Needs no lock.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// A record as a frame: the envelope's line without `seq`.
pub fn record(id: Uuid, at: Timestamp, line: Vec<u8>) -> Frame {
    Frame { exchange: ExchangeId(id.into_bytes()), at, kind: FrameKind::Envelope, payload: line }
}

impl<'d> Spool<'d> {
    /// Opens the spool, or makes it; `os_user` says whose it is when it is made.
    ///
    /// # Errors
    /// When the disk refuses, or a later program made it.
    pub fn open(
        disk: &'d dyn Disk,
        limits: Limits,
        os_user: impl FnOnce() -> Option<String>,
    ) -> Result<Self, SpoolError> {
        let identity = Identity::open(disk, os_user)?;
        let key = identity.key().ok_or(SpoolError::Segment(SegmentError::WrongKey))?;
        Ok(Self { disk, identity, key, limits })
    }

    /// Opens the spool if there is one. Needs no lock.
    ///
    /// # Errors
    /// As [`Spool::open`].
    pub fn existing(disk: &'d dyn Disk, limits: Limits) -> Result<Option<Self>, SpoolError> {
        let identity = Identity::read(disk)?;
        let opened = identity.and_then(|identity| identity.key().map(|key| (identity, key)));
        Ok(opened.map(|(identity, key)| Self { disk, identity, key, limits }))
    }

    /// The spool's id. Needs no lock.
    pub fn id(&self) -> Uuid {
        self.identity.spool
    }

    /// Login name of the person whose spool it is. Needs no lock.
    pub fn os_user(&self) -> Option<&str> {
        self.identity.os_user.as_deref()
    }

    /// Appends a record. Once this returned, no end of a process takes it away; a power loss may, until
    /// [`Appended::sync`] returned.
    ///
    /// # Errors
    /// When the disk refuses; the record is then not in the spool, or not whole.
    pub fn append(&self, frame: Frame) -> Result<Appended, SpoolError> {
        if frame.payload.len() > LINE_BYTES_MAX {
            return Err(SpoolError::TooLong);
        }
        let mut place = self.place()?;
        if place.end >= self.limits.segment_bytes {
            self.make_room(place.number)?;
            place = self.begin(place.number + 1, place.seq)?;
        }
        let seq = place.seq + 1;
        let file = self.write(place, frame, seq)?;
        Ok(Appended { seq, file })
    }

    /// Counts a record that could not be written.
    ///
    /// # Errors
    /// When not even that can be written.
    pub fn count_failed(&self, bytes: u64) -> Result<(), SpoolError> {
        let mut ledger = ledger::Ledger::read(self.disk)?;
        ledger.count(Reason::WriteFailed, Count { count: 1, bytes });
        Ok(ledger.write(self.disk, self.limits.sync)?)
    }
}
