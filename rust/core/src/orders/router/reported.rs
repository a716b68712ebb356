//! What venues report of orders and executions: whose they are, and what changes by them.

use super::super::ledger::{Order, at_money_scale};
use super::super::record::{Changed, Executed, Record};
use super::super::report::{ExecutionReport, OrderReport, OrderStatus, Report};
use super::super::state::{Change, OrderState};
use super::super::types::Unit;
use super::desk::MOST_FOREIGN;
use super::event::{Event, EventKind};
use super::request::{Pending, Request};
use super::{Nanos, Router, Stamp};
use crate::num::Decimal;

impl Router {
    pub(super) fn order_reported(&mut self, desk: u16, report: OrderReport, now: Stamp) {
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
        let behind = order.created.saturating_sub(report.created);
        if report.created != 0
            && !order.venue_id.is_empty()
            && self.desk(desk).is_some_and(|desk| desk.behind < behind)
            && let Some(desk) = self.desk_mut(desk)
        {
            desk.behind = behind;
        }
        let Some(order) = self.ledger.order(id) else { return };
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
    pub(super) fn lives_on(&mut self, id: u64, venue_id: &str, said: &str, state: OrderState, now: Stamp) {
        let ended =
            matches!(state, OrderState::Absent | OrderState::Expired | OrderState::Rejected | OrderState::Closed);
        if !ended || self.cancel_ghost(id, venue_id, now) {
            self.contradicted(id, said, state, now);
        }
    }

    /// The venue says something of a finished order that can't be true together with its end: somebody must look.
    pub(super) fn contradicted(&mut self, id: u64, said: &str, state: OrderState, now: Stamp) {
        self.anomaly(id, &format!("{said}, but it is {}", state.name()), now);
        if matches!(state, OrderState::Absent | OrderState::Expired | OrderState::Rejected | OrderState::Closed) {
            self.kill(&format!("order {id} was taken for {} and the venue has it", state.name()), now);
        }
        if let Some(desk) = self.ledger.order(id).map(|order| order.placed.desk) {
            self.account_changed(desk, now);
        }
    }

    pub(super) fn execution_reported(&mut self, desk: u16, report: ExecutionReport, now: Stamp) {
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
}

/// The venue's id of the order that a report is about.
pub(super) fn about(report: &Report) -> Option<&str> {
    match report {
        Report::Order(report) => Some(&report.venue_id),
        Report::Execution(report) => Some(&report.venue_id),
        _ => None,
    }
}

/// An amount at [`super::super::MONEY_SCALE`].
pub(super) fn money(amount: Decimal) -> i128 {
    at_money_scale(amount.coef, amount.scale)
}
