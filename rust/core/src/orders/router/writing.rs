//! How the state changes: a record is written down, applied, and told.

use super::super::record::{Changed, Record};
use super::super::show::one_line;
use super::super::state::{Change, OrderState, next};
use super::event::{Event, EventKind};
use super::{Router, Stamp};
use std::borrow::Cow;

impl Router {
    /// Writes a record and applies it; false if it could not be written. It is applied all the same unless it is a new order:
    /// what a venue did is true whether or not it could be written down.
    pub(super) fn commit(&mut self, record: &Record, now: Stamp) -> bool {
        let written = self.write(record, now);
        if !written && matches!(record, Record::Placed(_)) {
            return false;
        }
        match self.ledger.take(record, now.realtime) {
            Ok(()) => {
                self.announce(record, now);
                let traded = match record {
                    Record::Executed(fill) => Some(fill.id),
                    Record::Changed(changed) if changed.filled > 0 => Some(changed.id),
                    _ => None,
                };
                if let Some(desk) = traded.and_then(|id| self.ledger.order(id)).map(|order| order.placed.desk)
                    && let Some(desk) = self.desk_mut(desk)
                {
                    desk.compare_at = 0;
                }
            }
            Err(error) => {
                // our own mistake: the state stays as it was, and everybody is told
                self.tallies.inconsistencies.add(1);
                let mut event = Event::new(EventKind::Anomaly, now.realtime);
                event.text = error.to_string().into();
                self.push(event);
            }
        }
        written
    }

    fn write(&mut self, record: &Record, now: Stamp) -> bool {
        if self.broken.is_some() {
            self.tallies.unjournaled.add(1);
            return false;
        }
        self.payload.clear();
        record.write(&mut self.payload);
        if let Err(error) = self.sink.append(now.realtime, record.kind(), &self.payload) {
            self.broken = Some(error.as_str().into());
            self.tallies.unjournaled.add(1);
            let mut event = Event::new(EventKind::Anomaly, now.realtime);
            event.text = format!("the journal failed, no new orders are taken: {error}").into();
            self.push(event);
            return false;
        }
        self.tallies.journaled.add(1);
        true
    }

    pub(super) fn push(&mut self, mut event: Event) {
        self.seq = self.seq.saturating_add(1);
        event.seq = self.seq;
        if let Cow::Owned(line) = one_line(&event.text) {
            event.text = line.into();
        }
        self.events.push(event);
    }

    /// Tells what a record changed.
    fn announce(&mut self, record: &Record, now: Stamp) {
        let mut event = Event::new(EventKind::Order, now.realtime);
        match record {
            Record::Placed(placed) => self.fill_in(&mut event, placed.id),
            Record::Changed(changed) => {
                event.change = Some(changed.change);
                event.text.clone_from(&changed.reason);
                self.fill_in(&mut event, changed.id);
                let over = event.state.is_some_and(OrderState::is_terminal);
                if over || matches!(changed.change, Change::ReplaceAsked | Change::Replaced | Change::ReplaceFailed) {
                    self.changing.retain(|(id, _)| *id != changed.id);
                }
                if over {
                    self.ended = self.ended.saturating_add(1);
                    self.tracks.remove(&changed.id);
                } else {
                    let track = self.track(changed.id);
                    track.known = now.monotonic;
                    match changed.change {
                        Change::ReplaceAsked => {
                            track.replacing = true;
                            self.changing.push((changed.id, changed.terms.1));
                        }
                        Change::Replaced | Change::ReplaceFailed => track.replacing = false,
                        _ => {}
                    }
                }
            }
            Record::Executed(fill) => {
                event.kind = EventKind::Fill;
                (event.price, event.quantity) = (fill.price, fill.quantity);
                event.text = format!("{} {}", fill.liquidity.name(), fill.execution_id).into();
                self.fill_in(&mut event, fill.id);
            }
            Record::Denied { desk, rule: _, text } => {
                event.kind = EventKind::Denied;
                event.desk = *desk;
                event.text.clone_from(text);
            }
            Record::Position { slot, .. } => {
                event.kind = EventKind::Position;
                let found = (0..).zip(self.ledger.instruments()).find(|(_, known)| known.slot == *slot);
                if let Some((index, known)) = found {
                    (event.instrument, event.desk) = (index, known.desk);
                }
            }
            Record::Balance { desk, currency, .. } => {
                event.kind = EventKind::Balance;
                event.desk = *desk;
                event.text.clone_from(currency);
            }
            Record::Mode { mode, by } => {
                event.kind = EventKind::Mode;
                event.text = format!("{}: {by}", mode.name()).into();
            }
            Record::Kill { on, by } => {
                event.kind = EventKind::Kill;
                event.text = format!("{}: {by}", if *on { "thrown" } else { "cleared" }).into();
            }
            Record::Anomaly { id, text } => {
                event.kind = EventKind::Anomaly;
                self.fill_in(&mut event, *id);
                event.text.clone_from(text);
            }
            _ => return,
        }
        self.push(event);
    }

    fn fill_in(&self, event: &mut Event, id: u64) {
        event.id = id;
        if let Some(order) = self.ledger.order(id) {
            event.desk = order.placed.desk;
            event.instrument = order.placed.instrument;
            event.state = Some(order.state);
            event.filled = order.filled();
        }
    }

    /// Changes an order's state, if the table allows it; else that is an anomaly.
    pub(super) fn change(&mut self, changed: Changed, now: Stamp) -> bool {
        let Some(state) = self.state(changed.id) else { return false };
        if next(state, changed.change).is_none() {
            let text = format!("{} in state {}: {}", changed.change.name(), state.name(), changed.reason);
            self.anomaly(changed.id, &text, now);
            return false;
        }
        self.commit(&Record::Changed(changed), now);
        true
    }

    pub(super) fn simply(&mut self, id: u64, change: Change, reason: &str, now: Stamp) -> bool {
        let reason = reason.into();
        self.change(Changed { id, change, venue_id: "".into(), filled: -1, cost: -1, terms: (0, 0), reason }, now)
    }

    /// Makes an order unknown.
    pub(super) fn lose(&mut self, id: u64, reason: &str, now: Stamp) {
        let Some(state) = self.state(id) else { return };
        if !state.is_terminal() {
            if state != OrderState::Unknown {
                self.simply(id, Change::Lost, reason, now);
            }
            self.track(id).doubt = now.monotonic;
        }
    }

    pub(super) fn anomaly(&mut self, id: u64, text: &str, now: Stamp) {
        self.commit(&Record::Anomaly { id, text: text.into() }, now);
    }
}
