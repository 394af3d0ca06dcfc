//! Counts what was refused, so that nobody makes the store be asked without end.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits::{ALL_FAILURES_MAX, FAILING_ADDRESSES_MAX, FAILURES_MAX, FAILURES_WINDOW};

#[derive(Debug)]
struct Window {
    since: Instant,
    all: u32,
    addresses: HashMap<IpAddr, u32>,
}

/// Refusals of the running window, over all and by address.
#[derive(Debug)]
pub(crate) struct Attempts(Mutex<Window>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Mutex::new(Window { since: Instant::now(), all: 0, addresses: HashMap::new() }))
    }
}

impl Attempts {
    /// Whether another try of this address is looked at; else how many seconds it has to wait.
    pub(crate) fn allows(&self, peer: IpAddr) -> Result<(), u32> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = window.since.elapsed();
        if over >= FAILURES_WINDOW {
            *window = Window { since: Instant::now(), all: 0, addresses: HashMap::new() };
            return Ok(());
        }
        let failed = window.addresses.get(&peer.to_canonical()).copied().unwrap_or_default();
        if failed < FAILURES_MAX && window.all < ALL_FAILURES_MAX {
            return Ok(());
        }
        Err(u32::try_from(FAILURES_WINDOW.saturating_sub(over).as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// One was refused.
    pub(crate) fn failed(&self, peer: IpAddr) {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        window.all = window.all.saturating_add(1);
        let peer = peer.to_canonical();
        if window.addresses.len() < FAILING_ADDRESSES_MAX || window.addresses.contains_key(&peer) {
            *window.addresses.entry(peer).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_address_waits_alone_until_all_do() {
        let attempts = Attempts::default();
        let address = |n: u8| IpAddr::from([10, 0, 0, n]);
        for _ in 0..FAILURES_MAX {
            assert_eq!(attempts.allows(address(1)), Ok(()));
            attempts.failed(address(1));
        }
        assert!(attempts.allows(address(1)).unwrap_err() <= 61);
        assert!(attempts.allows("::ffff:10.0.0.1".parse().unwrap()).is_err());
        assert_eq!(attempts.allows(address(2)), Ok(()));
        for n in 0..ALL_FAILURES_MAX {
            attempts.failed(address(u8::try_from(n % 200).unwrap() + 3));
        }
        assert!(attempts.allows(address(2)).is_err());
    }
}
