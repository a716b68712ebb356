//! Exact decimals: JSON number text (or a quoted one) straight into integers, no float on the way, and back to text.

mod parse;
mod render;
pub(crate) mod word;

pub use render::fmt_scaled;

use std::fmt;

/// A decimal number, exactly as sent: `coef × 10^-scale`, trailing zeros removed (`1.50` → coef 15, scale 1; `0` → 0, 0;
/// `1e3` → coef 1000, scale 0). `coef` uses the whole range of `i64`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decimal {
    /// All significant digits as an integer, with the sign.
    pub coef: i64,
    /// Digits after the decimal point; at most [`MAX_SCALE`].
    pub scale: u8,
}

/// The largest scale a value or an instrument may have: `10^18` is the largest power of ten in an `i64`.
pub const MAX_SCALE: u8 = 18;

/// Why a text is no decimal of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumError {
    /// Not a number in JSON's grammar (leading zeros are allowed inside a quoted number, see [`Decimal::parse`]).
    Syntax,
    /// A number, but with more significant digits, or larger, than an `i64` holds.
    TooLarge,
    /// A number with more than [`MAX_SCALE`] digits after the decimal point, trailing zeros aside (also when its digits
    /// would not fit an `i64` either).
    TooFine,
}

impl fmt::Display for NumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "not a decimal number",
            Self::TooLarge => "a number with more digits than 64 bits hold",
            Self::TooFine => "a number with more than 18 decimal places",
        })
    }
}

impl std::error::Error for NumError {}

impl Decimal {
    /// Parses a decimal: optional minus, digits, optional fraction, optional exponent. Leading zeros are accepted (venues
    /// that quote their numbers send them); a lone `.`, a plus sign in front, spaces, hex, `NaN`, `Infinity` are not.
    ///
    /// The cost is linear in the length of the text, whatever the exponent's size.
    ///
    /// # Errors
    /// [`NumError`], see its variants.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Self, NumError> {
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            body => (false, body),
        };
        match parse::short(body) {
            Some(Self { coef, scale }) => Ok(Self { coef: if negative { coef.wrapping_neg() } else { coef }, scale }),
            None => parse::any(negative, body),
        }
    }

    /// The value as an integer at this scale, if it can be written so exactly and fits an `i64`.
    #[inline]
    #[must_use]
    pub fn at_scale(self, scale: u8) -> Option<i64> {
        match scale.checked_sub(self.scale) {
            Some(0) => Some(self.coef),
            Some(up) => match power_of_ten(up.into()) {
                Some(power) => self.coef.checked_mul(power),
                None => (self.coef == 0).then_some(0),
            },
            None => self.coarser(self.scale.wrapping_sub(scale)),
        }
    }

    /// The coefficient with `down` decimal places fewer; only a hand-made value, with trailing zeros, has any to spare.
    fn coarser(self, down: u8) -> Option<i64> {
        match power_of_ten(down.into()) {
            Some(power) if self.coef.checked_rem(power) == Some(0) => self.coef.checked_div(power),
            Some(_) => None,
            None => (self.coef == 0).then_some(0),
        }
    }

    /// Appends the value as plain decimal text, see [`fmt_scaled`].
    pub fn write(self, out: &mut Vec<u8>) {
        fmt_scaled(self.coef, self.scale, out);
    }
}

/// Plain decimal text: never an exponent, never trailing zeros.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        render::pieces(self.coef, self.scale, |piece| match std::str::from_utf8(piece) {
            Ok(piece) => f.write_str(piece),
            Err(_) => Err(fmt::Error),
        })
    }
}

/// `10^exponent`, if an `i64` holds it.
#[inline]
pub(crate) fn power_of_ten(exponent: u32) -> Option<i64> {
    const POWERS: [i64; 19] = [
        1,
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
        10_000_000_000,
        100_000_000_000,
        1_000_000_000_000,
        10_000_000_000_000,
        100_000_000_000_000,
        1_000_000_000_000_000,
        10_000_000_000_000_000,
        100_000_000_000_000_000,
        1_000_000_000_000_000_000,
    ];
    POWERS.get(exponent as usize).copied()
}
