//! The read side of a socket: the protocol object that an asyncio transport fills and calls.
//!
//! It stands in front of picows' own protocol from the start: until the upgrade's header is complete every byte goes
//! through to picows; from the first byte behind a `101` header on, every byte is the Rust reader's. Connection loss, end
//! of file and flow control always reach picows.
#![allow(unsafe_code, reason = "lends its read buffer through Python's buffer protocol")]

use crate::feed::FeedCore;
use crate::poll::Poller;
use crate::sync::lock;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::pipeline::{Connection, Notice};
use ferrofeed_core::queue::Pressure;
use pyo3::exceptions::{PyBufferError, PyRuntimeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use rustix::io::Errno;
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Room for the upgrade's response header; picows refuses longer ones.
const HEAD_BYTES: usize = 16 * 1024;

/// Who gets the bytes.
enum Phase {
    /// picows, until its header is complete.
    Handshake { head: Box<[u8]>, filled: usize },
    /// picows, until it accepts the upgrade; for good, if the answer was not a `101`.
    Refused { head: Box<[u8]> },
    /// The Rust reader.
    Upgraded,
}

struct Links {
    inner: Option<Py<PyAny>>,
    notify: Option<Py<PyAny>>,
    transport: Option<Py<PyAny>>,
}

impl Links {
    /// Everything, to be dropped where no lock is held.
    fn take(&mut self) -> Self {
        Self { inner: self.inner.take(), notify: self.notify.take(), transport: self.transport.take() }
    }
}

/// What is to be told, with the GIL, of a read that was worked on.
pub(crate) struct Outcome {
    notices: Vec<Notice>,
    full: bool,
}

impl Outcome {
    /// Whether the session learns nothing from it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.notices.is_empty() && !self.full
    }
}

/// A `get_buffer`/`buffer_updated` protocol for one socket of one connection.
///
/// `inner` is picows' protocol; `notify(notices, full)` is called after a read that had notices, or while a blocking
/// consumer is full: notices are tuples `(kind, bytes | None, number | None)`.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct Reader {
    core: Py<FeedCore>,
    venue: u16,
    connection: Arc<Mutex<Connection>>,
    phase: Mutex<Phase>,
    links: Mutex<Links>,
    exports: AtomicUsize,
    /// Who reads the socket by spinning, and its seat there.
    polled: Mutex<Option<(Py<Poller>, usize)>>,
}

