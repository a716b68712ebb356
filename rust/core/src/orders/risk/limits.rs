//! What is allowed: our own limits, the venue's budget, and what the paper exchange can do at all.

use super::super::types::{Offset, OrderType, Side, Unit};
use super::super::venue::Supports;
use crate::clock::Nanos;
use crate::num::Decimal;

/// Our own limits for orders of one instrument. `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest quantity of one order; in money for an order in money.
    pub max_quantity: Option<Decimal>,
    /// Largest price × quantity of one order; of a market order, the best price of the other side of our own book counts, and
    /// without a valid and fresh book there is none.
    pub max_notional: Option<Decimal>,
    /// How far, in basis points of the best price on the other side of our own book, a purchase may be above it and a sale
    /// below it. Prices on the other way, far from trading, are let through.
    pub collar: Option<u32>,
    /// A book whose last change is longer ago than this is no book, ns.
    pub collar_max_age: Nanos,
    /// Let orders through where the collar has no book to look at. Other limits that need one go on needing it.
    pub collar_without_book: bool,
    /// How large the position, long or short, may become if every live order on its side is filled. An order in money counts
    /// with what it buys at the best price of our own book, which it then needs.
    pub max_position: Option<Decimal>,
    /// Live orders in the instrument.
    pub max_open_orders: Option<u32>,
    /// Live orders at the venue.
    pub max_open_orders_venue: Option<u32>,
    /// Not the same side, offset, price and quantity again within this, ns; 0: no limit. The last 4,096 orders of an instrument are
    /// remembered.
    pub duplicate_window: Nanos,
}

impl Default for Limits {
    /// No limits; a collar, once set, wants a book no older than 5 s.
    fn default() -> Self {
        Self {
            max_quantity: None,
            max_notional: None,
            collar: None,
            collar_max_age: 5_000_000_000,
            collar_without_book: false,
            max_position: None,
            max_open_orders: None,
            max_open_orders_venue: None,
            duplicate_window: 0,
        }
    }
}

/// What the paper exchange takes: everything but quantities in money.
pub const PAPER: Supports = Supports {
    order_types: &[OrderType::Limit, OrderType::Market, OrderType::Ioc],
    spot_offsets: &[Offset::Net],
    contract_offsets: &[Offset::Open, Offset::Close],
    units: &[
        (OrderType::Limit, Side::Buy, Unit::Base),
        (OrderType::Limit, Side::Sell, Unit::Base),
        (OrderType::Market, Side::Buy, Unit::Base),
        (OrderType::Market, Side::Sell, Unit::Base),
        (OrderType::Ioc, Side::Buy, Unit::Base),
        (OrderType::Ioc, Side::Sell, Unit::Base),
    ],
    client_ids: true,
    replace: true,
    most_cancels: 1,
};

/// How many requests a venue takes. `window` 0 (or less): no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Requests in any window.
    pub requests: u32,
    /// The window, ns.
    pub window: Nanos,
    /// How many of them orders and questions must leave for cancels.
    pub reserve: u32,
}
