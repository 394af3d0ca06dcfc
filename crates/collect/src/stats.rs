//! What was taken and refused since the process began.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use ursa_model::capture::Channel;

use crate::ledger::Ledger;

/// The counters at one moment. Idle, nothing in them changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct CollectStats {
    /// Batches that were answered with 200.
    pub batches: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Envelopes that were taken, by channel.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Envelopes that had come before.
    pub duplicates: u64,
    /// Lines that were not taken.
    pub rejected: u64,
    /// Envelopes whose device's clock is not believed.
    pub clock_skew: u64,
    /// Devices that enrolled.
    pub enrolled: u64,
    /// Spools that are known, from before the process began too.
    pub spools: u64,
    /// Envelopes that are missing in them: holes below the highest `seq`.
    pub missing: u64,
    /// The same by sender, of those that miss some: `device:dev_…`, `key:…`, `loopback`.
    pub missing_by: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) clock_skew: AtomicU64,
    pub(crate) enrolled: AtomicU64,
    accepted: Mutex<BTreeMap<&'static str, u64>>,
}

pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn accepted(&self, channel: Channel) {
        *self.accepted.lock().unwrap_or_else(PoisonError::into_inner).entry(channel.as_str()).or_default() += 1;
    }

    pub(crate) fn snapshot(&self, ledger: &Ledger) -> CollectStats {
        let (spools, missing) = ledger.totals();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        CollectStats {
            batches: read(&self.batches),
            refused: read(&self.refused),
            accepted: self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            duplicates: read(&self.duplicates),
            rejected: read(&self.rejected),
            clock_skew: read(&self.clock_skew),
            enrolled: read(&self.enrolled),
            spools,
            missing,
            missing_by: ledger.missing(),
        }
    }
}
