//! What is done for a login.

use super::client::Permission;
use super::count::Tally;
use super::login::{STOPPING, strategy_name};
use super::request::{Body, Misread, Op, Request};
use super::session::{Login, Token};
use super::write::{self, Moment};
use super::{Gateway, Nanos};
use crate::clock::Stamp;
use crate::num::Decimal;
use crate::orders::record::Mode;
use crate::orders::risk::Top;
use crate::orders::router::{Denial, NewOrder, Router};
use crate::orders::state::{Change, OrderState};
use crate::orders::venue::write::Object;
use crate::orders::{Offset, OrderType, Product, Side, Unit};
use foldhash::{HashMap, HashMapExt as _};

/// Denials of one client that are noted in the journal.
const NOTES_PER_S: u32 = 10;

/// Orders that one cancel may name.
const MOST_CANCELS: usize = 1_024;

/// An order whose client waits for the venue's word.
#[derive(Debug)]
pub(super) struct Placing {
    pub(super) socket: u32,
    cid: Box<[u8]>,
    deadline: Nanos,
}

/// What became of a cancel: done, or why not.
type Decision = Result<(), Box<str>>;

/// A cancel whose client waits.
#[derive(Debug)]
pub(super) struct Cancelling {
    pub(super) socket: u32,
    cid: Box<[u8]>,
    deadline: Nanos,
    /// Every number that was named, and what came of it; `None`: nothing yet.
    rows: Vec<(Box<str>, Option<Decision>)>,
    /// The orders that are not decided, and which rows are theirs.
    open: HashMap<u64, Vec<usize>>,
}

impl Gateway {
    /// The desk that a request is for, and the instrument that it wants to trade there: for whoever looks its best prices up before
    /// [`Gateway::take`].
    #[must_use]
    pub fn target(&self, socket: u32, request: &Request<'_>) -> (Option<u16>, Option<u32>) {
        let Some((_, login)) = self.find(socket, &request.token) else { return (None, None) };
        let instrument = match &request.body {
            Body::Place { symbol, .. } => login.instrument(symbol),
            _ => None,
        };
        (login.desk, instrument)
    }

    /// Takes a message of a connection. `top`: the best prices of what it wants to trade; `read`: when it was read from the socket,
    /// monotonic.
    pub fn take(
        &mut self,
        socket: u32,
        message: Result<Request<'_>, Misread>,
        top: Option<Top>,
        read: Nanos,
        router: &mut Router,
        now: Stamp,
    ) {
        let limit = self.options.messages_per_s;
        let Some(entry) = self.sockets.get_mut(&socket).filter(|entry| !entry.closing) else { return };
        entry.heard = now.monotonic;
        self.tallies.count(Tally::Messages);
        if !entry.rate.take(limit, now.monotonic) {
            self.tallies.count(Tally::RateLimited);
            let why = format!("rate limit: more than {limit} messages a second; nothing was done");
            // what can be paired with its request, is
            return match message {
                Ok(request) if !matches!(request.op, Op::Ping) => {
                    self.answer(socket, request.op, request.cid, Some(&why), b"");
                }
                _ => self.say(socket, |out| write::error(out, &why)),
            };
        }
        let request = match message {
            Ok(request) => request,
            Err(misread) => {
                self.tallies.count(if misread.unknown_op { Tally::UnknownOp } else { Tally::Malformed });
                return self.say(socket, |out| write::error(out, &misread.why));
            }
        };
        match (request.op, &request.body) {
            (Op::Ping, Body::Time(time)) => self.say(socket, |out| write::pong(out, time)),
            (Op::Login, _) => self.login(socket, &request, router),
            _ => self.serve(socket, &request, top, read, router, now),
        }
    }

    /// The login of a token on a connection.
    fn find(&self, socket: u32, token: &[u8]) -> Option<(u64, &Login)> {
        let logins = &self.sockets.get(&socket)?.logins;
        let found = logins.iter().filter_map(|number| Some((*number, self.logins.get(number)?)));
        // all are looked at, whichever it is
        found.fold(None, |found, (number, login)| if login.token.is(token) { Some((number, login)) } else { found })
    }

