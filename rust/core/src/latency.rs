//! Latency histograms and counters: written by one thread without locks, read from any.
//!
//! A [`Histogram`] has log-linear buckets, 16 to every power of two, from 1 ns to 2³⁴ ns (17.2 s), and one for whatever is
//! longer. Every bucket that one of [`PROMETHEUS_BOUNDS_NS`] falls into is split there, so that the cumulative counts of
//! an export are exact and not read off the nearest edge. A bucket holds `lower < value ≤ upper`, as Prometheus' `le` means it.
//!
//! [`Histogram::record`] costs a shift, an addition and a comparison on tables of half a kilobyte, then plain loads and stores
//! (no locked instruction: **one** thread writes). Readers see each word whole; a snapshot taken while the writer works may
//! be ahead in one word and behind in another by what was recorded meanwhile, never torn, never going back.
//!
//! The layout is `repr(C)`, words of 64 bits only, no pointers, and all zeros is the empty histogram: it can be placed
//! in shared memory and read by another process as it stands.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "table construction runs at compile time, where an overflow is a build error; at run time only bounded shifts \
              and sums of table entries are computed, tested over every edge"
)]

use crate::clock::Nanos;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds (inclusive) of the exported buckets, ns: 1, 2.5 and 5 in every decade from 100 ns to 10 s.
pub const PROMETHEUS_BOUNDS_NS: [u64; 25] = [
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Half of all values are at most this: `percentile(P50)`.
pub const P50: u32 = 500_000;
/// 90 %.
pub const P90: u32 = 900_000;
/// 99 %.
pub const P99: u32 = 990_000;
/// 99.9 %.
pub const P999: u32 = 999_000;
/// 99.99 %.
pub const P9999: u32 = 999_900;

/// Sub-buckets of a power of two: 2⁴.
const SUB_BITS: u32 = 4;
/// Values from 2³⁴ ns on share the overflow bucket.
const TOP_BITS: u32 = 34;
const OCTAVES: usize = (TOP_BITS - SUB_BITS + 1) as usize;
/// Log-linear buckets: 16 single nanoseconds, 16 for each of 30 octaves, one overflow; and one more for each bound
/// that is not an edge anyway.
const BUCKETS: usize = log_linear_index(1 << TOP_BITS) + 1 + splits_below(1 << TOP_BITS);

/// One power of two: where its buckets begin, and above which value they are moved one up.
#[derive(Clone, Copy)]
struct Octave {
    base: u64,
    split: u64,
}

static OCTAVE: [Octave; OCTAVES] = octaves();
/// Largest value of every bucket.
static UPPER: [u64; BUCKETS] = uppers();

/// Index of a value among the log-linear buckets alone.
#[expect(clippy::cast_possible_truncation, reason = "a bucket's index is small")]
const fn log_linear_index(value: u64) -> usize {
    let octave = (value | (1 << SUB_BITS)).ilog2() - SUB_BITS;
    (octave as usize * (1 << SUB_BITS)) + (value >> octave) as usize
}

/// Largest value that shares the log-linear bucket of this one.
const fn log_linear_upper(value: u64) -> u64 {
    let octave = (value | (1 << SUB_BITS)).ilog2() - SUB_BITS;
    (((value >> octave) + 1) << octave) - 1
}

/// Number of bounds below a value that split a log-linear bucket.
#[expect(clippy::indexing_slicing, reason = "runs at compile time only: a bad index is a build error")]
const fn splits_below(value: u64) -> usize {
    let (mut count, mut at) = (0, 0);
    while at < PROMETHEUS_BOUNDS_NS.len() {
        let bound = PROMETHEUS_BOUNDS_NS[at];
        if bound < value && log_linear_upper(bound) != bound {
            count += 1;
        }
        at += 1;
    }
    count
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time only: a bad index is a build error")]
const fn octaves() -> [Octave; OCTAVES] {
    let mut table = [Octave { base: 0, split: u64::MAX }; OCTAVES];
    let mut exponent = SUB_BITS;
    while exponent <= TOP_BITS {
        let octave = (exponent - SUB_BITS) as usize;
        // The first octave also holds the values below 16, each in a bucket of its own.
        let lowest = if octave == 0 { 0 } else { 1 << exponent };
        let above = 1 << (exponent + 1);
        table[octave].base = (octave * (1 << SUB_BITS) + splits_below(lowest)) as u64;
        let mut at = 0;
        while at < PROMETHEUS_BOUNDS_NS.len() {
            let bound = PROMETHEUS_BOUNDS_NS[at];
            if bound >= lowest && bound < above && log_linear_upper(bound) != bound {
                assert!(table[octave].split == u64::MAX, "two bounds in one octave: the table has room for one");
                table[octave].split = bound;
            }
            at += 1;
        }
        exponent += 1;
    }
    table
}

#[expect(clippy::indexing_slicing, reason = "runs at compile time only: a bad index is a build error")]
const fn uppers() -> [u64; BUCKETS] {
    let mut table = [u64::MAX; BUCKETS];
    let (mut bucket, mut value) = (0, 0);
    while bucket < BUCKETS - 1 {
        let mut upper = log_linear_upper(value);
        let mut at = 0;
        while at < PROMETHEUS_BOUNDS_NS.len() {
            let bound = PROMETHEUS_BOUNDS_NS[at];
            if bound >= value && bound < upper {
                upper = bound;
            }
            at += 1;
        }
        table[bucket] = upper;
        value = upper + 1;
        bucket += 1;
    }
    assert!(value == 1 << TOP_BITS, "the buckets end where the overflow begins");
    table
}

/// Bucket of a value.
#[inline]
fn index(value: u64) -> usize {
    let value = value.min(1 << TOP_BITS);
    let octave = (value | (1 << SUB_BITS)).ilog2() - SUB_BITS;
    // Always there (the value is below 2³⁵); said without an index, the compiler sees it too and leaves no check.
    let Some(&Octave { base, split }) = OCTAVE.get(octave as usize) else { return BUCKETS };
    #[expect(clippy::cast_possible_truncation, reason = "a bucket's index is small")]
    let index = (base + (value >> octave) + u64::from(value > split)) as usize;
    index
}

/// A histogram of durations in nanoseconds. See the module's text for buckets, threads and layout.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Histogram {
    sum_ns: AtomicU64,
    max_ns: AtomicU64,
    negative: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds without a locked instruction: right as long as one thread writes.
#[inline]
fn add_single_writer(word: &AtomicU64, n: u64) {
    word.store(word.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Histogram {
    /// Number of buckets, the overflow bucket included.
    pub const BUCKETS: usize = BUCKETS;

    /// An empty histogram.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sum_ns: AtomicU64::new(0),
            max_ns: AtomicU64::new(0),
            negative: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }

    /// Records a duration, ns. A negative one (a clock was set back between its two stamps) counts as 0, and also in
    /// [`HistogramSnapshot::negative`].
    ///
    /// One thread at a time: two writers lose counts to each other (and do no other harm).
    #[inline]
    pub fn record(&self, ns: Nanos) {
        if ns < 0 {
            add_single_writer(&self.negative, 1);
        }
        let value = ns.max(0).unsigned_abs();
        if let Some(bucket) = self.buckets.get(index(value)) {
            add_single_writer(bucket, 1);
        }
        add_single_writer(&self.sum_ns, value);
        if value > self.max_ns.load(Relaxed) {
            self.max_ns.store(value, Relaxed);
        }
    }

    /// Forgets everything. Nobody may record meanwhile.
    pub fn clear(&self) {
        for word in [&self.sum_ns, &self.max_ns, &self.negative].into_iter().chain(&self.buckets) {
            word.store(0, Relaxed);
        }
    }

    /// Number of durations recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(bucket.load(Relaxed)))
    }

    /// Sum of all durations, ns (wraps after 584 years).
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns.load(Relaxed)
    }

    /// The longest duration, ns; exact.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.max_ns.load(Relaxed)
    }

    /// See [`HistogramSnapshot::percentile`].
    #[must_use]
    pub fn percentile(&self, parts_per_million: u32) -> u64 {
        self.snapshot().percentile(parts_per_million)
    }

    /// All numbers as they are now.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        HistogramSnapshot {
            sum_ns: self.sum_ns(),
            max_ns: self.max_ns(),
            negative: self.negative.load(Relaxed),
            buckets: self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect(),
        }
    }
}

