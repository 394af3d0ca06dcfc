//! Telling the server what was dropped: as records of the spool itself, each number once.

use ursa_model::ExchangeId;
use ursa_model::capture::Frame;
use ursa_model::envelope::{DROPPED_EVENT, Dropped, ENDPOINT_SOURCE, Envelope};
use uuid::Uuid;

use super::ledger::{Count, Ledger, Reason, Report};
use super::{Spool, SpoolError};

/// Longest line of a report, in bytes.
const REPORT_BYTES_MAX: usize = 2048;

/// What a record tells of dropped ones, if it does: when it is itself dropped, what it told must be told anew.
pub(super) fn told(line: &[u8]) -> Option<(Reason, Count)> {
    let envelope: Envelope = (line.len() <= REPORT_BYTES_MAX).then(|| serde_json::from_slice(line).ok())??;
    if envelope.source != ENDPOINT_SOURCE || envelope.event.as_deref() != Some(DROPPED_EVENT) {
        return None;
    }
    let dropped: Dropped = serde_json::from_str(envelope.body.get()).ok()?;
    let count = Count { count: dropped.count, bytes: dropped.bytes };
    Some((Reason::from_name(&dropped.reason)?, count))
}

impl Spool<'_> {
    /// Appends a record for each reason for which something was dropped since the last time. `make` makes it, with the
    /// id that it is given.
    ///
    /// # Errors
    /// When the disk refuses. Nothing is counted twice or forgotten then.
    pub fn report(&self, make: impl Fn(Uuid, Reason, Count) -> Frame) -> Result<(), SpoolError> {
        let mut ledger = Ledger::read(self.disk)?;
        self.finish_report(&mut ledger, &make)?;
        for reason in Reason::ALL {
            let dropped = std::mem::take(&mut ledger.dropped[reason as usize]);
            if dropped.count > 0 {
                ledger.report = Some(Report { id: Uuid::now_v7(), reason: reason as usize, dropped });
                ledger.write(self.disk, true)?;
                self.finish_report(&mut ledger, &make)?;
            }
        }
        Ok(())
    }

    /// Appends the report under way, unless it was appended before this process began.
    fn finish_report(
        &self,
        ledger: &mut Ledger,
        make: &impl Fn(Uuid, Reason, Count) -> Frame,
    ) -> Result<(), SpoolError> {
        let Some(report) = ledger.report.take() else { return Ok(()) };
        let reason = Reason::ALL.get(report.reason).copied().unwrap_or(Reason::Damaged);
        if !self.holds(ExchangeId(report.id.into_bytes()))? {
            self.append(make(report.id, reason, report.dropped))?.sync()?;
            // Appending may itself have dropped something.
            *ledger = Ledger::read(self.disk)?;
            ledger.report = None;
        }
        Ok(ledger.write(self.disk, true)?)
    }
}
