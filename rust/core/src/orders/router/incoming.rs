//! What venues say, one report at a time, into records.

use super::super::ledger::{Order, at_money_scale};
use super::super::record::{Changed, Executed, Record};
use super::super::report::{
    ExecutionReport, Gateway, OrderReport, OrderStatus, Refusal, RefusalKind, Report, RequestKey,
};
use super::super::state::{Change, OrderState};
use super::super::types::Unit;
use super::desk::{DeskState, MOST_FOREIGN};
use super::event::{Event, EventKind};
use super::request::{Pending, Request};
use super::{Nanos, Router, Stamp};
use crate::num::Decimal;

/// How long after a refused login the next one is tried, at first and at most, ns.
const LOGIN_AGAIN: (Nanos, Nanos) = (2_000_000_000, 60_000_000_000);
/// How long orders wait after the venue said that there were too many, ns.
const PAUSE: Nanos = 1_000_000_000;

impl Router {
    /// Takes one report of a desk.
    pub fn report(&mut self, desk: u16, report: Report, now: Stamp) {
        self.count(desk, |stats| &stats.reports);
        match report {
            Report::Accepted { request, client_id, venue_id } => {
                self.accepted(desk, request, &client_id, &venue_id, now);
            }
            Report::Refused { request, client_id, refusal } => self.refused(desk, request, &client_id, &refusal, now),
            Report::CancelAnswer { request, orders } => self.cancel_answered(desk, request, orders, now),
            Report::RequestRefused { request, refusal } => self.request_refused(desk, request, &refusal, now),
            Report::Order(report) => self.order_reported(desk, report, now),
            Report::Execution(report) => self.execution_reported(desk, report, now),
            Report::Orders { request, orders } => self.orders_answered(desk, request, orders, now),
            Report::Executions { executions, .. } => {
                for execution in executions {
                    self.execution_reported(desk, execution, now);
                }
            }
            Report::Balances { request, balances } => self.balances_reported(desk, request, &balances, now),
            Report::Positions { request, positions } => self.positions_reported(desk, request, &positions, now),
            Report::Rules { request, rules } => self.rules_reported(desk, request, &rules, now),
            Report::LoggedIn { request, token } => {
                let asked = self.take_pending(desk, request, |request| matches!(request, Request::Login));
                if asked.is_none() {
                    self.count(desk, |stats| &stats.stray);
                } else if let Some(entry) = self.desk_mut(desk) {
                    entry.token = Some(token);
                    entry.refused = None;
                    if std::mem::take(&mut entry.ready_early) && entry.state == DeskState::Opening {
                        self.start_reconciling(desk, now);
                    }
                }
            }
            Report::LoggedOut { request } => {
                if self.take_pending(desk, request, |request| matches!(request, Request::Logout)).is_some() {
                    self.desk_lost(desk, DeskState::Down, "logged out", now);
                }
            }
            Report::Gateway { state, message } => self.gateway(desk, state, &message, now),
            Report::Misunderstood { message } => {
                self.count(desk, |stats| &stats.stray);
                self.anomaly(0, &format!("the venue could not read a request: {message}"), now);
            }
            Report::Token(_) | Report::Pong(_) => {}
        }
    }

    pub(super) fn count(&self, desk: u16, which: impl Fn(&super::DeskStats) -> &crate::latency::Counter) {
        if let Some(stats) = self.stats.get(usize::from(desk)) {
            which(stats).add(1);
        }
    }

    /// Takes the pending request that an answer belongs to.
    pub(super) fn take_pending(
        &mut self,
        desk: u16,
        key: RequestKey,
        fits: impl Fn(&Request) -> bool,
    ) -> Option<Pending> {
        self.desk_mut(desk)?.answered(|pending| match key {
            RequestKey::Number(number) => pending.number == number && fits(&pending.request),
            RequestKey::Kind(_) => fits(&pending.request),
            RequestKey::None => false,
        })
    }

