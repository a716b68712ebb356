//! Money and average prices as exact decimal text.

use super::money::CENT;
use crate::orders::{MONEY_SCALE, Rules};

/// Money as plain decimal text with all its digits: a minus if negative, no trailing zeros, never an exponent.
#[must_use]
pub fn money_text(money: i128) -> String {
    let digits = format!("{:0>19}", money.unsigned_abs());
    let (whole, fraction) =
        digits.split_at_checked(digits.len().saturating_sub(MONEY_SCALE.into())).unwrap_or((&digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let sign = if money < 0 { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{fraction}")
}

/// What one unit cost on average, as money, where `cost` bought `quantity` (at the size scale); 0 of nothing. Rounded half up to the
/// eighth digit, or to the price's last where a price has more.
#[must_use]
pub fn average_price(cost: i128, quantity: i64, rules: &Rules) -> i128 {
    let of = i128::from(quantity);
    let up = 10_i128.saturating_pow(rules.size_scale.into());
    let (Some(whole), Some(rest)) = (cost.checked_div_euclid(of), cost.checked_rem_euclid(of)) else { return 0 };
    // the rest is below 2^63 and the power below 2^60: no product of both overflows
    let below = rest.saturating_mul(up).checked_div(of).unwrap_or(0);
    let exact = whole.saturating_mul(up).saturating_add(below);
    let digits = u32::from(MONEY_SCALE.saturating_sub(rules.price_scale));
    let unit = CENT.min(10_i128.saturating_pow(digits)).max(1);
    let half = unit.checked_div(2).unwrap_or(0);
    exact.saturating_add(half).checked_div_euclid(unit).unwrap_or(0).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::Product;

    #[test]
    fn money_has_all_its_digits_and_no_more() {
        let one = 10_i128.pow(18);
        for (money, text) in [
            (0, "0"),
            (one, "1"),
            (-one, "-1"),
            (one / 2, "0.5"),
            (1, "0.000000000000000001"),
            (-1, "-0.000000000000000001"),
            (1_000 * one + one / 100, "1000.01"),
            (i128::MAX, "170141183460469231731.687303715884105727"),
            (i128::MIN, "-170141183460469231731.687303715884105728"),
        ] {
            assert_eq!(money_text(money), text);
        }
    }

    #[test]
    fn averages_are_rounded_half_up_to_the_eighth_digit() {
        let mut rules = Rules {
            symbol: "A/B".into(),
            raw_symbol: "A/B".into(),
            product: Product::Spot,
            base: "A".into(),
            quote: "B".into(),
            settle: "B".into(),
            price_scale: 2,
            size_scale: 1,
            tick: 1,
            lot: 1,
            min_size: 0,
            max_size: 0,
            min_price: 0,
            min_notional: 0,
        };
        let one = 10_i128.pow(18);
        let text = |cost, quantity, rules: &Rules| money_text(average_price(cost, quantity, rules));
        // 100 paid for 0.3, for 3.0, for nothing
        assert_eq!(text(100 * one, 3, &rules), "333.33333333");
        assert_eq!(text(200 * one, 30, &rules), "66.66666667");
        assert_eq!(text(0, 0, &rules), "0");
        (rules.price_scale, rules.size_scale) = (10, 8);
        assert_eq!(text(one, 300_000_000, &rules), "0.3333333333");
        assert_eq!(text(1 << 122, i64::MAX, &rules), "57646075.2303423488");
    }
}
