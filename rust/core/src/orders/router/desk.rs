//! One login at one venue: where it stands, what it was asked, what it said that we can't place yet.

use super::super::report::Report;
use super::request::{Pending, Request, Waiting};
use crate::clock::Nanos;
use crate::sign::Secret;
use foldhash::HashMap;
use std::collections::VecDeque;

/// Requests that wait, or wait for an answer, at one desk. More are refused: a venue that does not answer must not fill memory.
pub(super) const MOST_REQUESTS: usize = 4_096;
/// Reports kept of orders whose acknowledgement has not come.
pub(super) const MOST_ORPHANS: usize = 4_096;
/// Orders that a venue has live after their end; of more only the first are cancelled.
pub(super) const MOST_GHOSTS: usize = 4_096;
/// Orders of others that are told apart; of more only the count is kept.
pub(super) const MOST_FOREIGN: usize = 4_096;

/// How long a platform may take to be ready after the login before somebody must hear of it, ns.
const READY_WITHIN: Nanos = 30_000_000_000;
/// How long until it is said again, or the connection given up; also, how long a platform whose trouble was told is waited for, ns.
pub(super) const READY_AGAIN: Nanos = 300_000_000_000;

/// How long until a question that was refused is asked again, at most, ns.
const MOST_PUT_OFF: Nanos = 30_000_000_000;

/// How a desk speaks.
#[derive(Clone, Debug)]
pub enum Speaker {
    /// `CoinCeres`: the URL is the login; our ids in orders; one question of a kind at a time.
    CoinCeres {
        /// The exchange behind it.
        exchange: Box<str>,
        /// Leverage of contracts, 0: the venue's own.
        leverage: u32,
        /// Its local times are this many seconds ahead of UTC.
        utc_offset_s: i32,
    },
    /// A quantapi gateway: logins with tokens; answers by number; no ids of ours, no history.
    QuantApi {
        /// The platform behind it.
        platform: Box<str>,
        /// What is subscribed at the login.
        symbols: Vec<Box<str>>,
        /// Key.
        access_key: Secret,
        /// Secret.
        secret_key: Secret,
    },
    /// The paper exchange in this process.
    Paper,
}

impl Speaker {
    /// Whether orders carry our id at the venue.
    #[must_use]
    pub const fn has_client_ids(&self) -> bool {
        !matches!(self, Self::QuantApi { .. })
    }

    /// Whether an answer about orders lists finished ones too.
    #[must_use]
    pub const fn has_history(&self) -> bool {
        !matches!(self, Self::QuantApi { .. })
    }

    /// Whether answers carry the request's number.
    #[must_use]
    pub const fn has_numbers(&self) -> bool {
        !matches!(self, Self::CoinCeres { .. })
    }

    /// Whether an open socket is not yet a login.
    #[must_use]
    pub const fn has_login(&self) -> bool {
        matches!(self, Self::QuantApi { .. })
    }

    /// Whether it can be asked for one order, by its own id. A list of all may be cut short; this is not.
    #[must_use]
    pub const fn has_single(&self) -> bool {
        matches!(self, Self::CoinCeres { .. })
    }

    /// Whether a list of orders may be cut short.
    #[must_use]
    pub const fn may_cut(&self) -> bool {
        matches!(self, Self::CoinCeres { .. })
    }

    /// Whether the venue tells of every fill by itself; elsewhere a report of an order says how much of it is filled by now.
    #[must_use]
    pub const fn tells_fills(&self) -> bool {
        !matches!(self, Self::CoinCeres { .. })
    }

    /// Whether an order can be changed.
    #[must_use]
    pub const fn has_replace(&self) -> bool {
        matches!(self, Self::Paper)
    }

    /// How many orders one cancel may name.
    #[must_use]
    pub const fn most_cancels(&self) -> usize {
        match self {
            Self::CoinCeres { .. } => 15,
            Self::QuantApi { .. } => 50,
            Self::Paper => 1,
        }
    }

    /// Whether a cancel may name orders of several instruments.
    #[must_use]
    pub const fn cancels_across_instruments(&self) -> bool {
        matches!(self, Self::CoinCeres { .. })
    }
}

/// Where a desk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskState {
    /// No connection.
    Down = 1,
    /// Connected; the login, or the platform behind it, is not there yet.
    Opening,
    /// The venue is being asked what is true; no new orders yet.
    Reconciling,
    /// Orders are taken.
    Ready,
    /// Nobody of ours has an account there, it never connects: logins of others at the venue are made like it.
    Keyless,
}

impl DeskState {
    /// The name, as in the API and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Opening => "opening",
            Self::Reconciling => "reconciling",
            Self::Ready => "ready",
            Self::Keyless => "keyless",
        }
    }
}

