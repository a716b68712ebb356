//! Money and positions of one account. Money at [`MONEY_SCALE`](crate::orders::MONEY_SCALE), exact.

use super::money::share;
use super::slab::NONE;
use crate::orders::{Offset, Side};

/// One currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// To use. Below zero only where a position lost more than its margin: nothing is liquidated here.
    pub free: i128,
    /// Held for orders and as margin.
    pub locked: i128,
}

impl Balance {
    /// Both.
    #[must_use]
    pub const fn total(self) -> i128 {
        self.free.saturating_add(self.locked)
    }

    /// Pays `spent` and holds `wanted` in place of `held`.
    pub(super) const fn pay(&mut self, held: i128, spent: i128, wanted: i128) {
        self.free = self.free.saturating_add(held.saturating_sub(spent).saturating_sub(wanted));
        self.locked = self.locked.saturating_add(wanted.saturating_sub(held));
    }

    pub(super) const fn earn(&mut self, money: i128) {
        self.free = self.free.saturating_add(money);
    }
}

/// One side of a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// Quantity, at the size scale.
    pub quantity: i64,
    /// What of it is promised to closing orders.
    pub closing: i64,
    /// What live orders may add to it.
    pub opening: i64,
    /// What it cost to open, at money scale.
    pub cost: i128,
    /// Its margin, part of what is locked.
    pub margin: i128,
}

impl Leg {
    /// What may be closed.
    #[must_use]
    pub const fn available(self) -> i64 {
        self.quantity.saturating_sub(self.closing)
    }

    pub(super) const fn open(&mut self, quantity: i64, cost: i128, margin: i128) {
        self.opening = self.opening.saturating_sub(quantity);
        self.quantity = self.quantity.saturating_add(quantity);
        self.cost = self.cost.saturating_add(cost);
        self.margin = self.margin.saturating_add(margin);
    }

    /// Takes a part out; gives what that part cost and its margin, rounded down to the eighth digit. Of the last part, all that is left.
    pub(super) fn close(&mut self, quantity: i64) -> (i128, i128) {
        let part = |whole| if quantity < self.quantity { share(whole, quantity, self.quantity) } else { whole };
        let (cost, margin) = (part(self.cost), part(self.margin));
        self.closing = self.closing.saturating_sub(quantity);
        self.quantity = self.quantity.saturating_sub(quantity);
        self.cost = self.cost.saturating_sub(cost);
        self.margin = self.margin.saturating_sub(margin);
        (cost, margin)
    }
}

/// Both sides of a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Legs {
    /// Long.
    pub long: Leg,
    /// Short.
    pub short: Leg,
}

impl Legs {
    /// The side that an order changes.
    #[must_use]
    pub const fn of(&mut self, side: Side, offset: Offset) -> &mut Leg {
        match (side, offset) {
            (Side::Buy, Offset::Close) | (Side::Sell, Offset::Open | Offset::Net) => &mut self.short,
            (Side::Buy, _) | (Side::Sell, Offset::Close) => &mut self.long,
        }
    }
}

/// One account; balances by currency, positions by instrument, and its live orders as a list through their slots.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: Box<str>,
    pub(super) balances: Vec<Balance>,
    pub(super) positions: Vec<Legs>,
    pub(super) oldest: u32,
    pub(super) newest: u32,
}

impl Account {
    pub(super) fn new(name: &str, currencies: usize, instruments: usize) -> Self {
        Self {
            name: name.into(),
            balances: vec![Balance::default(); currencies],
            positions: vec![Legs::default(); instruments],
            oldest: NONE,
            newest: NONE,
        }
    }

    pub(super) fn balance(&mut self, currency: u32) -> Option<&mut Balance> {
        self.balances.get_mut(usize::try_from(currency).ok()?)
    }

    pub(super) fn free(&self, currency: u32) -> i128 {
        usize::try_from(currency).ok().and_then(|at| self.balances.get(at)).map_or(0, |balance| balance.free)
    }

    pub(super) fn legs(&mut self, instrument: u32) -> Option<&mut Legs> {
        self.positions.get_mut(usize::try_from(instrument).ok()?)
    }
}
