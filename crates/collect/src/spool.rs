//! What is known of one spool: which of its envelopes came, and how its device's clock goes.

use serde::{Deserialize, Serialize};
use ursa_model::time::Timestamp;

use crate::limits::{CLOCK_SKEW_MICROS, STEP_BACK_MICROS, STRETCHES_MAX, WAITED_MICROS};

/// One spool of one sender.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spool {
    /// All up to here came, or were given up.
    through: u64,
    /// Stretches that came above the first hole: first and last, ascending, never touching.
    above: Vec<(u64, u64)>,
    /// Holes that are no longer waited for.
    given_up: u64,
    /// The highest `seq` whose time was told.
    high: u64,
    /// The time that was shown for it.
    shown: Timestamp,
    /// What is added to the device's times since its clock was put back, in microseconds.
    offset: i64,
    /// When something of it last came.
    pub(crate) received: Timestamp,
}

impl Spool {
    /// Whether this one came.
    pub fn has(&self, seq: u64) -> bool {
        let next = self.above.partition_point(|(_, last)| *last < seq);
        seq <= self.through || self.above.get(next).is_some_and(|(first, _)| *first <= seq)
    }

    /// This one came.
    pub fn insert(&mut self, seq: u64) {
        if self.has(seq) {
            return;
        }
        let next = self.above.partition_point(|(_, last)| *last < seq);
        let joins_left = next > 0 && self.above[next - 1].1 + 1 == seq;
        let joins_right = self.above.get(next).is_some_and(|(first, _)| seq + 1 == *first);
        match (joins_left, joins_right) {
            (true, true) => {
                let (_, last) = self.above.remove(next);
                self.above[next - 1].1 = last;
            }
            (true, false) => self.above[next - 1].1 = seq,
            (false, true) => self.above[next].0 = seq,
            (false, false) => self.above.insert(next, (seq, seq)),
        }
        if self.above.len() > STRETCHES_MAX {
            self.given_up += self.above[0].0 - self.through - 1;
            self.through = self.above.remove(0).1;
        }
        while self.above.first().is_some_and(|(first, _)| *first == self.through + 1) {
            self.through = self.above.remove(0).1;
        }
    }

    /// How many are missing below the highest that came.
    pub fn missing(&self) -> u64 {
        let came: u64 = self.above.iter().map(|(first, last)| last - first + 1).sum();
        self.above.last().map_or(0, |(_, last)| last - self.through - came) + self.given_up
    }

    /// When an envelope was seen, by the server's clock as well as can be told, and whether the device's word for it is
    /// not believed. `ahead` is how far the device's clock is known to be ahead, in microseconds.
    pub fn time(
        &mut self,
        seq: Option<u64>,
        told: Timestamp,
        received: Timestamp,
        ahead: Option<i64>,
    ) -> (Timestamp, bool) {
        let (mut at, mut skewed) = plausible(told, received, ahead);
        let Some(seq) = seq else { return (at, skewed) };
        if seq <= self.high {
            // Late: what is known of the clock is of later ones.
            return (if skewed { at.min(self.shown) } else { at }, skewed);
        }
        if self.offset > 0 && !skewed {
            let moved = at.plus_micros(self.offset);
            // Once the clock is right again its times are later than all that was shown.
            if at < self.shown && moved <= received.plus_micros(CLOCK_SKEW_MICROS) {
                (at, skewed) = (moved, true);
            } else {
                self.offset = 0;
            }
        }
        let back = self.shown.as_micros().saturating_sub(at.as_micros());
        if self.high > 0 && (back > STEP_BACK_MICROS || (skewed && back >= 0)) {
            let next = self.shown.plus_micros(1);
            if self.offset == 0 && !skewed {
                self.offset = next.as_micros().saturating_sub(at.as_micros());
            }
            (at, skewed) = (next, true);
        }
        (self.high, self.shown) = (seq, self.shown.max(at));
        (at, skewed)
    }
}

