//! Orders of the exchange, and why it takes one or not.

use crate::clock::Nanos;
use crate::orders::{Liquidity, Offset, OrderStatus, OrderType, Side};
use std::fmt;

/// An order's number: unique as long as the exchange lives.
pub type OrderNo = u64;

/// An order as it is asked for. Price at the price scale (0 for a market order), quantity at the size scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Which instrument.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Net for spot, open or close for contracts.
    pub offset: Offset,
    /// Price.
    pub price: i64,
    /// Quantity.
    pub quantity: i64,
    /// Whatever the account calls it.
    pub client: u64,
}

/// An order of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Number.
    pub number: OrderNo,
    /// Whose.
    pub account: u32,
    /// As it was asked for, with its terms of now.
    pub terms: NewOrder,
    /// Filled, at the size scale.
    pub filled: i64,
    /// Price × size of the fills, as money.
    pub cost: i128,
    /// Fees paid, in the quote (of a contract, settlement) currency.
    pub fee: i128,
    /// The sum of its fills' money × millionths of fee.
    pub(super) dues: i128,
    /// Money or things held for what is not filled.
    pub locked: i128,
    /// Working, filled or cancelled.
    pub status: OrderStatus,
    /// When it came.
    pub created: Nanos,
    /// When it changed last.
    pub updated: Nanos,
}

impl Order {
    /// What is not filled.
    #[must_use]
    pub const fn remaining(&self) -> i64 {
        self.terms.quantity.saturating_sub(self.filled)
    }
}

/// A fill of an order, as it is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// The trade's number; the two orders of one trade have it in common, two fills of one account never.
    pub trade: u64,
    /// The order.
    pub order: OrderNo,
    /// Whose.
    pub account: u32,
    /// Which instrument.
    pub instrument: u32,
    /// The order's side.
    pub side: Side,
    /// The order's offset.
    pub offset: Offset,
    /// Price, at the price scale.
    pub price: i64,
    /// Quantity, at the size scale.
    pub quantity: i64,
    /// Who was there first.
    pub liquidity: Liquidity,
    /// Fee, as money.
    pub fee: i128,
    /// When.
    pub time: Nanos,
}

/// Why an order, a cancel or a change is refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeReject {
    /// No such account.
    UnknownAccount,
    /// No such instrument.
    UnknownInstrument,
    /// No such order, or it is another account's.
    UnknownOrder,
    /// It is filled.
    Filled,
    /// It is cancelled.
    Cancelled,
    /// The price is not above 0, or of a market order not 0.
    Price,
    /// The price is no multiple of the tick.
    Tick,
    /// The quantity is not above 0, or (of a change) not above what is filled.
    Quantity,
    /// The quantity is no multiple of the lot.
    Lot,
    /// Smaller than the smallest, or larger than the largest.
    Size,
    /// Price × quantity is too small.
    Notional,
    /// Spot orders have none, contracts open or close.
    Offset,
    /// Not enough money.
    Insufficient,
    /// More than may be closed.
    Position,
    /// An order, a balance or a position larger than the exchange takes: see [`super::MAX_ORDER`] and [`super::MAX_MONEY`].
    Overflow,
    /// Too many live orders: see [`super::MAX_LIVE`].
    Full,
    /// Levels of a live book that are out of order, crossed, or not above 0.
    Book,
}

impl ExchangeReject {
    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown_account",
            Self::UnknownInstrument => "unknown_instrument",
            Self::UnknownOrder => "unknown_order",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Price => "price",
            Self::Tick => "tick",
            Self::Quantity => "quantity",
            Self::Lot => "lot",
            Self::Size => "size",
            Self::Notional => "notional",
            Self::Offset => "offset",
            Self::Insufficient => "insufficient",
            Self::Position => "position",
            Self::Overflow => "overflow",
            Self::Full => "full",
            Self::Book => "book",
        }
    }
}

impl fmt::Display for ExchangeReject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAccount => "no such account",
            Self::UnknownInstrument => "no such instrument",
            Self::UnknownOrder => "no such order",
            Self::Filled => "the order is filled",
            Self::Cancelled => "the order is cancelled",
            Self::Price => "the price must be above 0, of a market order 0",
            Self::Tick => "the price is no multiple of the tick",
            Self::Quantity => "the quantity must be above 0, and above what is filled",
            Self::Lot => "the quantity is no multiple of the lot",
            Self::Size => "the quantity is outside of what the instrument takes",
            Self::Notional => "price x quantity is too small",
            Self::Offset => "spot orders have no offset, contracts open or close",
            Self::Insufficient => "not enough money",
            Self::Position => "more than there is to close",
            Self::Overflow => "more than the exchange takes",
            Self::Full => "too many live orders",
            Self::Book => "levels out of order, crossed, or not above 0",
        })
    }
}

impl std::error::Error for ExchangeReject {}

/// What happened, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An order was taken.
    Accepted {
        /// Whose.
        account: u32,
        /// The order.
        order: OrderNo,
    },
    /// An order was filled, perhaps in part.
    Fill {
        /// Whose.
        account: u32,
        /// The order.
        order: OrderNo,
        /// Which instrument.
        instrument: u32,
        /// The trade's number; two orders of ours may have one in common.
        trade: u64,
        /// Price.
        price: i64,
        /// Quantity.
        quantity: i64,
        /// Who was there first.
        liquidity: Liquidity,
        /// Fee, as money.
        fee: i128,
    },
    /// The rest of an order is gone.
    Cancelled {
        /// Whose.
        account: u32,
        /// The order.
        order: OrderNo,
    },
    /// An order has new terms.
    Replaced {
        /// Whose.
        account: u32,
        /// The order.
        order: OrderNo,
    },
    /// A balance changed.
    Balance {
        /// Whose.
        account: u32,
        /// Which currency.
        currency: u32,
    },
    /// A position changed.
    Position {
        /// Whose.
        account: u32,
        /// Which instrument.
        instrument: u32,
    },
}
