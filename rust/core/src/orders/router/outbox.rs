//! What waits to be sent: in which order, how long it may wait, and what it is once it is sent.

use super::super::state::{Change, OrderState};
use super::desk::{Desk, DeskState};
use super::request::{Pending, Request, Waiting};
use super::{Nanos, Router, Stamp};

/// A request to be sent now.
#[derive(Debug)]
pub struct Outgoing {
    /// Whose.
    pub desk: u16,
    /// Its number, for the answer.
    pub number: u64,
    /// What is asked.
    pub request: Request,
    /// How it is said.
    pub body: Body,
}

/// How a request is said.
#[derive(PartialEq, Eq)]
pub enum Body {
    /// One text message. It may hold a credential: never to be printed.
    Text(Vec<u8>),
    /// The paper exchange takes the request as it is.
    Paper,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Paper => f.write_str("Paper"),
        }
    }
}

impl Router {
    /// The next request of a link that may be sent now, journaled before; `None`: nothing, for now. Whoever takes it sends it.
    ///
    /// Commands go before questions. What is too late is not given, but ended.
    pub fn outgoing(&mut self, link: u16, now: Stamp) -> Option<Outgoing> {
        for at in 0.. {
            let Some(desk) = self.desks_of(link).get(at).copied() else { break };
            while let Some(waiting) = self.pick(desk, now) {
                if let Some(outgoing) = self.send(desk, waiting, now) {
                    return Some(outgoing);
                }
            }
        }
        None
    }

    /// Whether [`Router::outgoing`] may have something.
    #[must_use]
    pub fn has_outgoing(&self, link: u16) -> bool {
        self.desks_of(link).iter().filter_map(|desk| self.desk(*desk)).any(Desk::has_waiting)
    }

    /// The first request of a desk that may be sent now, and those that can go with it; those too late are ended.
    fn pick(&mut self, number: u16, now: Stamp) -> Option<Waiting> {
        self.end_late(number, now);
        let desk = self.desk(number).filter(|desk| desk.is_up())?;
        let at = desk.commands.iter().position(|waiting| desk.may_send(waiting, now.monotonic));
        if let Some(at) = at {
            let is_cancel = matches!(desk.commands.get(at)?.request, Request::Cancel(_));
            if is_cancel && !self.risk.take_cancel(number, now.monotonic) {
                return None;
            }
            let desk = self.desk_mut(number)?;
            let mut waiting = desk.commands.remove(at)?;
            self.gather(number, &mut waiting);
            return Some(waiting);
        }
        if desk.pause > now.monotonic || !desk.is_logged_in() {
            return None;
        }
        // what is about an order that ended meanwhile is taken out at once
        let is_over = |request: &Request| match request {
            Request::Order(id) => self.state(*id).is_none_or(OrderState::is_terminal),
            _ => false,
        };
        let at = desk.questions.iter().position(|Waiting { request, .. }| {
            !desk.must_wait(request) && (!desk.is_put_off(request, now.monotonic) || is_over(request))
        })?;
        if !self.risk.take_query(number, now.monotonic) {
            return None;
        }
        self.desk_mut(number)?.questions.remove(at)
    }

    /// Ends the commands of a desk whose time to live is over.
    pub(super) fn end_late(&mut self, number: u16, now: Stamp) {
        let late = |waiting: &Waiting| waiting.deadline < now.monotonic;
        while self.desk(number).is_some_and(|desk| desk.commands.iter().any(late)) {
            let Some(desk) = self.desk_mut(number) else { return };
            let at = desk.commands.iter().position(late);
            let Some(waiting) = at.and_then(|at| desk.commands.remove(at)) else { return };
            self.too_late(number, &waiting, "its time to live was over before it could be sent", now);
        }
    }

