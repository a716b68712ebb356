//! The book's rules, one by one, with numbers that can be checked by hand.

use ferrofeed_core::book::{Book, BookSide, BookTimes, Change, Fill, Imbalance, Outcome, RescaleError, Validity};
use ferrofeed_core::event::{Level, StatusReason};

use BookSide::{Ask, Bid};

fn levels<const N: usize>(pairs: [(i64, i64); N]) -> Vec<Level> {
    pairs.into_iter().map(|(price, size)| Level { price, size }).collect()
}

fn pairs(side: impl Iterator<Item = Level>) -> Vec<(i64, i64)> {
    side.map(|level| (level.price, level.size)).collect()
}

/// Bids 100×5, 99×7, 97×1; asks 102×4, 103×6.
fn sample() -> Book {
    let mut book = Book::new(None);
    book.replace(&levels([(100, 5), (99, 7), (97, 1)]), &levels([(102, 4), (103, 6)]));
    book
}

#[test]
fn life_of_a_book() {
    let mut book = Book::default();
    assert_eq!((book.validity(), book.is_valid(), book.check()), (Validity::Empty, false, true));
    assert!(!book.invalidate(StatusReason::SequenceGap), "nothing to announce");
    assert_eq!(book.validity(), Validity::Empty, "it never had a snapshot");

    let first = book.replace(&levels([(100, 5)]), &levels([(101, 5)]));
    assert_eq!(first, Outcome { changed: true, top_changed: true, crossed: false, was_valid: false });
    assert!(first.resynced() && !first.broke() && book.is_valid());

    assert!(book.invalidate(StatusReason::SequenceGap));
    assert!(!book.invalidate(StatusReason::PeerClosed), "announced already");
    assert_eq!(book.validity(), Validity::Stale(StatusReason::SequenceGap), "the first reason stays");
    assert_eq!(book.apply(Bid, 99, 1), Change::Inserted);
    assert!(book.check());
    assert_eq!(book.validity(), Validity::Stale(StatusReason::SequenceGap), "no delta makes it valid");
    assert_eq!(pairs(book.bids()), [(100, 5), (99, 1)], "it keeps what it knew");

    let again = book.replace(&levels([(100, 5), (99, 1)]), &levels([(101, 5)]));
    assert_eq!(again, Outcome { changed: false, top_changed: false, crossed: false, was_valid: false });
    assert!(again.resynced() && book.is_valid(), "the same levels, but known to be right again");
    assert!(!book.replace(&levels([(100, 5), (99, 1)]), &levels([(101, 5)])).resynced());
}

#[test]
fn a_crossed_or_locked_snapshot_is_stale() {
    for (bid, ask) in [(101, 101), (102, 101), (i64::MAX, i64::MIN)] {
        let mut book = sample();
        let outcome = book.replace(&levels([(bid, 1)]), &levels([(ask, 1)]));
        assert_eq!(outcome, Outcome { changed: true, top_changed: true, crossed: true, was_valid: true });
        assert!(outcome.broke() && !outcome.resynced() && book.is_crossed() && !book.check());
        assert_eq!(book.validity(), Validity::Stale(StatusReason::Crossed));
        assert!(!book.replace(&levels([(bid, 1)]), &levels([(ask, 1)])).broke(), "announced already");
        assert!(book.replace(&levels([(100, 1)]), &levels([(101, 1)])).resynced());
    }
    let mut fresh = Book::new(None);
    fresh.replace(&levels([(5, 1)]), &levels([(5, 1)]));
    assert_eq!(fresh.validity(), Validity::Stale(StatusReason::Crossed), "it had a snapshot");
    let mut stale = sample();
    stale.invalidate(StatusReason::Checksum);
    stale.replace(&levels([(5, 1)]), &levels([(5, 1)]));
    assert_eq!(stale.validity(), Validity::Stale(StatusReason::Checksum));
}

#[test]
fn deltas_may_cross_until_the_check() {
    let mut book = sample();
    book.apply(Bid, 102, 1);
    assert!(book.is_crossed() && book.is_valid());
    book.apply(Ask, 102, 0);
    assert!(book.check() && book.is_valid());
    book.apply(Ask, 101, 1);
    assert!(!book.check());
    assert_eq!(book.validity(), Validity::Stale(StatusReason::Crossed));
    book.apply(Ask, 101, 0);
    assert!(book.check() && !book.is_valid(), "only a snapshot heals");
}

#[test]
fn one_sided_and_empty_snapshots_are_valid() {
    let mut book = sample();
    assert!(!book.replace(&[], &levels([(1, 1)])).crossed);
    assert_eq!((book.best_bid(), book.best_ask()), (None, Some(Level { price: 1, size: 1 })));
    let outcome = book.replace(&[], &[]);
    assert!(outcome.changed && outcome.top_changed && book.is_valid());
    assert_eq!((book.spread(), book.twice_mid(), book.imbalance(5)), (None, None, None));
    assert!(!book.replace(&[], &[]).changed);
}

