//! From the router's events to answers that were waited for, and to notifications.

use super::Gateway;
use super::write::{self, Filled, Moment};
use crate::clock::Stamp;
use crate::orders::ledger::Order;
use crate::orders::router::{Event, EventKind, Router};
use crate::orders::state::{Change, OrderState};
use crate::orders::{Liquidity, Unit};

impl Gateway {
    /// Takes what happened, in order, and the router as it is now.
    pub fn hear(&mut self, events: &[Event], router: &mut Router, now: Stamp) {
        for event in events {
            match event.kind {
                EventKind::Order => self.order_changed(event, router),
                EventKind::Fill => self.filled(event, router),
                EventKind::Balance => {
                    if !self.assets_changed.contains(&event.desk) {
                        self.assets_changed.push(event.desk);
                    }
                }
                EventKind::Desk => self.tell_conditions(Some(event.desk), router),
                EventKind::Kill | EventKind::Mode | EventKind::Anomaly => self.tell_conditions(None, router),
                EventKind::Denied | EventKind::Position | EventKind::Foreign => {}
            }
        }
        self.tell_positions(router, now);
        self.tell_assets(router);
    }

    /// Whose order that is; `None`: nobody's who ever came in here.
    fn owner_of(&self, router: &Router, id: u64) -> Option<usize> {
        self.owner_by_strategy.get(&router.ledger().order(id)?.placed.strategy).copied()
    }

    fn is_owned(&self, router: &Router, id: u64) -> bool {
        self.owner_of(router, id).is_some()
    }

    /// Notifies of an order, if the protocol has another word, another remainder or other terms for it than it had last time.
    fn tell_order(&mut self, router: &Router, id: u64, at: Moment) {
        let terms = router.ledger().order(id).map_or((0, 0), |order| (order.placed.price, order.placed.quantity));
        let news = (write::status(at.state, at.filled), at.filled, terms.0, terms.1);
        if self.told.get(&id) == Some(&news) {
            return;
        }
        if at.state.is_terminal() {
            self.told.remove(&id);
        } else {
            self.told.insert(id, news);
        }
        self.notify_owner(router, id, "order", |out, symbol, order, rules| {
            write::order(out, Some(symbol), order, rules, at);
        });
    }

    fn order_changed(&mut self, event: &Event, router: &Router) {
        let (Some(change), Some(state)) = (event.change, event.state) else { return };
        if !self.is_owned(router, event.id) {
            return;
        }
        if state.is_terminal()
            && let Some(owner) = self.owner_of(router, event.id).and_then(|owner| self.owners.get_mut(owner))
        {
            owner.live.remove(&event.id);
        }
        let refused = matches!(state, OrderState::Rejected | OrderState::Expired);
        if let Some(placing) = self.placing.remove(&event.id) {
            if refused {
                let why = if event.text.is_empty() { state.name() } else { &event.text };
                self.placed(&placing, event.id, Some(why));
                self.cancel_decided(event.id, change, state, &event.text);
                return;
            }
            self.placed(&placing, event.id, None);
        }
        self.cancel_decided(event.id, change, state, &event.text);
        // what is only on its way changes nothing that the protocol has a word for
        if matches!(change, Change::CancelAsked | Change::CancelFailed | Change::ReplaceAsked | Change::ReplaceFailed) {
            return;
        }
        self.fill_by_report(event, router);
        self.tell_order(router, event.id, Moment { state, filled: event.filled, time: event.time });
    }

    /// Where the venue tells of no fill by itself, one is what a report of the order adds to what was known: its price is the
    /// average of that part.
    fn fill_by_report(&mut self, event: &Event, router: &Router) {
        let Some(order) = router.ledger().order(event.id).filter(|order| !router.tells_fills(order.placed.desk)) else {
            return;
        };
        // of several reports at once the last one tells it all
        if event.filled != order.filled() {
            return;
        }
        let (before, cost_before) = self.counted.get(&event.id).copied().unwrap_or_default();
        let (quantity, cost) = (event.filled.saturating_sub(before), order.money());
        if order.state.is_terminal() {
            self.counted.remove(&event.id);
        } else if quantity > 0 {
            self.counted.insert(event.id, (event.filled, cost.unwrap_or_default()));
        }
        if quantity <= 0 {
            return;
        }
        let added = cost.map(|cost| cost.saturating_sub(cost_before)).filter(|added| *added > 0);
        let average = added.and_then(|added| {
            let half = i128::from(quantity) / 2;
            i64::try_from(added.saturating_add(half).checked_div(quantity.into())?).ok()
        });
        let number = format!("{}-{}", order.venue_id, event.filled);
        let fill = Filled {
            number: &number,
            price: average.unwrap_or(order.placed.price),
            quantity,
            liquidity: Liquidity::Unknown,
            time: event.time,
        };
        self.notify_owner(router, event.id, "fill", |out, symbol, order, rules| {
            write::fill(out, symbol, order, rules, &fill);
        });
    }

