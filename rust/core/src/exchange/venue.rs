//! The exchange as a venue: what is asked takes a while to arrive, what is answered takes a while to come back, and now and then an
//! order is refused. All by a seed; nothing is lost, doubled or put out of order on the way: that is for tests to add.

use super::engine::Exchange;
use super::order::{Event, ExchangeReject, NewOrder, Order, OrderNo};
use crate::clock::{Nanos, Stamp};
use crate::num::Decimal;
use crate::orders::{
    BalanceReport, ExecutionReport, MONEY_SCALE, OrderReport, PositionReport, Product, Refusal, RefusalKind, Report,
    RequestKey, Rules, RulesReport,
};
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

/// A connection of an account.
pub type ConnectionId = u16;

/// How long a way takes, ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// At least.
    pub least: Nanos,
    /// At most.
    pub most: Nanos,
}

/// How the venue behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Model {
    /// From us to it.
    pub there: Latency,
    /// From it to us.
    pub back: Latency,
    /// How many of a million new orders it refuses for no reason.
    pub reject_ppm: u32,
    /// Of all of that.
    pub seed: u64,
    /// Whether a lost connection cancels the account's orders.
    pub cancel_on_disconnect: bool,
}

/// What it can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A new order, under a client's id.
    Place(Box<str>, NewOrder),
    /// Cancel these, by the venue's ids.
    Cancel(Vec<Box<str>>),
    /// New price and whole quantity of an order, by the venue's id.
    Replace(Box<str>, i64, i64),
    /// All orders in an instrument, finished ones too as far as they are kept.
    Orders(u32),
    /// Balances.
    Balances,
    /// The position in an instrument.
    Positions(u32),
    /// An instrument's rules.
    Rules(u32),
}

/// A request on its way; the heap gives the earliest first.
#[derive(Debug, PartialEq, Eq)]
struct Coming {
    due: Nanos,
    order: u64,
    connection: ConnectionId,
    number: u64,
    ask: Ask,
}

impl Ord for Coming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}

impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
struct Connection {
    account: u32,
    up: bool,
    /// When the last message in each direction is due: none overtakes another.
    last_there: Nanos,
    last_back: Nanos,
    going: VecDeque<(Nanos, Report)>,
}

/// See the module's text.
#[derive(Debug)]
pub struct PaperVenue {
    /// The exchange itself.
    pub exchange: Exchange,
    model: Model,
    random: u64,
    connections: Vec<Connection>,
    coming: BinaryHeap<Coming>,
    order: u64,
    /// Clients' ids by number, the first ones forgotten.
    clients: VecDeque<Box<str>>,
    first_client: u64,
    keep: usize,
    events: Vec<Event>,
}

impl PaperVenue {
    /// A venue with an empty exchange; `keep` finished orders are remembered.
    #[must_use]
    pub fn new(model: Model, keep: usize) -> Self {
        Self {
            exchange: Exchange::new(keep),
            model,
            random: model.seed,
            connections: Vec::new(),
            coming: BinaryHeap::new(),
            order: 0,
            clients: VecDeque::new(),
            first_client: 1,
            keep,
            events: Vec::new(),
        }
    }

