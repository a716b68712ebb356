//! Random operations on a book and on a naive oracle (two `BTreeMap`s and plain rules): always the same state and answers.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::similar_names,
    reason = "helpers of tests; side and size are the terms of the trade"
)]

use ferrofeed_core::book::{Book, BookSide, Change, Fill, Validity};
use ferrofeed_core::event::{Level, StatusReason};
use proptest::prelude::*;
use std::collections::BTreeMap;

use BookSide::{Ask, Bid};

/// The rules of a book, written as plainly as can be.
struct Oracle {
    sides: [BTreeMap<i64, i64>; 2],
    limit: usize,
    validity: Validity,
}

fn index(side: BookSide) -> usize {
    usize::from(side == Ask)
}

impl Oracle {
    fn new(limit: Option<usize>) -> Self {
        Self { sides: Default::default(), limit: limit.unwrap_or(usize::MAX), validity: Validity::Empty }
    }

    fn best_first(&self, side: BookSide) -> Vec<Level> {
        let mut levels: Vec<Level> =
            self.sides[index(side)].iter().map(|(&price, &size)| Level { price, size }).collect();
        if side == Bid {
            levels.reverse();
        }
        levels
    }

    fn top(&self) -> (Option<Level>, Option<Level>) {
        (self.best_first(Bid).first().copied(), self.best_first(Ask).first().copied())
    }

    fn crossed(&self) -> bool {
        matches!(self.top(), (Some(bid), Some(ask)) if bid.price >= ask.price)
    }

    fn cut(&mut self, side: BookSide) {
        for worst in self.best_first(side).into_iter().skip(self.limit) {
            self.sides[index(side)].remove(&worst.price);
        }
    }

    fn invalidate(&mut self, reason: StatusReason) {
        if self.validity == Validity::Valid {
            self.validity = Validity::Stale(reason);
        }
    }

    fn replace(&mut self, bids: &[Level], asks: &[Level]) {
        for (side, levels) in [(Bid, bids), (Ask, asks)] {
            let map = &mut self.sides[index(side)];
            map.clear();
            map.extend(levels.iter().map(|level| (level.price, level.size)));
            map.retain(|_, size| *size > 0);
            self.cut(side);
        }
        match (self.crossed(), self.validity) {
            (false, _) => self.validity = Validity::Valid,
            (true, Validity::Stale(_)) => {}
            (true, _) => self.validity = Validity::Stale(StatusReason::Crossed),
        }
    }

    fn apply(&mut self, side: BookSide, price: i64, size: i64) -> Change {
        let map = &mut self.sides[index(side)];
        if size <= 0 {
            return map.remove(&price).map_or(Change::Absent, |_| Change::Deleted);
        }
        match map.insert(price, size) {
            Some(before) if before == size => Change::Unchanged,
            Some(_) => Change::Changed,
            None => {
                self.cut(side);
                if self.sides[index(side)].contains_key(&price) { Change::Inserted } else { Change::Beyond }
            }
        }
    }

    fn fill(&self, side: BookSide, size: i64) -> Option<Fill> {
        let mut units = Vec::new();
        for (at, level) in self.best_first(side).into_iter().enumerate() {
            let room = usize::try_from(size).expect("small") - units.len();
            units.extend((0..level.size).map(|_| (at, level.price)).take(room));
        }
        let &(at, worst) = units.last()?;
        let notional = units.iter().map(|&(_, price)| i128::from(price)).sum();
        let filled = i64::try_from(units.len()).expect("small");
        (filled == size).then_some(Fill { worst, notional, filled, levels: at + 1 })
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Replace(Vec<Level>, Vec<Level>),
    Same,
    Shuffled(u64),
    Apply(BookSide, i64, i64),
    Check,
    Invalidate(StatusReason),
    Rescale(i8, i8),
    Clear,
}

fn side() -> impl Strategy<Value = BookSide> {
    prop_oneof![Just(Bid), Just(Ask)]
}

/// Prices of a bid and an ask region that overlap a little, so that books cross now and then, and a few extreme ones.
fn price(side: BookSide) -> BoxedStrategy<i64> {
    let near = if side == Bid { 0i64..105 } else { 95..200 };
    prop_oneof![
        60 => near,
        1 => prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, i64::MAX - 1, i64::MAX]),
    ]
    .boxed()
}

fn size() -> impl Strategy<Value = i64> {
    prop_oneof![6 => 1i64..20, 3 => Just(0), 1 => -3i64..0]
}

