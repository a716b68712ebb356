//! Where a token ends: strings, numbers and literals, checked character by character against RFC 8259.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions only move past bytes that were read, so they stay within the text's length; shift counts are \
              below 64"
)]

use super::{JsonError, JsonErrorKind};
use crate::num::word::{not_digits, repeat};

type Lexed<T> = Result<T, JsonError>;

#[cold]
pub(super) const fn fail<T>(kind: JsonErrorKind, at: usize) -> Lexed<T> {
    Err(JsonError { kind, at })
}

#[inline]
fn byte(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied()
}

/// Where a string's text ends, and what is in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StringEnd {
    /// The offset of the closing quote.
    pub(super) at: usize,
    pub(super) escaped: bool,
}

/// The highest bit of each byte that ends a plain run (quote, backslash, control character), exact up to the first one:
/// a borrow can only reach bytes behind a true hit.
#[inline]
pub(crate) const fn ends_run(word: u64) -> u64 {
    const fn zero_bytes(word: u64) -> u64 {
        word.wrapping_sub(repeat(1)) & !word
    }
    let quote = zero_bytes(word ^ repeat(b'"'));
    let backslash = zero_bytes(word ^ repeat(b'\\'));
    let control = word.wrapping_sub(repeat(0x20)) & !word;
    (quote | backslash | control) & repeat(0x80)
}

/// Scans a string (RFC 8259 section 7) whose opening quote stands in front of `start`.
#[inline]
pub(super) fn string(text: &[u8], start: usize) -> Lexed<StringEnd> {
    let mut at = start;
    // Any byte from 0x80 up leaves a high bit here.
    let mut seen = 0_u64;
    let mut escaped = false;
    loop {
        while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_le_bytes(*chunk);
            let ends = ends_run(word);
            if ends == 0 {
                seen |= word;
                at += 8;
                continue;
            }
            // The bytes before the first hit: all bits below its own highest bit.
            seen |= word & ((ends & ends.wrapping_neg()) - 1);
            at += (ends.trailing_zeros() / 8) as usize;
            break;
        }
        match byte(text, at) {
            Some(b'"') => break,
            Some(b'\\') => {
                escaped = true;
                at = escape(text, at)?;
            }
            Some(0..=0x1f) => return fail(JsonErrorKind::String, at),
            // Only within the last seven bytes of the text.
            Some(plain) => {
                seen |= u64::from(plain);
                at += 1;
            }
            None => return fail(JsonErrorKind::Eof, text.len()),
        }
    }
    if seen & repeat(0x80) != 0 {
        check_utf8(text, start, at)?;
    }
    Ok(StringEnd { at, escaped })
}

#[cold]
fn check_utf8(text: &[u8], start: usize, end: usize) -> Lexed<()> {
    match std::str::from_utf8(text.get(start..end).unwrap_or_default()) {
        Ok(_) => Ok(()),
        Err(error) => fail(JsonErrorKind::String, start + error.valid_up_to()),
    }
}

/// Steps over the escape whose backslash stands at `at`.
#[cold]
fn escape(text: &[u8], at: usize) -> Lexed<usize> {
    match byte(text, at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex4(text, at + 2)? {
            0xdc00..=0xdfff => fail(JsonErrorKind::String, at),
            0xd800..=0xdbff => low_surrogate(text, at + 6),
            _ => Ok(at + 6),
        },
        Some(_) => fail(JsonErrorKind::String, at),
        None => fail(JsonErrorKind::Eof, text.len()),
    }
}

/// The second half of a surrogate pair: a lone first half is no character, so no JSON text of ours.
fn low_surrogate(text: &[u8], at: usize) -> Lexed<usize> {
    for (offset, expected) in (at..).zip(*b"\\u") {
        match byte(text, offset) {
            Some(found) if found == expected => {}
            Some(_) => return fail(JsonErrorKind::String, at),
            None => return fail(JsonErrorKind::Eof, text.len()),
        }
    }
    match hex4(text, at + 2)? {
        0xdc00..=0xdfff => Ok(at + 6),
        _ => fail(JsonErrorKind::String, at),
    }
}

