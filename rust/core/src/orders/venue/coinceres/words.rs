//! The venue's words.

use crate::orders::{Offset, OrderStatus, OrderType, Product, Side};

/// `entrust_bs`.
pub(super) const SIDES: &[(&str, Side)] = &[("buy", Side::Buy), ("sell", Side::Sell)];

/// `entrustDir` of pushes. Without open or close it is spot.
pub(super) const DIRECTIONS: &[(&str, (Side, Offset))] = &[
    ("BUY", (Side::Buy, Offset::Net)),
    ("SELL", (Side::Sell, Offset::Net)),
    ("OPEN_BUY", (Side::Buy, Offset::Open)),
    ("OPEN_SELL", (Side::Sell, Offset::Open)),
    ("CLOSE_BUY", (Side::Buy, Offset::Close)),
    ("CLOSE_SELL", (Side::Sell, Offset::Close)),
];

/// `position_dir`: which side a position is on. The document has no table of it; these are the spellings its other fields suggest.
pub(super) const POSITIONS: &[(&str, Side)] =
    &[("buy", Side::Buy), ("long", Side::Buy), ("sell", Side::Sell), ("short", Side::Sell)];

/// `entrustType` of pushes.
pub(super) const ORDER_TYPES: &[(&str, OrderType)] = &[("limit", OrderType::Limit), ("market", OrderType::Market)];

/// `entrustStatus` of pushes, in the order of [`status`]' numbers.
pub(super) const STATUSES: &[(&str, OrderStatus)] = &[
    ("NO_REPORT", OrderStatus::Pending),
    ("SUBMITTING", OrderStatus::Pending),
    ("SUBMITTED", OrderStatus::Working),
    ("PART_FILLED", OrderStatus::Working),
    ("FILLED", OrderStatus::Filled),
    ("FAILURE", OrderStatus::Rejected),
    ("CANCEL", OrderStatus::Cancelled),
    ("CANCELING", OrderStatus::Cancelling),
    ("PENDING", OrderStatus::Cancelling),
    ("PART_CANCELED", OrderStatus::Cancelled),
    ("CANCELED", OrderStatus::Cancelled),
];

/// `status` of an order that was asked for.
pub(super) const fn status(number: i64) -> Option<OrderStatus> {
    match number {
        1 | 2 => Some(OrderStatus::Pending),
        3 | 4 => Some(OrderStatus::Working),
        5 => Some(OrderStatus::Filled),
        6 => Some(OrderStatus::Rejected),
        12 | 13 => Some(OrderStatus::Cancelling),
        11 | 14 | 15 => Some(OrderStatus::Cancelled),
        _ => None,
    }
}

/// `kind` of a contract: dated futures and perpetuals are contracts; a stock or an index is nothing we trade.
pub(super) const fn product(kind: i64) -> Option<Product> {
    match kind {
        1 | 3 => Some(Product::Contract),
        4 => Some(Product::Spot),
        _ => None,
    }
}

/// `account_type`, and whether the row's `exchange` means something.
pub(super) const fn account(number: i64) -> Option<(&'static str, bool)> {
    match number {
        1 => Some(("collect", false)),
        2 => Some(("settle", false)),
        3 => Some(("spot", true)),
        4 => Some(("contract", true)),
        _ => None,
    }
}
