//! The board of a feed (what it puts up for others to read) and a view of one, its own or another process'.

use crate::stats;
use crate::sync::lock;
use ferrofeed_core::gateway::Tally;
use ferrofeed_core::region::{Board, ConnectionCell, DESK_WORDS, Full, GC_WORDS, SESSION_WORDS, Shared, View};
use pyo3::exceptions::{PyIndexError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::fs::File;
use std::os::fd::{AsFd as _, IntoRawFd as _};
use std::sync::{Arc, Mutex};

pub(crate) fn full(error: Full) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// What a feed puts up: its counters and histograms are there already, the rest is put up by its owner when it changes.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct MetricsBoard {
    pub(crate) board: Arc<Board>,
    cells: Mutex<Vec<Shared<ConnectionCell>>>,
}

impl MetricsBoard {
    pub(crate) fn create(limit: usize) -> PyResult<Self> {
        let board = Board::shared(limit)
            .map_err(|error| PyOSError::new_err(format!("no shared memory for the metrics: {error}")))?;
        Ok(Self { board: Arc::new(board), cells: Mutex::default() })
    }

    pub(crate) fn add_connection(&self, label: &str) -> PyResult<Shared<ConnectionCell>> {
        let cell = self.board.add_connection(label).map_err(full)?;
        lock(&self.cells).push(cell.clone());
        Ok(cell)
    }

    fn cell(&self, venue: u16) -> PyResult<Shared<ConnectionCell>> {
        let cells = lock(&self.cells);
        cells.get(usize::from(venue)).cloned().ok_or_else(|| PyIndexError::new_err(format!("no connection {venue}")))
    }
}

#[pymethods]
impl MetricsBoard {
    /// Replaces a connection's state; what the words mean is up to `ferrofeed.board`.
    fn put_session(&self, venue: u16, words: [u64; SESSION_WORDS]) -> PyResult<()> {
        self.cell(venue)?.session.write(&words);
        Ok(())
    }

    /// Replaces what a connection counts by name, a text of at most `MOST_TALLIES` bytes.
    fn put_tallies(&self, venue: u16, text: &str) -> PyResult<()> {
        if text.len() > Board::MOST_TALLIES {
            return Err(PyValueError::new_err(format!("{} bytes, at most {}", text.len(), Board::MOST_TALLIES)));
        }
        self.board.set_tallies(&*self.cell(venue)?, text);
        Ok(())
    }

    /// Bytes that `put_tallies` takes.
    #[classattr]
    const MOST_TALLIES: usize = Board::MOST_TALLIES;

    /// A sign of life of the loop, at this time of the system's monotonic clock, ns.
    fn beat(&self, clock_ns: u64) {
        self.board.beat(clock_ns);
    }

    /// The feed's state, a number.
    fn put_state(&self, state: u64) {
        self.board.set_state(state);
    }

    /// How often reading stopped for a blocking consumer.
    fn put_pauses(&self, pauses: u64) {
        self.board.set_pauses(pauses);
    }

    /// How often the exporter was started again.
    fn put_restarts(&self, restarts: u64) {
        self.board.set_restarts(restarts);
    }

    /// Collections, collected and uncollectable objects of the garbage collector's three generations.
    fn put_gc(&self, words: [u64; GC_WORDS]) {
        self.board.set_gc(&words);
    }

    /// Closes it to new readers and gives its descriptor back; what is on it stays for those who look already.
    fn close(&self) {
        self.board.close();
    }

    /// A view of it from within this process.
    fn view(&self) -> MetricsView {
        MetricsView { view: View::of(&self.board) }
    }

    /// A new descriptor through which the memory can be read and not written; the caller's to close. Not inheritable.
    fn open_reader(&self) -> PyResult<i32> {
        match self.board.reader()? {
            Some(reader) => Ok(reader.into_raw_fd()),
            None => Err(PyOSError::new_err("the board is closed")),
        }
    }
}

/// A board, read: nothing of it is ever written through this.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct MetricsView {
    view: View,
}

