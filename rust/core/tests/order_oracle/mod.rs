//! The trading venues' messages read a second time, by `serde_json` and by the documents: slow, plain, with nothing in common with
//! the decoders but the reports and [`Decimal::parse`]. Tests and the fuzz targets compare with it.

mod coinceres;
mod quantapi;

pub(crate) use coinceres::read as coinceres;
pub(crate) use quantapi::read as quantapi;

use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::{Refusal, RefusalKind};
use serde_json::Value;

/// Why there are no reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The message is a bad one.
    Refused,
    /// `serde_json` does not keep what would have to be known: equal keys, a number's spelling.
    Unsure,
}

pub(crate) type Read<T> = Result<T, Doubt>;

const REFUSED: Doubt = Doubt::Refused;
const LONGEST_WORD: usize = 128;

/// `serde_json` passes a number of arbitrary precision as an object with this key, so such an object is none to it.
const NUMBER_KEY: &[u8] = b"serde_json::private";

fn json(text: &[u8]) -> Read<Value> {
    if text.windows(NUMBER_KEY.len()).any(|window| window == NUMBER_KEY) {
        return Err(Doubt::Unsure);
    }
    serde_json::from_slice(text).map_err(|_| REFUSED)
}

/// A member of an object; `Null` if it is not there, or the text `null` where that stands for it.
fn member<'v>(value: &'v Value, name: &str, null_text: bool) -> Read<&'v Value> {
    let found = value.as_object().ok_or(REFUSED)?.get(name).unwrap_or(&Value::Null);
    Ok(if null_text && found.as_str() == Some("null") { &Value::Null } else { found })
}

fn list<T>(value: &Value, mut each: impl FnMut(&Value) -> Read<T>) -> Read<Vec<T>> {
    let all = value.as_array().ok_or(REFUSED)?;
    if all.len() > 16_384 {
        return Err(REFUSED);
    }
    all.iter().map(&mut each).collect()
}

fn word(value: &Value) -> Read<Option<Box<str>>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.len() > LONGEST_WORD => Err(REFUSED),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.as_str().into())),
        _ => Err(REFUSED),
    }
}

fn id(value: &Value) -> Read<Option<Box<str>>> {
    let Value::Number(number) = value else { return word(value) };
    let text = number.to_string();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= LONGEST_WORD {
        Ok(Some(text.into()))
    } else {
        Err(REFUSED)
    }
}

fn needed<T>(value: Option<T>) -> Read<T> {
    value.ok_or(REFUSED)
}

fn prose(value: &Value) -> Read<Box<str>> {
    let mut text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(REFUSED),
    };
    if value.is_number() && text.contains(['e', 'E']) {
        return Err(Doubt::Unsure);
    }
    while text.len() > 256 {
        text.pop();
    }
    Ok(text.into())
}

fn decimal(value: &Value) -> Read<Option<Decimal>> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(REFUSED),
    };
    Decimal::parse(text.as_bytes()).map(Some).map_err(|_| REFUSED)
}

fn unsigned(value: &Value) -> Read<Option<Decimal>> {
    let number = decimal(value)?;
    if number.is_some_and(|number| number.coef < 0) { Err(REFUSED) } else { Ok(number) }
}

fn positive(value: &Value) -> Read<Decimal> {
    let number = needed(decimal(value)?)?;
    if number.coef > 0 { Ok(number) } else { Err(REFUSED) }
}

fn magnitude(value: &Value) -> Read<Option<Decimal>> {
    let Some(number) = decimal(value)? else { return Ok(None) };
    let coef = needed(i64::try_from(i128::from(number.coef).abs()).ok())?;
    Ok(Some(Decimal { coef, scale: number.scale }))
}

fn integer(value: &Value) -> Read<Option<i64>> {
    match decimal(value)? {
        None => Ok(None),
        Some(Decimal { coef, scale: 0 }) => Ok(Some(coef)),
        Some(_) => Err(REFUSED),
    }
}

/// By way of text: `a − b` at 18 digits, in 128 bits.
fn difference(a: Decimal, b: Decimal) -> Read<Decimal> {
    let scale = a.scale.max(b.scale);
    let at = |number: Decimal| i128::from(number.coef) * 10_i128.pow(u32::from(scale - number.scale));
    let fits = |number: i128| i64::try_from(number).is_ok();
    let (a, b) = (at(a), at(b));
    if !fits(a) || !fits(b) || !fits(a - b) {
        return Err(REFUSED);
    }
    let digits = format!("{:0>width$}", (a - b).abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if a < b { "-" } else { "" };
    let text = if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") };
    Decimal::parse(text.as_bytes()).map_err(|_| REFUSED)
}

fn choice<T: Copy>(value: &Value, words: &[(&str, T)]) -> Read<Option<T>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => needed(words.iter().find(|(word, _)| word == text)).map(|(_, meaning)| Some(*meaning)),
        _ => Err(REFUSED),
    }
}

fn refusal(kind: RefusalKind, code: &str, message: Box<str>) -> Refusal {
    Refusal { kind, code: code.into(), message }
}
