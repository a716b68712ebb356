//! The router as a Python object.

use super::paper::Paper;
use super::shape::{self, RulesText, decimal, money, text, word};
use super::state::{SLICE, State};
use super::stats;
use crate::consumer::Batch;
use crate::feed::FeedCore;
use crate::sync::lock;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::event::Kind;
use ferrofeed_core::exchange::{Latency, Model, PaperVenue, Terms};
use ferrofeed_core::orders::journal::{self, Fsync, Journal, Options};
use ferrofeed_core::orders::ledger::{Ledger, at_money_scale};
use ferrofeed_core::orders::record::Mode;
use ferrofeed_core::orders::risk::{BudgetLimits, Limits, PAPER, Risk, Top};
use ferrofeed_core::orders::router::{
    Body, Config, Denial, DeskState, Event, EventKind, Heard, NewOrder, Nowhere, Router, Sink, Speaker, replay,
};
use ferrofeed_core::orders::state::Change;
use ferrofeed_core::orders::venue::{coinceres, explain, quantapi};
use ferrofeed_core::orders::{Offset, OrderType, Product, Side, Unit};
use ferrofeed_core::pipeline::channel_slot;
use ferrofeed_core::region::{DeskCell, Shared};
use ferrofeed_core::sign::Secret;
use pyo3::exceptions::{PyException, PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, TryLockError};

pyo3::create_exception!(
    ferrofeed._core,
    OrderDeniedError,
    PyException,
    "A command that was not taken: `(rule, text, order)`."
);
pyo3::create_exception!(
    ferrofeed._core,
    JournalError,
    PyException,
    "A journal that can't be opened or read, in words."
);

/// The router. Its lock is never held while Python runs or the GIL is waited for, and never waited for with the GIL; the feed's
/// lock may be taken under it, not the other way round.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct OrderCore {
    pub(super) state: Mutex<State>,
    feed: Option<Py<FeedCore>>,
    /// An append may wait for the disk: the GIL is given up for it.
    slow: bool,
    recovery: (u64, u64, u64, u64),
}

fn denied(denial: &Denial) -> PyErr {
    let order = match denial {
        Denial::UnknownOrder(id)
        | Denial::Finished(id, _)
        | Denial::Unreconciled(id)
        | Denial::Intent(id, _)
        | Denial::Busy(id, _) => *id,
        _ => 0,
    };
    OrderDeniedError::new_err((denial.rule(), denial.to_string(), order))
}

impl OrderCore {
    pub(super) fn top(&self, py: Python<'_>, instrument: u32, now: Stamp) -> Option<Top> {
        let reference = *self.state(py).references.get(&instrument)?;
        let feed = lock(&self.feed.as_ref()?.get().feed);
        let book = feed.book(reference)?;
        let (price_scale, _) = feed.book_scales(reference)?;
        let slot = channel_slot(Kind::Book as u8, 0)?;
        let price = |level: Option<ferrofeed_core::event::Level>| level.map_or(0, |level| level.price);
        Some(Top {
            bid: price(book.best_bid()),
            ask: price(book.best_ask()),
            price_scale,
            valid: book.is_valid(),
            age: now.monotonic.saturating_sub(feed.last_data(reference, slot)),
        })
    }

    /// A place on the feed's board for a desk.
    fn cell(&self, py: Python<'_>, name: &str) -> PyResult<Option<Shared<DeskCell>>> {
        let Some(feed) = &self.feed else { return Ok(None) };
        let board = feed.get().board(py);
        board.get().board.add_desk(name).map(Some).map_err(crate::metrics::full)
    }

    /// The router, for a short look. Who holds it may be waiting for the disk: the GIL is not held meanwhile.
    pub(super) fn state(&self, py: Python<'_>) -> MutexGuard<'_, State> {
        loop {
            match self.state.try_lock() {
                Ok(state) => return state,
                Err(TryLockError::Poisoned(state)) => return state.into_inner(),
                Err(TryLockError::WouldBlock) => py.detach(|| drop(lock(&self.state))),
            }
        }
    }

    /// Works on the router; without the GIL where that may take long.
    pub(super) fn work<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut State, Stamp) -> T + Send) -> T {
        if !self.slow
            && let Ok(mut state) = self.state.try_lock()
        {
            return work(&mut state, Stamp::now());
        }
        // who holds the lock may be waiting for the disk
        self.work_detached(py, work)
    }

    fn work_detached<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut State, Stamp) -> T + Send) -> T {
        py.detach(|| {
            let mut state = lock(&self.state);
            let now = Stamp::now();
            work(&mut state, now)
        })
    }
}