    /// The order that an answer to a placement is about.
    fn placement(&mut self, desk: u16, key: RequestKey, client_id: &str) -> Option<(u64, Option<Pending>)> {
        if !client_id.is_empty() {
            let id = self.id_of(client_id)?;
            let pending = self.desk_mut(desk)?.answered(|pending| pending.request == Request::Place(id));
            return Some((id, pending));
        }
        let pending = match key {
            RequestKey::Number(_) => self.take_pending(desk, key, |request| matches!(request, Request::Place(_))),
            _ => None,
        }?;
        match pending.request {
            Request::Place(id) => Some((id, Some(pending))),
            _ => None,
        }
    }

    fn acknowledged(&self, desk: u16, pending: Option<&Pending>, now: Stamp) {
        if let (Some(stats), Some(pending)) = (self.stats.get(usize::from(desk)), pending) {
            stats.order_to_ack.record(now.monotonic.saturating_sub(pending.sent));
        }
    }

    fn accepted(&mut self, desk: u16, key: RequestKey, client_id: &str, venue_id: &str, now: Stamp) {
        let Some((id, pending)) = self.placement(desk, key, client_id) else {
            self.count(desk, |stats| &stats.stray);
            return;
        };
        self.acknowledged(desk, pending.as_ref(), now);
        let Some(order) = self.ledger.order(id) else {
            self.count(desk, |stats| &stats.stray);
            return;
        };
        match order.state {
            OrderState::PendingNew | OrderState::Unknown => self.bind(id, venue_id, now),
            state if *order.venue_id == *venue_id => {
                let _ = state;
                self.count(desk, |stats| &stats.late);
            }
            state => self.lives_on(id, venue_id, &format!("accepted as {venue_id}"), state, now),
        }
    }

    /// The venue has the order under this id: what it said of that id before belongs to it.
    pub(super) fn bind(&mut self, id: u64, venue_id: &str, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let desk = order.placed.desk;
        let changed = Changed {
            id,
            change: Change::Accepted,
            venue_id: venue_id.into(),
            filled: -1,
            cost: -1,
            terms: (0, 0),
            reason: "".into(),
        };
        if !self.change(changed, now) {
            return;
        }
        self.track(id).missed = false;
        let Some(entry) = self.desk_mut(desk) else { return };
        let (ours, others) = entry.orphans.drain(..).partition(|(_, report)| about(report) == Some(venue_id));
        entry.orphans = others;
        let ours: std::collections::VecDeque<(Nanos, Report)> = ours;
        for (_, report) in ours {
            match report {
                Report::Order(report) => self.order_reported(desk, report, now),
                Report::Execution(report) => self.execution_reported(desk, report, now),
                _ => {}
            }
        }
        let gone = self.tracks.get(&id).is_some_and(|track| track.wanted_gone);
        if gone && self.state(id).is_some_and(|state| !state.is_terminal()) {
            self.ask_cancel(id, Nanos::MAX, now);
        }
    }

    fn refused(&mut self, desk: u16, key: RequestKey, client_id: &str, refusal: &Refusal, now: Stamp) {
        if refusal.kind == RefusalKind::Throttled
            && let Some(desk) = self.desk_mut(desk)
        {
            desk.pause = now.monotonic.saturating_add(PAUSE);
        }
        let Some((id, pending)) = self.placement(desk, key, client_id) else {
            if matches!(key, RequestKey::Kind(_)) && client_id.is_empty() {
                self.refused_somebody(desk, refusal, now);
            } else {
                self.count(desk, |stats| &stats.stray);
            }
            return;
        };
        self.acknowledged(desk, pending.as_ref(), now);
        self.refuse(id, refusal, now);
        if refusal.kind == RefusalKind::NotLoggedIn {
            self.logged_out(desk, "the venue does not know the login any more", now);
        }
    }

    fn refuse(&mut self, id: u64, refusal: &Refusal, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (desk, state, reason) = (order.placed.desk, order.state, words(refusal));
        match state {
            OrderState::PendingNew | OrderState::Unknown => {
                self.count(desk, |stats| &stats.refused);
                self.simply(id, Change::Refused, &reason, now);
            }
            OrderState::Rejected => self.count(desk, |stats| &stats.late),
            state => self.contradicted(id, &format!("refused: {reason}"), state, now),
        }
    }