/// What is known of a live order besides its place in the ledger: nothing of it outlives the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Track {
    /// When it was sent, monotonic; 0: not by this process.
    pub(super) sent: Nanos,
    /// When it was last known for certain, monotonic: an older picture of the venue says nothing about it.
    pub(super) known: Nanos,
    /// Since when it is unknown, monotonic.
    pub(super) doubt: Nanos,
    /// Somebody wants it cancelled, however often that must be asked.
    pub(super) wanted_gone: bool,
    /// A change of its terms is on its way, or may be: what is filled can't be judged by the terms we know.
    pub(super) replacing: bool,
    /// When it may be asked again, monotonic.
    pub(super) cancel_after: Nanos,
    /// It was told that the venue's list may be cut short before it.
    pub(super) may_be_cut: bool,
}

/// A question that the venue refused.
#[derive(Clone, Debug)]
pub(super) struct PutOff {
    pub(super) request: Request,
    /// How often in a row.
    times: u32,
    /// Not to be asked before this, monotonic.
    until: Nanos,
}

/// What the venue says a position is, as opposed to what fills made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) long: i128,
    pub(super) short: i128,
    /// Since when it differs from ours, monotonic; 0: it does not.
    pub(super) differs: Nanos,
}

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) name: Box<str>,
    pub(super) link: u16,
    pub(super) speaker: Speaker,
    /// How often live orders are asked for where pushes may not come; 0: never.
    pub(super) poll: Nanos,
    pub(super) state: DeskState,
    pub(super) token: Option<Secret>,
    /// The platform was said to be ready before the login's answer came.
    pub(super) ready_early: bool,
    pub(super) instruments: Vec<u32>,
    /// Commands, then questions, each in order.
    pub(super) commands: VecDeque<Waiting>,
    pub(super) questions: VecDeque<Waiting>,
    pub(super) pending: Vec<Pending>,
    pub(super) put_off: VecDeque<PutOff>,
    pub(super) orphans: VecDeque<(Nanos, Report)>,
    /// Orders of others, and when they were first told of, monotonic.
    pub(super) foreign: HashMap<Box<str>, Nanos>,
    /// How far the venue's clock is behind ours at least, as the times of our own orders show.
    pub(super) behind: Nanos,
    pub(super) seen: HashMap<u32, Seen>,
    /// When that is to be compared with our positions, monotonic; `i64::MAX`: nothing changed since it was.
    pub(super) compare_at: Nanos,
    /// When the account is to be asked again, monotonic; `i64::MAX`: not.
    pub(super) account_due: Nanos,
    pub(super) poll_due: Nanos,
    /// When it is to be said that the platform behind the login is not ready yet, monotonic; `i64::MAX`: nothing is waited for.
    pub(super) ready_due: Nanos,
    /// It was said.
    pub(super) ready_missed: bool,
    /// The platform's trouble was told since the connection: whoever is in front of it is at it.
    pub(super) in_trouble: bool,
    /// No login before this.
    pub(super) login_after: Nanos,
    pub(super) login_failures: u32,
    /// What the venue said when it refused the last one.
    pub(super) refused: Option<Box<str>>,
    /// Nothing but cancels before this: the venue says we ask too often.
    pub(super) pause: Nanos,
    /// Questions in a row without an answer.
    pub(super) unanswered: u32,
    /// Instruments to ask for the orders of, and not before when.
    pub(super) ask: HashMap<u32, Nanos>,
    /// Cancels that were taken, oldest first: an order of these that is still live at that time is asked about.
    pub(super) cancelled: VecDeque<(Nanos, u64)>,
}

impl Desk {
    pub(super) fn new(name: &str, link: u16, speaker: Speaker, poll: Nanos) -> Self {
        Self {
            name: name.into(),
            link,
            speaker,
            poll,
            state: DeskState::Down,
            token: None,
            ready_early: false,
            instruments: Vec::new(),
            commands: VecDeque::new(),
            questions: VecDeque::new(),
            pending: Vec::new(),
            put_off: VecDeque::new(),
            orphans: VecDeque::new(),
            foreign: HashMap::default(),
            behind: 0,
            seen: HashMap::default(),
            compare_at: Nanos::MAX,
            account_due: Nanos::MAX,
            poll_due: 0,
            ready_due: Nanos::MAX,
            ready_missed: false,
            in_trouble: false,
            login_after: 0,
            login_failures: 0,
            refused: None,
            pause: 0,
            unanswered: 0,
            ask: HashMap::default(),
            cancelled: VecDeque::new(),
        }
    }

