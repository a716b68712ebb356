//! The router: what is asked of it goes through risk and the journal to a venue; what venues say becomes the one state.
//!
//! Sans-I/O. Its user hands it commands, what came from the sockets and the time; it hands back requests to send
//! ([`Router::outgoing`]) and events ([`Router::take_events`]). `now` is a [`Stamp`]: intervals are taken on its monotonic part,
//! records carry its realtime part.
//!
//! What always holds:
//! - An order is journaled before its request can be taken from the outbox, and is taken from it once, never after its time to
//!   live. Nothing is ever sent again: not by a reconnect, not after a timeout, not after a restart.
//! - After a lost connection, a missing answer or a restart an order is [`OrderState::Unknown`] until the venue was asked.
//! - A desk takes new orders when everything it was asked after connecting is answered and none of its orders is unknown; an
//!   instrument with an unknown order takes none.
//! - The state changes by records only, see [`super::ledger`].

mod account;
mod asking;
mod commands;
mod desk;
mod disk;
mod event;
mod incoming;
mod logins;
mod outbox;
mod reported;
mod request;
mod say;
mod sink;
mod stats;
mod time;
mod writing;

pub use commands::{Denial, NewOrder};
pub use desk::{DeskState, Speaker};
pub use event::{Event, EventKind};
pub use logins::OWNER_MARK;
pub use outbox::{Body, Outgoing};
pub use request::Request;
pub use say::Heard;
pub use sink::{Memory, Nowhere, Sink};
pub use stats::{DeskStats, Tallies};

use super::ledger::{Inconsistent, Ledger, Open};
use super::record::{BadRecord, Record};
use super::report::PositionReport;
use super::risk::Risk;
use super::rules::Rules;
use super::state::OrderState;
use crate::clock::{Nanos, Stamp};
use crate::region::{DeskCell, Shared};
use desk::{Desk, Track};
use foldhash::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;

/// How a router behaves. Times in ns.
#[derive(Clone, Debug)]
pub struct Config {
    /// In front of our ids at venues that take client ids.
    pub prefix: Box<str>,
    /// How long an answer may take before it counts as missing.
    pub ack_timeout: Nanos,
    /// How long a venue may take to work on what it was sent before the connection was cut: only then can an order be absent.
    pub settle: Nanos,
    /// How long between two questions about the same.
    pub ask_again: Nanos,
    /// How long after the last change of an account it is asked for whole.
    pub account_after: Nanos,
    /// Finished orders kept.
    pub keep: usize,
    /// Reads the clock for the stages of an order, monotonic.
    pub laps: fn() -> Nanos,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            prefix: "ff".into(),
            ack_timeout: 5_000_000_000,
            settle: 2_000_000_000,
            ask_again: 500_000_000,
            account_after: 500_000_000,
            keep: 10_000,
            laps: crate::clock::monotonic_ns,
        }
    }
}

/// Why a journal's entries are no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// An entry can't be read.
    Bad(BadRecord),
    /// An entry does not fit those before it.
    Inconsistent(Inconsistent),
}

impl std::fmt::Display for ReplayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bad(error) => error.fmt(f),
            Self::Inconsistent(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}

/// Applies a journal's entry.
///
/// # Errors
/// [`ReplayError`].
pub fn replay(ledger: &mut Ledger, time: Nanos, kind: u8, payload: &[u8]) -> Result<(), ReplayError> {
    let record = Record::read(kind, payload).map_err(ReplayError::Bad)?;
    ledger.apply(&record, time).map_err(ReplayError::Inconsistent)
}

fn private_stats() -> Shared<DeskStats> {
    Shared::<DeskCell>::private().part(|cell| &cell.stats)
}

