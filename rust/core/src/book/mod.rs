//! One order book and its validity rules.
//!
//! A [`Book`] holds two sorted ladders of [`Level`]s and says of itself whether they can be trusted ([`Validity`]):
//! it is `Empty` before its first snapshot, `Valid` after a good one, and `Stale` with the reason after whatever breaks
//! it. Nothing but another snapshot ([`Book::replace`]) makes a stale book valid. A stale book keeps the last levels
//! it knew and may be read; deltas still change them but never its validity.
//!
//! Prices and sizes are plain integers at the instrument's scales; the book knows no scale ([`Book::rescale`] moves it to
//! another). It judges no price: zero and negative prices are kept like any other. A size of zero or less is no level.
//!
//! **Crossed** means best bid ≥ best ask. A *locked* top (bid = ask) counts: on one venue's book equal prices would have
//! traded, so either a message was lost or the levels are not of one moment.
//!
//! In a steady state no method allocates: a book's memory grows to its largest size and stays. Without a depth limit that
//! size is the feed's: decoders bound the levels of one message, not of a lifetime.

#![expect(clippy::similar_names, reason = "side and size are the terms of the trade")]

mod measure;
mod rescale;
pub mod sequence;
mod side;

pub use measure::{Fill, Imbalance};
pub use rescale::RescaleError;

use crate::clock::Nanos;
use crate::event::{Level, StatusReason};
use side::{Row, Side};

/// A side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BookSide {
    /// Buyers; the best price is the highest.
    Bid = 0,
    /// Sellers; the best price is the lowest.
    Ask = 1,
}

/// Whether a book can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validity {
    /// It never had a snapshot.
    #[default]
    Empty,
    /// It is what the venue last said.
    Valid,
    /// It was valid, or should have become so, and broke for this reason: the first one since it was last valid.
    Stale(StatusReason),
}

/// What one delta did to a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was no level at this price; now there is. At the depth limit the worst level went for it.
    Inserted,
    /// The level has another size now.
    Changed,
    /// The level is gone.
    Deleted,
    /// A deletion of a level that was not there. Venues send many: of levels outside the snapshot's range, or in overlap.
    Absent,
    /// The level had this size already.
    Unchanged,
    /// Worse than every level of a side at its depth limit: not kept.
    Beyond,
}

/// What a snapshot did to a book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, each asked for alone")]
pub struct Outcome {
    /// Any level differs from before.
    pub changed: bool,
    /// The best bid or the best ask differs, in price or in size.
    pub top_changed: bool,
    /// The snapshot is crossed, so the book is stale.
    pub crossed: bool,
    /// The book was valid before.
    pub was_valid: bool,
}

impl Outcome {
    /// The book became valid: the end of an outage, or of the wait for the first snapshot, is to be announced.
    #[must_use]
    pub const fn resynced(self) -> bool {
        !self.was_valid && !self.crossed
    }

    /// A valid book became `Stale(Crossed)`: the outage is to be announced.
    #[must_use]
    pub const fn broke(self) -> bool {
        self.was_valid && self.crossed
    }
}

/// Times of the last message that touched a book; 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BookTimes {
    /// The venue's time, ns since the Unix epoch; 0 if the venue sent none.
    pub event: Nanos,
    /// Realtime clock at the socket read, ns since the Unix epoch.
    pub recv: Nanos,
}

/// One instrument's order book. See the module's text.
#[derive(Clone, Debug)]
pub struct Book {
    bids: Side,
    asks: Side,
    limit: usize,
    validity: Validity,
    top_changed: bool,
    epoch: u32,
    seq: u64,
    times: BookTimes,
    /// For snapshots out of order; empty and unallocated as long as none came.
    scratch: Vec<Row>,
}

impl Book {
    /// An empty book that keeps at most `depth_limit` levels a side (at least 1), the best ones; without a limit if `None`.
    ///
    /// A level that fell out at the limit does not come back when better ones go: set the limit the venue itself keeps.
    #[must_use]
    pub const fn new(depth_limit: Option<usize>) -> Self {
        let limit = match depth_limit {
            Some(0) => 1,
            Some(limit) => limit,
            None => usize::MAX,
        };
        Self {
            bids: Side::new(BookSide::Bid),
            asks: Side::new(BookSide::Ask),
            limit,
            validity: Validity::Empty,
            top_changed: false,
            epoch: 0,
            seq: 0,
            times: BookTimes { event: 0, recv: 0 },
            scratch: Vec::new(),
        }
    }

    /// Puts a snapshot in place of all levels; the only way to become valid, unless the snapshot is crossed.
    ///
    /// Levels are expected best first. Any other order is sorted, of several levels at one price the last counts, and
    /// levels without size are dropped. A side without levels is a valid state.
    pub fn replace(&mut self, bids: &[Level], asks: &[Level]) -> Outcome {
        let (best_bid, best_ask) = (self.best_bid(), self.best_ask());
        // Not `||`: both sides have to be replaced.
        let changed = self.bids.replace(bids, self.limit, &mut self.scratch)
            | self.asks.replace(asks, self.limit, &mut self.scratch);
        self.top_changed = changed && (self.best_bid() != best_bid || self.best_ask() != best_ask);
        let (crossed, was_valid) = (self.is_crossed(), self.is_valid());
        self.validity = match (crossed, self.validity) {
            (false, _) => Validity::Valid,
            (true, Validity::Empty | Validity::Valid) => Validity::Stale(StatusReason::Crossed),
            (true, stale @ Validity::Stale(_)) => stale,
        };
        Outcome { changed, top_changed: self.top_changed, crossed, was_valid }
    }