    /// Adds a connection of an account; it is not up yet.
    pub fn add_connection(&mut self, account: u32) -> ConnectionId {
        let connection = Connection { account, up: false, last_there: 0, last_back: 0, going: VecDeque::new() };
        self.connections.push(connection);
        u16::try_from(self.connections.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// A connection is there.
    pub fn connect(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(usize::from(connection)) {
            connection.up = true;
        }
    }

    /// A connection is gone: what was on its way back is lost, what was on its way there arrives.
    pub fn disconnect(&mut self, connection: ConnectionId, now: Stamp) {
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        entry.up = false;
        entry.going.clear();
        let account = entry.account;
        if self.model.cancel_on_disconnect {
            for order in self.exchange.live() {
                if order.account == account {
                    let _ = self.exchange.cancel(now.realtime, account, order.number);
                }
            }
            self.tell(now, None);
        }
    }

    /// Takes a request, which has this number, on its way.
    pub fn request(&mut self, now: Stamp, connection: ConnectionId, number: u64, ask: Ask) {
        let wait = self.sample(self.model.there);
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        let due = now.monotonic.saturating_add(wait).max(entry.last_there);
        entry.last_there = due;
        self.order = self.order.saturating_add(1);
        self.coming.push(Coming { due, order: self.order, connection, number, ask });
    }

    /// Does what is due, and gives what has come back by now.
    pub fn poll(&mut self, now: Stamp, out: &mut Vec<(ConnectionId, Report)>) {
        while self.coming.peek().is_some_and(|coming| coming.due <= now.monotonic) {
            let Some(coming) = self.coming.pop() else { break };
            self.answer(now, coming);
        }
        self.tell(now, None);
        for (id, connection) in (0..).zip(&mut self.connections) {
            while connection.going.front().is_some_and(|(due, _)| *due <= now.monotonic) {
                if let Some((_, report)) = connection.going.pop_front() {
                    out.push((id, report));
                }
            }
        }
    }

    /// When [`PaperVenue::poll`] has something to do, monotonic; `None`: not before something is asked.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let back = self.connections.iter().filter_map(|connection| connection.going.front()).map(|(due, _)| *due);
        back.chain(self.coming.peek().map(|coming| coming.due)).min()
    }

    /// The client's id of an order.
    #[must_use]
    pub fn client_id(&self, order: &Order) -> &str {
        let at = order.terms.client.checked_sub(self.first_client).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.clients.get(at)).map_or("", |id| id)
    }

    fn answer(&mut self, now: Stamp, coming: Coming) {
        let Coming { connection, number, ask, .. } = coming;
        let Some(account) = self.connections.get(usize::from(connection)).map(|entry| entry.account) else { return };
        let request = RequestKey::Number(number);
        match ask {
            Ask::Place(client_id, new) => {
                let refused = if self.model.reject_ppm > 0 && self.next() % 1_000_000 < u64::from(self.model.reject_ppm)
                {
                    Err(Refusal {
                        kind: RefusalKind::Other,
                        code: "".into(),
                        message: "refused at random, as the model says".into(),
                    })
                } else {
                    let client = self.remember(&client_id);
                    let new = NewOrder { client, ..new };
                    self.exchange.submit(now.realtime, account, new).map_err(refusal)
                };
                match refused {
                    Ok(order) => {
                        let venue_id = order.to_string().into();
                        self.send(now, connection, Report::Accepted { request, client_id, venue_id });
                        self.tell(now, Some((connection, order)));
                    }
                    Err(refusal) => self.send(now, connection, Report::Refused { request, client_id, refusal }),
                }
            }
            Ask::Cancel(ids) => {
                let mut orders = Vec::with_capacity(ids.len());
                for id in ids {
                    let order = id.parse().unwrap_or(0);
                    let refused = self.exchange.cancel(now.realtime, account, order).err().map(refusal);
                    orders.push((id, refused));
                }
                self.send(now, connection, Report::CancelAnswer { request, orders });
            }
            Ask::Replace(id, price, quantity) => {
                let order = id.parse().unwrap_or(0);
                if let Err(reject) = self.exchange.replace(now.realtime, account, order, price, quantity) {
                    self.send(now, connection, Report::RequestRefused { request, refusal: refusal(reject) });
                }
            }
            Ask::Orders(instrument) => {
                let orders = self.orders(account, instrument);
                self.send(now, connection, Report::Orders { request, orders });
            }
            Ask::Balances => {
                let balances = self.balances(account, None);
                self.send(now, connection, Report::Balances { request, balances });
            }
            Ask::Positions(instrument) => {
                let positions = self.position(now, account, instrument).into_iter().collect();
                self.send(now, connection, Report::Positions { request, positions });
            }
            Ask::Rules(instrument) => {
                let rules = self.exchange.rules(instrument).map(rules_report).into_iter().collect();
                self.send(now, connection, Report::Rules { request, rules });
            }
        }
        self.tell(now, None);
    }

