//! What clients are told: answers, notifications, states. Numbers are JSON numbers with all their digits.

use super::request::Op;
use crate::clock::Nanos;
use crate::num::{Decimal, fmt_scaled};
use crate::orders::ledger::{Order, Position};
use crate::orders::state::OrderState;
use crate::orders::venue::write::{Object, whole};
use crate::orders::{Liquidity, MONEY_SCALE, Offset, OrderType, PositionReport, Product, Rules, Side, Unit};
use foldhash::{HashMap, HashMapExt as _};
use std::collections::BTreeMap;

const NANOS_IN_MILLI: i64 = 1_000_000;

/// Appends an answer; `more` is the operation's own fields, each with its comma in front.
pub(super) fn answer(out: &mut Vec<u8>, op: Op, cid: &[u8], refusal: Option<&str>, more: &[u8]) {
    let mut object = Object::new(out);
    object.text("op", op.name());
    object.spelled("cid", cid);
    object.boolean("result", refusal.is_none());
    object.text("error_message", refusal.unwrap_or(""));
    out.extend_from_slice(more);
    out.push(b'}');
}

/// Appends an `error`.
pub(super) fn error(out: &mut Vec<u8>, why: &str) {
    let mut object = Object::new(out);
    object.text("op", "error");
    object.text("error_message", why);
    object.end();
}

/// Appends a `pong`.
pub(super) fn pong(out: &mut Vec<u8>, time: &[u8]) {
    let mut object = Object::new(out);
    object.text("op", "pong");
    object.raw("ts", time);
    object.end();
}

/// Appends a `state`.
pub(super) fn state(out: &mut Vec<u8>, token: &[u8], code: u8, message: &str) {
    let mut object = Object::new(out);
    object.text("op", "state");
    object.spelled("token", token);
    object.whole("code", code.into());
    object.text("msg", message);
    object.end();
}

/// Appends a `notify` about this data, which is JSON already.
pub(super) fn notify(out: &mut Vec<u8>, topic: &str, token: &[u8], data: &[u8], dropped: u64) {
    let mut object = Object::new(out);
    object.text("op", "notify");
    object.text("topic", topic);
    object.spelled("token", token);
    object.raw("data", data);
    if dropped > 0 {
        object.whole("dropped", dropped);
    }
    object.end();
}

/// One word for where an order stands, as the protocol has it.
pub(super) const fn status(state: OrderState, filled: i64) -> &'static str {
    match state {
        // a fill may be told before the venue's answer
        OrderState::PendingNew if filled > 0 => "PARTIAL-FILLED",
        OrderState::PendingNew | OrderState::Unknown => "NONE",
        OrderState::Working | OrderState::PendingCancel | OrderState::PendingReplace if filled == 0 => "SUBMITTED",
        OrderState::Working | OrderState::PendingCancel | OrderState::PendingReplace => "PARTIAL-FILLED",
        OrderState::Filled => "FILLED",
        OrderState::Cancelled | OrderState::Closed => "CANCELED",
        OrderState::Rejected | OrderState::Expired | OrderState::Absent => "FAILED",
    }
}

/// −1 for what changes a short position, else 1.
pub(super) const fn sign(side: Side, offset: Offset) -> i64 {
    match (side, offset) {
        (Side::Sell, Offset::Open) | (Side::Buy, Offset::Close) => -1,
        _ => 1,
    }
}

const fn action(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Where an order stood at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) state: OrderState,
    pub(super) filled: i64,
    pub(super) time: Nanos,
}

/// Appends an order; with its symbol in a notification, without in a list.
pub(super) fn order(out: &mut Vec<u8>, symbol: Option<&str>, order: &Order, rules: &Rules, at: Moment) {
    let placed = &order.placed;
    let factor = sign(placed.side, placed.offset);
    // an order in money says how much money
    let scale =
        if placed.unit == Unit::Quote { rules.price_scale.saturating_add(rules.size_scale) } else { rules.size_scale };
    let filled = if placed.unit == Unit::Quote { 0 } else { at.filled };
    let left = placed.quantity.saturating_sub(filled).max(0);
    let left = if at.state == OrderState::Filled { 0 } else { left };
    let mut object = Object::new(out);
    if let Some(symbol) = symbol {
        object.text("symbol", symbol);
    }
    object.whole_text("order_no", placed.id);
    object.text("action", action(placed.side));
    object.number("price", (placed.price, rules.price_scale));
    object.number("quantity", (factor.saturating_mul(placed.quantity), scale));
    object.number("remain", (factor.saturating_mul(left), scale));
    object.text("status", status(at.state, at.filled));
    object.text(
        "order_type",
        match placed.order_type {
            OrderType::Limit => "LIMIT",
            OrderType::Market => "MARKET",
            OrderType::Ioc => "IOC",
        },
    );
    object.number("ctime", (millis(order.created), 0));
    object.number("utime", (millis(at.time), 0));
    object.end();
}

