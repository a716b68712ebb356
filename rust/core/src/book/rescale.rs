//! A book whose instrument was announced again at other scales.

use super::Book;
use super::side::Side;
use crate::event::{Level, StatusReason};
use crate::num::MAX_SCALE;

/// A level can't be written exactly at the new scale, or not in an `i64`. The book was emptied and is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescaleError {
    /// The first level, as it was at the old scales, that does not fit.
    pub level: Level,
}

/// Multiplication or exact division by a power of ten.
#[derive(Clone, Copy)]
enum Move {
    Up(i64),
    Down(i64),
    /// Further than any power of ten an `i64` holds: only zero can move so far.
    TooFar,
}

impl Move {
    fn new(by: i8) -> Self {
        let digits = by.unsigned_abs();
        match 10i64.checked_pow(digits.into()) {
            Some(factor) if digits <= MAX_SCALE && by >= 0 => Self::Up(factor),
            Some(factor) if digits <= MAX_SCALE => Self::Down(factor),
            _ => Self::TooFar,
        }
    }

    fn apply(self, value: i64) -> Option<i64> {
        match self {
            Self::Up(factor) => value.checked_mul(factor),
            Self::Down(factor) if value.checked_rem(factor) == Some(0) => value.checked_div(factor),
            Self::TooFar if value == 0 => Some(0),
            Self::Down(_) | Self::TooFar => None,
        }
    }
}

impl Book {
    /// Moves all prices and sizes to other scales, exactly: by +2 a price of 15 becomes 1500, by -1 one of 150 becomes 15.
    ///
    /// # Errors
    /// [`RescaleError`] if a level does not fit. Its numbers would be read at the wrong scale, so the book forgets all
    /// levels, and if it was valid becomes `Stale(ValueOutOfScale)`.
    pub fn rescale(&mut self, price_by: i8, size_by: i8) -> Result<(), RescaleError> {
        let (price, size) = (Move::new(price_by), Move::new(size_by));
        let moved = |level: Level| Some(Level { price: price.apply(level.price)?, size: size.apply(level.size)? });
        let rescale = |side: &mut Side| {
            for level in side.live_mut().iter_mut().rev() {
                *level = moved(*level).ok_or(RescaleError { level: *level })?;
            }
            Ok(())
        };
        // Half a book may be moved when the second half fails; emptying it makes that unseen.
        let result = rescale(&mut self.bids).and_then(|()| rescale(&mut self.asks));
        if result.is_err() {
            self.clear();
            self.invalidate(StatusReason::ValueOutOfScale);
        } else {
            self.top_changed = false;
        }
        result
    }
}