    /// Sets the size of one level; a size of zero (or less) deletes it. Never changes the validity: call [`Book::check`]
    /// after the last delta of a message, whose deltas may cross the book for a moment.
    #[inline]
    pub fn apply(&mut self, side: BookSide, price: i64, size: i64) -> Change {
        let limit = self.limit;
        let (change, top) = self.side_mut(side).apply(price, size, limit);
        self.top_changed = top;
        change
    }

    /// The best bid; `None` if there is no bid.
    #[inline]
    #[must_use]
    pub fn best_bid(&self) -> Option<Level> {
        self.bids.best()
    }

    /// The best ask; `None` if there is no ask.
    #[inline]
    #[must_use]
    pub fn best_ask(&self) -> Option<Level> {
        self.asks.best()
    }

    /// Whether the last [`Book::replace`], [`Book::apply`], [`Book::clear`] or [`Book::rescale`] changed the best bid or
    /// the best ask, in price or in size.
    #[inline]
    #[must_use]
    pub const fn top_changed(&self) -> bool {
        self.top_changed
    }

    /// The bids, best (highest) first.
    #[inline]
    #[must_use]
    pub fn bids(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator + Clone + '_ {
        self.bids.iter()
    }

    /// The asks, best (lowest) first.
    #[inline]
    #[must_use]
    pub fn asks(&self) -> impl ExactSizeIterator<Item = Level> + DoubleEndedIterator + Clone + '_ {
        self.asks.iter()
    }

    /// Number of levels on a side.
    #[inline]
    #[must_use]
    pub fn depth(&self, side: BookSide) -> usize {
        self.side(side).len()
    }

    /// Copies the best `n` levels of each side, best first. What the two vectors held before is gone.
    pub fn copy_levels(&self, n: usize, bids_out: &mut Vec<Level>, asks_out: &mut Vec<Level>) {
        bids_out.clear();
        bids_out.extend(self.bids().take(n));
        asks_out.clear();
        asks_out.extend(self.asks().take(n));
    }

    /// Whether the book can be trusted.
    #[inline]
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether the book is `Valid`.
    #[inline]
    #[must_use]
    pub const fn is_valid(&self) -> bool {
        matches!(self.validity, Validity::Valid)
    }

    /// Whether best bid ≥ best ask. A side without levels crosses nothing.
    #[inline]
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        matches!((self.best_bid(), self.best_ask()), (Some(bid), Some(ask)) if bid.price >= ask.price)
    }

    /// To be called after the last delta of a message: a crossed book becomes `Stale(Crossed)` and the answer is `false`.
    #[inline]
    pub fn check(&mut self) -> bool {
        let crossed = self.is_crossed();
        if crossed {
            self.invalidate(StatusReason::Crossed);
        }
        !crossed
    }

    /// Makes a valid book stale, and says whether it was valid: then, and only then, the outage is to be announced. An
    /// empty book stays empty, a stale one keeps its first reason.
    pub const fn invalidate(&mut self, reason: StatusReason) -> bool {
        let was_valid = self.is_valid();
        if was_valid {
            self.validity = Validity::Stale(reason);
        }
        was_valid
    }

    /// Forgets all levels; memory, validity, epoch, number and times stay.
    pub fn clear(&mut self) {
        self.top_changed = self.best_bid().is_some() || self.best_ask().is_some();
        self.bids.clear();
        self.asks.clear();
    }

    /// The connection epoch of the last message, as set by the owner.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Sets the connection epoch. The owner invalidates the book when a connection ends; this does not.
    pub const fn set_epoch(&mut self, epoch: u32) {
        self.epoch = epoch;
    }

    /// The venue's sequence number of the last message, as set by the owner; 0 if it has none.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Sets the venue's sequence number.
    pub const fn set_seq(&mut self, seq: u64) {
        self.seq = seq;
    }

    /// Times of the last message, as set by the owner.
    #[must_use]
    pub const fn ts(&self) -> BookTimes {
        self.times
    }

    /// Sets the times of the last message: the venue's (0 if none) and the socket read's, ns since the Unix epoch.
    pub const fn set_ts(&mut self, event: Nanos, recv: Nanos) {
        self.times = BookTimes { event, recv };
    }

    #[inline]
    const fn side(&self, side: BookSide) -> &Side {
        match side {
            BookSide::Bid => &self.bids,
            BookSide::Ask => &self.asks,
        }
    }

    #[inline]
    const fn side_mut(&mut self, side: BookSide) -> &mut Side {
        match side {
            BookSide::Bid => &mut self.bids,
            BookSide::Ask => &mut self.asks,
        }
    }
}

impl Default for Book {
    fn default() -> Self {
        Self::new(None)
    }
}
