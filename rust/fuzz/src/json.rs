//! The JSON scanner against `serde_json`: what is accepted, and every value in it.

use ferrofeed_core::json::{JsonError, Peek, Scanner, Text};
use serde_json::{Map, Number, Value};

/// `serde_json` passes a number of arbitrary precision as an object with this key, so such an object is none to it.
const NUMBER_KEY: &[u8] = b"serde_json::private";

/// Runs one input.
///
/// # Panics
/// On a difference.
pub fn run(data: &[u8]) {
    if data.windows(NUMBER_KEY.len()).any(|window| window == NUMBER_KEY) {
        return;
    }
    let theirs = serde_json::from_slice::<Value>(data).ok();
    let shown = String::from_utf8_lossy(data);
    match skip(data) {
        Ok(text) => {
            assert!(theirs.is_some(), "skip accepts what serde_json refuses: {shown:?}");
            assert_eq!(text, data.trim_ascii(), "skip gives the value's text");
        }
        Err(error) => {
            assert!(theirs.is_none(), "skip refuses what serde_json accepts ({error:?}): {shown:?}");
            assert!(error.at <= data.len(), "{error:?} lies outside");
        }
    }
    match walk(data) {
        Ok(value) => assert_eq!(Some(value), theirs, "{shown:?}"),
        Err(error) => {
            assert!(theirs.is_none(), "walking refuses what serde_json accepts ({error:?}): {shown:?}");
            assert!(error.at <= data.len(), "{error:?} lies outside");
        }
    }
}

fn skip(data: &[u8]) -> Result<&[u8], JsonError> {
    let mut scanner = Scanner::new(data);
    let text = scanner.skip()?;
    scanner.finish()?;
    Ok(text)
}

/// Reads a text value by value.
fn walk(data: &[u8]) -> Result<Value, JsonError> {
    let mut scanner = Scanner::new(data);
    let value = value(&mut scanner)?;
    scanner.finish()?;
    assert_eq!(scanner.at(), data.len(), "the end is where the text ends");
    Ok(value)
}

fn value(scanner: &mut Scanner<'_>) -> Result<Value, JsonError> {
    Ok(match scanner.peek()? {
        Peek::Object => {
            let mut members = Map::new();
            scanner.enter_object()?;
            while let Some(key) = scanner.next_key()? {
                let key = unescape(key);
                members.insert(key, value(scanner)?);
            }
            Value::Object(members)
        }
        Peek::Array => {
            let mut elements = Vec::new();
            scanner.enter_array()?;
            while scanner.next_element()? {
                elements.push(value(scanner)?);
            }
            Value::Array(elements)
        }
        Peek::String => Value::String(unescape(scanner.string()?)),
        Peek::Number => {
            let text = scanner.number()?;
            Value::Number(serde_json::from_slice::<Number>(text).expect("a number's text is a number"))
        }
        Peek::True | Peek::False => Value::Bool(scanner.boolean()?),
        Peek::Null => {
            assert!(scanner.null()?, "peek saw null");
            Value::Null
        }
    })
}

/// A string's value, its escapes resolved by `serde_json`.
fn unescape(text: Text<'_>) -> String {
    assert_eq!(text.escaped, text.raw.contains(&b'\\'), "escaped says whether there is a backslash");
    if !text.escaped {
        return String::from_utf8(text.raw.to_vec()).expect("a string is UTF-8");
    }
    let quoted = [b"\"", text.raw, b"\""].concat();
    serde_json::from_slice(&quoted).expect("a string's text is a string")
}