    fn serve(
        &mut self,
        socket: u32,
        request: &Request<'_>,
        top: Option<Top>,
        read: Nanos,
        router: &mut Router,
        now: Stamp,
    ) {
        let (op, cid) = (request.op, request.cid);
        let Some((number, login)) = self.find(socket, &request.token) else {
            let foreign = Token::read(&request.token).is_some_and(|token| self.tokens.contains(&token));
            self.tallies.count(if foreign { Tally::ForeignToken } else { Tally::InvalidToken });
            return self.answer(socket, op, cid, Some("Invalid token"), b"");
        };
        let (desk, ready, owner) = (login.desk, login.is_ready(), login.owner);
        let symbol = match &request.body {
            Body::Place { symbol, .. } | Body::Cancel { symbol, .. } | Body::Symbol(symbol) => Some(&**symbol),
            _ => None,
        };
        if op == Op::Logout {
            self.end(number, router, now);
            return self.answer(socket, op, cid, None, b"");
        }
        let Some(desk) = desk.filter(|_| ready || matches!(op, Op::Cancel | Op::Status | Op::Kill | Op::ClearKill))
        else {
            return self.answer(socket, op, cid, Some("Platform not ready"), b"");
        };
        let instrument = symbol.map(|symbol| login.instrument(symbol));
        if instrument == Some(None) {
            let text = format!("Unknown symbol {}", symbol.unwrap_or_default());
            return self.answer(socket, op, cid, Some(&text), b"");
        }
        let instrument = instrument.flatten().unwrap_or(u32::MAX);
        let needed = match op {
            Op::Place | Op::Cancel => Permission::Trade,
            Op::Kill | Op::ClearKill => Permission::Operator,
            _ => Permission::Read,
        };
        let permission = self.owners.get(owner).map_or(Permission::Read, |owner| owner.permission);
        if (permission as u8) < needed as u8 {
            self.tallies.count(Tally::Forbidden);
            let text = format!("permission: this client has {}, it takes {}", permission.name(), needed.name());
            self.note(owner, desk, "permission", &text, router, now);
            return self.answer(socket, op, cid, Some(&text), b"");
        }
        let mut more = Vec::new();
        match (op, &request.body) {
            (Op::Place, Body::Place { side, order_type, price, quantity, .. }) => {
                let terms = Terms { side: *side, order_type: *order_type, price: *price, quantity: *quantity };
                let placed = self.place(owner, desk, instrument, &terms, top, read, router, now);
                return match placed {
                    Ok(id) => {
                        let deadline = now.monotonic.saturating_add(self.options.answer_within);
                        self.placing.insert(id, Placing { socket, cid: cid.into(), deadline });
                    }
                    Err(text) => self.answer(socket, op, cid, Some(&text), b""),
                };
            }
            (Op::Cancel, Body::Cancel { order_nos, .. }) => {
                let numbers: Vec<&str> = order_nos.iter().map(|number| &**number).collect();
                return self.cancel(socket, cid, owner, desk, instrument, &numbers, router, now);
            }
            (Op::OpenOrders, _) => {
                more.extend_from_slice(b",\"data\":[");
                self.list(&mut more, owner, instrument, router);
                more.push(b']');
            }
            (Op::Asset, _) => {
                more.extend_from_slice(b",\"data\":");
                match router.ledger().balances(desk) {
                    Some(balances) => write::assets(&mut more, balances),
                    None => more.extend_from_slice(b"{}"),
                }
            }
            (Op::Position | Op::SymbolInfo, _) => {
                let Some(known) = router.ledger().instrument(instrument) else {
                    let text = format!("Unknown symbol {}", symbol.unwrap_or_default());
                    return self.answer(socket, op, cid, Some(&text), b"");
                };
                more.extend_from_slice(b",\"data\":");
                if op == Op::SymbolInfo {
                    write::rules(&mut more, &known.rules);
                } else {
                    let (held, told) = (router.ledger().position(instrument), router.holding(instrument));
                    write::position(&mut more, None, &known.rules, held, told, now.realtime);
                }
            }
            (Op::Status, _) => {
                more.extend_from_slice(b",\"data\":");
                self.status(&mut more, number, desk, router);
            }
            (Op::Kill, Body::Text(reason)) => {
                let name = self.owners.get(owner).map_or("", |owner| &*owner.name);
                router.kill(&format!("gateway client {name}: {reason}"), now);
            }
            (Op::ClearKill, Body::Text(who)) => {
                if let Err(text) = self.clear_kill(owner, who, router, now) {
                    return self.answer(socket, op, cid, Some(&text), b"");
                }
            }
            _ => {}
        }
        self.answer(socket, op, cid, None, &more);
    }

    fn clear_kill(&self, owner: usize, who: &str, router: &mut Router, now: Stamp) -> Result<(), String> {
        if who.trim().is_empty() {
            return Err("who: say who clears it".into());
        }
        if let Some(why) = &self.kill_stays {
            return Err(why.clone());
        }
        let name = self.owners.get(owner).map_or("", |owner| &*owner.name);
        let was_on = router.clear_kill(&format!("{who} (gateway client {name})"), now);
        if was_on { Ok(()) } else { Err("the kill switch is not on".into()) }
    }

