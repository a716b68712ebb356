//! An integer and a scale to plain decimal text.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "quotients and shift counts have the small bounds stated beside them; the multiplications inside a word are \
              a known construction; both are tested against a string oracle"
)]

/// Appends `value × 10^-scale` as plain decimal text: a minus if negative, at least one digit in front of the point, no
/// trailing zeros, no point without a digit after it, never an exponent. `(4500050, 2)` → `45000.5`, `(-5, 3)` → `-0.005`,
/// `(100, 2)` → `1`. Any `value` and any `scale`; nothing is allocated beyond `out`'s own growth.
#[inline]
pub fn fmt_scaled(value: i64, scale: u8, out: &mut Vec<u8>) {
    let appended: Result<(), std::convert::Infallible> = pieces(value, scale, |piece| {
        out.extend_from_slice(piece);
        Ok(())
    });
    match appended {
        Ok(()) => {}
    }
}

/// The text of [`fmt_scaled`], piece by piece; every piece is ASCII.
#[inline]
pub(super) fn pieces<E>(value: i64, scale: u8, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let text = ascii_digits(value.unsigned_abs());
    let significant = text.iter().position(|&byte| byte != b'0');
    let digits = significant.and_then(|from| text.get(from..)).unwrap_or_default();
    if digits.is_empty() {
        return put(b"0");
    }
    if value < 0 {
        put(b"-")?;
    }
    let scale = usize::from(scale);
    let (whole, fraction) = digits.split_at_checked(digits.len().saturating_sub(scale)).unwrap_or((digits, &[]));
    put(if whole.is_empty() { b"0" } else { whole })?;
    let kept = fraction.iter().rposition(|&byte| byte != b'0').map_or(0, |last| last + 1);
    let Some(fraction @ [_, ..]) = fraction.get(..kept) else { return Ok(()) };
    put(b".")?;
    let mut zeros = scale.saturating_sub(digits.len());
    while zeros > 0 {
        const ZEROS: &[u8; 32] = &[b'0'; 32];
        let run = ZEROS.get(..zeros).unwrap_or(ZEROS);
        put(run)?;
        zeros -= run.len();
    }
    put(fraction)
}

/// 24 digits, zeros in front.
#[inline]
fn ascii_digits(value: u64) -> [u8; 24] {
    const EIGHT: u64 = 100_000_000;
    let (front, end) = (value / EIGHT, value % EIGHT);
    bytemuck::cast([eight(front / EIGHT), eight(front % EIGHT), eight(end)])
}

/// A number below `10^8` as eight ASCII digits, the first in the lowest byte: split into fours, pairs and single digits,
/// each time with one multiplication for the whole word (a multiplication and a shift stand for the division).
#[inline]
fn eight(value: u64) -> u64 {
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = tens | ((pairs - 10 * tens) << 8);
    (digits | 0x3030_3030_3030_3030).to_le()
}
