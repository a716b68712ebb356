//! Comparing decimals of differing scales without losing a digit, whatever their size.

/// Whether `a × 10^-a_scale` is at most `b × 10^-b_scale`. Never saturates: what does not fit after scaling is larger (or, below
/// zero, smaller) than any number that does.
pub(super) fn at_most(a: i128, a_scale: u8, b: i128, b_scale: u8) -> bool {
    match a_scale.checked_sub(b_scale) {
        Some(up) => raised(b, up).map_or(b > 0, |b| a <= b),
        None => raised(a, b_scale.saturating_sub(a_scale)).map_or(a < 0, |a| a <= b),
    }
}

/// `value × 10^up`, if it fits.
fn raised(value: i128, up: u8) -> Option<i128> {
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10_i128.checked_pow(up.into())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_ends_of_the_range_are_compared_like_any_other() {
        for (a, a_scale, b, b_scale, expected) in [
            (1, 0, 1, 0, true),
            (100, 2, 1, 0, true),
            (101, 2, 1, 0, false),
            (1, 0, 100, 2, true),
            (1, 0, 99, 2, false),
            (i128::MAX, 0, i128::MAX, 0, true),
            (i128::MAX, 0, i128::MAX, 1, false),
            (i128::MAX, 1, i128::MAX, 0, true),
            (i128::MIN, 0, i128::MIN, 255, true),
            (i128::MIN, 255, i128::MIN, 0, false),
            (0, 255, 0, 0, true),
            (0, 0, 0, 255, true),
            (0, 0, -1, 255, false),
            (-1, 255, 0, 0, true),
            (1, 255, 0, 0, false),
            (1, 0, i128::MAX, 255, false),
            (1, 255, 1, 0, true),
        ] {
            assert_eq!(at_most(a, a_scale, b, b_scale), expected, "{a} e-{a_scale} <= {b} e-{b_scale}");
        }
    }

    /// The digits before and behind the point, side by side: a comparison by text.
    fn text_at_most(a: i128, a_scale: u8, b: i128, b_scale: u8) -> bool {
        let digits = |value: i128, scale: u8| {
            let zeros = usize::from(u8::MAX.abs_diff(scale));
            format!("{:0>400}", format!("{}{}", value.unsigned_abs(), "0".repeat(zeros)))
        };
        match (a < 0, b < 0) {
            (false, false) => digits(a, a_scale) <= digits(b, b_scale),
            (true, true) => digits(a, a_scale) >= digits(b, b_scale),
            (true, false) => true,
            (false, true) => false,
        }
    }

    proptest! {
        #[test]
        fn as_by_text(a: i128, b: i128, shift_a in 0_u32..127, shift_b in 0_u32..127, a_scale: u8, b_scale in 0_u8..40) {
            let (a, b) = (a >> shift_a, b >> shift_b);
            for a_scale in [a_scale, a_scale % 40, b_scale] {
                prop_assert_eq!(at_most(a, a_scale, b, b_scale), text_at_most(a, a_scale, b, b_scale));
            }
        }
    }
}
