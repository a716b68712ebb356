//! What happens by chance, all of it by a seed.

use crate::clock::Nanos;

/// How long a way takes, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub least: Nanos,
    /// At most.
    pub most: Nanos,
}

/// How the times between the least and the most of a [`Latency`] are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// Each as likely as another.
    #[default]
    Even,
    /// Most near the least and few near the most, as networks are: log-normal (of σ 1), cut at its 99.9th percentile.
    Skewed,
}

/// Its quantiles in ten thousandths of the last: those of 0, 1/16 … 15/16, then of 31/32, 63/64 … 511/512, and the last.
const QUANTILES: [i64; 22] = [
    0, 98, 144, 187, 232, 279, 331, 389, 455, 532, 626, 742, 893, 1_105, 1_437, 2_110, 2_930, 3_921, 5_103, 6_504,
    8_150, 10_000,
];

/// `SplitMix64`.
#[derive(Clone, Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether what happens so many times in a million happens now.
    pub(super) fn happens(&mut self, ppm: u32) -> bool {
        ppm > 0 && self.next() % 1_000_000 < u64::from(ppm)
    }

    /// A time of this latency; the most only where it is the least, too.
    pub(super) fn sample(&mut self, latency: Latency, spread: Spread) -> Nanos {
        let least = latency.least.max(0);
        let span = latency.most.saturating_sub(least);
        if span <= 0 {
            return least;
        }
        match spread {
            Spread::Even => least.saturating_add_unsigned(self.next().checked_rem(span.unsigned_abs()).unwrap_or(0)),
            Spread::Skewed => least.saturating_add(self.skewed(span)),
        }
    }

    /// A time below `span`: a place between two quantiles.
    fn skewed(&mut self, span: Nanos) -> Nanos {
        let random = self.next();
        // the first fifteen intervals are a sixteenth each; every one of the tail is half as likely as the one before it
        let sixteenth = usize::try_from(random >> 60).unwrap_or(0);
        let halves = usize::try_from((random << 4).leading_zeros()).unwrap_or(0);
        let interval = if sixteenth < 15 { sixteenth } else { sixteenth.saturating_add(halves.min(5)) };
        let at = |place: usize| QUANTILES.get(place).copied().unwrap_or(10_000);
        let (low, high) = (at(interval), at(interval.saturating_add(1)));
        let scaled = |share: i64| {
            let time = i128::from(span).saturating_mul(share.into()).checked_div(10_000).unwrap_or(0);
            i64::try_from(time).unwrap_or(span)
        };
        let (from, to) = (scaled(low), scaled(high));
        let step = to.saturating_sub(from).max(1).unsigned_abs();
        from.saturating_add_unsigned((random & u64::from(u32::MAX)).checked_rem(step).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_as_they_should_be() {
        let latency = Latency { least: 1_000, most: 101_000 };
        let sorted = |spread| {
            let mut chance = Chance(5);
            let mut all: Vec<Nanos> = (0..100_000).map(|_| chance.sample(latency, spread)).collect();
            all.sort_unstable();
            assert!(all[0] >= latency.least && all[99_999] < latency.most);
            [50_000, 90_000, 99_000, 99_900].map(|at| all[at] - latency.least)
        };
        let near = |found: [Nanos; 4], expected: [Nanos; 4]| {
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() * 10 < expected, "{found}, not about {expected}");
            }
        };
        near(sorted(Spread::Even), [50_000, 90_000, 99_000, 99_900]);
        // of a log-normal cut at e^3.09: e^0, e^1.28, e^2.33 and, between the last two quantiles, half of what is above 511/512
        near(sorted(Spread::Skewed), [4_550, 16_380, 46_600, 90_500]);
    }

    #[test]
    fn a_latency_of_one_time_is_that_time() {
        let mut chance = Chance(0);
        for spread in [Spread::Even, Spread::Skewed] {
            assert_eq!(chance.sample(Latency { least: 7, most: 7 }, spread), 7);
            assert_eq!(chance.sample(Latency { least: 7, most: 3 }, spread), 7);
            assert_eq!(chance.sample(Latency { least: -7, most: -3 }, spread), 0);
            assert_eq!(chance.sample(Latency { least: 0, most: 1 }, spread), 0);
        }
        assert!(!(0..1_000).any(|_| chance.happens(0)) && (0..1_000).all(|_| chance.happens(1_000_000)));
    }
}
