//! Decimals against a naive oracle that moves the point in the text and lets `i128` do the arithmetic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: failing loudly is the point"
)]

use ferrofeed_core::num::{Decimal, MAX_SCALE, NumError, fmt_scaled};
use proptest::prelude::*;

#[allow(clippy::unnecessary_wraps, reason = "shortens the tables")]
const fn decimal(coef: i64, scale: u8) -> Result<Decimal, NumError> {
    Ok(Decimal { coef, scale })
}

/// The contract of `Decimal::parse`, written the obvious way.
fn oracle(text: &str) -> Result<Decimal, NumError> {
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (sign, body) = text.strip_prefix('-').map_or(("", text), |body| ("-", body));
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent)),
        None => (body, "0"),
    };
    if !all_digits(exponent.strip_prefix('-').unwrap_or(exponent)) || body.contains("e+-") || body.contains("E+-") {
        return Err(NumError::Syntax);
    }
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(NumError::Syntax),
        Some(split) => split,
        None => (mantissa, ""),
    };
    if !all_digits(whole) || !(fraction.is_empty() || all_digits(fraction)) {
        return Err(NumError::Syntax);
    }

    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|digit| digit == b'0') {
        return decimal(0, 0);
    }
    // Exponents beyond the lengths used here change nothing any more.
    let exponent = exponent.parse::<i64>().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX });
    let exponent = isize::try_from(exponent.clamp(-3000, 3000)).unwrap();
    let padding = "0".repeat(3000);
    let digits = format!("{padding}{digits}{padding}");
    let point = (padding.len() + whole.len()).checked_add_signed(exponent).unwrap();
    let (whole, fraction) = digits.split_at(point);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if fraction.len() > usize::from(MAX_SCALE) {
        return Err(NumError::TooFine);
    }
    let coef = format!("{sign}{whole}{fraction}").parse::<i128>().map_err(|_| NumError::TooLarge)?;
    let coef = i64::try_from(coef).map_err(|_| NumError::TooLarge)?;
    decimal(coef, u8::try_from(fraction.len()).unwrap())
}