#[pymethods]
impl OrderCore {
    /// A router that goes on from what `journal`, a folder, holds (None: it keeps none). `fsync`: `off`, `batched` or `always`.
    #[new]
    #[pyo3(signature = (feed=None, *, journal=None, fsync="batched", fsync_interval_ns=10_000_000, segment_bytes=1 << 26,
        keep_segments=16, prefix="ff", ack_timeout_ns=5_000_000_000, settle_ns=2_000_000_000, keep_orders=10_000))]
    #[allow(clippy::too_many_arguments, reason = "options, all named in Python")]
    fn new(
        feed: Option<Py<FeedCore>>,
        journal: Option<&str>,
        fsync: &str,
        fsync_interval_ns: i64,
        segment_bytes: u64,
        keep_segments: usize,
        prefix: &str,
        ack_timeout_ns: i64,
        settle_ns: i64,
        keep_orders: usize,
    ) -> PyResult<Self> {
        let config = Config {
            prefix: prefix.into(),
            ack_timeout: ack_timeout_ns,
            settle: settle_ns,
            // what differs for the settle time is taken over: the venue must have been asked again by then
            account_after: Config::default().account_after.min(settle_ns / 4),
            keep: keep_orders,
            ..Config::default()
        };
        let every = fsync_interval_ns;
        let policies = [("off", Fsync::Off), ("batched", Fsync::Batched { every }), ("always", Fsync::Always)];
        let fsync = word("fsync", fsync, &policies, |(name, _)| name)?.1;
        let mut ledger = Ledger::new(config.keep);
        let mut recovery = (0, 0, 0, 0);
        let sink: Box<dyn Sink> = match journal {
            None => Box::new(Nowhere),
            Some(folder) => {
                let options = Options { folder: folder.into(), fsync, segment_bytes, keep_segments };
                let mut each = |entry: journal::Entry<'_>| {
                    let applied = replay(&mut ledger, entry.time, entry.kind, entry.payload);
                    applied.map_err(|error| error.to_string())
                };
                let (opened, found) =
                    Journal::open(options, &mut each).map_err(|error| JournalError::new_err(error.to_string()))?;
                let live = u64::try_from(ledger.live_count()).unwrap_or(0);
                recovery = (found.entries, found.last, found.torn, live);
                Box::new(opened)
            }
        };
        let router = Router::new(config, ledger, Risk::new(Limits::default()), sink, Stamp::now());
        let state = State {
            router,
            gateway: None,
            papers: Vec::new(),
            references: BTreeMap::new(),
            cells: Vec::new(),
            shown_with: Vec::new(),
        };
        Ok(Self { state: Mutex::new(state), feed, slow: fsync == Fsync::Always, recovery })
    }

    /// What the journal held: entries read, number of the last, bytes of an interrupted write that were cut off, live orders.
    #[getter]
    fn recovery(&self) -> (u64, u64, u64, u64) {
        self.recovery
    }

    /// Adds a login at `CoinCeres` on a link; gives the desk's number.
    #[pyo3(signature = (name, link, *, exchange, leverage=0, utc_offset_s=28_800, poll_ns=1_000_000_000))]
    #[allow(clippy::too_many_arguments, reason = "options, all named in Python")]
    fn add_coinceres(
        &self,
        py: Python<'_>,
        name: &str,
        link: u16,
        exchange: &str,
        leverage: u32,
        utc_offset_s: i32,
        poll_ns: i64,
    ) -> PyResult<u16> {
        let cell = self.cell(py, name)?;
        let speaker = Speaker::CoinCeres { exchange: exchange.into(), leverage, utc_offset_s };
        self.work(py, |state, now| {
            let desk = state.router.add_desk(name, link, speaker, poll_ns, now);
            state.router.risk().set_supports(desk, coinceres::SUPPORTS);
            state.show(desk, cell);
            Ok(desk)
        })
    }

    /// Adds a login at a quantapi gateway on a link; gives the desk's number.
    #[pyo3(signature = (name, link, *, platform, symbols, access_key, secret_key, poll_ns=30_000_000_000))]
    #[allow(clippy::needless_pass_by_value, clippy::too_many_arguments, reason = "extracted from Python; options")]
    fn add_quantapi(
        &self,
        py: Python<'_>,
        name: &str,
        link: u16,
        platform: &str,
        symbols: Vec<String>,
        access_key: Vec<u8>,
        secret_key: Vec<u8>,
        poll_ns: i64,
    ) -> PyResult<u16> {
        let cell = self.cell(py, name)?;
        let speaker = Speaker::QuantApi {
            platform: platform.into(),
            symbols: symbols.iter().map(|symbol| symbol.as_str().into()).collect(),
            access_key: Secret::from(access_key),
            secret_key: Secret::from(secret_key),
        };
        self.work(py, |state, now| {
            let desk = state.router.add_desk(name, link, speaker, poll_ns, now);
            state.router.risk().set_supports(desk, quantapi::SUPPORTS);
            state.show(desk, cell);
            Ok(desk)
        })
    }

    /// Has a desk never connect: nobody of ours has an account there, it is what logins of others are made like.
    fn set_keyless(&self, py: Python<'_>, desk: u16) -> PyResult<()> {
        self.work(py, |state, _| {
            state.router.set_keyless(desk);
            Ok(())
        })
    }

    /// Adds a paper exchange of its own on a link; gives the desk's number. Latencies in ns: least and most of each way.
    #[pyo3(signature = (name, link, *, there=None, back=None, reject_ppm=0, seed=0, poll_ns=5_000_000_000))]
    #[allow(clippy::too_many_arguments, reason = "options, all named in Python")]
    fn add_paper(
        &self,
        py: Python<'_>,
        name: &str,
        link: u16,
        there: Option<(i64, i64)>,
        back: Option<(i64, i64)>,
        reject_ppm: u32,
        seed: u64,
        poll_ns: i64,
    ) -> PyResult<u16> {
        let cell = self.cell(py, name)?;
        let model = Model { there: latency(there), back: latency(back), reject_ppm, seed, cancel_on_disconnect: false };
        self.work(py, |state, now| {
            let desk = state.router.add_desk(name, link, Speaker::Paper, poll_ns, now);
            state.router.risk().set_supports(desk, PAPER);
            let mut venue = PaperVenue::new(model, 10_000);
            venue.exchange.number_from(u64::try_from(now.realtime).unwrap_or(0));
            state.papers.push(Paper::new(venue, name, desk, link, state.router.ledger()));
            state.show(desk, cell);
            Ok(desk)
        })
    }

    /// Adds an account to a desk's paper exchange, on a link of its own, with all its instruments; gives the account's desk. It measures
    /// and counts as the venue does.
    fn add_paper_account(&self, py: Python<'_>, of: u16, name: &str, link: u16) -> PyResult<u16> {
        let added = self.work(py, |state, now| -> Result<u16, String> {
            let at = state.papers.iter().position(|paper| paper.by_desk.get(&of) == Some(&0));
            let at = at.ok_or_else(|| format!("desk {of} is no paper exchange"))?;
            let (desk, own) = state.add_login(of, name, link, None, now)?;
            if let Some(paper) = state.papers.get_mut(at) {
                paper.add_account_like_the_first(name, desk, link, &own, state.router.ledger());
            }
            Ok(desk)
        });
        added.map_err(PyValueError::new_err)
    }

    /// Adds a login of others at a desk's venue, on this link, with all its instruments; gives its desk. Where messages carry the keys,
    /// these are the ones. It measures and counts as the venue does.
    fn add_login(
        &self,
        py: Python<'_>,
        of: u16,
        name: &str,
        link: u16,
        access_key: Vec<u8>,
        secret_key: Vec<u8>,
    ) -> PyResult<u16> {
        let keys = (Secret::from(access_key), Secret::from(secret_key));
        let added = self.work(py, |state, now| state.add_login(of, name, link, Some(keys), now));
        added.map(|(desk, _)| desk).map_err(PyValueError::new_err)
    }

    /// Logs a desk in whose link is open already.
    fn open_desk(&self, py: Python<'_>, desk: u16) {
        self.work(py, |state, now| state.router.open_desk(desk, now));
    }

    /// Says goodbye for a desk, where its venue knows logins.
    fn log_out(&self, py: Python<'_>, desk: u16) {
        self.work(py, |state, now| state.router.log_out(desk, now));
    }

    /// Takes a desk out, as if its venue were no longer configured; False, and nothing is done, while it has live orders.
    fn remove_desk(&self, py: Python<'_>, desk: u16) -> bool {
        self.work(py, |state, now| state.router.remove_desk(desk, now))
    }

    /// Adds an instrument (an object with the fields of `RulesText`); gives its number.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn add_instrument(&self, py: Python<'_>, desk: u16, rules: RulesText) -> PyResult<u32> {
        let rules = rules.rules()?;
        self.work(py, |state, now| state.router.add_instrument(desk, rules, now)).map_err(PyValueError::new_err)
    }

    /// Lists an instrument on a desk's paper exchange; `market`: the feed's instrument whose book it trades against.
    #[pyo3(signature = (instrument, *, maker_ppm, taker_ppm, leverage=1, market=None))]
    fn list_paper(
        &self,
        py: Python<'_>,
        instrument: u32,
        maker_ppm: u32,
        taker_ppm: u32,
        leverage: u32,
        market: Option<u32>,
    ) -> PyResult<()> {
        let mut state = self.state(py);
        let missing = || PyIndexError::new_err(format!("no instrument {instrument} of a paper exchange"));
        let known = state.router.ledger().instrument(instrument).cloned().ok_or_else(missing)?;
        let owns = |paper: &&mut Paper| paper.by_desk.get(&known.desk) == Some(&0);
        let paper = state.papers.iter_mut().find(owns).ok_or_else(missing)?;
        let listed = paper.venue.exchange.add_instrument(known.rules, Terms { maker_ppm, taker_ppm, leverage });
        if let Some(account) = paper.accounts.first_mut() {
            account.instruments.insert(instrument, listed);
        }
        if let Some(market) = market {
            paper.markets.push((market, listed));
        }
        Ok(())
    }

    /// Puts money into the account of a desk's paper exchange.
    fn deposit_paper(&self, py: Python<'_>, desk: u16, currency: &str, amount: &str) -> PyResult<()> {
        let amount = decimal("amount", amount)?;
        let mut state = self.state(py);
        let found = state.papers.iter_mut().find_map(|paper| {
            let account = paper.by_desk.get(&desk).copied()?;
            Some((paper, account))
        });
        let (paper, account) =
            found.ok_or_else(|| PyIndexError::new_err(format!("desk {desk} is no paper exchange")))?;
        let money = at_money_scale(amount.coef, amount.scale);
        let account = u32::try_from(account).unwrap_or(u32::MAX);
        paper.venue.exchange.deposit(account, currency, money).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    /// Sets an instrument's limits; None: no limit.
    #[pyo3(signature = (instrument, *, max_quantity=None, max_notional=None, collar_bps=None, collar_max_age_ns=5_000_000_000,
        collar_without_book=false, max_position=None, max_open_orders=None, max_open_orders_venue=None, duplicate_window_ns=0))]
    #[allow(clippy::too_many_arguments, reason = "options, all named in Python")]
    fn set_limits(
        &self,
        py: Python<'_>,
        instrument: u32,
        max_quantity: Option<&str>,
        max_notional: Option<&str>,
        collar_bps: Option<u32>,
        collar_max_age_ns: i64,
        collar_without_book: bool,
        max_position: Option<&str>,
        max_open_orders: Option<u32>,
        max_open_orders_venue: Option<u32>,
        duplicate_window_ns: i64,
    ) -> PyResult<()> {
        let number = |what: &str, value: Option<&str>| value.map(|value| decimal(what, value)).transpose();
        let limits = Limits {
            max_quantity: number("max_quantity", max_quantity)?,
            max_notional: number("max_notional", max_notional)?,
            collar: collar_bps,
            collar_max_age: collar_max_age_ns,
            collar_without_book,
            max_position: number("max_position", max_position)?,
            max_open_orders,
            max_open_orders_venue,
            duplicate_window: duplicate_window_ns,
        };
        self.state(py).router.risk().set_limits(instrument, limits);
        Ok(())
    }

    /// Sets a desk's budget: so many requests in any window, of which some are kept for cancels.
    fn set_budget(&self, py: Python<'_>, desk: u16, requests: u32, window_ns: i64, reserve: u32) {
        self.state(py).router.risk().set_budget(desk, BudgetLimits { requests, window: window_ns, reserve });
    }

    /// Says which of the feed's books the collar of an instrument looks at.
    fn set_reference(&self, py: Python<'_>, instrument: u32, feed_instrument: u32) {
        self.state(py).references.insert(instrument, feed_instrument);
    }

    /// A strategy's number.
    fn strategy(&self, py: Python<'_>, name: &str) -> u32 {
        self.work(py, |state, now| state.router.strategy(name, now))
    }

    /// A link is open. A paper exchange's link is opened once, when everything is added.
    fn opened(&self, py: Python<'_>, link: u16) {
        self.work(py, |state, now| {
            for paper in &mut state.papers {
                if let Some(connection) = paper.connection(link) {
                    paper.venue.connect(connection);
                }
            }
            state.router.opened(link, now);
            state.pump(now);
        });
    }

    /// A link is gone.
    fn closed(&self, py: Python<'_>, link: u16) {
        self.work(py, |state, now| {
            for paper in &mut state.papers {
                if let Some(connection) = paper.connection(link) {
                    paper.venue.disconnect(connection, now);
                }
            }
            state.router.closed(link, now);
        });
    }

    /// Takes a text message of a link: `("reports", None)`, `("pong", echo)`, or `("unreadable", why)`.
    fn message(&self, py: Python<'_>, link: u16, payload: &[u8]) -> (&'static str, Option<String>) {
        let heard = self.work(py, |state, now| {
            let heard = state.router.message(link, payload, now);
            heard.map_err(|error| explain(payload, error))
        });
        match heard {
            Ok(Heard::Reports) => ("reports", None),
            Ok(Heard::Pong(echo)) => ("pong", echo.map(|echo| echo.to_string())),
            Err(why) => ("unreadable", Some(why)),
        }
    }

    /// The next message of a link that may be sent now, journaled before; whoever takes it sends it. It may hold a credential.
    fn outgoing<'py>(&self, py: Python<'py>, link: u16) -> Option<Bound<'py, PyBytes>> {
        let outgoing = self.work(py, |state, now| state.router.outgoing(link, now))?;
        match outgoing.body {
            Body::Text(text) => Some(PyBytes::new(py, &text)),
            Body::Paper => None,
        }
    }

    /// Whether [`OrderCore::outgoing`] may have something.
    fn has_outgoing(&self, py: Python<'_>, link: u16) -> bool {
        self.state(py).router.has_outgoing(link)
    }

    /// Links that must be closed, with the reason.
    fn take_closes(&self, py: Python<'_>) -> Vec<(u16, &'static str)> {
        self.state(py).router.take_closes()
    }

    /// Time passes: call it some fifty times a second. True: the paper exchanges were asked for a part only, see [`OrderCore::pump`].
    fn tick(&self, py: Python<'_>) -> bool {
        // the journal's next segment is begun here, which waits for the disk
        let board = self.feed.as_ref().map(|feed| feed.get().board(py));
        let board = board.as_ref().map(|board| &*board.get().board);
        self.work_detached(py, |state, now| {
            state.router.tick(now);
            let more = state.pump_some(now, SLICE);
            state.publish(board, now);
            more
        })
    }

    /// Asks a desk for everything again; False if it is not connected.
    fn refresh(&self, py: Python<'_>, desk: u16) -> bool {
        self.work(py, |state, now| {
            let asked = state.router.refresh(desk, now);
            state.pump(now);
            asked
        })
    }

    /// Lets go of the journal: nothing is taken any more, what is known can still be looked at.
    fn close(&self, py: Python<'_>) {
        self.work_detached(py, |state, _| state.router.end("the router was closed"));
    }

    /// Moves what is due on the paper exchanges, for a part of the desks that have something to ask: what else goes on in the process
    /// need not wait for thousands of them. True: call it again soon.
    fn pump(&self, py: Python<'_>) -> bool {
        self.work(py, |state, now| state.pump_some(now, SLICE))
    }

    /// Nanoseconds until a paper exchange has something to do; None: not before something is asked.
    fn paper_due(&self, py: Python<'_>) -> Option<i64> {
        let state = self.state(py);
        let due = state.papers.iter().filter_map(|paper| paper.venue.next_deadline()).min()?;
        Some(due.saturating_sub(Stamp::now().monotonic).max(0))
    }

    /// Shows the paper exchanges the books that changed in a batch. True: see [`OrderCore::pump`].
    fn market(&self, py: Python<'_>, batch: &Batch) -> bool {
        let Some(feed) = &self.feed else { return false };
        let mut changed: Vec<u32> = Vec::new();
        for event in &batch.batch.events {
            let concerns = event.kind == Kind::Book as u8 || event.kind == Kind::Status as u8;
            if concerns && !changed.contains(&event.instrument) {
                changed.push(event.instrument);
            }
        }
        let all = changed.contains(&ferrofeed_core::event::NO_INSTRUMENT);
        self.work(py, |state, now| {
            for paper in &mut state.papers {
                for (market, listed) in paper.markets.clone() {
                    if all || changed.contains(&market) {
                        // a copy of the book would cost more than holding both locks for twenty levels; nobody takes the
                        // feed's first and then this one
                        let feed = lock(&feed.get().feed);
                        let book = feed.book(market).zip(feed.book_scales(market));
                        paper.show(listed, book.map(|(book, (price, size))| (book, price, size)), now);
                    }
                }
            }
            state.pump_some(now, SLICE)
        })
    }

    /// Places an order and gives its id; raises `OrderDeniedError`. Words as text, numbers as decimal text.
    #[pyo3(signature = (instrument, side, order_type, offset, unit, price, quantity, ttl_ns, strategy=0, intent="", cause_ns=0))]
    #[allow(clippy::too_many_arguments, reason = "one call is one command")]
    fn place(
        &self,
        py: Python<'_>,
        instrument: u32,
        side: &str,
        order_type: &str,
        offset: &str,
        unit: &str,
        price: &str,
        quantity: &str,
        ttl_ns: i64,
        strategy: u32,
        intent: &str,
        cause_ns: i64,
    ) -> PyResult<u64> {
        let parsed = || -> PyResult<NewOrder<'_>> {
            Ok(NewOrder {
                instrument,
                side: word("side", side, Side::ALL, Side::name)?,
                order_type: word("type", order_type, OrderType::ALL, OrderType::name)?,
                offset: word("offset", offset, Offset::ALL, Offset::name)?,
                unit: word("unit", unit, Unit::ALL, Unit::name)?,
                price: decimal("price", price)?,
                quantity: decimal("quantity", quantity)?,
                ttl: ttl_ns,
                strategy,
                intent,
                top: None,
                cause: cause_ns,
            })
        };
        let mut order = match parsed() {
            Ok(order) => order,
            Err(error) => {
                let why = error.value(py).to_string();
                self.note(py, instrument, "input", &why);
                return Err(OrderDeniedError::new_err(("input", why, 0)));
            }
        };
        order.top = self.top(py, instrument, Stamp::now());
        let placed = self.work(py, |state, now| {
            let placed = state.router.place(&order, now);
            state.pump(now);
            placed
        });
        placed.map_err(|denial| denied(&denial))
    }

    /// Writes a line about something that was not taken before it got as far as the router.
    fn note(&self, py: Python<'_>, instrument: u32, rule: &str, text: &str) {
        self.work(py, |state, now| {
            let desk = state.router.ledger().instrument(instrument).map_or(u16::MAX, |known| known.desk);
            state.router.note(desk, rule, text, now);
        });
    }

    /// Cancels an order; raises `OrderDeniedError`.
    fn cancel(&self, py: Python<'_>, number: u64, ttl_ns: i64) -> PyResult<()> {
        let done = self.work(py, |state, now| {
            let done = state.router.cancel(number, ttl_ns, now);
            state.pump(now);
            done
        });
        done.map_err(|denial| denied(&denial))
    }

    /// Cancels every live order of a desk, an instrument, a strategy (None: of any), as often as it takes; gives how many.
    #[pyo3(signature = (desk=None, instrument=None, strategy=None))]
    fn cancel_all(&self, py: Python<'_>, desk: Option<u16>, instrument: Option<u32>, strategy: Option<u32>) -> usize {
        self.work(py, |state, now| {
            let count = state.router.cancel_all(desk, instrument, strategy, now);
            state.pump(now);
            count
        })
    }

    /// Changes an order's price and whole quantity; raises `OrderDeniedError`.
    fn replace(&self, py: Python<'_>, number: u64, price: &str, quantity: &str, ttl_ns: i64) -> PyResult<()> {
        let (price, quantity) = (decimal("price", price)?, decimal("quantity", quantity)?);
        let instrument = self.state(py).router.ledger().order(number).map(|order| order.placed.instrument);
        let top = instrument.and_then(|instrument| self.top(py, instrument, Stamp::now()));
        let done = self.work(py, |state, now| {
            let done = state.router.replace(number, price, quantity, top, ttl_ns, now);
            state.pump(now);
            done
        });
        done.map_err(|denial| denied(&denial))
    }

    /// An order as a tuple, see `shape.rs`; None: there is none, or it is no longer kept.
    fn order<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let found = {
            let state = self.state(py);
            let client_id = state.router.client_id(number);
            state.router.ledger().order(number).cloned().map(|order| (order, client_id))
        };
        // tuples are made without the lock: the collector may run anything then
        let Some((order, client_id)) = found else { return Ok(None) };
        self.orders_out(py, vec![(order, client_id)])?.pop().map_or(Ok(None), |one| Ok(Some(one)))
    }

    /// Orders as tuples, oldest first: live ones, or all that are kept.
    #[pyo3(signature = (live=true))]
    fn orders<'py>(&self, py: Python<'py>, live: bool) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let mut found: Vec<_> = {
            let state = self.state(py);
            let ledger = state.router.ledger();
            let named = |order: &ferrofeed_core::orders::ledger::Order| {
                (order.clone(), state.router.client_id(order.placed.id))
            };
            if live { ledger.live().map(named).collect() } else { ledger.orders().map(named).collect() }
        };
        found.sort_unstable_by_key(|(order, _)| order.placed.id);
        self.orders_out(py, found)
    }

    /// Long and short position of an instrument, as decimal text.
    fn position(&self, py: Python<'_>, instrument: u32) -> (String, String) {
        let position = self.state(py).router.ledger().position(instrument);
        (money(position.long), money(position.short))
    }

    /// Balances of a desk: `(currency, free, locked, total)`.
    fn balances(&self, py: Python<'_>, desk: u16) -> Vec<(String, String, String, String)> {
        let state = self.state(py);
        let balances = state.router.ledger().balances(desk);
        balances
            .into_iter()
            .flatten()
            .map(|(currency, [free, locked, total])| {
                (currency.to_string(), money(*free), money(*locked), money(*total))
            })
            .collect()
    }

    /// `(symbol, raw_symbol, product, base, quote, settle, price_scale, size_scale, tick, lot, min_size, max_size, min_price,
    /// min_notional)` of an instrument.
    fn rules<'py>(&self, py: Python<'py>, instrument: u32) -> PyResult<Bound<'py, PyTuple>> {
        let rules = self.state(py).router.ledger().instrument(instrument).map(|known| known.rules.clone());
        let rules = rules.ok_or_else(|| PyIndexError::new_err(format!("no instrument {instrument}")))?;
        let price = |value: i64| text(value.into(), rules.price_scale);
        let size = |value: i64| text(value.into(), rules.size_scale);
        let both = rules.price_scale.saturating_add(rules.size_scale);
        let words = [&rules.symbol, &rules.raw_symbol].map(ToString::to_string);
        let product = Product::name(rules.product);
        let currencies = [&rules.base, &rules.quote, &rules.settle].map(ToString::to_string);
        let [symbol, raw_symbol] = words;
        let [base, quote, settle] = currencies;
        let head = (symbol, raw_symbol, product, base, quote, settle, rules.price_scale, rules.size_scale);
        let tail = (
            price(rules.tick),
            size(rules.lot),
            size(rules.min_size),
            size(rules.max_size),
            price(rules.min_price),
            text(rules.min_notional, both),
        );
        let (head, tail) = (head.into_pyobject(py)?, tail.into_pyobject(py)?);
        head.as_sequence().concat(tail.as_sequence())?.to_tuple()
    }

    /// The instruments of a desk: number, canonical symbol, and as the venue spells it.
    fn instruments(&self, py: Python<'_>, desk: u16) -> Vec<(u32, String, String)> {
        let state = self.state(py);
        let all = (0..).zip(state.router.ledger().instruments());
        all.filter(|(_, known)| known.desk == desk)
            .map(|(index, known)| (index, known.rules.symbol.to_string(), known.rules.raw_symbol.to_string()))
            .collect()
    }

    /// The names of desks that the journal knows live orders of, and that were not added, or never connect.
    fn waiting_desks(&self, py: Python<'_>) -> Vec<String> {
        let state = self.state(py);
        let ledger = state.router.ledger();
        let is_gone = |desk| matches!(state.router.desk_state(desk), None | Some(DeskState::Keyless));
        let waits = |desk: u16| ledger.live_of(desk) > 0 && is_gone(desk);
        (0..).zip(ledger.desks()).filter(|(desk, _)| waits(*desk)).map(|(_, name)| name.to_string()).collect()
    }

    /// Where a desk stands: `down`, `opening`, `reconciling`, `ready` or `keyless`; empty: it is not configured.
    fn desk_state(&self, py: Python<'_>, desk: u16) -> &'static str {
        self.state(py).router.desk_state(desk).map_or("", DeskState::name)
    }

    /// The mode asked for, the reason the kill switch is on (None: it is off), and why the journal failed (None: it did not).
    fn mode(&self, py: Python<'_>) -> (&'static str, Option<String>, Option<String>) {
        let state = self.state(py);
        let ledger = state.router.ledger();
        (ledger.mode().name(), ledger.kill().map(str::to_owned), state.router.broken().map(str::to_owned))
    }

    /// Changes the mode: `active`, `reducing` or `halted`.
    fn set_mode(&self, py: Python<'_>, mode: &str, by: &str) -> PyResult<()> {
        let mode = word("mode", mode, Mode::ALL, Mode::name)?;
        self.work(py, |state, now| state.router.set_mode(mode, by, now));
        Ok(())
    }

    /// Throws the kill switch.
    fn kill(&self, py: Python<'_>, why: &str) {
        self.work(py, |state, now| {
            state.router.kill(why, now);
            state.pump(now);
        });
    }

    /// Clears the kill switch; gives whether it was on.
    fn clear_kill(&self, py: Python<'_>, who: &str) -> bool {
        self.work(py, |state, now| state.router.clear_kill(who, now))
    }

    /// Events since the last call, as tuples, see `shape.rs`.
    fn events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let (events, ledger_words) = {
            let mut state = self.state(py);
            let events = state.take_events(Stamp::now());
            let scales: Vec<_> =
                events.iter().map(|event| state.router.ledger().instrument(event.instrument).cloned()).collect();
            (events, scales)
        };
        let list = PyList::empty(py);
        for (event, instrument) in events.iter().zip(&ledger_words) {
            list.append(shape::event(py, instrument.as_ref().map(|known| &known.rules), event)?)?;
        }
        Ok(list)
    }

    /// Forgets the events since the last call, since nobody listens; gives those that an operator must hear of all the same.
    fn skip_events<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let notable: Vec<_> = {
            let mut state = self.state(py);
            let mut events = state.take_events(Stamp::now());
            events.retain(is_notable);
            let ledger = state.router.ledger();
            events.into_iter().map(|event| (ledger.instrument(event.instrument).cloned(), event)).collect()
        };
        notable.iter().map(|(known, event)| shape::event(py, known.as_ref().map(|known| &known.rules), event)).collect()
    }

    /// Whether there are events to take.
    fn has_events(&self, py: Python<'_>) -> bool {
        let state = self.state(py);
        state.router.has_events() || (state.gateway.is_some() && state.router.has_told())
    }

    /// What is still on its way, or waits to be looked at; empty: everything is known.
    fn restless(&self, py: Python<'_>) -> Vec<String> {
        self.state(py).router.restless()
    }

    /// Counters of a desk, by name; `denied` by rule.
    fn counters<'py>(&self, py: Python<'py>, desk: u16) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.state(py).router.stats(desk).cloned();
        let stats = stats.ok_or_else(|| PyIndexError::new_err(format!("no desk {desk}")))?;
        stats::counters(py, &stats)
    }

    /// Histograms of a desk, as the feed's are given: `{stage: (cumulative [(bound_ns, count)], count, sum_ns, negative)}`.
    fn histograms<'py>(&self, py: Python<'py>, desk: u16) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.state(py).router.stats(desk).cloned();
        let stats = stats.ok_or_else(|| PyIndexError::new_err(format!("no desk {desk}")))?;
        stats::histograms(py, &stats)
    }

    /// Percentiles (0 to 100) of a desk's stage, ns.
    #[allow(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn percentiles(&self, py: Python<'_>, desk: u16, stage: &str, percentiles: Vec<f64>) -> PyResult<Vec<u64>> {
        let stats = self.state(py).router.stats(desk).cloned();
        let stats = stats.ok_or_else(|| PyIndexError::new_err(format!("no desk {desk}")))?;
        let all = stats::stages(&stats);
        let (_, histogram) = word("stage", stage, &all, |(name, _)| name)?;
        crate::stats::percentiles(histogram, &percentiles)
    }

    /// `(entries, bytes, segment, unsynced, age_ns of the oldest unsynced, journaled, unjournaled, inconsistencies)`.
    fn journal(&self, py: Python<'_>) -> (u64, u64, u64, u64, i64, u64, u64, u64) {
        let mut state = self.state(py);
        let status = state.router.journal().unwrap_or_default();
        let age = if status.unsynced_since == 0 {
            0
        } else {
            Stamp::now().realtime.saturating_sub(status.unsynced_since).max(0)
        };
        let tallies = state.router.tallies();
        (
            status.entries,
            status.bytes,
            status.segment,
            status.unsynced,
            age,
            tallies.journaled.get(),
            tallies.unjournaled.get(),
            tallies.inconsistencies.get(),
        )
    }

    /// Anomalies, denials and starts that the journal has seen, and live orders.
    fn counts(&self, py: Python<'_>) -> (u64, u64, u64, usize) {
        let state = self.state(py);
        let (anomalies, denials, starts) = state.router.ledger().counts();
        (anomalies, denials, starts, state.router.ledger().live_count())
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        if let Some(feed) = &self.feed {
            visit.call(feed)?;
        }
        Ok(())
    }
}

