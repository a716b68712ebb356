//! A router, a paper exchange, and a network between them that does what the schedule says.

use super::step::Step;
use super::venue::Venue;
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::num::Decimal;
use ferrofeed_core::orders::ledger::Ledger;
use ferrofeed_core::orders::record::{Mode, Placed};
use ferrofeed_core::orders::risk::{Limits, Risk};
use ferrofeed_core::orders::router::{
    Config, Denial, DeskState, Memory, NewOrder, Outgoing, Request, Router, Speaker, replay,
};
use ferrofeed_core::orders::state::OrderState;
use ferrofeed_core::orders::{Gateway, Offset, OrderType, Product, Report, RequestKey, Side, Unit};
use ferrofeed_core::sign::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

pub const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const EPOCH: i64 = 1_700_000_000 * SECOND;
/// The router looks at the clock so often.
const TICK: i64 = 20 * MS;
/// A message usually takes so long.
const WAY: i64 = MS;
pub const MIDDLE: i64 = 10_000;

/// How the venue speaks: with ids of ours and a history, or as a gateway that has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Paper,
    Gateway,
}

/// Something on its way.
struct Flight<T> {
    due: i64,
    order: u64,
    epoch: u32,
    what: T,
}

#[derive(Default)]
struct Faults {
    lose_requests: u8,
    delay_requests: i64,
    lose_reports: u8,
    repeat_reports: u8,
    delay_reports: (u8, i64),
}

/// Takes the lowest bit out of a mask of what happens to the next ones.
fn next_bit(mask: &mut u8) -> bool {
    let bit = *mask & 1 != 0;
    *mask >>= 1;
    bit
}

pub struct World {
    dialect: Dialect,
    router: Router,
    journal: Arc<Mutex<Memory>>,
    venue: Venue,
    now: i64,
    stalled: i64,
    up: bool,
    epoch: u32,
    number: u64,
    requests: Vec<Flight<Outgoing>>,
    reports: Vec<Flight<Report>>,
    faults: Faults,
    desk: u16,
    instruments: [u32; 2],
    /// Our orders by id: the intent and the time after which they may not be sent.
    placed: BTreeMap<u64, (u8, i64)>,
    cancels: BTreeMap<u64, i64>,
    sent: BTreeSet<u64>,
    ends: BTreeMap<u64, OrderState>,
    token: u64,
    /// The venue forgot what it had: orders may end without a word.
    pub forgot: bool,
}

fn config() -> Config {
    Config { laps: || 0, keep: 100_000, ..Config::default() }
}

impl World {
    pub fn new(dialect: Dialect, seed: u64) -> Self {
        let journal = Arc::new(Mutex::new(Memory::default()));
        let (router, desk, instruments) = start(dialect, &journal, Ledger::new(config().keep), SECOND);
        let mut world = Self {
            dialect,
            router,
            journal,
            venue: Venue::new(seed),
            now: SECOND,
            stalled: 0,
            up: false,
            epoch: 0,
            number: 0,
            requests: Vec::new(),
            reports: Vec::new(),
            faults: Faults::default(),
            desk,
            instruments,
            placed: BTreeMap::new(),
            cancels: BTreeMap::new(),
            sent: BTreeSet::new(),
            ends: BTreeMap::new(),
            token: 0,
            forgot: false,
        };
        world.connect();
        world.pass(500 * MS);
        world
    }

