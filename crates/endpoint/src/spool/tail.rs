//! Where the next record goes: a hint of 64 bytes, so that a short process need not read the spool to append to it. It is
//! only ever believed as far as the file that it names bears it out.

use std::io;

use ursa_journal::Disk;

const NAME: &str = "tail";
const MAGIC: [u8; 8] = *b"URSATAI1";
const BYTES: usize = 64;
const SUM_AT: usize = 32;

/// The last whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    /// Number of the segment.
    pub(super) segment: u64,
    /// Offset in it at which the last frame begins.
    pub(super) last: u64,
    /// Number of that record.
    pub(super) seq: u64,
}

impl Tail {
    /// Reads the hint; `None` when there is none of use.
    pub(super) fn read(disk: &dyn Disk) -> Option<Self> {
        let mut bytes = [0; BYTES];
        if disk.open(NAME).ok()?.read_at(&mut bytes, 0).ok()? < BYTES || bytes[..8] != MAGIC {
            return None;
        }
        let number = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        let tail = Self { segment: number(8), last: number(16), seq: number(24) };
        (tail.encode() == bytes).then_some(tail)
    }

    /// Leaves the hint. That it fails costs time only.
    pub(super) fn write(self, disk: &dyn Disk) -> io::Result<()> {
        let file = match disk.open(NAME) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(NAME)?,
            file => file?,
        };
        file.write_at(&self.encode(), 0)
    }

    fn encode(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.segment.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.last.to_le_bytes());
        bytes[24..SUM_AT].copy_from_slice(&self.seq.to_le_bytes());
        let sum = blake3::hash(&bytes[..SUM_AT]);
        bytes[SUM_AT..].copy_from_slice(sum.as_bytes());
        bytes
    }
}