#[test]
fn snapshots_in_any_order() {
    let mut book = Book::new(None);
    let bids = [(99, 7), (100, 4), (98, 0), (97, -3), (100, 5), (96, 2), (96, 0), (95, 0), (95, 1)];
    book.replace(&levels(bids), &levels([(104, 1), (103, 2), (102, 3)]));
    assert_eq!(pairs(book.bids()), [(100, 5), (99, 7), (95, 1)], "the last of a price counts");
    assert_eq!(pairs(book.asks()), [(102, 3), (103, 2), (104, 1)]);
    let outcome = book.replace(&levels([(100, 5), (99, 7), (95, 1)]), &levels([(102, 3), (103, 2), (104, 1)]));
    assert!(!outcome.changed, "order is no change");
}

#[test]
fn every_change_and_its_effect_on_the_top() {
    let mut book = sample();
    let table = [
        (Bid, 98, 2, Change::Inserted, false),
        (Bid, 98, 2, Change::Unchanged, false),
        (Bid, 98, 3, Change::Changed, false),
        (Bid, 98, 0, Change::Deleted, false),
        (Bid, 98, 0, Change::Absent, false),
        (Bid, 98, -1, Change::Absent, false),
        (Bid, 101, 1, Change::Inserted, true),
        (Bid, 101, 1, Change::Unchanged, false),
        (Bid, 101, 2, Change::Changed, true),
        (Bid, 101, -5, Change::Deleted, true),
        (Ask, 104, 1, Change::Inserted, false),
        (Ask, 101, 1, Change::Inserted, true),
        (Ask, 101, 0, Change::Deleted, true),
        (Ask, 103, 0, Change::Deleted, false),
        (Ask, 1, 0, Change::Absent, false),
        (Ask, 102, 0, Change::Deleted, true),
        (Ask, 104, 0, Change::Deleted, true),
        (Ask, 104, 0, Change::Absent, false),
    ];
    for (side, price, size, change, top) in table {
        assert_eq!((book.apply(side, price, size), book.top_changed()), (change, top), "{side:?} {price} {size}");
    }
    assert_eq!(pairs(book.bids()), [(100, 5), (99, 7), (97, 1)]);
    assert_eq!((book.depth(Bid), book.depth(Ask), book.best_ask()), (3, 0, None));
}

#[test]
fn snapshots_and_the_top() {
    let mut book = sample();
    let deep = book.replace(&levels([(100, 5), (98, 7)]), &levels([(102, 4)]));
    assert!(deep.changed && !deep.top_changed && !book.top_changed());
    let size = book.replace(&levels([(100, 6), (98, 7)]), &levels([(102, 4)]));
    assert!(size.changed && size.top_changed && book.top_changed());
    book.clear();
    assert!(book.top_changed() && book.is_valid() && book.depth(Bid) == 0 && book.depth(Ask) == 0);
    book.clear();
    assert!(!book.top_changed());
}

#[test]
fn a_depth_limit_keeps_the_best() {
    let mut book = Book::new(Some(2));
    book.replace(&levels([(97, 1), (100, 5), (99, 7)]), &levels([(102, 4), (103, 6), (104, 1)]));
    assert_eq!(pairs(book.bids()), [(100, 5), (99, 7)]);
    assert_eq!(pairs(book.asks()), [(102, 4), (103, 6)]);
    assert_eq!((book.apply(Ask, 105, 1), book.top_changed()), (Change::Beyond, false));
    assert_eq!((book.apply(Ask, 101, 1), book.top_changed()), (Change::Inserted, true));
    assert_eq!(pairs(book.asks()), [(101, 1), (102, 4)]);
    assert_eq!(book.apply(Ask, 101, 0), Change::Deleted);
    assert_eq!(pairs(book.asks()), [(102, 4)], "what fell out does not come back");
    let mut one = Book::new(Some(0));
    one.replace(&levels([(5, 1), (4, 1)]), &[]);
    assert_eq!(pairs(one.bids()), [(5, 1)], "a limit of 0 counts as 1");
}