/// See the module's text.
pub struct Router {
    config: Config,
    ledger: Ledger,
    risk: Risk,
    sink: Box<dyn Sink>,
    /// Why the journal takes nothing any more.
    broken: Option<Box<str>>,
    /// By the ledger's numbers; those of a venue that is no longer configured are `None`.
    desks: Vec<Option<Desk>>,
    /// Of each: before this time nothing happens there by time alone, monotonic; whoever touches a desk sets it to 0.
    rests: Vec<Nanos>,
    /// Desks that were touched since somebody looked whether they have something to send; each once.
    touched: VecDeque<u16>,
    is_touched: Vec<bool>,
    stats: Vec<Shared<DeskStats>>,
    tallies: Arc<Tallies>,
    /// The desks of each link, by its number.
    links: Vec<Vec<u16>>,
    tracks: HashMap<u64, Track>,
    /// Of each instrument of which the venue told a position: the last it said.
    holdings: HashMap<u32, PositionReport>,
    /// Those of which it said something else since they were taken; each once.
    told: Vec<u32>,
    /// Orders whose whole quantity may have become another: the one asked for last.
    changing: Vec<(u64, i64)>,
    /// Orders that are over and that their venue has live all the same, with its ids of them.
    ghosts: HashMap<u64, Box<str>>,
    events: Vec<Event>,
    /// Orders that are over since events were taken last: who hears of their end may look them up.
    ended: usize,
    seq: u64,
    number: u64,
    payload: Vec<u8>,
    /// Links that must be closed, with the reason.
    closes: Vec<(u16, &'static str)>,
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router").field("ledger", &self.ledger).field("broken", &self.broken).finish_non_exhaustive()
    }
}

impl Router {
    /// A router that goes on from a state which [`replay`] made of its journal's entries: every live order is unknown.
    #[must_use]
    pub fn new(config: Config, ledger: Ledger, risk: Risk, sink: Box<dyn Sink>, now: Stamp) -> Self {
        let desks = ledger.desks().iter().map(|_| None).collect();
        let count = ledger.desks().len();
        let stats = ledger.desks().iter().map(|_| private_stats()).collect();
        let mut router = Self {
            config,
            ledger,
            risk,
            sink,
            broken: None,
            desks,
            rests: vec![0; count],
            touched: VecDeque::new(),
            is_touched: vec![false; count],
            stats,
            tallies: Arc::default(),
            links: Vec::new(),
            tracks: HashMap::default(),
            holdings: HashMap::default(),
            told: Vec::new(),
            changing: Vec::new(),
            ghosts: HashMap::default(),
            events: Vec::new(),
            ended: 0,
            seq: 0,
            // nanoseconds: no run repeats the numbers of another, however soon it starts, unless the clock is set back to the very
            // moment of one; a venue may take the second for a repetition
            number: u64::try_from(now.realtime.max(0)).unwrap_or(0),
            payload: Vec::new(),
            closes: Vec::new(),
        };
        router.commit(&Record::Started, now);
        let live: Vec<u64> = router.ledger.live().map(|order| order.placed.id).collect();
        let killed = router.ledger.kill().is_some();
        for id in live {
            router.lose(id, "the process was restarted", now);
            // what the kill switch is after stays so, should it be cleared before the venue was asked
            router.track(id).wanted_gone = killed;
        }
        router
    }

    /// Adds a desk: one login at one venue, on the socket of a link. Gives its number, the same after a restart.
    pub fn add_desk(&mut self, name: &str, link: u16, speaker: Speaker, poll: Nanos, now: Stamp) -> u16 {
        let known = self.ledger.desks().iter().position(|known| **known == *name);
        let number = known.unwrap_or_else(|| self.ledger.desks().len());
        let desk = u16::try_from(number).unwrap_or(u16::MAX);
        if known.is_none() {
            self.commit(&Record::Desk { desk, name: name.into() }, now);
            self.desks.push(None);
            self.rests.push(0);
            self.is_touched.push(false);
            self.stats.push(private_stats());
        }
        if speaker.has_replace() {
            // a change of their terms may have been on its way when an earlier process ended
            let live: Vec<u64> =
                self.ledger.live().filter(|order| order.placed.desk == desk).map(|order| order.placed.id).collect();
            for id in live {
                self.track(id).replacing = true;
            }
        }
        let mut entry = Desk::new(name, link, speaker, poll);
        // what is no longer traded may be no longer listed: only its live orders are a reason to ask for it
        entry.instruments = (0..)
            .zip(self.ledger.instruments())
            .filter(|(index, known)| known.desk == desk && self.ledger.open(*index).orders > 0)
            .map(|(index, _)| index)
            .collect();
        if let Some(slot) = self.desks.get_mut(number) {
            *slot = Some(entry);
        }
        let at = usize::from(link);
        if self.links.len() <= at {
            self.links.resize_with(at.saturating_add(1), Vec::new);
        }
        if let Some(desks) = self.links.get_mut(at)
            && !desks.contains(&desk)
        {
            desks.push(desk);
        }
        desk
    }

