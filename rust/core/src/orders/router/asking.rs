//! Connecting, and finding out what is true: what is asked after a connection, and what the answers make of unknown orders.

use super::super::ledger::Order;
use super::super::report::{OrderReport, OrderStatus, Report, RequestKey};
use super::super::state::{Change, OrderState};
use super::desk::DeskState;
use super::request::{Pending, Request, Waiting};
use super::{Nanos, Router, Stamp};

/// How much a venue's clock may be behind ours without our knowing it, ns. Orders that were there before ours are known by themselves,
/// unless the process was restarted: then this much of their age is no proof.
const CLOCKS: Nanos = 60_000_000_000;

/// A list of fewer rows than this is taken to be whole: it is the smallest limit that a venue's document names.
const LEAST_CUT: usize = 50;

/// What says that an order was not found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    /// It was asked for by itself.
    Alone,
    /// A list that would show it.
    Whole,
    /// A list that may have been cut short before it.
    Cut,
}

impl Router {
    /// A link's socket is open.
    pub fn opened(&mut self, link: u16, now: Stamp) {
        for number in self.desks_of(link).to_vec() {
            self.open_desk(number, now);
        }
    }

    /// The link of a desk is open: it logs in, or asks at once where an open socket is a login.
    pub fn open_desk(&mut self, number: u16, now: Stamp) {
        let Some(desk) = self.desk_mut(number) else { return };
        desk.state = DeskState::Opening;
        desk.forget_login();
        desk.unanswered = 0;
        desk.refused = None;
        if desk.speaker.has_login() {
            self.ask_login(number, now);
        } else {
            self.start_reconciling(number, now);
        }
    }

    /// A link's socket is gone: what was not sent will not be, what was sent and not answered is unknown, and so is everything
    /// live.
    pub fn closed(&mut self, link: u16, now: Stamp) {
        for number in self.desks_of(link).to_vec() {
            self.desk_lost(number, DeskState::Down, "the connection was lost", now);
        }
    }

    /// The platform behind a gateway is gone; the gateway itself is there.
    pub(super) fn platform_lost(&mut self, number: u16, why: &str, now: Stamp) {
        let Some(desk) = self.desk(number) else { return };
        let (token, due) = (desk.token.clone(), desk.in_trouble.then_some(desk.ready_due));
        let login = desk.pending.iter().find(|pending| pending.request == Request::Login).cloned();
        self.desk_lost(number, DeskState::Opening, why, now);
        let Some(desk) = self.desk_mut(number) else { return };
        desk.token = token;
        desk.in_trouble = true;
        desk.pending.extend(login);
        if !desk.is_logged_in() {
            // its answer is still to come, or it is still to be sent
            self.ask_login(number, now);
        } else if let Some(due) = due {
            // however often its trouble is told
            desk.ready_due = due;
        } else {
            desk.await_ready(now.monotonic);
        }
    }

    /// The venue does not know the login any more.
    pub(super) fn logged_out(&mut self, number: u16, why: &str, now: Stamp) {
        if self.desk(number).is_some_and(|desk| desk.speaker.has_login() && desk.token.is_some()) {
            self.desk_lost(number, DeskState::Opening, why, now);
            self.ask_login(number, now);
        }
    }

    pub(super) fn desk_lost(&mut self, number: u16, state: DeskState, why: &str, now: Stamp) {
        self.drop_orders(number, why, now);
        let Some(desk) = self.desk_mut(number) else { return };
        if !desk.is_up() {
            return;
        }
        desk.state = state;
        desk.forget_login();
        desk.pending.clear();
        desk.questions.clear();
        desk.put_off.clear();
        desk.seen.clear();
        desk.ask.clear();
        desk.cancelled.clear();
        desk.account_due = Nanos::MAX;
        let waiting: Vec<Waiting> = desk.commands.drain(..).collect();
        for waiting in waiting {
            self.too_late(number, &waiting, why, now);
        }
        let live: Vec<u64> =
            self.ledger.live().filter(|order| order.placed.desk == number).map(|order| order.placed.id).collect();
        for id in live {
            self.lose(id, why, now);
        }
        self.tell_desk(number, why, now);
    }

