//! Files of segments: their names, how one is made, and reading frames out of one.

use std::io;

use aws_lc_rs::rand;

use crate::config::{FREE_SPACE_SHARE, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_FLOOR};
use crate::disk::{Disk, DiskFile};
use crate::format::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, HeaderError, JournalKey, SALT_BYTES, SEGMENT_HEADER_BYTES,
    SegmentHeader, SegmentKeys, TAG_BYTES,
};
use crate::log::Position;

/// Zeros are written in pieces of this many bytes.
const ZERO_CHUNK_BYTES: u64 = 1 << 20;
/// Segments are read in pieces of this many bytes, or one frame if that is longer.
const READ_CHUNK_BYTES: u64 = 256 << 10;
/// Most of a segment's tail is zeros: they are compared in bulk.
static ZEROS: [u8; READ_CHUNK_BYTES as usize] = [0; READ_CHUNK_BYTES as usize];

fn is_zero(bytes: &[u8]) -> bool {
    bytes == &ZEROS[..bytes.len()]
}

/// What a file's name says about its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// In the log.
    Whole,
    /// In the log, with damaged stretches.
    Damaged,
    /// No longer, or never readably, in the log; kept for an investigation.
    Quarantined,
}

impl FileState {
    const ALL: [Self; 3] = [Self::Whole, Self::Damaged, Self::Quarantined];

    fn suffix(self) -> &'static str {
        match self {
            Self::Whole => ".ujl",
            Self::Damaged => ".ujl.damaged",
            Self::Quarantined => ".ujl.quarantined",
        }
    }
}

/// Name of a segment's file.
pub(crate) fn file_name(number: u64, state: FileState) -> String {
    format!("seg-{number:016x}{}", state.suffix())
}

/// Number and state of the segment that a file holds, if it is one.
pub(crate) fn parse_name(name: &str) -> Option<(u64, FileState)> {
    let (digits, suffix) = name.strip_prefix("seg-")?.split_at_checked(16)?;
    let state = FileState::ALL.into_iter().find(|state| state.suffix() == suffix)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (file_name(number, state) == name).then_some((number, state))
}

/// How the room of a new segment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// With written zeros, so that a commit never changes metadata: the quickest to commit to, and the dearest to make.
    Written,
    /// Only taken, where the file system can do that.
    Reserved,
}

/// A new segment, ready for frames.
pub(crate) struct NewSegment {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) header: SegmentHeader,
    pub(crate) keys: SegmentKeys,
    /// Preallocated size in bytes.
    pub(crate) bytes: u64,
}

/// Makes a segment: header, then room for frames; all of it durable on return.
pub(crate) fn make(
    disk: &dyn Disk,
    key: &JournalKey,
    number: u64,
    configured: Option<u64>,
    previous: Option<Position>,
    room: Room,
) -> io::Result<NewSegment> {
    let free = disk.free_space()?;
    let bytes = configured.unwrap_or_else(|| {
        free.map_or(SEGMENT_BYTES_DEFAULT, |free| SEGMENT_BYTES_DEFAULT.min(free / FREE_SPACE_SHARE))
            .max(SEGMENT_BYTES_FLOOR)
    });
    // Asked first, so that a full disk is told at once and not after the last free byte was filled with zeros.
    if free.is_some_and(|free| free < bytes) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    let mut salt = [0; SALT_BYTES];
    rand::fill(&mut salt).map_err(|_| io::Error::other("no random bytes"))?;
    let header = SegmentHeader { number, previous, salt };
    let name = file_name(number, FileState::Whole);
    let file = disk.create(&name)?;
    match fill(disk, key, &*file, &header, bytes, room) {
        Ok(keys) => Ok(NewSegment { file, header, keys, bytes }),
        Err(error) => {
            drop(file);
            // It holds nothing. Should this fail as well, the next start finds an empty segment and removes it.
            let _ = disk.remove(&name);
            Err(error)
        }
    }
}

fn fill(
    disk: &dyn Disk,
    key: &JournalKey,
    file: &dyn DiskFile,
    header: &SegmentHeader,
    bytes: u64,
    room: Room,
) -> io::Result<SegmentKeys> {
    let keys = SegmentKeys::derive(key, header.number, &header.salt).map_err(|_| io::Error::other("cipher"))?;
    file.write_at(&header.encode_area(&keys), 0)?;
    if room == Room::Written || !file.reserve(bytes)? {
        let zeros = vec![0; ZERO_CHUNK_BYTES.min(bytes) as usize];
        let mut at = SEGMENT_HEADER_BYTES;
        while at < bytes {
            let piece = (bytes - at).min(zeros.len() as u64);
            file.write_at(&zeros[..piece as usize], at)?;
            at += piece;
        }
    }
    file.sync_data()?;
    disk.sync_dir()?;
    Ok(keys)
}

/// A segment that is read.
pub(crate) struct SegmentFile {
    file: Box<dyn DiskFile>,
    pub(crate) header: SegmentHeader,
    /// One copy of the header is damaged.
    pub(crate) header_damaged: bool,
    keys: SegmentKeys,
    window: Vec<u8>,
    window_at: u64,
    /// The last payload that was opened.
    pub(crate) payload: Vec<u8>,
}

