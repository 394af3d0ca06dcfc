//! Where the next record goes, found by the hint or, when that does not hold, by looking.

use std::io;

use ursa_journal::DiskFile;
use ursa_journal::format::SEGMENT_HEADER_BYTES;
use ursa_journal::frames::Segment;
use ursa_model::capture::Frame;

use super::files::{self, Names};
use super::identity::random;
use super::ledger::Ledger;
use super::segment::{OpenError, SegmentFile};
use super::tail::Tail;
use super::{Spool, SpoolError};

/// Space that is left on the disk for others, in bytes.
const FREE_BYTES_MIN: u64 = 64 * 1024;
/// How many numbers are tried for a new segment.
const NUMBERS_MAX: u64 = 64;

/// The end of the spool.
pub(super) struct Place {
    file: Box<dyn DiskFile>,
    segment: Segment,
    /// Number of the segment.
    pub(super) number: u64,
    /// Where the next frame goes.
    pub(super) end: u64,
    /// Number of the last record.
    pub(super) seq: u64,
}

impl Spool<'_> {
    pub(super) fn place(&self) -> Result<Place, SpoolError> {
        let tail = Tail::read(self.disk);
        if let Some(tail) = tail
            // A later segment is there when a process ended while it began one, or when the hint is of before a power
            // loss; perhaps not the next one, for one without records may have been removed.
            && Names::list(self.disk)?.full.last() == Some(&tail.segment)
            && let Some(place) = self.follow(tail)?
        {
            return Ok(place);
        }
        self.recover(tail.map_or(0, |tail| tail.seq))
    }

    /// The place that the hint names, and frames that were appended since; `None` when the segment ends otherwise.
    fn follow(&self, tail: Tail) -> Result<Option<Place>, SpoolError> {
        let Ok(opened) = SegmentFile::open(self.disk, &files::full(tail.segment), &self.key) else { return Ok(None) };
        // After a power loss another frame may lie there, and end in the same place.
        let Some(last) = opened.head(tail.last)?.filter(|found| found.head.seal() == tail.seq) else { return Ok(None) };
        let (end, last) = opened.whole_until(last.end())?;
        let seq = last.unwrap_or(tail.seq);
        let place = Place { file: opened.file, segment: opened.segment, number: tail.segment, end, seq };
        Ok((end == opened.len).then_some(place))
    }

    /// Looks for the end of the spool in its files. `hinted`: a number that may have been given already.
    fn recover(&self, hinted: u64) -> Result<Place, SpoolError> {
        let names = Names::list(self.disk)?;
        let highest = names.full.last().copied();
        let mut seq = hinted.max(Ledger::read(self.disk)?.settled);
        let mut place = None;
        for name in names.numbered().collect::<Vec<_>>().iter().rev() {
            let opened = match SegmentFile::open(self.disk, name, &self.key) {
                Ok(opened) => opened,
                Err(OpenError::Segment(_)) => continue,
                Err(OpenError::Io(error)) => return Err(error.into()),
            };
            let mut last = None;
            for found in opened.heads() {
                last = last.max(Some(found?.head.seal()));
            }
            if highest.is_some_and(|number| *name == files::full(number)) {
                let (end, _) = opened.whole_until(SEGMENT_HEADER_BYTES)?;
                let whole = end == opened.len;
                place = whole.then_some((opened, end));
            }
            if let Some(last) = last {
                seq = seq.max(last);
                break;
            }
        }
        if self.limits.sync {
            // Whoever began the segment may have ended before its name was durable.
            self.disk.sync_dir()?;
        }
        match (place, highest) {
            (Some((opened, end)), Some(number)) => {
                Ok(Place { file: opened.file, segment: opened.segment, number, end, seq })
            }
            (_, highest) => self.begin(highest.unwrap_or(0) + 1, seq),
        }
    }

    /// Begins a segment with that number, or the next one that is free.
    pub(super) fn begin(&self, from: u64, seq: u64) -> Result<Place, SpoolError> {
        self.check_space(SEGMENT_HEADER_BYTES)?;
        for number in from..from + NUMBERS_MAX {
            let name = files::full(number);
            let file = match self.disk.create(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let (segment, area) = Segment::begin(&self.key, number, random()?)?;
            if let Err(error) = file.write_at(&area, 0) {
                self.disk.remove(&name)?;
                return Err(error.into());
            }
            if self.limits.sync {
                self.disk.sync_dir()?;
            }
            return Ok(Place { file, segment, number, end: SEGMENT_HEADER_BYTES, seq });
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists).into())
    }

    /// Writes the frame there.
    pub(super) fn write(&self, place: Place, frame: Frame, seq: u64) -> Result<Box<dyn DiskFile>, SpoolError> {
        let bytes = place.segment.sealed(frame, place.end, seq)?;
        self.check_space(bytes.len() as u64)?;
        if let Err(error) = place.file.write_at(&bytes, place.end) {
            if place.end == SEGMENT_HEADER_BYTES {
                // Nothing whole is in it: a full disk shall not be filled with such files.
                self.disk.remove(&files::full(place.number))?;
            }
            return Err(error.into());
        }
        let tail = Tail { segment: place.number, last: place.end, seq };
        // A hint only: without it the next one looks.
        let _ = tail.write(self.disk);
        Ok(place.file)
    }

    fn check_space(&self, bytes: u64) -> Result<(), SpoolError> {
        match self.disk.free_space()? {
            Some(free) if free < bytes + FREE_BYTES_MIN => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
            _ => Ok(()),
        }
    }
}
