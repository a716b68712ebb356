//! A consumer's queue and the batches taken from it.
#![allow(unsafe_code, reason = "exports records through Python's buffer protocol")]

use crate::convert::unknown;
use crate::stats;
use crate::sync::lock;
use ferrofeed_core::clock::monotonic_ns;
use ferrofeed_core::event::{Batch as CoreBatch, Event, Kind, NO_INSTRUMENT};
use ferrofeed_core::queue::{CloseReason, Config, Filter, Policy, Queue, Taken};
use ferrofeed_core::region::ConsumerSlot;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::c_int;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a wait may last before signals are looked at: a program that waits for data can be interrupted.
const SIGNALS: Duration = Duration::from_millis(100);

/// One consumer of a feed: a bounded queue with a policy. Taken from by one thread at a time.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Consumer {
    pub(crate) queue: Arc<Queue>,
    wake: Mutex<Option<UnixStream>>,
}

impl Consumer {
    pub(crate) fn create(
        capacity: usize,
        policy: &str,
        kinds: Option<Vec<String>>,
        instruments: Option<Vec<u32>>,
        top_of_book: bool,
        slot: impl FnOnce() -> PyResult<ConsumerSlot>,
    ) -> PyResult<Self> {
        if capacity == 0 {
            return Err(PyValueError::new_err("capacity: expected at least 1 event"));
        }
        let policy = Policy::ALL
            .into_iter()
            .find(|known| known.name() == policy)
            .ok_or_else(|| unknown("policy", policy, Policy::ALL.into_iter().map(Policy::name)))?;
        let mut filter = Filter::default().top_of_book_changes(top_of_book);
        if let Some(instruments) = instruments {
            filter = filter.instruments(&instruments);
        }
        if let Some(names) = kinds {
            let mut wanted = Vec::new();
            for name in names {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
                wanted.push(kind.ok_or_else(|| unknown("kind", &name, Kind::ALL.into_iter().map(Kind::name)))?);
            }
            filter = filter.kinds(&wanted);
        }
        let queue = Queue::counting_in(slot()?, Config { capacity_events: capacity, policy, filter });
        Ok(Self { queue: Arc::new(queue), wake: Mutex::new(None) })
    }
}

#[pymethods]
impl Consumer {
    /// Takes all that is pending, waiting up to `timeout_s` for something (None: as long as it takes; 0: not at all).
    ///
    /// Gives `(batch | None, closed: str | None)`: `closed` is the reason once the queue is closed and empty.
    #[pyo3(signature = (timeout_s=0.0))]
    fn take(&self, py: Python<'_>, timeout_s: Option<f64>) -> PyResult<(Option<Batch>, Option<&'static str>)> {
        let timeout = match timeout_s {
            None => None,
            Some(seconds) => Some(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|_| PyValueError::new_err(format!("timeout_s {seconds}: expected a number >= 0")))?,
            ),
        };
        let mut batch = CoreBatch::default();
        let mut left = timeout;
        let taken = loop {
            let slice = left.map_or(SIGNALS, |left| left.min(SIGNALS));
            let (ready, taken) = py.detach(|| {
                let ready = slice.is_zero() || self.queue.wait(slice);
                (ready, self.queue.take(&mut batch, monotonic_ns()))
            });
            left = left.map(|left| left.saturating_sub(slice));
            if ready || taken != Taken::Empty || left == Some(Duration::ZERO) {
                break taken;
            }
            py.check_signals()?;
        };
        let closed = match taken {
            Taken::Closed(reason) => Some(reason.name()),
            _ => None,
        };
        let batch = (!batch.events.is_empty()).then(|| Batch { batch: Arc::new(batch) });
        Ok((batch, closed))
    }

    /// A descriptor that becomes readable when something is pending after [`Consumer::arm`]; for event loops.
    fn fileno(&self) -> PyResult<i32> {
        let mut wake = lock(&self.wake);
        if let Some(near) = wake.as_ref() {
            return Ok(near.as_raw_fd());
        }
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let descriptor = near.as_raw_fd();
        // A full pipe means that the reader was woken already.
        self.queue.set_waker(Box::new(move || drop((&far).write(&[1]))));
        *wake = Some(near);
        Ok(descriptor)
    }

    /// Asks to be woken once through the descriptor. Gives False, and no wake comes, if something is pending or closed: take it.
    fn arm(&self) -> bool {
        self.queue.arm()
    }

    /// Empties the descriptor after it became readable.
    fn clear_wake(&self) -> PyResult<()> {
        let wake = lock(&self.wake);
        let Some(mut near) = wake.as_ref() else { return Ok(()) };
        let mut rubbish = [0; 64];
        loop {
            match near.read(&mut rubbish) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(PyOSError::new_err(error.to_string())),
            }
        }
    }

    /// Closes the queue; what is pending can still be taken.
    fn close(&self) {
        self.queue.close(CloseReason::Producer);
    }

    /// Whether a blocking queue has room again.
    fn is_relieved(&self) -> bool {
        self.queue.is_relieved()
    }

    /// Says to who reads the metrics that this consumer is called back.
    fn set_called_back(&self) {
        self.queue.slot().set_called_back();
    }

    /// Counts a callback that raised.
    fn count_error(&self) {
        self.queue.slot().count_error();
    }

    /// Totals: `received delivered conflated dropped pending filtered`.
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let totals = self.queue.totals();
        let dict = PyDict::new(py);
        dict.set_item("received", totals.received)?;
        dict.set_item("delivered", totals.delivered)?;
        dict.set_item("conflated", totals.conflated)?;
        dict.set_item("dropped", totals.dropped)?;
        dict.set_item("pending", totals.pending)?;
        dict.set_item("inserted", totals.inserted)?;
        dict.set_item("filtered", totals.filtered)?;
        Ok(dict)
    }

    /// Accounts by instrument: `[(instrument | None, received, delivered, conflated, dropped, pending)]`.
    fn accounts(&self) -> Vec<(Option<u32>, u64, u64, u64, u64, u64)> {
        self.queue
            .accounts()
            .into_iter()
            .map(|account| {
                let instrument = (account.instrument != NO_INSTRUMENT).then_some(account.instrument);
                (instrument, account.received, account.delivered, account.conflated, account.dropped, account.pending)
            })
            .collect()
    }

    /// Booked → delivered latency: `(cumulative [(bound_ns, count)], count, sum_ns, negative)`.
    fn histogram(&self) -> stats::Exported {
        stats::export(self.queue.latency())
    }

    /// Percentiles of booked → delivered, ns.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn percentiles(&self, percentiles: Vec<f64>) -> PyResult<Vec<u64>> {
        stats::percentiles(self.queue.latency(), &percentiles)
    }
}