/// The numbers of a [`Histogram`] at one moment, or of several added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramSnapshot {
    sum_ns: u64,
    max_ns: u64,
    negative: u64,
    /// Counts by bucket, [`Histogram::BUCKETS`] of them.
    buckets: Box<[u64]>,
}

impl Default for HistogramSnapshot {
    /// Of nothing: the neutral element of [`HistogramSnapshot::merge`].
    fn default() -> Self {
        Self { sum_ns: 0, max_ns: 0, negative: 0, buckets: vec![0; BUCKETS].into() }
    }
}

impl HistogramSnapshot {
    /// Number of durations recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Sum of all durations, ns.
    #[must_use]
    pub fn sum_ns(&self) -> u64 {
        self.sum_ns
    }

    /// The longest duration, ns.
    #[must_use]
    pub fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// How many of the durations were negative and count as 0.
    #[must_use]
    pub fn negative(&self) -> u64 {
        self.negative
    }

    /// The buckets that are not empty: `(largest value, count)`, shortest first; the overflow's largest value is `u64::MAX`.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        UPPER.iter().copied().zip(self.buckets.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// A value that `parts_per_million` of all durations do not exceed, ns ([`P50`] … [`P9999`]); 0 if there are none.
    ///
    /// It is the upper edge of the bucket that holds the duration of rank `ceil(n · ppm / 10⁶)`, but never more than the longest
    /// duration: at least the true value, and at most 1/16 above it.
    #[must_use]
    pub fn percentile(&self, parts_per_million: u32) -> u64 {
        let count = u128::from(self.count());
        let rank = (count * u128::from(parts_per_million.min(1_000_000))).div_ceil(1_000_000).max(1);
        let mut seen = 0_u128;
        for (upper, here) in self.buckets() {
            seen += u128::from(here);
            if seen >= rank {
                return upper.min(self.max_ns);
            }
        }
        0
    }