    pub(super) fn ask_login(&mut self, number: u16, now: Stamp) {
        let Some(desk) = self.desk_mut(number) else { return };
        let asked =
            desk.commands.iter().any(|waiting| waiting.request == Request::Login) || desk.is_asking(&Request::Login);
        if desk.speaker.has_login() && !asked {
            let waiting = Waiting { request: Request::Login, deadline: Nanos::MAX, since: now.monotonic, cause: 0 };
            desk.commands.push_front(waiting);
        }
    }

    /// Asks a desk what is true.
    pub(super) fn start_reconciling(&mut self, number: u16, now: Stamp) {
        let contracts = self.contracts(number);
        let Some(desk) = self.desk_mut(number) else { return };
        desk.state = DeskState::Reconciling;
        desk.stop_awaiting();
        desk.poll_due = now.monotonic.saturating_add(desk.poll);
        let instruments = desk.instruments.clone();
        for instrument in &instruments {
            desk.question(Request::Rules(*instrument), now.monotonic);
        }
        for instrument in &instruments {
            desk.question(Request::Orders(*instrument), now.monotonic);
        }
        desk.question(Request::Balances, now.monotonic);
        for instrument in contracts {
            desk.question(Request::Positions(instrument), now.monotonic);
        }
        self.tell_desk(number, "asking the venue what is true", now);
        self.maybe_ready(number, now);
    }

    /// Asks a desk for everything again, its orders going on meanwhile; false if it is not connected.
    pub fn refresh(&mut self, number: u16, now: Stamp) -> bool {
        let Some(desk) = self.desk_mut(number) else { return false };
        if !matches!(desk.state, DeskState::Reconciling | DeskState::Ready) {
            return false;
        }
        for instrument in desk.instruments.clone() {
            desk.question(Request::Rules(instrument), now.monotonic);
            desk.question(Request::Orders(instrument), now.monotonic);
        }
        self.ask_account(number, now);
        true
    }

    /// A question is answered.
    pub(super) fn answered_question(&mut self, number: u16, key: RequestKey, now: Stamp) {
        if key == RequestKey::None {
            return;
        }
        if let Some(desk) = self.desk_mut(number) {
            desk.unanswered = 0;
        }
        self.maybe_ready(number, now);
    }

    /// Whether a desk now knows all it needs to.
    pub(super) fn maybe_ready(&mut self, number: u16, now: Stamp) {
        let Some(desk) = self.desk(number) else { return };
        let questions = desk.questions.iter().map(|waiting| &waiting.request);
        let asked = desk.pending.iter().map(|pending| &pending.request);
        if desk.state != DeskState::Reconciling || questions.chain(asked).any(Request::is_question) {
            return;
        }
        let unknown = self.ledger.live().any(|order| order.placed.desk == number && order.state == OrderState::Unknown);
        if unknown {
            return;
        }
        self.adopt_positions(number, true, now);
        if let Some(desk) = self.desk_mut(number) {
            desk.state = DeskState::Ready;
        }
        self.count(number, |stats| &stats.reconciled);
        self.tell_desk(number, "reconciled", now);
    }

    /// Asks for the orders of an order's instrument, not before a time.
    pub(super) fn ask_about(&mut self, id: u64, at: Nanos) {
        let Some((desk, instrument)) = self.ledger.order(id).map(|order| (order.placed.desk, order.placed.instrument))
        else {
            return;
        };
        if let Some(desk) = self.desk_mut(desk) {
            let due = desk.ask.entry(instrument).or_insert(at);
            *due = at.min(*due);
        }
    }

    /// Asks for one order by itself.
    fn ask_for(&mut self, id: u64, now: Stamp) {
        let desk = self.ledger.order(id).map(|order| order.placed.desk);
        if let Some(desk) = desk.and_then(|desk| self.desk_mut(desk))
            && !desk.is_asking(&Request::Order(id))
        {
            desk.question(Request::Order(id), now.monotonic);
        }
    }

