//! The feed's shared state as Python sees it.

use crate::book::BookSnapshot;
use crate::consumer::{Batch, Consumer};
use crate::convert;
use crate::inline::Inlines;
use crate::metrics::{MetricsBoard, full};
use crate::stats;
use crate::sync::lock;
use ferrofeed_core::clock::{self, Stamp};
use ferrofeed_core::event::NO_INSTRUMENT;
use ferrofeed_core::instrument::{Instrument, Scale};
use ferrofeed_core::pipeline::{Connection, Feed};
use ferrofeed_core::quarantine::Quarantine;
use ferrofeed_core::queue::{CloseReason, Pressure};
use ferrofeed_core::render::write_event;
use ferrofeed_core::sign::Secret;
use ferrofeed_core::wire::Limits;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use std::sync::{Arc, Mutex};

/// Nanoseconds of the core's monotonic clock: what `ts_booked` and the session's times are measured by.
#[pyfunction]
pub(crate) fn monotonic_ns() -> i64 {
    clock::monotonic_ns()
}

/// Nanoseconds since the Unix epoch.
#[pyfunction]
pub(crate) fn realtime_ns() -> i64 {
    clock::realtime_ns()
}

/// Instruments, books, connections and consumers of one feed.
///
/// Its lock is held only while a read is worked on or a snapshot is taken. A read may be worked on without the GIL (see
/// `poll.rs`), a snapshot is taken with it. So that the two can't deadlock, **the GIL is never acquired, nor given up and
/// taken again, while this lock or a connection's is held**: who holds one of them always gets on and releases it, and who
/// waits for one with the GIL waits for a read's work at most. A connection's lock is taken before the feed's. No Python
/// runs under any of them, callbacks neither (`inline.rs`): so they may call whatever they like.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct FeedCore {
    pub(crate) feed: Mutex<Feed>,
    pub(crate) connections: Mutex<Vec<Arc<Mutex<Connection>>>>,
    pub(crate) inlines: Inlines,
    quarantine: Arc<Mutex<Quarantine>>,
    board: Py<MetricsBoard>,
}

impl FeedCore {
    pub(crate) fn connection(&self, venue: u16) -> PyResult<Arc<Mutex<Connection>>> {
        lock(&self.connections)
            .get(usize::from(venue))
            .cloned()
            .ok_or_else(|| PyIndexError::new_err(format!("no connection {venue}")))
    }
}

#[pymethods]
impl FeedCore {
    #[new]
    #[pyo3(signature = (*, quarantine_per_reason=8, quarantine_total=256, quarantine_bytes=2048, board_bytes=1 << 28))]
    fn new(
        py: Python<'_>,
        quarantine_per_reason: usize,
        quarantine_total: usize,
        quarantine_bytes: usize,
        board_bytes: usize,
    ) -> PyResult<Self> {
        let board = MetricsBoard::create(board_bytes)?;
        Ok(Self {
            feed: Mutex::new(Feed::on(Arc::clone(&board.board))),
            connections: Mutex::default(),
            inlines: Inlines::default(),
            quarantine: Arc::new(Mutex::new(Quarantine::new(
                quarantine_per_reason,
                quarantine_total,
                quarantine_bytes,
            ))),
            board: Py::new(py, board)?,
        })
    }

    /// What others may read of the feed. The memory behind it takes what is used, at most `board_bytes`.
    #[getter]
    pub(crate) fn board(&self, py: Python<'_>) -> Py<MetricsBoard> {
        self.board.clone_ref(py)
    }

    /// Says on the board whether a channel slot of an instrument is wanted.
    fn show_wanted(&self, instrument: u32, slot: usize, wanted: bool) {
        lock(&self.feed).show_wanted(instrument, slot, wanted);
    }

    /// Adds a connection; gives its index. `kind` None: a raw one, every message comes as a notice; `judged`: it is counted when
    /// [`FeedCore::judge`] says what it was. `label`: as metrics name it.
    #[pyo3(signature = (kind, *, max_message=1 << 20, secrets=Vec::new(), label="", judged=false))]
    fn add_connection(
        &self,
        kind: Option<&str>,
        max_message: usize,
        secrets: Vec<Vec<u8>>,
        label: &str,
        judged: bool,
    ) -> PyResult<u16> {
        let kind = kind.map(convert::venue_kind).transpose()?;
        let mut all = lock(&self.connections);
        let index = u16::try_from(all.len()).map_err(|_| PyValueError::new_err("at most 65,536 connections"))?;
        let limits = Limits { max_message, ..Limits::default() };
        let mut connection = Connection::counting_in(
            &self.board.get().add_connection(label)?,
            index,
            kind,
            limits,
            Arc::clone(&self.quarantine),
        );
        connection.set_secrets(secrets.into_iter().map(Secret::from).collect());
        if judged {
            connection.set_judged();
        }
        all.push(Arc::new(Mutex::new(connection)));
        Ok(index)
    }