/// Events in the order they happened, and the levels of their books; frozen.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Batch {
    pub(crate) batch: Arc<CoreBatch>,
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.batch.events.len()
    }

    /// The event records as a read-only buffer: 128 bytes each.
    #[getter]
    fn events(&self) -> Records {
        Records { batch: Arc::clone(&self.batch), levels: false }
    }

    /// Every event as a tuple of 28 integers: the record's fields in their order, then its nine payload words.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let rows: PyResult<Vec<_>> = self.batch.events.iter().map(|event| row(py, event)).collect();
        PyTuple::new(py, rows?)
    }

    /// `(price, size)` of the levels from `start` up to `stop`.
    fn level_pairs(&self, start: usize, stop: usize) -> Vec<(i64, i64)> {
        let levels = self.batch.levels.get(start..stop).unwrap_or(&[]);
        levels.iter().map(|level| (level.price, level.size)).collect()
    }

    /// The level records as a read-only buffer: 16 bytes each.
    #[getter]
    fn levels(&self) -> Records {
        Records { batch: Arc::clone(&self.batch), levels: true }
    }
}

fn row<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyTuple>> {
    let [v0, v1, v2, v3, v4, v5, v6, v7, v8] = event.v;
    let fields = [
        i64::from(event.kind),
        i64::from(event.side),
        i64::from(event.action),
        i64::from(event.state),
        i64::from(event.price_scale),
        i64::from(event.size_scale),
        i64::from(event.turnover_scale),
        i64::from(event.flags),
        i64::from(event.venue),
        i64::from(event.interval),
        i64::from(event.change_scale),
        i64::from(event.instrument),
        event.seq.cast_signed(),
        event.ts_event,
        event.ts_recv,
        event.ts_booked,
        i64::from(event.epoch),
        i64::from(event.reason),
        i64::from(event.present),
        v0,
        v1,
        v2,
        v3,
        v4,
        v5,
        v6,
        v7,
        v8,
    ];
    PyTuple::new(py, fields)
}

/// Records of a batch, readable in place through the buffer protocol for as long as anyone looks.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Records {
    batch: Arc<CoreBatch>,
    levels: bool,
}

#[pymethods]
impl Records {
    #[allow(clippy::needless_pass_by_value, reason = "the signature PyO3 calls")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let records = slf.get();
        let bytes: &[u8] = if records.levels {
            bytemuck::cast_slice(&records.batch.levels)
        } else {
            bytemuck::cast_slice(&records.batch.events)
        };
        let length = isize::try_from(bytes.len())?;
        // SAFETY: `view` is the caller's to fill (buffer protocol). The bytes belong to an `Arc` that `slf` holds, `slf` is kept
        // alive by the view, and a batch behind an `Arc` is never changed; read-only (1) is passed on.
        let status =
            unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), bytes.as_ptr().cast_mut().cast(), length, 1, flags) };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
