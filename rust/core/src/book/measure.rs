//! What a strategy asks a book: spread, mid, the price of a size, the imbalance. Exact, in integers.

use super::{Book, BookSide};

/// What taking a size from one side of a book costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Price of the last level that was touched, at `price_scale`.
    pub worst: i64,
    /// Sum of price × size over what was taken, at `price_scale + size_scale`.
    pub notional: i128,
    /// The size taken, at `size_scale`: all that was asked for.
    pub filled: i64,
    /// Number of levels touched, the last one perhaps in part.
    pub levels: usize,
}

/// How much stands on both sides near the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imbalance {
    /// Sum of the bid sizes, at `size_scale`.
    pub bid: i128,
    /// Sum of the ask sizes, at `size_scale`.
    pub ask: i128,
}

impl Imbalance {
    /// `(bid - ask) / (bid + ask)` in parts per million, rounded toward zero: 1,000,000 if there are only bids,
    /// -1,000,000 if there are only asks, 0 if there is nothing.
    #[must_use]
    pub fn ppm(self) -> i64 {
        let total = self.bid.saturating_add(self.ask);
        let parts = self.bid.saturating_sub(self.ask).saturating_mul(1_000_000).checked_div(total);
        parts.and_then(|parts| i64::try_from(parts).ok()).unwrap_or(0)
    }
}

impl Book {
    /// Walks a side until `size` is filled: with [`BookSide::Ask`] what buying it costs, with [`BookSide::Bid`] what
    /// selling it yields. `None` if the side has not that much, or if `size` is not positive.
    #[must_use]
    pub fn price_for_size(&self, side: BookSide, size: i64) -> Option<Fill> {
        let mut fill = Fill { worst: 0, notional: 0, filled: 0, levels: 0 };
        for level in self.side(side).iter() {
            if fill.filled >= size {
                break;
            }
            let take = level.size.min(size.saturating_sub(fill.filled));
            // At most |price| × size in sum: below 2^126.
            fill.notional = fill.notional.checked_add(i128::from(level.price).checked_mul(take.into())?)?;
            fill.filled = fill.filled.checked_add(take)?;
            fill.worst = level.price;
            fill.levels = fill.levels.checked_add(1)?;
        }
        (size > 0 && fill.filled == size).then_some(fill)
    }

    /// Sums of the sizes of the best `levels` levels of each side; `None` if both have none.
    #[must_use]
    pub fn imbalance(&self, levels: usize) -> Option<Imbalance> {
        let sum = |side: BookSide| self.side(side).iter().take(levels).map(|level| i128::from(level.size)).sum();
        let imbalance = Imbalance { bid: sum(BookSide::Bid), ask: sum(BookSide::Ask) };
        (imbalance.bid != 0 || imbalance.ask != 0).then_some(imbalance)
    }

    /// Best ask minus best bid, at `price_scale`; negative if the book is crossed, `None` if a side is empty.
    #[must_use]
    pub fn spread(&self) -> Option<i128> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        i128::from(ask.price).checked_sub(bid.price.into())
    }

    /// Twice the mid price (best bid plus best ask), at `price_scale`: exact where the mid itself would need half a unit.
    #[must_use]
    pub fn twice_mid(&self) -> Option<i128> {
        let (bid, ask) = (self.best_bid()?, self.best_ask()?);
        i128::from(ask.price).checked_add(bid.price.into())
    }
}
