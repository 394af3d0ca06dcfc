//! So many a second.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Counts what is done in the second that began with the first of it. None has to wait for another: a limit on the time
/// between two would refuse the second of two that are both right.
#[derive(Debug, Default)]
pub(crate) struct PerSecond(Option<(Instant, u32)>);

impl PerSecond {
    /// Counts one more; false if there were `most` in this second.
    pub(crate) fn allows(&mut self, most: u32) -> bool {
        let (since, count) =
            self.0.filter(|(since, _)| since.elapsed() < SECOND).unwrap_or_else(|| (Instant::now(), 0));
        self.0 = Some((since, count.saturating_add(1)));
        count < most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_as_many_at_once_and_again_in_the_next_second() {
        let mut rate = PerSecond::default();
        assert_eq!([rate.allows(2), rate.allows(2), rate.allows(2)], [true, true, false]);
        let begun = Instant::now().checked_sub(SECOND);
        rate.0 = begun.map(|begun| (begun, 3));
        assert!(rate.allows(2));
    }
}