impl SegmentFile {
    /// Opens by name. The outer error is the disk's.
    pub(crate) fn open(disk: &dyn Disk, key: &JournalKey, name: &str) -> io::Result<Result<Self, HeaderError>> {
        let file = disk.open(name)?;
        let mut area = vec![0; SEGMENT_HEADER_BYTES as usize];
        let read = file.read_at(&mut area, 0)?;
        area.truncate(read);
        Ok(SegmentHeader::decode_area(&area, key).map(|(header, keys, header_damaged)| Self {
            file,
            header,
            header_damaged,
            keys,
            window: Vec::new(),
            window_at: 0,
            payload: Vec::new(),
        }))
    }

    /// Makes sure that what is read from here on is on the disk and not only in the page cache of a killed process.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    /// Gives back the zeros that were preallocated behind `end`, where the frames end, to a segment that nobody writes any
    /// more. They say nothing, so reading the segment again gives the same, whichever part of the cut a power loss
    /// keeps. The rest of a torn write stays: nothing tells it from damage, and it is less than a commit.
    pub(crate) fn cut_zeros(&mut self, end: u64) -> io::Result<()> {
        let len = self.len()?;
        let used = self.used_end(end, len)?;
        if used >= len {
            return Ok(());
        }
        if let Err(error) = self.file.cut(used) {
            // Only space is lost, and a log that is whole is worth more than that.
            tracing::warn!(segment = self.header.number, %error, "a segment could not be cut to what is in it");
            return Ok(());
        }
        self.sync()
    }

    /// `len` bytes from `at`, or `None` if they do not all lie before `limit`.
    fn bytes(&mut self, at: u64, len: u64, limit: u64) -> io::Result<Option<&[u8]>> {
        let Some(end) = at.checked_add(len).filter(|end| *end <= limit) else { return Ok(None) };
        if at < self.window_at || end > self.window_at + self.window.len() as u64 {
            let want = len.max(READ_CHUNK_BYTES.min(limit - at));
            self.window.resize(want as usize, 0);
            let read = self.file.read_at(&mut self.window, at)?;
            self.window.truncate(read);
            self.window_at = at;
        }
        let from = (at - self.window_at) as usize;
        Ok(self.window.get(from..from + len as usize))
    }

    /// The frame header at `at`, if there is one and its frame lies before `limit`.
    pub(crate) fn frame_header(&mut self, at: u64, limit: u64) -> io::Result<Option<FrameHeader>> {
        let Some(bytes) = self.bytes(at, FRAME_HEADER_BYTES as u64, limit)? else { return Ok(None) };
        let mut header = [0; FRAME_HEADER_BYTES];
        header.copy_from_slice(bytes);
        let header = self.keys.read_header(at, &header);
        Ok(header.filter(|header| at.checked_add(header.frame_bytes()).is_some_and(|end| end <= limit)))
    }

    /// Opens the payload of the frame at `at` into [`Self::payload`]. False when it is damaged.
    pub(crate) fn open_payload(&mut self, at: u64, header: &FrameHeader, limit: u64) -> io::Result<bool> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        let len = u64::from(header.payload_bytes) + TAG_BYTES as u64;
        let Some(sealed) = self.bytes(at + FRAME_HEADER_BYTES as u64, len, limit)? else { return Ok(false) };
        payload.extend_from_slice(sealed);
        self.payload = payload;
        Ok(self.keys.open(at, header, &mut self.payload))
    }

    /// The first place from `from` on that holds a frame header.
    pub(crate) fn find_frame(&mut self, from: u64, limit: u64) -> io::Result<Option<(u64, FrameHeader)>> {
        let mut at = from;
        while at + FRAME_HEADER_BYTES as u64 <= limit {
            let len = (limit - at).min(READ_CHUNK_BYTES);
            let Some(bytes) = self.bytes(at, len, limit)? else { return Ok(None) };
            let found = if is_zero(bytes) {
                None
            } else {
                bytes.windows(FRAME_MAGIC.len()).position(|window| window == FRAME_MAGIC)
            };
            match found {
                Some(skip) => {
                    at += skip as u64;
                    if let Some(header) = self.frame_header(at, limit)? {
                        return Ok(Some((at, header)));
                    }
                    at += 1;
                }
                // The magic may straddle the pieces.
                None => at += len - (FRAME_MAGIC.len() as u64 - 1),
            }
        }
        Ok(None)
    }

    /// Offset behind the last byte from `from` on that is not zero; `from` if all are.
    pub(crate) fn used_end(&mut self, from: u64, limit: u64) -> io::Result<u64> {
        let mut end = from;
        let mut at = from;
        while at < limit {
            let len = (limit - at).min(READ_CHUNK_BYTES);
            let Some(bytes) = self.bytes(at, len, limit)? else { break };
            if !is_zero(bytes) {
                let last = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
                end = at + last as u64 + 1;
            }
            at += len;
        }
        Ok(end)
    }
}

/// True when the file holds nothing behind the place of the header: a preparation that a power loss broke off.
pub(crate) fn is_blank(disk: &dyn Disk, name: &str) -> io::Result<bool> {
    let file = disk.open(name)?;
    let mut chunk = vec![0; READ_CHUNK_BYTES as usize];
    let mut at = SEGMENT_HEADER_BYTES;
    loop {
        let read = file.read_at(&mut chunk, at)?;
        if read == 0 {
            return Ok(true);
        }
        if !is_zero(&chunk[..read]) {
            return Ok(false);
        }
        at += read as u64;
    }
}
