//! Words and numbers of the paper exchange, from text and to text.

use super::PaperReject;
use crate::convert;
use ferrofeed_core::event::Level;
use ferrofeed_core::exchange::ExchangeReject;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::Rules;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub(super) fn refused(reject: ExchangeReject) -> PyErr {
    PaperReject::new_err((reject.name(), reject.to_string()))
}

pub(super) fn word<T: Copy>(what: &str, given: &str, all: &[T], name: impl Fn(T) -> &'static str) -> PyResult<T> {
    let found = all.iter().copied().find(|one| name(*one) == given);
    found.ok_or_else(|| convert::unknown(what, given, all.iter().map(|one| name(*one))))
}

pub(super) fn decimal(what: &str, text: &str) -> PyResult<Decimal> {
    Decimal::parse(text.as_bytes()).map_err(|error| PyValueError::new_err(format!("{what} {text:?}: {error}")))
}

/// A number of an instrument's rules at this scale.
pub(super) fn rule(what: &str, text: &str, scale: u8) -> PyResult<i64> {
    let value = decimal(what, text)?.at_scale(scale).filter(|value| *value >= 0);
    value.ok_or_else(|| PyValueError::new_err(format!("{what} {text:?}: below 0, or more than {scale} decimal places")))
}

/// A number of an order at its scale; what can't be written so is against `rule`.
pub(super) fn number(what: &str, text: &str, scale: u8, rule: ExchangeReject) -> PyResult<i64> {
    match Decimal::parse(text.as_bytes()) {
        Ok(value) => value.at_scale(scale).ok_or_else(|| refused(rule)),
        Err(error) => Err(PaperReject::new_err(("number", format!("{what} {text:?}: {error}")))),
    }
}

pub(super) fn text(value: i64, scale: u8) -> String {
    Decimal { coef: value, scale }.to_string()
}

/// The levels of one side; what is no whole lot of a size is left out.
pub(super) fn levels(given: &[(String, String)], rules: &Rules, out: &mut Vec<Level>) -> PyResult<()> {
    out.clear();
    for (price, size) in given {
        let at = decimal("price", price)?.at_scale(rules.price_scale);
        let price = at.ok_or_else(|| {
            PyValueError::new_err(format!("price {price:?}: more than {} decimal places", rules.price_scale))
        })?;
        let size = decimal("size", size)?;
        let fine = size.scale.saturating_sub(rules.size_scale);
        let down = 10_i64.saturating_pow(fine.into());
        let coef = size.coef.checked_div(down).unwrap_or(0);
        let size = Decimal { coef, scale: size.scale.min(rules.size_scale) }.at_scale(rules.size_scale);
        let size = size.ok_or_else(|| PyValueError::new_err("a size too large for the instrument"))?;
        out.push(Level { price, size });
    }
    Ok(())
}
