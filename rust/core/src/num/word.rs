//! Eight characters of a number side by side in one word, the first in the lowest byte.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "digit sums have the small bounds stated beside them; the multiplications inside a word are a known \
              construction; all is tested against a bignum oracle"
)]

/// This byte eight times.
pub(crate) const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is no digit's value (0 to 9): of text, after `^ repeat(b'0')`.
#[inline]
pub(crate) const fn not_values(values: u64) -> u64 {
    (((values & repeat(0x7f)) + repeat(0x80 - 10)) | values) & repeat(0x80)
}

/// The highest bit of each byte that is no digit.
#[inline]
pub(crate) const fn not_digits(text: u64) -> u64 {
    not_values(text ^ repeat(b'0'))
}

/// Eight digit values, the first in the lowest byte: neighbours are joined to pairs, pairs to fours, fours to eight, each
/// time by one multiplication for the whole word.
#[inline]
pub(crate) const fn eight_digits(digits: u64) -> i64 {
    const PAIR: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let odd = (pairs & PAIR).wrapping_mul(100 + (1_000_000 << 32));
    let even = ((pairs >> 16) & PAIR).wrapping_mul(1 + (10_000 << 32));
    #[expect(clippy::cast_possible_wrap, reason = "below 10^8")]
    let value = (odd.wrapping_add(even) >> 32) as i64;
    value
}