/// A device's time, held against the server's.
fn plausible(told: Timestamp, received: Timestamp, ahead: Option<i64>) -> (Timestamp, bool) {
    if let Some(ahead) = ahead.filter(|ahead| ahead.saturating_abs() > CLOCK_SKEW_MICROS) {
        let at = told.plus_micros(ahead.saturating_neg());
        return (at.clamp(received.plus_micros(-WAITED_MICROS), received), true);
    }
    let early = received.plus_micros(-WAITED_MICROS);
    let late = received.plus_micros(CLOCK_SKEW_MICROS);
    if told < early || told > late { (received, true) } else { (told, false) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_392_000_000_000);
    const SECOND: i64 = 1_000_000;
    const YEARS: i64 = 10 * 365 * 24 * 3600 * SECOND;

    #[test]
    fn f17_a_hole_shows_and_is_filled() {
        let mut spool = Spool::default();
        for seq in [1, 2, 4, 5, 9] {
            spool.insert(seq);
        }
        assert_eq!((spool.missing(), spool.has(3), spool.has(4), spool.has(8)), (4, false, true, false));
        for seq in [8, 3, 3, 6, 7] {
            spool.insert(seq);
        }
        assert_eq!(spool, Spool { through: 9, ..Spool::default() });
    }

    #[test]
    fn what_is_remembered_of_holes_is_bounded() {
        let mut spool = Spool::default();
        for n in 1..=(STRETCHES_MAX as u64 + 1) {
            spool.insert(n * 2);
        }
        assert_eq!((spool.above.len(), spool.missing(), spool.through), (STRETCHES_MAX, STRETCHES_MAX as u64 + 1, 2));
    }

    proptest! {
        #[test]
        fn a_spool_is_a_set(seqs in prop::collection::vec(1..80_u64, 0..120)) {
            let (mut spool, mut set) = (Spool::default(), BTreeSet::new());
            for seq in seqs {
                prop_assert_eq!(spool.has(seq), set.contains(&seq));
                spool.insert(seq);
                set.insert(seq);
                let highest = *set.last().unwrap();
                prop_assert_eq!(spool.missing(), highest - set.len() as u64);
            }
        }
    }

    #[test]
    fn f18_a_clock_that_is_years_off_keeps_the_order_and_is_flagged() {
        for off in [YEARS, -YEARS] {
            let mut spool = Spool::default();
            let mut last = Timestamp(0);
            for seq in 1..20 {
                let received = NOW.plus_micros(i64::try_from(seq / 4).unwrap() * SECOND);
                let told = received.plus_micros(off - 30 * SECOND);
                let (at, skewed) = spool.time(Some(seq), told, received, None);
                assert!(skewed && at > last && at.millis_since(received).abs() < 1000);
                last = at;
            }
        }
    }

    #[test]
    fn f18_a_known_offset_is_taken_off() {
        let mut spool = Spool::default();
        let told = NOW.plus_micros(YEARS - 40 * SECOND);
        assert_eq!(spool.time(Some(1), told, NOW, Some(YEARS)), (NOW.plus_micros(-40 * SECOND), true));
        let told = NOW.plus_micros(-3600 * SECOND);
        assert!(spool.time(Some(2), told, NOW, Some(2 * SECOND)).1, "an hour back, with the right clock");
        assert_eq!(Spool::default().time(None, told, NOW, None), (told, false), "waited an hour");
    }

    #[test]
    fn f18_an_hour_back_keeps_order_and_spacing_until_the_clock_is_right_again() {
        let mut spool = Spool::default();
        let at = |seconds: i64| NOW.plus_micros(seconds * SECOND);
        assert_eq!(spool.time(Some(1), at(0), at(1), None), (at(0), false));
        let (second, skewed) = spool.time(Some(2), at(-3590), at(11), None);
        assert!(skewed && second > at(0));
        let (third, skewed) = spool.time(Some(3), at(-3560), at(41), None);
        assert!(skewed && third.millis_since(second) == 30_000);
        assert_eq!(spool.time(Some(4), at(60), at(61), None), (at(60), false), "put right");
        assert!(!spool.time(Some(5), at(59).plus_micros(900_000), at(61), None).1, "side by side");
        let (leap, skewed) = spool.time(Some(6), at(59).plus_micros(100_000), at(61), None);
        assert!(skewed && leap > at(60), "a leap second");
    }
}
