//! The bytes on disk, format version 1. All numbers are little-endian.
//!
//! # Segment
//!
//! A file `seg-<16 hexadecimal digits of its number>.ujl`, made of [`SEGMENT_HEADER_BYTES`] of header (the same 512
//! bytes twice, each in a sector of its own, so that one bad sector does not cost the segment), then frames without
//! gaps, then zeros up to the preallocated size. A segment that is no longer written is cut to what is in it.
//!
//! | offset | bytes | header copy |
//! |---|---|---|
//! | 0 | 8 | magic `URSAJRNL` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | number of this segment, from 1 |
//! | 24 | 8 | number of the segment before it, 0 while not known |
//! | 32 | 8 | offset at which that segment's frames end |
//! | 40 | 32 | random salt |
//! | 72 | 16 | BLAKE3 of bytes 0..72, keyed with the check key: tells a wrong key from damage |
//! | 88 | 408 | zero |
//! | 496 | 16 | BLAKE3 of bytes 0..496 |
//!
//! # Keys
//!
//! `BLAKE3(key = the environment's journal key, "ursa journal 1" | segment number u64 | salt)`, 64 bytes of output: the
//! segment's AES-256-GCM key (32), its check key (32). No two segments share a key, so nonces need only be unique
//! within a segment.
//!
//! # Frame
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `UJF1` |
//! | 4 | 4 | n, length of the payload |
//! | 8 | 1 | kind, [`FrameKind`] |
//! | 9 | 7 | zero |
//! | 16 | 8 | seal number: rises with every frame sealed for this segment, failed writes included; it is the nonce |
//! | 24 | 8 | offset at which this frame's commit began: all before it was synced before this frame was written |
//! | 32 | 16 | exchange id |
//! | 48 | 8 | at, microseconds since 1970, signed |
//! | 56 | 8 | BLAKE3 of (offset of the frame u64, bytes 0..56), keyed with the check key |
//! | 64 | n | payload, AES-256-GCM |
//! | 64+n | 16 | tag |
//!
//! Nonce: seal number, then four zero bytes. Additional data: segment number u64, offset of the frame u64, bytes 0..64.
//! A frame can thus be neither moved nor changed, and a stale frame behind the end of the log is known by a seal number
//! that does not rise.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use ursa_model::capture::{Frame, FrameKind};
use ursa_model::{ExchangeId, Timestamp};

use crate::log::Position;

/// The format version that this program writes.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes before the first frame of a segment.
pub const SEGMENT_HEADER_BYTES: u64 = 1024;
/// Bytes that a frame takes beside its payload.
pub const FRAME_OVERHEAD_BYTES: usize = FRAME_HEADER_BYTES + TAG_BYTES;
/// Length of a segment's salt in bytes.
pub const SALT_BYTES: usize = 32;

pub(crate) const FRAME_HEADER_BYTES: usize = 64;
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"UJF1";
pub(crate) const TAG_BYTES: usize = 16;
pub(crate) const HEADER_COPY_BYTES: usize = 512;
const SEGMENT_MAGIC: [u8; 8] = *b"URSAJRNL";
const MAC_AT: usize = 72;
const SUM_AT: usize = HEADER_COPY_BYTES - 16;
const CHECK_AT: usize = 56;

/// A journal's key: the environment's.
#[derive(Clone)]
pub(crate) struct JournalKey(pub(crate) [u8; 32]);

/// Head of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u64,
    /// Where the segment before this one ends; `None` while not known.
    pub(crate) previous: Option<Position>,
    pub(crate) salt: [u8; SALT_BYTES],
}

/// Why the head of a segment is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Not a header, or damaged.
    Unreadable,
    /// Whole, but of a later version.
    Version(u32),
    /// Whole, but made with another key.
    WrongKey,
}

