//! Resting orders by price and time.

use super::slab::{NONE, Slab};
use crate::orders::Side;

/// Orders at one price, oldest first, as a list through their slots.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) price: i64,
    pub(super) head: u32,
    tail: u32,
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

    #[inline]
    pub(super) fn best(&self) -> Option<Queue> {
        self.queues.last().copied()
    }

    /// Where a price is, or where it would be.
    fn find(&self, price: i64) -> Result<usize, usize> {
        // near the end first: most orders come and go there
        let mut at = self.queues.len();
        for _ in 0..8 {
            let Some(before) = at.checked_sub(1) else { return Err(0) };
            let Some(queue) = self.queues.get(before) else { return Err(at) };
            if queue.price == price {
                return Ok(before);
            }
            if self.side.better(price, queue.price) {
                return Err(at);
            }
            at = before;
        }
        let worse = |queue: &Queue| self.side.better(price, queue.price);
        let at = self.queues.partition_point(worse);
        match self.queues.get(at) {
            Some(queue) if queue.price == price => Ok(at),
            _ => Err(at),
        }
    }

    /// Puts an order at the end of the queue of its price.
    pub(super) fn push(&mut self, slab: &mut Slab, at: u32, price: i64) {
        let place = self.find(price).unwrap_or_else(|place| {
            self.queues.insert(place, Queue { price, head: at, tail: NONE });
            place
        });
        let Some(queue) = self.queues.get_mut(place) else { return };
        let older = std::mem::replace(&mut queue.tail, at);
        if let Some(slot) = slab.get_mut(older) {
            slot.next = at;
        }
        if let Some(slot) = slab.get_mut(at) {
            (slot.before, slot.next) = (older, NONE);
        }
    }

    /// Takes an order out of the queue of its price.
    pub(super) fn remove(&mut self, slab: &mut Slab, at: u32, price: i64) {
        let Some(slot) = slab.get_mut(at) else { return };
        let before = std::mem::replace(&mut slot.before, NONE);
        let next = std::mem::replace(&mut slot.next, NONE);
        if let Some(slot) = slab.get_mut(before) {
            slot.next = next;
        }
        if let Some(slot) = slab.get_mut(next) {
            slot.before = before;
        }
        if before != NONE && next != NONE {
            return;
        }
        let Ok(place) = self.find(price) else { return };
        if before == NONE && next == NONE {
            self.queues.remove(place);
        } else if let Some(queue) = self.queues.get_mut(place) {
            if before == NONE {
                queue.head = next;
            } else {
                queue.tail = before;
            }
        }
    }

    /// The queues, best first.
    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.iter().rev()
    }
}
