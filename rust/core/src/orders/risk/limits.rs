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
    /// Largest price × quantity of one order.
    pub max_notional: Option<Decimal>,
    /// How far, in basis points of the best price on the other side of our own book, a purchase may be above it and a sale
    /// below it.
    pub collar: Option<u32>,
    /// A book older than this is no book, ns.
    pub collar_max_age: Nanos,
    /// Let orders through where the collar has no book to look at.
    pub collar_without_book: bool,
    /// How large the position, long or short, may become if every live order on its side is filled.
    pub max_position: Option<Decimal>,
    /// Live orders in the instrument.
    pub max_open_orders: Option<u32>,
    /// Live orders at the venue.
    pub max_open_orders_venue: Option<u32>,
    /// Not the same side, price and quantity again within this, ns; 0: no limit.
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

/// How many requests a venue takes. `window` 0: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Requests in any window.
    pub requests: u32,
    /// The window, ns.
    pub window: Nanos,
    /// How many of them orders and questions must leave for cancels.
    pub reserve: u32,
}
