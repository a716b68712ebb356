//! Why an order is not let through.

use super::super::types::words;
use crate::clock::Nanos;
use crate::num::Decimal;
use std::fmt;

words! {
    /// Every rule. The names are labels of metrics.
    Rule {
        /// The mode is halted, or the kill switch is on.
        Halted = 0 "halted",
        /// The mode is reducing, and the order could open or turn a position.
        Reducing = 1 "reducing",
        /// The venue has no such type of order.
        OrderType = 2 "order_type",
        /// The venue, or the product, has no such offset.
        Offset = 3 "offset",
        /// The venue takes no such quantity: base or money.
        Unit = 4 "unit",
        /// The price has more digits than the instrument's scale, or is too large.
        PriceDigits = 5 "price_digits",
        /// The quantity has.
        QuantityDigits = 6 "quantity_digits",
        /// The price is not above 0; of a market order, not 0.
        PriceSign = 7 "price_sign",
        /// The quantity is not above 0.
        QuantitySign = 8 "quantity_sign",
        /// The price is no multiple of the tick.
        Tick = 9 "tick",
        /// The quantity is no multiple of the lot.
        Lot = 10 "lot",
        /// Smaller than the venue takes.
        MinSize = 11 "min_size",
        /// Larger than the venue takes.
        MaxSize = 12 "max_size",
        /// Cheaper than the venue takes.
        MinPrice = 13 "min_price",
        /// Price × quantity below what the venue takes.
        MinNotional = 14 "min_notional",
        /// More than our own limit.
        MaxQuantity = 15 "max_quantity",
        /// Price × quantity above our own limit.
        MaxNotional = 16 "max_notional",
        /// There is no valid, fresh book to compare the price with.
        NoBook = 17 "no_book",
        /// The price is too far from our own book.
        Collar = 18 "collar",
        /// The position could become larger than our limit.
        Position = 19 "position",
        /// Too many live orders in the instrument.
        OpenOrders = 20 "open_orders",
        /// Too many live orders at the venue.
        OpenOrdersVenue = 21 "open_orders_venue",
        /// The same order was placed a moment ago.
        Duplicate = 22 "duplicate",
        /// Too many orders for the venue's budget.
        Rate = 23 "rate",
    }
}

/// A number of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A number and its scale.
    Scaled(i128, u8),
    /// A decimal as it was given.
    Decimal(Decimal),
    /// A count.
    Count(u64),
    /// A time, ns.
    Time(Nanos),
    /// The last price that a collar allows, its scale, and the collar in basis points.
    Bound(i128, u8, u32),
    /// A word.
    Word(&'static str),
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Scaled(value, scale) => scaled(value, scale, f),
            Self::Decimal(value) => value.fmt(f),
            Self::Count(count) => count.fmt(f),
            Self::Time(ns) => {
                scaled(ns.into(), 9, f)?;
                f.write_str(" s")
            }
            Self::Bound(price, scale, points) => {
                scaled(price, scale, f)?;
                write!(f, ", {points} basis points through our own book")
            }
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// Plain decimal text, exact, without trailing zeros.
fn scaled(value: i128, scale: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(scale).saturating_add(1));
    let (whole, part) = digits.split_at(digits.len().saturating_sub(scale.into()));
    let (sign, part) = (if value < 0 { "-" } else { "" }, part.trim_end_matches('0'));
    let point = if part.is_empty() { "" } else { "." };
    write!(f, "{sign}{whole}{point}{part}")
}

/// A rule that an order broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Which.
    pub rule: Rule,
    /// The limit it sets.
    pub limit: Amount,
    /// What the order has.
    pub found: Amount,
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, limit, found } = self;
        match rule {
            Rule::Halted => write!(f, "halted: {found}"),
            Rule::Reducing => write!(f, "reducing: at most {limit} can be reduced, not {found}"),
            Rule::OrderType => write!(f, "the venue has no {found} orders; it has {limit}"),
            Rule::Offset => write!(f, "offset {found} can't be used here; expected {limit}"),
            Rule::Unit => write!(f, "a quantity in {found} can't be used here; expected {limit}"),
            Rule::PriceDigits => write!(f, "price {found}: more digits than the {limit} after the point, or too large"),
            Rule::QuantityDigits => {
                write!(f, "quantity {found}: more digits than the {limit} after the point, or too large")
            }
            Rule::PriceSign => write!(f, "price {found}: expected {limit}"),
            Rule::QuantitySign => write!(f, "quantity {found}: expected {limit}"),
            Rule::Tick => write!(f, "price {found}: not a multiple of the tick {limit}"),
            Rule::Lot => write!(f, "quantity {found}: not a multiple of the lot {limit}"),
            Rule::MinSize => write!(f, "quantity {found}: the venue's smallest is {limit}"),
            Rule::MaxSize => write!(f, "quantity {found}: the venue's largest is {limit}"),
            Rule::MinPrice => write!(f, "price {found}: the venue's lowest is {limit}"),
            Rule::MinNotional => write!(f, "price x quantity {found}: the venue's smallest is {limit}"),
            Rule::MaxQuantity => write!(f, "quantity {found}: our limit is {limit}"),
            Rule::MaxNotional => write!(f, "price x quantity {found}: our limit is {limit}"),
            Rule::NoBook => write!(f, "the price can't be checked: {found}; expected {limit}"),
            Rule::Collar => write!(f, "price {found}: the limit is {limit}"),
            Rule::Position => write!(f, "the position could become {found}: our limit is {limit}"),
            Rule::OpenOrders => write!(f, "{found} live orders in the instrument: our limit is {limit}"),
            Rule::OpenOrdersVenue => write!(f, "{found} live orders at the venue: our limit is {limit}"),
            Rule::Duplicate => write!(f, "the same order was placed {found} ago: the least time between is {limit}"),
            Rule::Rate => write!(f, "{found} requests in the window: orders may use {limit}"),
        }?;
        write!(f, " (rule {})", rule.name())
    }
}

impl std::error::Error for Reject {}
