//! Reading what is to be delivered, and settling it. One process at a time does this; appending goes on meanwhile.

use std::io;

use ursa_model::ExchangeId;

use super::files::{self, Names};
use super::ledger::{Count, Ledger, Reason};
use super::report::told;
use super::segment::{OpenError, SegmentFile};
use super::tail::Tail;
use super::{Spool, SpoolError};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub seq: u64,
    /// The envelope's id.
    pub id: uuid::Uuid,
    /// The envelope's line without `seq`, [checked](crate::line::checked).
    pub bytes: Vec<u8>,
}

/// Records in order.
#[derive(Debug)]
pub struct Batch {
    /// The records.
    pub lines: Vec<Line>,
    generation: u64,
}

/// A file with records, by the number of its first one.
pub(super) struct Listed {
    pub(super) first: u64,
    pub(super) name: String,
    pub(super) file: SegmentFile,
}

impl Spool<'_> {
    /// Files with records, oldest first. Files without any are left out; one that vanished meanwhile too.
    pub(super) fn listed(&self) -> Result<Vec<Listed>, SpoolError> {
        let mut listed = Vec::new();
        for name in Names::list(self.disk)?.numbered() {
            let file = match SegmentFile::open(self.disk, &name, &self.key) {
                Ok(file) => file,
                Err(OpenError::Segment(_)) => continue,
                Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(OpenError::Io(error)) => return Err(error.into()),
            };
            let first = file.heads().next().transpose()?;
            if let Some(first) = first {
                listed.push(Listed { first: first.head.seal(), name, file });
            }
        }
        listed.sort_by_key(|listed| listed.first);
        Ok(listed)
    }

    /// The oldest records that are not settled: at most `lines`, and no more than `bytes` unless the first one alone is.
    /// They are on disk when this returns. Needs no lock; ask [`Spool::is_current`] before use.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn read(&self, lines: usize, bytes: usize) -> Result<Batch, SpoolError> {
        let ledger = Ledger::read(self.disk)?;
        let mut batch = Batch { lines: Vec::new(), generation: ledger.generation };
        let (mut last, mut size) = (ledger.settled, 0);
        for Listed { file, .. } in self.listed()? {
            let before = batch.lines.len();
            let mut full = false;
            for found in file.heads() {
                let found = found?;
                let seq = found.head.seal();
                if seq <= last {
                    continue;
                }
                let length = found.head.payload_bytes() as usize;
                full = batch.lines.len() == lines || (size > 0 && size + length > bytes);
                if full {
                    break;
                }
                if let Some(payload) = file.payload(&found)? {
                    let id = uuid::Uuid::from_bytes(found.head.exchange().0);
                    batch.lines.push(Line { seq, id, bytes: crate::line::checked(payload) });
                    size += length;
                    last = seq;
                }
            }
            if batch.lines.len() > before {
                // What the server has must not be lost here: its number would be given again.
                file.file.sync_data()?;
            }
            if full {
                break;
            }
        }
        Ok(batch)
    }

    /// False when records were moved or dropped since the batch was read: read it again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn is_current(&self, batch: &Batch) -> Result<bool, SpoolError> {
        Ok(Ledger::read(self.disk)?.generation == batch.generation)
    }

    /// The batch is accepted: its records leave the spool. Records that are missing in it are counted as damaged.
    ///
    /// # Errors
    /// When the disk refuses; the batch is then delivered again.
    pub fn settle(&self, batch: &Batch) -> Result<(), SpoolError> {
        let mut ledger = Ledger::read(self.disk)?;
        for line in &batch.lines {
            if line.seq <= ledger.settled {
                // Dropped for want of space while it was under way.
                let one = Count { count: 1, bytes: line.bytes.len() as u64 };
                let (reason, count) = told(&line.bytes).unwrap_or((Reason::SizeLimit, one));
                ledger.uncount(reason, count);
            } else {
                ledger.count(Reason::Damaged, Count { count: line.seq - ledger.settled - 1, bytes: 0 });
                ledger.settled = line.seq;
            }
        }
        ledger.write(self.disk, true)?;
        self.remove_settled(ledger.settled)
    }

    /// Removes files whose records are all settled, but for the one that is appended to.
    pub(super) fn remove_settled(&self, settled: u64) -> Result<(), SpoolError> {
        let active = Names::list(self.disk)?.full.last().map(|number| files::full(*number));
        for listed in self.listed()? {
            if listed.first > settled {
                break;
            }
            let mut last = 0;
            for found in listed.file.heads() {
                last = last.max(found?.head.seal());
            }
            if last <= settled && active.as_ref() != Some(&listed.name) {
                self.disk.remove(&listed.name)?;
            }
        }
        Ok(())
    }

    /// True when a record with that id is in the spool, whole. It is then on disk too: whoever asks wants to let go of
    /// another copy.
    pub(super) fn holds(&self, id: ExchangeId) -> Result<bool, SpoolError> {
        for listed in self.listed()? {
            for found in listed.file.heads() {
                let found = found?;
                if found.head.exchange() == id && listed.file.payload(&found)?.is_some() {
                    listed.file.file.sync_data()?;
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// True when there may be something to deliver or to report. Needs no lock.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn pending(&self) -> Result<bool, SpoolError> {
        let ledger = Ledger::read(self.disk)?;
        let reports = ledger.report.is_some() || ledger.dropped.iter().any(|dropped| dropped.count > 0);
        let newer = Tail::read(self.disk).is_none_or(|tail| tail.seq > ledger.settled);
        Ok(reports || newer || !Names::list(self.disk)?.late.is_empty())
    }

    /// True when there is something to deliver. Needs no lock.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn unread(&self) -> Result<bool, SpoolError> {
        Ok(!self.read(1, 1)?.lines.is_empty() || !Names::list(self.disk)?.late.is_empty())
    }

    /// Number of the last record that is settled. Needs no lock.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settled(&self) -> Result<u64, SpoolError> {
        Ok(Ledger::read(self.disk)?.settled)
    }
}
