//! Keeping the spool within its bounds. The oldest content goes first: records are cut to their small fields. Only when
//! that is not enough do the oldest records go whole, and are counted.

use ursa_journal::format::{FRAME_OVERHEAD_BYTES, SEGMENT_HEADER_BYTES};
use ursa_journal::frames::Segment;
use ursa_model::capture::Frame;
use ursa_model::time::Timestamp;

use super::files::{self, Names};
use super::identity::random;
use super::ledger::{Count, Ledger, Reason};
use super::reader::Listed;
use super::report::told;
use super::segment::SegmentFile;
use super::{LINE_BYTES_MAX, Spool, SpoolError};

/// How many segments one appending process thins at most: an agent waits for it.
const THINNED_AT_ONCE: usize = 3;

impl Spool<'_> {
    /// Makes room for one more segment beside number `active`.
    pub(super) fn make_room(&self, active: u64) -> Result<(), SpoolError> {
        let reserve = self.limits.segment_bytes + (LINE_BYTES_MAX + FRAME_OVERHEAD_BYTES) as u64 + SEGMENT_HEADER_BYTES;
        let target = self.limits.size_bytes.saturating_sub(reserve);
        if self.size()? <= target {
            return Ok(());
        }
        let mut ledger = self.begin_change()?;
        self.remove_unreadable(active)?;
        let active = files::full(active);
        for _ in 0..THINNED_AT_ONCE {
            if self.size()? <= target {
                return Ok(());
            }
            let oldest = self.listed()?.into_iter().find(|listed| is_full(&listed.name) && listed.name != active);
            let Some(oldest) = oldest else { break };
            self.thin(&oldest, ledger.settled)?;
        }
        while self.size()? > target {
            let Some(oldest) = self.listed()?.into_iter().find(|listed| listed.name != active) else { break };
            self.drop_file(&oldest, &mut ledger, Reason::SizeLimit)?;
        }
        Ok(())
    }

    /// Drops what is older than the limit. For when the server cannot be reached: a wrong clock must not cost what could
    /// be delivered.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn expire(&self, now: Timestamp) -> Result<(), SpoolError> {
        let limit = now.plus_micros(-i64::try_from(self.limits.age.as_micros()).unwrap_or(i64::MAX));
        let active = Names::list(self.disk)?.full.last().copied();
        for listed in self.listed()? {
            let mut newest = None;
            for found in listed.file.heads() {
                newest = newest.max(Some(found?.head.at()));
            }
            if newest.is_none_or(|newest| newest >= limit) {
                break;
            }
            let mut ledger = self.begin_change()?;
            if let Some(active) = active.filter(|number| files::full(*number) == listed.name) {
                let seq = self.place()?.seq;
                self.begin(active + 1, seq)?;
            }
            self.drop_file(&listed, &mut ledger, Reason::AgeLimit)?;
        }
        Ok(())
    }

    /// Tells readers that what they have listed may be gone.
    fn begin_change(&self) -> Result<Ledger, SpoolError> {
        let mut ledger = Ledger::read(self.disk)?;
        ledger.generation += 1;
        ledger.write(self.disk, true)?;
        self.remove_settled(ledger.settled)?;
        Ok(ledger)
    }

    /// Bytes of all files with records.
    fn size(&self) -> Result<u64, SpoolError> {
        let names = Names::list(self.disk)?;
        let mut size = 0;
        for name in names.numbered().chain(names.late.iter().cloned()) {
            size += self.disk.open(&name)?.len()?;
        }
        Ok(size)
    }

    /// Removes files that hold no whole record. What was in them shows as a hole, and is counted as one.
    fn remove_unreadable(&self, active: u64) -> Result<(), SpoolError> {
        let listed = self.listed()?;
        let active = files::full(active);
        for name in Names::list(self.disk)?.numbered() {
            if name != active && !listed.iter().any(|listed| listed.name == name) {
                self.disk.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Counts what is not settled in the file, then removes it.
    fn drop_file(&self, listed: &Listed, ledger: &mut Ledger, reason: Reason) -> Result<(), SpoolError> {
        for found in listed.file.heads() {
            let found = found?;
            let head = found.head;
            // A damaged one may lie whole in the next file: a process or the power ended while records were moved. If it
            // does not, it is a hole.
            let payload = if head.seal() > ledger.settled { listed.file.payload(&found)? } else { None };
            if let Some(payload) = payload {
                ledger.count(Reason::Damaged, Count { count: head.seal() - ledger.settled - 1, bytes: 0 });
                let one = Count { count: 1, bytes: payload.len() as u64 };
                let (reason, count) = told(&payload).unwrap_or((reason, one));
                if ledger.report.as_ref().is_some_and(|report| report.id.into_bytes() == head.exchange().0) {
                    // Told anew below, not appended once more.
                    ledger.report = None;
                }
                ledger.count(reason, count);
                ledger.settled = head.seal();
            }
        }
        ledger.write(self.disk, true)?;
        Ok(self.disk.remove(&listed.name)?)
    }

    /// Moves the file's records, cut to their small fields, to the last thinned segment.
    fn thin(&self, listed: &Listed, settled: u64) -> Result<(), SpoolError> {
        let (mut target, moved) = self.thin_target()?;
        let mut bytes = Vec::new();
        for found in listed.file.heads() {
            let found = found?;
            let seq = found.head.seal();
            // Moved already when a process ended before it removed the original.
            let wanted = seq > settled && moved.is_none_or(|moved| seq > moved);
            let payload = if wanted { listed.file.payload(&found)? } else { None };
            let Some(payload) = payload else { continue };
            let payload = crate::line::checked(payload);
            let payload = crate::line::thinned(&payload).unwrap_or(payload);
            let frame =
                Frame { exchange: found.head.exchange(), at: found.head.at(), kind: found.head.kind(), payload };
            target.segment.seal(&frame, target.len + bytes.len() as u64, seq, &mut bytes)?;
        }
        target.file.write_at(&bytes, target.len)?;
        target.len += bytes.len() as u64;
        // Unlike the appending of one record this must not be lost to anything: the original goes.
        target.file.sync_data()?;
        self.disk.sync_dir()?;
        Ok(self.disk.remove(&listed.name)?)
    }

    /// The last thinned segment and the number of its last record, or a new one when it is full or has a torn end.
    fn thin_target(&self) -> Result<(SegmentFile, Option<u64>), SpoolError> {
        let last = Names::list(self.disk)?.thin.last().copied();
        if let Some(number) = last
            && let Ok(opened) = SegmentFile::open(self.disk, &files::thin(number), &self.key)
            && opened.len < self.limits.segment_bytes
        {
            let (end, moved) = opened.whole_until(SEGMENT_HEADER_BYTES)?;
            if end == opened.len {
                return Ok((opened, moved));
            }
        }
        let number = last.unwrap_or(0) + 1;
        let (segment, area) = Segment::begin(&self.key, number, random()?)?;
        let file = self.disk.create(&files::thin(number))?;
        file.write_at(&area, 0)?;
        Ok((SegmentFile { file, segment, len: area.len() as u64 }, None))
    }
}

fn is_full(name: &str) -> bool {
    name.starts_with("seg-")
}