    #[allow(clippy::too_many_arguments, reason = "an order and all it is judged by")]
    fn place(
        &mut self,
        owner: usize,
        desk: u16,
        instrument: u32,
        terms: &Terms,
        top: Option<Top>,
        read: Nanos,
        router: &mut Router,
        now: Stamp,
    ) -> Result<u64, String> {
        if self.stopping {
            self.note(owner, desk, "not_ready", STOPPING, router, now);
            return Err(format!("not_ready: {STOPPING}"));
        }
        let product = router.ledger().instrument(instrument).map_or(Product::Spot, |known| known.rules.product);
        let order = terms.read(product);
        let (side, order_type, offset, quantity) =
            order.inspect_err(|text| self.note(owner, desk, "input", text, router, now))?;
        let Some(entry) = self.owners.get_mut(owner) else { return Err("Invalid token".into()) };
        let rate = entry.limits.orders_per_s;
        let reference = || router.risk().reference(instrument, side, top);
        let limited = entry.limits.check(order_type, terms.price, quantity, reference).and_then(|()| {
            if let Some(most) = entry.limits.max_open_orders {
                let orders = entry.live.iter().filter_map(|id| router.ledger().order(*id));
                let mine = orders.filter(|order| order.placed.desk == desk);
                if mine.count() >= usize::try_from(most).unwrap_or(usize::MAX) {
                    return Err(format!("max_open_orders: this client may have {most}, and has them"));
                }
            }
            match rate {
                Some(rate) if !entry.rate.take(rate, now.monotonic) => {
                    Err(format!("orders_per_s: this client may place {rate} a second"))
                }
                _ => Ok(()),
            }
        });
        if let Err(text) = limited {
            self.tallies.count(Tally::Forbidden);
            self.note(owner, desk, "client_limit", &text, router, now);
            return Err(text);
        }
        let strategy = if let Some(strategy) = entry.strategy {
            strategy
        } else {
            let strategy = router.strategy(&strategy_name(&entry.name), now);
            entry.strategy = Some(strategy);
            self.owner_by_strategy.insert(strategy, owner);
            strategy
        };
        let order = NewOrder {
            instrument,
            side,
            order_type,
            offset,
            unit: Unit::Base,
            price: terms.price,
            quantity,
            ttl: self.options.ttl,
            strategy,
            intent: "",
            top,
            cause: read,
        };
        let placed = router.place(&order, now).map_err(|denial| match denial {
            // it says which rule itself
            Denial::Risk(reject) => reject.to_string(),
            other => format!("{}: {other}", other.rule()),
        })?;
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.live.insert(placed);
        }
        Ok(placed)
    }

    /// Writes a denial into the journal. Of a client that is denied again and again only some are: a loop gone wild would fill the disk
    /// with what it may not do.
    fn note(&mut self, owner: usize, desk: u16, rule: &str, text: &str, router: &mut Router, now: Stamp) {
        let Some(owner) = self.owners.get_mut(owner) else { return };
        if !owner.notes.take(NOTES_PER_S, now.monotonic) {
            owner.unnoted = owner.unnoted.saturating_add(1);
            return;
        }
        let text = match std::mem::take(&mut owner.unnoted) {
            0 => format!("{}: {text}", owner.name),
            more => format!("{}: {text} (and {more} more before that were not noted)", owner.name),
        };
        router.note(desk, rule, &text, now);
    }

    /// Answers an order's request.
    pub(super) fn placed(&mut self, placing: &Placing, id: u64, refusal: Option<&str>) {
        let mut more = b",\"order_no\":\"".to_vec();
        more.extend_from_slice(id.to_string().as_bytes());
        more.push(b'"');
        self.answer(placing.socket, Op::Place, &placing.cid, refusal, &more);
    }

    #[allow(clippy::too_many_arguments, reason = "a cancel and whose it is")]
    fn cancel(
        &mut self,
        socket: u32,
        cid: &[u8],
        owner: usize,
        desk: u16,
        instrument: u32,
        numbers: &[&str],
        router: &mut Router,
        now: Stamp,
    ) {
        if numbers.len() > MOST_CANCELS {
            let text = format!("more than {MOST_CANCELS} orders in one cancel");
            return self.answer(socket, Op::Cancel, cid, Some(&text), b"");
        }
        let strategy = self.owners.get(owner).and_then(|owner| owner.strategy);
        let mine = |order: &crate::orders::ledger::Order| {
            Some(order.placed.strategy) == strategy
                && order.placed.desk == desk
                && order.placed.instrument == instrument
        };
        let named: Vec<Box<str>> = if numbers.is_empty() {
            let live = self.owners.get(owner).into_iter().flat_map(|owner| &owner.live);
            live.filter(|id| router.ledger().order(**id).is_some_and(&mine)).map(|id| id.to_string().into()).collect()
        } else {
            numbers.iter().map(|number| (*number).into()).collect()
        };
        self.last_cancelling = self.last_cancelling.saturating_add(1);
        let key = self.last_cancelling;
        let mut rows = Vec::with_capacity(named.len());
        let mut asked = Vec::new();
        let mut open: HashMap<u64, Vec<usize>> = HashMap::new();
        for name in named {
            let id = name.parse::<u64>().ok().filter(|id| router.ledger().order(*id).is_some_and(&mine));
            let state = id.and_then(|id| router.ledger().order(id)).map(|order| order.state);
            let row = match (id, state) {
                (Some(id), Some(state)) if !state.is_terminal() => {
                    let own = open.entry(id).or_default();
                    if own.is_empty() {
                        asked.push(id);
                    }
                    own.push(rows.len());
                    None
                }
                (Some(_), Some(OrderState::Filled)) => Some(Err("Order filled".into())),
                (Some(_), Some(state)) => Some(Err(format!("Order is over: {}", state.name()).into())),
                _ => Some(Err("Unknown order".into())),
            };
            rows.push((name, row));
        }
        let deadline = now.monotonic.saturating_add(self.options.answer_within);
        self.cancelling.insert(key, Cancelling { socket, cid: cid.into(), deadline, rows, open });
        for id in &asked {
            self.cancelling_by_order.entry(*id).or_default().push(key);
        }
        for id in asked {
            if let Err(denial) = router.cancel(id, self.options.ttl, now) {
                self.decide(key, id, &Err(denial.to_string().into()));
            }
        }
        self.answer_cancel_if_decided(key);
    }

    /// Something happened to an order that may decide its cancels.
    pub(super) fn cancel_decided(&mut self, id: u64, change: Change, state: OrderState, text: &str) {
        if self.cancelling_by_order.is_empty() {
            return;
        }
        let row = match state {
            OrderState::Filled => Err("Order filled".into()),
            OrderState::Rejected => Err("Order was refused".into()),
            _ if state.is_terminal() => Ok(()),
            _ if change == Change::CancelFailed => Err(if text.is_empty() { "Cancel failed" } else { text }.into()),
            _ => return,
        };
        for key in self.cancelling_by_order.get(&id).cloned().unwrap_or_default() {
            self.decide(key, id, &row);
            self.answer_cancel_if_decided(key);
        }
    }

    fn decide(&mut self, key: u64, id: u64, row: &Decision) {
        if let Some(keys) = self.cancelling_by_order.get_mut(&id) {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.cancelling_by_order.remove(&id);
            }
        }
        let Some(waiting) = self.cancelling.get_mut(&key) else { return };
        for at in waiting.open.remove(&id).unwrap_or_default() {
            if let Some((_, decided)) = waiting.rows.get_mut(at) {
                *decided = Some(row.clone());
            }
        }
    }

    fn answer_cancel_if_decided(&mut self, key: u64) {
        if self.cancelling.get(&key).is_some_and(|waiting| waiting.open.is_empty()) {
            self.answer_cancel(key);
        }
    }

    fn answer_cancel(&mut self, key: u64) {
        let Some(waiting) = self.forget_cancelling(key) else { return };
        let mut more = b",\"data\":[".to_vec();
        for (at, (name, row)) in (0_usize..).zip(&waiting.rows) {
            if at > 0 {
                more.push(b',');
            }
            let refusal = match row {
                None => Some("no answer of the venue yet: the order's notifications will tell"),
                Some(Ok(())) => None,
                Some(Err(why)) => Some(&**why),
            };
            write::cancelled(&mut more, name, refusal);
        }
        more.push(b']');
        self.answer(waiting.socket, Op::Cancel, &waiting.cid, None, &more);
    }

    pub(super) fn forget_cancelling(&mut self, key: u64) -> Option<Cancelling> {
        let waiting = self.cancelling.remove(&key)?;
        for id in waiting.open.keys() {
            if let Some(keys) = self.cancelling_by_order.get_mut(id) {
                keys.retain(|known| *known != key);
                if keys.is_empty() {
                    self.cancelling_by_order.remove(id);
                }
            }
        }
        Some(waiting)
    }

    /// Answers what waited for too long: the truth is that nobody knows yet.
    pub(super) fn overdue(&mut self, router: &Router, now: Stamp) {
        let late = |deadline: Nanos| deadline <= now.monotonic;
        let orders: Vec<u64> =
            self.placing.iter().filter(|(_, placing)| late(placing.deadline)).map(|(id, _)| *id).collect();
        for id in orders {
            let Some(placing) = self.placing.remove(&id) else { continue };
            // an order that nobody knows any more was over long ago
            let over = router.ledger().order(id).is_none_or(|order| order.state == OrderState::Rejected);
            self.placed(&placing, id, over.then_some("the order is over"));
        }
        let cancels: Vec<u64> =
            self.cancelling.iter().filter(|(_, waiting)| late(waiting.deadline)).map(|(key, _)| *key).collect();
        for key in cancels {
            self.answer_cancel(key);
        }
    }

    fn list(&self, out: &mut Vec<u8>, owner: usize, instrument: u32, router: &Router) {
        let Some(rules) = router.ledger().instrument(instrument).map(|known| &known.rules) else { return };
        let live = self.owners.get(owner).into_iter().flat_map(|owner| &owner.live);
        let orders = live.filter_map(|id| router.ledger().order(*id));
        let mine = orders.filter(|order| order.placed.instrument == instrument && !order.state.is_terminal());
        for (at, order) in (0_usize..).zip(mine) {
            if at > 0 {
                out.push(b',');
            }
            let moment = Moment { state: order.state, filled: order.filled(), time: order.updated };
            write::order(out, None, order, rules, moment);
        }
    }

    fn status(&self, out: &mut Vec<u8>, number: u64, desk: u16, router: &Router) {
        let Some(login) = self.logins.get(&number) else { return };
        let Some(platform) = self.platforms.get(login.platform) else { return };
        let permission = self.owners.get(login.owner).map_or("", |owner| owner.permission.name());
        let ledger = router.ledger();
        let mut object = Object::new(out);
        object.text("platform", &platform.name);
        object.text("venue", &platform.venue);
        object.text("kind", &platform.kind);
        object.whole("state", login.told.into());
        object.text("mode", Mode::name(ledger.mode()));
        object.text("kill", ledger.kill().unwrap_or(""));
        object.text("journal_failed", router.broken().unwrap_or(""));
        object.text("permission", permission);
        let symbols: Vec<&str> = login.symbols.iter().map(|symbol| &**symbol).collect();
        object.texts("symbols", &symbols);
        object.boolean("market_data", platform.market_data);
        let mut latency = Object::new(object.value("latency"));
        if let Some(stats) = router.stats(desk) {
            for (name, histogram) in [
                ("tick_to_order", &stats.tick_to_order),
                ("order_to_ack", &stats.order_to_ack),
                ("cancel_to_ack", &stats.cancel_to_ack),
                ("risk", &stats.risk),
                ("journal", &stats.journal),
            ] {
                let mut one = Object::new(latency.value(name));
                one.whole("count", histogram.count());
                one.whole("p50_ns", histogram.percentile(500_000));
                one.whole("p99_ns", histogram.percentile(990_000));
                one.end();
            }
        }
        latency.end();
        object.end();
    }
}