#[test]
fn size_to_price() {
    let book = sample();
    let fill = |worst, notional, filled, levels| Some(Fill { worst, notional, filled, levels });
    assert_eq!(book.price_for_size(Ask, 4), fill(102, 408, 4, 1));
    assert_eq!(book.price_for_size(Ask, 5), fill(103, 511, 5, 2));
    assert_eq!(book.price_for_size(Ask, 10), fill(103, 1026, 10, 2));
    assert_eq!(book.price_for_size(Ask, 11), None);
    assert_eq!(book.price_for_size(Bid, 13), fill(97, 500 + 693 + 97, 13, 3));
    assert_eq!(book.price_for_size(Bid, 0), None);
    assert_eq!(book.price_for_size(Bid, -1), None);
    assert_eq!(Book::new(None).price_for_size(Bid, 1), None);
    let mut huge = Book::new(None);
    huge.replace(&levels([(i64::MAX, i64::MAX), (i64::MIN, i64::MAX)]), &[]);
    let max = i128::from(i64::MAX);
    assert_eq!(huge.price_for_size(Bid, i64::MAX), fill(i64::MAX, max * max, i64::MAX, 1));
    huge.apply(Bid, i64::MAX, 0);
    assert_eq!(huge.price_for_size(Bid, i64::MAX), fill(i64::MIN, max * i128::from(i64::MIN), i64::MAX, 1));
}

#[test]
fn imbalance_spread_and_mid() {
    let book = sample();
    let top = book.imbalance(1).expect("levels");
    assert_eq!((top, top.ppm()), (Imbalance { bid: 5, ask: 4 }, 111_111));
    let all = book.imbalance(usize::MAX).expect("levels");
    assert_eq!((all, all.ppm()), (Imbalance { bid: 13, ask: 10 }, 130_434));
    assert_eq!(Imbalance { bid: 4, ask: 5 }.ppm(), -111_111, "rounded toward zero");
    assert_eq!(Imbalance { bid: 1, ask: 0 }.ppm(), 1_000_000);
    assert_eq!(Imbalance { bid: 0, ask: i128::from(i64::MAX) }.ppm(), -1_000_000);
    assert_eq!(Imbalance { bid: 0, ask: 0 }.ppm(), 0);
    assert_eq!(book.imbalance(0), None);
    assert_eq!((book.spread(), book.twice_mid()), (Some(2), Some(202)));
    let mut wide = Book::new(None);
    wide.replace(&levels([(i64::MIN, 1)]), &levels([(i64::MAX, 1)]));
    assert_eq!((wide.spread(), wide.twice_mid()), (Some(i128::from(u64::MAX)), Some(-1)));
    wide.replace(&levels([(7, 1)]), &levels([(5, 1)]));
    assert_eq!(wide.spread(), Some(-2));
}

#[test]
fn rescaling_is_exact_or_refused() {
    let mut book = sample();
    assert_eq!(book.rescale(2, 3), Ok(()));
    assert_eq!(pairs(book.bids()), [(10_000, 5000), (9900, 7000), (9700, 1000)]);
    assert!(book.is_valid() && !book.top_changed());
    assert_eq!(book.rescale(-2, -3), Ok(()));
    assert_eq!(pairs(book.asks()), [(102, 4), (103, 6)]);
    for (price_by, size_by, level) in [
        (-1, 0, Level { price: 99, size: 7 }),
        (0, -1, Level { price: 100, size: 5 }),
        (18, 0, Level { price: 100, size: 5 }),
        (0, 19, Level { price: 100, size: 5 }),
        (i8::MIN, i8::MAX, Level { price: 100, size: 5 }),
    ] {
        let mut book = sample();
        assert_eq!(book.rescale(price_by, size_by), Err(RescaleError { level }), "{price_by} {size_by}");
        assert_eq!(book.validity(), Validity::Stale(StatusReason::ValueOutOfScale));
        assert!(
            book.top_changed() && book.best_bid().is_none() && book.best_ask().is_none(),
            "no number at a wrong scale"
        );
    }
    let mut zero = Book::new(None);
    zero.replace(&levels([(0, 1)]), &[]);
    assert_eq!(zero.rescale(100, 0), Ok(()), "zero is zero at every scale");
    let mut empty = Book::new(None);
    assert_eq!((empty.rescale(i8::MAX, i8::MIN), empty.validity()), (Ok(()), Validity::Empty));
}

#[test]
fn copies_and_fields() {
    let mut book = sample();
    let (mut bids, mut asks) = (levels([(1, 1)]), levels([(2, 2)]));
    book.copy_levels(2, &mut bids, &mut asks);
    assert_eq!((bids.clone(), asks.clone()), (levels([(100, 5), (99, 7)]), levels([(102, 4), (103, 6)])));
    book.copy_levels(9, &mut bids, &mut asks);
    assert_eq!((bids.len(), asks.len(), book.bids().len()), (3, 2, 3));
    assert_eq!((book.epoch(), book.seq(), book.ts()), (0, 0, BookTimes::default()));
    book.set_epoch(3);
    book.set_seq(u64::MAX);
    book.set_ts(7, 8);
    book.replace(&[], &[]);
    assert_eq!((book.epoch(), book.seq(), book.ts()), (3, u64::MAX, BookTimes { event: 7, recv: 8 }));
}
