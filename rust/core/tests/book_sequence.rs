//! Sequence rules, as tables, and random streams cut and mixed by a lossy network.
#![allow(clippy::arithmetic_side_effects, reason = "small numbers in tests")]

use ferrofeed_core::book::sequence::{Alignment, Ids, Rule, Sequence, Step};
use proptest::prelude::*;

use Step::{Apply, Drop, Gap};

fn at(rule: Rule, snapshot: u64) -> Sequence {
    let mut sequence = Sequence::new(rule);
    sequence.start(snapshot);
    sequence
}

fn steps(sequence: &mut Sequence, all: &[Ids]) -> Vec<Step> {
    all.iter().map(|&ids| sequence.step(ids)).collect()
}

#[test]
fn without_a_snapshot_everything_is_a_gap() {
    for rule in [Rule::Contiguous, Rule::PreviousLink, Rule::RangeOverlap] {
        let mut sequence = Sequence::new(rule);
        assert_eq!(steps(&mut sequence, &[Ids::single(1), Ids::linked(0, 1), Ids::range(0, 9)]), [Gap; 3]);
        sequence.start(5);
        sequence.stop();
        assert_eq!((sequence.step(Ids::linked(5, 6)), sequence.last()), (Gap, None));
    }
}

#[test]
fn contiguous() {
    let mut sequence = at(Rule::Contiguous, 7);
    let stream = [5, 7, 8, 8, 9, 7, 10].map(Ids::single);
    assert_eq!(steps(&mut sequence, &stream), [Drop, Drop, Apply, Drop, Apply, Drop, Apply]);
    assert_eq!(sequence.last(), Some(10));
    assert_eq!(steps(&mut sequence, &[Ids::single(12), Ids::single(13)]), [Gap, Gap]);
    assert_eq!(sequence.last(), None);
    sequence.start(1);
    assert_eq!(sequence.step(Ids::single(2)), Apply, "a restart of the venue comes with a snapshot");
}

#[test]
fn range_overlap() {
    // Binance spot's own words: drop u ≤ lastUpdateId; the first to apply has U ≤ lastUpdateId + 1 ≤ u.
    let table: [((u64, u64), Step); 7] = [
        ((90, 99), Drop),
        ((95, 100), Drop),
        ((95, 101), Apply),
        ((101, 101), Apply),
        ((101, 120), Apply),
        ((102, 120), Gap),
        ((200, 100), Drop), // An impossible range is not applied.
    ];
    for ((first, last), expected) in table {
        assert_eq!(at(Rule::RangeOverlap, 100).step(Ids::range(first, last)), expected, "{first}..={last}");
    }
    let mut sequence = at(Rule::RangeOverlap, 100);
    let stream = [(98, 105), (106, 106), (104, 110), (112, 113)].map(|(first, last)| Ids::range(first, last));
    assert_eq!(steps(&mut sequence, &stream), [Apply, Apply, Apply, Gap]);
}

#[test]
fn previous_link_after_a_rest_snapshot() {
    // Binance USD-M: drop u < lastUpdateId; the first has U ≤ lastUpdateId ≤ u; then pu = the last u.
    let table: [((u64, u64, u64), Step); 6] = [
        ((80, 90, 99), Drop),
        ((80, 90, 100), Apply),
        ((80, 100, 110), Apply),
        ((100, 103, 110), Apply),
        ((99, 101, 110), Gap),
        ((101, 105, 110), Gap),
    ];
    for ((previous, first, last), expected) in table {
        let ids = Ids::linked_range(previous, first, last);
        assert_eq!(at(Rule::PreviousLink, 100).step(ids), expected, "{ids:?}");
    }
    let mut sequence = at(Rule::PreviousLink, 100);
    let stream = [(90, 95, 104), (104, 108, 120), (104, 108, 120), (110, 119, 125)]
        .map(|(previous, first, last)| Ids::linked_range(previous, first, last));
    assert_eq!(steps(&mut sequence, &stream), [Apply, Apply, Drop, Gap], "a range helps only the first diff");
}

