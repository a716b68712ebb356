//! One side of a book: a sorted array of levels whose best level stands at the end.
//!
//! # Layout
//! Most changes happen near the top, so the best level is the last element: an insertion or a deletion there moves the
//! few better levels and nothing else. The array may also begin with unused elements: then changes in the worse half
//! move the worse levels instead, and a side at its depth limit gives up its worst level by moving a number. The search
//! gallops from the best level (1, 2, 4 … levels away) and ends with a bisection.
//!
//! # What was measured
//! One machine, alternating runs, ns a delta over the real Binance deltas of 11 minutes (spot, 4,900 levels in the end /
//! USD-M, 9,600 levels): `BTreeMap` 78–82 / 72–80; one-ended array with bisection 76–81 / 70–79, with galloping
//! 66–71 / 67–78; **this layout 63–66 / 58–61**. Tried and not worth their code: separate price and size arrays
//! (63–68 / 61–66), a linear scan of the best 8 levels before the bisection (75–81 / 75–79), a fixed window of 64 or 256
//! best levels (69–74 / 65–76), a branch-free bisection (76–81 / 70), starting at the place of the last change (62–70 /
//! 61–70). What remains is mostly moving levels: the changes of those streams lie 85 / 224 levels (median) from the top.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "indices into one Vec, each bounded by its length; the property tests drive every path"
)]

use super::{BookSide, Change};
use crate::event::Level;
use std::cmp::Reverse;

/// Fewer unused elements than this are never given back.
const SLACK: usize = 64;

/// A level of an unordered snapshot on its way to be sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    key: i64,
    at: usize,
    level: Level,
}

/// One side of a book.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Unused elements, then the levels, worst first.
    levels: Vec<Level>,
    /// Number of unused elements in front.
    first: usize,
    /// `price ^ flip` grows from the worst price to the best: 0 for bids, -1 (all bits) for asks.
    flip: i64,
}

impl Side {
    pub(super) const fn new(side: BookSide) -> Self {
        let flip = match side {
            BookSide::Bid => 0,
            BookSide::Ask => -1,
        };
        Self { levels: Vec::new(), first: 0, flip }
    }

    /// The levels, worst first.
    #[inline]
    pub(super) fn live(&self) -> &[Level] {
        self.levels.get(self.first..).unwrap_or(&[])
    }

    /// The levels, worst first, to change their numbers but not their order.
    pub(super) fn live_mut(&mut self) -> &mut [Level] {
        self.levels.get_mut(self.first..).unwrap_or(&mut [])
    }

    /// The levels, best first.
    #[inline]
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator + Clone {
        self.live().iter().rev().copied()
    }

    #[inline]
    pub(super) fn best(&self) -> Option<Level> {
        self.live().last().copied()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.levels.len() - self.first
    }

    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.first = 0;
    }

    /// Sets one level; a size that is not positive deletes it. Also says whether the best level changed.
    #[inline]
    pub(super) fn apply(&mut self, price: i64, size: i64, limit: usize) -> (Change, bool) {
        let place = self.place(price);
        let count = self.len();
        if let Some(level) = self.levels.get_mut(self.first + place)
            && level.price == price
        {
            let top = place + 1 == count;
            if size <= 0 {
                self.remove(place);
                return (Change::Deleted, top);
            }
            if level.size == size {
                return (Change::Unchanged, false);
            }
            level.size = size;
            return (Change::Changed, top);
        }
        if size <= 0 {
            return (Change::Absent, false);
        }
        if count < limit {
            self.insert(place, Level { price, size });
            return (Change::Inserted, place == count);
        }
        if place == 0 {
            return (Change::Beyond, false);
        }
        self.first += 1;
        self.insert(place - 1, Level { price, size });
        self.give_back();
        (Change::Inserted, place == count)
    }

    /// Puts a snapshot in place of all levels and says whether anything changed.
    #[inline]
    pub(super) fn replace(&mut self, input: &[Level], limit: usize, scratch: &mut Vec<Row>) -> bool {
        let flip = self.flip;
        let ordered = input.is_sorted_by(|better, worse| better.price ^ flip > worse.price ^ flip);
        if ordered && input.iter().all(|level| level.size > 0) {
            return self.assign(input.iter().take(limit).copied());
        }
        sort_latest_first(input, flip, scratch);
        self.assign(scratch.iter().take(limit).map(|row| row.level))
    }

    fn assign(&mut self, best_first: impl ExactSizeIterator<Item = Level> + DoubleEndedIterator + Clone) -> bool {
        if self.len() == best_first.len() && self.iter().eq(best_first.clone()) {
            return false;
        }
        self.clear();
        self.levels.extend(best_first.rev());
        true
    }

    /// How many levels are worse than this price: the index at which it stands or would be inserted.
    #[inline]
    fn place(&self, price: i64) -> usize {
        let (live, flip) = (self.live(), self.flip);
        let key = price ^ flip;
        let worse = |level: &Level| level.price ^ flip < key;
        let mut end = live.len();
        let mut step = 1;
        while let Some(start) = end.checked_sub(step) {
            if live.get(start).is_some_and(worse) {
                let between = live.get(start + 1..end).unwrap_or(&[]);
                return start + 1 + between.partition_point(worse);
            }
            end = start;
            step *= 2;
        }
        live.get(..end).unwrap_or(&[]).partition_point(worse)
    }

    #[inline]
    fn insert(&mut self, place: usize, level: Level) {
        if self.first == 0 || place >= self.len() / 2 {
            self.levels.insert(self.first + place, level);
            return;
        }
        let from = self.first;
        self.first -= 1;
        self.levels.copy_within(from..from + place, self.first);
        if let Some(slot) = self.levels.get_mut(self.first + place) {
            *slot = level;
        }
    }

    #[inline]
    fn remove(&mut self, place: usize) {
        if place >= self.len() / 2 {
            self.levels.remove(self.first + place);
        } else {
            let from = self.first;
            self.first += 1;
            self.levels.copy_within(from..from + place, self.first);
        }
        self.give_back();
    }

    /// Closes the gap in front once it is as long as the rest: each element of it was a deletion, which so pays for
    /// moving one level at most.
    #[inline]
    fn give_back(&mut self) {
        if self.first >= SLACK && self.first >= self.len() {
            self.levels.drain(..self.first);
            self.first = 0;
        }
    }
}

