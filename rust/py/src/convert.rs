//! The one place where core errors and names become Python's.

use ferrofeed_core::event::{State, StatusReason};
use ferrofeed_core::pipeline::Verdict;
use ferrofeed_core::venue::{DecodeErrorKind, VenueKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// `ValueError` naming what was given and what would do.
pub(crate) fn unknown<'a>(what: &str, given: &str, known: impl Iterator<Item = &'a str>) -> PyErr {
    let known: Vec<&str> = known.collect();
    PyValueError::new_err(format!("unknown {what} {given:?}; expected one of {}", known.join(", ")))
}

pub(crate) fn venue_kind(name: &str) -> PyResult<VenueKind> {
    VenueKind::from_name(name)
        .ok_or_else(|| unknown("venue kind", name, VenueKind::ALL.into_iter().map(VenueKind::name)))
}

pub(crate) fn state(name: &str) -> PyResult<State> {
    State::ALL
        .into_iter()
        .find(|state| state.name() == name)
        .ok_or_else(|| unknown("state", name, State::ALL.into_iter().map(State::name)))
}

pub(crate) fn reason(name: &str) -> PyResult<StatusReason> {
    StatusReason::ALL
        .into_iter()
        .find(|reason| reason.name() == name)
        .ok_or_else(|| unknown("reason", name, StatusReason::ALL.into_iter().map(StatusReason::name)))
}

pub(crate) fn verdict(name: &str, at: usize) -> PyResult<Verdict> {
    match name {
        "data" => Ok(Verdict::Data),
        "control" => Ok(Verdict::Control),
        _ => DecodeErrorKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .map(|kind| Verdict::Rejected(kind, at))
            .ok_or_else(|| unknown("verdict", name, DecodeErrorKind::ALL.into_iter().map(DecodeErrorKind::name))),
    }
}
