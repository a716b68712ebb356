//! A frozen picture of one order book.

use ferrofeed_core::book::{Book, Validity};
use ferrofeed_core::event::Level;
use pyo3::prelude::*;

/// An order book as it was when asked for. Prices and sizes are integers at `price_scale` and `size_scale`.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct BookSnapshot {
    bids: Vec<Level>,
    asks: Vec<Level>,
    #[pyo3(get)]
    price_scale: u8,
    #[pyo3(get)]
    size_scale: u8,
    #[pyo3(get)]
    valid: bool,
    /// Why the book is not valid, None if it is.
    #[pyo3(get)]
    reason: Option<&'static str>,
}

impl BookSnapshot {
    pub(crate) fn of(book: &Book, price_scale: u8, size_scale: u8, depth: usize) -> Self {
        Self {
            bids: book.bids().take(depth).collect(),
            asks: book.asks().take(depth).collect(),
            price_scale,
            size_scale,
            valid: book.is_valid(),
            reason: match book.validity() {
                Validity::Valid => None,
                Validity::Empty => Some("empty"),
                Validity::Stale(reason) => Some(reason.name()),
            },
        }
    }
}

fn pairs(levels: &[Level]) -> Vec<(i64, i64)> {
    levels.iter().map(|level| (level.price, level.size)).collect()
}

#[pymethods]
impl BookSnapshot {
    /// Bid levels `(price, size)`, best first.
    #[getter]
    fn bids(&self) -> Vec<(i64, i64)> {
        pairs(&self.bids)
    }

    /// Ask levels `(price, size)`, best first.
    #[getter]
    fn asks(&self) -> Vec<(i64, i64)> {
        pairs(&self.asks)
    }

    /// `(price, size)` of the best bid, None if there is none.
    #[getter]
    fn best_bid(&self) -> Option<(i64, i64)> {
        self.bids.first().map(|level| (level.price, level.size))
    }

    /// `(price, size)` of the best ask, None if there is none.
    #[getter]
    fn best_ask(&self) -> Option<(i64, i64)> {
        self.asks.first().map(|level| (level.price, level.size))
    }
}
