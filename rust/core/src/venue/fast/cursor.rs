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
    places: u8,
}

impl Plain {
    /// The number as an integer at a scale, if all of its digits fit there as they stand.
    #[inline]
    fn at(self, scale: u8) -> Option<i64> {
        self.coef.checked_mul(power_of_ten(scale.checked_sub(self.places)?)?)
    }
}

#[allow(
    clippy::inline_always,
    reason = "a call costs as much as the work: 1.3 times as long for a depth message without it"
)]
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
        let Plain { mut coef, places: mut scale } = self.number()?;
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
        let Some(text) = self.rest.first_chunk::<8>() else { return self.number_by_digits() };
        let values = u64::from_le_bytes(*text) ^ repeat(b'0');
        let stops = not_values(values);
        if stops == 0 {
            return self.number_by_digits();
        }
        let whole = stops.trailing_zeros() & !7;
        if whole == 0 || (values & 0xff == 0 && whole > 8) {
            return None;
        }
        if values.wrapping_shr(whole) & 0xff != POINT {
            self.rest = self.rest.get((whole >> 3) as usize..)?;
            return Some(Plain { coef: high_digits(values, whole), places: 0 });
        }
        let later = stops & stops.wrapping_sub(1);
        if later == 0 {
            return self.number_in_two_words(values, whole);
        }
        let end = later.trailing_zeros() & !7;
        let places = (end.wrapping_sub(whole) >> 3).wrapping_sub(1);
        if places == 0 {
            return None;
        }
        let below = 1_u64.wrapping_shl(whole).wrapping_sub(1);
        let digits = ((values & below) << 8) | (values & !(below << 8 | 0xff));
        self.rest = self.rest.get((end >> 3) as usize..)?;
        Some(Plain { coef: high_digits(digits, end), places: u8::try_from(places).ok()? })
    }

    /// A number with its point among the first eight characters, of which the values are known, and its end behind them.
    #[inline(always)]
    fn number_in_two_words(&mut self, values: u64, whole: u32) -> Option<Plain> {
        let rest = self.rest.get((whole >> 3) as usize..).and_then(|rest| rest.get(1..))?;
        let Some(text) = rest.first_chunk::<8>() else { return self.number_by_digits() };
        let fraction = u64::from_le_bytes(*text) ^ repeat(b'0');
        let stops = not_values(fraction);
        let end = stops.trailing_zeros() & !7;
        if stops == 0 {
            return self.number_by_digits();
        }
        if end == 0 {
            return None;
        }
        self.rest = rest.get((end >> 3) as usize..)?;
        let places = u8::try_from(end >> 3).ok()?;
        let coef =
            high_digits(values, whole).checked_mul(power_of_ten(places)?)?.checked_add(high_digits(fraction, end))?;
        Some(Plain { coef, places })
    }

    /// A longer number, or one so near to the message's end that words reach beyond it.
    #[inline(never)]
    fn number_by_digits(&mut self) -> Option<Plain> {
        let mut coef = 0_i64;
        let mut point = None;
        let mut at = 0_usize;
        while let Some(byte) = self.rest.get(at) {
            match byte {
                b'0'..=b'9' => coef = coef.checked_mul(10)?.checked_add(i64::from(byte & 0x0f))?,
                b'.' if point.is_none() && at > 0 => point = Some(at),
                _ => break,
            }
            at = at.checked_add(1)?;
        }
        let whole = point.unwrap_or(at);
        let places = point.map_or(0, |point| at.saturating_sub(point).saturating_sub(1));
        let bad_zero = whole > 1 && self.rest.first() == Some(&b'0');
        if whole == 0 || bad_zero || (point.is_some() && places == 0) || whole.checked_add(places)? > MOST_DIGITS {
            return None;
        }
        self.rest = self.rest.get(at..)?;
        Some(Plain { coef, places: u8::try_from(places).ok()? })
    }

    /// Consumes a number and does nothing with it.
    #[inline(always)]
    pub(super) fn skip_number(&mut self) -> Option<()> {
        self.number().map(drop)
    }
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
    if (not_values(front) | not_values(end)) != 0 || front & 0xff == 0 {
        return None;
    }
    let front = high_digits(front, 64_u32.wrapping_sub(twice.wrapping_mul(8)));
    front.checked_mul(100_000_000)?.checked_add(eight_digits(end))
}