impl Reader {
    fn inner<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let links = lock(&self.links);
        match &links.inner {
            Some(inner) => Ok(inner.bind(py).clone()),
            None => Err(PyRuntimeError::new_err("the reader was cleared")),
        }
    }

    /// Gives bytes to picows as if it had read them itself.
    fn pass_on(&self, py: Python<'_>, mut bytes: &[u8]) -> PyResult<()> {
        let inner = self.inner(py)?;
        while !bytes.is_empty() {
            let room = inner.call_method1("get_buffer", (-1,))?;
            let n = room.len()?.min(bytes.len());
            let (now, later) = bytes.split_at(n);
            room.set_item(pyo3::types::PySlice::new(py, 0, isize::try_from(n)?, 1), PyBytes::new(py, now))?;
            inner.call_method1("buffer_updated", (n,))?;
            bytes = later;
        }
        Ok(())
    }

    /// Works on `n` bytes that stand in the wire's space. Needs no GIL.
    fn work(&self, connection: &mut Connection, n: usize) -> Outcome {
        let mut notices = Vec::new();
        let stamp = Stamp::now();
        let pressure = connection.received(n, stamp, &mut lock(&self.core.get().feed), &mut notices);
        Outcome { notices, full: pressure == Pressure::Full }
    }

    /// Reads into the wire's space and works on what came, all without the GIL: `Ok(Some)` if there is somebody to tell.
    /// No bytes, the end of the stream, are the error `NOTCONN`. `None`: the bytes are not ours to read now.
    pub(crate) fn read_with(
        &self,
        read: impl FnOnce(&mut [u8]) -> Result<(usize, usize), Errno>,
    ) -> Option<Result<Option<Outcome>, Errno>> {
        if self.exports.load(Ordering::Relaxed) != 0 || !self.upgraded() {
            return None;
        }
        let mut connection = lock(&self.connection);
        let outcome = match read(connection.space()) {
            Ok((0, _)) => return Some(Err(Errno::NOTCONN)),
            Ok((n, _)) => self.work(&mut connection, n),
            Err(error) => return Some(Err(error)),
        };
        drop(connection);
        let anybody = !outcome.is_quiet() || self.core.get().inlines.pending();
        Some(Ok(anybody.then_some(outcome)))
    }

    fn received(&self, py: Python<'_>, n: usize) -> PyResult<()> {
        let outcome = self.work(&mut lock(&self.connection), n);
        self.tell(py, outcome)
    }

    /// Calls the inline callbacks, then the session. No lock is held.
    fn tell(&self, py: Python<'_>, outcome: Outcome) -> PyResult<()> {
        self.core.get().inlines.deliver(py);
        if outcome.is_quiet() {
            return Ok(());
        }
        let list = PyList::empty(py);
        for notice in outcome.notices {
            list.append(tuple(py, notice)?)?;
        }
        let notify = lock(&self.links).notify.as_ref().map(|notify| notify.clone_ref(py));
        if let Some(notify) = notify {
            notify.call1(py, (list, outcome.full))?;
        }
        Ok(())
    }

    /// As a transport does with its protocol: what fails is reported, and the connection ends.
    pub(crate) fn tell_or_abort(&self, py: Python<'_>, outcome: Outcome) {
        if let Err(error) = self.tell(py, outcome) {
            error.write_unraisable(py, None);
            let transport = lock(&self.links).transport.as_ref().map(|transport| transport.clone_ref(py));
            if let Some(Err(error)) = transport.map(|transport| transport.call_method0(py, "abort")) {
                error.write_unraisable(py, None);
            }
        }
    }

    fn leave_poller(&self) {
        let polled = lock(&self.polled).take();
        if let Some((poller, seat)) = polled {
            poller.get().remove(seat);
        }
    }

    fn handshake(&self, py: Python<'_>, head: Box<[u8]>, mut filled: usize, n: usize) -> PyResult<()> {
        let searched = filled.saturating_sub(3);
        filled = filled.saturating_add(n).min(head.len());
        let bytes = head.get(..filled).unwrap_or(&[]);
        let end = bytes.get(searched..).and_then(|tail| {
            tail.windows(4).position(|four| four == b"\r\n\r\n").map(|at| searched.saturating_add(at).saturating_add(4))
        });
        let Some(end) = end else {
            if filled == head.len() {
                let all = head.clone();
                *lock(&self.phase) = Phase::Refused { head };
                return self.pass_on(py, &all);
            }
            *lock(&self.phase) = Phase::Handshake { head, filled };
            return Ok(());
        };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            let all: Box<[u8]> = bytes.into();
            *lock(&self.phase) = Phase::Refused { head };
            return self.pass_on(py, &all);
        }
        let (header, mut rest) = bytes.split_at(end);
        *lock(&self.phase) = Phase::Refused { head: vec![0; HEAD_BYTES].into() };
        self.pass_on(py, header)?;
        if !self.upgraded() {
            return self.pass_on(py, rest);
        }
        while !rest.is_empty() {
            let n = {
                let mut connection = lock(&self.connection);
                let space = connection.space();
                let n = space.len().min(rest.len());
                let (now, later) = rest.split_at(n);
                if let Some(room) = space.get_mut(..n) {
                    room.copy_from_slice(now);
                }
                rest = later;
                n
            };
            self.received(py, n)?;
        }
        Ok(())
    }
}

fn tuple(py: Python<'_>, notice: Notice) -> PyResult<Bound<'_, PyTuple>> {
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes);
    match notice {
        Notice::Control(text) => ("control", bytes(&text), py.None()).into_pyobject(py),
        Notice::Message(message, binary) => ("message", bytes(&message), i32::from(binary)).into_pyobject(py),
        Notice::Ping(payload) => ("ping", bytes(&payload), py.None()).into_pyobject(py),
        Notice::Pong(payload) => ("pong", bytes(&payload), py.None()).into_pyobject(py),
        Notice::Close(code, reason) => ("close", bytes(reason.as_bytes()), code).into_pyobject(py),
        Notice::ProtocolError(error) => {
            ("protocol_error", bytes(error.kind.name().as_bytes()), error.close_code()).into_pyobject(py)
        }
        Notice::Quarantined(kind, at) => ("quarantined", bytes(kind.name().as_bytes()), at).into_pyobject(py),
    }
}

#[pymethods]
impl Reader {
    #[new]
    fn new(core: Py<FeedCore>, venue: u16, inner: Py<PyAny>, notify: Py<PyAny>) -> PyResult<Self> {
        let connection = core.get().connection(venue)?;
        Ok(Self {
            core,
            venue,
            connection,
            phase: Mutex::new(Phase::Handshake { head: vec![0; HEAD_BYTES].into(), filled: 0 }),
            links: Mutex::new(Links { inner: Some(inner), notify: Some(notify), transport: None }),
            exports: AtomicUsize::new(0),
            polled: Mutex::new(None),
        })
    }

