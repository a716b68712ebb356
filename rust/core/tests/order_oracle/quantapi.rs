//! quantapi.

use super::{
    Doubt, REFUSED, Read, choice, decimal, difference, id, integer, json, list, magnitude, needed, positive, prose,
    refusal, unsigned, word,
};
use ferrofeed_core::json::Scanner;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::{
    BalanceReport, ExecutionReport, Gateway, Liquidity, Offset, OrderReport, OrderStatus, OrderType, PositionMore,
    PositionReport, Refusal, RefusalKind, Report, RequestKey, RulesReport, Side, SideMore,
};
use ferrofeed_core::sign::Secret;
use serde_json::Value;

/// What a message says.
///
/// # Errors
/// [`Doubt`].
pub(crate) fn read(text: &[u8]) -> Read<Vec<Report>> {
    let message = json(text)?;
    let op = needed(of(&message, "op")?.as_str())?;
    let (data, token) = (of(&message, "data")?, of(&message, "token")?);
    let topic = if op == "notify" { needed(of(&message, "topic")?.as_str())? } else { "" };
    if (op == "asset" || topic == "asset") && data.is_object() && equal_keys(text) {
        return Err(Doubt::Unsure);
    }
    if op == "pong" {
        return Ok(vec![Report::Pong(integer(of(&message, "ts")?)?)]);
    }
    let mut reports = Vec::new();
    match op {
        "login" => {}
        "notify" | "state" => reports.push(Report::Token(needed(secret(token)?)?)),
        _ => reports.extend(secret(token)?.map(Report::Token)),
    }
    reports.push(match op {
        "notify" => notice(topic, data)?,
        "state" => {
            const STATES: [Gateway; 7] = [
                Gateway::ParameterMissing,
                Gateway::Connected,
                Gateway::ConnectFailed,
                Gateway::Disconnected,
                Gateway::Reconnecting,
                Gateway::Ready,
                Gateway::GeneralError,
            ];
            let code = usize::try_from(needed(integer(of(&message, "code")?)?)?).map_err(|_| REFUSED)?;
            let state = *needed(code.checked_sub(1).and_then(|at| STATES.get(at)))?;
            Report::Gateway { state, message: prose(of(&message, "msg")?)? }
        }
        "error" => Report::Misunderstood { message: prose(of(&message, "error_message")?)? },
        op => answer(op, &message, data, token)?,
    });
    Ok(reports)
}

fn of<'v>(value: &'v Value, name: &str) -> Read<&'v Value> {
    super::member(value, name, false)
}

/// Whether any object in the text has a key twice.
fn equal_keys(text: &[u8]) -> bool {
    fn walk(text: &[u8]) -> bool {
        let mut scanner = Scanner::new(text);
        let mut seen = Vec::new();
        let mut inside = Vec::new();
        if scanner.enter_object().is_err() {
            return false;
        }
        while let Ok(Some(key)) = scanner.next_key() {
            let mut name = Vec::new();
            key.unescape(&mut name);
            if seen.contains(&name) {
                return true;
            }
            seen.push(name);
            inside.push(scanner.skip().unwrap_or_default());
        }
        inside.into_iter().any(walk)
    }
    walk(text)
}

fn secret(value: &Value) -> Read<Option<Secret>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.len() > 1_024 => Err(REFUSED),
        Value::String(text) => Ok((!text.is_empty()).then(|| Secret::from(text.as_str()))),
        _ => Err(REFUSED),
    }
}

fn refused(value: &Value) -> Read<Refusal> {
    let message = prose(of(value, "error_message")?)?;
    let kind = match &*message {
        "Invalid token" => RefusalKind::NotLoggedIn,
        "Do not log in repeat" => RefusalKind::LoginRepeated,
        _ => RefusalKind::Other,
    };
    Ok(refusal(kind, "", message))
}