impl OrderCore {
    fn orders_out<'py>(
        &self,
        py: Python<'py>,
        found: Vec<(ferrofeed_core::orders::ledger::Order, String)>,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let words: Vec<_> = {
            let state = self.state(py);
            let ledger = state.router.ledger();
            found
                .iter()
                .map(|(order, _)| {
                    let strategy =
                        usize::try_from(order.placed.strategy).ok().and_then(|at| ledger.strategies().get(at));
                    let rules = ledger.instrument(order.placed.instrument).map(|known| known.rules.clone());
                    (strategy.cloned().unwrap_or_default(), rules)
                })
                .collect()
        };
        found
            .into_iter()
            .zip(words)
            .map(|((order, client_id), (strategy, rules))| {
                shape::order(py, rules.as_ref(), &strategy, &order, client_id)
            })
            .collect()
    }
}

/// Whether an operator must hear of it: the words are those of `ferrofeed.orders.news`.
fn is_notable(event: &Event) -> bool {
    match event.kind {
        EventKind::Anomaly | EventKind::Kill | EventKind::Mode | EventKind::Position | EventKind::Desk => true,
        EventKind::Order => event.change == Some(Change::Lost),
        _ => false,
    }
}

fn latency(range: Option<(i64, i64)>) -> Latency {
    range.map_or_else(Latency::default, |(least, most)| Latency { least, most })
}
