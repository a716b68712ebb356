//! Decoding without a connection: what `ferrofeed decode` runs.

use crate::convert;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Batch;
use ferrofeed_core::instrument::Instruments;
use ferrofeed_core::num::{Decimal, NumError};
use ferrofeed_core::render::write_event;
use ferrofeed_core::venue::{AnyDecoder, Context, Decode, Disposition};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::Mutex;

use crate::sync::lock;

struct State {
    decoder: AnyDecoder,
    instruments: Instruments,
    batch: Batch,
    seq: u64,
}

/// One venue's decoder, taking any instrument as it comes.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Decoder {
    state: Mutex<State>,
    label: String,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(kind: &str) -> PyResult<Self> {
        let decoder = AnyDecoder::new(convert::venue_kind(kind)?);
        let state = State { decoder, instruments: Instruments::new(), batch: Batch::default(), seq: 0 };
        Ok(Self { state: Mutex::new(state), label: kind.to_owned() })
    }

    /// Decodes one message: `(disposition, detail, json_lines)`. `disposition` is `data`, `control`, `ignored` or `error`;
    /// `detail` the reason of the last two, else "", with the byte offset for an error.
    #[pyo3(signature = (message, ts_recv=0))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        message: &[u8],
        ts_recv: i64,
    ) -> (&'static str, String, Bound<'py, PyBytes>) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.batch.clear();
        if let Err(error) = std::str::from_utf8(message) {
            return ("error", format!("utf8 at byte {}", error.valid_up_to()), PyBytes::new(py, b""));
        }
        let mut context = Context {
            instruments: &mut state.instruments,
            out: &mut state.batch,
            venue: 0,
            epoch: 0,
            stamp: Stamp { realtime: ts_recv, monotonic: 0 },
            adopt: true,
        };
        let (disposition, detail) = match state.decoder.decode(message, &mut context) {
            Ok(Disposition::Data) => ("data", String::new()),
            Ok(Disposition::Control) => ("control", String::new()),
            Ok(Disposition::Ignored(reason)) => ("ignored", reason.name().to_owned()),
            Err(error) => ("error", format!("{} at byte {}", error.kind.name(), error.at)),
        };
        let mut out = Vec::new();
        if disposition == "data" {
            let mut events = std::mem::take(&mut state.batch.events);
            for event in &mut events {
                state.seq = state.seq.wrapping_add(1);
                event.seq = state.seq;
                write_event(event, &state.batch, &state.instruments, &self.label, &mut out);
                out.push(b'\n');
            }
            state.batch.events = events;
        }
        (disposition, detail, PyBytes::new(py, &out))
    }
}

/// Parses a decimal: `(coef, scale)`, the value being `coef × 10^-scale`.
#[pyfunction]
pub(crate) fn decimal(text: &[u8]) -> PyResult<(i64, u8)> {
    match Decimal::parse(text) {
        Ok(value) => Ok((value.coef, value.scale)),
        Err(error) => Err(PyValueError::new_err(match error {
            NumError::Syntax => "syntax",
            NumError::TooLarge => "too_large",
            NumError::TooFine => "too_fine",
        })),
    }
}