/// The terms of an order, as they were said.
struct Terms {
    side: Option<Side>,
    order_type: Option<OrderType>,
    price: Decimal,
    quantity: Decimal,
}

impl Terms {
    fn read(&self, product: Product) -> Result<(Side, OrderType, Offset, Decimal), String> {
        let Some(side) = self.side else { return Err("action: expected BUY or SELL".into()) };
        let Some(order_type) = self.order_type else {
            return Err("order_type: expected LIMIT, MARKET or IOC".into());
        };
        if order_type == OrderType::Market && self.price.coef != 0 {
            return Err(format!("price: expected 0 for MARKET, found {}", self.price));
        }
        let negative = self.quantity.coef < 0;
        let offset = match (product, side, negative) {
            (Product::Spot, _, true) => {
                return Err(format!("quantity: {} has a sign, which is for contracts only", self.quantity));
            }
            (Product::Spot, ..) => Offset::Net,
            (Product::Contract, Side::Buy, false) | (Product::Contract, Side::Sell, true) => Offset::Open,
            (Product::Contract, ..) => Offset::Close,
        };
        let Some(coef) = self.quantity.coef.checked_abs() else { return Err("quantity: too large".into()) };
        Ok((side, order_type, offset, Decimal { coef, ..self.quantity }))
    }
}
