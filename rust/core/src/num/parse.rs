//! Decimal text to an integer and a scale: sixteen characters at once, and any other form the slow way.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "shift counts and digit sums have the small bounds stated beside them; the multiplications inside a word \
              are a known construction; both are tested against a bignum oracle"
)]

use super::word::eight_digits;
use super::{Decimal, MAX_SCALE, NumError};

/// A plain unsigned number of 1 to 16 characters: digits, with at most one point between digits. `None` for anything
/// else, good or bad: [`any`] decides.
///
/// All characters are worked on side by side in one word (the last character in the highest byte), so that there is no
/// branch on where the point stands or how many digits there are: prices change both from one to the next. The word is
/// the smaller one that holds the text: most prices and sizes fit eight characters, at half the cost.
#[inline]
pub(super) fn short(body: &[u8]) -> Option<Decimal> {
    let length = body.len();
    if let Some(front) = body.first_chunk::<8>() {
        let front = u64::from_le_bytes(*front);
        return if length == 8 { eight_characters(front, 8) } else { sixteen_characters(body, front) };
    }
    // Two overlapping reads, from the front and from the end, cover every length without a loop; what both have read is
    // shifted out of the front one.
    let text = if let (Some(front), Some(end)) = (body.first_chunk::<4>(), body.last_chunk::<4>()) {
        let front = (u64::from(u32::from_le_bytes(*front)) << (8 * (8 - length))) & 0xffff_ffff;
        (u64::from(u32::from_le_bytes(*end)) << 32) | front
    } else {
        match *body {
            [a] => u64::from(a) << 56,
            [a, b] => u64::from_le_bytes([0, 0, 0, 0, 0, 0, a, b]),
            [a, b, c] => u64::from_le_bytes([0, 0, 0, 0, 0, a, b, c]),
            _ => return None,
        }
    };
    eight_characters(text, length)
}

/// [`short`] within one word of 64 or 128 bits.
macro_rules! within_a_word {
    ($function:ident, $word:ty, $bytes:literal, $value:path) => {
        /// The number whose `length` characters (at least 1) stand at the high end of `text`, zero bytes below them.
        #[inline]
        fn $function(text: $word, length: usize) -> Option<Decimal> {
            const fn repeat(byte: u8) -> $word {
                <$word>::from_le_bytes([byte; $bytes])
            }
            let absent = $bytes - length;
            // The bytes below the text are 0 and stay 0: they become leading zero digits.
            let values = text ^ (repeat(b'0') << (8 * absent));
            let not_digits = (((values & repeat(0x7f)) + repeat(0x80 - 10)) | values) & repeat(0x80);
            if not_digits == 0 {
                return Some(Decimal { coef: $value(values), scale: 0 });
            }
            // Up to the highest bit of the first byte that is no digit: that byte and all below it.
            let up_to_point = not_digits ^ (not_digits - 1);
            let below_point = up_to_point >> 8;
            let point = up_to_point ^ below_point;
            let places = (not_digits.leading_zeros() / 8) as usize;
            let whole_digits = $bytes - 1 - absent.wrapping_add(places);
            let good = not_digits.is_power_of_two() && values & point == repeat(b'.' ^ b'0') & point;
            if !good || places == 0 || whole_digits == 0 {
                return None;
            }
            let digits = (values & !up_to_point) | ((values & below_point) << 8);
            let zeros = ((digits.leading_zeros() / 8) as usize).min(places);
            let scale = u8::try_from(places - zeros).ok()?;
            Some(Decimal { coef: $value(digits << (8 * zeros)), scale })
        }
    };
}

within_a_word!(eight_characters, u64, 8, eight_digits);
within_a_word!(two_words, u128, 16, sixteen_digits);

/// A text of 9 to 16 characters, of which the first eight are `front`.
#[inline]
fn sixteen_characters(body: &[u8], front: u64) -> Option<Decimal> {
    let absent = 16_usize.checked_sub(body.len())?;
    let end = u64::from_le_bytes(*body.last_chunk()?);
    two_words((u128::from(end) << 64) | u128::from(front << (8 * absent)), body.len())
}

/// Sixteen digit values (0 to 9), the first in the lowest byte, as a number below `10^16`.
#[inline]
fn sixteen_digits(digits: u128) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    let (front, end) = (digits as u64, (digits >> 64) as u64);
    eight_digits(front) * 100_000_000 + eight_digits(end)
}

/// Any text, after its minus sign.
#[cold]
pub(super) fn any(negative: bool, body: &[u8]) -> Result<Decimal, NumError> {
    let (whole, rest) = digits(body);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => match digits(rest) {
            ([], _) => return Err(NumError::Syntax),
            split => split,
        },
        _ => (rest.get(..0).unwrap_or_default(), rest),
    };
    if whole.is_empty() {
        return Err(NumError::Syntax);
    }
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => exponent(rest)?,
        _ => return Err(NumError::Syntax),
    };

    // The significant digits are `whole` then `fraction`, the last of them worth 10^last.
    let mut last = exponent.saturating_sub_unsigned(fraction.len() as u64);
    let mut strip_end = |digits: &mut &[u8]| {
        while let [rest @ .., b'0'] = *digits {
            *digits = rest;
            last = last.saturating_add(1);
        }
    };
    let (mut whole, mut fraction) = (whole, fraction);
    strip_end(&mut fraction);
    if fraction.is_empty() {
        strip_end(&mut whole);
    }
    whole = without_leading_zeros(whole);
    if whole.is_empty() {
        fraction = without_leading_zeros(fraction);
    }
    let count = whole.len().saturating_add(fraction.len());
    if count == 0 {
        return Ok(Decimal::default());
    }
    if last < -i64::from(MAX_SCALE) {
        return Err(NumError::TooFine);
    }
    let zeros = usize::try_from(last).unwrap_or(0);
    // Nineteen digits always fit a u64, and no i64 has more.
    if count.saturating_add(zeros) > 19 {
        return Err(NumError::TooLarge);
    }
    let digit = |sum: u64, byte: &u8| sum * 10 + u64::from(byte & 0x0f);
    let sum = whole.iter().chain(fraction).fold(0, digit);
    let magnitude = (0..zeros).fold(sum, |sum, _| sum * 10);
    let scale = u8::try_from(-last.min(0)).map_err(|_| NumError::TooFine)?;
    let coef = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    coef.map(|coef| Decimal { coef, scale }).ok_or(NumError::TooLarge)
}

/// The digits a text starts with, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().position(|&byte| byte != b'0').unwrap_or(digits.len());
    digits.get(zeros..).unwrap_or_default()
}

/// What follows the `e`. Saturates: no text is so long that its digits could bring such an exponent back into range.
fn exponent(text: &[u8]) -> Result<i64, NumError> {
    let (negative, body) = match text {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] | body => (false, body),
    };
    if body.is_empty() {
        return Err(NumError::Syntax);
    }
    let mut sum = 0_i64;
    for &byte in body {
        if !byte.is_ascii_digit() {
            return Err(NumError::Syntax);
        }
        sum = sum.saturating_mul(10).saturating_add(i64::from(byte & 0x0f));
    }
    Ok(if negative { -sum } else { sum })
}
