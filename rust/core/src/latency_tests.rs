use super::*;
use crate::clock::monotonic_ns;
use proptest::prelude::*;
use std::hint::black_box;

fn of(values: &[i64]) -> HistogramSnapshot {
    let histogram = Histogram::new();
    for value in values {
        histogram.record(*value);
    }
    histogram.snapshot()
}

/// Every edge there is, with its neighbours.
fn edges() -> Vec<i64> {
    let log_linear = (0..=35_u32).flat_map(|octave| (16..32_u64).map(move |sub| (sub << octave) >> 4));
    let mut all: Vec<i64> = log_linear
        .chain(PROMETHEUS_BOUNDS_NS)
        .flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1])
        .map(|value| i64::try_from(value).unwrap())
        .chain([i64::MAX])
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn naive_cumulative(values: &[i64]) -> Vec<(u64, u64)> {
    let at_most = |bound: u64| values.iter().filter(|value| value.max(&&0).unsigned_abs() <= bound).count() as u64;
    PROMETHEUS_BOUNDS_NS.iter().map(|&bound| (bound, at_most(bound))).collect()
}

#[test]
fn bounds_are_one_two_and_a_half_and_five_in_every_decade() {
    let decades = (2..10).flat_map(|ten| [10_u64.pow(ten), 10_u64.pow(ten) * 5 / 2, 10_u64.pow(ten) * 5]);
    assert_eq!(decades.chain([10_000_000_000]).collect::<Vec<_>>(), PROMETHEUS_BOUNDS_NS);
}

#[test]
fn every_value_is_in_the_bucket_whose_edges_enclose_it() {
    for value in edges() {
        let value = value.unsigned_abs();
        let bucket = index(value);
        assert!(value <= UPPER[bucket], "{value} above its bucket");
        assert!(bucket == 0 || value > UPPER[bucket - 1], "{value} below its bucket");
    }
    assert!(UPPER.is_sorted_by(|a, b| a < b));
}

#[test]
fn every_bound_and_every_log_linear_edge_is_an_edge() {
    assert!(PROMETHEUS_BOUNDS_NS.iter().all(|bound| UPPER.contains(bound)));
    for value in edges().into_iter().map(i64::unsigned_abs).filter(|value| *value < 1 << TOP_BITS) {
        assert!(UPPER.contains(&log_linear_upper(value)));
    }
}

#[test]
fn cumulative_is_exact_around_every_edge() {
    let values = edges();
    assert_eq!(of(&values).cumulative(), naive_cumulative(&values));
    for value in values {
        assert_eq!(of(&[value]).cumulative(), naive_cumulative(&[value]), "{value}");
    }
}

#[test]
fn negative_durations_are_zeros_and_counted() {
    let snapshot = of(&[-1, i64::MIN, 5]);
    assert_eq!((snapshot.count(), snapshot.negative(), snapshot.sum_ns(), snapshot.max_ns()), (3, 2, 5, 5));
    assert_eq!(snapshot.buckets().collect::<Vec<_>>(), [(0, 2), (5, 1)]);
}

#[test]
fn nothing_recorded_gives_zeros() {
    let empty = Histogram::default();
    assert_eq!((empty.count(), empty.percentile(P99), empty.max_ns(), empty.sum_ns()), (0, 0, 0, 0));
    assert_eq!(empty.snapshot(), HistogramSnapshot::default());
    assert!(empty.snapshot().cumulative().iter().all(|(_, count)| *count == 0));
}

#[test]
fn percentiles_of_one_to_a_thousand_microseconds() {
    let snapshot = of(&(1..=1_000).map(|us| us * 1_000).collect::<Vec<_>>());
    for (ppm, truth) in [(P50, 500_000), (P90, 900_000), (P99, 990_000), (P999, 999_000), (1_000_000, 1_000_000)] {
        let read = snapshot.percentile(ppm);
        assert!((truth..=truth + truth / 16).contains(&read), "{ppm}: {read}");
    }
    assert_eq!(snapshot.percentile(1_000_000), 1_000_000, "the longest is exact");
}

#[test]
fn the_overflow_bucket_reads_as_the_longest() {
    let snapshot = of(&[1, 1 << 34, 1 << 40]);
    assert_eq!((snapshot.percentile(P99), snapshot.count()), (1 << 40, 3));
    assert_eq!(snapshot.cumulative().last(), Some(&(10_000_000_000, 1)));
}

