//! The gateway's words.

use crate::orders::{Gateway, OrderStatus, OrderType, Side};

/// A side in requests.
pub(super) const fn action(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// An order type in requests.
pub(super) const fn order_type(order_type: OrderType) -> &'static str {
    match order_type {
        OrderType::Limit => "LIMIT",
        OrderType::Market => "MARKET",
        OrderType::Ioc => "IOC",
    }
}

/// A side in messages.
pub(super) const ACTIONS: &[(&str, Side)] = &[("BUY", Side::Buy), ("SELL", Side::Sell)];

/// An order type in messages.
pub(super) const ORDER_TYPES: &[(&str, OrderType)] =
    &[("LIMIT", OrderType::Limit), ("MARKET", OrderType::Market), ("IOC", OrderType::Ioc)];

/// What an order's status says of what was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// Nothing of it.
    Nothing,
    /// Some of it, and not all.
    Part,
    /// Some of it or nothing, and not all.
    NotAll,
    /// All of it.
    All,
}

/// An order's status.
pub(super) const STATUSES: &[(&str, (OrderStatus, Filled))] = &[
    ("NONE", (OrderStatus::Pending, Filled::Nothing)),
    ("SUBMITTED", (OrderStatus::Working, Filled::Nothing)),
    ("PARTIAL-FILLED", (OrderStatus::Working, Filled::Part)),
    ("FILLED", (OrderStatus::Filled, Filled::All)),
    ("CANCELED", (OrderStatus::Cancelled, Filled::NotAll)),
    ("FAILED", (OrderStatus::Rejected, Filled::Nothing)),
];

/// The platform's state.
pub(super) const fn gateway(code: i64) -> Option<Gateway> {
    match code {
        1 => Some(Gateway::ParameterMissing),
        2 => Some(Gateway::Connected),
        3 => Some(Gateway::ConnectFailed),
        4 => Some(Gateway::Disconnected),
        5 => Some(Gateway::Reconnecting),
        6 => Some(Gateway::Ready),
        7 => Some(Gateway::GeneralError),
        _ => None,
    }
}
