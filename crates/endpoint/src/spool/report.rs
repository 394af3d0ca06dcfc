//! Telling the server what was dropped: as records of the spool itself, each number once.

use ursa_model::ExchangeId;
use ursa_model::capture::Frame;
use uuid::Uuid;

use super::ledger::{Count, Ledger, Reason, Report};
use super::{Spool, SpoolError};

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
            self.append(&make(report.id, reason, report.dropped))?.sync()?;
            // Appending may itself have dropped something.
            *ledger = Ledger::read(self.disk)?;
            ledger.report = None;
        }
        Ok(ledger.write(self.disk, true)?)
    }
}