/// What a reader in another process or language relies on.
#[test]
fn layout_is_words_only() {
    assert_eq!(core::mem::offset_of!(Histogram, sum_ns), 0);
    assert_eq!(core::mem::offset_of!(Histogram, max_ns), 8);
    assert_eq!(core::mem::offset_of!(Histogram, negative), 16);
    assert_eq!(core::mem::offset_of!(Histogram, buckets), 24);
    assert_eq!(align_of::<Histogram>(), 64);
    assert_eq!(size_of::<Histogram>(), (24 + 8 * BUCKETS).next_multiple_of(64));
    assert_eq!(BUCKETS, 16 + 30 * 16 + 25 + 1, "no bound is a log-linear edge, so each splits a bucket");
}

/// A reader beside the writer sees counts that only grow, and in the end all of them.
#[test]
fn a_concurrent_reader_never_sees_counts_go_back() {
    const RECORDS: u64 = 200_000;
    let histogram = Histogram::new();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..RECORDS).for_each(|n| histogram.record(i64::try_from(n % 5_000).unwrap())));
        let mut last = HistogramSnapshot::default();
        while last.count() < RECORDS {
            let now = histogram.snapshot();
            assert!(now.sum_ns() >= last.sum_ns() && now.max_ns() >= last.max_ns());
            assert!(now.buckets.iter().zip(&last.buckets).all(|(now, last)| now >= last));
            assert!(now.cumulative().is_sorted_by_key(|(_, count)| *count));
            last = now;
        }
    });
    assert_eq!(histogram.sum_ns(), (0..RECORDS).map(|n| n % 5_000).sum::<u64>());
    assert_eq!(histogram.snapshot().cumulative()[0], (100, 101 * RECORDS / 5_000));
}

#[test]
fn counters_add_from_many_threads() {
    let counter = Counter::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| counter.add(3)));
        }
    });
    counter.add_single_writer(1);
    assert_eq!(counter.get(), 120_001);
}

/// `cargo test --release latency::tests::cost -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn cost_of_a_record() {
    let histogram = Histogram::new();
    let values: Vec<i64> = (0..4_096_u64)
        .map(|n| i64::try_from(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (30 + n % 30)).unwrap())
        .collect();
    for round in 0..5 {
        let start = monotonic_ns();
        for _ in 0..1_000 {
            for value in &values {
                black_box(&histogram).record(*value);
            }
        }
        println!("round {round}: {} ps a record", (monotonic_ns() - start) * 1_000 / (4_096 * 1_000));
    }
}

fn durations() -> impl Strategy<Value = Vec<i64>> {
    let any_size = (0_u32..63, any::<i64>()).prop_map(|(shift, value)| (value & i64::MAX) >> shift);
    prop::collection::vec(prop_oneof![9 => any_size, 1 => any::<i64>()], 1..200)
}

proptest! {
    #[test]
    fn export_is_that_of_a_sorted_list(values in durations()) {
        let snapshot = of(&values);
        prop_assert_eq!(snapshot.cumulative(), naive_cumulative(&values));
        prop_assert_eq!(snapshot.count(), values.len() as u64);
        let zeroed = values.iter().map(|value| value.max(&0).unsigned_abs());
        prop_assert_eq!(snapshot.sum_ns(), zeroed.clone().fold(0, u64::wrapping_add));
        prop_assert_eq!(snapshot.max_ns(), zeroed.max().unwrap());
        prop_assert_eq!(snapshot.negative(), values.iter().filter(|value| **value < 0).count() as u64);
    }

    #[test]
    fn percentile_is_at_most_a_sixteenth_high(values in durations(), ppm in 0_u32..=1_000_000) {
        let mut sorted: Vec<u64> = values.iter().map(|value| value.max(&0).unsigned_abs()).collect();
        sorted.sort_unstable();
        let rank = (sorted.len() as u64 * u64::from(ppm)).div_ceil(1_000_000).max(1);
        let truth = sorted[usize::try_from(rank).unwrap() - 1];
        let read = of(&values).percentile(ppm);
        prop_assert!(read >= truth);
        prop_assert!(truth >= 1 << TOP_BITS || read - truth <= truth / 16, "{} for {}", read, truth);
    }

    #[test]
    fn merged_is_recorded_together(a in durations(), b in durations()) {
        let mut merged = of(&a);
        merged.merge(&of(&b));
        prop_assert_eq!(merged, of(&[a, b].concat()));
    }
}