    /// A refusal that does not say of what: clear if one order only is waiting for its answer, else none of them is known.
    fn refused_somebody(&mut self, desk: u16, refusal: &Refusal, now: Stamp) {
        let Some(entry) = self.desk_mut(desk) else { return };
        let waiting: Vec<u64> = entry
            .pending
            .iter()
            .filter_map(|pending| match pending.request {
                Request::Place(id) => Some(id),
                _ => None,
            })
            .collect();
        if let [id] = *waiting {
            entry.pending.retain(|pending| pending.request != Request::Place(id));
            self.refuse(id, refusal, now);
            return;
        }
        if waiting.is_empty() {
            self.count(desk, |stats| &stats.stray);
            return;
        }
        entry.pending.retain(|pending| !matches!(pending.request, Request::Place(_)));
        for id in waiting {
            self.lose(id, "the venue refused an order and did not say which", now);
            self.ask_about(id, now.monotonic);
        }
    }

    fn cancel_answered(&mut self, desk: u16, key: RequestKey, orders: Vec<(Box<str>, Option<Refusal>)>, now: Stamp) {
        let named: Vec<(u64, Option<Refusal>)> = orders
            .into_iter()
            .filter_map(|(venue_id, refusal)| Some((self.ledger.by_venue_id(desk, &venue_id)?, refusal)))
            .collect();
        let pending = self.take_pending(desk, key, |request| match request {
            Request::Cancel(ids) => named.is_empty() || named.iter().any(|(id, _)| ids.contains(id)),
            _ => false,
        });
        match (&pending, self.stats.get(usize::from(desk))) {
            (Some(pending), Some(stats)) => {
                stats.cancel_to_ack.record(now.monotonic.saturating_sub(pending.sent));
            }
            _ => self.count(desk, |stats| &stats.stray),
        }
        // of what the answer leaves out nobody knows whether its cancel was taken
        let asked = pending.into_iter().flat_map(|pending| match pending.request {
            Request::Cancel(ids) => ids,
            _ => Vec::new(),
        });
        for id in asked.filter(|id| !named.iter().any(|(known, _)| known == id)) {
            self.cancel_failed(id, "the venue's answer leaves it out", now);
            self.ask_about(id, now.monotonic);
        }
        for (id, refusal) in named {
            match refusal {
                // it was taken: the order's own report says when it is gone, or the venue is asked soon
                None => {
                    let due = now.monotonic.saturating_add(self.config.ask_again);
                    if let Some(desk) = self.desk_mut(desk) {
                        desk.cancelled.push_back((due, id));
                    }
                }
                Some(refusal) => {
                    self.cancel_failed(id, &words(&refusal), now);
                    self.ask_about(id, now.monotonic);
                }
            }
        }
    }

    /// A cancel came to nothing.
    pub(super) fn cancel_failed(&mut self, id: u64, why: &str, now: Stamp) {
        if self.state(id) == Some(OrderState::PendingCancel) {
            self.simply(id, Change::CancelFailed, why, now);
        }
    }

