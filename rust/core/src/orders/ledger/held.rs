//! What is held, and what live orders may still add to it.

use super::super::state::OrderState;
use super::super::types::{Offset, Side, Unit};
use super::Order;

/// What is held: of spot `long` is the holding of the base currency as far as we know it (it may be below zero where fees or
/// others took of it), of a contract the two positions. At [`super::MONEY_SCALE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Long.
    pub long: i128,
    /// Short, without a sign.
    pub short: i128,
}

impl Position {
    /// Long less short.
    #[must_use]
    pub const fn net(self) -> i128 {
        self.long.saturating_sub(self.short)
    }
}

/// What live orders of an instrument may still trade, at the size scale. Sums of 128 bits: none of them ever saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Purchases: net, to open, to close.
    pub buy: [i128; 3],
    /// Sales: net, to open, to close.
    pub sell: [i128; 3],
    /// Money that purchases may still spend, at the price scale; what is spent of it already counts too, venues tell that late.
    pub money: i128,
    /// How many orders.
    pub orders: u32,
    /// How many of them are unknown.
    pub unknown: u32,
}

impl Open {
    fn slot(&mut self, side: Side, offset: Offset) -> Option<&mut i128> {
        match side {
            Side::Buy => self.buy.get_mut(usize::from(offset as u8)),
            Side::Sell => self.sell.get_mut(usize::from(offset as u8)),
        }
    }

    /// Counts what may be traded more (below 0: less).
    pub(in crate::orders) fn grow(&mut self, side: Side, offset: Offset, by: i128) {
        if let Some(sum) = self.slot(side, offset) {
            *sum = sum.saturating_add(by);
        }
    }

    pub(super) fn add(&mut self, order: Weight, sign: i64) {
        if !order.live {
            return;
        }
        let signed = |value: i64| i128::from(value).saturating_mul(sign.into());
        self.grow(order.side, order.offset, signed(order.remaining));
        self.money = self.money.saturating_add(signed(order.money));
        step(&mut self.orders, sign);
        if order.unknown {
            step(&mut self.unknown, sign);
        }
    }
}

/// Counts one more or one less.
pub(super) fn step(count: &mut u32, sign: i64) {
    *count = if sign > 0 { count.saturating_add(1) } else { count.saturating_sub(1) };
}

/// What an order adds to the sums.
#[derive(Clone, Copy)]
pub(super) struct Weight {
    pub(super) desk: u16,
    pub(super) instrument: u32,
    pub(super) side: Side,
    pub(super) offset: Offset,
    remaining: i64,
    money: i64,
    pub(super) live: bool,
    pub(super) unknown: bool,
}

impl Weight {
    pub(super) fn of(order: &Order) -> Self {
        let placed = &order.placed;
        Self {
            desk: placed.desk,
            instrument: placed.instrument,
            side: placed.side,
            offset: placed.offset,
            remaining: order.remaining(),
            money: if placed.unit == Unit::Quote && placed.side == Side::Buy { placed.quantity } else { 0 },
            live: !order.state.is_terminal(),
            unknown: order.state == OrderState::Unknown,
        }
    }
}
