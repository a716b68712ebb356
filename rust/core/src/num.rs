//! Exact decimals: JSON number text (or a quoted one) straight into integers, no float on the way.

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
    /// A number with more than [`MAX_SCALE`] digits after the decimal point, trailing zeros aside.
    TooFine,
}

impl Decimal {
    /// Parses a decimal: optional minus, digits, optional fraction, optional exponent. Leading zeros are accepted (venues
    /// that quote their numbers send them); a lone `.`, a plus sign in front, spaces, hex, `NaN`, `Infinity` are not.
    ///
    /// # Errors
    /// [`NumError`], see its variants.
    pub fn parse(_text: &[u8]) -> Result<Self, NumError> {
        Err(NumError::Syntax)
    }

    /// The value as an integer at this scale, if it can be written so exactly and fits an `i64`.
    #[must_use]
    pub fn at_scale(self, _scale: u8) -> Option<i64> {
        None
    }
}