fn answer(op: &str, message: &Value, data: &Value, token: &Value) -> Read<Report> {
    let known = ["login", "place_order", "cancel_order", "open_orders", "asset", "position", "symbol_info", "logout"];
    if !known.contains(&op) {
        return Err(REFUSED);
    }
    let cid = match of(message, "cid")? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    // Ours are what a number prints as.
    let request = match cid.parse::<u64>() {
        Ok(number) if number.to_string() == cid => RequestKey::Number(number),
        _ => RequestKey::None,
    };
    let good = needed(of(message, "result")?.as_bool())?;
    if op == "cancel_order" && (good || data.is_array()) {
        let orders = list(data, |row| {
            let good = needed(of(row, "result")?.as_bool())?;
            let id = needed(id(of(row, "order_no")?)?)?;
            Ok((id, if good { None } else { Some(refused(row)?) }))
        })?;
        return Ok(Report::CancelAnswer { request, orders });
    }
    if !good {
        let refusal = refused(message)?;
        return Ok(match op {
            "place_order" => Report::Refused { request, client_id: "".into(), refusal },
            _ => Report::RequestRefused { request, refusal },
        });
    }
    Ok(match op {
        "login" => Report::LoggedIn { request, token: needed(secret(token)?)? },
        "logout" => Report::LoggedOut { request },
        "place_order" => {
            Report::Accepted { request, client_id: "".into(), venue_id: needed(id(of(message, "order_no")?)?)? }
        }
        "open_orders" => Report::Orders { request, orders: list(data, order)? },
        "asset" => Report::Balances { request, balances: balances(data)? },
        "position" => Report::Positions { request, positions: vec![position(data)?] },
        _ => Report::Rules { request, rules: vec![rules(data)?] },
    })
}

fn notice(topic: &str, data: &Value) -> Read<Report> {
    let request = RequestKey::None;
    Ok(match topic {
        "order" => Report::Order(order(data)?),
        "fill" => Report::Execution(fill(data)?),
        "position" => Report::Positions { request, positions: vec![position(data)?] },
        "asset" => Report::Balances { request, balances: balances(data)? },
        _ => return Err(REFUSED),
    })
}

fn millis(value: &Value) -> Read<i64> {
    let Some(number) = integer(value)? else { return Ok(0) };
    needed(number.checked_mul(1_000_000).filter(|nanos| *nanos >= 0))
}

const ACTIONS: &[(&str, Side)] = &[("BUY", Side::Buy), ("SELL", Side::Sell)];

fn order(data: &Value) -> Read<OrderReport> {
    let side = choice(of(data, "action")?, ACTIONS)?;
    let said = needed(of(data, "status")?.as_str())?;
    let status = match said {
        "NONE" => OrderStatus::Pending,
        "SUBMITTED" | "PARTIAL-FILLED" => OrderStatus::Working,
        "FILLED" => OrderStatus::Filled,
        "CANCELED" => OrderStatus::Cancelled,
        "FAILED" => OrderStatus::Rejected,
        _ => return Err(REFUSED),
    };
    let short = decimal(of(data, "quantity")?)?.is_some_and(|quantity| quantity.coef < 0);
    let (quantity, remain) = (magnitude(of(data, "quantity")?)?, magnitude(of(data, "remain")?)?);
    let mut filled = None;
    if let (Some(quantity), Some(remain)) = (quantity, remain) {
        let part = difference(quantity, remain)?;
        if part.coef < 0 {
            return Err(REFUSED);
        }
        let believable = match said {
            "PARTIAL-FILLED" => part.coef > 0 && remain.coef > 0,
            "FILLED" => remain.coef == 0,
            "CANCELED" => remain.coef > 0,
            _ => part.coef == 0,
        };
        filled = Some(part).filter(|_| believable);
    }
    let types = &[("LIMIT", OrderType::Limit), ("MARKET", OrderType::Market), ("IOC", OrderType::Ioc)];
    Ok(OrderReport {
        venue_id: needed(id(of(data, "order_no")?)?)?,
        client_id: "".into(),
        symbol: word(of(data, "symbol")?)?.unwrap_or_default(),
        side,
        offset: side.filter(|_| short).map(|side| if side == Side::Buy { Offset::Close } else { Offset::Open }),
        order_type: choice(of(data, "order_type")?, types)?,
        status,
        price: unsigned(of(data, "price")?)?,
        quantity,
        filled,
        average_price: None,
        fee: None,
        created: millis(of(data, "ctime")?)?,
        updated: millis(of(data, "utime")?)?,
    })
}