type Seen<'py> = (String, Bound<'py, PyDict>, Bound<'py, PyDict>, Option<[u64; SESSION_WORDS]>, Option<String>);
type SeenDesk<'py> = (String, Bound<'py, PyDict>, Bound<'py, PyDict>, Option<[u64; DESK_WORDS]>);
type SeenInstruments = (Vec<(usize, i64)>, u64, u64);
type SeenConsumer = (String, [u64; 6], Option<u64>, stats::Exported);

#[pymethods]
impl MetricsView {
    /// Maps another process' board by a descriptor of it, read-only. `ValueError` with the reason if that is none.
    #[staticmethod]
    fn open(file: i32) -> PyResult<Self> {
        let file = File::open(format!("/proc/self/fd/{file}"))?;
        let view = View::open(file.as_fd()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self { view })
    }

    /// The feed as a whole: `pid started_ns state beat pauses restarts used limit gc gateway`, the last
    /// `(connections, logins, counters by name)` or None; None if its writer died while writing.
    fn feed<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(feed) = self.view.feed() else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("pid", feed.pid)?;
        dict.set_item("started_ns", feed.started_ns)?;
        dict.set_item("state", feed.state)?;
        dict.set_item("beat", feed.beat.to_vec())?;
        dict.set_item("pauses", feed.pauses)?;
        dict.set_item("restarts", feed.restarts)?;
        dict.set_item("used", feed.used)?;
        dict.set_item("limit", feed.limit)?;
        dict.set_item("gc", feed.gc.to_vec())?;
        // what is counted, by name; None: nothing serves the trading API
        let [there, sockets, logins, counted @ ..] = feed.gateway;
        let gateway = if there == 0 {
            None
        } else {
            let all = PyDict::new(py);
            for (what, n) in Tally::ALL.iter().zip(counted) {
                all.set_item(what.name(), n)?;
            }
            Some((sockets, logins, all))
        };
        dict.set_item("gateway", gateway)?;
        Ok(Some(dict))
    }

    /// Every connection: `(label, counters, histograms, session words, tallies)`.
    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Vec<Seen<'py>>> {
        self.view
            .connections()
            .map(|cell| {
                let (counters, stages) = (stats::counters(py, &cell.counters)?, stats::stages(py, &cell.stages)?);
                Ok((cell.label(), counters, stages, cell.session.read(), cell.tallies()))
            })
            .collect()
    }

    /// Every trading desk: `(venue, counters, histograms, state words)`.
    fn desks<'py>(&self, py: Python<'py>) -> PyResult<Vec<SeenDesk<'py>>> {
        self.view
            .desks()
            .map(|cell| {
                let counters = crate::orders::stats::counters(py, &cell.stats)?;
                Ok((cell.name(), counters, crate::orders::stats::histograms(py, &cell.stats)?, cell.state.read()))
            })
            .collect()
    }

    /// Every trading desk, what readiness needs of it: `(venue, state words)`.
    fn desk_states(&self) -> Vec<(String, Option<[u64; DESK_WORDS]>)> {
        self.view.desks().map(|cell| (cell.name(), cell.state.read())).collect()
    }

    /// Every connection, what readiness needs of it: `(label, session words)`.
    fn sessions(&self) -> Vec<(String, Option<[u64; SESSION_WORDS]>)> {
        self.view.connections().map(|cell| (cell.label(), cell.session.read())).collect()
    }

    /// What one connection counts by name.
    fn tallies(&self, connection: usize) -> Option<String> {
        self.view.connections().nth(connection)?.tallies()
    }

    /// By connection: `([(channel slot, ns of the oldest last data)], books valid, books not valid)`.
    fn freshness(&self) -> Vec<SeenInstruments> {
        let connections = self.view.connections().count();
        let found = self.view.freshness(connections);
        found
            .into_iter()
            .map(|one| {
                let times = one.oldest.into_iter().enumerate().filter(|(_, oldest)| *oldest > 0).collect();
                let [valid, stale] = one.books;
                (times, valid, stale)
            })
            .collect()
    }

    /// Every consumer: `(name, (received delivered conflated dropped pending filtered), callback errors, histogram)`.
    fn consumers(&self) -> Vec<SeenConsumer> {
        let mut seen: Vec<_> = self
            .view
            .consumers()
            .map(|cell| (cell.name(), cell.account(), cell.errors(), stats::export(cell.latency())))
            .collect();
        seen.reverse();
        seen
    }
}
