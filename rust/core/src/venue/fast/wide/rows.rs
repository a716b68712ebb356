//! iTick's levels, each through a window of sixty-four characters, its price and its size side by side.

use super::super::numbers::{Plain, Rows};
use super::vectors::{ONES_THEN_ZEROS, ZEROS_THEN_ONES, bits, load, not_of_numbers, number, window};
use crate::event::Level;
use core::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castsi256_si128,
    _mm256_cmpeq_epi8, _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_packus_epi32, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_slli_si256, _mm256_xor_si256,
};

/// What stands in front of a price, for a level's number of one digit and of two.
const ONE_DIGIT: &[u8; 16] = b"{\"po\":0,\"p\":    ";
const TWO_DIGITS: &[u8; 16] = b"{\"po\":00,\"p\":   ";

/// The highest and the lowest bit of two halves.
const HIGHEST: u32 = 0x8000_8000;
const LOWEST: u32 = 0x0001_0001;

/// See [`super::super::numbers::Numbers::rows`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn rows<'a>(mut text: &'a [u8], scales: (u8, u8), levels: &mut Vec<Level>) -> Rows<'a> {
    loop {
        let mut copy;
        let near = if let Some(near) = text.first_chunk::<64>() {
            near
        } else {
            copy = [0; 64];
            let Some(room) = copy.get_mut(..text.len()) else { break };
            room.copy_from_slice(text);
            &copy
        };
        let Some((level, length)) = row(near, scales) else { break };
        let Some((closing, rest)) = text.get(length..).and_then(<[u8]>::split_first_chunk::<2>) else { break };
        let ended = closing == b"}]";
        if !ended && closing != b"}," {
            break;
        }
        levels.push(level);
        text = rest;
        if ended {
            return Rows { rest, ended };
        }
    }
    Rows { rest: text, ended: false }
}

/// The level at the start of a window, and the length of it up to its closing brace.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn row(text: &[u8; 64], scales: (u8, u8)) -> Option<(Level, usize)> {
    let stops = not_of_numbers(text);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "places in a window; the shift takes what counts of larger ones"
    )]
    let end = |start: usize| start.wrapping_add(stops.wrapping_shr(start as u32).trailing_zeros() as usize);

    let price_start = behind_position(text)?;
    let price_end = end(price_start);
    let size_start = behind(text, price_end, *b"\0\0\0,\"v\":")?;
    let size_end = end(size_start);
    let (price_length, size_length) = (price_end.wrapping_sub(price_start), size_end.wrapping_sub(size_start));
    if price_length.wrapping_sub(1) > 15 || size_length.wrapping_sub(1) > 15 {
        return None;
    }
    let size = last_sixteen(text, size_end)?;
    let both = _mm256_set_m128i(size, last_sixteen(text, price_end)?);
    let mine = _mm256_set_m128i(window(&ZEROS_THEN_ONES, size_length), window(&ZEROS_THEN_ONES, price_length));
    let [price, size_] = numbers(both, mine)?;
    let price = price.at(scales.0).filter(|price| *price > 0)?;
    let level = Level { price, size: size_.at(scales.1)? };

    let Some(orders_start) = behind(text, size_end, *b"\0\0\0,\"o\":") else { return Some((level, size_end)) };
    let orders_end = end(orders_start);
    let equal = bits(_mm_cmpeq_epi8(size, last_sixteen(text, orders_end)?)) << 16;
    let equal = equal.leading_ones() as usize >= size_length;
    if orders_end.wrapping_sub(orders_start) != size_length || !equal {
        let (_, rest) = number(text.get(orders_start..)?)?;
        if text.len().wrapping_sub(rest.len()) != orders_end {
            return None;
        }
    }
    Some((level, orders_end))
}

/// The place behind `{"po":1,"p":`, with any number of one or two digits in it.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn behind_position(text: &[u8; 64]) -> Option<usize> {
    let [_, _, _, _, _, _, first, second, ..] = *text;
    let head = load(text.first_chunk()?);
    if bits(_mm_cmpeq_epi8(head, load(ONE_DIGIT))) & 0xfbf == 0xfbf {
        return first.is_ascii_digit().then_some(12);
    }
    let two = bits(_mm_cmpeq_epi8(head, load(TWO_DIGITS))) & 0x1f3f == 0x1f3f;
    (two && matches!(first, b'1'..=b'9') && second.is_ascii_digit()).then_some(13)
}

/// The place behind five characters, the last of these eight.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn behind(text: &[u8; 64], at: usize, wanted: [u8; 8]) -> Option<usize> {
    let here = u64::from_le_bytes(*text.get(at..)?.first_chunk()?);
    (here << 24 == u64::from_le_bytes(wanted)).then_some(at.wrapping_add(5))
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn last_sixteen(text: &[u8; 64], end: usize) -> Option<__m128i> {
    Some(load(text.get(..end)?.last_chunk()?))
}

/// Two numbers, the characters of each at the end of its half where `mine` is set.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn numbers(both: __m256i, mine: __m256i) -> Option<[Plain; 2]> {
    let values = _mm256_xor_si256(both, _mm256_set1_epi8(0x30));
    let all = bits_of_both(mine);
    let digits = bits_of_both(_mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values)) & all;
    let points = bits_of_both(_mm256_cmpeq_epi8(both, _mm256_set1_epi8(0x2e))) & all;
    let zeros = bits_of_both(_mm256_cmpeq_epi8(values, _mm256_setzero_si256()));
    let firsts = all & !((all << 1) & !(1 << 16));
    // A point in front or at the end; a second one: taking one from a half that has one bit, or none, leaves nothing of it.
    let bad_points = points & (firsts | HIGHEST | ((points | HIGHEST).wrapping_sub(LOWEST) & !HIGHEST));
    let bad_zeros = zeros & firsts & ((digits & !LOWEST) >> 1);
    if (digits | points) ^ all | bad_points | bad_zeros != 0 {
        return None;
    }
    let up_to_point = [points & 0xffff, points >> 16].map(|half| 32_u32.wrapping_sub(half.leading_zeros()));
    let [first, second] = up_to_point.map(|count| window(&ONES_THEN_ZEROS, 16_usize.wrapping_sub(count as usize)));
    let values = _mm256_and_si256(values, mine);
    let digits = _mm256_blendv_epi8(values, _mm256_slli_si256::<1>(values), _mm256_set_m128i(second, first));
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    let eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), _mm256_set1_epi32(0x0001_2710));
    let [first, second] = [_mm256_castsi256_si128(eights), _mm256_extracti128_si256::<1>(eights)].map(|half| {
        let both = _mm_cvtsi128_si64(half);
        (both & 0xffff_ffff).wrapping_mul(100_000_000).wrapping_add(both >> 32)
    });
    let [first_places, second_places] = up_to_point.map(|count| 16_u32.wrapping_sub(count) & 15);
    Some([Plain { coef: first, places: first_places }, Plain { coef: second, places: second_places }])
}

/// The highest bit of each byte of two halves.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn bits_of_both(bytes: __m256i) -> u32 {
    _mm256_movemask_epi8(bytes).cast_unsigned()
}
