//! Where orders live: slots that are used again. An order's number names its slot, so it is found without a search; a finished order
//! stays in its slot until it is forgotten, so it is found the same way.

use super::order::{NewOrder, Order, OrderNo};
use crate::orders::{Offset, OrderStatus, OrderType, Side};
use std::collections::VecDeque;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// So many orders may be live at once.
pub const MAX_LIVE: usize = 1 << 22;

/// So many finished orders may be kept.
const MAX_KEPT: usize = 1 << 23;

/// Bits of an order's number that name its slot; enough for all that are live and all that are kept.
const SLOT_BITS: u32 = 24;

const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) order: Order,
    /// Neighbours in the queue of a price: younger, older.
    pub(super) next: u32,
    pub(super) before: u32,
    /// Neighbours among the account's live orders: younger, older.
    younger: u32,
    older: u32,
}

#[derive(Debug)]
pub(super) struct Slab {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots of finished orders, the one that finished first in front.
    finished: VecDeque<u32>,
    keep: usize,
    live: usize,
    taken: u64,
}

pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The slot that an order's number names; below 2²⁴.
#[must_use]
pub(super) fn slot_of(number: OrderNo) -> u32 {
    u32::try_from(number & SLOT_MASK).unwrap_or(NONE)
}

impl Slab {
    pub(super) fn new(keep: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            finished: VecDeque::new(),
            keep: keep.clamp(1, MAX_KEPT),
            live: 0,
            taken: 0,
        }
    }

    pub(super) const fn keep(&self) -> usize {
        self.keep
    }

    /// Counts orders from 128 times these seconds on.
    pub(super) const fn number_from(&mut self, seconds: u64) {
        self.taken = seconds << 7;
    }

    /// Counts orders from beyond this one on.
    pub(super) fn number_after(&mut self, number: OrderNo) {
        self.taken = self.taken.max(number >> SLOT_BITS);
    }

    /// Whether one more order finds room, and a number.
    pub(super) const fn has_room(&self) -> bool {
        self.live < MAX_LIVE && self.taken < u64::MAX >> SLOT_BITS
    }

    /// A slot for a new order (where [`Slab::has_room`] said so), and the order's number.
    pub(super) fn take(&mut self) -> (u32, OrderNo) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { order: NOBODY, next: NONE, before: NONE, younger: NONE, older: NONE });
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(NONE)
        });
        self.live = self.live.saturating_add(1);
        self.taken = self.taken.saturating_add(1);
        (at, (self.taken << SLOT_BITS) | u64::from(at))
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> Option<&Slot> {
        self.slots.get(index(at))
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Slot> {
        self.slots.get_mut(index(at))
    }

    /// The slot of an order, live or finished.
    #[inline]
    pub(super) fn find(&self, number: OrderNo) -> Option<u32> {
        let at = slot_of(number);
        self.get(at).is_some_and(|slot| number != 0 && slot.order.number == number).then_some(at)
    }

    /// Puts an order among its account's live ones, as the youngest.
    pub(super) fn enlist(&mut self, at: u32, oldest: &mut u32, newest: &mut u32) {
        let older = std::mem::replace(newest, at);
        match self.get_mut(older) {
            Some(slot) => slot.younger = at,
            None => *oldest = at,
        }
        if let Some(slot) = self.get_mut(at) {
            (slot.older, slot.younger) = (older, NONE);
        }
    }

    /// Takes an order from among its account's live ones; it is kept as a finished one, and the oldest of those may be forgotten.
    pub(super) fn finish(&mut self, at: u32, oldest: &mut u32, newest: &mut u32) {
        let Some((older, younger)) = self.get(at).map(|slot| (slot.older, slot.younger)) else { return };
        match self.get_mut(older) {
            Some(slot) => slot.younger = younger,
            None => *oldest = younger,
        }
        match self.get_mut(younger) {
            Some(slot) => slot.older = older,
            None => *newest = older,
        }
        self.live = self.live.saturating_sub(1);
        if self.finished.len() >= self.keep {
            self.forget_first();
        }
        self.finished.push_back(at);
    }

    fn forget_first(&mut self) {
        let Some(at) = self.finished.pop_front() else { return };
        if let Some(slot) = self.get_mut(at) {
            slot.order.number = 0;
        }
        self.free.push(at);
    }

    /// Forgets the finished orders.
    pub(super) fn forget(&mut self) {
        while !self.finished.is_empty() {
            self.forget_first();
        }
    }

    pub(super) fn finished(&self) -> impl DoubleEndedIterator<Item = &Order> {
        self.finished.iter().filter_map(|at| self.get(*at)).map(|slot| &slot.order)
    }

    /// The live orders of an account whose oldest is in this slot, oldest first.
    pub(super) fn live_from(&self, oldest: u32) -> impl Iterator<Item = &Order> {
        let first = self.get(oldest);
        std::iter::successors(first, |slot| self.get(slot.younger)).map(|slot| &slot.order)
    }
}

/// What is in a slot that nobody used yet.
const NOBODY: Order = Order {
    number: 0,
    account: 0,
    terms: NewOrder {
        instrument: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        offset: Offset::Net,
        price: 0,
        quantity: 0,
        client: 0,
    },
    filled: 0,
    cost: 0,
    fee: 0,
    dues: 0,
    locked: 0,
    status: OrderStatus::Cancelled,
    created: 0,
    updated: 0,
};