/// A fill of an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filled<'a> {
    pub(super) number: &'a str,
    pub(super) price: i64,
    pub(super) quantity: i64,
    pub(super) liquidity: Liquidity,
    pub(super) time: Nanos,
}

/// Appends a fill.
pub(super) fn fill(out: &mut Vec<u8>, symbol: &str, order: &Order, rules: &Rules, fill: &Filled<'_>) {
    let placed = &order.placed;
    let quantity = sign(placed.side, placed.offset).saturating_mul(fill.quantity);
    let mut object = Object::new(out);
    object.text("symbol", symbol);
    object.whole_text("order_no", placed.id);
    object.text("fill_no", fill.number);
    object.number("price", (fill.price, rules.price_scale));
    object.number("quantity", (quantity, rules.size_scale));
    object.text("side", action(placed.side));
    object.text("liquidity", if fill.liquidity == Liquidity::Maker { "MAKER" } else { "TAKER" });
    object.number("ctime", (millis(fill.time), 0));
    object.end();
}

/// Appends balances. An account's name stays in front of a currency only where it takes that to tell two apart.
pub(super) fn assets(out: &mut Vec<u8>, balances: &BTreeMap<Box<str>, [i128; 3]>) {
    fn currency(name: &str) -> &str {
        name.rsplit_once(':').map_or(name, |(_, currency)| currency)
    }
    let mut object = Object::new(out);
    let mut accounts = HashMap::<&str, u32>::with_capacity(balances.len());
    for name in balances.keys() {
        let known = accounts.entry(currency(name)).or_default();
        *known = known.saturating_add(1);
    }
    for (name, [free, locked, total]) in balances {
        let alone = accounts.get(currency(name)) == Some(&1);
        // a currency is a venue's word, so it is written as any text
        let out = object.member(if alone { currency(name) } else { name });
        let mut amounts = Object::new(out);
        money(amounts.value("free"), *free);
        money(amounts.value("locked"), *locked);
        money(amounts.value("total"), *total);
        amounts.end();
    }
    object.end();
}

/// Appends a position: how much by our fills, the rest as the venue said last.
pub(super) fn position(
    out: &mut Vec<u8>,
    symbol: Option<&str>,
    rules: &Rules,
    held: Position,
    told: Option<&PositionReport>,
    now: Nanos,
) {
    let mut object = Object::new(out);
    if let Some(symbol) = symbol {
        object.text("symbol", symbol);
    }
    let margin = told.map_or("", |told| &told.more.margin_mode);
    object.text("margin_mode", if margin.is_empty() { "crossed" } else { margin });
    // of spot there are no positions: what is held is on the account
    let contract = rules.product == Product::Contract;
    let sides = [
        (LONG, held.long, told.and_then(|told| told.long), told.and_then(|told| told.more.long)),
        (SHORT, held.short, told.and_then(|told| told.short), told.and_then(|told| told.more.short)),
    ];
    for ([quantity, available, open, hold, liquid, unrealised, leverage, margin], held, told, more) in sides {
        let held = if contract { held } else { 0 };
        let (free, price) = told.map_or((None, Decimal::default()), |(_, free, price)| (Some(free), price));
        let free = free.map_or(held, |free| at_money(free).min(held));
        let more = more.unwrap_or_default();
        money(object.value(quantity), held);
        money(object.value(available), free);
        decimal(object.value(open), price);
        decimal(object.value(hold), more.hold_price);
        decimal(object.value(liquid), more.liquidation_price);
        decimal(object.value(unrealised), more.unrealised);
        decimal(object.value(leverage), more.leverage);
        decimal(object.value(margin), more.margin);
    }
    let updated = told.map_or(0, |told| told.updated);
    object.number("utime", (millis(if updated == 0 { now } else { updated }), 0));
    object.end();
}

