//! What we ask.

use super::super::write::{Object, Scaled};
use super::super::{Unsupported, What};
use super::{ACCOUNT, CANCEL, CONTRACTS, MOST_IDS, MOST_TRADES, ORDERS, PLACE, POSITIONS, SUPPORTS, TRADES};
use crate::orders::{Offset, OrderType, Side, Unit};

/// A new order. A text that is empty is left out of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The exchange behind the venue.
    pub exchange: &'a str,
    /// The venue's spelling: `ETH_USDT`.
    pub contract: &'a str,
    /// Limit or market.
    pub order_type: OrderType,
    /// Coefficient and digits after the point; not looked at where the order has none.
    pub price: (i64, u8),
    /// Coefficient and digits after the point; above zero.
    pub quantity: (i64, u8),
    /// What the quantity counts: money for a market purchase, else the base currency or contracts.
    pub unit: Unit,
    /// Which way.
    pub side: Side,
    /// Net for spot, which has no `future_dir`.
    pub offset: Offset,
    /// Leverage of a contract, 0: left out.
    pub leverage: u32,
    /// Our id of the order, at most 128 bytes.
    pub client_id: &'a str,
    /// Price at which a profit is taken.
    pub profit: Option<(i64, u8)>,
    /// Price at which a loss is stopped.
    pub stop: Option<(i64, u8)>,
    /// The position to close, where the venue wants to know.
    pub deal_id: &'a str,
    /// By which rule positions are closed.
    pub close_rule: &'a str,
}

/// Appends a new order.
///
/// # Errors
/// [`Unsupported`]: IOC; a unit the venue does not count in; a contract's leverage without open or close; a price or a quantity that is
/// not above zero; no client id, by which alone an order with a lost answer is found again. Nothing is appended.
pub fn place(out: &mut Vec<u8>, order: &Place<'_>) -> Result<(), Unsupported> {
    let contract = order.leverage > 0 || order.offset != Offset::Net;
    SUPPORTS.check(order.order_type, order.side, contract, order.offset, order.unit)?;
    let limit = order.order_type != OrderType::Market;
    let good = |price: Scaled| price.0 > 0;
    if (limit && !good(order.price)) || !order.profit.is_none_or(good) || !order.stop.is_none_or(good) {
        return Err(Unsupported { what: What::Price });
    }
    if !good(order.quantity) {
        return Err(Unsupported { what: What::Quantity });
    }
    if order.client_id.is_empty() || order.client_id.len() > super::super::LONGEST_WORD {
        return Err(Unsupported { what: What::Id });
    }
    let mut object = Object::new(out);
    object.text("exchange", order.exchange);
    object.text("contract", order.contract);
    object.text("price_type", if limit { "limit" } else { "market" });
    if limit {
        object.number_text("entrust_price", order.price);
    }
    if let Some(price) = order.profit {
        object.number_text("profit_value", price);
    }
    if let Some(price) = order.stop {
        object.number_text("stop_value", price);
    }
    object.number_text("entrust_vol", order.quantity);
    object.text("entrust_bs", order.side.name());
    if order.offset != Offset::Net {
        object.text("future_dir", order.offset.name());
    }
    if order.leverage > 0 {
        object.number_text("lever", (i64::from(order.leverage), 0));
    }
    object.text("client_oid", order.client_id);
    object.optional_text("deal_id", order.deal_id);
    object.optional_text("close_rule", order.close_rule);
    end(object, PLACE);
    Ok(())
}

/// Appends a cancel of these orders, by the venue's ids.
///
/// # Errors
/// [`Unsupported`]: none, more than [`MOST_IDS`], or an id that would read as several. Nothing is appended.
pub fn cancel(out: &mut Vec<u8>, system_oids: &[&str]) -> Result<(), Unsupported> {
    if system_oids.is_empty() {
        return Err(Unsupported { what: What::Nothing });
    }
    ids(system_oids)?;
    let mut object = Object::new(out);
    object.joined("system_oid", system_oids);
    end(object, CANCEL);
    Ok(())
}

/// Appends the question for contracts and their rules: of an exchange, of one contract (empty: all).
pub fn contracts(out: &mut Vec<u8>, exchange: &str, contract: &str) {
    let mut object = Object::new(out);
    object.optional_text("exchange", exchange);
    object.optional_text("contract", contract);
    end(object, CONTRACTS);
}

/// Appends the question for balances: of an exchange (empty: of all).
pub fn account(out: &mut Vec<u8>, exchange: &str) {
    let mut object = Object::new(out);
    object.optional_text("exchange", exchange);
    end(object, ACCOUNT);
}

/// Which orders are asked for; what is empty is not asked by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// The venue's ids, at most [`MOST_IDS`].
    pub system_oids: &'a [&'a str],
    /// A status by its number in the venue's table.
    pub status: Option<u8>,
    /// The exchange behind the venue.
    pub exchange: &'a str,
    /// The venue's spelling.
    pub contract: &'a str,
}

/// Appends the question for orders.
///
/// # Errors
/// [`Unsupported`]: more than [`MOST_IDS`] ids, or one that would read as several. Nothing is appended.
pub fn orders(out: &mut Vec<u8>, query: &Query<'_>) -> Result<(), Unsupported> {
    ids(query.system_oids)?;
    let mut object = Object::new(out);
    if !query.system_oids.is_empty() {
        object.joined("system_oid", query.system_oids);
    }
    if let Some(status) = query.status {
        object.number_text("status", (i64::from(status), 0));
    }
    object.optional_text("exchange", query.exchange);
    object.optional_text("contract", query.contract);
    end(object, ORDERS);
    Ok(())
}

/// Appends the question for positions (empty: of all).
pub fn positions(out: &mut Vec<u8>, exchange: &str, contract: &str) {
    let mut object = Object::new(out);
    object.optional_text("exchange", exchange);
    object.optional_text("contract", contract);
    end(object, POSITIONS);
}

/// Appends the question for the latest fills.
///
/// # Errors
/// [`Unsupported`]: none, or more than [`MOST_TRADES`]. Nothing is appended.
pub fn trades(out: &mut Vec<u8>, exchange: &str, contract: &str, count: u8) -> Result<(), Unsupported> {
    match count {
        0 => return Err(Unsupported { what: What::Nothing }),
        1..=MOST_TRADES => {}
        _ => return Err(Unsupported { what: What::TooMany(MOST_TRADES.into()) }),
    }
    let mut object = Object::new(out);
    object.optional_text("exchange", exchange);
    object.optional_text("contract", contract);
    object.number_text("count", (i64::from(count), 0));
    end(object, TRADES);
    Ok(())
}

fn end(mut object: Object<'_>, biz_type: u8) {
    object.number("biz_type", (i64::from(biz_type), 0));
    object.end();
}

fn ids(system_oids: &[&str]) -> Result<(), Unsupported> {
    if system_oids.len() > MOST_IDS {
        return Err(Unsupported { what: What::TooMany(MOST_IDS) });
    }
    if system_oids.iter().any(|id| id.is_empty() || id.contains(',')) {
        return Err(Unsupported { what: What::Id });
    }
    Ok(())
}
