//! What it says: answers by `biz_type`, pushes by `messageType`, heartbeats by being no JSON.

use super::super::LONGEST_TEXT;
use super::super::read::{Fault, Read, Value, refusal};
use super::rows::{balance, execution, fields, order, position, pushed_order, rules};
use super::{ACCOUNT, CANCEL, CONTRACTS, ORDERS, PLACE, POSITIONS, TRADES};
use crate::orders::{Refusal, Report, RequestKey};
use crate::venue::{DecodeError, DecodeErrorKind, Disposition, IgnoreReason};

/// The code of success.
const OK: i64 = 200;

/// Decodes one whole text message and appends what it says. Its local times are on a clock `utc_offset_s` seconds ahead of UTC.
///
/// `Data`: it said something about orders or accounts. `Control`: a heartbeat's answer, which is any short text without a brace
/// that does not begin like a list; it gives a [`Report::Pong`] too. `Ignored`: a margin or a stop changed, of which we keep no account.
///
/// # Errors
/// [`DecodeError`], as its kinds say; a status, a direction or a `biz_type` the document does not have is an `UnknownShape` that
/// points at it. Nothing is appended.
pub fn decode(text: &[u8], utc_offset_s: i32, out: &mut Vec<Report>) -> Result<Disposition, DecodeError> {
    let start = out.len();
    read(text, utc_offset_s, out).map_err(|fault| {
        out.truncate(start);
        fault.locate(text)
    })
}

fn read<'a>(text: &'a [u8], utc_offset_s: i32, out: &mut Vec<Report>) -> Read<'a, Disposition> {
    if !matches!(text.trim_ascii_start().first(), None | Some(b'{' | b'[')) {
        return heartbeat(text, out);
    }
    let message = Value::message(text);
    let [biz_type, code, words, data, push] = fields(message, ["biz_type", "code", "message", "data", "messageType"])?;
    if let Some(number) = biz_type.integer()? {
        let refused = refused(code, words)?;
        let report = match u8::try_from(number) {
            Ok(kind @ PLACE..=TRADES) => answer(kind, refused, data, utc_offset_s)?,
            _ => return Err(biz_type.fault(DecodeErrorKind::UnknownShape)),
        };
        out.push(report);
        return Ok(Disposition::Data);
    }
    match push.integer()? {
        Some(1) => {
            let order = if data.is_object() { data } else { message };
            out.push(Report::Order(pushed_order(order, utc_offset_s)?));
            Ok(Disposition::Data)
        }
        Some(2) => Ok(Disposition::Ignored(IgnoreReason::Empty)),
        Some(_) => Err(push.fault(DecodeErrorKind::UnknownShape)),
        // It refuses something of ours and does not say what.
        None if !code.is_absent() && refused(code, words)?.is_some() => {
            out.push(Report::Misunderstood { message: words.prose()? });
            Ok(Disposition::Data)
        }
        None => Err(message.fault(DecodeErrorKind::UnknownShape)),
    }
}

fn heartbeat<'a>(text: &'a [u8], out: &mut Vec<Report>) -> Read<'a, Disposition> {
    let kind = if text.len() > LONGEST_TEXT {
        DecodeErrorKind::TooLong
    } else if std::str::from_utf8(text).is_err() {
        DecodeErrorKind::Utf8
    } else if text.contains(&b'{') {
        // A message with something in front of it, and no heartbeat.
        DecodeErrorKind::Json
    } else {
        out.push(Report::Pong(None));
        return Ok(Disposition::Control);
    };
    Err(Fault { kind, part: text })
}

fn answer(kind: u8, refused: Option<Refusal>, data: Value<'_>, utc_offset_s: i32) -> Read<'_, Report> {
    let request = RequestKey::Kind(kind);
    match (kind, refused) {
        (PLACE, Some(refusal)) => {
            let client_id = if data.is_object() { client_id(data)? } else { Box::default() };
            Ok(Report::Refused { request, client_id, refusal })
        }
        (PLACE, None) => {
            let [id] = fields(data, ["system_oid"])?;
            Ok(Report::Accepted { request, client_id: client_id(data)?, venue_id: id.need(Value::id)? })
        }
        (CANCEL, refused) => cancelled(request, refused, data),
        (_, Some(refusal)) => Ok(Report::RequestRefused { request, refusal }),
        (CONTRACTS, None) => Ok(Report::Rules { request, rules: data.items(rules)? }),
        (ACCOUNT, None) => Ok(Report::Balances { request, balances: data.items(balance)? }),
        (ORDERS, None) => Ok(Report::Orders { request, orders: data.items(|row| order(row, utc_offset_s))? }),
        (POSITIONS, None) => Ok(Report::Positions { request, positions: data.items(position)? }),
        (_, None) => Ok(Report::Executions { request, executions: data.items(|row| execution(row, utc_offset_s))? }),
    }
}

fn client_id(object: Value<'_>) -> Read<'_, Box<str>> {
    let [id] = fields(object, ["client_oid"])?;
    Ok(id.id()?.unwrap_or_default())
}

/// Why the venue refused; `None` if it did not.
fn refused<'a>(code: Value<'a>, words: Value<'a>) -> Read<'a, Option<Refusal>> {
    let text = code.prose()?;
    if text.is_empty() {
        return Err(code.fault(DecodeErrorKind::MissingField));
    }
    let good = code.integer().is_ok_and(|number| number == Some(OK));
    Ok(if good { None } else { Some(refusal(text, words.prose()?)) })
}

/// Each order by itself where the answer lists them, whatever its code; else the code is about all of them.
fn cancelled(request: RequestKey, refused: Option<Refusal>, data: Value<'_>) -> Read<'_, Report> {
    if let (Some(refusal), false) = (&refused, data.is_object()) {
        return Ok(Report::RequestRefused { request, refusal: refusal.clone() });
    }
    let [good, bad] = fields(data, ["SUCCESS", "ERROR"])?;
    if good.is_absent() && bad.is_absent() {
        let refusal = refused.ok_or_else(|| good.fault(DecodeErrorKind::MissingField))?;
        return Ok(Report::RequestRefused { request, refusal });
    }
    let mut orders = Vec::new();
    if !good.is_absent() {
        orders.extend(good.items(system_oid)?.into_iter().map(|id| (id, None)));
    }
    if !bad.is_absent() {
        let why = refused.unwrap_or_else(|| refusal(Box::default(), Box::default()));
        orders.extend(bad.items(system_oid)?.into_iter().map(|id| (id, Some(why.clone()))));
    }
    Ok(Report::CancelAnswer { request, orders })
}

fn system_oid(row: Value<'_>) -> Read<'_, Box<str>> {
    let [id] = fields(row, ["system_oid"])?;
    id.need(Value::id)
}