    fn filled(&mut self, event: &Event, router: &Router) {
        if !self.is_owned(router, event.id) {
            return;
        }
        if let Some(placing) = self.placing.remove(&event.id) {
            self.placed(&placing, event.id, None);
        }
        let (liquidity, number) = event.text.split_once(' ').unwrap_or(("", &event.text));
        let fill = Filled {
            number,
            price: event.price,
            quantity: event.quantity,
            liquidity: Liquidity::from_name(liquidity).unwrap_or(Liquidity::Unknown),
            time: event.time,
        };
        self.notify_owner(router, event.id, "fill", |out, symbol, order, rules| {
            write::fill(out, symbol, order, rules, &fill);
        });
        // a fill is a change of its order; the one that ends it is told with that end
        let Some(placed) = router.ledger().order(event.id).map(|order| &order.placed) else { return };
        let more = placed.unit == Unit::Base && event.filled < placed.quantity;
        if let Some(state) = event.state.filter(|state| more && !state.is_terminal()) {
            self.tell_order(router, event.id, Moment { state, filled: event.filled, time: event.time });
        }
    }

    /// Tells the owner of an order, on every login that it has at that account.
    fn notify_owner(
        &mut self,
        router: &Router,
        id: u64,
        topic: &str,
        build: impl Fn(&mut Vec<u8>, &str, &Order, &crate::orders::Rules),
    ) {
        let Some(order) = router.ledger().order(id) else { return };
        let placed = &order.placed;
        let Some(rules) = router.ledger().instrument(placed.instrument).map(|known| &known.rules) else { return };
        let owner = self.owner_by_strategy.get(&placed.strategy).and_then(|owner| self.owners.get(*owner));
        let Some(owner) = owner.filter(|owner| !owner.logins.is_empty()) else { return };
        for number in owner.logins.clone() {
            let Some(login) = self.logins.get(&number).filter(|login| login.desk == Some(placed.desk)) else {
                continue;
            };
            let mut data = Vec::with_capacity(256);
            build(&mut data, login.symbol(placed.instrument).unwrap_or(&rules.symbol), order, rules);
            let (socket, token) = (login.socket, login.token);
            self.say(socket, |out| write::notify(out, topic, token.text(), &data, 0));
        }
    }

    fn tell_positions(&mut self, router: &mut Router, now: Stamp) {
        for instrument in router.take_told() {
            let Some(known) = router.ledger().instrument(instrument) else { continue };
            let held = router.ledger().position(instrument);
            for number in self.logins_by_desk.get(&known.desk).cloned().unwrap_or_default() {
                let Some(login) = self.logins.get(&number) else { continue };
                let Some(symbol) = login.symbol(instrument) else { continue };
                let mut data = Vec::with_capacity(512);
                write::position(&mut data, Some(symbol), &known.rules, held, router.holding(instrument), now.realtime);
                let (socket, token) = (login.socket, login.token);
                self.say(socket, |out| write::notify(out, "position", token.text(), &data, 0));
            }
        }
    }

    fn tell_assets(&mut self, router: &Router) {
        for desk in std::mem::take(&mut self.assets_changed) {
            let Some(balances) = router.ledger().balances(desk) else { continue };
            let Some(logins) = self.logins_by_desk.get(&desk).filter(|logins| !logins.is_empty()).cloned() else {
                continue;
            };
            let mut data = Vec::with_capacity(256);
            write::assets(&mut data, balances);
            for number in logins {
                let Some((socket, token)) = self.logins.get(&number).map(|login| (login.socket, login.token)) else {
                    continue;
                };
                self.say(socket, |out| write::notify(out, "asset", token.text(), &data, 0));
            }
        }
    }
}