    /// For each of [`PROMETHEUS_BOUNDS_NS`]: `(bound, how many durations were at most that)`. Exact. The count under `+Inf` is
    /// [`HistogramSnapshot::count`].
    #[must_use]
    pub fn cumulative(&self) -> Vec<(u64, u64)> {
        let mut buckets = self.buckets().peekable();
        let mut sum = 0_u64;
        PROMETHEUS_BOUNDS_NS
            .iter()
            .map(|&bound| {
                while let Some((_, count)) = buckets.next_if(|&(upper, _)| upper <= bound) {
                    sum = sum.wrapping_add(count);
                }
                (bound, sum)
            })
            .collect()
    }

    /// Adds another's numbers.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.sum_ns = self.sum_ns.wrapping_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.negative = self.negative.wrapping_add(other.negative);
    }
}

/// A number that grows, read from any thread.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds, from any thread.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Adds without a locked instruction, for a counter that **one** thread writes: two writers would lose counts.
    #[inline]
    pub fn add_single_writer(&self, n: u64) {
        add_single_writer(&self.0, n);
    }

    /// Back to zero. Nobody may add meanwhile.
    pub fn clear(&self) {
        self.0.store(0, Relaxed);
    }

    /// The number now.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
#[path = "latency_tests.rs"]
mod tests;