    fn stamp(&self) -> Stamp {
        Stamp { realtime: EPOCH + self.now, monotonic: self.now }
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Place { contract, sell, close, kind, price, lots, intent, ttl_ms } => {
                self.place(contract, sell, close, kind, price, lots, intent, ttl_ms);
            }
            Step::Cancel { which, ttl_ms } => {
                if let Some(id) = self.nth(which) {
                    let (now, ttl) = (self.stamp(), i64::from(ttl_ms) * MS);
                    if self.router.cancel(id, ttl, now).is_ok() {
                        self.cancels.insert(id, self.now + ttl);
                    }
                }
            }
            Step::CancelAll => {
                let now = self.stamp();
                self.router.cancel_all(None, None, None, now);
                self.cancels.extend(self.router.ledger().live().map(|order| (order.placed.id, i64::MAX)));
            }
            Step::Replace { which, price, lots } => {
                if let Some(id) = self.nth(which) {
                    let now = self.stamp();
                    let (price, quantity) = (ticks(price), quantity(lots));
                    let _ = self.router.replace(id, price, quantity, None, SECOND, now);
                }
            }
            Step::Other { contract, sell, price, lots } => {
                self.venue.other(self.now, usize::from(contract), sell, MIDDLE + i64::from(price), i64::from(lots));
            }
            Step::Pass(ms) => self.pass(i64::from(ms) * MS),
            Step::LoseRequests(mask) => self.faults.lose_requests = mask,
            Step::DelayRequests(ms) => self.faults.delay_requests = i64::from(ms) * MS,
            Step::LoseReports(mask) => self.faults.lose_reports = mask,
            Step::RepeatReports(mask) => self.faults.repeat_reports = mask,
            Step::DelayReports(mask, ms) => self.faults.delay_reports = (mask, i64::from(ms) * MS),
            // with its memory kept, a venue that starts again is a lost connection
            Step::Cut | Step::VenueRestart => self.cut(),
            Step::Connect => self.connect(),
            Step::Crash => self.crash(),
            Step::VenueAmnesia => {
                self.cut();
                self.requests.clear();
                self.venue.forget(self.now);
                self.forgot = true;
            }
            Step::Kill => {
                let now = self.stamp();
                self.router.kill("schedule", now);
                self.cancels.extend(self.router.ledger().live().map(|order| (order.placed.id, i64::MAX)));
            }
            Step::Clear => {
                let now = self.stamp();
                self.router.clear_kill("schedule", now);
            }
            Step::Mode(mode) => {
                let now = self.stamp();
                let mode = [Mode::Active, Mode::Reducing, Mode::Halted][usize::from(mode) % 3];
                self.router.set_mode(mode, "schedule", now);
            }
            Step::Stall(ms) => {
                self.stalled = self.now + i64::from(ms) * MS;
                self.pass(i64::from(ms) * MS);
            }
        }
        if self.stalled <= self.now {
            self.drain();
        }
        self.check();
    }

    #[allow(clippy::too_many_arguments, reason = "a step's fields")]
    fn place(
        &mut self,
        contract: bool,
        is_sale: bool,
        close: bool,
        kind: u8,
        price: i8,
        lots: u8,
        intent: u8,
        ttl_ms: u16,
    ) {
        let order_type = match kind {
            0..=4 => OrderType::Limit,
            5 => OrderType::Market,
            _ => OrderType::Ioc,
        };
        let key = if intent == 0 { String::new() } else { format!("intent {intent}") };
        let ttl = i64::from(ttl_ms) * MS;
        let order = NewOrder {
            instrument: self.instruments[usize::from(contract)],
            side: if is_sale { Side::Sell } else { Side::Buy },
            order_type,
            offset: match (contract, close) {
                (false, _) => Offset::Net,
                (true, false) => Offset::Open,
                (true, true) => Offset::Close,
            },
            unit: Unit::Base,
            price: if order_type == OrderType::Market { Decimal::default() } else { ticks(price) },
            quantity: quantity(lots),
            ttl,
            strategy: 0,
            intent: &key,
            top: None,
            cause: 0,
        };
        let now = self.stamp();
        match self.router.place(&order, now) {
            Ok(id) => {
                assert!(self.placed.insert(id, (intent, self.now + ttl)).is_none(), "id {id} was given twice");
            }
            Err(Denial::Journal(why)) => panic!("{why}"),
            Err(_) => {}
        }
    }

    fn nth(&self, which: u8) -> Option<u64> {
        let count = self.placed.len();
        (count > 0).then(|| self.placed.keys().nth(usize::from(which) % count).copied())?
    }

    pub fn pass(&mut self, ns: i64) {
        let end = self.now + ns;
        while self.now < end {
            let mut next = end.min(self.now - self.now % TICK + TICK);
            for due in self.requests.iter().map(|flight| flight.due).chain(self.reports.iter().map(|flight| flight.due))
            {
                if due > self.now {
                    next = next.min(due);
                }
            }
            if let Some(due) = self.venue.next_deadline() {
                next = next.min(due.max(self.now + 1));
            }
            self.now = next;
            self.deliver();
            if self.stalled <= self.now {
                if self.now % TICK == 0 {
                    let now = self.stamp();
                    self.router.tick(now);
                }
                self.drain();
            }
        }
    }

    /// What has arrived is taken: requests by the venue, reports by the router.
    fn deliver(&mut self) {
        let mut arrived: Vec<Flight<Outgoing>> = Vec::new();
        let now = self.now;
        self.requests.retain_mut(|_| true);
        let (due, rest) = std::mem::take(&mut self.requests).into_iter().partition(|flight| flight.due <= now);
        self.requests = rest;
        arrived.extend::<Vec<_>>(due);
        arrived.sort_by_key(|flight| (flight.due, flight.order));
        for flight in arrived {
            let connected = flight.epoch == self.epoch && self.up;
            self.ask_venue(&flight.what, connected);
        }
        self.hear_venue();
        if self.stalled > self.now {
            return;
        }
        let (mut due, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.reports).into_iter().partition(|flight| flight.due <= now);
        self.reports = rest;
        due.sort_by_key(|flight| (flight.due, flight.order));
        for flight in due {
            if flight.epoch == self.epoch && self.up {
                let now = self.stamp();
                self.router.report(self.desk, flight.what, now);
                self.drain();
            }
        }
    }

    fn ask_venue(&mut self, outgoing: &Outgoing, connected: bool) {
        let number = RequestKey::Number(outgoing.number);
        match &outgoing.request {
            Request::Login => {
                self.token += 1;
                let token = Secret::from(format!("token {}", self.token));
                self.send_report(&Report::LoggedIn { request: number, token });
                self.send_report(&Report::Gateway { state: Gateway::Ready, message: "".into() });
            }
            Request::Logout => self.send_report(&Report::LoggedOut { request: number }),
            request => {
                let ledger = self.router.ledger();
                // the router may have been restarted or have changed its mind: the wire has what was said
                self.venue.request(self.now, outgoing.number, request, ledger, connected);
            }
        }
        self.hear_venue();
    }

    fn hear_venue(&mut self) {
        for report in self.venue.poll(self.now) {
            let report = self.translate(report);
            self.send_report(&report);
        }
    }

    /// What a gateway without ids and history would say of it.
    fn translate(&self, report: Report) -> Report {
        if self.dialect == Dialect::Paper {
            return report;
        }
        match report {
            Report::Accepted { request, venue_id, .. } => Report::Accepted { request, client_id: "".into(), venue_id },
            Report::Refused { request, refusal, .. } => Report::Refused { request, client_id: "".into(), refusal },
            Report::Order(mut row) => {
                row.client_id = "".into();
                Report::Order(row)
            }
            Report::Orders { request, orders } => {
                use ferrofeed_core::orders::OrderStatus as S;
                let open = orders.into_iter().filter(|row| matches!(row.status, S::Working | S::Pending));
                let orders = open.map(|mut row| {
                    row.client_id = "".into();
                    row
                });
                Report::Orders { request, orders: orders.collect() }
            }
            other => other,
        }
    }

    fn send_report(&mut self, report: &Report) {
        if !self.up {
            return;
        }
        // the answers to logins and questions come, or the connection would be given up: faults are for orders
        let about_orders = matches!(
            report,
            Report::Accepted { .. }
                | Report::Refused { .. }
                | Report::CancelAnswer { .. }
                | Report::RequestRefused { .. }
                | Report::Order(_)
                | Report::Execution(_)
        );
        let mut due = self.now + WAY;
        let mut times = 1;
        if about_orders {
            if next_bit(&mut self.faults.lose_reports) {
                times = 0;
            }
            if next_bit(&mut self.faults.repeat_reports) {
                times += 1;
            }
            if next_bit(&mut self.faults.delay_reports.0) {
                due += self.faults.delay_reports.1;
            }
        }
        for _ in 0..times {
            self.number += 1;
            self.reports.push(Flight { due, order: self.number, epoch: self.epoch, what: report.clone() });
        }
    }

    /// The loop takes what the router wants sent.
    fn drain(&mut self) {
        let now = self.stamp();
        if self.up {
            while let Some(outgoing) = self.router.outgoing(0, now) {
                self.judge(&outgoing);
                let lost = next_bit(&mut self.faults.lose_requests) && !outgoing.request.is_question();
                let due = self.now + WAY + std::mem::take(&mut self.faults.delay_requests);
                if !lost {
                    self.number += 1;
                    let flight = Flight { due, order: self.number, epoch: self.epoch, what: outgoing };
                    self.requests.push(flight);
                }
            }
        }
        let closes = self.router.take_closes();
        if !closes.is_empty() && self.up {
            self.cut();
            self.connect();
        }
        self.router.take_events();
    }

    /// What must hold of everything that is sent.
    fn judge(&mut self, outgoing: &Outgoing) {
        match &outgoing.request {
            Request::Place(id) => {
                let (_, deadline) = self.placed[id];
                assert!(self.now <= deadline, "order {id} was sent after its time to live");
                assert!(self.sent.insert(*id), "order {id} was sent twice");
                let kinds = self.journal.lock().unwrap();
                assert!(kinds.entries.iter().any(|(_, kind, _)| *kind == 5), "nothing was journaled");
                assert_eq!(self.router.desk_state(self.desk), Some(DeskState::Ready));
            }
            Request::Cancel(ids) => {
                // of an order's own cancel; those of "cancel all" and the kill switch have no limit
                for id in ids {
                    assert!(self.sent.contains(id), "a cancel of order {id}, which was never sent");
                }
            }
            _ => {}
        }
    }

    fn cut(&mut self) {
        if self.up {
            self.up = false;
            let now = self.stamp();
            self.router.closed(0, now);
            self.venue.disconnect(self.now);
            self.reports.clear();
        }
    }

    pub fn connect(&mut self) {
        if !self.up && self.stalled <= self.now {
            self.up = true;
            self.epoch += 1;
            self.venue.connect(self.now);
            let now = self.stamp();
            self.router.opened(0, now);
        }
    }

    fn crash(&mut self) {
        self.check();
        if self.up {
            self.up = false;
            self.venue.disconnect(self.now);
            self.reports.clear();
        }
        let ledger = self.replayed();
        assert_eq!(&ledger, self.router.ledger(), "the journal makes another state than the one there was");
        let (router, desk, instruments) = start(self.dialect, &self.journal, ledger, self.now);
        assert_eq!((desk, instruments), (self.desk, self.instruments));
        self.router = router;
    }

    fn replayed(&self) -> Ledger {
        let mut ledger = Ledger::new(config().keep);
        for (time, kind, payload) in &self.journal.lock().unwrap().entries {
            replay(&mut ledger, *time, *kind, payload).unwrap();
        }
        ledger
    }

    /// What must hold at every moment.
    fn check(&mut self) {
        let mut live: BTreeMap<u8, u64> = BTreeMap::new();
        for client_id in self.venue.live() {
            let id: u64 = client_id.strip_prefix("ff").unwrap().parse().unwrap();
            let (intent, _) = self.placed[&id];
            if intent != 0
                && let Some(other) = live.insert(intent, id)
            {
                panic!("orders {other} and {id} of one intent are live");
            }
        }
        for order in self.router.ledger().orders() {
            let id = order.placed.id;
            if order.state.is_terminal() {
                let end = *self.ends.entry(id).or_insert(order.state);
                assert_eq!(end, order.state, "order {id} has two ends");
            } else {
                assert!(!self.ends.contains_key(&id), "order {id} came back from {:?}", self.ends.get(&id));
            }
        }
    }

    /// Everything is put right and has time to come out: then the router must know what the venue knows.
    pub fn finish(mut self) {
        self.faults = Faults::default();
        self.stalled = 0;
        self.connect();
        // long enough for every timeout, and for a lost report to be found by asking
        for _ in 0..20 {
            self.pass(SECOND);
            self.connect();
        }
        let end = self.now + 60 * SECOND;
        loop {
            let ready = self.router.desk_state(self.desk) == Some(DeskState::Ready);
            let still = self.requests.is_empty() && self.reports.is_empty();
            if ready && still && self.router.is_quiet() {
                break;
            }
            assert!(self.now < end, "it never comes to rest: {:?}: {:#?}", self.router.restless(), self.router);
            self.pass(10 * MS);
            self.connect();
        }
        self.check();
        assert_eq!(&self.replayed(), self.router.ledger(), "the journal makes another state than the live one");
        self.compare();
    }

    fn compare(&self) {
        let ledger = self.router.ledger();
        let mut seen = BTreeSet::new();
        let taken = self.taken();
        for order in ledger.orders() {
            let id = order.placed.id;
            let ours = self.router.client_id(id);
            // the venue's order that the router takes for this one; one that it takes for another's is not this one's
            let truth = match taken.iter().find(|(_, order)| **order == id) {
                Some((theirs, _)) => self.venue.truth(theirs),
                None if taken.contains_key(&ours) => None,
                None => self.venue.truth(&ours),
            };
            seen.insert(ours);
            let filled = order.filled();
            match (order.state, truth) {
                (OrderState::Expired | OrderState::Absent | OrderState::Rejected, None) => {}
                (OrderState::Closed, truth) => {
                    let live = truth.is_some_and(|(state, _)| state == OrderState::Working);
                    assert!(!live, "order {id} is given up and live");
                    let reason = &order.reason;
                    let known = self.dialect == Dialect::Paper && !self.forgot;
                    assert!(!known, "order {id} was closed though the venue tells all: {reason}");
                }
                (state, Some((true_state, true_filled))) => {
                    assert_eq!((state, filled), (true_state, true_filled), "order {id}: {order:#?}");
                }
                (state, None) => {
                    let forgotten = self.venue.has_forgotten(&self.router.client_id(id));
                    assert!(
                        forgotten && state.is_terminal(),
                        "order {id} is {state:?}, and the venue has no such order"
                    );
                }
            }
        }
        for client_id in self.venue.live() {
            assert!(seen.contains(&client_id), "{client_id} is live and the router does not know it");
        }
        // where the venue keeps no history, an order it does not list is over; a report of it that was overtaken by that list
        // can't be told from one that contradicts it, and is surfaced as such
        let overtaken = |text: &String| {
            self.dialect == Dialect::Gateway
                && text.contains("reported as working")
                && text.ends_with("but it is closed")
        };
        let anomalies: Vec<String> = self.anomalies().into_iter().filter(|text| !overtaken(text)).collect();
        assert_eq!(anomalies, Vec::<String>::new(), "anomalies");
        for (at, instrument) in self.instruments.iter().enumerate() {
            let position = ledger.position(*instrument);
            assert_eq!((position.long, position.short), self.venue.position(at), "position of {at}");
        }
        let balances = ledger.balances(self.desk).unwrap();
        for (currency, amounts) in self.venue.balances() {
            assert_eq!(balances.get(&*currency), Some(&amounts), "balance of {currency}");
        }
    }

    /// Which of our orders the router takes each of the venue's for, by the id that the venue knows it under.
    ///
    /// Where the venue takes no ids of ours, two orders of equal terms whose answers were both lost can't be told apart, by
    /// anybody: either may be the one. No other order may be taken for another, and none for two.
    fn taken(&self) -> BTreeMap<String, u64> {
        let ledger = self.router.ledger();
        let mut taken = BTreeMap::new();
        for order in ledger.orders().filter(|order| !order.venue_id.is_empty()) {
            let id = order.placed.id;
            let Some(theirs) = self.venue.client_of(&order.venue_id) else { continue };
            if theirs != self.router.client_id(id) {
                assert_eq!(self.dialect, Dialect::Gateway, "order {id} is taken for {theirs}");
                let other = ledger.orders().find(|other| self.router.client_id(other.placed.id) == theirs);
                let terms = |placed: &Placed| {
                    (placed.instrument, placed.side, placed.order_type, placed.offset, placed.price, placed.quantity)
                };
                let other = other.map(|other| terms(&other.placed));
                assert_eq!(other, Some(terms(&order.placed)), "order {id} is taken for {theirs}");
            }
            let before = taken.insert(theirs.clone(), id);
            assert_eq!(before, None, "{theirs} is taken for two orders");
        }
        taken
    }

    fn anomalies(&self) -> Vec<String> {
        use ferrofeed_core::orders::record::Record;
        let journal = self.journal.lock().unwrap();
        let texts = journal.entries.iter().filter_map(|(_, kind, payload)| match Record::read(*kind, payload) {
            Ok(Record::Anomaly { id, text }) => Some(format!("{id}: {text}")),
            _ => None,
        });
        texts.collect()
    }
}

