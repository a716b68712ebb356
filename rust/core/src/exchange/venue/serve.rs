//! What a request does to the exchange, and who is told what.

use super::reports::{refusal, rules_report};
use super::{Ask, Coming, PaperVenue};
use crate::clock::Stamp;
use crate::exchange::order::{Event, OrderNo};
use crate::orders::{OrderStatus, Refusal, RefusalKind, Report, RequestKey};
use std::collections::BTreeSet;

impl PaperVenue {
    pub(super) fn answer(&mut self, now: Stamp, coming: Coming) {
        let Coming { connection, epoch, number, ask, .. } = coming;
        let Some(entry) = self.connections.get(usize::from(connection)) else { return };
        let (account, same) = (entry.account, entry.epoch == epoch);
        let request = RequestKey::Number(number);
        let mut accepted = None;
        let report = match ask {
            Ask::Place(client_id, new) => {
                let refused = if self.chance.happens(self.model.reject_ppm) {
                    Err(Refusal {
                        kind: RefusalKind::Other,
                        code: "".into(),
                        message: "refused at random, as the model says".into(),
                    })
                } else {
                    self.exchange.submit(now.realtime, account, new).map_err(refusal)
                };
                Some(match refused {
                    Ok(order) => {
                        self.clients.set(order, &client_id);
                        accepted = Some(order);
                        Report::Accepted { request, client_id, venue_id: order.to_string().into() }
                    }
                    Err(refusal) => Report::Refused { request, client_id, refusal },
                })
            }
            Ask::Cancel(ids) => {
                let cancel = |id: Box<str>| {
                    let refused = self.exchange.cancel(now.realtime, account, id.parse().unwrap_or(0)).err();
                    (id, refused.map(refusal))
                };
                let orders = ids.into_iter().map(cancel).collect();
                Some(Report::CancelAnswer { request, orders })
            }
            Ask::Replace(id, price, quantity) => {
                let done = self.exchange.replace(now.realtime, account, id.parse().unwrap_or(0), price, quantity);
                done.err().map(|reject| Report::RequestRefused { request, refusal: refusal(reject) })
            }
            Ask::Orders(instrument) => Some(Report::Orders { request, orders: self.orders(account, instrument, true) }),
            Ask::Open(instrument) => Some(Report::Orders { request, orders: self.orders(account, instrument, false) }),
            Ask::Order(client_id) => {
                Some(Report::Orders { request, orders: self.orders_of_client(account, &client_id) })
            }
            Ask::Executions(instrument) => {
                Some(Report::Executions { request, executions: self.executions(account, instrument) })
            }
            Ask::Balances => Some(Report::Balances { request, balances: self.balances(account, None) }),
            Ask::Positions(instrument) => {
                let positions = self.position(now, account, instrument).into_iter().collect();
                Some(Report::Positions { request, positions })
            }
            Ask::Rules(instrument) => {
                let rules = self.exchange.rules(instrument).map(rules_report).into_iter().collect();
                Some(Report::Rules { request, rules })
            }
        };
        if let Some(report) = report.filter(|_| same) {
            self.send(now, connection, report);
        }
        self.tell(now, accepted.filter(|_| same));
    }

    /// Tells accounts what happened on the exchange. Who asked for the order that was `accepted` just now knows that it rests, and is
    /// told of it only if there is more to say.
    pub(super) fn tell(&mut self, now: Stamp, accepted: Option<OrderNo>) {
        let mut events = std::mem::take(&mut self.events);
        self.exchange.take_events(&mut events);
        let mut changed: Vec<(u32, OrderNo)> = Vec::new();
        let mut balances: BTreeSet<(u32, u32)> = BTreeSet::new();
        let mut positions: BTreeSet<(u32, u32)> = BTreeSet::new();
        for event in events.drain(..) {
            match event {
                Event::Accepted { account, order }
                | Event::Cancelled { account, order }
                | Event::Replaced { account, order } => changed.push((account, order)),
                Event::Fill { account, order, .. } => {
                    if let Some(report) = self.execution(now, &event) {
                        self.send_all(now, account, &Report::Execution(report));
                    }
                    changed.push((account, order));
                }
                Event::Balance { account, currency } => {
                    balances.insert((account, currency));
                }
                Event::Position { account, instrument } => {
                    positions.insert((account, instrument));
                }
            }
        }
        self.events = events;
        let mut told: BTreeSet<OrderNo> = BTreeSet::new();
        for (account, number) in changed {
            let Some(order) = self.exchange.order(number).copied() else { continue };
            let known = accepted == Some(number) && order.filled == 0 && order.status == OrderStatus::Working;
            if !told.insert(number) || known {
                continue;
            }
            if let Some(report) = self.order_report(&order) {
                self.send_all(now, account, &Report::Order(report));
            }
        }
        for (account, currency) in balances {
            let balances = self.balances(account, Some(currency));
            self.send_all(now, account, &Report::Balances { request: RequestKey::None, balances });
        }
        for (account, instrument) in positions {
            let positions = self.position(now, account, instrument).into_iter().collect();
            self.send_all(now, account, &Report::Positions { request: RequestKey::None, positions });
        }
    }

    fn send_all(&mut self, now: Stamp, account: u32, report: &Report) {
        let at = usize::try_from(account).unwrap_or(usize::MAX);
        for place in 0.. {
            let Some(id) = self.of_account.get(at).and_then(|all| all.get(place)).copied() else { return };
            if self.connections.get(usize::from(id)).is_some_and(|entry| entry.up) {
                self.send(now, id, report.clone());
            }
        }
    }
}
