//! What happens because time passes.

use super::super::state::OrderState;
use super::desk::{DeskState, READY_AGAIN};
use super::reported::about;
use super::request::{Pending, Request};
use super::{Nanos, Router, Stamp};

/// Questions in a row that a venue may leave unanswered before the connection is given up.
const MOST_UNANSWERED: u32 = 3;

impl Router {
    /// Time passed; call it some fifty times a second.
    pub fn tick(&mut self, now: Stamp) {
        self.ask_about_unknown(now);
        for number in 0..u16::try_from(self.desks.len()).unwrap_or(u16::MAX) {
            if self.rests.get(usize::from(number)).is_none_or(|until| *until > now.monotonic) {
                continue;
            }
            if self.desk(number).is_some_and(super::desk::Desk::is_up) {
                self.end_late(number, now);
                self.overdue(number, now);
                self.unready(number, now);
                self.claim_orphans(number, now);
                self.forget_orphans(number, now);
                self.look_after_cancels(number, now);
                self.ask_due(number, now);
                self.maybe_ready(number, now);
                if self
                    .desk(number)
                    .is_some_and(|desk| desk.state == DeskState::Ready && desk.compare_at <= now.monotonic)
                {
                    self.adopt_positions(number, false, now);
                }
            }
            let until = self.desk(number).map_or(Nanos::MAX, super::desk::Desk::rests_until);
            if let Some(rests) = self.rests.get_mut(usize::from(number)) {
                *rests = until;
            }
        }
        self.cancel_wanted(now);
        self.checkpoint(now);
    }

    /// Requests whose answer should have come.
    fn overdue(&mut self, number: u16, now: Stamp) {
        let timeout = self.config.ack_timeout;
        let late: Vec<Pending> = self.desk_mut(number).map_or_else(Vec::new, |desk| {
            let late =
                |pending: &&mut Pending| !pending.overdue && now.monotonic.saturating_sub(pending.sent) >= timeout;
            desk.pending
                .iter_mut()
                .filter(late)
                .map(|pending| {
                    pending.overdue = true;
                    pending.clone()
                })
                .collect()
        });
        for pending in late {
            self.count(number, |stats| &stats.unanswered);
            self.unanswered(number, pending, now);
        }
        // given up for good once nothing can come of it any more
        let finished = |router: &Self, pending: &Pending| match &pending.request {
            Request::Place(id) => !matches!(router.state(*id), Some(OrderState::PendingNew | OrderState::Unknown)),
            _ => true,
        };
        let gone: Vec<u64> = self
            .desk(number)
            .into_iter()
            .flat_map(|desk| &desk.pending)
            .filter(|pending| pending.overdue && finished(self, pending))
            .map(|pending| pending.number)
            .collect();
        if let Some(desk) = self.desk_mut(number) {
            desk.pending.retain(|pending| !gone.contains(&pending.number));
        }
    }

    fn unanswered(&mut self, number: u16, pending: Pending, now: Stamp) {
        match pending.request {
            Request::Place(id) => {
                if self.state(id) == Some(OrderState::PendingNew) {
                    self.lose(id, "the venue did not answer in time", now);
                }
                self.ask_about(id, now.monotonic);
            }
            Request::Cancel(ids) => {
                for id in ids {
                    self.cancel_failed(id, "the venue did not answer in time", now);
                    self.ask_about(id, now.monotonic);
                }
            }
            Request::Replace(id, ..) => {
                if self.state(id) == Some(OrderState::PendingReplace) {
                    self.lose(id, "the venue did not answer in time", now);
                }
                self.ask_about(id, now.monotonic);
            }
            Request::Logout => {}
            Request::Login => self.close_link(number, "no answer to the login"),
            question => {
                let Some(desk) = self.desk_mut(number) else { return };
                desk.unanswered = desk.unanswered.saturating_add(1);
                let given_up = desk.unanswered >= MOST_UNANSWERED;
                // where answers carry no number, a late one would be taken for that of the next question
                if given_up || !desk.speaker.has_numbers() {
                    self.close_link(number, "a question was not answered");
                } else {
                    desk.question(question, now.monotonic);
                }
            }
        }
    }

