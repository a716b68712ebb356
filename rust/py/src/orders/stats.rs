//! A desk's counters and histograms as plain Python values.

use crate::stats::export;
use ferrofeed_core::latency::{Counter, Histogram};
use ferrofeed_core::orders::risk::Rule;
use ferrofeed_core::orders::router::DeskStats;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Counters by name; `denied` by rule.
pub(crate) fn counters<'py>(py: Python<'py>, stats: &DeskStats) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    for (name, counter) in counters_of(stats) {
        found.set_item(name, counter)?;
    }
    let by_rule = PyDict::new(py);
    for rule in Rule::ALL {
        by_rule.set_item(rule.name(), stats.denied.get(usize::from(*rule as u8)).map_or(0, Counter::get))?;
    }
    found.set_item("denied", by_rule)?;
    Ok(found)
}

/// Histograms by stage, as the feed's are given.
pub(crate) fn histograms<'py>(py: Python<'py>, stats: &DeskStats) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    for (name, histogram) in stages(stats) {
        found.set_item(name, export(histogram))?;
    }
    Ok(found)
}

fn counters_of(stats: &DeskStats) -> [(&'static str, u64); 15] {
    [
        ("placed", stats.placed.get()),
        ("refused", stats.refused.get()),
        ("cancels", stats.cancels.get()),
        ("fills", stats.fills.get()),
        ("lost", stats.lost.get()),
        ("expired", stats.expired.get()),
        ("unanswered", stats.unanswered.get()),
        ("late", stats.late.get()),
        ("stray", stats.stray.get()),
        ("foreign", stats.foreign.get()),
        ("drifts", stats.drifts.get()),
        ("reconciled", stats.reconciled.get()),
        ("reports", stats.reports.get()),
        ("heartbeats", stats.heartbeats.get()),
        ("unreadable", stats.unreadable.get()),
    ]
}

/// The histograms.
pub(super) fn stages(stats: &DeskStats) -> [(&'static str, &Histogram); 7] {
    [
        ("tick_to_order", &stats.tick_to_order),
        ("order_to_ack", &stats.order_to_ack),
        ("cancel_to_ack", &stats.cancel_to_ack),
        ("risk", &stats.risk),
        ("journal", &stats.journal),
        ("outbox", &stats.outbox),
        ("encode", &stats.encode),
    ]
}