impl SegmentHeader {
    /// One copy of the header.
    fn encode(&self, keys: &SegmentKeys) -> [u8; HEADER_COPY_BYTES] {
        let mut copy = [0; HEADER_COPY_BYTES];
        let previous = self.previous.unwrap_or_default();
        copy[..8].copy_from_slice(&SEGMENT_MAGIC);
        copy[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        copy[16..24].copy_from_slice(&self.number.to_le_bytes());
        copy[24..32].copy_from_slice(&previous.segment.to_le_bytes());
        copy[32..40].copy_from_slice(&previous.offset.to_le_bytes());
        copy[40..MAC_AT].copy_from_slice(&self.salt);
        let mac = keys.mac(&copy[..MAC_AT]);
        copy[MAC_AT..MAC_AT + 16].copy_from_slice(&mac);
        let sum = blake3::hash(&copy[..SUM_AT]);
        copy[SUM_AT..].copy_from_slice(&sum.as_bytes()[..16]);
        copy
    }

    /// The whole header area: both copies.
    pub(crate) fn encode_area(&self, keys: &SegmentKeys) -> Vec<u8> {
        self.encode(keys).repeat(2)
    }

    fn decode(copy: &[u8], key: &JournalKey) -> Result<(Self, SegmentKeys), HeaderError> {
        if copy.len() != HEADER_COPY_BYTES
            || copy[..8] != SEGMENT_MAGIC
            || copy[SUM_AT..] != blake3::hash(&copy[..SUM_AT]).as_bytes()[..16]
        {
            return Err(HeaderError::Unreadable);
        }
        let version = u32_at(copy, 8);
        if version != FORMAT_VERSION {
            return Err(HeaderError::Version(version));
        }
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&copy[40..MAC_AT]);
        let previous = Position { segment: u64_at(copy, 24), offset: u64_at(copy, 32) };
        let header = Self { number: u64_at(copy, 16), previous: (previous.segment != 0).then_some(previous), salt };
        let keys = SegmentKeys::derive(key, header.number, &salt).map_err(|Unspecified| HeaderError::WrongKey)?;
        if keys.mac(&copy[..MAC_AT])[..] != copy[MAC_AT..MAC_AT + 16] {
            return Err(HeaderError::WrongKey);
        }
        Ok((header, keys))
    }

    /// Reads the header area. The flag is true when one of the copies is damaged.
    pub(crate) fn decode_area(area: &[u8], key: &JournalKey) -> Result<(Self, SegmentKeys, bool), HeaderError> {
        let (first, second) = area.split_at(HEADER_COPY_BYTES.min(area.len()));
        match (Self::decode(first, key), Self::decode(second, key)) {
            // Torn between the copies when the predecessor was stated: the one that states it is the newer.
            (Ok(a), Ok(b)) => {
                let (header, keys) = if a.0.previous.is_some() { a } else { b };
                Ok((header, keys, false))
            }
            (Ok((header, keys)), Err(_)) | (Err(_), Ok((header, keys))) => Ok((header, keys, true)),
            (Err(HeaderError::Unreadable), Err(error)) | (Err(error), Err(_)) => Err(error),
        }
    }
}

/// Head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) payload_bytes: u32,
    pub(crate) kind: FrameKind,
    pub(crate) seal: u64,
    pub(crate) commit_start: u64,
    pub(crate) exchange: ExchangeId,
    pub(crate) at: Timestamp,
    bytes: [u8; FRAME_HEADER_BYTES],
}

impl FrameHeader {
    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        u64::from(self.payload_bytes) + FRAME_OVERHEAD_BYTES as u64
    }
}

/// The keys of one segment.
pub(crate) struct SegmentKeys {
    number: u64,
    cipher: LessSafeKey,
    check: [u8; 32],
}