    /// A login whose platform does not get ready: somebody must hear of it. Where nothing is heard of the platform for minutes, another
    /// connection may help, unless this one serves others; sooner, a platform that takes its time would never get ready.
    fn unready(&mut self, number: u16, now: Stamp) {
        if self.desk(number).is_none_or(|desk| desk.ready_due > now.monotonic) {
            return;
        }
        let Some(desk) = self.desk_mut(number) else { return };
        desk.ready_due = now.monotonic.saturating_add(READY_AGAIN);
        let again = std::mem::replace(&mut desk.ready_missed, true);
        let (link, in_trouble) = (desk.link, desk.in_trouble);
        let why = if in_trouble {
            "logged in, and the platform is not ready again"
        } else {
            "logged in, and the platform is not ready: nothing was heard of it"
        };
        self.tell_desk(number, why, now);
        let serves = |desk: &u16| {
            self.desk(*desk).is_some_and(|desk| matches!(desk.state, DeskState::Reconciling | DeskState::Ready))
        };
        if again && !in_trouble && !self.desks_of(link).iter().any(serves) {
            self.close_link(number, "the platform is not ready");
        }
    }

    fn close_link(&mut self, number: u16, why: &'static str) {
        if let Some(link) = self.desk(number).map(|desk| desk.link)
            && !self.closes.iter().any(|(known, _)| *known == link)
        {
            self.closes.push((link, why));
        }
    }

    /// Reports of orders that never turned out to be ours.
    fn forget_orphans(&mut self, number: u16, now: Stamp) {
        let patience = self.config.ack_timeout.saturating_add(self.config.settle).saturating_mul(2);
        loop {
            let Some(desk) = self.desk_mut(number) else { return };
            match desk.orphans.front() {
                Some((since, _)) if now.monotonic.saturating_sub(*since) >= patience => {}
                _ => return,
            }
            let Some((_, report)) = desk.orphans.pop_front() else { return };
            if about(&report).is_some() {
                self.foreign(number, &report, now);
            }
        }
    }

    /// What is unknown is asked about until it is known.
    fn ask_about_unknown(&mut self, now: Stamp) {
        if !self.ledger.has_unknown() {
            return;
        }
        let again = now.monotonic.saturating_add(self.config.ask_again);
        let unknown: Vec<(u16, u32)> = self
            .ledger
            .live()
            .filter(|order| order.state == OrderState::Unknown)
            .map(|order| (order.placed.desk, order.placed.instrument))
            .collect();
        for (number, instrument) in unknown {
            if let Some(desk) = self.desk_mut(number)
                && matches!(desk.state, DeskState::Reconciling | DeskState::Ready)
            {
                desk.ask.entry(instrument).or_insert(again);
            }
        }
    }

    /// A cancel that was taken is mostly followed by the order's end at once; where it is not, the venue is asked.
    fn look_after_cancels(&mut self, number: u16, now: Stamp) {
        loop {
            let due =
                self.desk(number).and_then(|desk| desk.cancelled.front()).is_some_and(|(at, _)| *at <= now.monotonic);
            let Some((_, id)) = due.then(|| self.desk_mut(number)?.cancelled.pop_front()).flatten() else { return };
            if self.state(id).is_some_and(|state| !state.is_terminal()) {
                self.ask_about(id, now.monotonic);
            }
        }
    }

