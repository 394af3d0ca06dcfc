//! The frames of [`crate::format`] for a log that has a writer of its own: the spool of a device, which many short
//! processes append to. Segments, keys and frames are the journal's, to the byte; what differs is who appends and when:
//!
//! - each frame is a commit of its own, so its `commit begin` is its own offset;
//! - its seal number is what the log counts its records by. It must rise within a segment and must never be used there for
//!   two different contents, for it is the nonce: after a write that may have left a part, begin another segment.

use ursa_model::capture::{Frame, FrameKind};
use ursa_model::{ExchangeId, Timestamp};

use crate::format::{
    FRAME_HEADER_BYTES, FrameHeader, HeaderError, JournalKey, SALT_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader,
    SegmentKeys, TAG_BYTES,
};

/// Bytes of a frame before its payload.
pub const HEAD_BYTES: usize = FRAME_HEADER_BYTES;
/// Bytes of a frame after its payload.
pub const SEAL_BYTES: usize = TAG_BYTES;
/// What every frame begins with: for finding the next one behind damage.
pub const MAGIC: [u8; 4] = crate::format::FRAME_MAGIC;

/// Why a segment cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Its head is damaged or missing.
    #[error("the head of the segment is damaged")]
    Unreadable,
    /// A later version of the format.
    #[error("format version {0} is later than this program")]
    Version(u32),
    /// Made with another key.
    #[error("the segment was made with another key")]
    WrongKey,
    /// The cipher refused: a payload of 4 GiB and more.
    #[error("the frame cannot be sealed")]
    Seal,
}

impl From<HeaderError> for SegmentError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Unreadable => Self::Unreadable,
            HeaderError::Version(version) => Self::Version(version),
            HeaderError::WrongKey => Self::WrongKey,
        }
    }
}

/// The keys of one segment.
pub struct Segment {
    keys: SegmentKeys,
}

/// The head of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead(FrameHeader);

impl FrameHead {
    /// Bytes of the whole frame.
    pub fn frame_bytes(&self) -> u64 {
        self.0.frame_bytes()
    }

    /// Bytes of its payload.
    pub fn payload_bytes(&self) -> u32 {
        self.0.payload_bytes
    }

    /// What it holds.
    pub fn kind(&self) -> FrameKind {
        self.0.kind
    }

    /// Its seal number.
    pub fn seal(&self) -> u64 {
        self.0.seal
    }

    /// Its id.
    pub fn exchange(&self) -> ExchangeId {
        self.0.exchange
    }

    /// Its time.
    pub fn at(&self) -> Timestamp {
        self.0.at
    }
}

impl Segment {
    /// A new segment and the [`SEGMENT_HEADER_BYTES`] to begin it with. `salt` must be random.
    ///
    /// # Errors
    /// When the cipher takes no key.
    pub fn begin(key: &[u8; 32], number: u64, salt: [u8; SALT_BYTES]) -> Result<(Self, Vec<u8>), SegmentError> {
        let keys = SegmentKeys::derive(&JournalKey(*key), number, &salt).map_err(|_| SegmentError::Seal)?;
        let area = SegmentHeader { number, previous: None, salt }.encode_area(&keys);
        Ok((Self { keys }, area))
    }

    /// From the first [`SEGMENT_HEADER_BYTES`] of a segment.
    ///
    /// # Errors
    /// Says what is wrong with them.
    pub fn open(key: &[u8; 32], area: &[u8]) -> Result<Self, SegmentError> {
        if area.len() as u64 != SEGMENT_HEADER_BYTES {
            return Err(SegmentError::Unreadable);
        }
        let (_, keys, _) = SegmentHeader::decode_area(area, &JournalKey(*key))?;
        Ok(Self { keys })
    }

    /// Appends the frame, sealed for `offset` in the segment, to `buffer`.
    ///
    /// # Errors
    /// When the payload is too long.
    pub fn seal(&self, frame: &Frame, offset: u64, seal: u64, buffer: &mut Vec<u8>) -> Result<(), SegmentError> {
        self.keys.seal(frame, offset, offset, seal, buffer).map_err(|_| SegmentError::Seal)
    }

    /// The whole frame, sealed for `offset` in the segment: made of the payload's own memory.
    ///
    /// # Errors
    /// When the payload is too long.
    pub fn sealed(&self, mut frame: Frame, offset: u64, seal: u64) -> Result<Vec<u8>, SegmentError> {
        let mut bytes = std::mem::take(&mut frame.payload);
        let payload_bytes = u32::try_from(bytes.len()).map_err(|_| SegmentError::Seal)?;
        let header = self.keys.frame_header(&frame, payload_bytes, offset, offset, seal);
        bytes.reserve_exact(HEAD_BYTES + SEAL_BYTES);
        bytes.splice(0..0, header);
        let tag = self.keys.seal_payload(offset, &header, seal, &mut bytes[HEAD_BYTES..]);
        bytes.extend_from_slice(&tag.map_err(|_| SegmentError::Seal)?);
        Ok(bytes)
    }

    /// Reads the head of the frame at `offset`; `None` when there is none, or a damaged one.
    pub fn head(&self, offset: u64, bytes: &[u8; HEAD_BYTES]) -> Option<FrameHead> {
        self.keys.read_header(offset, bytes).map(FrameHead)
    }

    /// Opens what follows the head of the frame at `offset`, payload and seal, in place. False when it is damaged.
    pub fn open_payload(&self, offset: u64, head: &FrameHead, sealed: &mut Vec<u8>) -> bool {
        self.keys.open(offset, &head.0, sealed)
    }
}