    /// The answer to what orders there are in an instrument, or what became of one.
    pub(super) fn orders_answered(&mut self, number: u16, key: RequestKey, rows: Vec<OrderReport>, now: Stamp) {
        let pending = self.take_pending(number, key, |asked| matches!(asked, Request::Orders(_) | Request::Order(_)));
        let (instrument, single, sent) = match pending {
            Some(Pending { request: Request::Orders(instrument), sent, .. }) => (instrument, None, sent),
            Some(Pending { request: Request::Order(id), sent, .. }) => {
                let instrument = self.ledger.order(id).map_or(u32::MAX, |order| order.placed.instrument);
                (instrument, Some(id), sent)
            }
            _ => {
                self.count(number, |stats| &stats.stray);
                return;
            }
        };
        let reach = self.reach(number, &rows);
        let mut listed: Vec<u64> = Vec::new();
        let mut unclaimed = Vec::new();
        for row in rows {
            let ours = if row.client_id.is_empty() { None } else { self.id_of(&row.client_id) };
            let found = ours.or_else(|| self.ledger.by_venue_id(number, &row.venue_id));
            match found.filter(|id| self.ledger.order(*id).is_some()) {
                Some(id) => {
                    listed.push(id);
                    self.order_is(id, &row, now);
                }
                None => unclaimed.push(row),
            }
        }
        self.claim(number, instrument, unclaimed, &mut listed, now);
        match single {
            None => self.missing(number, instrument, &listed, reach, sent, now),
            Some(id) if !listed.contains(&id) => self.not_shown(id, sent, Picture::Alone, now),
            Some(_) => {}
        }
        self.answered_question(number, key, now);
    }

    /// After which of our orders a list shows all there are. One that may be cut short is known to be whole if it is short; else, if
    /// the newest come first, as far back as the oldest of ours that it shows: our ids never go back, and need no clock.
    fn reach(&self, number: u16, rows: &[OrderReport]) -> u64 {
        if rows.len() < LEAST_CUT || !self.desk(number).is_some_and(|desk| desk.speaker.may_cut()) {
            return 0;
        }
        let newest_first = match rows {
            [first, .., last] => last.created != 0 && first.created > last.created,
            _ => false,
        };
        let oldest = rows.iter().filter_map(|row| self.id_of(&row.client_id)).min();
        oldest.filter(|_| newest_first).unwrap_or(u64::MAX)
    }

    /// Where orders carry no id of ours: an order whose answer was lost is recognised by its terms. Orders of equal terms are as
    /// good as one another; while one of them still waits for its answer, nothing is decided.
    fn claim(&mut self, number: u16, instrument: u32, rows: Vec<OrderReport>, listed: &mut Vec<u64>, now: Stamp) {
        let has_ids = self.desk(number).is_none_or(|desk| desk.speaker.has_client_ids());
        for row in rows {
            if !has_ids {
                if let Some(id) = self.recognise(number, instrument, &row) {
                    listed.push(id);
                    self.order_is(id, &row, now);
                    continue;
                }
                if self.is_awaited(number, instrument, &row) {
                    continue;
                }
            }
            if !matches!(row.status, OrderStatus::Filled | OrderStatus::Cancelled | OrderStatus::Rejected) {
                self.foreign(number, &Report::Order(row), now);
            }
        }
    }

    /// What was said of orders that are not known may be about one whose answer is lost.
    pub(super) fn claim_orphans(&mut self, number: u16, now: Stamp) {
        if self.desk(number).is_none_or(|desk| desk.orphans.is_empty() || desk.speaker.has_client_ids()) {
            return;
        }
        let rows: Vec<OrderReport> = self
            .desk(number)
            .into_iter()
            .flat_map(|desk| &desk.orphans)
            .filter_map(|(_, report)| match report {
                Report::Order(row) => Some(row.clone()),
                _ => None,
            })
            .collect();
        for row in rows {
            // an earlier row may have claimed it: then it was bound, with everything said of it
            if self.ledger.by_venue_id(number, &row.venue_id).is_some() {
                continue;
            }
            let instruments = self.desk(number).map(|desk| desk.instruments.clone()).unwrap_or_default();
            let found = instruments.into_iter().find_map(|instrument| self.recognise(number, instrument, &row));
            if let Some(id) = found {
                self.bind(id, &row.venue_id, now);
            }
        }
    }

    fn recognise(&self, number: u16, instrument: u32, row: &OrderReport) -> Option<u64> {
        if self.is_awaited(number, instrument, row) {
            return None;
        }
        self.alike(number, instrument, row, OrderState::Unknown).map(|order| order.placed.id).next()
    }

    fn is_awaited(&self, number: u16, instrument: u32, row: &OrderReport) -> bool {
        self.alike(number, instrument, row, OrderState::PendingNew).next().is_some()
    }

