//! The exchange as a venue: what is asked takes a while to arrive, what is answered takes a while to come back, and now and then an
//! order is refused. All by a seed; nothing is lost, doubled or put out of order on the way: that is for tests to add.
//!
//! Each request is answered under its own number, once, on the connection that it came by if that is still the same one: who
//! connects again gets no answers to what was asked before. A cancelled order, a replace that was taken, fills, balances and
//! positions are told to every connection of the account: of what happened at one moment fills one by one, then each order that
//! changed, each balance and each position, as they are then.

mod chance;
mod reports;
mod serve;

pub use chance::{Latency, Spread};

use super::clients::ClientIds;
use super::engine::Exchange;
use super::order::{Event, ExchangeReject, NewOrder, Order};
use crate::clock::{Nanos, Stamp};
use crate::event::Level;
use crate::orders::{Refusal, RefusalKind, Report, RequestKey};
use chance::Chance;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A connection of an account.
pub type ConnectionId = u16;

/// So many requests may be on their way; who sends more is told to send less.
pub const MAX_REQUESTS: usize = 65_536;

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
    /// New price and whole quantity of an order, by the venue's id. That it was taken is told as a change of the order.
    Replace(Box<str>, i64, i64),
    /// All orders in an instrument, finished ones too as far as they are kept.
    Orders(u32),
    /// The live orders in an instrument.
    Open(u32),
    /// The orders under a client's id, finished ones too as far as they are kept.
    Order(Box<str>),
    /// The fills in an instrument, as far as they are kept.
    Executions(u32),
    /// Balances.
    Balances,
    /// The position in an instrument; none of spot.
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
    /// Which time the connection was up, or was not.
    epoch: u32,
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
    epoch: u32,
    /// When the last message in each direction is due: none overtakes another.
    last_there: Nanos,
    last_back: Nanos,
    going: VecDeque<(Nanos, Report)>,
}

/// See the module's text.
#[derive(Debug)]
pub struct PaperVenue {
    /// The exchange itself. What is done to it directly is told with the next [`PaperVenue::poll`].
    pub exchange: Exchange,
    model: Model,
    spread: (Spread, Spread),
    chance: Chance,
    connections: Vec<Connection>,
    /// Of each account, by its number.
    of_account: Vec<Vec<ConnectionId>>,
    /// When each message on its way back is due, which came first, and where it goes; of connections lost meanwhile, too.
    back: BinaryHeap<Reverse<(Nanos, u64, ConnectionId)>>,
    coming: BinaryHeap<Coming>,
    order: u64,
    clients: ClientIds,
    events: Vec<Event>,
}

impl PaperVenue {
    /// A venue with an empty exchange; `keep` finished orders are remembered. One that is forgotten in the same moment that it ends
    /// in is not told of, but for its fills: `keep` must be more than can end at once.
    #[must_use]
    pub fn new(model: Model, keep: usize) -> Self {
        Self {
            exchange: Exchange::new(keep),
            model,
            spread: (Spread::Even, Spread::Even),
            chance: Chance(model.seed),
            connections: Vec::new(),
            of_account: Vec::new(),
            back: BinaryHeap::new(),
            coming: BinaryHeap::new(),
            order: 0,
            clients: ClientIds::default(),
            events: Vec::new(),
        }
    }

    /// How the times of both ways are spread; evenly if nothing is said.
    pub const fn set_spread(&mut self, there: Spread, back: Spread) {
        self.spread = (there, back);
    }