fn ladder(side: BookSide) -> impl Strategy<Value = Vec<Level>> {
    let level =
        (price(side), prop_oneof![9 => 1i64..20, 1 => -1i64..1]).prop_map(|(price, size)| Level { price, size });
    (prop::collection::vec(level, 0..40), any::<bool>()).prop_map(move |(mut levels, tidy)| {
        if tidy {
            levels.sort_by_key(|level| if side == Bid { !level.price } else { level.price });
            levels.dedup_by_key(|level| level.price);
            levels.retain(|level| level.size > 0);
        }
        levels
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        60 => side().prop_flat_map(|side| (Just(side), price(side), size()))
            .prop_map(|(side, price, size)| Operation::Apply(side, price, size)),
        4 => (ladder(Bid), ladder(Ask)).prop_map(|(bids, asks)| Operation::Replace(bids, asks)),
        2 => Just(Operation::Same),
        2 => any::<u64>().prop_map(Operation::Shuffled),
        8 => Just(Operation::Check),
        1 => prop::sample::select(StatusReason::ALL.to_vec()).prop_map(Operation::Invalidate),
        1 => (-2i8..=2, -2i8..=2).prop_map(|(price, size)| Operation::Rescale(price, size)),
        1 => Just(Operation::Clear),
    ]
}

/// What `rescale` has to make of the oracle: everything moved exactly, or nothing at all.
fn rescaled(oracle: &Oracle, price_by: i8, size_by: i8) -> Option<[BTreeMap<i64, i64>; 2]> {
    let moved = |value: i64, by: i8| -> Option<i64> {
        let factor = 10i128.pow(by.unsigned_abs().into());
        let value = i128::from(value);
        let value = if by >= 0 { value * factor } else { (value % factor == 0).then_some(value / factor)? };
        i64::try_from(value).ok()
    };
    let side = |map: &BTreeMap<i64, i64>| -> Option<BTreeMap<i64, i64>> {
        map.iter().map(|(&price, &size)| Some((moved(price, price_by)?, moved(size, size_by)?))).collect()
    };
    Some([side(&oracle.sides[0])?, side(&oracle.sides[1])?])
}

fn same(book: &Book, oracle: &Oracle, after: &Operation) -> Result<(), TestCaseError> {
    let (bids, asks) = (oracle.best_first(Bid), oracle.best_first(Ask));
    prop_assert!(
        book.bids().eq(bids.iter().copied()),
        "bids after {after:?}: {:?} {bids:?}",
        book.bids().collect::<Vec<_>>()
    );
    prop_assert!(
        book.asks().eq(asks.iter().copied()),
        "asks after {after:?}: {:?} {asks:?}",
        book.asks().collect::<Vec<_>>()
    );
    prop_assert_eq!((book.bids().len(), book.depth(Bid), book.depth(Ask)), (bids.len(), bids.len(), asks.len()));
    prop_assert_eq!((book.best_bid(), book.best_ask()), oracle.top());
    prop_assert_eq!((book.is_crossed(), book.validity()), (oracle.crossed(), oracle.validity), "after {:?}", after);
    Ok(())
}

fn run(limit: Option<usize>, operations: Vec<Operation>) -> Result<(), TestCaseError> {
    let (mut book, mut oracle) = (Book::new(limit), Oracle::new(limit));
    for operation in operations {
        let before = (oracle.sides.clone(), oracle.top(), oracle.validity == Validity::Valid);
        match &operation {
            Operation::Apply(side, price, size) => {
                let change = book.apply(*side, *price, *size);
                prop_assert_eq!(change, oracle.apply(*side, *price, *size), "{:?}", &operation);
                prop_assert_eq!(book.top_changed(), oracle.top() != before.1, "{:?}", &operation);
            }
            Operation::Replace(..) | Operation::Same | Operation::Shuffled(_) => {
                let (bids, asks) = match &operation {
                    Operation::Replace(bids, asks) => (bids.clone(), asks.clone()),
                    Operation::Shuffled(seed) => {
                        let mut levels = [oracle.best_first(Bid), oracle.best_first(Ask)];
                        for side in &mut levels {
                            side.sort_by_key(|level| {
                                level.price.wrapping_mul(i64::from_ne_bytes(seed.to_ne_bytes()) | 1)
                            });
                        }
                        let [bids, asks] = levels;
                        (bids, asks)
                    }
                    _ => (oracle.best_first(Bid), oracle.best_first(Ask)),
                };
                let outcome = book.replace(&bids, &asks);
                oracle.replace(&bids, &asks);
                prop_assert_eq!(outcome.changed, oracle.sides != before.0, "{:?}", &operation);
                prop_assert_eq!(outcome.top_changed, oracle.top() != before.1, "{:?}", &operation);
                prop_assert_eq!((outcome.crossed, outcome.was_valid), (oracle.crossed(), before.2));
                prop_assert_eq!(outcome.top_changed, book.top_changed());
            }
            Operation::Check => {
                if oracle.crossed() {
                    oracle.invalidate(StatusReason::Crossed);
                }
                prop_assert_eq!(book.check(), !oracle.crossed());
            }
            Operation::Invalidate(reason) => {
                oracle.invalidate(*reason);
                prop_assert_eq!(book.invalidate(*reason), before.2);
            }
            Operation::Rescale(price_by, size_by) => {
                let moved = rescaled(&oracle, *price_by, *size_by);
                prop_assert_eq!(book.rescale(*price_by, *size_by).is_ok(), moved.is_some(), "{:?}", &operation);
                if moved.is_none() {
                    oracle.invalidate(StatusReason::ValueOutOfScale);
                }
                oracle.sides = moved.unwrap_or_default();
            }
            Operation::Clear => {
                book.clear();
                oracle.sides = Default::default();
            }
        }
        same(&book, &oracle, &operation)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_operations(operations in prop::collection::vec(operation(), 1..250)) {
        run(None, operations)?;
    }

    #[test]
    fn any_operations_at_a_depth_limit(
        limit in 0usize..12,
        operations in prop::collection::vec(operation(), 1..250),
    ) {
        run(Some(limit.max(1)), operations)?;
    }

    /// Books deep enough for every way of moving levels and giving memory back.
    #[test]
    fn deep_books(
        limit in prop_oneof![Just(None), (50usize..300).prop_map(Some)],
        deltas in prop::collection::vec((side(), 0i64..600, prop_oneof![4 => 1i64..9, 3 => Just(0)]), 500..2500),
        window in 1i64..400,
    ) {
        let (mut book, mut oracle) = (Book::new(limit), Oracle::new(limit));
        for (at, (side, offset, size)) in (0i64..).zip(deltas) {
            // The region drifts, so that one end is filled while the other runs empty.
            let price = at + offset % window;
            prop_assert_eq!(book.apply(side, price, size), oracle.apply(side, price, size), "delta {}", at);
            prop_assert_eq!(book.apply(side, at - 1, 0), oracle.apply(side, at - 1, 0), "deletion {}", at);
        }
        same(&book, &oracle, &Operation::Check)?;
    }

    #[test]
    fn measures(
        bids in prop::collection::vec((-50i64..50, 1i64..9), 0..12),
        asks in prop::collection::vec((-50i64..50, 1i64..9), 0..12),
        size in 1i64..80,
        levels in 0usize..15,
    ) {
        let list = |pairs: &[(i64, i64)]| pairs.iter().map(|&(price, size)| Level { price, size }).collect::<Vec<_>>();
        let (mut book, mut oracle) = (Book::new(None), Oracle::new(None));
        book.replace(&list(&bids), &list(&asks));
        oracle.replace(&list(&bids), &list(&asks));
        for side in [Bid, Ask] {
            prop_assert_eq!(book.price_for_size(side, size), oracle.fill(side, size));
        }
        let sum = |side| oracle.best_first(side).iter().take(levels).map(|level| i128::from(level.size)).sum::<i128>();
        let (bid, ask) = (sum(Bid), sum(Ask));
        match book.imbalance(levels) {
            None => prop_assert_eq!((bid, ask), (0, 0)),
            Some(found) => {
                prop_assert_eq!((found.bid, found.ask), (bid, ask));
                let ppm = i128::from(found.ppm());
                let rest = (bid - ask) * 1_000_000 - ppm * (bid + ask);
                prop_assert!(rest.abs() < bid + ask && rest * (bid - ask) >= 0, "{found:?} {ppm}");
            }
        }
        let (mut some_bids, mut some_asks) = (Vec::new(), Vec::new());
        book.copy_levels(levels, &mut some_bids, &mut some_asks);
        prop_assert!(some_bids.iter().eq(oracle.best_first(Bid).iter().take(levels)));
        prop_assert!(some_asks.iter().eq(oracle.best_first(Ask).iter().take(levels)));
    }
}