/// The contract of `fmt_scaled`, written the obvious way.
fn render_oracle(value: i64, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", i128::from(value).abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn rendered(value: i64, scale: u8) -> String {
    let mut out = b"kept:".to_vec();
    fmt_scaled(value, scale, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("kept:").expect("appends").to_owned()
}

#[test]
fn known_texts() {
    let cases = [
        ("0", decimal(0, 0)),
        ("-0", decimal(0, 0)),
        ("-0.000", decimal(0, 0)),
        ("0e999", decimal(0, 0)),
        ("0.000e-99999999999999999999", decimal(0, 0)),
        ("1.50", decimal(15, 1)),
        ("1e3", decimal(1000, 0)),
        ("1e-8", decimal(1, 8)),
        ("1.5E+3", decimal(1500, 0)),
        ("120e-1", decimal(12, 0)),
        ("45000.50", decimal(450_005, 1)),
        ("3034", decimal(3034, 0)),
        ("1731690011321", decimal(1_731_690_011_321, 0)),
        ("1876.832564", decimal(1_876_832_564, 6)),
        ("-0.00000001", decimal(-1, 8)),
        ("007", decimal(7, 0)),
        ("-00.70", decimal(-7, 1)),
        ("000000000000000000000000000000000001.5", decimal(15, 1)),
        ("100", decimal(100, 0)),
        ("999999999999999999", decimal(999_999_999_999_999_999, 0)),
        ("0.999999999999999999", decimal(999_999_999_999_999_999, 18)),
        ("1234567890.123456789", decimal(1_234_567_890_123_456_789, 9)),
        ("9223372036854775807", decimal(i64::MAX, 0)),
        ("-9223372036854775808", decimal(i64::MIN, 0)),
        ("9.223372036854775807", decimal(i64::MAX, 18)),
        ("-9.223372036854775808", decimal(i64::MIN, 18)),
        ("9223372036854775807e-18", decimal(i64::MAX, 18)),
        ("1000000000000000000000000000000e-30", decimal(1, 0)),
        ("1e18", decimal(1_000_000_000_000_000_000, 0)),
        ("0.000000000000000001", decimal(1, 18)),
        ("9223372036854775808", Err(NumError::TooLarge)),
        ("-9223372036854775809", Err(NumError::TooLarge)),
        ("1e19", Err(NumError::TooLarge)),
        ("1e999999999", Err(NumError::TooLarge)),
        ("-1e99999999999999999999999999", Err(NumError::TooLarge)),
        ("10.223372036854775807", Err(NumError::TooLarge)),
        ("0.0000000000000000001", Err(NumError::TooFine)),
        ("1e-19", Err(NumError::TooFine)),
        ("1e-999999999", Err(NumError::TooFine)),
        ("1e-99999999999999999999999999", Err(NumError::TooFine)),
        ("123456789012345678901234567890.1234567890123456789", Err(NumError::TooFine)),
    ];
    for (text, expected) in cases {
        assert_eq!(Decimal::parse(text.as_bytes()), expected, "{text}");
        assert_eq!(oracle(text), expected, "oracle: {text}");
    }
}

#[test]
fn texts_that_are_no_numbers() {
    let cases = [
        "",
        "-",
        "--1",
        "+1",
        ".",
        ".5",
        "1.",
        "-.5",
        "-1.",
        "1.e5",
        "e5",
        "1e",
        "1e+",
        "1e-",
        "1e+-5",
        "1e5.5",
        "1.2.3",
        "1..2",
        " 1",
        "1 ",
        "1,000",
        "1_000",
        "0x10",
        "NaN",
        "nan",
        "Infinity",
        "-inf",
        "1f",
        "١",
        "1\0",
        "\0",
        "12a4",
        "1/2",
        "1:2",
        "1.-2",
        "123456789012345678901234567890x",
        "0.5e5e5",
    ];
    for text in cases {
        assert_eq!(Decimal::parse(text.as_bytes()), Err(NumError::Syntax), "{text:?}");
        assert_eq!(oracle(text), Err(NumError::Syntax), "oracle: {text:?}");
    }
    assert_eq!(Decimal::parse(b"1\xff"), Err(NumError::Syntax));
}

/// Every length of the word-at-a-time path, every place of the point, and every byte value in every place.
#[test]
fn every_shape_of_a_short_number() {
    const DIGITS: &str = "90817263540918273";
    for length in 1..=17 {
        let plain = &DIGITS[..length];
        for text in [plain.to_owned(), format!("-{plain}"), "0".repeat(length)] {
            assert_eq!(Decimal::parse(text.as_bytes()), oracle(&text), "{text}");
        }
        for place in 0..length {
            for tail in 0..=length - place {
                let mut text = plain.to_owned();
                text.replace_range(length - tail..length, &"0".repeat(tail));
                text.replace_range(place..=place, ".");
                assert_eq!(Decimal::parse(text.as_bytes()), oracle(&text), "{text}");
            }
            for byte in 0..=u8::MAX {
                let mut text = plain.as_bytes().to_vec();
                text[place] = byte;
                let expected = std::str::from_utf8(&text).map_or(Err(NumError::Syntax), oracle);
                assert_eq!(Decimal::parse(&text), expected, "{text:?}");
            }
        }
    }
}

#[test]
fn long_texts_take_linear_time() {
    // A quadratic parser would need hours for these.
    let zeros = "0".repeat(2_000_000);
    assert_eq!(Decimal::parse(format!("{zeros}1").as_bytes()), decimal(1, 0));
    assert_eq!(Decimal::parse(format!("1.{zeros}").as_bytes()), decimal(1, 0));
    assert_eq!(Decimal::parse(format!("1{zeros}e-2000000").as_bytes()), decimal(1, 0));
    assert_eq!(Decimal::parse(format!("0.{zeros}1e2000001").as_bytes()), decimal(1, 0));
    assert_eq!(Decimal::parse(format!("1{zeros}").as_bytes()), Err(NumError::TooLarge));
    assert_eq!(Decimal::parse(format!("0.{zeros}1").as_bytes()), Err(NumError::TooFine));
    assert_eq!(Decimal::parse(format!("1e{zeros}3").as_bytes()), decimal(1000, 0));
}

#[test]
fn known_renderings() {
    let cases: [(i64, u8, &str); 14] = [
        (4_500_050, 2, "45000.5"),
        (-5, 3, "-0.005"),
        (0, 0, "0"),
        (0, 8, "0"),
        (100, 2, "1"),
        (100, 0, "100"),
        (-1000, 4, "-0.1"),
        (i64::MIN, 0, "-9223372036854775808"),
        (i64::MIN, 18, "-9.223372036854775808"),
        (i64::MIN, 19, "-0.9223372036854775808"),
        (i64::MAX, 8, "92233720368.54775807"),
        (1, 18, "0.000000000000000001"),
        (1, 40, "0.0000000000000000000000000000000000000001"),
        (10_000_000_000_000_000, 8, "100000000"),
    ];
    for (value, scale, text) in cases {
        assert_eq!(rendered(value, scale), text);
        assert_eq!(Decimal { coef: value, scale }.to_string(), text);
    }
}

#[test]
fn at_scale_by_hand() {
    let at = |coef, scale, wanted| Decimal { coef, scale }.at_scale(wanted);
    assert_eq!(at(15, 1, 8), Some(150_000_000));
    assert_eq!(at(15, 1, 1), Some(15));
    assert_eq!(at(15, 1, 0), None);
    assert_eq!(at(150, 2, 1), Some(15), "trailing zeros of a hand-made value are no obstacle");
    assert_eq!(at(i64::MIN, 0, 0), Some(i64::MIN));
    assert_eq!(at(i64::MIN, 0, 1), None);
    assert_eq!(at(9, 0, 18), Some(9_000_000_000_000_000_000));
    assert_eq!(at(10, 0, 18), None);
    assert_eq!(at(0, 0, 255), Some(0));
    assert_eq!(at(0, 255, 0), Some(0));
    assert_eq!(at(1, 0, 19), None);
    assert_eq!(at(1, 255, 0), None);
}

/// Numbers in every form, good ones mostly.
fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{1,20}(\\.[0-9]{1,22})?",
        2 => "-?0{0,4}[0-9]{1,12}(\\.[0-9]{1,6}0{0,6})?",
        3 => "-?[0-9]{1,20}(\\.[0-9]{1,22})?[eE][-+]?[0-9]{1,2}",
        1 => "-?[0-9]{1,30}0{0,30}(\\.0{0,30}[0-9]{1,5}0{0,30})?[eE][-+]?[0-9]{1,25}",
        1 => "-?[0-9]{1,4}0{0,600}(\\.0{0,600}[0-9]{0,4})?([eE][-+]?[0-9]{1,3})?",
        1 => any::<i64>().prop_map(|value| value.to_string()),
        2 => "[-+.eE0-9]{0,12}",
        1 => "\\PC{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parse_agrees_with_the_oracle(text in number_text()) {
        prop_assert_eq!(Decimal::parse(text.as_bytes()), oracle(&text));
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let expected = std::str::from_utf8(&bytes).map_or(Err(NumError::Syntax), oracle);
        prop_assert_eq!(Decimal::parse(&bytes), expected);
    }

    #[test]
    fn rendering_agrees_with_the_oracle(value in any::<i64>(), shift in 0..63, scale in any::<u8>()) {
        for (value, scale) in [(value, scale % 20), (value >> shift, scale % 20), (value >> shift, scale)] {
            prop_assert_eq!(rendered(value, scale), render_oracle(value, scale));
            prop_assert_eq!(Decimal { coef: value, scale }.to_string(), render_oracle(value, scale));
        }
    }

    #[test]
    fn what_was_rendered_parses_to_the_same_value(value in any::<i64>(), shift in 0..63, scale in 0..=MAX_SCALE) {
        let value = value >> shift;
        let parsed = Decimal::parse(rendered(value, scale).as_bytes()).unwrap();
        prop_assert_eq!(parsed.at_scale(scale), Some(value));
        prop_assert!(parsed.scale == 0 || parsed.coef % 10 != 0);
        let mut text = Vec::new();
        parsed.write(&mut text);
        prop_assert_eq!(String::from_utf8(text).unwrap(), rendered(value, scale));
    }

    #[test]
    fn at_scale_agrees_with_wide_arithmetic(
        coef in any::<i64>(), shift in 0..63, scale in 0..=MAX_SCALE, wanted in 0..=MAX_SCALE,
    ) {
        let coef = coef >> shift;
        let wide = i128::from(coef) * 10_i128.pow(u32::from(wanted));
        let power = 10_i128.pow(u32::from(scale));
        let expected = if wide % power == 0 { i64::try_from(wide / power).ok() } else { None };
        prop_assert_eq!(Decimal { coef, scale }.at_scale(wanted), expected);
    }
}
