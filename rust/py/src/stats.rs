//! Counters and histograms as plain Python values, for a scrape.

use crate::convert::unknown;
use ferrofeed_core::counters::{Counters, Stage, Stages};
use ferrofeed_core::event::Kind;
use ferrofeed_core::latency::{Counter, Histogram};
use ferrofeed_core::venue::{DecodeErrorKind, IgnoreReason};
use ferrofeed_core::wire::ProtocolErrorKind;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

fn by_name<'py>(
    py: Python<'py>,
    names: impl Iterator<Item = &'static str>,
    values: &[Counter],
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in names.zip(values) {
        dict.set_item(name, value.get())?;
    }
    Ok(dict)
}

pub(crate) fn counters<'py>(py: Python<'py>, counters: &Counters) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, counter) in [
        ("reads", &counters.reads),
        ("bytes", &counters.bytes),
        ("frames", &counters.frames),
        ("messages", &counters.messages),
        ("data", &counters.data),
        ("control", &counters.control),
        ("discarded_bytes", &counters.discarded_bytes),
        ("unfinished", &counters.unfinished),
    ] {
        dict.set_item(name, counter.get())?;
    }
    dict.set_item("accounted", counters.accounted())?;
    dict.set_item("ignored", by_name(py, IgnoreReason::ALL.into_iter().map(IgnoreReason::name), &counters.ignored)?)?;
    let quarantined = by_name(py, DecodeErrorKind::ALL.into_iter().map(DecodeErrorKind::name), &counters.quarantined)?;
    for (kind, counter) in ProtocolErrorKind::ALL.into_iter().zip(&counters.protocol_errors) {
        quarantined.set_item(format!("protocol_{}", kind.name()), counter.get())?;
    }
    dict.set_item("quarantined", quarantined)?;
    dict.set_item("events", by_name(py, Kind::ALL.into_iter().map(Kind::name), &counters.events)?)?;
    Ok(dict)
}

pub(crate) type Exported = (Vec<(u64, u64)>, u64, u64, u64);

pub(crate) fn export(histogram: &Histogram) -> Exported {
    let snapshot = histogram.snapshot();
    (snapshot.cumulative(), snapshot.count(), snapshot.sum_ns(), snapshot.negative())
}

pub(crate) fn stages<'py>(py: Python<'py>, stages: &Stages) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for stage in Stage::ALL {
        dict.set_item(stage.name(), export(stages.get(stage)))?;
    }
    Ok(dict)
}

pub(crate) fn stage<'a>(stages: &'a Stages, name: &str) -> PyResult<&'a Histogram> {
    Stage::ALL
        .into_iter()
        .find(|stage| stage.name() == name)
        .map(|stage| stages.get(stage))
        .ok_or_else(|| unknown("stage", name, Stage::ALL.into_iter().map(Stage::name)))
}

pub(crate) fn percentiles(histogram: &Histogram, percentiles: &[f64]) -> PyResult<Vec<u64>> {
    let snapshot = histogram.snapshot();
    percentiles
        .iter()
        .map(|percent| {
            if (0.0..=100.0).contains(percent) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::float_arithmetic,
                    reason = "0 to 10^6"
                )]
                let parts_per_million = (percent * 10_000.0).round() as u32;
                Ok(snapshot.percentile(parts_per_million))
            } else {
                Err(PyValueError::new_err(format!("percentile {percent}: expected 0 to 100")))
            }
        })
        .collect()
}
