//! Scales that move: whatever comes, a value that was taken is exact, and nothing moves back and forth.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test: a panic is its way to fail")]

use ferrofeed_core::instrument::{Fit, Scale};
use ferrofeed_core::num::Decimal;
use proptest::prelude::*;

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).unwrap()
}

#[test]
fn a_value_too_fine_raises_the_scale_and_a_value_too_large_lowers_it() {
    let mut scale = Scale::default();
    assert_eq!(scale.fit(decimal("1.5")), Fit::Fits(150_000_000));
    assert_eq!(scale.fit(decimal("0.0000000001")), Fit::Moved(1));
    assert_eq!(scale.digits(), 10);
    let mut scale = Scale::default();
    assert_eq!(scale.fit(decimal("123456789012.5")), Fit::Moved(123_456_789_012_500_000));
    assert_eq!(scale.digits(), 6);
}

#[test]
fn what_fits_no_scale_is_refused_and_moves_nothing() {
    let mut scale = Scale::default();
    assert!(matches!(scale.fit(decimal("0.000000000000000001")), Fit::Moved(1)));
    assert_eq!(scale.fit(decimal("1000")), Fit::No);
    assert_eq!(scale.digits(), 18);
    assert_eq!(scale.fit(decimal("0.000000000000000002")), Fit::Fits(2));
}

#[test]
fn a_scale_set_by_hand_never_moves() {
    let mut scale = Scale::fixed(2);
    assert_eq!(scale.fit(decimal("1.25")), Fit::Fits(125));
    assert_eq!(scale.fit(decimal("1.255")), Fit::No);
    assert_eq!(scale.fit(decimal("999999999999999999")), Fit::No);
    assert_eq!(scale.digits(), 2);
    assert_eq!(Scale::fixed(200).digits(), 18);
}

proptest! {
    #[test]
    fn values_taken_are_exact_and_moves_are_few(texts in prop::collection::vec("-?[0-9]{1,16}(\\.[0-9]{1,16})?", 1..200)) {
        let mut scale = Scale::default();
        let mut moves = 0;
        for text in texts {
            let Ok(value) = Decimal::parse(text.as_bytes()) else { continue };
            let before = scale.digits();
            match scale.fit(value) {
                Fit::Fits(scaled) => {
                    prop_assert_eq!(before, scale.digits());
                    prop_assert_eq!(i128::from(scaled), exact(value, before).unwrap());
                }
                Fit::Moved(scaled) => {
                    moves += 1;
                    prop_assert_ne!(before, scale.digits());
                    prop_assert_eq!(i128::from(scaled), exact(value, scale.digits()).unwrap());
                }
                Fit::No => {
                    prop_assert_eq!(before, scale.digits());
                    // refused values really do not fit the scale as it stands
                    prop_assert!(exact(value, before).is_none_or(|scaled| i64::try_from(scaled).is_err()));
                }
            }
        }
        prop_assert!(moves <= 36, "{} moves", moves);
    }
}

/// The naive oracle: `coef * 10^(digits - scale)`, if that is a whole number.
fn exact(value: Decimal, digits: u8) -> Option<i128> {
    let up = i32::from(digits) - i32::from(value.scale);
    (up >= 0).then(|| i128::from(value.coef) * 10_i128.pow(up.unsigned_abs()))
}
