//! Decimals against plain integer arithmetic on `i128`.

use ferrofeed_core::num::{Decimal, MAX_SCALE, NumError};

/// Runs one input.
///
/// # Panics
/// On a difference.
pub fn run(data: &[u8]) {
    let ours = Decimal::parse(data);
    assert_eq!(ours, parse(data), "{:?}", String::from_utf8_lossy(data));
    let Ok(value) = ours else { return };
    for scale in 0..=40 {
        assert_eq!(value.at_scale(scale), at_scale(value, scale), "{value:?} at {scale}");
    }
}

/// `-? digits (. digits)? ([eE] [+-]? digits)?`, zeros in front allowed.
fn parse(text: &[u8]) -> Result<Decimal, NumError> {
    let text = std::str::from_utf8(text).map_err(|_| NumError::Syntax)?;
    let (negative, body) = text.strip_prefix('-').map_or((false, text), |body| (true, body));
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (body, 0),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) if is_digits(fraction) => (integer, fraction),
        Some(_) => return Err(NumError::Syntax),
        None => (mantissa, ""),
    };
    if !is_digits(integer) {
        return Err(NumError::Syntax);
    }
    let digits = format!("{integer}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(Decimal { coef: 0, scale: 0 });
    }
    let significant = digits.trim_end_matches('0');
    let power = exponent - fraction.len() as i128 + (digits.len() - significant.len()) as i128;
    if -power > i128::from(MAX_SCALE) {
        return Err(NumError::TooFine);
    }
    // Twenty digits, or twenty zeros behind one, are more than 64 bits.
    if significant.len() > 19 || power > 19 {
        return Err(NumError::TooLarge);
    }
    let zeros = u32::try_from(power.max(0)).expect("at most 19");
    let coef = significant.parse::<i128>().expect("at most 19 digits") * 10i128.pow(zeros);
    let coef = i64::try_from(if negative { -coef } else { coef }).map_err(|_| NumError::TooLarge)?;
    Ok(Decimal { coef, scale: u8::try_from((-power).max(0)).expect("at most 18") })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An exponent; one too long for arithmetic counts as `10^30`, which is beyond every limit just as well.
fn exponent_of(text: &str) -> Result<i128, NumError> {
    const HUGE: i128 = 10i128.pow(30);
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return Err(NumError::Syntax);
    }
    let value = digits.bytes().fold(0i128, |sum, digit| (sum * 10 + i128::from(digit - b'0')).min(HUGE));
    Ok(sign * value)
}

fn at_scale(value: Decimal, scale: u8) -> Option<i64> {
    if value.coef == 0 {
        return Some(0);
    }
    let up = scale.checked_sub(value.scale)?;
    let power = 10i128.checked_pow(u32::from(up))?;
    i64::try_from(i128::from(value.coef).checked_mul(power)?).ok()
}
