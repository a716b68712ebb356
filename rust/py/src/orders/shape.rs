//! Core values as Python's: words as text, numbers as decimal text, tuples in a fixed order.

use crate::convert::unknown;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::{MONEY_SCALE, Order};
use ferrofeed_core::orders::risk::Amount;
use ferrofeed_core::orders::router::Event;
use ferrofeed_core::orders::{Product, Rules, Unit};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A number at a scale, as text.
pub(super) fn text(value: i128, scale: u8) -> String {
    Amount::Scaled(value, scale).to_string()
}

/// Money, as text.
pub(super) fn money(value: i128) -> String {
    text(value, MONEY_SCALE)
}

pub(super) fn decimal(what: &str, value: &str) -> PyResult<Decimal> {
    Decimal::parse(value.as_bytes())
        .map_err(|error| PyValueError::new_err(format!("{what}: found {value:?}, {error}; expected a decimal number")))
}

/// One of a list of words.
pub(super) fn word<T: Copy>(what: &str, value: &str, all: &[T], name: impl Fn(T) -> &'static str) -> PyResult<T> {
    let found = all.iter().copied().find(|one| name(*one) == value);
    found.ok_or_else(|| unknown(what, value, all.iter().map(|one| name(*one))))
}

/// `(id, client_id, desk, instrument, strategy, intent, side, type, offset, unit, price, quantity, state, venue_id, filled,
/// remaining, money, fees, created, updated, reason, exact)`.
pub(super) fn order<'py>(
    py: Python<'py>,
    rules: Option<&Rules>,
    strategy: &str,
    order: &Order,
    client_id: String,
) -> PyResult<Bound<'py, PyTuple>> {
    let placed = &order.placed;
    let (price_scale, size_scale) = rules.map_or((0, 0), |rules| (rules.price_scale, rules.size_scale));
    let quantity_scale = if placed.unit == Unit::Quote { price_scale } else { size_scale };
    let both = price_scale.saturating_add(size_scale);
    let fees: Vec<(String, String)> =
        order.fees.iter().map(|(currency, fee)| (currency.to_string(), money(*fee))).collect();
    PyTuple::new(
        py,
        [
            placed.id.into_pyobject(py)?.into_any(),
            client_id.into_pyobject(py)?.into_any(),
            placed.desk.into_pyobject(py)?.into_any(),
            placed.instrument.into_pyobject(py)?.into_any(),
            strategy.into_pyobject(py)?.into_any(),
            (&*placed.intent).into_pyobject(py)?.into_any(),
            placed.side.name().into_pyobject(py)?.into_any(),
            placed.order_type.name().into_pyobject(py)?.into_any(),
            placed.offset.name().into_pyobject(py)?.into_any(),
            placed.unit.name().into_pyobject(py)?.into_any(),
            text(placed.price.into(), price_scale).into_pyobject(py)?.into_any(),
            text(placed.quantity.into(), quantity_scale).into_pyobject(py)?.into_any(),
            order.state.name().into_pyobject(py)?.into_any(),
            (&*order.venue_id).into_pyobject(py)?.into_any(),
            text(order.filled().into(), size_scale).into_pyobject(py)?.into_any(),
            text(order.remaining().into(), size_scale).into_pyobject(py)?.into_any(),
            order.money().map(|money| text(money, both)).into_pyobject(py)?.into_any(),
            fees.into_pyobject(py)?.into_any(),
            order.created.into_pyobject(py)?.into_any(),
            order.updated.into_pyobject(py)?.into_any(),
            (&*order.reason).into_pyobject(py)?.into_any(),
            i32::from(order.is_exact()).into_pyobject(py)?.into_any(),
        ],
    )
}

/// `(seq, time, kind, desk, instrument, id, change, state, filled, price, quantity, text)`; what does not apply is None or empty.
pub(super) fn event<'py>(py: Python<'py>, rules: Option<&Rules>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    let (price_scale, size_scale) = rules.map_or((0, 0), |rules| (rules.price_scale, rules.size_scale));
    let desk = (event.desk != u16::MAX).then_some(event.desk);
    let instrument = (event.instrument != u32::MAX).then_some(event.instrument);
    PyTuple::new(
        py,
        [
            event.seq.into_pyobject(py)?.into_any(),
            event.time.into_pyobject(py)?.into_any(),
            event.kind.name().into_pyobject(py)?.into_any(),
            desk.into_pyobject(py)?.into_any(),
            instrument.into_pyobject(py)?.into_any(),
            event.id.into_pyobject(py)?.into_any(),
            event.change.map(ferrofeed_core::orders::state::Change::name).into_pyobject(py)?.into_any(),
            event.state.map(ferrofeed_core::orders::state::OrderState::name).into_pyobject(py)?.into_any(),
            text(event.filled.into(), size_scale).into_pyobject(py)?.into_any(),
            text(event.price.into(), price_scale).into_pyobject(py)?.into_any(),
            text(event.quantity.into(), size_scale).into_pyobject(py)?.into_any(),
            (&*event.text).into_pyobject(py)?.into_any(),
        ],
    )
}

/// What an instrument is, in Python's words. Scales 0 to 18, together at most 18.
#[derive(FromPyObject)]
pub(super) struct RulesText {
    symbol: String,
    raw_symbol: String,
    product: String,
    base: String,
    quote: String,
    settle: String,
    price_scale: u8,
    size_scale: u8,
    tick: String,
    lot: String,
    min_size: String,
    max_size: String,
    min_price: String,
    min_notional: String,
}

impl RulesText {
    pub(super) fn rules(&self) -> PyResult<Rules> {
        let symbol = &self.symbol;
        let at = |what: &str, value: &str, scale: u8| {
            decimal(what, value)?.at_scale(scale).filter(|value| *value >= 0).ok_or_else(|| {
                PyValueError::new_err(format!(
                    "{symbol}: {what} {value}: expected at most {scale} digits after the point"
                ))
            })
        };
        let (price, size) = (self.price_scale, self.size_scale);
        let both = price.saturating_add(size);
        if both > MONEY_SCALE {
            return Err(PyValueError::new_err(format!(
                "{symbol}: price_scale {price} and size_scale {size}: expected at most 18 together"
            )));
        }
        Ok(Rules {
            symbol: self.symbol.as_str().into(),
            raw_symbol: self.raw_symbol.as_str().into(),
            product: word("product", &self.product, Product::ALL, Product::name)?,
            base: self.base.as_str().into(),
            quote: self.quote.as_str().into(),
            settle: self.settle.as_str().into(),
            price_scale: price,
            size_scale: size,
            tick: at("tick", &self.tick, price)?,
            lot: at("lot", &self.lot, size)?,
            min_size: at("min_size", &self.min_size, size)?,
            max_size: at("max_size", &self.max_size, size)?,
            min_price: at("min_price", &self.min_price, price)?,
            min_notional: at("min_notional", &self.min_notional, both)?.into(),
        })
    }
}
