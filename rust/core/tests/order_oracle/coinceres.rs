//! `CoinCeres`.

use super::{
    REFUSED, Read, choice, decimal, difference, id, integer, json, list, magnitude, needed, positive, prose, refusal,
    unsigned, word,
};
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::{
    BalanceReport, ExecutionReport, Liquidity, Offset, OrderReport, OrderStatus, OrderType, PositionMore,
    PositionReport, Product, Refusal, RefusalKind, Report, RequestKey, RulesReport, Side, SideMore,
};
use serde_json::Value;

/// What a message says.
///
/// # Errors
/// [`super::Doubt`].
pub(crate) fn read(text: &[u8], offset: i32) -> Read<Vec<Report>> {
    let json_like = text.iter().find(|byte| !byte.is_ascii_whitespace()).is_none_or(|byte| b"{[".contains(byte));
    if !json_like {
        let good = text.len() <= 256 && std::str::from_utf8(text).is_ok() && !text.contains(&b'{');
        return if good { Ok(vec![Report::Pong(None)]) } else { Err(REFUSED) };
    }
    let message = json(text)?;
    let (code, words) = (of(&message, "code")?, of(&message, "message")?);
    if let Some(kind) = integer(of(&message, "biz_type")?)? {
        let why = prose(code)?;
        let good = integer(code).is_ok_and(|code| code == Some(200));
        if why.is_empty() {
            return Err(REFUSED);
        }
        let why = if good { None } else { Some(refusal(RefusalKind::Other, &why, prose(words)?)) };
        return Ok(vec![answer(kind, why, of(&message, "data")?, offset)?]);
    }
    match integer(of(&message, "messageType")?)? {
        Some(1) => {
            let data = of(&message, "data")?;
            Ok(vec![Report::Order(push(if data.is_object() { data } else { &message }, offset)?)])
        }
        Some(2) => Ok(vec![]),
        None if !code.is_null() && !prose(code)?.is_empty() && !integer(code).is_ok_and(|code| code == Some(200)) => {
            Ok(vec![Report::Misunderstood { message: prose(words)? }])
        }
        _ => Err(REFUSED),
    }
}

fn of<'v>(value: &'v Value, name: &str) -> Read<&'v Value> {
    super::member(value, name, true)
}

fn answer(kind: i64, why: Option<Refusal>, data: &Value, offset: i32) -> Read<Report> {
    let request = RequestKey::Kind(u8::try_from(kind).map_err(|_| REFUSED)?);
    Ok(match (kind, why) {
        (11, None) => Report::Accepted {
            request,
            venue_id: needed(id(of(data, "system_oid")?)?)?,
            client_id: id(of(data, "client_oid")?)?.unwrap_or_default(),
        },
        (11, Some(refusal)) => {
            let client_id = if data.is_object() { id(of(data, "client_oid")?)?.unwrap_or_default() } else { "".into() };
            Report::Refused { request, client_id, refusal }
        }
        (12, why) => {
            let (good, bad) = if data.is_object() || why.is_none() {
                (of(data, "SUCCESS")?, of(data, "ERROR")?)
            } else {
                (&Value::Null, &Value::Null)
            };
            match (good, bad, why) {
                (Value::Null, Value::Null, None) => return Err(REFUSED),
                (Value::Null, Value::Null, Some(refusal)) => Report::RequestRefused { request, refusal },
                (good, bad, why) => {
                    let why = why.unwrap_or_else(|| refusal(RefusalKind::Other, "", "".into()));
                    let ids = |rows: &Value| match rows {
                        Value::Null => Ok(vec![]),
                        rows => list(rows, |row| needed(id(of(row, "system_oid")?)?)),
                    };
                    let mut orders: Vec<_> = ids(good)?.into_iter().map(|id| (id, None)).collect();
                    orders.extend(ids(bad)?.into_iter().map(|id| (id, Some(why.clone()))));
                    Report::CancelAnswer { request, orders }
                }
            }
        }
        (13..=17, Some(refusal)) => Report::RequestRefused { request, refusal },
        (13, None) => Report::Rules { request, rules: list(data, rules)? },
        (14, None) => Report::Balances { request, balances: list(data, balance)? },
        (15, None) => Report::Orders { request, orders: list(data, |row| order(row, offset))? },
        (16, None) => Report::Positions { request, positions: list(data, position)? },
        (17, None) => Report::Executions { request, executions: list(data, |row| execution(row, offset))? },
        _ => return Err(REFUSED),
    })
}

