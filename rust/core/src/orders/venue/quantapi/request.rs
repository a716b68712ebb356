//! What we ask. Every request has a `cid`, ours and unique, and all but a login the token of theirs. The buffer they are appended to
//! holds credentials afterwards: it is the caller's to keep out of logs.

use super::super::write::{Object, credential};
use super::super::{Unsupported, What};
use super::SUPPORTS;
use crate::orders::{Offset, OrderType, Side, Unit};
use crate::sign::Secret;

/// A login to a platform behind the gateway.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Which platform: `huobi_future`.
    pub platform: &'a str,
    /// What is to be traded on it, canonical: `ETH/USDT`.
    pub symbols: &'a [&'a str],
    /// The platform's key.
    pub access_key: &'a Secret,
    /// And what belongs to it.
    pub secret_key: &'a Secret,
}

/// Appends a login.
///
/// # Errors
/// [`What::Credential`]: a key that is no text; [`What::Nothing`]: no symbols. Nothing is appended.
pub fn login(out: &mut Vec<u8>, cid: u64, login: &Login<'_>) -> Result<(), Unsupported> {
    let access_key = credential(login.access_key)?;
    let secret_key = credential(login.secret_key)?;
    if login.symbols.is_empty() {
        return Err(Unsupported { what: What::Nothing });
    }
    let mut object = begin(out, "login", cid);
    object.text("platform", login.platform);
    object.texts("symbols", login.symbols);
    object.text("access_key", access_key);
    object.text("secret_key", secret_key);
    object.end();
    Ok(())
}

/// A new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Canonical: `ETH/USDT`.
    pub symbol: &'a str,
    /// Which way.
    pub side: Side,
    /// Net for spot; open or close for contracts, which becomes the sign of the quantity.
    pub offset: Offset,
    /// How it trades.
    pub order_type: OrderType,
    /// Coefficient and digits after the point; not looked at for market orders, whose price is sent as 0.
    pub price: (i64, u8),
    /// Coefficient and digits after the point; above zero.
    pub quantity: (i64, u8),
    /// What the quantity counts.
    pub unit: Unit,
}

/// Appends a new order.
///
/// # Errors
/// [`Unsupported`]: a quantity in money; a price or a quantity that is not above zero; a token that is no text. Nothing is appended.
pub fn place(out: &mut Vec<u8>, cid: u64, token: &Secret, order: &Place<'_>) -> Result<(), Unsupported> {
    let token = credential(token)?;
    let contract = order.offset != Offset::Net;
    SUPPORTS.check(order.order_type, order.side, contract, order.offset, order.unit)?;
    let price = if order.order_type == OrderType::Market { (0, 0) } else { order.price };
    if order.order_type != OrderType::Market && price.0 <= 0 {
        return Err(Unsupported { what: What::Price });
    }
    let (coef, scale) = order.quantity;
    if coef <= 0 {
        return Err(Unsupported { what: What::Quantity });
    }
    let short = matches!((order.side, order.offset), (Side::Sell, Offset::Open) | (Side::Buy, Offset::Close));
    let quantity = (if short { coef.saturating_neg() } else { coef }, scale);
    let mut object = begin(out, "place_order", cid);
    object.text("token", token);
    object.text("symbol", order.symbol);
    object.text("action", super::words::action(order.side));
    object.number("price", price);
    object.number("quantity", quantity);
    object.text("order_type", super::words::order_type(order.order_type));
    object.end();
    Ok(())
}

/// Appends a cancel of these orders of a symbol.
///
/// # Errors
/// [`What::Nothing`]: no orders, which to the gateway means all of them (see [`cancel_all`]); [`What::Id`]: an empty one;
/// [`What::Credential`]. Nothing is appended.
pub fn cancel(
    out: &mut Vec<u8>,
    cid: u64,
    token: &Secret,
    symbol: &str,
    order_nos: &[&str],
) -> Result<(), Unsupported> {
    if order_nos.is_empty() {
        return Err(Unsupported { what: What::Nothing });
    }
    if order_nos.iter().any(|id| id.is_empty()) {
        return Err(Unsupported { what: What::Id });
    }
    any_cancel(out, cid, token, symbol, order_nos)
}

/// Appends a cancel of all orders of a symbol, also those that are not ours.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn cancel_all(out: &mut Vec<u8>, cid: u64, token: &Secret, symbol: &str) -> Result<(), Unsupported> {
    any_cancel(out, cid, token, symbol, &[])
}

fn any_cancel(
    out: &mut Vec<u8>,
    cid: u64,
    token: &Secret,
    symbol: &str,
    order_nos: &[&str],
) -> Result<(), Unsupported> {
    let token = credential(token)?;
    let mut object = begin(out, "cancel_order", cid);
    object.text("token", token);
    object.text("symbol", symbol);
    object.texts("order_nos", order_nos);
    object.end();
    Ok(())
}

/// Appends the question for the orders of a symbol that are not over.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn open_orders(out: &mut Vec<u8>, cid: u64, token: &Secret, symbol: &str) -> Result<(), Unsupported> {
    about(out, "open_orders", cid, token, Some(symbol))
}

/// Appends the question for balances.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn asset(out: &mut Vec<u8>, cid: u64, token: &Secret) -> Result<(), Unsupported> {
    about(out, "asset", cid, token, None)
}

/// Appends the question for the positions in a symbol.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn position(out: &mut Vec<u8>, cid: u64, token: &Secret, symbol: &str) -> Result<(), Unsupported> {
    about(out, "position", cid, token, Some(symbol))
}

/// Appends the question for the rules of a symbol.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn symbol_info(out: &mut Vec<u8>, cid: u64, token: &Secret, symbol: &str) -> Result<(), Unsupported> {
    about(out, "symbol_info", cid, token, Some(symbol))
}

/// Appends a logout.
///
/// # Errors
/// [`What::Credential`]. Nothing is appended.
pub fn logout(out: &mut Vec<u8>, cid: u64, token: &Secret) -> Result<(), Unsupported> {
    about(out, "logout", cid, token, None)
}

/// Appends a heartbeat; its answer repeats the time.
pub fn ping(out: &mut Vec<u8>, unix_ms: i64) {
    let mut object = Object::new(out);
    object.text("op", "ping");
    object.number("ts", (unix_ms, 0));
    object.end();
}

fn about(out: &mut Vec<u8>, op: &str, cid: u64, token: &Secret, symbol: Option<&str>) -> Result<(), Unsupported> {
    let token = credential(token)?;
    let mut object = begin(out, op, cid);
    object.text("token", token);
    if let Some(symbol) = symbol {
        object.text("symbol", symbol);
    }
    object.end();
    Ok(())
}

fn begin<'o>(out: &'o mut Vec<u8>, op: &str, cid: u64) -> Object<'o> {
    let mut object = Object::new(out);
    object.text("op", op);
    object.whole_text("cid", cid);
    object
}