    /// picows' protocol.
    #[getter(inner)]
    fn get_inner<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.inner(py)
    }

    /// The connection's index.
    #[getter]
    fn venue(&self) -> u16 {
        self.venue
    }

    /// Whether the upgrade is done and the bytes are ours.
    #[getter]
    fn upgraded(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Upgraded)
    }

    /// picows accepted the upgrade (called from its `on_ws_connected`): a new epoch starts, the bytes are ours from here on.
    ///
    /// Gives whether a blocking consumer is full.
    fn upgrade(&self) -> bool {
        let pressure = lock(&self.connection).connected(&mut lock(&self.core.get().feed));
        *lock(&self.phase) = Phase::Upgraded;
        pressure == Pressure::Full
    }

    /// Lets a poller read the socket under this descriptor by spinning. Once upgraded, for plain TCP only.
    fn poll_with(slf: Py<Self>, py: Python<'_>, poller: Py<Poller>, descriptor: i32) -> PyResult<()> {
        let reader = slf.clone_ref(py);
        if !reader.get().upgraded() || lock(&reader.get().polled).is_some() {
            return Err(PyRuntimeError::new_err("only an upgraded connection is polled, and by one poller"));
        }
        let seat = poller.get().add(slf, descriptor)?;
        *lock(&reader.get().polled) = Some((poller, seat));
        Ok(())
    }

    /// Polls the socket, or leaves it to the loop. Without a poller it is the loop's anyway.
    fn set_polled(&self, py: Python<'_>, on: bool) -> PyResult<()> {
        let seat = lock(&self.polled).as_ref().map(|(poller, seat)| (poller.clone_ref(py), *seat));
        match seat {
            Some((poller, seat)) => poller.get().set_watched(seat, on),
            None => Ok(()),
        }
    }

    #[allow(clippy::unused_self, reason = "asked of the object")]
    fn is_buffered_protocol(&self) -> bool {
        true
    }

    fn connection_made(&self, py: Python<'_>, transport: Py<PyAny>) -> PyResult<()> {
        lock(&self.links).transport = Some(transport.clone_ref(py));
        self.inner(py)?.call_method1("connection_made", (transport,)).map(drop)
    }

    /// Where the next bytes go: the object itself, through the buffer protocol.
    fn get_buffer(slf: Py<Self>, _hint: isize) -> Py<Self> {
        slf
    }

    /// `n` bytes were written to the buffer.
    fn buffer_updated(&self, py: Python<'_>, n: usize) -> PyResult<()> {
        if self.exports.load(Ordering::Relaxed) != 0 {
            return Err(PyBufferError::new_err("buffer_updated while a view of the buffer is held"));
        }
        let phase = std::mem::replace(&mut *lock(&self.phase), Phase::Upgraded);
        match phase {
            Phase::Upgraded => self.received(py, n),
            Phase::Handshake { head, filled } => self.handshake(py, head, filled, n),
            Phase::Refused { head } => {
                let bytes: Box<[u8]> = head.get(..n).unwrap_or(&[]).into();
                *lock(&self.phase) = Phase::Refused { head };
                self.pass_on(py, &bytes)
            }
        }
    }

    fn eof_received<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.inner(py)?.call_method0("eof_received")
    }

    fn connection_lost(&self, py: Python<'_>, error: Py<PyAny>) -> PyResult<()> {
        self.leave_poller(); // the transport closes the socket next: its last descriptor must be the transport's
        let result = self.inner(py).and_then(|inner| inner.call_method1("connection_lost", (error,)).map(drop));
        let links = lock(&self.links).take();
        drop(links);
        result
    }

    fn pause_writing(&self, py: Python<'_>) -> PyResult<()> {
        self.inner(py)?.call_method0("pause_writing").map(drop)
    }

    fn resume_writing(&self, py: Python<'_>) -> PyResult<()> {
        self.inner(py)?.call_method0("resume_writing").map(drop)
    }

    /// Lends the space for the next read. The space neither moves nor goes away before `buffer_updated`, the only call that
    /// touches it afterwards; a view held across that call makes the call fail.
    #[allow(clippy::needless_pass_by_value, reason = "the signature PyO3 calls")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let reader = slf.get();
        let (pointer, length) = {
            let mut phase = lock(&reader.phase);
            match &mut *phase {
                Phase::Handshake { head, filled } => {
                    let space = head.get_mut(*filled..).unwrap_or(&mut []);
                    (space.as_mut_ptr(), space.len())
                }
                Phase::Refused { head } => (head.as_mut_ptr(), head.len()),
                Phase::Upgraded => {
                    let mut connection = lock(&reader.connection);
                    let space = connection.space();
                    (space.as_mut_ptr(), space.len())
                }
            }
        };
        let length = isize::try_from(length)?;
        // SAFETY: `view` is the caller's to fill (buffer protocol). `pointer` and `length` are a live, writable allocation that
        // belongs to `slf`, which the view keeps alive; it is not moved, shrunk or freed before `buffer_updated`, which refuses
        // to run while a view is held, as does a poller. Transports that let go of the view first and read afterwards do so on
        // the loop's thread, where the poller runs too, before any other call of this object.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), pointer.cast(), length, 0, flags) };
        if status != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        reader.exports.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.exports.fetch_sub(1, Ordering::Relaxed);
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.core)?;
        if let Ok(links) = self.links.try_lock() {
            visit.call(&links.inner)?;
            visit.call(&links.notify)?;
            visit.call(&links.transport)?;
        }
        if let Ok(polled) = self.polled.try_lock()
            && let Some((poller, _)) = &*polled
        {
            visit.call(poller)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        self.leave_poller();
        let links = lock(&self.links).take();
        drop(links);
    }
}