impl SegmentKeys {
    pub(crate) fn derive(key: &JournalKey, number: u64, salt: &[u8; SALT_BYTES]) -> Result<Self, Unspecified> {
        let mut output = [0; 64];
        blake3::Hasher::new_keyed(&key.0)
            .update(b"ursa journal 1")
            .update(&number.to_le_bytes())
            .update(salt)
            .finalize_xof()
            .fill(&mut output);
        let mut check = [0; 32];
        check.copy_from_slice(&output[32..]);
        Ok(Self { number, cipher: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &output[..32])?), check })
    }

    fn mac(&self, bytes: &[u8]) -> [u8; 16] {
        let mut mac = [0; 16];
        mac.copy_from_slice(&blake3::keyed_hash(&self.check, bytes).as_bytes()[..16]);
        mac
    }

    fn header_check(&self, offset: u64, header: &[u8]) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new_keyed(&self.check);
        hasher.update(&offset.to_le_bytes()).update(header);
        let mut check = [0; 8];
        check.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        check
    }

    fn additional_data(&self, offset: u64, header: &[u8; FRAME_HEADER_BYTES]) -> [u8; 16 + FRAME_HEADER_BYTES] {
        let mut data = [0; 16 + FRAME_HEADER_BYTES];
        data[..8].copy_from_slice(&self.number.to_le_bytes());
        data[8..16].copy_from_slice(&offset.to_le_bytes());
        data[16..].copy_from_slice(header);
        data
    }

    /// Appends the sealed frame to `buffer`. `offset` is where in the segment it will lie.
    pub(crate) fn seal(
        &self,
        frame: &Frame,
        offset: u64,
        commit_start: u64,
        seal: u64,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        let payload_bytes = u32::try_from(frame.payload.len()).map_err(|_| Unspecified)?;
        let header = self.frame_header(frame, payload_bytes, offset, commit_start, seal);
        buffer.extend_from_slice(&header);
        let payload_at = buffer.len();
        buffer.extend_from_slice(&frame.payload);
        let tag = self.seal_payload(offset, &header, seal, &mut buffer[payload_at..])?;
        buffer.extend_from_slice(&tag);
        Ok(())
    }

    /// The head of a frame with a payload of that length; the frame's own is not looked at.
    pub(crate) fn frame_header(
        &self,
        frame: &Frame,
        payload_bytes: u32,
        offset: u64,
        commit_start: u64,
        seal: u64,
    ) -> [u8; FRAME_HEADER_BYTES] {
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&FRAME_MAGIC);
        header[4..8].copy_from_slice(&payload_bytes.to_le_bytes());
        header[8] = frame.kind as u8;
        header[16..24].copy_from_slice(&seal.to_le_bytes());
        header[24..32].copy_from_slice(&commit_start.to_le_bytes());
        header[32..48].copy_from_slice(&frame.exchange.0);
        header[48..CHECK_AT].copy_from_slice(&frame.at.as_micros().to_le_bytes());
        let check = self.header_check(offset, &header[..CHECK_AT]);
        header[CHECK_AT..].copy_from_slice(&check);
        header
    }

    /// Seals a payload in place and gives its tag.
    pub(crate) fn seal_payload(
        &self,
        offset: u64,
        header: &[u8; FRAME_HEADER_BYTES],
        seal: u64,
        payload: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Unspecified> {
        let aad = Aad::from(self.additional_data(offset, header));
        let sealed = self.cipher.seal_in_place_separate_tag(nonce(seal), aad, payload)?;
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(sealed.as_ref());
        Ok(tag)
    }

    /// Reads a frame's header, if there is a whole one.
    pub(crate) fn read_header(&self, offset: u64, bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<FrameHeader> {
        if bytes[..4] != FRAME_MAGIC || self.header_check(offset, &bytes[..CHECK_AT]) != bytes[CHECK_AT..] {
            return None;
        }
        let mut exchange = [0; 16];
        exchange.copy_from_slice(&bytes[32..48]);
        Some(FrameHeader {
            payload_bytes: u32_at(bytes, 4),
            kind: FrameKind::from_u8(bytes[8])?,
            seal: u64_at(bytes, 16),
            commit_start: u64_at(bytes, 24),
            exchange: ExchangeId(exchange),
            at: Timestamp::from_micros(u64_at(bytes, 48).cast_signed()),
            bytes: *bytes,
        })
    }

    /// Opens `sealed` (payload and tag) in place and cuts off the tag. False when it is damaged.
    pub(crate) fn open(&self, offset: u64, header: &FrameHeader, sealed: &mut Vec<u8>) -> bool {
        let aad = Aad::from(self.additional_data(offset, &header.bytes));
        let opened = self.cipher.open_in_place(nonce(header.seal), aad, sealed).is_ok();
        sealed.truncate(sealed.len().saturating_sub(TAG_BYTES));
        opened
    }
}

fn nonce(seal: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&seal.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