fn fill(data: &Value) -> Read<ExecutionReport> {
    let quantity = needed(magnitude(of(data, "quantity")?)?)?;
    if quantity.coef == 0 {
        return Err(REFUSED);
    }
    let liquidity = choice(of(data, "liquidity")?, &[("TAKER", Liquidity::Taker), ("MAKER", Liquidity::Maker)])?;
    Ok(ExecutionReport {
        venue_id: needed(id(of(data, "order_no")?)?)?,
        execution_id: needed(id(of(data, "fill_no")?)?)?,
        symbol: needed(word(of(data, "symbol")?)?)?,
        side: choice(of(data, "side")?, ACTIONS)?,
        price: positive(of(data, "price")?)?,
        quantity,
        liquidity: liquidity.unwrap_or(Liquidity::Unknown),
        fee: None,
        time: millis(of(data, "ctime")?)?,
    })
}

fn balances(data: &Value) -> Read<Vec<BalanceReport>> {
    let rows = needed(data.as_object())?;
    if rows.len() > 16_384 {
        return Err(REFUSED);
    }
    let row = |(currency, row): (&String, &Value)| {
        Ok(BalanceReport {
            account: "".into(),
            currency: needed(word(&Value::String(currency.clone()))?)?,
            free: needed(decimal(of(row, "free")?)?)?,
            locked: needed(decimal(of(row, "locked")?)?)?,
            total: needed(decimal(of(row, "total")?)?)?,
        })
    };
    rows.iter().map(row).collect()
}

fn position(data: &Value) -> Read<PositionReport> {
    let side = |name: &str, number: fn(&Value) -> Read<Option<Decimal>>| {
        let field = |what: &str| of(data, &format!("{name}_{what}"));
        let Some(quantity) = number(field("quantity")?)? else { return Ok(None) };
        Ok(Some((quantity, needed(number(field("avail_qty")?)?)?, needed(unsigned(field("open_price")?)?)?)))
    };
    let (long, short) = (side("long", unsigned)?, side("short", magnitude)?);
    if long.is_none() && short.is_none() {
        return Err(REFUSED);
    }
    let updated = millis(of(data, "utime")?)?;
    let told = |side: &str, what: &str| {
        let number = of(data, &format!("{side}_{what}")).and_then(decimal);
        number.ok().flatten().unwrap_or_default()
    };
    let more = |side: &str| SideMore {
        hold_price: told(side, "hold_price"),
        liquidation_price: told(side, "liquid_price"),
        unrealised: told(side, "unrealised_pnl"),
        leverage: told(side, "leverage"),
        margin: told(side, "margin"),
    };
    let more = PositionMore {
        margin_mode: word(of(data, "margin_mode")?)?.unwrap_or_default(),
        long: long.map(|_| more("long")),
        short: short.map(|_| more("short")),
    };
    Ok(PositionReport { symbol: word(of(data, "symbol")?)?.unwrap_or_default(), long, short, more, updated })
}

fn rules(data: &Value) -> Read<RulesReport> {
    let tick = |name| -> Read<Option<Decimal>> { Ok(unsigned(of(data, name)?)?.filter(|tick| tick.coef != 0)) };
    Ok(RulesReport {
        symbol: "".into(),
        product: None,
        price_tick: tick("price_tick")?,
        size_tick: tick("size_tick")?,
        min_size: unsigned(of(data, "size_limit")?)?,
        min_price: None,
        min_notional: unsigned(of(data, "value_limit")?)?,
        base: word(of(data, "base_currency")?)?,
        quote: word(of(data, "quote_currency")?)?,
        settle: word(of(data, "settlement_currency")?)?,
    })
}