#[test]
fn previous_link_in_band() {
    // OKX: a keep-alive repeats the number, a reset links to the last number with a smaller one.
    let mut sequence = at(Rule::PreviousLink, 10);
    let stream = [(10, 15), (15, 15), (15, 3), (3, 5), (5, 9), (5, 9), (11, 12)].map(|(p, n)| Ids::linked(p, n));
    assert_eq!(steps(&mut sequence, &stream), [Apply, Apply, Apply, Apply, Apply, Drop, Gap]);
}

#[test]
fn alignment() {
    let diffs = [(90, 94), (95, 99), (100, 104), (105, 109)].map(|(first, last)| Ids::range(first, last));
    let table = [
        (93, Alignment::Aligned(0)),
        (89, Alignment::Aligned(0)),
        (94, Alignment::Aligned(1)),
        (99, Alignment::Aligned(2)),
        (101, Alignment::Aligned(2)),
        (108, Alignment::Aligned(3)),
        (109, Alignment::Aligned(4)),
        (500, Alignment::Aligned(4)),
        (88, Alignment::SnapshotTooOld),
    ];
    for (snapshot, expected) in table {
        let mut sequence = Sequence::new(Rule::RangeOverlap);
        assert_eq!(sequence.align(snapshot, &diffs), expected, "snapshot {snapshot}");
        let last = matches!(expected, Alignment::Aligned(_)).then_some(snapshot.max(109));
        assert_eq!(sequence.last(), last, "snapshot {snapshot}");
    }
    assert_eq!(Sequence::new(Rule::RangeOverlap).align(7, &[]), Alignment::Aligned(0));
    let holed = [(90, 94), (95, 99), (101, 104), (105, 109)].map(|(first, last)| Ids::range(first, last));
    assert_eq!(Sequence::new(Rule::RangeOverlap).align(92, &holed), Alignment::Broken(2));
    assert_eq!(Sequence::new(Rule::RangeOverlap).align(99, &holed), Alignment::SnapshotTooOld);
    assert_eq!(Sequence::new(Rule::RangeOverlap).align(102, &holed), Alignment::Aligned(2));
}

#[test]
fn numbers_at_the_end_of_their_range_do_not_overflow() {
    for rule in [Rule::Contiguous, Rule::PreviousLink, Rule::RangeOverlap] {
        let mut sequence = at(rule, u64::MAX - 1);
        assert_eq!(sequence.step(Ids::linked(u64::MAX - 1, u64::MAX)), Apply, "{rule:?}");
        assert_eq!(sequence.step(Ids::linked(3, 4)), Drop, "{rule:?}");
    }
}

proptest! {
    /// Whatever is lost, doubled or swapped: what is applied never has a hole, and a loss is seen no later than by the
    /// next new message.
    #[test]
    fn no_hole_is_applied(
        rule in prop::sample::select(vec![Rule::Contiguous, Rule::PreviousLink, Rule::RangeOverlap]),
        widths in prop::collection::vec(1u64..5, 1..60),
        faults in prop::collection::vec(0u8..12, 60),
        snapshot in 0u64..20,
    ) {
        let width = |width: u64| if rule == Rule::Contiguous { 1 } else { width };
        let mut next = 1;
        let mut stream = Vec::new();
        for (w, fault) in widths.into_iter().zip(faults) {
            let ids = Ids::linked_range(next - 1, next, next + width(w) - 1);
            next = ids.last + 1;
            match fault {
                0 => {}
                1 => stream.extend([ids, ids]),
                2 => { let at = stream.len().saturating_sub(1); stream.insert(at, ids); }
                _ => stream.push(ids),
            }
        }
        let mut sequence = at(rule, snapshot);
        let mut known = snapshot;
        for ids in stream {
            match sequence.step(ids) {
                Apply => {
                    prop_assert!(ids.first <= known + 1 && known <= ids.last, "{ids:?} applied at {known}");
                    known = ids.last;
                }
                Drop => prop_assert!(ids.last <= known, "{ids:?} dropped at {known}"),
                Gap => {
                    // The only gap without a loss is Binance USD-M's: a diff that begins right after a snapshot's number
                    // and does not link to it can't come from this stream.
                    prop_assert!(ids.first > known + 1 || (rule == Rule::PreviousLink && ids.previous != known), "{ids:?} at {known}");
                    prop_assert_eq!(sequence.last(), None);
                    break;
                }
            }
            prop_assert_eq!(sequence.last(), Some(known));
        }
    }
}
