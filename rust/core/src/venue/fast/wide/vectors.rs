//! Sixteen characters at once.
#![allow(unsafe_code, reason = "loads vectors from memory")]

use super::super::numbers::{Plain, number_by_digits};
use core::arch::x86_64::{
    __m128i, __m256i, _mm_blendv_epi8, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_madd_epi16,
    _mm_maddubs_epi16, _mm_min_epu8, _mm_movemask_epi8, _mm_packus_epi32, _mm_set1_epi8, _mm_set1_epi16,
    _mm_set1_epi32, _mm_shuffle_epi8, _mm_slli_si128, _mm_xor_si128, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_sub_epi8,
};

/// Sixteen bytes of this, then sixteen of the other: sixteen in a row of them are a mask with its edge anywhere.
const fn edge(this: u8, other: u8) -> [[u8; 16]; 2] {
    [[this; 16], [other; 16]]
}
pub(super) static ZEROS_THEN_ONES: [[u8; 16]; 2] = edge(0, 0xff);
pub(super) static ONES_THEN_ZEROS: [[u8; 16]; 2] = edge(0xff, 0);
/// From the byte `n` on: what moves the first `n` bytes of a vector to its end and zeros in front of them.
static TO_THE_END: [[u8; 16]; 2] = [[0x80; 16], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]];

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn number(text: &[u8]) -> Option<(Plain, &[u8])> {
    let Some(front) = text.first_chunk::<16>() else { return number_by_digits(text) };
    let front = load(front);
    let values = _mm_xor_si128(front, _mm_set1_epi8(0x30));
    // Bits from 16 up stand for the end of what is seen.
    let stops = !digits(values);
    let point = points(front) & stops & stops.wrapping_neg();
    let end = (stops ^ point).trailing_zeros();
    if end > 15 {
        return number_by_digits(text);
    }
    let aligned = _mm_shuffle_epi8(values, window(&TO_THE_END, end as usize));
    let plain = joined(aligned, point.wrapping_shl(16_u32.wrapping_sub(end)), end, text.first() == Some(&b'0'))?;
    Some((plain, text.get(end as usize..)?))
}

/// The number of so many characters whose digits' values stand at the end of a vector, with zeros in front. The bit `point`
/// says which of them is a point instead.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn joined(values: __m128i, point: u32, length: u32, zero_first: bool) -> Option<Plain> {
    // Up to the point and with it; none without one.
    let up_to_point = 32_u32.wrapping_sub(point.leading_zeros());
    let (places, pointed) = if point == 0 { (0, 0) } else { (16_u32.wrapping_sub(up_to_point), 1) };
    let whole = length.wrapping_sub(places).wrapping_sub(pointed);
    if whole == 0 || (zero_first && whole > 1) || places < pointed {
        return None;
    }
    let over_point = window(&ONES_THEN_ZEROS, 16_usize.wrapping_sub(up_to_point as usize));
    let digits = _mm_blendv_epi8(values, _mm_slli_si128::<1>(values), over_point);
    let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x0001_2710));
    let both = _mm_cvtsi128_si64(eights);
    let coef = (both & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(both >> 32);
    Some(Plain { coef, places })
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn same(a: &[u8], b: &[u8], length: usize) -> bool {
    let (Some(a), Some(b)) = (a.first_chunk::<16>(), b.first_chunk::<16>()) else { return false };
    let differ = !bits(_mm_cmpeq_epi8(load(a), load(b)));
    length <= 16 && differ.trailing_zeros() as usize >= length
}

/// The bits of the bytes that are digits' values.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn digits(values: __m128i) -> u32 {
    bits(_mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values))
}

/// The bits of the characters that are points.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn points(text: __m128i) -> u32 {
    bits(_mm_cmpeq_epi8(text, _mm_set1_epi8(0x2e)))
}

/// The bits of the characters that are neither digits nor points (nor slashes, which stand between them).
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn not_of_numbers(text: &[u8; 64]) -> u64 {
    let of_numbers = |half: __m256i| {
        let above_point = _mm256_sub_epi8(half, _mm256_set1_epi8(0x2e));
        let among = _mm256_cmpeq_epi8(_mm256_min_epu8(above_point, _mm256_set1_epi8(11)), above_point);
        u64::from(_mm256_movemask_epi8(among).cast_unsigned())
    };
    let front = text.as_ptr();
    // SAFETY: the text has twice thirty-two bytes; these loads need no alignment.
    let (front, back) = unsafe { (_mm256_loadu_si256(front.cast()), _mm256_loadu_si256(front.add(32).cast())) };
    !(of_numbers(front) | (of_numbers(back) << 32))
}

/// The highest bit of each byte.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn bits(bytes: __m128i) -> u32 {
    _mm_movemask_epi8(bytes).cast_unsigned()
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn load(text: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen bytes are there; this load needs no alignment.
    unsafe { _mm_loadu_si128(text.as_ptr().cast()) }
}

/// Sixteen bytes of a table from one on; from the last possible one on if that is too far.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn window(table: &[[u8; 16]; 2], from: usize) -> __m128i {
    // SAFETY: at most 16 of the 32 bytes are skipped, sixteen are left; this load needs no alignment.
    unsafe { _mm_loadu_si128(table.as_ptr().cast::<u8>().add(from.min(16)).cast()) }
}