/// Seconds by counting days in eras of 400 years from March on.
fn time(value: &Value, offset: i32) -> Read<i64> {
    let text = match value {
        Value::Null => return Ok(0),
        Value::String(text) => text.as_bytes(),
        _ => return Err(REFUSED),
    };
    let shape = b"0000-00-00 00:00:00";
    let fits = |(found, model): (&u8, &u8)| if *model == b'0' { found.is_ascii_digit() } else { found == model };
    if text.len() != shape.len() || !text.iter().zip(shape).all(fits) {
        return Err(REFUSED);
    }
    let number = |from: usize, to: usize| -> i64 { std::str::from_utf8(&text[from..to]).unwrap().parse().unwrap() };
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
    if !(1..=12).contains(&month) || hour > 23 || minute > 59 || second > 59 || day < 1 {
        return Err(REFUSED);
    }
    let days = |year: i64, month: i64, day: i64| {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    };
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    if day > days(next.0, next.1, 1) - days(year, month, 1) {
        return Err(REFUSED);
    }
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - i64::from(offset);
    needed(seconds.checked_mul(1_000_000_000).filter(|nanos| *nanos >= 0))
}

fn lower<T: Copy>(value: &Value, words: &[(&str, T)]) -> Read<Option<T>> {
    match value {
        Value::String(text) => choice(&Value::String(text.to_ascii_lowercase()), words),
        other => choice(other, words),
    }
}

const SIDES: &[(&str, Side)] = &[("buy", Side::Buy), ("sell", Side::Sell)];

fn order(row: &Value, offset: i32) -> Read<OrderReport> {
    let status = match needed(integer(of(row, "status")?)?)? {
        1 | 2 => OrderStatus::Pending,
        3 | 4 => OrderStatus::Working,
        5 => OrderStatus::Filled,
        6 => OrderStatus::Rejected,
        11 | 14 | 15 => OrderStatus::Cancelled,
        12 | 13 => OrderStatus::Cancelling,
        _ => return Err(REFUSED),
    };
    Ok(OrderReport {
        venue_id: needed(id(of(row, "system_oid")?)?)?,
        client_id: id(of(row, "client_oid")?)?.unwrap_or_default(),
        symbol: word(of(row, "contract")?)?.unwrap_or_default(),
        side: lower(of(row, "entrust_bs")?, SIDES)?,
        offset: None,
        order_type: None,
        status,
        price: unsigned(of(row, "entrust_price")?)?,
        quantity: unsigned(of(row, "entrust_amount")?)?,
        filled: unsigned(of(row, "dealt_amount")?)?,
        average_price: unsigned(of(row, "average_dealt_price")?)?,
        fee: decimal(of(row, "commission")?)?,
        created: time(of(row, "entrust_time")?, offset)?,
        updated: 0,
    })
}

fn push(row: &Value, offset: i32) -> Read<OrderReport> {
    let direction = lower(
        of(row, "entrustDir")?,
        &[
            ("buy", (Side::Buy, Offset::Net)),
            ("sell", (Side::Sell, Offset::Net)),
            ("open_buy", (Side::Buy, Offset::Open)),
            ("open_sell", (Side::Sell, Offset::Open)),
            ("close_buy", (Side::Buy, Offset::Close)),
            ("close_sell", (Side::Sell, Offset::Close)),
        ],
    )?;
    let status = match needed(of(row, "entrustStatus")?.as_str())? {
        "NO_REPORT" | "SUBMITTING" => OrderStatus::Pending,
        "SUBMITTED" | "PART_FILLED" => OrderStatus::Working,
        "FILLED" => OrderStatus::Filled,
        "FAILURE" => OrderStatus::Rejected,
        "CANCELING" | "PENDING" => OrderStatus::Cancelling,
        "CANCEL" | "PART_CANCELED" | "CANCELED" => OrderStatus::Cancelled,
        _ => return Err(REFUSED),
    };
    let types = &[("limit", OrderType::Limit), ("market", OrderType::Market)];
    Ok(OrderReport {
        venue_id: needed(id(of(row, "entrustId")?)?)?,
        client_id: "".into(),
        symbol: word(of(row, "contract")?)?.unwrap_or_default(),
        side: direction.map(|(side, _)| side),
        offset: direction.map(|(_, offset)| offset),
        order_type: lower(of(row, "entrustType")?, types).unwrap_or(None),
        status,
        price: unsigned(of(row, "entrustPrice")?)?,
        quantity: unsigned(of(row, "entrustVol")?)?,
        filled: unsigned(of(row, "totalDealVol")?)?,
        average_price: unsigned(of(row, "avgDealPrice")?)?,
        fee: None,
        created: time(of(row, "entrustTime")?, offset)?,
        updated: 0,
    })
}

