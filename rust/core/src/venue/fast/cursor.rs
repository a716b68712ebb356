//! What the straight-line readers are made of: exact text, plain numbers, times, symbols.
//!
//! Every method gives `None` for whatever it does not expect, be it wrong or only unusual, and the message goes to the general
//! path from its start. So nothing here has to say why.

use crate::instrument::Instruments;
use crate::json::lex::ends_run;
use crate::num::word::{eight_digits, not_values, repeat};
use crate::num::{Decimal, power_of_ten};
use crate::spelling::Short;

/// Most digits of a number that is read here.
const MOST_DIGITS: usize = 18;
/// A point, as a digit's value.
const POINT: u64 = (b'.' ^ b'0') as u64;

/// What is left of a message.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

/// A number above or equal to zero, its trailing zeros kept: `coef × 10^-places`.
#[derive(Clone, Copy)]
pub(super) struct Plain {
    coef: i64,
    places: u32,
}

impl Plain {
    /// The number as an integer at a scale, if all of its digits fit there as they stand.
    #[inline]
    fn at(self, scale: u8) -> Option<i64> {
        self.coef.checked_mul(power_of_ten(u32::from(scale).checked_sub(self.places)?)?)
    }
}

#[allow(clippy::inline_always, reason = "a call costs about as much as the work, and would keep the cursor in memory")]
impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Whether the message is at its end.
    #[inline(always)]
    pub(super) fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// Consumes this text.
    #[inline(always)]
    pub(super) fn eat<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        self.found(text).then_some(())
    }

    /// Consumes this text if it stands here; says whether it did.
    #[inline(always)]
    pub(super) fn found<const N: usize>(&mut self, text: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((here, rest)) if here == text => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Consumes one digit.
    #[inline(always)]
    pub(super) fn digit(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        first.is_ascii_digit().then_some(first & 0x0f)
    }

    /// Consumes a string's inside and its closing quote and gives the wanted instrument of this spelling.
    #[inline(always)]
    pub(super) fn instrument(&mut self, instruments: &Instruments, venue: u16) -> Option<u32> {
        let (text, _) = self.rest.split_first_chunk::<16>()?;
        let text = u128::from_le_bytes(*text);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let (front, end) = (text as u64, (text >> 64) as u64);
        let bits = match (ends_run(front), ends_run(end)) {
            (0, 0) => return None,
            (0, ends) => (ends.trailing_zeros() & !7).wrapping_add(64),
            (ends, _) => ends.trailing_zeros() & !7,
        };
        let spelling = text & 1_u128.wrapping_shl(bits).wrapping_sub(1);
        if spelling & u128::from_le_bytes([0x80; 16]) != 0 {
            return None;
        }
        let length = (bits >> 3) as usize;
        self.rest = self.rest.get(length..)?;
        self.eat(b"\"")?;
        instruments.find_short(venue, Short::packed(spelling, length)?)
    }

    /// Consumes a number and puts it at a scale.
    #[inline(always)]
    pub(super) fn scaled(&mut self, scale: u8) -> Option<i64> {
        self.number()?.at(scale)
    }

    /// Consumes a price: above zero at its scale.
    #[inline(always)]
    pub(super) fn price(&mut self, scale: u8) -> Option<i64> {
        self.scaled(scale).filter(|price| *price > 0)
    }

    /// Consumes a number of either sign and gives it without trailing zeros, at no instrument's scale.
    #[inline]
    pub(super) fn signed(&mut self) -> Option<Decimal> {
        let negative = self.found(b"-");
        let Plain { mut coef, places } = self.number()?;
        let mut scale = u8::try_from(places).ok()?;
        while scale > 0 && coef.checked_rem(10) == Some(0) {
            (coef, scale) = (coef.checked_div(10)?, scale.checked_sub(1)?);
        }
        Some(Decimal { coef: if negative { coef.checked_neg()? } else { coef }, scale })
    }

    /// Consumes the number of an interval, 1 to 12.
    #[inline]
    pub(super) fn interval(&mut self) -> Option<u8> {
        let number = self.digit()?;
        let second = if number == 1 { self.rest.first().filter(|byte| (b'0'..=b'2').contains(byte)) } else { None };
        let Some(second) = second else { return Some(number) };
        self.rest = self.rest.get(1..)?;
        Some((second & 0x0f).wrapping_add(10))
    }

    /// Consumes a Unix time of thirteen digits in milliseconds and gives nanoseconds.
    #[inline(always)]
    pub(super) fn millis(&mut self) -> Option<i64> {
        let (text, rest) = self.rest.split_first_chunk::<13>()?;
        let (front, end) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
        let time = joined(u64::from_le_bytes(*front), u64::from_le_bytes(*end), 3)?.checked_mul(1_000_000)?;
        self.rest = rest;
        Some(time)
    }

    /// Consumes a Unix time of ten digits in seconds and gives nanoseconds.
    #[inline(always)]
    pub(super) fn seconds(&mut self) -> Option<i64> {
        let (text, rest) = self.rest.split_first_chunk::<10>()?;
        let (front, end) = (text.first_chunk::<8>()?, text.last_chunk::<8>()?);
        let time = joined(u64::from_le_bytes(*front), u64::from_le_bytes(*end), 6)?.checked_mul(1_000_000_000)?;
        self.rest = rest;
        Some(time)
    }

    /// Consumes a number: digits, and after a point more digits; no sign, no exponent, no zero in front of another digit.
    #[inline(always)]
    fn number(&mut self) -> Option<Plain> {
        let (plain, rest) = number(self.rest)?;
        self.rest = rest;
        Some(plain)
    }

    /// Consumes a number and does nothing with it; `like` stands in front of what may well be the same one.
    #[inline(always)]
    pub(super) fn skip_number(&mut self, like: Self, length: usize) -> Option<()> {
        if let (Some(like), Some(text), 1..=8) = (like.rest.first_chunk::<8>(), self.rest.first_chunk::<8>(), length) {
            // What stands behind the number is shifted out.
            let differs = u64::from_le_bytes(*like) ^ u64::from_le_bytes(*text);
            if differs.wrapping_shl(64_u32.wrapping_sub(8_u32.wrapping_mul(u32::try_from(length).ok()?))) == 0 {
                self.rest = self.rest.get(length..)?;
                return Some(());
            }
        }
        self.number().map(drop)
    }

    /// How far this cursor stands behind an earlier one of the same message.
    #[inline(always)]
    pub(super) fn behind(self, earlier: Self) -> usize {
        earlier.rest.len().wrapping_sub(self.rest.len())
    }

    /// Consumes iTick's number of a level, `{"po":1,"p":` with any number below 100.
    #[inline(always)]
    pub(super) fn row(&mut self) -> Option<()> {
        const DIGIT: u64 = 0xff << 48;
        if let Some((text, rest)) = self.rest.split_first_chunk::<12>()
            && let (Some(front), Some(end)) = (text.first_chunk::<8>(), text.last_chunk::<4>())
            && (u64::from_le_bytes(*front) ^ u64::from_le_bytes(*b"{\"po\":0,")) & !DIGIT == 0
            && end == b"\"p\":"
            && front.get(6).is_some_and(u8::is_ascii_digit)
        {
            self.rest = rest;
            return Some(());
        }
        self.eat(br#"{"po":"#)?;
        if self.digit()? == 0 {
            return None;
        }
        self.digit()?;
        self.eat(br#","p":"#)
    }
}

/// The number in front of a text, and the rest. See [`Cursor::number`].
#[allow(clippy::inline_always, reason = "as above")]
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
#[allow(clippy::inline_always, reason = "as above")]
#[inline(always)]
fn number_in_two_words(text: &[u8], values: u64, whole: u32) -> Option<(Plain, &[u8])> {
    let rest = text.get((whole >> 3) as usize..).and_then(|rest| rest.get(1..))?;
    let Some(word) = rest.first_chunk::<8>() else { return number_by_digits(text) };
    let fraction = u64::from_le_bytes(*word) ^ repeat(b'0');
    let stops = first_stops(fraction);
    if stops == 0 {
        return number_by_digits(text);
    }
    let end = stops.trailing_zeros() & 0x38;
    if end == 0 {
        return None;
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
    if end == 64 {
        return number_by_digits(text);
    }
    let places = end >> 3;
    let coef = coef.checked_mul(power_of_ten(places)?)?.checked_add(high_digits(fraction, end))?;
    Some((Plain { coef, places }, parts.get(places as usize..)?))
}

/// [`number`] if it is longer, or so near to the message's end that words reach beyond it.
#[inline(never)]
fn number_by_digits(text: &[u8]) -> Option<(Plain, &[u8])> {
    let mut coef = 0_i64;
    let mut point = None;
    let mut at = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'0'..=b'9' => coef = coef.checked_mul(10)?.checked_add(i64::from(byte & 0x0f))?,
            b'.' if point.is_none() && at > 0 => point = Some(at),
            _ => break,
        }
        at = at.checked_add(1)?;
    }
    let whole = point.unwrap_or(at);
    let places = point.map_or(0, |point| at.saturating_sub(point).saturating_sub(1));
    let bad_zero = whole > 1 && text.first() == Some(&b'0');
    if whole == 0 || bad_zero || (point.is_some() && places == 0) || whole.checked_add(places)? > MOST_DIGITS {
        return None;
    }
    Some((Plain { coef, places: u32::try_from(places).ok()? }, text.get(at..)?))
}

/// Whether the first of these digit values is zero.
#[inline]
fn zero_first(values: u64) -> bool {
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
fn high_digits(values: u64, bits: u32) -> i64 {
    eight_digits(values.wrapping_shl(64_u32.wrapping_sub(bits)))
}

/// The number of the eight digits in `front` and the eight in `end`, of which the first `twice` are the last of `front` again.
/// No zero may stand in front.
#[inline]
fn joined(front: u64, end: u64, twice: u32) -> Option<i64> {
    let (front, end) = (front ^ repeat(b'0'), end ^ repeat(b'0'));
    if (not_values(front) | not_values(end)) != 0 || zero_first(front) {
        return None;
    }
    let front = high_digits(front, 64_u32.wrapping_sub(twice.wrapping_mul(8)));
    front.checked_mul(100_000_000)?.checked_add(eight_digits(end))
}
