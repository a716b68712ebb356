//! What is allowed: our own limits, the venue's budget, and what a venue can do at all.

use super::super::types::{Offset, OrderType, Unit};
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

/// What a venue can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Order types.
    pub types: &'static [OrderType],
    /// Units of limit orders.
    pub limit_units: &'static [Unit],
    /// Units of market purchases.
    pub market_buy_units: &'static [Unit],
    /// Units of market sales.
    pub market_sell_units: &'static [Unit],
    /// Whether spot orders, too, carry an offset; else `Net` is what spot takes.
    pub spot_offsets: &'static [Offset],
    /// Offsets of contracts.
    pub contract_offsets: &'static [Offset],
}

impl Ability {
    /// The paper exchange.
    pub const PAPER: Self = Self {
        types: &[OrderType::Limit, OrderType::Market, OrderType::Ioc],
        limit_units: &[Unit::Base],
        market_buy_units: &[Unit::Base],
        market_sell_units: &[Unit::Base],
        spot_offsets: &[Offset::Net],
        contract_offsets: &[Offset::Open, Offset::Close],
    };
    /// quantapi: every type; quantities only.
    pub const QUANTAPI: Self = Self::PAPER;
    /// `CoinCeres`: limit and market; a market purchase says how much money to spend.
    pub const COINCERES: Self = Self {
        types: &[OrderType::Limit, OrderType::Market],
        limit_units: &[Unit::Base],
        market_buy_units: &[Unit::Quote],
        market_sell_units: &[Unit::Base],
        spot_offsets: &[Offset::Net],
        contract_offsets: &[Offset::Open, Offset::Close],
    };
}

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
