//! `CoinCeres`: one JSON object a request, numbers as text, `biz_type` says which; `docs/venues/coinceres.md`.
//!
//! The login is the signed URL. Nothing but orders carries an id of ours, so an answer is the one to the only outstanding request of
//! its kind: its [`RequestKey`](crate::orders::RequestKey) is `Kind(biz_type)`.

mod answer;
mod request;
mod rows;
mod words;

pub use answer::decode;
pub use request::{Place, Query, account, cancel, contracts, orders, place, positions, trades};

use super::Supports;
use crate::orders::{Offset, OrderType, Side, Unit};

/// `biz_type` of a new order.
pub const PLACE: u8 = 11;
/// `biz_type` of a cancel.
pub const CANCEL: u8 = 12;
/// `biz_type` of the question for contracts and their rules.
pub const CONTRACTS: u8 = 13;
/// `biz_type` of the question for balances.
pub const ACCOUNT: u8 = 14;
/// `biz_type` of the question for orders.
pub const ORDERS: u8 = 15;
/// `biz_type` of the question for positions.
pub const POSITIONS: u8 = 16;
/// `biz_type` of the question for fills.
pub const TRADES: u8 = 17;

/// Most orders in one cancel or one question for orders.
pub const MOST_IDS: usize = 15;
/// Most fills in one answer.
pub const MOST_TRADES: u8 = 50;

/// What it can say. A market purchase says how much money to spend, not how much to buy.
pub const SUPPORTS: Supports = Supports {
    order_types: &[OrderType::Limit, OrderType::Market],
    spot_offsets: &[Offset::Net],
    contract_offsets: &[Offset::Open, Offset::Close],
    units: &[
        (OrderType::Limit, Side::Buy, Unit::Base),
        (OrderType::Limit, Side::Sell, Unit::Base),
        (OrderType::Market, Side::Buy, Unit::Quote),
        (OrderType::Market, Side::Sell, Unit::Base),
    ],
    client_ids: true,
    replace: false,
    most_cancels: MOST_IDS,
};