    /// Replaces the secrets of a connection: they are masked in what is kept of its messages.
    fn set_secrets(&self, venue: u16, secrets: Vec<Vec<u8>>) -> PyResult<()> {
        lock(&*self.connection(venue)?).set_secrets(secrets.into_iter().map(Secret::from).collect());
        Ok(())
    }

    /// Counts a text message of a judged connection by what it was: `data`, `control`, or why it could not be read, and at which
    /// byte; then it goes to the quarantine.
    fn judge(&self, venue: u16, verdict: &str, at: usize, message: &[u8]) -> PyResult<()> {
        let verdict = convert::verdict(verdict, at)?;
        lock(&*self.connection(venue)?).judge(verdict, message, Stamp::now());
        Ok(())
    }

    /// Adds an instrument of a connection under every spelling the venue may use (the first is the one we send); gives its
    /// index. One that is there already is wanted again.
    #[pyo3(signature = (venue, symbol, spellings, *, price_scale=None, size_scale=None, turnover_scale=None))]
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn add_instrument(
        &self,
        venue: u16,
        symbol: &str,
        spellings: Vec<String>,
        price_scale: Option<u8>,
        size_scale: Option<u8>,
        turnover_scale: Option<u8>,
    ) -> PyResult<u32> {
        let raw = spellings.first().ok_or_else(|| PyValueError::new_err("spellings: expected at least one"))?;
        let scale = |digits: Option<u8>| digits.map_or_else(Scale::default, Scale::fixed);
        let mut feed = lock(&self.feed);
        let index = feed.instruments.add(Instrument {
            venue,
            symbol: symbol.into(),
            raw_symbol: raw.as_str().into(),
            price: scale(price_scale),
            size: scale(size_scale),
            turnover: scale(turnover_scale),
            wanted: true,
        });
        for spelling in &spellings {
            feed.instruments.alias(index, spelling.as_bytes());
        }
        if let Some(known) = feed.instruments.get_mut(index) {
            known.wanted = true;
        }
        feed.reserve().map_err(full)?;
        Ok(index)
    }

    /// Says whether frames of an instrument are wanted; of an unwanted one they are ignored and counted, its book goes stale.
    fn set_wanted(&self, instrument: u32, wanted: bool) -> PyResult<()> {
        let mut feed = lock(&self.feed);
        let known = feed
            .instruments
            .get_mut(instrument)
            .ok_or_else(|| PyIndexError::new_err(format!("no instrument {instrument}")))?;
        known.wanted = wanted;
        Ok(())
    }

    /// Makes an instrument's book stale: its depth subscription ended, or its data stopped.
    fn invalidate(&self, instrument: u32, reason: &str) -> PyResult<()> {
        let reason = convert::reason(reason)?;
        lock(&self.feed).invalidate(instrument, reason);
        Ok(())
    }

    /// `(venue, symbol, raw_symbol, price_scale, size_scale, turnover_scale)` of an instrument.
    fn instrument(&self, instrument: u32) -> PyResult<(u16, String, String, u8, u8, u8)> {
        let feed = lock(&self.feed);
        let known = feed
            .instruments
            .get(instrument)
            .ok_or_else(|| PyIndexError::new_err(format!("no instrument {instrument}")))?;
        Ok((
            known.venue,
            known.symbol.to_string(),
            known.raw_symbol.to_string(),
            known.price.digits(),
            known.size.digits(),
            known.turnover.digits(),
        ))
    }

    /// How many instruments there are.
    fn instruments(&self) -> usize {
        lock(&self.feed).instruments.len()
    }

    /// Puts a status event into the stream; gives whether a blocking consumer is full. `instrument` None: the connection.
    fn announce(&self, venue: u16, instrument: Option<u32>, state: &str, reason: &str) -> PyResult<bool> {
        let (state, reason) = (convert::state(state)?, convert::reason(reason)?);
        let epoch = lock(&*self.connection(venue)?).epoch();
        let instrument = instrument.unwrap_or(NO_INSTRUMENT);
        Ok(lock(&self.feed).announce(venue, epoch, instrument, state, reason) == Pressure::Full)
    }

    /// Starts a new epoch of a connection: its socket was upgraded.
    fn connected(&self, venue: u16) -> PyResult<bool> {
        let connection = self.connection(venue)?;
        Ok(lock(&connection).connected(&mut lock(&self.feed)) == Pressure::Full)
    }

    /// Ends an epoch of a connection: its socket is gone, its books are stale.
    fn disconnected(&self, venue: u16, reason: &str) -> PyResult<bool> {
        let reason = convert::reason(reason)?;
        let connection = self.connection(venue)?;
        Ok(lock(&connection).disconnected(&mut lock(&self.feed), reason) == Pressure::Full)
    }

    /// The connection's epoch.
    fn epoch(&self, venue: u16) -> PyResult<u32> {
        Ok(lock(&*self.connection(venue)?).epoch())
    }

    /// Monotonic ns of the last data of a channel slot (quote 0, depth 1, trade 2, bars 2 + interval); 0: never.
    fn last_data(&self, instrument: u32, slot: usize) -> i64 {
        lock(&self.feed).last_data(instrument, slot)
    }

