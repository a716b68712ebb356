//! What venues say, one report at a time, into records.

use super::super::record::Changed;
use super::super::report::{Gateway, Refusal, RefusalKind, Report, RequestKey};
use super::super::show::fit;
use super::super::state::{Change, OrderState};
use super::asking::Picture;
use super::desk::{Desk, DeskState, Speaker};
use super::event::{Event, EventKind};
use super::reported::about;
use super::request::{Pending, Request};
use super::{Nanos, Router, Stamp};
use crate::sign::Secret;

/// How long after a refused login the next one is tried, at first and at most, ns.
const LOGIN_AGAIN: (Nanos, Nanos) = (2_000_000_000, 60_000_000_000);
/// How long orders wait after the venue said that there were too many, ns.
const PAUSE: Nanos = 1_000_000_000;

impl Router {
    /// Takes one report of a desk.
    pub fn report(&mut self, desk: u16, mut report: Report, now: Stamp) {
        self.count(desk, |stats| &stats.reports);
        self.make_fit(desk, &mut report);
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
                    if entry.state == DeskState::Opening {
                        entry.await_ready(now.monotonic);
                        if std::mem::take(&mut entry.ready_early) {
                            self.start_reconciling(desk, now);
                        }
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

    /// Takes out of a venue's words what is not to be kept: those of its logins on the same link may be among them.
    fn make_fit(&self, number: u16, report: &mut Report) {
        let mut texts: Vec<&mut Box<str>> = match report {
            Report::Refused { refusal, .. } | Report::RequestRefused { refusal, .. } => {
                vec![&mut refusal.code, &mut refusal.message]
            }
            Report::CancelAnswer { orders, .. } => orders
                .iter_mut()
                .filter_map(|(_, refusal)| refusal.as_mut())
                .flat_map(|refusal| [&mut refusal.code, &mut refusal.message])
                .collect(),
            Report::Gateway { message, .. } | Report::Misunderstood { message } => vec![message],
            _ => return,
        };
        texts.retain(|text| !text.is_empty());
        // the exchange of this process has logins by the thousand, and no words but its own
        let is_ours = self.desk(number).is_none_or(|desk| matches!(desk.speaker, Speaker::Paper));
        if texts.is_empty() || is_ours {
            return;
        }
        let desks = self.desk(number).map_or(&[][..], |desk| self.desks_of(desk.link));
        let secrets: Vec<Secret> = desks.iter().filter_map(|desk| self.desk(*desk)).flat_map(Desk::secrets).collect();
        for text in texts {
            *text = fit(text, &secrets);
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
        let pending = self.take_refused(desk, key, fits)?;
        if let Some(desk) = self.desk_mut(desk) {
            desk.put_off.retain(|other| other.request != pending.request);
        }
        Some(pending)
    }

    /// The same where the answer is none: what was put off stays so.
    fn take_refused(&mut self, desk: u16, key: RequestKey, fits: impl Fn(&Request) -> bool) -> Option<Pending> {
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
            self.take_refused(desk, key, |request| kind.is_none_or(|kind| coinceres_kind(request) == Some(kind)));
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
            // the same as an answer that does not show it
            Request::Order(id) if refusal.kind == RefusalKind::UnknownOrder => {
                self.not_shown(id, pending.sent, Picture::Alone, now);
                self.answered_question(desk, key, now);
            }
            question => {
                let again = self.config.ask_again;
                if let Some(desk) = self.desk_mut(desk) {
                    desk.put_off(question, again, now.monotonic);
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
                let Some(entry) = self.desk_mut(desk).filter(|entry| entry.is_up()) else { return };
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