    /// Tells accounts what happened on the exchange: fills one by one, then each order that changed, then balances and positions, each
    /// once. `answered` had an order accepted just now, and knows that.
    fn tell(&mut self, now: Stamp, answered: Option<(ConnectionId, OrderNo)>) {
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
        let mut told: Vec<OrderNo> = Vec::new();
        for (account, number) in changed {
            let Some(order) = self.exchange.order(number).copied() else { continue };
            if told.contains(&number) {
                continue;
            }
            told.push(number);
            // who asked for it knows that it rests
            let known = answered.filter(|(_, asked)| *asked == number && order.filled == 0);
            if known.is_some() && order.status == crate::orders::OrderStatus::Working {
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
        for id in 0..u16::try_from(self.connections.len()).unwrap_or(u16::MAX) {
            if self.connections.get(usize::from(id)).is_some_and(|connection| connection.account == account) {
                self.send(now, id, report.clone());
            }
        }
    }

    fn send(&mut self, now: Stamp, connection: ConnectionId, report: Report) {
        let wait = self.sample(self.model.back);
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        if entry.up {
            let due = now.monotonic.saturating_add(wait).max(entry.last_back);
            entry.last_back = due;
            entry.going.push_back((due, report));
        }
    }

    fn remember(&mut self, client_id: &str) -> u64 {
        if self.clients.len() >= self.keep.saturating_mul(2).max(65_536) {
            self.clients.pop_front();
            self.first_client = self.first_client.saturating_add(1);
        }
        self.clients.push_back(client_id.into());
        self.first_client.saturating_add(u64::try_from(self.clients.len()).unwrap_or(0)).saturating_sub(1)
    }

    fn orders(&self, account: u32, instrument: u32) -> Vec<OrderReport> {
        let live = self.exchange.live();
        let all = self.exchange.finished().chain(&live);
        all.filter(|order| order.account == account && order.terms.instrument == instrument)
            .filter_map(|order| self.order_report(order))
            .collect()
    }

    fn order_report(&self, order: &Order) -> Option<OrderReport> {
        let rules = self.exchange.rules(order.terms.instrument)?;
        let size = |value: i64| Decimal { coef: value, scale: rules.size_scale };
        Some(OrderReport {
            venue_id: order.number.to_string().into(),
            client_id: self.client_id(order).into(),
            symbol: rules.symbol.clone(),
            side: Some(order.terms.side),
            offset: Some(order.terms.offset),
            order_type: Some(order.terms.order_type),
            status: order.status,
            price: Some(Decimal { coef: order.terms.price, scale: rules.price_scale }),
            quantity: Some(size(order.terms.quantity)),
            filled: Some(size(order.filled)),
            average_price: None,
            fee: Some(decimal(order.fee)),
            created: order.created,
            updated: order.updated,
        })
    }

    fn execution(&self, now: Stamp, event: &Event) -> Option<ExecutionReport> {
        let Event::Fill { order, trade, price, quantity, liquidity, fee, .. } = *event else { return None };
        let terms = self.exchange.order(order)?.terms;
        let rules = self.exchange.rules(terms.instrument)?;
        let currency = if rules.product == Product::Spot { &rules.quote } else { &rules.settle };
        Some(ExecutionReport {
            venue_id: order.to_string().into(),
            execution_id: trade.to_string().into(),
            symbol: rules.symbol.clone(),
            side: Some(terms.side),
            price: Decimal { coef: price, scale: rules.price_scale },
            quantity: Decimal { coef: quantity, scale: rules.size_scale },
            liquidity,
            fee: Some((decimal(fee), currency.clone())),
            time: now.realtime,
        })
    }

    fn balances(&self, account: u32, only: Option<u32>) -> Vec<BalanceReport> {
        let names = self.exchange.currencies();
        let all = (0..).zip(self.exchange.balances(account)).zip(names);
        all.filter(|((currency, _), _)| only.is_none_or(|only| only == *currency))
            .map(|((_, balance), name)| BalanceReport {
                account: "".into(),
                currency: name.clone(),
                free: decimal(balance.free),
                locked: decimal(balance.locked),
                total: decimal(balance.total()),
            })
            .collect()
    }

    fn position(&self, now: Stamp, account: u32, instrument: u32) -> Option<PositionReport> {
        let rules = self.exchange.rules(instrument).filter(|rules| rules.product == Product::Contract)?;
        let legs = self.exchange.position(account, instrument);
        let size = |value: i64| Decimal { coef: value, scale: rules.size_scale };
        let leg = |leg: super::Leg| (size(leg.quantity), size(leg.available()), average(leg, rules));
        Some(PositionReport {
            symbol: rules.symbol.clone(),
            long: Some(leg(legs.long)),
            short: Some(leg(legs.short)),
            updated: now.realtime,
        })
    }

    fn sample(&mut self, latency: Latency) -> Nanos {
        let span = latency.most.saturating_sub(latency.least);
        if span <= 0 {
            return latency.least.max(0);
        }
        let step = self.next().checked_rem(span.unsigned_abs()).unwrap_or(0);
        latency.least.saturating_add_unsigned(step)
    }

    /// `SplitMix64`.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Average opening price, rounded to the price's scale.
fn average(leg: super::Leg, rules: &Rules) -> Decimal {
    let up = MONEY_SCALE.saturating_sub(rules.price_scale).saturating_sub(rules.size_scale);
    let unit = i128::from(leg.quantity).saturating_mul(10_i128.saturating_pow(up.into()));
    let price = leg.cost.checked_div(unit).unwrap_or(0);
    Decimal { coef: i64::try_from(price).unwrap_or(0), scale: rules.price_scale }
}

/// Money as a decimal: trailing zeros go, and what 64 bits can't hold of the last digits.
fn decimal(money: i128) -> Decimal {
    let (mut coef, mut scale) = (money, MONEY_SCALE);
    while scale > 0 && (coef.checked_rem(10) == Some(0) || i64::try_from(coef).is_err()) {
        coef = coef.checked_div(10).unwrap_or(0);
        scale = scale.saturating_sub(1);
    }
    Decimal { coef: i64::try_from(coef).unwrap_or(i64::MAX), scale }
}

fn rules_report(rules: &Rules) -> RulesReport {
    let price = |value: i64| Some(Decimal { coef: value, scale: rules.price_scale });
    let size = |value: i64| Some(Decimal { coef: value, scale: rules.size_scale });
    RulesReport {
        symbol: rules.symbol.clone(),
        product: Some(rules.product),
        price_tick: price(rules.tick),
        size_tick: size(rules.lot),
        min_size: size(rules.min_size),
        min_price: price(rules.min_price),
        min_notional: i64::try_from(rules.min_notional)
            .ok()
            .map(|coef| Decimal { coef, scale: rules.price_scale.saturating_add(rules.size_scale) }),
        base: Some(rules.base.clone()),
        quote: Some(rules.quote.clone()),
        settle: Some(rules.settle.clone()),
    }
}

fn refusal(reject: ExchangeReject) -> Refusal {
    let kind = match reject {
        ExchangeReject::Insufficient | ExchangeReject::Position => RefusalKind::Insufficient,
        ExchangeReject::UnknownOrder | ExchangeReject::Cancelled => RefusalKind::UnknownOrder,
        ExchangeReject::Filled => RefusalKind::Filled,
        _ => RefusalKind::Rules,
    };
    Refusal { kind, code: reject.name().into(), message: reject.to_string().into() }
}
