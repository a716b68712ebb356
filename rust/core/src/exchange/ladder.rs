//! Resting orders by price and time, and the liquidity that a live book displays.

use crate::event::Level;
use crate::orders::Side;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// Orders at one price, oldest first, as a list through their slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) price: i64,
    pub(super) head: u32,
    pub(super) tail: u32,
}

/// One side of our own book: prices sorted with the best at the end, where nearly everything happens.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: Side,
    queues: Vec<Queue>,
}

impl Ladder {
    pub(super) const fn new(side: Side) -> Self {
        Self { side, queues: Vec::new() }
    }

    /// Whether a price is better than another on this side.
    pub(super) const fn better(&self, a: i64, b: i64) -> bool {
        match self.side {
            Side::Buy => a > b,
            Side::Sell => a < b,
        }
    }

    pub(super) fn best(&self) -> Option<Queue> {
        self.queues.last().copied()
    }

    /// Where a price is, or where it would be.
    fn find(&self, price: i64) -> Result<usize, usize> {
        // near the end first: most orders come and go there
        let count = self.queues.len();
        let mut at = count;
        for _ in 0..8 {
            let Some(before) = at.checked_sub(1) else { return Err(0) };
            let Some(queue) = self.queues.get(before) else { return Err(at) };
            if queue.price == price {
                return Ok(before);
            }
            if self.better(price, queue.price) {
                return Err(at);
            }
            at = before;
        }
        let worse = |queue: &Queue| self.better(price, queue.price);
        let at = self.queues.partition_point(worse);
        match self.queues.get(at) {
            Some(queue) if queue.price == price => Ok(at),
            _ => Err(at),
        }
    }

    /// The queue of a price, made if it is not there.
    pub(super) fn queue(&mut self, price: i64) -> Option<&mut Queue> {
        let at = match self.find(price) {
            Ok(at) => at,
            Err(at) => {
                self.queues.insert(at, Queue { price, head: NONE, tail: NONE });
                at
            }
        };
        self.queues.get_mut(at)
    }

    /// Takes the queue of a price away if it is empty.
    pub(super) fn tidy(&mut self, price: i64) {
        if let Ok(at) = self.find(price)
            && self.queues.get(at).is_some_and(|queue| queue.head == NONE)
        {
            self.queues.remove(at);
        }
    }

    pub(super) fn queues(&self) -> impl DoubleEndedIterator<Item = &Queue> {
        self.queues.iter()
    }
}

/// A level that a live book displays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) price: i64,
    pub(super) size: i64,
    /// What our orders took of it. It stays taken until the level's size changes.
    pub(super) taken: i64,
}

/// One side of the live book, best first.
#[derive(Clone, Debug, Default)]
pub(super) struct Display {
    levels: Vec<Shown>,
    spare: Vec<Shown>,
}

impl Display {
    /// Puts a new picture in; what was taken of a level that did not change stays taken.
    pub(super) fn set(&mut self, levels: &[Level]) {
        std::mem::swap(&mut self.levels, &mut self.spare);
        self.levels.clear();
        let old = &self.spare;
        let mut at = 0;
        for level in levels {
            // both are sorted the same way: a level that stayed is found by going on
            let found = old.get(at..).unwrap_or_default().iter().position(|shown| shown.price == level.price);
            let taken = match found {
                Some(skip) => {
                    at = at.saturating_add(skip);
                    old.get(at).filter(|shown| shown.size == level.size).map_or(0, |shown| shown.taken)
                }
                None => 0,
            };
            self.levels.push(Shown { price: level.price, size: level.size, taken });
        }
    }

    /// The best level with something left: its price and what is left.
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        let left = |shown: &Shown| (shown.price, shown.size.saturating_sub(shown.taken));
        self.levels.iter().map(left).find(|(_, left)| *left > 0)
    }

    pub(super) fn take(&mut self, price: i64, size: i64) {
        if let Some(shown) = self.levels.iter_mut().find(|shown| shown.price == price) {
            shown.taken = shown.taken.saturating_add(size);
        }
    }
}
