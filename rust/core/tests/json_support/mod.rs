//! What the JSON tests share: a value rebuilt through the scanner, and the trusted parser's verdict.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: failing loudly is the point"
)]

use ferrofeed_core::json::{JsonError, JsonErrorKind, Peek, Scanner, Text};
use serde_json::{Map, Number, Value};

/// Walks the whole text with the pull methods and rebuilds what it says.
pub(crate) fn rebuild(text: &[u8]) -> Result<Value, JsonError> {
    let mut scanner = Scanner::new(text);
    let value = rebuild_value(&mut scanner)?;
    scanner.finish()?;
    Ok(value)
}

fn rebuild_value(scanner: &mut Scanner<'_>) -> Result<Value, JsonError> {
    Ok(match scanner.peek()? {
        Peek::Object => {
            let mut map = Map::new();
            scanner.enter_object()?;
            while let Some(key) = scanner.next_key()? {
                map.insert(owned(key), rebuild_value(scanner)?);
            }
            Value::Object(map)
        }
        Peek::Array => {
            let mut array = Vec::new();
            scanner.enter_array()?;
            while scanner.next_element()? {
                array.push(rebuild_value(scanner)?);
            }
            Value::Array(array)
        }
        Peek::String => Value::String(owned(scanner.string()?)),
        Peek::Number => Value::Number(number(scanner.number()?)),
        Peek::True | Peek::False => Value::Bool(scanner.boolean()?),
        Peek::Null => {
            assert!(scanner.null()?);
            Value::Null
        }
    })
}

fn owned(text: Text<'_>) -> String {
    let mut bytes = Vec::new();
    text.unescape(&mut bytes);
    let value = String::from_utf8(bytes).expect("a scanned string is UTF-8");
    assert!(text.is(&value), "a text is equal to its own value");
    assert!(!text.is(&format!("{value}x")) && (value.is_empty() || !text.is(&value[..value.len() - last_len(&value)])));
    assert_eq!(text.as_str(), (!text.escaped).then_some(value.as_str()));
    value
}

fn last_len(text: &str) -> usize {
    text.chars().next_back().map_or(0, char::len_utf8)
}

/// The number with its digits as sent. `serde_json` spells exponents with a small `e` and a sign, nothing else changes.
fn number(text: &[u8]) -> Number {
    let text = std::str::from_utf8(text).expect("a number is ASCII").replace('E', "e");
    let text = match text.split_once('e') {
        Some((_, exponent)) if exponent.starts_with(['+', '-']) => text,
        Some((mantissa, exponent)) => format!("{mantissa}e+{exponent}"),
        None => text,
    };
    Number::from_string_unchecked(text)
}

/// The whole text as one skipped value.
pub(crate) fn skip(text: &[u8]) -> Result<&[u8], JsonError> {
    let mut scanner = Scanner::new(text);
    let skipped = scanner.skip()?;
    scanner.finish()?;
    Ok(skipped)
}

/// What the scanner should say where `serde_json` refuses a text.
fn kind_of(error: &serde_json::Error) -> JsonErrorKind {
    if error.is_eof() {
        return JsonErrorKind::Eof;
    }
    let message = error.to_string();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| message.starts_with(prefix));
    if starts(&["invalid number"]) {
        JsonErrorKind::Number
    } else if starts(&[
        "invalid escape",
        "invalid unicode",
        "control character",
        "lone leading",
        "unexpected end of hex",
    ]) {
        JsonErrorKind::String
    } else if starts(&["recursion limit"]) {
        JsonErrorKind::Depth
    } else if starts(&["trailing characters"]) {
        JsonErrorKind::Trailing
    } else if starts(&["expected ", "key must be a string", "trailing comma"]) {
        JsonErrorKind::Syntax
    } else {
        panic!("not a syntax error: {message}")
    }
}

/// Holds the scanner against `serde_json` on one text: same verdict, same value, same kind of error, from both ways of
/// reading; and an error stands at a place up to which nothing was wrong.
pub(crate) fn compare(text: &[u8]) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(text).into_owned();
    let trusted = serde_json::from_slice::<Value>(text);
    let rebuilt = rebuild(text);
    let skipped = skip(text);
    match (&trusted, &rebuilt, &skipped) {
        (Ok(trusted), Ok(rebuilt), Ok(skipped)) => {
            if trusted != rebuilt {
                return Err(format!("{}: serde_json {trusted}, scanner {rebuilt}", shown()));
            }
            if *skipped != text.trim_ascii() {
                return Err(format!("{}: skip gave {:?}", shown(), String::from_utf8_lossy(skipped)));
            }
            Ok(())
        }
        (Err(trusted), Err(rebuilt), Err(skipped)) => {
            if rebuilt != skipped || rebuilt.kind != kind_of(trusted) {
                return Err(format!("{}: serde_json {trusted}, walk {rebuilt:?}, skip {skipped:?}", shown()));
            }
            let before = text.get(..rebuilt.at).ok_or_else(|| format!("{}: error outside: {rebuilt:?}", shown()))?;
            match skip(before) {
                Ok(_) | Err(JsonError { kind: JsonErrorKind::Eof, .. }) => Ok(()),
                Err(earlier) => Err(format!("{}: {rebuilt:?}, but already {earlier:?}", shown())),
            }
        }
        verdicts => Err(format!("{}: verdicts differ: {verdicts:?}", shown())),
    }
}
