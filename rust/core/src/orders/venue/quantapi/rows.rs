//! The objects inside its messages.

use super::super::read::{Read, Value, difference};
use super::words::{self, Filled};
use crate::num::Decimal;
use crate::orders::{
    BalanceReport, ExecutionReport, Liquidity, Offset, OrderReport, OrderStatus, PositionMore, PositionReport,
    RulesReport, Side, SideMore,
};
use crate::venue::DecodeErrorKind;

/// An order, of an answer (without a symbol) or of a notification.
pub(super) fn open_order(row: Value<'_>) -> Read<'_, OrderReport> {
    let [symbol, order_no, action, price, quantity, remain, status, order_type, ctime, utime] = row.object([
        "symbol",
        "order_no",
        "action",
        "price",
        "quantity",
        "remain",
        "status",
        "order_type",
        "ctime",
        "utime",
    ])?;
    let side = action.choice(words::ACTIONS)?;
    let (status, said): (OrderStatus, Filled) = status.need(|status| status.choice(words::STATUSES))?;
    let signed = quantity.decimal()?;
    // Without a sign it is spot, or the long side of a contract: the order itself does not say.
    let offset = match (side, signed.is_some_and(|quantity| quantity.coef < 0)) {
        (Some(Side::Buy), true) => Some(Offset::Close),
        (Some(Side::Sell), true) => Some(Offset::Open),
        _ => None,
    };
    let whole = quantity.magnitude()?;
    let filled = match (whole, remain.magnitude()?) {
        (Some(whole), Some(left)) => {
            let filled = difference(whole, left).ok_or_else(|| remain.fault(DecodeErrorKind::OutOfScale))?;
            if filled.coef < 0 {
                return Err(remain.fault(DecodeErrorKind::OutOfRange));
            }
            agreed(said, whole, filled)
        }
        _ => None,
    };
    Ok(OrderReport {
        venue_id: order_no.need(Value::id)?,
        client_id: Box::default(),
        symbol: symbol.word()?.unwrap_or_default(),
        side,
        offset,
        order_type: order_type.choice(words::ORDER_TYPES)?,
        status,
        price: price.unsigned()?,
        quantity: whole,
        filled,
        average_price: None,
        fee: None,
        created: ctime.millis()?,
        updated: utime.millis()?,
    })
}

/// What was filled, if the remainder and the status say the same. The gateway's own document shows an order that is `SUBMITTED` with
/// a remainder of 0: believing the remainder would invent a fill.
fn agreed(said: Filled, whole: Decimal, filled: Decimal) -> Option<Decimal> {
    let (nothing, all) = (filled.coef == 0, filled == whole);
    let agree = match said {
        Filled::Nothing => nothing,
        Filled::Part => !nothing && !all,
        Filled::NotAll => !all,
        Filled::All => all,
    };
    agree.then_some(filled)
}

/// A fill.
pub(super) fn fill(data: Value<'_>) -> Read<'_, ExecutionReport> {
    let [symbol, order_no, fill_no, price, quantity, side, liquidity, ctime] =
        data.object(["symbol", "order_no", "fill_no", "price", "quantity", "side", "liquidity", "ctime"])?;
    let words = &[("TAKER", Liquidity::Taker), ("MAKER", Liquidity::Maker)];
    let filled = quantity.need(Value::magnitude)?;
    if filled.coef == 0 {
        return Err(quantity.fault(DecodeErrorKind::OutOfRange));
    }
    Ok(ExecutionReport {
        venue_id: order_no.need(Value::id)?,
        execution_id: fill_no.need(Value::id)?,
        symbol: symbol.need(Value::word)?,
        side: side.choice(words::ACTIONS)?,
        price: price.need(Value::positive)?,
        quantity: filled,
        liquidity: liquidity.choice(words)?.unwrap_or(Liquidity::Unknown),
        fee: None,
        time: ctime.millis()?,
    })
}

/// A currency of `asset`.
pub(super) fn balance<'a>(currency: Value<'a>, data: Value<'a>) -> Read<'a, BalanceReport> {
    let [free, locked, total] = data.object(["free", "locked", "total"])?;
    Ok(BalanceReport {
        account: Box::default(),
        currency: currency.need(Value::word)?,
        free: free.need(Value::decimal)?,
        locked: locked.need(Value::decimal)?,
        total: total.need(Value::decimal)?,
    })
}

/// Both sides of a position, of an answer (without a symbol) or of a notification.
pub(super) fn holding(data: Value<'_>) -> Read<'_, PositionReport> {
    let [symbol, long, long_avail, long_price, short, short_avail, short_price, utime] = data.object([
        "symbol",
        "long_quantity",
        "long_avail_qty",
        "long_open_price",
        "short_quantity",
        "short_avail_qty",
        "short_open_price",
        "utime",
    ])?;
    let [mode, long_more @ ..] = data.object([
        "margin_mode",
        "long_hold_price",
        "long_liquid_price",
        "long_unrealised_pnl",
        "long_leverage",
        "long_margin",
    ])?;
    let short_more = data.object([
        "short_hold_price",
        "short_liquid_price",
        "short_unrealised_pnl",
        "short_leverage",
        "short_margin",
    ])?;
    if long.is_absent() && short.is_absent() {
        return Err(long.fault(DecodeErrorKind::MissingField));
    }
    Ok(PositionReport {
        symbol: symbol.word()?.unwrap_or_default(),
        long: one_side(long, long_avail, long_price, Value::unsigned)?,
        short: one_side(short, short_avail, short_price, Value::magnitude)?,
        more: PositionMore {
            margin_mode: mode.word()?.unwrap_or_default(),
            long: more(long, long_more),
            short: more(short, short_more),
        },
        updated: utime.millis()?,
    })
}

/// What else is said of a side that is told of.
fn more(quantity: Value<'_>, [hold, liquidation, unrealised, leverage, margin]: [Value<'_>; 5]) -> Option<SideMore> {
    (!quantity.is_absent()).then(|| SideMore {
        hold_price: hold.informal(),
        liquidation_price: liquidation.informal(),
        unrealised: unrealised.informal(),
        leverage: leverage.informal(),
        margin: margin.informal(),
    })
}

fn one_side<'a>(
    quantity: Value<'a>,
    avail: Value<'a>,
    price: Value<'a>,
    read: fn(Value<'a>) -> Read<'a, Option<Decimal>>,
) -> Read<'a, Option<(Decimal, Decimal, Decimal)>> {
    let Some(held) = read(quantity)? else { return Ok(None) };
    Ok(Some((held, avail.need(read)?, price.need(Value::unsigned)?)))
}

/// The answer to `symbol_info`; its `value_tick` is nothing we check orders against. A tick of zero says nothing.
pub(super) fn rules(data: Value<'_>) -> Read<'_, RulesReport> {
    let [price_tick, size_tick, size_limit, value_limit, base, quote, settle] = data.object([
        "price_tick",
        "size_tick",
        "size_limit",
        "value_limit",
        "base_currency",
        "quote_currency",
        "settlement_currency",
    ])?;
    let above_zero = |tick: Option<Decimal>| tick.filter(|tick| tick.coef > 0);
    Ok(RulesReport {
        symbol: Box::default(),
        product: None,
        price_tick: above_zero(price_tick.unsigned()?),
        size_tick: above_zero(size_tick.unsigned()?),
        min_size: size_limit.unsigned()?,
        min_price: None,
        min_notional: value_limit.unsigned()?,
        base: base.word()?,
        quote: quote.word()?,
        settle: settle.word()?,
    })
}
