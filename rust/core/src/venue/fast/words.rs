//! Numbers word by word, on any processor.
#![allow(clippy::inline_always, reason = "a call costs about as much as the work")]

use super::numbers::{Numbers, Plain, number_by_digits};
use crate::num::power_of_ten;
use crate::num::word::{eight_digits, repeat};

/// A point, as a digit's value.
const POINT: u64 = (b'.' ^ b'0') as u64;

/// See the module's text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words;

impl Numbers for Words {
    #[inline(always)]
    fn number(self, text: &[u8]) -> Option<(Plain, &[u8])> {
        number(text)
    }

    #[inline(always)]
    fn same(self, a: &[u8], b: &[u8], length: usize) -> bool {
        let (Some(a), Some(b), 1..=8) = (a.first_chunk::<8>(), b.first_chunk::<8>(), length) else { return false };
        // What stands behind the number is shifted out.
        let behind = 8_usize.wrapping_sub(length).wrapping_mul(8);
        (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)) << behind == 0
    }
}

/// See [`Numbers::number`].
#[inline(always)]
fn number(text: &[u8]) -> Option<(Plain, &[u8])> {
    let Some(word) = text.first_chunk::<8>() else { return number_by_digits(text) };
    let values = u64::from_le_bytes(*word) ^ repeat(b'0');
    let stops = first_stops(values);
    if stops == 0 {
        return long_number(text, values);
    }
    // The lowest bit of the first byte that is no digit, the bits below that byte, and the digits in them.
    let stop = (stops & stops.wrapping_neg()) >> 7;
    let below = stop.wrapping_sub(1);
    if stop == 1 || (zero_first(values) && stop > 0x100) {
        return None;
    }
    let point = stop.wrapping_mul(POINT);
    let front = values & below;
    if values & stop.wrapping_mul(0xff) != point {
        let whole = stops.trailing_zeros() & 0x38;
        let rest = text.get((whole >> 3) as usize..)?;
        return Some((Plain { coef: high_digits(values, whole), places: 0 }, rest));
    }
    let later = stops & stops.wrapping_sub(1);
    if later == 0 {
        return number_in_two_words(text, values, stops.trailing_zeros() & 0x38);
    }
    let end = later.trailing_zeros() & 0x38;
    let places = end.wrapping_sub(stops.trailing_zeros()) >> 3;
    if places == 0 {
        return None;
    }
    // The digits below the point move up by one place, over it.
    let digits = values.wrapping_sub(point).wrapping_sub(front).wrapping_add(front << 8);
    let rest = text.get((end >> 3) as usize..)?;
    Some((Plain { coef: high_digits(digits, end), places }, rest))
}

/// [`number`] with its point among the first eight characters, of which the values are known, and its end behind them.
#[inline(always)]
fn number_in_two_words(text: &[u8], values: u64, whole: u32) -> Option<(Plain, &[u8])> {
    let rest = text.get((whole >> 3) as usize..).and_then(|rest| rest.get(1..))?;
    let Some(word) = rest.first_chunk::<8>() else { return number_by_digits(text) };
    let fraction = u64::from_le_bytes(*word) ^ repeat(b'0');
    let end = first_stops(fraction).trailing_zeros() & 0x78;
    if end == 0 {
        return None;
    }
    if end == 64 && rest.get(8).is_none_or(u8::is_ascii_digit) {
        return number_by_digits(text);
    }
    let places = end >> 3;
    let coef =
        high_digits(values, whole).checked_mul(power_of_ten(places)?)?.checked_add(high_digits(fraction, end))?;
    Some((Plain { coef, places }, rest.get(places as usize..)?))
}

/// [`number`] with eight digits in front, whose values are known, and up to seven more before its point or its end.
#[inline(never)]
fn long_number(text: &[u8], values: u64) -> Option<(Plain, &[u8])> {
    let rest = text.get(8..)?;
    let Some(word) = rest.first_chunk::<8>() else { return number_by_digits(text) };
    let more = u64::from_le_bytes(*word) ^ repeat(b'0');
    let stops = first_stops(more);
    if stops == 0 {
        return number_by_digits(text);
    }
    if zero_first(values) {
        return None;
    }
    let whole = stops.trailing_zeros() & 0x38;
    let mut coef = eight_digits(values);
    if whole > 0 {
        coef = coef.checked_mul(power_of_ten(whole >> 3)?)?.checked_add(high_digits(more, whole))?;
    }
    let rest = rest.get((whole >> 3) as usize..)?;
    let [b'.', parts @ ..] = rest else { return Some((Plain { coef, places: 0 }, rest)) };
    let Some(word) = parts.first_chunk::<8>() else { return number_by_digits(text) };
    let fraction = u64::from_le_bytes(*word) ^ repeat(b'0');
    let end = first_stops(fraction).trailing_zeros() & 0x78;
    if end == 0 {
        return None;
    }
    if end == 64 && parts.get(8).is_none_or(u8::is_ascii_digit) {
        return number_by_digits(text);
    }
    let places = end >> 3;
    let coef = coef.checked_mul(power_of_ten(places)?)?.checked_add(high_digits(fraction, end))?;
    Some((Plain { coef, places }, parts.get(places as usize..)?))
}

/// Whether the first of these digit values is zero.
#[inline]
pub(super) fn zero_first(values: u64) -> bool {
    let [first, ..] = values.to_le_bytes();
    first == 0
}

/// The highest bit of each byte that is no digit's value: right up to the first one, and up to the second if the first is a
/// point, whose sum stays within its byte.
#[inline]
fn first_stops(values: u64) -> u64 {
    (values.wrapping_add(repeat(0x80 - 10)) | values) & repeat(0x80)
}

/// The digit values in the lowest `bits` bits (8 to 64, a multiple of 8) of a word.
#[inline]
pub(super) fn high_digits(values: u64, bits: u32) -> i64 {
    eight_digits(values.wrapping_shl(64_u32.wrapping_sub(bits)))
}