    fn request_refused(&mut self, desk: u16, key: RequestKey, refusal: &Refusal, now: Stamp) {
        let kind = match key {
            RequestKey::Kind(kind) => Some(kind),
            _ => None,
        };
        let pending =
            self.take_pending(desk, key, |request| kind.is_none_or(|kind| coinceres_kind(request) == Some(kind)));
        let why = words(refusal);
        if refusal.kind == RefusalKind::Throttled
            && let Some(desk) = self.desk_mut(desk)
        {
            desk.pause = now.monotonic.saturating_add(PAUSE);
        }
        let Some(pending) = pending else {
            self.count(desk, |stats| &stats.stray);
            return;
        };
        match pending.request {
            Request::Place(id) => self.refuse(id, refusal, now),
            Request::Cancel(ids) => {
                for id in ids {
                    self.cancel_failed(id, &why, now);
                    self.ask_about(id, now.monotonic);
                }
            }
            Request::Replace(id, ..) => {
                if self.state(id) == Some(OrderState::PendingReplace) {
                    self.simply(id, Change::ReplaceFailed, &why, now);
                }
                self.ask_about(id, now.monotonic);
            }
            Request::Login => self.login_refused(desk, &why, now),
            Request::Logout => {}
            // it ended meanwhile, and there is nothing left to ask
            Request::Order(id) if self.state(id).is_none_or(OrderState::is_terminal) => {}
            question => {
                let again = now.monotonic.saturating_add(self.config.ask_again);
                if let Some(desk) = self.desk_mut(desk) {
                    desk.pause = desk.pause.max(again);
                    desk.question(question, now.monotonic);
                }
                self.tell_desk(desk, &format!("a question was refused: {why}"), now);
            }
        }
        if refusal.kind == RefusalKind::NotLoggedIn {
            self.logged_out(desk, "the venue does not know the login any more", now);
        }
    }

    fn login_refused(&mut self, desk: u16, why: &str, now: Stamp) {
        if let Some(desk) = self.desk_mut(desk) {
            desk.login_failures = desk.login_failures.saturating_add(1);
            let wait = LOGIN_AGAIN.0.saturating_mul(1 << desk.login_failures.min(5)).min(LOGIN_AGAIN.1);
            desk.login_after = now.monotonic.saturating_add(wait);
            desk.refused = Some(format!("login refused: {why}").into());
        }
        self.tell_desk(desk, &format!("login refused: {why}"), now);
        self.ask_login(desk, now);
    }

    fn order_reported(&mut self, desk: u16, report: OrderReport, now: Stamp) {
        let ours = if report.client_id.is_empty() { None } else { self.id_of(&report.client_id) };
        let found = ours.or_else(|| self.ledger.by_venue_id(desk, &report.venue_id));
        match found.filter(|id| self.ledger.order(*id).is_some_and(|order| order.placed.desk == desk)) {
            Some(id) => self.order_is(id, &report, now),
            None => self.unclaimed(desk, Report::Order(report), now),
        }
    }

    /// A report about an order we do not know (yet): its acknowledgement may still come.
    fn unclaimed(&mut self, desk: u16, report: Report, now: Stamp) {
        let waits = self.ledger.live().any(|order| {
            order.placed.desk == desk
                && order.venue_id.is_empty()
                && matches!(order.state, OrderState::PendingNew | OrderState::Unknown)
        });
        if waits {
            let gone = self.desk_mut(desk).and_then(|desk| desk.hold(report, now.monotonic));
            if let Some(report) = gone {
                self.foreign(desk, &report, now);
            }
        } else {
            self.foreign(desk, &report, now);
        }
    }

    /// An order that is not ours.
    pub(super) fn foreign(&mut self, desk: u16, report: &Report, now: Stamp) {
        let Some(venue_id) = about(report) else { return };
        self.count(desk, |stats| &stats.foreign);
        let due = now.monotonic.saturating_add(self.config.account_after);
        let Some(entry) = self.desk_mut(desk) else { return };
        // whatever it is, it is on our account; others may never be done
        entry.account_due = entry.account_due.min(due);
        if entry.foreign.contains_key(venue_id) || entry.foreign.len() >= MOST_FOREIGN {
            return;
        }
        entry.foreign.insert(venue_id.into(), now.monotonic);
        let mut event = Event::new(EventKind::Foreign, now.realtime);
        event.desk = desk;
        event.text = venue_id.into();
        self.push(event);
    }

