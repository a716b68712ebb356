//! What the straight-line readers are made of: exact text, plain numbers, times, symbols.
//!
//! Every method gives `None` for whatever it does not expect, be it wrong or only unusual, and the message goes to the general
//! path from its start. So nothing here has to say why.

use super::numbers::{Numbers, Plain, Rows};
use super::words::{high_digits, zero_first};
use crate::event::Level;
use crate::instrument::Instruments;
use crate::json::lex::ends_run;
use crate::num::Decimal;
use crate::num::word::{eight_digits, not_values, repeat};
use crate::spelling::Short;

/// What is left of a message.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a, N> {
    rest: &'a [u8],
    numbers: N,
}

#[allow(clippy::inline_always, reason = "a call costs about as much as the work, and would keep the cursor in memory")]
impl<'a, N: Numbers> Cursor<'a, N> {
    #[inline(always)]
    pub(super) fn new(message: &'a [u8], numbers: N) -> Self {
        Self { rest: message, numbers }
    }

    /// Whether the message is at its end.
    #[inline(always)]
    pub(super) fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// Consumes this text.
    #[inline(always)]
    pub(super) fn eat<const LENGTH: usize>(&mut self, text: &[u8; LENGTH]) -> Option<()> {
        self.found(text).then_some(())
    }

    /// Consumes this text if it stands here; says whether it did.
    #[inline(always)]
    pub(super) fn found<const LENGTH: usize>(&mut self, text: &[u8; LENGTH]) -> bool {
        match self.rest.split_first_chunk::<LENGTH>() {
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
        let (plain, rest) = self.numbers.number(self.rest)?;
        self.rest = rest;
        Some(plain)
    }

    /// Consumes a number and does nothing with it; `like` stands in front of what may well be the same one.
    #[inline(always)]
    pub(super) fn skip_number(&mut self, like: Self, length: usize) -> Option<()> {
        if self.numbers.same(like.rest, self.rest, length) {
            self.rest = self.rest.get(length..)?;
            return Some(());
        }
        self.number().map(drop)
    }

    /// How far this cursor stands behind an earlier one of the same message.
    #[inline(always)]
    pub(super) fn behind(self, earlier: Self) -> usize {
        earlier.rest.len().wrapping_sub(self.rest.len())
    }

    /// Consumes and appends levels of iTick's that can be read at once; says whether those were all, and the list ended.
    #[inline(always)]
    pub(super) fn rows(&mut self, scales: (u8, u8), levels: &mut Vec<Level>) -> bool {
        let Rows { rest, ended } = self.numbers.rows(self.rest, scales, levels);
        self.rest = rest;
        ended
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