    /// What its messages carry and nobody may see.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let mut all: Vec<Secret> = self.token.iter().cloned().collect();
        if let Speaker::QuantApi { access_key, secret_key, .. } = &self.speaker {
            all.extend([access_key.clone(), secret_key.clone()]);
        }
        all
    }

    pub(super) fn is_up(&self) -> bool {
        !matches!(self.state, DeskState::Down | DeskState::Keyless)
    }

    /// Until when time alone changes nothing here, if nobody touches it: of thousands of desks most rest at any moment.
    pub(super) fn rests_until(&self) -> Nanos {
        if !self.is_up() {
            return Nanos::MAX;
        }
        let is_idle = self.state == DeskState::Ready
            && self.commands.is_empty()
            && self.questions.is_empty()
            && self.pending.is_empty()
            && self.orphans.is_empty()
            && self.ask.is_empty();
        if !is_idle {
            return 0;
        }
        let poll = if self.poll == 0 { Nanos::MAX } else { self.poll_due };
        let cancelled = self.cancelled.front().map_or(Nanos::MAX, |(due, _)| *due);
        self.compare_at.min(self.account_due).min(poll).min(cancelled)
    }

    /// Whether another command or question has room.
    pub(super) fn has_room(&self) -> bool {
        self.commands.len().saturating_add(self.questions.len()).saturating_add(self.pending.len()) < MOST_REQUESTS
    }

    /// Whether what is asked can be said at all: where there are logins, every other request carries a token.
    pub(super) fn is_logged_in(&self) -> bool {
        !self.speaker.has_login() || self.token.is_some()
    }

    /// The login was taken, or the platform behind it fell into trouble: from now on it is waited for.
    pub(super) fn await_ready(&mut self, now: Nanos) {
        let patience = if self.in_trouble { READY_AGAIN } else { READY_WITHIN };
        self.ready_due = now.saturating_add(patience);
        self.ready_missed = false;
    }

    /// Nothing is waited for any more: the platform is ready, or the login is gone.
    pub(super) fn stop_awaiting(&mut self) {
        self.ready_due = Nanos::MAX;
        self.in_trouble = false;
    }

    /// There is no login, and nothing is known of the platform behind it.
    pub(super) fn forget_login(&mut self) {
        self.token = None;
        self.ready_early = false;
        self.stop_awaiting();
    }

    /// Puts a question behind the others, unless it waits already.
    pub(super) fn question(&mut self, request: Request, now: Nanos) {
        if self.has_room() && !self.questions.iter().any(|waiting| waiting.request == request) {
            self.questions.push_back(Waiting { request, deadline: Nanos::MAX, since: now, cause: 0 });
        }
    }

    /// A question was refused: it is asked again, `first` ns later, and every time after twice as long.
    pub(super) fn put_off(&mut self, request: Request, first: Nanos, now: Nanos) {
        let known = self.put_off.iter().position(|other| other.request == request);
        let times = known.and_then(|at| self.put_off.remove(at)).map_or(0, |other| other.times);
        let wait = first.saturating_mul(1 << times.min(16)).min(MOST_PUT_OFF);
        if self.put_off.len() >= MOST_REQUESTS {
            self.put_off.pop_front();
        }
        let until = now.saturating_add(wait);
        self.put_off.push_back(PutOff { request: request.clone(), times: times.saturating_add(1), until });
        self.question(request, now);
    }

    /// Whether a question was refused and its time has not come again.
    pub(super) fn is_put_off(&self, request: &Request, now: Nanos) -> bool {
        self.put_off.iter().any(|other| other.until > now && other.request == *request)
    }

    /// Whether a question waits or was sent and not answered.
    pub(super) fn is_asking(&self, request: &Request) -> bool {
        self.questions.iter().any(|waiting| waiting.request == *request)
            || self.pending.iter().any(|pending| !pending.overdue && pending.request == *request)
    }

    /// Whether a cancel of an order waits, or was sent and not answered.
    pub(super) fn is_cancelling(&self, id: u64) -> bool {
        let asked = |request: &Request| matches!(request, Request::Cancel(ids) if ids.contains(&id));
        self.commands.iter().any(|waiting| asked(&waiting.request))
            || self.pending.iter().any(|pending| !pending.overdue && asked(&pending.request))
    }

    /// Whether a request must wait for the answer to another one of its kind.
    pub(super) fn must_wait(&self, request: &Request) -> bool {
        let by_client_id = matches!(request, Request::Place(_));
        !self.speaker.has_numbers()
            && !by_client_id
            && self.pending.iter().any(|pending| !pending.overdue && pending.request.is_like(request))
    }

    /// Takes the pending request out that an answer belongs to.
    pub(super) fn answered(&mut self, which: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let at = self.pending.iter().position(which)?;
        Some(self.pending.remove(at))
    }

    /// Keeps a report for later; the oldest goes if there are too many, and is given back.
    pub(super) fn hold(&mut self, report: Report, now: Nanos) -> Option<Report> {
        let gone = if self.orphans.len() >= MOST_ORPHANS { self.orphans.pop_front() } else { None };
        self.orphans.push_back((now, report));
        gone.map(|(_, report)| report)
    }
}
