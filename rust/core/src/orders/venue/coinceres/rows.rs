//! The rows of its lists, and the orders of its pushes.

use super::super::read::{Read, Value, difference};
use super::words;
use crate::num::Decimal;
use crate::orders::{
    BalanceReport, ExecutionReport, Liquidity, Offset, OrderReport, PositionMore, PositionReport, RulesReport, Side,
    SideMore,
};
use crate::venue::DecodeErrorKind;

/// The values of these keys; the text `null` stands for null.
pub(super) fn fields<'a, const N: usize>(object: Value<'a>, names: [&str; N]) -> Read<'a, [Value<'a>; N]> {
    Ok(object.object(names)?.map(Value::or_null_text))
}

/// A row of 15. The row says neither whether the order opens or closes nor of what type it is; the average price, the sum of the fees
/// and the time it was made are optional.
pub(super) fn order(row: Value<'_>, utc_offset_s: i32) -> Read<'_, OrderReport> {
    let [id, client_id, contract, side, price, quantity, average, filled, fee, status, time] = fields(
        row,
        [
            "system_oid",
            "client_oid",
            "contract",
            "entrust_bs",
            "entrust_price",
            "entrust_amount",
            "average_dealt_price",
            "dealt_amount",
            "commission",
            "status",
            "entrust_time",
        ],
    )?;
    let number = status.need(Value::integer)?;
    Ok(OrderReport {
        venue_id: id.need(Value::id)?,
        client_id: client_id.id()?.unwrap_or_default(),
        symbol: contract.word()?.unwrap_or_default(),
        side: side.choice_any_case(words::SIDES)?,
        offset: None,
        order_type: None,
        status: words::status(number).ok_or_else(|| status.fault(DecodeErrorKind::UnknownShape))?,
        price: price.unsigned()?,
        quantity: quantity.unsigned()?,
        filled: filled.unsigned()?,
        average_price: average.unsigned()?,
        fee: fee.decimal()?,
        created: time.local_time(utc_offset_s)?,
        updated: 0,
    })
}

/// The order of a push. It has no id of ours; `dealVol` is what was filled last, `totalDealVol` all that was.
pub(super) fn pushed_order(push: Value<'_>, utc_offset_s: i32) -> Read<'_, OrderReport> {
    let [id, contract, direction, kind, price, quantity, average, filled, status, time] = fields(
        push,
        [
            "entrustId",
            "contract",
            "entrustDir",
            "entrustType",
            "entrustPrice",
            "entrustVol",
            "avgDealPrice",
            "totalDealVol",
            "entrustStatus",
            "entrustTime",
        ],
    )?;
    let direction = direction.choice_any_case(words::DIRECTIONS)?;
    let (side, offset): (Option<Side>, Option<Offset>) = direction.unzip();
    Ok(OrderReport {
        venue_id: id.need(Value::id)?,
        client_id: Box::default(),
        symbol: contract.word()?.unwrap_or_default(),
        side,
        offset,
        // The document has no table of types: what we do not know is no reason to lose the change of an order.
        order_type: kind.choice_any_case(words::ORDER_TYPES).unwrap_or_default(),
        status: status.need(|status| status.choice(words::STATUSES))?,
        price: price.unsigned()?,
        quantity: quantity.unsigned()?,
        filled: filled.unsigned()?,
        average_price: average.unsigned()?,
        fee: None,
        created: time.local_time(utc_offset_s)?,
        updated: 0,
    })
}

/// A row of 17. The fee counts only with its currency.
pub(super) fn execution(row: Value<'_>, utc_offset_s: i32) -> Read<'_, ExecutionReport> {
    let [id, order, contract, side, quantity, price, time, fee, currency] = fields(
        row,
        [
            "system_tid",
            "system_oid",
            "contract",
            "entrust_bs",
            "dealt_amount",
            "dealt_price",
            "dealt_time",
            "commission",
            "commission_currency",
        ],
    )?;
    Ok(ExecutionReport {
        venue_id: order.need(Value::id)?,
        execution_id: id.need(Value::id)?,
        symbol: contract.word()?.unwrap_or_default(),
        side: side.choice_any_case(words::SIDES)?,
        price: price.need(Value::positive)?,
        quantity: quantity.need(Value::positive)?,
        liquidity: Liquidity::Unknown,
        fee: fee.decimal()?.zip(currency.word()?),
        time: time.local_time(utc_offset_s)?,
    })
}

/// A row of 14. `balance` is read as all there is and `frozen` as the part of it that is held, so that a doubt makes the free part
/// smaller, never larger; it is not below zero.
pub(super) fn balance(row: Value<'_>) -> Read<'_, BalanceReport> {
    let [kind, balance, currency, exchange, frozen] =
        fields(row, ["account_type", "balance", "currency", "exchange", "frozen"])?;
    let number = kind.need(Value::integer)?;
    let (name, at_exchange) = words::account(number).ok_or_else(|| kind.fault(DecodeErrorKind::UnknownShape))?;
    let mut account = name.to_owned();
    // Elsewhere it means nothing, so it may be anything.
    if at_exchange && let Some(exchange) = exchange.word()? {
        account.push(':');
        account.push_str(&exchange);
    }
    let total = balance.need(Value::decimal)?;
    let locked = frozen.unsigned()?.unwrap_or_default();
    let free = difference(total, locked).ok_or_else(|| balance.fault(DecodeErrorKind::OutOfScale))?;
    Ok(BalanceReport {
        account: account.into(),
        currency: currency.need(Value::word)?,
        free: if free.coef < 0 { Decimal::default() } else { free },
        locked,
        total,
    })
}

/// A row of 16, one side of one contract. The venue does not say what of it may be closed: all of it, as far as this row knows.
pub(super) fn position(row: Value<'_>) -> Read<'_, PositionReport> {
    let [contract, side, quantity, price, lever, margin, force, profit] = fields(
        row,
        ["contract", "position_dir", "vol", "open_price", "lever", "margin", "force_price", "position_profit"],
    )?;
    let quantity = quantity.need(Value::magnitude)?;
    let price = price.need(Value::unsigned)?;
    let held = Some((quantity, quantity, price));
    let more = Some(SideMore {
        hold_price: price,
        liquidation_price: force.informal(),
        unrealised: profit.informal(),
        leverage: lever.informal(),
        margin: margin.informal(),
    });
    let side = side.need(|side| side.choice_any_case(words::POSITIONS))?;
    Ok(PositionReport {
        symbol: contract.need(Value::word)?,
        long: if side == Side::Buy { held } else { None },
        short: if side == Side::Sell { held } else { None },
        more: PositionMore {
            margin_mode: "".into(),
            long: if side == Side::Buy { more } else { None },
            short: if side == Side::Sell { more } else { None },
        },
        updated: 0,
    })
}

/// A row of 13. A tick of zero says nothing.
pub(super) fn rules(row: Value<'_>) -> Read<'_, RulesReport> {
    let [contract, kind, tick, step, min_price, min_size] =
        fields(row, ["contract", "kind", "tick_size", "volume_increment", "min_price", "min_volume"])?;
    let above_zero = |tick: Option<Decimal>| tick.filter(|tick| tick.coef > 0);
    Ok(RulesReport {
        symbol: contract.need(Value::word)?,
        product: kind.integer()?.and_then(words::product),
        price_tick: above_zero(tick.unsigned()?),
        size_tick: above_zero(step.unsigned()?),
        min_size: min_size.unsigned()?,
        min_price: min_price.unsigned()?,
        min_notional: None,
        base: None,
        quote: None,
        settle: None,
    })
}