fn execution(row: &Value, offset: i32) -> Read<ExecutionReport> {
    let (fee, currency) = (decimal(of(row, "commission")?)?, word(of(row, "commission_currency")?)?);
    Ok(ExecutionReport {
        venue_id: needed(id(of(row, "system_oid")?)?)?,
        execution_id: needed(id(of(row, "system_tid")?)?)?,
        symbol: word(of(row, "contract")?)?.unwrap_or_default(),
        side: lower(of(row, "entrust_bs")?, SIDES)?,
        price: positive(of(row, "dealt_price")?)?,
        quantity: positive(of(row, "dealt_amount")?)?,
        liquidity: Liquidity::Unknown,
        fee: fee.zip(currency),
        time: time(of(row, "dealt_time")?, offset)?,
    })
}

fn balance(row: &Value) -> Read<BalanceReport> {
    let (exchange, kind) = (of(row, "exchange")?, needed(integer(of(row, "account_type")?)?)?);
    let at = |name: &str| -> Read<String> {
        Ok(word(exchange)?.map_or_else(|| name.to_owned(), |exchange| format!("{name}:{exchange}")))
    };
    let account = match kind {
        1 => "collect".to_owned(),
        2 => "settle".to_owned(),
        3 => at("spot")?,
        4 => at("contract")?,
        _ => return Err(REFUSED),
    };
    let total = needed(decimal(of(row, "balance")?)?)?;
    let locked = unsigned(of(row, "frozen")?)?.unwrap_or_default();
    let free = difference(total, locked)?;
    Ok(BalanceReport {
        account: account.into(),
        currency: needed(word(of(row, "currency")?)?)?,
        free: if free.coef < 0 { Decimal::default() } else { free },
        locked,
        total,
    })
}

fn position(row: &Value) -> Read<PositionReport> {
    let quantity = needed(magnitude(of(row, "vol")?)?)?;
    let held = Some((quantity, quantity, needed(unsigned(of(row, "open_price")?)?)?));
    let words = &[("buy", true), ("long", true), ("sell", false), ("short", false)];
    let long = needed(lower(of(row, "position_dir")?, words)?)?;
    let symbol = needed(word(of(row, "contract")?)?)?;
    let told = |name| decimal(of(row, name).ok()?).ok().flatten();
    let more = Some(SideMore {
        hold_price: needed(held)?.2,
        liquidation_price: told("force_price").unwrap_or_default(),
        unrealised: told("position_profit").unwrap_or_default(),
        leverage: told("lever").unwrap_or_default(),
        margin: told("margin").unwrap_or_default(),
    });
    let more = PositionMore { margin_mode: "".into(), long: more.filter(|_| long), short: more.filter(|_| !long) };
    Ok(PositionReport { symbol, long: held.filter(|_| long), short: held.filter(|_| !long), more, updated: 0 })
}

fn rules(row: &Value) -> Read<RulesReport> {
    let tick = |name| -> Read<Option<Decimal>> { Ok(unsigned(of(row, name)?)?.filter(|tick| tick.coef != 0)) };
    Ok(RulesReport {
        symbol: needed(word(of(row, "contract")?)?)?,
        product: match integer(of(row, "kind")?)? {
            Some(1 | 3) => Some(Product::Contract),
            Some(4) => Some(Product::Spot),
            _ => None,
        },
        price_tick: tick("tick_size")?,
        size_tick: tick("volume_increment")?,
        min_size: unsigned(of(row, "min_volume")?)?,
        min_price: unsigned(of(row, "min_price")?)?,
        min_notional: None,
        base: None,
        quote: None,
        settle: None,
    })
}
