//! Records of processes that could not have the lock in time: each a file of its own, which is taken in later.

use std::io;

use ursa_journal::Disk;
use ursa_journal::format::SEGMENT_HEADER_BYTES;
use ursa_journal::frames::Segment;
use ursa_model::capture::Frame;
use ursa_model::time::Timestamp;
use uuid::Uuid;

use super::files::Names;
use super::identity::{Identity, random};
use super::segment::{OpenError, SegmentFile};
use super::{Appended, LINE_BYTES_MAX, Limits, Spool, SpoolError};

/// Most such files at once.
pub const LATE_FILES_MAX: usize = 256;
/// An incomplete file of this age belongs to no one any more, in microseconds.
const ABANDONED_MICROS: i64 = 60 * 60 * 1_000_000;
/// Its number is given when it is taken in.
const SEAL: u64 = 1;

/// Writes the record beside the spool. Needs no lock, but a spool that was made before.
///
/// # Errors
/// When the disk refuses, there is no spool yet, or there are [`LATE_FILES_MAX`] already.
pub fn write_late(disk: &dyn Disk, limits: Limits, frame: &Frame) -> Result<Appended, SpoolError> {
    if frame.payload.len() > LINE_BYTES_MAX {
        return Err(SpoolError::TooLong);
    }
    let identity = Identity::read(disk)?.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
    let key = identity.key().ok_or(io::Error::from(io::ErrorKind::InvalidData))?;
    if Names::list(disk)?.late.len() >= LATE_FILES_MAX {
        return Err(SpoolError::TooManyLate);
    }
    let (segment, mut bytes) = Segment::begin(&key, 0, random()?)?;
    segment.seal(frame, SEGMENT_HEADER_BYTES, SEAL, &mut bytes)?;
    let name = format!("late-{}.ujl", Uuid::now_v7());
    let file = disk.create(&name)?;
    if let Err(error) = file.write_at(&bytes, 0) {
        disk.remove(&name)?;
        return Err(error.into());
    }
    if limits.sync {
        disk.sync_dir()?;
    }
    Ok(Appended { seq: 0, file })
}

impl Spool<'_> {
    /// Takes in what was left beside the spool. Answers how many records.
    ///
    /// # Errors
    /// When the disk refuses. What was not taken in stays.
    pub fn adopt(&self, now: Timestamp) -> Result<usize, SpoolError> {
        let mut adopted = 0;
        for name in Names::list(self.disk)?.late {
            let Some(frame) = self.read_late(&name)? else {
                if abandoned(&name, now) {
                    self.disk.remove(&name)?;
                }
                continue;
            };
            // There already when a process ended between the two steps.
            if !self.holds(frame.exchange)? {
                self.append(frame)?.sync()?;
                adopted += 1;
            }
            self.disk.remove(&name)?;
        }
        Ok(adopted)
    }

    /// The record of a late file; `None` while it is not whole.
    fn read_late(&self, name: &str) -> Result<Option<Frame>, SpoolError> {
        let opened = match SegmentFile::open(self.disk, name, &self.key) {
            Ok(opened) => opened,
            Err(OpenError::Segment(_)) => return Ok(None),
            Err(OpenError::Io(error)) => return Err(error.into()),
        };
        let Some(found) = opened.head(SEGMENT_HEADER_BYTES)? else { return Ok(None) };
        let payload = opened.payload(&found)?;
        let frame =
            |payload| Frame { exchange: found.head.exchange(), at: found.head.at(), kind: found.head.kind(), payload };
        Ok(payload.map(frame))
    }
}

/// True for an incomplete file whose writer must have ended long ago.
fn abandoned(name: &str, now: Timestamp) -> bool {
    let id = name.strip_prefix("late-").and_then(|name| name.strip_suffix(".ujl"));
    let made = id.and_then(|id| Uuid::try_parse(id).ok()).and_then(|id| id.get_timestamp());
    let micros = made.map(|made| made.to_unix()).map(|(seconds, _)| seconds as i64 * 1_000_000);
    micros.is_none_or(|micros| now.as_micros() - micros > ABANDONED_MICROS)
}