fn start(dialect: Dialect, journal: &Arc<Mutex<Memory>>, ledger: Ledger, monotonic: i64) -> (Router, u16, [u32; 2]) {
    let now = Stamp { realtime: EPOCH + monotonic, monotonic };
    let mut router = Router::new(config(), ledger, Risk::new(Limits::default()), Box::new(Arc::clone(journal)), now);
    let speaker = match dialect {
        Dialect::Paper => Speaker::Paper,
        Dialect::Gateway => Speaker::QuantApi {
            platform: "paper".into(),
            symbols: vec!["ETH/USDT".into(), "BTC/USDT".into()],
            access_key: Secret::from("key"),
            secret_key: Secret::from("secret"),
        },
    };
    // a lost report is found by asking now and then
    let desk = router.add_desk("paper", 0, speaker, 5 * SECOND, now);
    let spot = router.add_instrument(desk, super::venue::rules("ETH/USDT", Product::Spot), now).unwrap();
    let contract = router.add_instrument(desk, super::venue::rules("BTC/USDT", Product::Contract), now).unwrap();
    (router, desk, [spot, contract])
}

fn ticks(price: i8) -> Decimal {
    Decimal { coef: MIDDLE + i64::from(price), scale: 2 }
}

fn quantity(lots: u8) -> Decimal {
    Decimal { coef: i64::from(lots), scale: 1 }
}
