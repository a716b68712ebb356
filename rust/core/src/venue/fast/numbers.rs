//! What reads numbers: word by word, or with vectors where the processor has them.

use crate::event::Level;
use crate::num::power_of_ten;

/// Most digits of a number that is read here.
const MOST_DIGITS: usize = 18;

/// A way to read numbers. All ways give the same answers; `None` for anything they do not expect.
pub(in super::super) trait Numbers: Copy {
    /// The number in front of a text, and the rest: digits, and after a point more digits; no sign, no exponent, no zero in front
    /// of another digit.
    fn number(self, text: &[u8]) -> Option<(Plain, &[u8])>;

    /// Whether two texts begin with the same `length` bytes; `false` also where that is not known at once.
    fn same(self, a: &[u8], b: &[u8], length: usize) -> bool;

    /// Appends the levels of iTick's in front of a text, `{"po":1,"p":3086.72,"v":0.5}` and perhaps `,"o":0.5` in them, up to the end
    /// of the list or to the first one that is not read at once. `scales`: of prices and of sizes.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is nothing")]
    fn rows<'a>(self, text: &'a [u8], _scales: (u8, u8), _levels: &mut Vec<Level>) -> Rows<'a> {
        Rows { rest: text, ended: false }
    }
}

/// What [`Numbers::rows`] left.
pub(in super::super) struct Rows<'a> {
    /// A level, or what stands behind the list.
    pub(super) rest: &'a [u8],
    /// Whether the list's end was consumed.
    pub(super) ended: bool,
}

/// A number above or equal to zero, its trailing zeros kept: `coef × 10^-places`.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Plain {
    pub(super) coef: i64,
    pub(super) places: u32,
}

impl Plain {
    /// The number as an integer at a scale, if all of its digits fit there as they stand.
    #[inline]
    pub(super) fn at(self, scale: u8) -> Option<i64> {
        self.coef.checked_mul(power_of_ten(u32::from(scale).checked_sub(self.places)?)?)
    }
}

/// [`Numbers::number`] if it is longer, or so near to the message's end that words reach beyond it.
#[inline(never)]
pub(super) fn number_by_digits(text: &[u8]) -> Option<(Plain, &[u8])> {
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
