//! What the spool must remember beside its records: how far they are settled and what was dropped.
//!
//! The file `ledger` is two slots of [`SLOT_BYTES`], written in turn and in place: a torn write costs the older state at
//! most, and a full disk does not hinder it. A slot is JSON, spaces, and 32 hexadecimal digits of its BLAKE3.

use std::io;

use serde::{Deserialize, Serialize};
use ursa_journal::Disk;
use uuid::Uuid;

/// Name of the file.
const NAME: &str = "ledger";
/// Bytes of a slot.
const SLOT_BYTES: usize = 1024;
const SUM_DIGITS: usize = 32;

/// Why something was let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The spool was full.
    SizeLimit,
    /// It waited too long.
    AgeLimit,
    /// What was recorded can no longer be read.
    Damaged,
    /// It could not be written.
    WriteFailed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SizeLimit, Self::AgeLimit, Self::Damaged, Self::WriteFailed];

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Its name in [`ursa_model::envelope::Dropped`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SizeLimit => "size_limit",
            Self::AgeLimit => "age_limit",
            Self::Damaged => "damaged",
            Self::WriteFailed => "write_failed",
        }
    }
}

/// Envelopes and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A report of what was dropped that is on its way into the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) id: Uuid,
    pub(super) reason: usize,
    pub(super) dropped: Count,
}

/// The content of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Rises with each write: the higher slot is the current one.
    turn: u64,
    /// Every record up to this number is accepted by the server or counted as dropped.
    pub(super) settled: u64,
    /// Rises when files are thinned or dropped: what was read across such a change is read again.
    pub(super) generation: u64,
    /// By [`Reason`], not yet reported.
    pub(super) dropped: [Count; 4],
    /// A report that may or may not have been appended.
    pub(super) report: Option<Report>,
}

impl Ledger {
    /// Reads the current state; a new one where there is none.
    pub(super) fn read(disk: &dyn Disk) -> io::Result<Self> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; 2 * SLOT_BYTES];
        let read = file.read_at(&mut bytes, 0)?;
        bytes.truncate(read);
        Ok(bytes.chunks_exact(SLOT_BYTES).filter_map(decode).max_by_key(|ledger| ledger.turn).unwrap_or_default())
    }

    /// Writes it. `synced` when it must outlive a power loss.
    pub(super) fn write(&mut self, disk: &dyn Disk, synced: bool) -> io::Result<()> {
        let file = match disk.open(NAME) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = disk.create(NAME)?;
                // Takes its space now, so that a full disk can be told of later.
                file.write_at(&[b' '; 2 * SLOT_BYTES], 0)?;
                disk.sync_dir()?;
                file
            }
            Err(error) => return Err(error),
        };
        self.turn += 1;
        file.write_at(&encode(self)?, (self.turn % 2) * SLOT_BYTES as u64)?;
        if synced { file.sync_data() } else { Ok(()) }
    }

    /// Counts what was let go.
    pub(super) fn count(&mut self, reason: Reason, more: Count) {
        let sum = &mut self.dropped[reason as usize];
        sum.count = sum.count.saturating_add(more.count);
        sum.bytes = sum.bytes.saturating_add(more.bytes);
    }

    /// Takes back a count: what was counted as dropped has arrived after all.
    pub(super) fn uncount(&mut self, reason: Reason, less: Count) {
        let sum = &mut self.dropped[reason as usize];
        sum.count = sum.count.saturating_sub(less.count);
        sum.bytes = sum.bytes.saturating_sub(less.bytes);
    }
}

fn encode(ledger: &Ledger) -> io::Result<Vec<u8>> {
    let mut slot = serde_json::to_vec(ledger)?;
    if slot.len() > SLOT_BYTES - SUM_DIGITS {
        return Err(io::ErrorKind::InvalidData.into());
    }
    slot.resize(SLOT_BYTES - SUM_DIGITS, b' ');
    let sum = sum(&slot);
    slot.extend_from_slice(sum.as_bytes());
    Ok(slot)
}

fn decode(slot: &[u8]) -> Option<Ledger> {
    let (json, stated) = slot.split_at_checked(SLOT_BYTES - SUM_DIGITS)?;
    (sum(json).as_bytes() == stated).then(|| serde_json::from_slice(json).ok()).flatten()
}

fn sum(bytes: &[u8]) -> String {
    let mut digits = blake3::hash(bytes).to_hex().to_string();
    digits.truncate(SUM_DIGITS);
    digits
}