    /// What the venue says an order is now.
    pub(super) fn order_is(&mut self, id: u64, report: &OrderReport, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (desk, state, before) = (order.placed.desk, order.state, order.filled());
        let at_first = state;
        let (filled, cost) = match self.amounts(order, report) {
            Ok(amounts) => amounts,
            Err(what) => {
                self.anomaly(id, &what, now);
                self.lose(id, "a report of it can't be used", now);
                return;
            }
        };
        let unnamed = order.venue_id.is_empty();
        if state.is_terminal() {
            self.late_report(id, report, filled, now);
            return;
        }
        let sent_here = self.tracks.get(&id).is_some_and(|track| track.sent != 0);
        if unnamed && (state == OrderState::Unknown || sent_here) && !report.venue_id.is_empty() {
            self.desk_mut(desk).and_then(|desk| desk.answered(|pending| pending.request == Request::Place(id)));
            self.bind(id, &report.venue_id, now);
        }
        self.retermed(id, report, now);
        let Some(order) = self.ledger.order(id) else { return };
        // what was held back for it may have ended it just now
        if order.state.is_terminal() {
            self.late_report(id, report, filled, now);
            return;
        }
        let (state, total) = (order.state, order.placed.quantity);
        let of_base = order.placed.unit == Unit::Base;
        let changed =
            |change| Changed { id, change, venue_id: "".into(), filled, cost, terms: (0, 0), reason: "".into() };
        match report.status {
            OrderStatus::Pending | OrderStatus::Working | OrderStatus::Cancelling => {
                if of_base && filled >= total {
                    self.change(changed(Change::Filled), now);
                } else if state == OrderState::Unknown {
                    self.change(changed(Change::Accepted), now);
                    self.cancel_if_wanted(id, now);
                } else if filled > before && super::super::state::next(state, Change::PartFilled).is_some() {
                    self.change(changed(Change::PartFilled), now);
                }
            }
            OrderStatus::Filled => {
                let all = if of_base { total } else { filled };
                let mut changed = changed(Change::Filled);
                changed.filled = filled.max(all);
                self.change(changed, now);
            }
            OrderStatus::Cancelled => {
                self.change(changed(Change::Cancelled), now);
            }
            OrderStatus::Rejected if filled > 0 || before > 0 => {
                self.anomaly(id, "reported as failed after it was filled in part: taken for cancelled", now);
                self.change(changed(Change::Cancelled), now);
            }
            OrderStatus::Rejected => {
                self.count(desk, |stats| &stats.refused);
                self.simply(id, Change::Refused, "the venue reports it as failed", now);
            }
        }
        if self.ledger.order(id).is_some_and(|order| order.filled() != before || order.state != at_first) {
            self.account_changed(desk, now);
        }
    }

    /// A change of price or quantity took effect, if the report shows other terms than ours where one was under way.
    fn retermed(&mut self, id: u64, report: &OrderReport, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (desk, placed) = (order.placed.desk, &order.placed);
        if !self.may_have_new_terms(id) {
            return;
        }
        let Some(rules) = self.ledger.instrument(placed.instrument).map(|known| &known.rules) else { return };
        let price = report.price.and_then(|price| price.at_scale(rules.price_scale));
        let quantity = report.quantity.and_then(|quantity| quantity.at_scale(rules.size_scale));
        let (Some(price), Some(quantity)) = (price, quantity) else { return };
        if (price, quantity) == (placed.price, placed.quantity) {
            return;
        }
        let is_it = |pending: &Pending| matches!(pending.request, Request::Replace(other, ..) if other == id);
        self.desk_mut(desk).and_then(|desk| desk.answered(is_it));
        let changed = Changed {
            id,
            change: Change::Replaced,
            venue_id: "".into(),
            filled: -1,
            cost: -1,
            terms: (price, quantity),
            reason: "".into(),
        };
        self.change(changed, now);
    }

    /// Whether an order may have other terms than we know.
    fn may_have_new_terms(&self, id: u64) -> bool {
        let Some(order) = self.ledger.order(id) else { return false };
        let replaces = self.desk(order.placed.desk).is_some_and(|desk| desk.speaker.has_replace());
        replaces
            && (matches!(order.state, OrderState::PendingReplace | OrderState::Unknown)
                || self.tracks.get(&id).is_some_and(|track| track.replacing))
    }