/// The levels of a snapshot in no particular order, best first, the last of several at one price, none without size.
#[cold]
fn sort_latest_first(input: &[Level], flip: i64, scratch: &mut Vec<Row>) {
    scratch.clear();
    scratch.extend(input.iter().enumerate().map(|(at, &level)| Row { key: level.price ^ flip, at, level }));
    scratch.sort_unstable_by_key(|row| Reverse((row.key, row.at)));
    scratch.dedup_by_key(|row| row.key);
    scratch.retain(|row| row.level.size > 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(prices: impl Iterator<Item = i64>) -> Side {
        let mut side = Side::new(BookSide::Bid);
        for price in prices {
            side.apply(price, 1, usize::MAX);
        }
        side
    }

    #[test]
    fn a_drifting_side_does_not_grow() {
        let mut side = filled(0..1000);
        for price in 1000..100_000 {
            side.apply(price, 1, usize::MAX);
            side.apply(price - 1000, 0, usize::MAX);
            assert!(side.levels.len() <= 2 * 1000 + SLACK, "{} elements for 1000 levels", side.levels.len());
        }
        assert!(side.iter().map(|level| level.price).eq((99_000..100_000).rev()));
    }

    #[test]
    fn a_side_at_its_limit_does_not_grow() {
        let mut side = Side::new(BookSide::Ask);
        for price in (0..10_000).rev() {
            side.apply(price, 1, 10);
            assert!(side.len() <= 10 && side.levels.len() <= 10 + SLACK + 1);
        }
        assert!(side.iter().map(|level| level.price).eq(0..10));
    }

    #[test]
    fn changes_in_the_worse_half_move_the_worse_levels() {
        let mut side = filled(0..100);
        let end = side.levels.len();
        side.apply(3, 0, usize::MAX);
        assert_eq!((side.first, side.levels.len()), (1, end));
        side.apply(3, 7, usize::MAX);
        assert_eq!((side.first, side.levels.len()), (0, end));
        assert!(side.iter().map(|level| level.price).eq((0..100).rev()));
        assert_eq!(side.live()[3], Level { price: 3, size: 7 });
    }

    #[test]
    fn the_search_finds_every_price_and_every_gap() {
        for count in 0..70 {
            let side = filled((0..count).map(|n| n * 2));
            for price in -1..=count * 2 {
                let naive = side.live().iter().filter(|level| level.price < price).count();
                assert_eq!(side.place(price), naive, "{price} among {count}");
            }
        }
    }

    #[test]
    fn asks_order_the_whole_range() {
        let mut side = Side::new(BookSide::Ask);
        for price in [0, i64::MAX, -1, i64::MIN, 1] {
            side.apply(price, 1, usize::MAX);
        }
        assert!(side.iter().map(|level| level.price).eq([i64::MIN, -1, 0, 1, i64::MAX]));
    }
}