    /// Adds a connection of an account; it is not up yet.
    pub fn add_connection(&mut self, account: u32) -> ConnectionId {
        let connection =
            Connection { account, up: false, epoch: 0, last_there: 0, last_back: 0, going: VecDeque::new() };
        self.connections.push(connection);
        let id = u16::try_from(self.connections.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let at = usize::try_from(account).unwrap_or(usize::MAX);
        if self.of_account.len() <= at {
            self.of_account.resize_with(at.saturating_add(1), Vec::new);
        }
        if let Some(all) = self.of_account.get_mut(at) {
            all.push(id);
        }
        id
    }

    /// A connection is there.
    pub fn connect(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(usize::from(connection))
            && !connection.up
        {
            connection.up = true;
            connection.epoch = connection.epoch.saturating_add(1);
        }
    }

    /// A connection is gone: what was on its way back is lost, what was on its way there arrives.
    pub fn disconnect(&mut self, connection: ConnectionId, now: Stamp) {
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        if std::mem::replace(&mut entry.up, false) {
            entry.epoch = entry.epoch.saturating_add(1);
        }
        entry.going.clear();
        let account = entry.account;
        if self.model.cancel_on_disconnect {
            self.exchange.cancel_account(now.realtime, account);
            self.tell(now, None);
        }
    }

    /// Takes a request, which has this number, on its way. With [`MAX_REQUESTS`] on their way already it is refused.
    pub fn request(&mut self, now: Stamp, connection: ConnectionId, number: u64, ask: Ask) {
        let wait = self.chance.sample(self.model.there, self.spread.0);
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        if self.coming.len() >= MAX_REQUESTS {
            let refusal = Refusal {
                kind: RefusalKind::Throttled,
                code: "throttled".into(),
                message: "too many requests on their way".into(),
            };
            let request = RequestKey::Number(number);
            let report = match ask {
                Ask::Place(client_id, _) => Report::Refused { request, client_id, refusal },
                _ => Report::RequestRefused { request, refusal },
            };
            return self.send(now, connection, report);
        }
        let due = now.monotonic.saturating_add(wait).max(entry.last_there);
        entry.last_there = due;
        let epoch = entry.epoch;
        self.order = self.order.saturating_add(1);
        self.coming.push(Coming { due, order: self.order, connection, epoch, number, ask });
    }

    /// Does what is due, and gives what has come back by now.
    pub fn poll(&mut self, now: Stamp, out: &mut Vec<(ConnectionId, Report)>) {
        self.tell(now, None);
        while self.coming.peek().is_some_and(|coming| coming.due <= now.monotonic) {
            let Some(coming) = self.coming.pop() else { break };
            self.answer(now, coming);
        }
        while let Some(Reverse((due, _, id))) = self.back.peek().copied()
            && due <= now.monotonic
        {
            self.back.pop();
            let going = self.connections.get_mut(usize::from(id)).map(|connection| &mut connection.going);
            if let Some(going) = going
                && going.front().is_some_and(|(due, _)| *due <= now.monotonic)
                && let Some((_, report)) = going.pop_front()
            {
                out.push((id, report));
            }
        }
    }

    /// Shows the exchange a new picture of a live book, and tells what that filled: see [`Exchange::market`].
    ///
    /// # Errors
    /// As there.
    pub fn market(
        &mut self,
        now: Stamp,
        instrument: u32,
        bids: &[Level],
        asks: &[Level],
    ) -> Result<(), ExchangeReject> {
        self.exchange.market(now.realtime, instrument, bids, asks)?;
        self.tell(now, None);
        Ok(())
    }

    /// When [`PaperVenue::poll`] has something to do, monotonic; `None`: not before something is asked.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        let back = self.back.peek().map(|Reverse((due, ..))| *due);
        back.into_iter().chain(self.coming.peek().map(|coming| coming.due)).min()
    }

    /// The client's id of an order.
    #[must_use]
    pub fn client_id(&self, order: &Order) -> &str {
        self.clients.get(order.number)
    }

    /// Sends a report on its way to a connection, if that is up.
    fn send(&mut self, now: Stamp, connection: ConnectionId, report: Report) {
        let wait = self.chance.sample(self.model.back, self.spread.1);
        let Some(entry) = self.connections.get_mut(usize::from(connection)) else { return };
        if entry.up {
            let due = now.monotonic.saturating_add(wait).max(entry.last_back);
            entry.last_back = due;
            entry.going.push_back((due, report));
            self.order = self.order.saturating_add(1);
            self.back.push(Reverse((due, self.order, connection)));
        }
    }
}
