//! quantapi, as its client: several logins over one socket, `cid` pairs answers with requests, the sign of a quantity says which
//! position of a contract it changes; `docs/venues/quantapi.md`.

mod answer;
mod request;
mod rows;
mod words;

pub use answer::decode;
pub use request::{
    Login, Place, asset, cancel, cancel_all, login, logout, open_orders, ping, place, position, symbol_info,
};

use super::Supports;
use crate::orders::{Offset, OrderType, Side, Unit};

/// What it can say. Orders carry no id of the client's: the answer's `cid` is all that ties an order to its request.
pub const SUPPORTS: Supports = Supports {
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
    client_ids: false,
    replace: false,
    most_cancels: 0,
};