    fn cancel_if_wanted(&mut self, id: u64, now: Stamp) {
        if self.tracks.get(&id).is_some_and(|track| track.wanted_gone) {
            self.ask_cancel(id, Nanos::MAX, now);
        }
    }

    /// A report about an order that is over: it repeats what is known, or contradicts it.
    fn late_report(&mut self, id: u64, report: &OrderReport, filled: i64, now: Stamp) {
        let Some(order) = self.ledger.order(id) else { return };
        let (desk, state, known) = (order.placed.desk, order.state, order.filled());
        let says_live = matches!(report.status, OrderStatus::Pending | OrderStatus::Working | OrderStatus::Cancelling);
        let contradicts = match state {
            // out of order, it may tell of an earlier time
            OrderState::Filled => matches!(report.status, OrderStatus::Rejected),
            OrderState::Cancelled => filled > known,
            OrderState::Closed => false,
            OrderState::Rejected => !matches!(report.status, OrderStatus::Rejected),
            _ => true,
        };
        let said = format!("reported as {}, filled {filled}", report.status.name());
        if says_live && (contradicts || state == OrderState::Closed) {
            self.lives_on(id, &report.venue_id, &said, state, now);
            return;
        }
        // the end of what lived on is as it should be, unless it was filled
        let gone = self.ghosts.remove(&id).is_some();
        if contradicts && !(gone && filled <= known) {
            self.contradicted(id, &said, state, now);
        } else {
            self.count(desk, |stats| &stats.late);
        }
    }

    /// The venue has an order that is over: told once, and cancelled there until it is gone.
    fn lives_on(&mut self, id: u64, venue_id: &str, said: &str, state: OrderState, now: Stamp) {
        let ended =
            matches!(state, OrderState::Absent | OrderState::Expired | OrderState::Rejected | OrderState::Closed);
        if !ended || self.cancel_ghost(id, venue_id, now) {
            self.contradicted(id, said, state, now);
        }
    }

    /// The venue says something of a finished order that can't be true together with its end: somebody must look.
    fn contradicted(&mut self, id: u64, said: &str, state: OrderState, now: Stamp) {
        self.anomaly(id, &format!("{said}, but it is {}", state.name()), now);
        if matches!(state, OrderState::Absent | OrderState::Expired | OrderState::Rejected | OrderState::Closed) {
            self.kill(&format!("order {id} was taken for {} and the venue has it", state.name()), now);
        }
        if let Some(desk) = self.ledger.order(id).map(|order| order.placed.desk) {
            self.account_changed(desk, now);
        }
    }

    fn execution_reported(&mut self, desk: u16, report: ExecutionReport, now: Stamp) {
        let Some(id) = self.ledger.by_venue_id(desk, &report.venue_id) else {
            self.unclaimed(desk, Report::Execution(report), now);
            return;
        };
        let Some(order) = self.ledger.order(id) else { return };
        if order.executions.contains(&report.execution_id) {
            self.count(desk, |stats| &stats.late);
            return;
        }
        let Some(rules) = self.ledger.instrument(order.placed.instrument).map(|known| &known.rules) else { return };
        let (price, quantity) = (report.price.at_scale(rules.price_scale), report.quantity.at_scale(rules.size_scale));
        let (Some(price), Some(quantity @ 1..)) = (price, quantity) else {
            let what = format!("a fill of {} at {} can't be written at its scales", report.quantity, report.price);
            self.anomaly(id, &what, now);
            self.lose(id, "a fill of it can't be used", now);
            return;
        };
        let (state, total, unit) = (order.state, order.placed.quantity, order.placed.unit);
        let (fee, fee_currency) = match &report.fee {
            Some((fee, currency)) => (money(*fee), currency.clone()),
            None => (0, "".into()),
        };
        let fill = Executed {
            id,
            execution_id: report.execution_id,
            price,
            quantity,
            liquidity: report.liquidity,
            fee,
            fee_currency,
            time: report.time,
        };
        self.commit(&Record::Executed(fill), now);
        self.count(desk, |stats| &stats.fills);
        self.account_changed(desk, now);
        let executed = self.ledger.order(id).map_or(0, |order| order.executed);
        if unit == Unit::Base && executed >= total && !state.is_terminal() && self.may_have_new_terms(id) {
            self.ask_about(id, now.monotonic);
            return;
        }
        if unit == Unit::Base && executed > total {
            self.contradicted(id, &format!("filled {executed} of {total}"), state, now);
        }
        match state {
            OrderState::Rejected | OrderState::Expired | OrderState::Absent => {
                self.contradicted(id, "filled", state, now);
            }
            state if state.is_terminal() => {}
            _ if unit == Unit::Base && executed >= total => {
                self.simply(id, Change::Filled, "", now);
            }
            _ => {}
        }
    }