    /// Puts into one cancel what other cancels that wait ask for, as far as the venue takes it.
    fn gather(&mut self, number: u16, waiting: &mut Waiting) {
        let Request::Cancel(ids) = &mut waiting.request else { return };
        let instrument = |router: &Self, ids: &[u64]| {
            ids.first().and_then(|id| router.ledger.order(*id)).map(|order| order.placed.instrument)
        };
        let of = instrument(self, ids);
        let Some(desk) = self.desk(number) else { return };
        let (most, across) = (desk.speaker.most_cancels(), desk.speaker.cancels_across_instruments());
        let mut at = 0;
        while ids.len() < most {
            let Some(desk) = self.desk(number) else { return };
            let Some(next) = desk.commands.get(at) else { return };
            let fits = match &next.request {
                Request::Cancel(more) => {
                    ids.len().saturating_add(more.len()) <= most && (across || instrument(self, more) == of)
                }
                _ => false,
            };
            if !fits {
                at = at.saturating_add(1);
                continue;
            }
            if let Some(desk) = self.desk_mut(number)
                && let Some(Waiting { request: Request::Cancel(more), .. }) = desk.commands.remove(at)
            {
                ids.extend(more);
            }
        }
    }

    fn send(&mut self, number: u16, mut waiting: Waiting, now: Stamp) -> Option<Outgoing> {
        if !self.is_still_wanted(&mut waiting.request) {
            return None;
        }
        self.number = self.number.saturating_add(1);
        let key = self.number;
        let before = (self.config.laps)();
        let body = match self.say(number, key, &waiting.request) {
            Ok(body) => body,
            Err(why) => {
                self.too_late(number, &waiting, why, now);
                return None;
            }
        };
        let after = (self.config.laps)();
        if let Some(stats) = self.stats.get(usize::from(number)) {
            match &waiting.request {
                Request::Place(_) => {
                    stats.encode.record(after.saturating_sub(before));
                    stats.outbox.record(now.monotonic.saturating_sub(waiting.since));
                    if waiting.cause != 0 {
                        stats.tick_to_order.record(after.saturating_sub(waiting.cause));
                    }
                }
                Request::Cancel(ids) => stats.cancels.add(u64::try_from(ids.len()).unwrap_or(0)),
                _ => {}
            }
        }
        if let Request::Place(id) = waiting.request {
            self.track(id).sent = now.monotonic;
        }
        let request = waiting.request;
        let desk = self.desk_mut(number)?;
        desk.pending.push(Pending { number: key, request: request.clone(), sent: now.monotonic, overdue: false });
        Some(Outgoing { desk: number, number: key, request, body })
    }

    /// Whether a request still makes sense: what became of its orders meanwhile is looked at.
    fn is_still_wanted(&self, request: &mut Request) -> bool {
        match request {
            Request::Place(id) => self.state(*id) == Some(OrderState::PendingNew),
            Request::Cancel(ids) => {
                ids.retain(|id| {
                    self.ghosts.contains_key(id) || self.state(*id).is_some_and(|state| !state.is_terminal())
                });
                !ids.is_empty()
            }
            Request::Replace(id, ..) => self.state(*id) == Some(OrderState::PendingReplace),
            Request::Order(id) => self.state(*id).is_some_and(|state| !state.is_terminal()),
            _ => true,
        }
    }

    /// Ends a command that will not be sent.
    pub(super) fn too_late(&mut self, desk: u16, waiting: &Waiting, why: &str, now: Stamp) {
        if let Some(stats) = self.stats.get(usize::from(desk)) {
            stats.expired.add(1);
        }
        match &waiting.request {
            Request::Place(id) if self.state(*id) == Some(OrderState::PendingNew) => {
                self.simply(*id, Change::Expired, why, now);
            }
            Request::Cancel(ids) => {
                for id in ids {
                    self.cancel_failed(*id, why, now);
                }
            }
            Request::Replace(id, ..) if self.state(*id) == Some(OrderState::PendingReplace) => {
                self.simply(*id, Change::ReplaceFailed, why, now);
            }
            _ => {}
        }
    }
}

impl Desk {
    /// Whether something may be sent.
    pub(super) fn has_waiting(&self) -> bool {
        self.is_up() && !(self.commands.is_empty() && self.questions.is_empty())
    }

    /// Whether a command may go now: orders to a desk that is ready, a login when its time has come, the rest at any time.
    fn may_send(&self, waiting: &Waiting, now: Nanos) -> bool {
        let state = match &waiting.request {
            Request::Place(_) | Request::Replace(..) => self.state == DeskState::Ready && self.pause <= now,
            Request::Login => self.state == DeskState::Opening && self.login_after <= now,
            _ => self.is_logged_in(),
        };
        state && !self.must_wait(&waiting.request)
    }
}
