//! The memory budget: near its end new work is refused, and what is open goes on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::stats::Counters;

/// New work is refused from this part of the budget on, in percent.
pub const SHED_AT_PERCENT: u64 = 95;

/// And taken again below this part, in percent, so that it does not flap.
pub const RESUME_BELOW_PERCENT: u64 = 92;

/// So many open exchanges are allowed however much memory is in use. What was freed may stay with the allocator, where
/// new work takes it from: without this a server that was once full would refuse everything until its restart.
pub const ALWAYS_TAKEN_EXCHANGES: u64 = 16;

/// How often it is looked how much memory is in use.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// cgroup limits at or above this many bytes mean that there is none.
const NO_LIMIT: u64 = 1 << 60;

/// The process's budget.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    bytes: Option<u64>,
    used: fn() -> Option<u64>,
    counters: Arc<Counters>,
    started: Instant,
    /// Microseconds from `started` to the next look.
    next_look: AtomicU64,
    shedding: AtomicBool,
}

impl MemoryBudget {
    /// A budget in bytes; `None` is no budget.
    pub(crate) fn new(bytes: Option<u64>, counters: &Arc<Counters>) -> Self {
        Self::measured_by(bytes, counters, anonymous_bytes)
    }

    fn measured_by(bytes: Option<u64>, counters: &Arc<Counters>, used: fn() -> Option<u64>) -> Self {
        let (next_look, shedding) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { bytes, used, counters: Arc::clone(counters), started: Instant::now(), next_look, shedding }
    }

    /// True while new work is to be refused. Looks at the memory in use when the last look is too old: an idle server
    /// looks at nothing.
    pub(crate) fn is_spent(&self) -> bool {
        let Some(bytes) = self.bytes else { return false };
        let now = micros(self.started.elapsed());
        let due = self.next_look.load(Relaxed);
        let next = now + micros(LOOK_EVERY);
        if now >= due && self.next_look.compare_exchange(due, next, Relaxed, Relaxed).is_ok() {
            self.look(bytes);
        }
        self.shedding.load(Relaxed) && self.counters.open_exchanges() >= ALWAYS_TAKEN_EXCHANGES
    }

    fn look(&self, bytes: u64) {
        // Where it cannot be told there is nothing to act on.
        let Some(used) = (self.used)() else { return };
        let was = self.shedding.load(Relaxed);
        let percent = if was { RESUME_BELOW_PERCENT } else { SHED_AT_PERCENT };
        let is = u128::from(used) * 100 >= u128::from(bytes) * u128::from(percent);
        self.shedding.store(is, Relaxed);
        if is && !was {
            tracing::warn!(used, budget = bytes, "the memory budget is nearly spent: new requests are refused");
        } else if was && !is {
            tracing::info!(used, budget = bytes, "memory is free again: requests are taken");
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Memory of this process that cannot be dropped and read again, in bytes.
fn anonymous_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// What the container or service that this process runs in may use, in bytes; `None` without a limit.
pub fn container_memory_bytes() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").trim_start_matches('/');
    let root = Path::new("/sys/fs/cgroup");
    let files = [root.join(own).join("memory.max"), root.join("memory.max"), root.join("memory/memory.limit_in_bytes")];
    files.iter().find_map(|file| limit_in(&std::fs::read_to_string(file).ok()?))
}

fn limit_in(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    static USED: AtomicU64 = AtomicU64::new(0);

    fn busy() -> Arc<Counters> {
        let counters: Arc<Counters> = Arc::default();
        (0..ALWAYS_TAKEN_EXCHANGES).for_each(|_| counters.opened());
        counters
    }

    #[test]
    fn f24_new_work_is_refused_from_95_percent_on_until_92() {
        let budget = MemoryBudget::measured_by(Some(1000), &busy(), || Some(USED.load(Relaxed)));
        let spent_at = |used| {
            USED.store(used, Relaxed);
            budget.next_look.store(0, Relaxed);
            budget.is_spent()
        };
        let seen = [0, 949, 950, 2000, 930, 920, 919, 949].map(spent_at);
        assert_eq!(seen, [false, false, true, true, true, true, false, false]);
    }

    #[test]
    fn f24_a_server_that_does_next_to_nothing_refuses_nothing() {
        let counters = Arc::default();
        let budget = MemoryBudget::measured_by(Some(1000), &counters, || Some(1000));
        let spent: Vec<bool> = (0..=ALWAYS_TAKEN_EXCHANGES)
            .map(|_| {
                let spent = budget.is_spent();
                counters.opened();
                spent
            })
            .collect();
        assert_eq!(spent.iter().position(|spent| *spent), Some(ALWAYS_TAKEN_EXCHANGES as usize));
    }

    #[test]
    fn f24_what_cannot_be_told_or_is_not_limited_refuses_nothing() {
        assert!(!MemoryBudget::measured_by(Some(1), &busy(), || None).is_spent());
        assert!(!MemoryBudget::measured_by(None, &busy(), || Some(u64::MAX)).is_spent());
        let limits = ["max", "1048576\n", "9223372036854771712"].map(limit_in);
        assert_eq!(limits, [None, Some(1_048_576), None]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn f24_the_memory_in_use_is_told() {
        assert!(anonymous_bytes().is_some_and(|bytes| bytes > 0));
        assert!(MemoryBudget::new(Some(1), &busy()).is_spent());
    }
}