    /// Questions whose time has come.
    fn ask_due(&mut self, number: u16, now: Stamp) {
        let Some(desk) = self.desk(number) else { return };
        if !matches!(desk.state, DeskState::Reconciling | DeskState::Ready) {
            return;
        }
        let (poll, poll_due, account_due, ready) =
            (desk.poll, desk.poll_due, desk.account_due, desk.state == DeskState::Ready);
        let polled: Vec<u32> = if ready && poll != 0 && poll_due <= now.monotonic && self.ledger.live_of(number) > 0 {
            self.ledger
                .live()
                .filter(|order| order.placed.desk == number)
                .map(|order| order.placed.instrument)
                .collect()
        } else {
            Vec::new()
        };
        let Some(desk) = self.desk_mut(number) else { return };
        if poll_due <= now.monotonic {
            desk.poll_due = now.monotonic.saturating_add(poll);
        }
        for instrument in polled {
            desk.question(Request::Orders(instrument), now.monotonic);
        }
        let due: Vec<u32> =
            desk.ask.iter().filter(|(_, at)| **at <= now.monotonic).map(|(instrument, _)| *instrument).collect();
        for instrument in due {
            if !desk.is_asking(&Request::Orders(instrument)) {
                desk.ask.remove(&instrument);
                desk.question(Request::Orders(instrument), now.monotonic);
            }
        }
        if account_due <= now.monotonic {
            self.ask_account(number, now);
        }
    }

    /// Cancels that are wanted until they are done: those of the kill switch, of "cancel all", and of orders that could not be
    /// cancelled when it was asked for. A cancel that was taken is not yet done: a venue may take it and lose it.
    fn cancel_wanted(&mut self, now: Stamp) {
        let killed = self.ledger.kill().is_some();
        if !killed && !self.tracks.values().any(|track| track.wanted_gone) {
            return;
        }
        let wanted: Vec<u64> = self
            .ledger
            .live()
            .filter(|order| !order.venue_id.is_empty())
            .map(|order| order.placed.id)
            .filter(|id| {
                self.tracks
                    .get(id)
                    .map_or(killed, |track| (track.wanted_gone || killed) && track.cancel_after <= now.monotonic)
            })
            .collect();
        for id in wanted {
            self.ask_cancel(id, Nanos::MAX, now);
        }
    }

    /// Starts the journal anew when it asks for that, and finds out when it failed since the last entry.
    fn checkpoint(&mut self, now: Stamp) {
        if self.broken.is_some() {
            return;
        }
        if self.sink.status().is_some_and(|status| status.failed) {
            // a sync that failed behind an append that went well; writing this down brings the reason to light
            self.anomaly(0, "the journal can't be put on the disk", now);
            return;
        }
        if !self.sink.wants_checkpoint() {
            return;
        }
        let mut entries = Vec::new();
        self.ledger.checkpoint(&mut |record| {
            let mut payload = Vec::new();
            record.write(&mut payload);
            entries.push((record.kind(), payload));
        });
        if let Err(error) = self.sink.checkpoint(now.realtime, &entries) {
            self.broken = Some(error.as_str().into());
            self.anomaly(0, &format!("the journal can't be started anew: {error}"), now);
        }
    }

    /// Whether nothing is on its way or waits to be looked at.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.restless().is_empty()
    }

    /// What is still on its way, or waits to be looked at.
    #[must_use]
    pub fn restless(&self) -> Vec<String> {
        let mut found = Vec::new();
        for desk in self.desks.iter().flatten() {
            let mut say = |what: String| found.push(format!("{}: {what}", desk.name));
            for waiting in desk.commands.iter().chain(&desk.questions) {
                say(format!("{:?} waits", waiting.request));
            }
            for pending in &desk.pending {
                say(format!("{:?} is not answered", pending.request));
            }
            if !desk.ask.is_empty() {
                say("orders are to be asked for".into());
            }
            if desk.cancelled.iter().any(|(_, id)| self.state(*id).is_some_and(|state| !state.is_terminal())) {
                say("the end of a cancelled order is to be seen".into());
            }
            if desk.account_due != Nanos::MAX {
                say("the account is to be asked for".into());
            }
            for (instrument, seen) in desk.seen.iter().filter(|(_, seen)| seen.differs != 0) {
                say(format!("the venue says {} and {} of position {instrument}", seen.long, seen.short));
            }
        }
        for order in self.ledger.live() {
            if matches!(order.state, OrderState::Unknown | OrderState::PendingNew) {
                found.push(format!("order {} is {}", order.placed.id, order.state.name()));
            }
        }
        found
    }
}