    /// Orders of ours that the venue's row may be, oldest first.
    fn alike<'a>(
        &'a self,
        number: u16,
        instrument: u32,
        row: &'a OrderReport,
        state: OrderState,
    ) -> impl Iterator<Item = &'a Order> {
        let rules = self.ledger.instrument(instrument).map(|known| &known.rules);
        let desk = self.desk(number);
        let tolerance = desk.map_or(0, |desk| desk.behind).saturating_add(CLOCKS);
        let seen = desk.and_then(|desk| desk.foreign.get(&row.venue_id)).copied();
        self.ledger.live().filter(move |order| {
            let Some(rules) = rules else { return false };
            let placed = &order.placed;
            let not_before = order.created.saturating_sub(tolerance);
            // what was there before ours was sent is not ours, whatever clocks say
            let sent = self.tracks.get(&placed.id).map_or(0, |track| track.sent);
            let was_there = seen.is_some_and(|seen| sent != 0 && seen < sent);
            placed.desk == number
                && placed.instrument == instrument
                && order.state == state
                && order.venue_id.is_empty()
                && (row.symbol.is_empty() || *row.symbol == *rules.raw_symbol || *row.symbol == *rules.symbol)
                && row.side.is_none_or(|side| side == placed.side)
                && row.order_type.is_none_or(|kind| kind == placed.order_type)
                && row.offset.is_none_or(|offset| offset == placed.offset)
                && row.price.is_none_or(|price| price.at_scale(rules.price_scale) == Some(placed.price))
                && row.quantity.is_none_or(|size| size.at_scale(rules.size_scale) == Some(placed.quantity))
                && !was_there
                && (row.created == 0 || row.created >= not_before)
        })
    }

    /// Our live orders that a picture of the venue, asked for at `sent`, does not show.
    fn missing(&mut self, number: u16, instrument: u32, listed: &[u64], reach: u64, sent: Nanos, now: Stamp) {
        let missing: Vec<u64> = self
            .ledger
            .live()
            .filter(|order| order.placed.desk == number && order.placed.instrument == instrument)
            .map(|order| order.placed.id)
            .filter(|id| !listed.contains(id))
            .collect();
        for id in missing {
            self.not_shown(id, sent, if id > reach { Picture::Whole } else { Picture::Cut }, now);
        }
    }

    /// A live order of ours is not in a picture of the venue that was asked for at `sent`.
    pub(super) fn not_shown(&mut self, id: u64, sent: Nanos, picture: Picture, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (state, named, desk) = (order.state, !order.venue_id.is_empty(), order.placed.desk);
        let history = self.desk(desk).is_some_and(|desk| desk.speaker.has_history());
        let single = named && self.desk(desk).is_some_and(|desk| desk.speaker.has_single());
        let track = *self.track(id);
        let for_sure = picture == Picture::Alone;
        match state {
            // it is on its way
            OrderState::PendingNew => {}
            OrderState::Unknown => {
                let settled = track.doubt.saturating_add(self.config.settle);
                if sent < settled {
                    self.ask_about(id, settled.max(now.monotonic.saturating_add(self.config.ask_again)));
                } else if history && !named && picture == Picture::Cut {
                    // it is asked for again with everything that is unknown
                    if !std::mem::replace(&mut self.track(id).may_be_cut, true) {
                        let text = "the venue's list may be cut short before it, and it has no id to ask for: it stays unknown";
                        self.anomaly(id, text, now);
                    }
                } else if history && !named {
                    self.simply(id, Change::Absent, "the venue was asked and never had it", now);
                } else if history && single && !for_sure {
                    self.ask_for(id, now);
                } else if history {
                    self.simply(id, Change::Closed, "the venue no longer knows it", now);
                    self.account_changed(desk, now);
                } else {
                    let why = "it is not among the venue's open orders, and no report said what became of it";
                    self.simply(id, Change::Closed, why, now);
                    self.account_changed(desk, now);
                }
            }
            // a picture taken before we last knew it says nothing
            _ if sent <= track.known => {}
            _ if single && !for_sure => self.ask_for(id, now),
            _ => {
                let why = if history { "the venue does not list it" } else { "not among the venue's open orders" };
                self.lose(id, why, now);
                self.ask_about(id, now.monotonic.saturating_add(self.config.settle));
            }
        }
    }
}