    /// Adds a consumer. `name`: as metrics name it.
    #[pyo3(signature = (*, capacity, policy, kinds=None, instruments=None, top_of_book=false, name=""))]
    fn add_consumer(
        &self,
        capacity: usize,
        policy: &str,
        kinds: Option<Vec<String>>,
        instruments: Option<Vec<u32>>,
        top_of_book: bool,
        name: &str,
    ) -> PyResult<Consumer> {
        let slot = || self.board.get().board.add_consumer(name).map_err(full);
        let consumer = Consumer::create(capacity, policy, kinds, instruments, top_of_book, slot)?;
        lock(&self.feed).add_queue(Arc::clone(&consumer.queue));
        Ok(consumer)
    }

    /// Takes a consumer off the feed and closes it; what it has pending stays there to take. Of a consumer with an inline
    /// callback it is dropped: nobody is called any more.
    fn remove_consumer(&self, consumer: &Consumer) {
        let inline = self.inlines.remove(&consumer.queue);
        consumer.queue.close(if inline { CloseReason::Consumer } else { CloseReason::Producer });
        consumer.queue.slot().hide();
        lock(&self.feed).remove_queue(&consumer.queue);
    }

    /// Calls `call(batch)` on the feed's thread whenever a read brought this consumer something, before the next read.
    fn set_inline(&self, consumer: &Consumer, call: Py<PyAny>) {
        self.inlines.add(Arc::clone(&consumer.queue), call);
    }

    /// Calls the inline callbacks for what waits: of announcements, which no read brought. For the feed's thread.
    fn deliver(&self, py: Python<'_>) {
        self.inlines.deliver(py);
    }

    /// A frozen picture of an instrument's book, None before its first snapshot.
    #[pyo3(signature = (instrument, depth=None))]
    fn book(&self, instrument: u32, depth: Option<usize>) -> Option<BookSnapshot> {
        let feed = lock(&self.feed);
        let book = feed.book(instrument)?;
        let (price_scale, size_scale) = feed.book_scales(instrument)?;
        Some(BookSnapshot::of(book, price_scale, size_scale, depth.unwrap_or(usize::MAX)))
    }

    /// Whether an instrument's book is valid; None before its first snapshot.
    fn book_valid(&self, instrument: u32) -> Option<bool> {
        lock(&self.feed).book(instrument).map(ferrofeed_core::book::Book::is_valid)
    }

    /// Counters of a connection, by name; see `stats.rs`.
    fn counters<'py>(&self, py: Python<'py>, venue: u16) -> PyResult<Bound<'py, PyDict>> {
        let counters = lock(&*self.connection(venue)?).counters().clone();
        stats::counters(py, &counters)
    }

    /// Histograms of a connection by stage: `{stage: (cumulative [(bound_ns, count)], count, sum_ns, negative)}`.
    fn histograms<'py>(&self, py: Python<'py>, venue: u16) -> PyResult<Bound<'py, PyDict>> {
        let stages = lock(&*self.connection(venue)?).stages().clone();
        stats::stages(py, &stages)
    }

    /// Latency percentiles of a connection's stage in ns: one value for each of `percentiles` (0 to 100).
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn percentiles(&self, venue: u16, stage: &str, percentiles: Vec<f64>) -> PyResult<Vec<u64>> {
        let stages = lock(&*self.connection(venue)?).stages().clone();
        stats::percentiles(stats::stage(&stages, stage)?, &percentiles)
    }

    /// Every event of a batch as one line of JSON; `labels` names the venue connections by index.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn json_lines<'py>(&self, py: Python<'py>, batch: &Batch, labels: Vec<String>) -> Bound<'py, PyBytes> {
        let feed = lock(&self.feed);
        let mut out = Vec::new();
        for event in &batch.batch.events {
            let label = labels.get(usize::from(event.venue)).map_or("", String::as_str);
            write_event(event, &batch.batch, &feed.instruments, label, &mut out);
            out.push(b'\n');
        }
        drop(feed);
        PyBytes::new(py, &out)
    }

    /// The valid books of some instruments as a batch of book events: where somebody begins who comes later.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn pictures(&self, instruments: Vec<u32>) -> Batch {
        Batch { batch: Arc::new(lock(&self.feed).pictures(&instruments)) }
    }

    /// Number of the last event of the feed.
    fn seq(&self) -> u64 {
        lock(&self.feed).seq()
    }

    /// What the quarantine keeps: `(venue, reason, at, ts_recv, text)`, secrets already masked.
    fn quarantine(&self) -> Vec<(u16, String, usize, i64, String)> {
        lock(&self.quarantine)
            .entries()
            .iter()
            .map(|entry| {
                (entry.venue, entry.reason.to_owned(), entry.detail_at, entry.ts_recv, entry.printable().to_string())
            })
            .collect()
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.inlines.traverse(&visit)
    }

    fn __clear__(&self) {
        self.inlines.clear();
    }
}