fn hex4(text: &[u8], at: usize) -> Lexed<u16> {
    let Some(digits) = text.get(at..).and_then(<[u8]>::first_chunk::<4>) else {
        return fail(JsonErrorKind::Eof, text.len());
    };
    match decode_hex4(*digits) {
        Some(unit) => Ok(unit),
        None => fail(JsonErrorKind::String, at),
    }
}

/// Four hexadecimal digits as a UTF-16 code unit.
pub(super) fn decode_hex4(digits: [u8; 4]) -> Option<u16> {
    digits.iter().try_fold(0_u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16).and_then(|value| u16::try_from(value).ok())?;
        Some((unit << 4) | value)
    })
}

/// Where the number (RFC 8259 section 6) that starts at `start` ends; its first character is a minus or a digit.
#[inline]
pub(super) fn number(text: &[u8], start: usize) -> Lexed<usize> {
    match short_number(text, start) {
        Some(end) => Ok(end),
        None => any_number(text, start),
    }
}

/// [`number`] for one without minus and exponent that ends within eight bytes, as most prices and sizes do: no loop whose
/// length changes from one to the next. `None` leaves it to [`any_number`].
#[inline]
fn short_number(text: &[u8], start: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*text.get(start..)?.first_chunk()?);
    let at = |bits: u64| bits.trailing_zeros() & !7;
    let character = |shift: u32| (word >> shift) & 0xff;
    let stops = not_digits(word);
    if stops == 0 {
        return None;
    }
    let whole = at(stops);
    let mut end = whole;
    if character(whole) == u64::from(b'.') {
        let later = stops & (stops - 1);
        if later == 0 {
            return None;
        }
        end = at(later);
        if end == whole + 8 {
            return None;
        }
    }
    let bad_whole = whole == 0 || (whole > 8 && character(0) == u64::from(b'0'));
    let exponent = character(end) | 0x20 == u64::from(b'e');
    if bad_whole || exponent { None } else { Some(start + (end / 8) as usize) }
}

/// [`number`], whatever its form.
fn any_number(text: &[u8], start: usize) -> Lexed<usize> {
    let mut at = start;
    if byte(text, at) == Some(b'-') {
        at += 1;
    }
    at = match byte(text, at) {
        Some(b'0') => at + 1,
        _ => some_digits(text, at)?,
    };
    // Nothing but a leading zero leaves a digit here.
    match byte(text, at) {
        Some(b'.') => at = some_digits(text, at + 1)?,
        Some(b'0'..=b'9') => return fail(JsonErrorKind::Number, at),
        _ => {}
    }
    if let Some(b'e' | b'E') = byte(text, at) {
        at += 1;
        if let Some(b'+' | b'-') = byte(text, at) {
            at += 1;
        }
        at = some_digits(text, at)?;
    }
    Ok(at)
}

/// Where the run of one or more digits at `start` ends.
#[inline]
fn some_digits(text: &[u8], start: usize) -> Lexed<usize> {
    let mut at = start;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let ends = not_digits(u64::from_le_bytes(*chunk));
        if ends != 0 {
            at += (ends.trailing_zeros() / 8) as usize;
            return if at > start { Ok(at) } else { fail(JsonErrorKind::Number, at) };
        }
        at += 8;
    }
    while byte(text, at).is_some_and(|byte| byte.is_ascii_digit()) {
        at += 1;
    }
    if at > start {
        return Ok(at);
    }
    fail(if at < text.len() { JsonErrorKind::Number } else { JsonErrorKind::Eof }, at)
}

/// Where `word` ends that must stand at `start`.
#[inline]
pub(super) fn literal(text: &[u8], start: usize, word: &[u8]) -> Lexed<usize> {
    let rest = text.get(start..).unwrap_or_default();
    if rest.starts_with(word) {
        return Ok(start + word.len());
    }
    let same = rest.iter().zip(word).take_while(|(found, expected)| found == expected).count();
    fail(if same == rest.len() { JsonErrorKind::Eof } else { JsonErrorKind::Syntax }, start + same)
}
