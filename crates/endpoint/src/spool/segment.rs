//! One file of the spool, read frame by frame, over whatever damage it has.

use std::io;

use ursa_journal::format::SEGMENT_HEADER_BYTES;
use ursa_journal::frames::{FrameHead, HEAD_BYTES, MAGIC, SEAL_BYTES, Segment, SegmentError};
use ursa_journal::{Disk, DiskFile};

use super::LINE_BYTES_MAX;

/// How much is read at once in search of the next whole frame behind damage, in bytes.
const SEARCH_BYTES: usize = 64 * 1024;

/// An open file of the spool.
pub(super) struct SegmentFile {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) segment: Segment,
    /// Length in bytes when it was opened.
    pub(super) len: u64,
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Segment(#[from] SegmentError),
}

/// A whole frame and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) head: FrameHead,
}

impl Found {
    /// Where the next frame begins.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.head.frame_bytes()
    }
}

impl SegmentFile {
    pub(super) fn open(disk: &dyn Disk, name: &str, key: &[u8; 32]) -> Result<Self, OpenError> {
        let file = disk.open(name)?;
        let len = file.len()?;
        let mut area = vec![0; SEGMENT_HEADER_BYTES as usize];
        let read = file.read_at(&mut area, 0)?;
        area.truncate(read);
        Ok(Self { segment: Segment::open(key, &area)?, file, len })
    }

    /// The head of the frame at `offset`, when the file is long enough for all of it.
    pub(super) fn head(&self, offset: u64) -> io::Result<Option<Found>> {
        let mut bytes = [0; HEAD_BYTES];
        if offset + HEAD_BYTES as u64 > self.len || self.file.read_at(&mut bytes, offset)? < HEAD_BYTES {
            return Ok(None);
        }
        let found = self.segment.head(offset, &bytes).map(|head| Found { offset, head });
        Ok(found.filter(|found| found.end() <= self.len && found.head.payload_bytes() as usize <= LINE_BYTES_MAX))
    }

    /// The payload of a frame; `None` when it is damaged.
    pub(super) fn payload(&self, found: &Found) -> io::Result<Option<Vec<u8>>> {
        let mut sealed = vec![0; found.head.payload_bytes() as usize + SEAL_BYTES];
        let read = self.file.read_at(&mut sealed, found.offset + HEAD_BYTES as u64)?;
        sealed.truncate(read);
        Ok(self.segment.open_payload(found.offset, &found.head, &mut sealed).then_some(sealed))
    }

    /// The first whole head at `offset` or behind it: where damage ends.
    pub(super) fn search(&self, mut offset: u64) -> io::Result<Option<Found>> {
        let mut window = vec![0; SEARCH_BYTES];
        while offset + HEAD_BYTES as u64 <= self.len {
            let read = self.file.read_at(&mut window, offset)?;
            for at in 0..read.saturating_sub(MAGIC.len() - 1) {
                if window[at..].starts_with(&MAGIC)
                    && let Some(found) = self.head(offset + at as u64)?
                {
                    return Ok(Some(found));
                }
            }
            if read < SEARCH_BYTES {
                break;
            }
            // A magic may lie across the edge of the window.
            offset += (SEARCH_BYTES - (MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }

    /// The frames from the first one on, by their heads alone. Damage between them is passed over.
    pub(super) fn heads(&self) -> Heads<'_> {
        Heads { file: self, at: SEGMENT_HEADER_BYTES }
    }

    /// Where the whole and undamaged frames from `offset` on end without a break, and the last one's seal number.
    pub(super) fn whole_until(&self, mut offset: u64) -> io::Result<(u64, Option<u64>)> {
        let mut last = None;
        while let Some(found) = self.head(offset)? {
            if self.payload(&found)?.is_none() {
                break;
            }
            offset = found.end();
            last = Some(found.head.seal());
        }
        Ok((offset, last))
    }
}

/// See [`SegmentFile::heads`].
pub(super) struct Heads<'f> {
    file: &'f SegmentFile,
    at: u64,
}

impl Iterator for Heads<'_> {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<io::Result<Found>> {
        let found = match self.file.head(self.at) {
            Ok(None) => self.file.search(self.at + 1),
            found => found,
        };
        if let Ok(Some(found)) = &found {
            self.at = found.end();
        }
        found.transpose()
    }
}
