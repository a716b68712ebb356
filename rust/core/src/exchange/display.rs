//! The liquidity that a live book displays, and what our orders took of it.

use crate::event::Level;
use crate::orders::Side;

/// A level that a live book displays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    price: i64,
    size: i64,
    /// What our orders took of it. It stays taken until the level's size changes.
    taken: i64,
    /// What may still be taken, in whole lots.
    open: i64,
}

/// One side of the live book, best first.
#[derive(Clone, Debug)]
pub(super) struct Display {
    side: Side,
    levels: Vec<Shown>,
    spare: Vec<Shown>,
    /// The first level of which something may be taken.
    first: usize,
}

impl Display {
    pub(super) const fn new(side: Side) -> Self {
        Self { side, levels: Vec::new(), spare: Vec::new(), first: 0 }
    }

    /// Whether these are levels of this side: prices above 0 and best first, no price twice, no size below 0.
    pub(super) fn is_sound(&self, levels: &[Level]) -> bool {
        let ordered = levels.windows(2).all(|pair| match pair {
            [a, b] => self.side.better(a.price, b.price),
            _ => true,
        });
        ordered && levels.iter().all(|level| level.price > 0 && level.size >= 0)
    }

    /// Puts a new picture in; what was taken of a level that did not change stays taken.
    pub(super) fn set(&mut self, levels: &[Level], lot: i64) {
        std::mem::swap(&mut self.levels, &mut self.spare);
        self.levels.clear();
        let mut old = self.spare.iter().peekable();
        for level in levels {
            while old.next_if(|shown| self.side.better(shown.price, level.price)).is_some() {}
            let same = old.peek().filter(|shown| shown.price == level.price && shown.size == level.size);
            let taken = same.map_or(0, |shown| shown.taken);
            let left = level.size.saturating_sub(taken);
            let open = left.saturating_sub(left.checked_rem(lot).unwrap_or(0));
            self.levels.push(Shown { price: level.price, size: level.size, taken, open });
        }
        self.first = 0;
        self.advance();
    }

    /// The best price displayed, taken or not.
    pub(super) fn touch(&self) -> Option<i64> {
        self.levels.first().map(|shown| shown.price)
    }

    /// The best level with something left: its price and what is left.
    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        self.levels.get(self.first).map(|shown| (shown.price, shown.open))
    }

    /// Takes so much (at most what is left) of the best level.
    pub(super) fn take(&mut self, size: i64) {
        if let Some(shown) = self.levels.get_mut(self.first) {
            shown.taken = shown.taken.saturating_add(size);
            shown.open = shown.open.saturating_sub(size);
        }
        self.advance();
    }

    fn advance(&mut self) {
        while self.levels.get(self.first).is_some_and(|shown| shown.open <= 0) {
            self.first = self.first.saturating_add(1);
        }
    }
}