    /// What the venue said last of the position in an instrument; `None`: nothing yet.
    #[must_use]
    pub fn holding(&self, instrument: u32) -> Option<&PositionReport> {
        self.holdings.get(&instrument)
    }

    /// Whether the venue told another position of some instrument.
    #[must_use]
    pub fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// Takes the instruments of which the venue told another position since the last call.
    pub fn take_told(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.told)
    }

    /// Lets a desk measure and count where others may look, from now on.
    pub fn measure_in(&mut self, desk: u16, stats: Shared<DeskStats>) {
        if let Some(slot) = self.stats.get_mut(usize::from(desk)) {
            *slot = stats;
        }
    }

    /// Adds an instrument, or gives the one there is its rules. Gives its number, the same after a restart.
    ///
    /// # Errors
    /// The instrument is known with other scales, or more than 18 digits are asked for: in words.
    pub fn add_instrument(&mut self, desk: u16, rules: Rules, now: Stamp) -> Result<u32, String> {
        if rules.price_scale.saturating_add(rules.size_scale) > super::MONEY_SCALE {
            return Err(format!(
                "{}: price and size have {} + {} digits, at most 18 together are possible",
                rules.symbol, rules.price_scale, rules.size_scale
            ));
        }
        let known = (0..)
            .zip(self.ledger.instruments())
            .find(|(_, known)| known.desk == desk && known.rules.symbol == rules.symbol)
            .map(|(index, known)| (index, known.rules.clone()));
        if let Some((_, before)) = &known
            && (before.price_scale, before.size_scale) != (rules.price_scale, rules.size_scale)
        {
            return Err(format!(
                "{}: the journal has it with scales {} and {}, now they are {} and {}: start with a new journal",
                rules.symbol, before.price_scale, before.size_scale, rules.price_scale, rules.size_scale
            ));
        }
        let next = u32::try_from(self.ledger.instruments().len()).unwrap_or(u32::MAX);
        let index = known.as_ref().map_or(next, |(index, _)| *index);
        if known.is_none_or(|(_, before)| before != rules) {
            self.commit(&Record::Instrument { instrument: index, desk, rules }, now);
        }
        if let Some(entry) = self.desk_mut(desk)
            && !entry.instruments.contains(&index)
        {
            entry.instruments.push(index);
        }
        Ok(index)
    }

    /// Gives a strategy's number, the same after a restart.
    pub fn strategy(&mut self, name: &str, now: Stamp) -> u32 {
        if let Some(at) = self.ledger.strategies().iter().position(|known| **known == *name) {
            return u32::try_from(at).unwrap_or(0);
        }
        let strategy = u32::try_from(self.ledger.strategies().len()).unwrap_or(0);
        self.commit(&Record::Strategy { strategy, name: name.into() }, now);
        strategy
    }

    /// A strategy's number, if it ever had one.
    #[must_use]
    pub fn known_strategy(&self, name: &str) -> Option<u32> {
        let at = self.ledger.strategies().iter().position(|known| **known == *name)?;
        u32::try_from(at).ok()
    }

    /// The state.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The risk checks, to change their limits.
    pub const fn risk(&mut self) -> &mut Risk {
        &mut self.risk
    }

    /// Why no new order is taken any more: the journal failed.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// What the journal shows of itself, if there is one on a disk.
    pub fn journal(&mut self) -> Option<super::journal::Status> {
        self.sink.status()
    }

    /// Whether there are events to take.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Where a desk stands; `None` if it is not configured.
    #[must_use]
    pub fn desk_state(&self, desk: u16) -> Option<DeskState> {
        self.desk(desk).map(|desk| desk.state)
    }

    /// Whether a desk's venue tells of every fill by itself, see [`Speaker::tells_fills`].
    #[must_use]
    pub fn tells_fills(&self, desk: u16) -> bool {
        self.desk(desk).is_none_or(|desk| desk.speaker.tells_fills())
    }

    /// Why the venue, which is there, refuses the login of a desk; `None`: it does not.
    #[must_use]
    pub fn refusal(&self, desk: u16) -> Option<&str> {
        self.desk(desk).filter(|desk| desk.state == DeskState::Opening)?.refused.as_deref()
    }

    /// A desk's histograms and counters.
    #[must_use]
    pub fn stats(&self, desk: u16) -> Option<&Shared<DeskStats>> {
        self.stats.get(usize::from(desk))
    }

    /// Counters of the whole router.
    #[must_use]
    pub const fn tallies(&self) -> &Arc<Tallies> {
        &self.tallies
    }

    /// Lets go of the journal, whoever writes it next: nothing is taken or written down from here on.
    pub fn end(&mut self, why: &str) {
        self.broken = Some(why.into());
        self.sink = Box::new(Nowhere);
    }

    /// Takes the events since the last call. Every order that they are about is there until the next call.
    pub fn take_events(&mut self) -> Vec<Event> {
        self.ledger.forget(std::mem::take(&mut self.ended));
        std::mem::take(&mut self.events)
    }

    /// Takes the links that must be closed, with the reason.
    pub fn take_closes(&mut self) -> Vec<(u16, &'static str)> {
        std::mem::take(&mut self.closes)
    }

    /// Our id at venues that take one.
    #[must_use]
    pub fn client_id(&self, id: u64) -> String {
        format!("{}{id}", self.config.prefix)
    }

    fn id_of(&self, client_id: &str) -> Option<u64> {
        let digits = client_id.strip_prefix(&*self.config.prefix)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    }

    fn desk(&self, desk: u16) -> Option<&Desk> {
        self.desks.get(usize::from(desk))?.as_ref()
    }

    fn desk_mut(&mut self, desk: u16) -> Option<&mut Desk> {
        self.touch(desk);
        self.desks.get_mut(usize::from(desk))?.as_mut()
    }

    /// A desk is to be looked at: something may have changed there.
    pub fn touch(&mut self, desk: u16) {
        if let Some(rests) = self.rests.get_mut(usize::from(desk)) {
            *rests = 0;
        }
        if let Some(is_touched) = self.is_touched.get_mut(usize::from(desk))
            && !std::mem::replace(is_touched, true)
        {
            self.touched.push_back(desk);
        }
    }

    /// Takes the next desk that was touched since it was taken last: it may have something to send.
    pub fn take_touched(&mut self) -> Option<u16> {
        let desk = self.touched.pop_front()?;
        if let Some(is_touched) = self.is_touched.get_mut(usize::from(desk)) {
            *is_touched = false;
        }
        Some(desk)
    }

    /// How many desks were touched.
    #[must_use]
    pub fn touched_count(&self) -> usize {
        self.touched.len()
    }

    /// Whether a desk has something to send, now or later.
    #[must_use]
    pub fn has_waiting(&self, desk: u16) -> bool {
        self.desk(desk).is_some_and(Desk::has_waiting)
    }

    fn desks_of(&self, link: u16) -> &[u16] {
        self.links.get(usize::from(link)).map_or(&[], Vec::as_slice)
    }

    /// What live orders of an instrument may still trade, with what changes on their way may add.
    fn open_at_most(&self, instrument: u32) -> Open {
        let mut open = self.ledger.open(instrument);
        for (id, asked) in &self.changing {
            let placed = self.ledger.order(*id).map(|order| &order.placed);
            if let Some(placed) = placed.filter(|placed| placed.instrument == instrument) {
                let more = asked.saturating_sub(placed.quantity).max(0);
                open.grow(placed.side, placed.offset, more.into());
            }
        }
        open
    }

    fn track(&mut self, id: u64) -> &mut Track {
        self.tracks.entry(id).or_default()
    }

    fn state(&self, id: u64) -> Option<OrderState> {
        self.ledger.order(id).map(|order| order.state)
    }
}