    /// Filled quantity and money of a report at the order's scales, -1: it does not say.
    fn amounts(&self, order: &Order, report: &OrderReport) -> Result<(i64, i128), String> {
        let Some(rules) = self.ledger.instrument(order.placed.instrument).map(|known| &known.rules) else {
            return Ok((-1, -1));
        };
        let filled = match report.filled {
            Some(filled) => match filled.at_scale(rules.size_scale) {
                Some(filled) if filled >= 0 => filled,
                _ => return Err(format!("filled {filled} can't be written with {} digits", rules.size_scale)),
            },
            None => -1,
        };
        // an average is rounded by the venue: at the scale of prices, or it is no exact sum
        let cost = match report.average_price.and_then(|average| average.at_scale(rules.price_scale)) {
            Some(average) if filled >= 0 => i128::from(average).saturating_mul(filled.into()),
            _ => -1,
        };
        Ok((filled, cost))
    }

    fn gateway(&mut self, desk: u16, state: Gateway, message: &str, now: Stamp) {
        match state {
            Gateway::Ready => {
                if let Some(entry) = self.desk_mut(desk) {
                    entry.login_failures = 0;
                    entry.refused = None;
                    if !entry.is_logged_in() {
                        entry.ready_early = true;
                    } else if entry.state == DeskState::Opening {
                        self.start_reconciling(desk, now);
                    }
                }
            }
            Gateway::Connected => {}
            _ => {
                let Some(entry) = self.desk_mut(desk).filter(|entry| entry.state != DeskState::Down) else { return };
                let refused = !matches!(state, Gateway::Disconnected | Gateway::Reconnecting);
                let why = format!("{}: {message}", state.name());
                entry.refused = refused.then(|| why.as_str().into());
                self.platform_lost(desk, &why, now);
            }
        }
    }

    pub(super) fn tell_desk(&mut self, desk: u16, text: &str, now: Stamp) {
        let mut event = Event::new(EventKind::Desk, now.realtime);
        event.desk = desk;
        let state = self.desk(desk).map_or("", |desk| desk.state.name());
        event.text = format!("{state}: {text}").into();
        self.push(event);
    }
}

/// The venue's id of the order that a report is about.
pub(super) fn about(report: &Report) -> Option<&str> {
    match report {
        Report::Order(report) => Some(&report.venue_id),
        Report::Execution(report) => Some(&report.venue_id),
        _ => None,
    }
}

/// A refusal in one line.
fn words(refusal: &Refusal) -> String {
    if refusal.code.is_empty() {
        format!("{}: {}", refusal.kind.name(), refusal.message)
    } else {
        format!("{} (code {}): {}", refusal.kind.name(), refusal.code, refusal.message)
    }
}

/// `CoinCeres`' number of a request's kind.
fn coinceres_kind(request: &Request) -> Option<u8> {
    match request {
        Request::Place(_) => Some(11),
        Request::Cancel(_) => Some(12),
        Request::Rules(_) => Some(13),
        Request::Balances => Some(14),
        Request::Orders(_) | Request::Order(_) => Some(15),
        Request::Positions(_) => Some(16),
        Request::Login | Request::Logout | Request::Replace(..) => None,
    }
}

/// An amount at [`super::super::MONEY_SCALE`].
pub(super) fn money(amount: Decimal) -> i128 {
    at_money_scale(amount.coef, amount.scale)
}
