//! Numbers that look random and are the same each time.

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Between 0 and 1, 1 excluded.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `end`; 0 for 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.share() * end as f64) as usize
    }

    /// Between the two, the second excluded.
    pub(crate) fn between(&mut self, first: usize, end: usize) -> usize {
        first + self.below(end.saturating_sub(first))
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, of_hundred: usize) -> bool {
        self.below(100) < of_hundred
    }

    /// One of these; the list must not be empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// A length with this median whose 99th percentile is about 30 times as much: as texts of agents are (log-normal).
    pub(crate) fn length(&mut self, median: usize) -> usize {
        // The sum of twelve uniform numbers less six is near enough to a normal one.
        let normal: f64 = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        // exp(1.46 * 2.33) is 30.
        let length = median as f64 * (1.46 * normal).exp();
        (length as usize).clamp(16, 200_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_told() {
        let mut random = Random::new(3);
        let mut lengths: Vec<usize> = (0..10_000).map(|_| random.length(1000)).collect();
        lengths.sort_unstable();
        assert!((900..1100).contains(&lengths[5000]), "{}", lengths[5000]);
        assert!((20_000..45_000).contains(&lengths[9900]), "{}", lengths[9900]);
    }
}
