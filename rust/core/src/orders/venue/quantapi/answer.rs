//! What it says: answers by `op`, notifications by `topic`, states, errors, heartbeats.

use super::super::read::{Read, Value};
use super::rows::{balance, fill, holding, open_order, rules};
use super::words;
use crate::orders::{Refusal, RefusalKind, Report, RequestKey};
use crate::venue::{DecodeError, DecodeErrorKind, Disposition};

/// Decodes one whole text message and appends what it says; [`Report::Token`] first if it names a login.
///
/// `Data`, or `Control` for a heartbeat's answer, which gives a [`Report::Pong`] too.
///
/// # Errors
/// [`DecodeError`], as its kinds say; an operation, a topic, a status or a state the document does not have is an `UnknownShape` that
/// points at it. Nothing is appended.
pub fn decode(text: &[u8], out: &mut Vec<Report>) -> Result<Disposition, DecodeError> {
    let start = out.len();
    read(text, out).map_err(|fault| {
        out.truncate(start);
        fault.locate(text)
    })
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Login,
    Place,
    Cancel,
    OpenOrders,
    Asset,
    Position,
    SymbolInfo,
    Logout,
    Notify,
    State,
    Error,
    Pong,
}

const OPS: &[(&str, Op)] = &[
    ("notify", Op::Notify),
    ("place_order", Op::Place),
    ("cancel_order", Op::Cancel),
    ("pong", Op::Pong),
    ("open_orders", Op::OpenOrders),
    ("asset", Op::Asset),
    ("position", Op::Position),
    ("symbol_info", Op::SymbolInfo),
    ("state", Op::State),
    ("login", Op::Login),
    ("logout", Op::Logout),
    ("error", Op::Error),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Order,
    Fill,
    Position,
    Asset,
}

const TOPICS: &[(&str, Topic)] =
    &[("order", Topic::Order), ("fill", Topic::Fill), ("position", Topic::Position), ("asset", Topic::Asset)];

fn read<'a>(text: &'a [u8], out: &mut Vec<Report>) -> Read<'a, Disposition> {
    let message = Value::message(text);
    let [op, cid, topic, token, result, error, order_no, data, code, msg, ts] = message.object([
        "op",
        "cid",
        "topic",
        "token",
        "result",
        "error_message",
        "order_no",
        "data",
        "code",
        "msg",
        "ts",
    ])?;
    let request = cid.request();
    let op = op.need(|op| op.choice(OPS))?;
    match op {
        Op::Notify | Op::State => out.push(Report::Token(token.need(Value::token)?)),
        // The token of a login is what it answers.
        Op::Login | Op::Pong => {}
        _ => out.extend(token.token()?.map(Report::Token)),
    }
    let report = match op {
        Op::Pong => {
            out.push(Report::Pong(ts.integer()?));
            return Ok(Disposition::Control);
        }
        Op::Notify => notice(topic.need(|topic| topic.choice(TOPICS))?, data)?,
        Op::State => {
            let number = code.need(Value::integer)?;
            let state = words::gateway(number).ok_or_else(|| code.fault(DecodeErrorKind::UnknownShape))?;
            Report::Gateway { state, message: msg.prose()? }
        }
        Op::Error => Report::Misunderstood { message: error.prose()? },
        // Each order by itself where the answer lists them, whatever the result of the whole.
        Op::Cancel if data.is_list() => {
            result.boolean()?;
            Report::CancelAnswer { request, orders: data.items(cancelled)? }
        }
        _ if !result.boolean()? => {
            let refusal = refusal(error.prose()?);
            match op {
                Op::Place => Report::Refused { request, client_id: Box::default(), refusal },
                _ => Report::RequestRefused { request, refusal },
            }
        }
        Op::Login => Report::LoggedIn { request, token: token.need(Value::token)? },
        Op::Logout => Report::LoggedOut { request },
        Op::Place => Report::Accepted { request, client_id: Box::default(), venue_id: order_no.need(Value::id)? },
        // A list that is missing is not an empty one: no order is declared gone by it.
        Op::OpenOrders => Report::Orders { request, orders: data.items(open_order)? },
        Op::Asset => Report::Balances { request, balances: data.members(balance)? },
        Op::Position => Report::Positions { request, positions: vec![holding(data)?] },
        Op::SymbolInfo => Report::Rules { request, rules: vec![rules(data)?] },
        Op::Cancel => Report::CancelAnswer { request, orders: data.items(cancelled)? },
    };
    out.push(report);
    Ok(Disposition::Data)
}

fn notice(topic: Topic, data: Value<'_>) -> Read<'_, Report> {
    Ok(match topic {
        Topic::Order => Report::Order(open_order(data)?),
        Topic::Fill => Report::Execution(fill(data)?),
        Topic::Position => Report::Positions { request: RequestKey::None, positions: vec![holding(data)?] },
        Topic::Asset => Report::Balances { request: RequestKey::None, balances: data.members(balance)? },
    })
}

fn cancelled(row: Value<'_>) -> Read<'_, (Box<str>, Option<Refusal>)> {
    let [result, error, order_no] = row.object(["result", "error_message", "order_no"])?;
    let id = order_no.need(Value::id)?;
    Ok((id, if result.boolean()? { None } else { Some(refusal(error.prose()?)) }))
}

/// The two refusals whose words are known; there are no codes.
fn refusal(message: Box<str>) -> Refusal {
    let kind = match &*message {
        "Invalid token" => RefusalKind::NotLoggedIn,
        "Do not log in repeat" => RefusalKind::LoginRepeated,
        _ => RefusalKind::Other,
    };
    Refusal { kind, code: Box::default(), message }
}