const LONG: [&str; 8] = [
    "long_quantity",
    "long_avail_qty",
    "long_open_price",
    "long_hold_price",
    "long_liquid_price",
    "long_unrealised_pnl",
    "long_leverage",
    "long_margin",
];
const SHORT: [&str; 8] = [
    "short_quantity",
    "short_avail_qty",
    "short_open_price",
    "short_hold_price",
    "short_liquid_price",
    "short_unrealised_pnl",
    "short_leverage",
    "short_margin",
];

/// Appends an instrument's rules.
pub(super) fn rules(out: &mut Vec<u8>, rules: &Rules) {
    let both = rules.price_scale.saturating_add(rules.size_scale);
    let step = i128::from(rules.tick).saturating_mul(rules.lot.into());
    let mut object = Object::new(out);
    object.number("price_tick", (rules.tick, rules.price_scale));
    object.number("size_tick", (rules.lot, rules.size_scale));
    object.number("size_limit", (rules.min_size, rules.size_scale));
    money(object.value("value_tick"), scaled_up(step, both));
    money(object.value("value_limit"), scaled_up(rules.min_notional, both));
    object.text("base_currency", &rules.base);
    object.text("quote_currency", &rules.quote);
    object.text("settlement_currency", &rules.settle);
    object.end();
}

/// Appends one row of a cancel's answer.
pub(super) fn cancelled(out: &mut Vec<u8>, order_no: &str, refusal: Option<&str>) {
    let mut object = Object::new(out);
    object.boolean("result", refusal.is_none());
    object.text("error_message", refusal.unwrap_or(""));
    object.text("order_no", order_no);
    object.end();
}

pub(super) const fn millis(time: Nanos) -> i64 {
    time.div_euclid(NANOS_IN_MILLI)
}

fn decimal(out: &mut Vec<u8>, value: Decimal) {
    fmt_scaled(value.coef, value.scale, out);
}

fn at_money(value: Decimal) -> i128 {
    scaled_up(value.coef.into(), value.scale)
}

fn scaled_up(value: i128, scale: u8) -> i128 {
    value.saturating_mul(10_i128.saturating_pow(MONEY_SCALE.saturating_sub(scale).into()))
}

/// Appends an amount at [`MONEY_SCALE`], without trailing zeros.
pub(super) fn money(out: &mut Vec<u8>, amount: i128) {
    let unit = 10_i128.pow(MONEY_SCALE.into()).unsigned_abs();
    let size = amount.unsigned_abs();
    let (above, below) = (size.checked_div(unit).unwrap_or(0), size.checked_rem(unit).unwrap_or(0));
    if amount < 0 {
        out.push(b'-');
    }
    match u64::try_from(above) {
        Ok(above) => whole(out, above),
        Err(_) => out.extend_from_slice(above.to_string().as_bytes()),
    }
    if below > 0 {
        let digits = format!(".{below:0width$}", width = usize::from(MONEY_SCALE));
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_all_their_digits() {
        let one = 10_i128.pow(18);
        for (amount, expected) in [
            (0, "0"),
            (one, "1"),
            (-one / 4, "-0.25"),
            (1, "0.000000000000000001"),
            (12 * one + 7 * one / 10, "12.7"),
            (i128::from(u64::MAX) * one * 3, "55340232221128654845"),
        ] {
            let mut out = Vec::new();
            money(&mut out, amount);
            assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn accounts_are_named_only_where_that_tells_them_apart() {
        let one = 10_i128.pow(18);
        let amounts = [one, 0, one];
        let all: BTreeMap<Box<str>, [i128; 3]> =
            [("spot:ETH", amounts), ("spot:USDT", amounts), ("contract:USDT", amounts)]
                .into_iter()
                .map(|(name, amounts)| (name.into(), amounts))
                .collect();
        let mut out = Vec::new();
        assets(&mut out, &all);
        let row = r#"{"free":1,"locked":0,"total":1}"#;
        let expected = format!(r#"{{"contract:USDT":{row},"ETH":{row},"spot:USDT":{row}}}"#);
        assert_eq!(String::from_utf8(out), Ok(expected));
    }
}
