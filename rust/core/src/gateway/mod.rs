//! The gateway: the quant trading API, served in front of every trading venue of the router. `docs/gateway.md`.
//!
//! Sans-I/O. Its user hands it connections and the text messages that came on them, the router's events and the time; it hands back
//! frames to send ([`Gateway::take_out`]), connections to close, and accounts that are wanted but not there yet.
//!
//! What always holds:
//! - Every request is answered once, or its connection is gone and the answer is counted as undeliverable.
//! - An order belongs to its owner, whoever is logged in: nobody else sees it, hears of it or can cancel it through a gateway.
//! - A token is good on the connection that it was given to, and nowhere else.

mod client;
mod count;
mod hear;
mod login;
mod request;
mod serve;
mod session;
mod write;

pub use client::{Client, ClientLimits, Permission};
pub use count::{Tallies, Tally};
pub use request::{Body, Misread, Op, Request, read};

use crate::clock::{Nanos, Stamp};
use crate::orders::router::Router;
use crate::sign::Secret;
use client::Listed;
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use serve::{Cancelling, Placing};
use session::{Login, Owner, Socket, Token};
use std::collections::BTreeSet;

/// How a gateway behaves. Times in ns.
#[derive(Clone, Debug)]
pub struct Options {
    /// Logins of one connection.
    pub most_logins: usize,
    /// Messages a second of one connection.
    pub messages_per_s: u32,
    /// A connection that says nothing for so long is closed.
    pub idle: Nanos,
    /// Commands that could not be sent within this are not sent.
    pub ttl: Nanos,
    /// How long a venue's answer may take before the client gets one that says so.
    pub answer_within: Nanos,
    /// Owners of orders that are told apart.
    pub most_owners: usize,
    /// Whether the orders of those on no list are cancelled when their login ends.
    pub cancel_on_disconnect: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            most_logins: 64,
            messages_per_s: 500,
            idle: 15_000_000_000,
            ttl: 2_000_000_000,
            answer_within: 8_000_000_000,
            most_owners: 16_384,
            cancel_on_disconnect: false,
        }
    }
}

/// Whose account a login trades on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// All on that of one desk.
    Shared(u16),
    /// Each owner on one of its own, made when it first logs in.
    Own,
}

/// Which keys are good where no list of clients says so.
#[derive(Clone, Debug)]
pub enum Keys {
    /// Any that are not empty.
    Any,
    /// This pair, the venue's own; and if others are good, any with another access key: whoever has such a pair gets a login of
    /// his own at the venue, with that.
    Venue {
        /// The access key.
        access: Secret,
        /// What belongs to it.
        secret: Secret,
        /// Whether others are good.
        others: bool,
    },
}

/// A platform: a venue under a name that clients use.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The name.
    pub name: Box<str>,
    /// The venue.
    pub venue: Box<str>,
    /// Its kind: `paper`, `coinceres`, `quantapi`.
    pub kind: Box<str>,
    /// Canonical symbols, and the venue's spelling of each.
    pub symbols: Vec<(Box<str>, Box<str>)>,
    /// Whose account.
    pub accounts: Accounts,
    /// Which keys.
    pub keys: Keys,
    /// Whether there is market data of its symbols.
    pub market_data: bool,
}

impl Platform {
    /// The canonical symbol of one, in whichever spelling.
    fn canonical(&self, name: &str) -> Option<&str> {
        let known = self.symbols.iter().find(|(canonical, raw)| **canonical == *name || **raw == *name);
        known.map(|(canonical, _)| &**canonical)
    }
}

/// An account that a login waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Who waits.
    pub login: u64,
    /// Where.
    pub venue: Box<str>,
    /// The owner's name.
    pub owner: Box<str>,
    /// What it logs in at the venue with; `None`: the venue asks for nothing.
    pub keys: Option<(Secret, Secret)>,
}

/// A connection to be closed, with code and reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which.
    pub socket: u32,
    /// The close frame's code.
    pub code: u16,
    /// And its words.
    pub reason: &'static str,
}

/// A login that wants market data from now on, or none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which login; no number is given twice.
    pub login: u64,
    /// What it watches; `None`: it is gone.
    pub watcher: Option<Watcher>,
}

/// What a login watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// Its connection.
    pub socket: u32,
    /// The venue.
    pub venue: Box<str>,
    /// Its symbols, canonical.
    pub symbols: Vec<Box<str>>,
}

/// See the module's text.
#[derive(Debug)]
pub struct Gateway {
    options: Options,
    platforms: Vec<Platform>,
    /// The only ones that may come in; `None`: the platforms' keys decide.
    clients: Option<Vec<Listed>>,
    owners: Vec<Owner>,
    owner_by_name: HashMap<Box<str>, usize>,
    owner_by_strategy: HashMap<u32, usize>,
    sockets: HashMap<u32, Socket>,
    logins: HashMap<u64, Login>,
    /// The tokens of all of them, to tell one of another connection from none.
    tokens: HashSet<Token>,
    logins_by_desk: HashMap<u16, Vec<u64>>,
    /// Desks of owners' own, by platform's venue.
    own_desks: HashMap<(Box<str>, usize), u16>,
    last_login: u64,
    placing: HashMap<u64, Placing>,
    cancelling: HashMap<u64, Cancelling>,
    /// Which of those wait for an order.
    cancelling_by_order: HashMap<u64, Vec<u64>>,
    last_cancelling: u64,
    /// What was told last of each live order: its word, what is filled, price and quantity.
    told: HashMap<u64, (&'static str, i64, i64, i64)>,
    /// Quantity and money of the fills that were told of each live order, where the venue tells of none by itself.
    counted: HashMap<u64, (i64, i128)>,
    wishes: Vec<Wish>,
    closings: Vec<Closing>,
    dirty: Vec<u32>,
    /// Who watches a market since, or no more.
    watches: Vec<Watch>,
    assets_changed: Vec<u16>,
    /// The feed stops: no orders are taken any more.
    stopping: bool,
    /// Why nobody may clear the kill switch now.
    kill_stays: Option<String>,
    payload: Vec<u8>,
    random: fn(&mut [u8; 16]) -> bool,
    /// What happened.
    pub tallies: Tallies,
}

impl Gateway {
    /// A gateway to these platforms. `clients`: the only ones that may come in; `None`: the platforms' keys decide. `random` fills a
    /// buffer with random bytes; false: there are none.
    #[must_use]
    pub fn new(
        options: Options,
        platforms: Vec<Platform>,
        clients: Option<Vec<Client>>,
        random: fn(&mut [u8; 16]) -> bool,
    ) -> Self {
        Self {
            options,
            platforms,
            clients: clients.map(|all| all.into_iter().map(Listed::from).collect()),
            owners: Vec::new(),
            owner_by_name: HashMap::new(),
            owner_by_strategy: HashMap::new(),
            sockets: HashMap::new(),
            logins: HashMap::new(),
            tokens: HashSet::new(),
            logins_by_desk: HashMap::new(),
            own_desks: HashMap::new(),
            last_login: 0,
            placing: HashMap::new(),
            cancelling: HashMap::new(),
            cancelling_by_order: HashMap::new(),
            last_cancelling: 0,
            told: HashMap::new(),
            counted: HashMap::new(),
            wishes: Vec::new(),
            closings: Vec::new(),
            dirty: Vec::new(),
            watches: Vec::new(),
            assets_changed: Vec::new(),
            stopping: false,
            kill_stays: None,
            payload: Vec::new(),
            random,
            tallies: Tallies::default(),
        }
    }

    /// A connection is there.
    pub fn opened(&mut self, socket: u32, now: Stamp) {
        self.tallies.count(Tally::Connections);
        self.sockets.insert(socket, Socket { heard: now.monotonic, ..Socket::default() });
    }

    /// A connection is gone, and with it all its logins.
    pub fn closed(&mut self, socket: u32, router: &mut Router, now: Stamp) {
        let Some(gone) = self.sockets.remove(&socket) else { return };
        for login in gone.logins {
            self.end(login, router, now);
        }
        let before = self.placing.len();
        self.placing.retain(|_, placing| placing.socket != socket);
        let lost = before.saturating_sub(self.placing.len());
        let waiting: Vec<u64> =
            self.cancelling.iter().filter(|(_, one)| one.socket == socket).map(|(number, _)| *number).collect();
        for number in &waiting {
            self.forget_cancelling(*number);
        }
        let lost = u64::try_from(lost.saturating_add(waiting.len())).unwrap_or(u64::MAX);
        self.tallies.add(Tally::Undeliverable, lost);
    }

    /// Says why nobody may clear the kill switch, which something outside throws again; `None`: operators may.
    pub fn keep_kill(&mut self, why: Option<String>) {
        self.kill_stays = why;
    }

    /// The logins of an earlier process ended with it: the orders that go with them are cancelled.
    pub fn start(&mut self, router: &mut Router, now: Stamp) {
        let goes = |owner: &str| match &self.clients {
            Some(all) => all.iter().any(|listed| *listed.client.id == *owner && listed.client.cancel_on_disconnect),
            None => self.options.cancel_on_disconnect,
        };
        let ledger = router.ledger();
        let live: BTreeSet<u32> = ledger.live().map(|order| order.placed.strategy).collect();
        let name = |strategy: &u32| usize::try_from(*strategy).ok().and_then(|at| ledger.strategies().get(at));
        let going: Vec<u32> = live
            .into_iter()
            .filter(|one| name(one).and_then(|name| login::owner_name(name)).is_some_and(goes))
            .collect();
        for strategy in going {
            router.cancel_all(None, None, Some(strategy), now);
        }
    }

    /// The feed stops, and every login ends with it: no order is taken from here on, and those that go with their login are
    /// cancelled while there is somebody to cancel them. Gives these.
    pub fn stop(&mut self, router: &mut Router, now: Stamp) -> Vec<u64> {
        self.stopping = true;
        let mut going = Vec::new();
        let ends: Vec<(u16, usize)> =
            self.logins.values().filter_map(|login| Some((login.desk?, login.owner))).collect();
        for (desk, owner) in ends {
            if let Some(owner) = self.owners.get(owner).filter(|owner| owner.cancel_on_disconnect) {
                let orders = owner.live_at(desk, router);
                router.cancel_each(&orders, now);
                going.extend(orders);
            }
        }
        self.tell_conditions(None, router);
        going
    }

    /// Time passed; call it some times a second.
    pub fn tick(&mut self, router: &Router, now: Stamp) {
        let idle = self.options.idle;
        let silent: Vec<u32> = self
            .sockets
            .iter()
            .filter(|(_, socket)| !socket.closing && now.monotonic.saturating_sub(socket.heard) > idle)
            .map(|(number, _)| *number)
            .collect();
        for socket in silent {
            self.tallies.count(Tally::Idle);
            self.close(socket, 1001, "idle");
        }
        self.overdue(router, now);
    }

    /// Takes the frames to be sent, one piece a connection.
    pub fn take_out(&mut self) -> Vec<(u32, Vec<u8>)> {
        let dirty = std::mem::take(&mut self.dirty);
        let out = dirty
            .into_iter()
            .filter_map(|socket| Some((socket, std::mem::take(&mut self.sockets.get_mut(&socket)?.out))));
        out.collect()
    }

    /// Whether there are frames to be sent.
    #[must_use]
    pub fn has_out(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Takes the connections to be closed, once what was to be sent is sent.
    pub fn take_closings(&mut self) -> Vec<Closing> {
        std::mem::take(&mut self.closings)
    }

    /// Takes the accounts that are wanted; each is to be granted or refused.
    pub fn take_wishes(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.wishes)
    }

    /// Takes which logins want market data since the last call, and which of them are gone, in their order.
    pub fn take_watches(&mut self) -> Vec<Watch> {
        std::mem::take(&mut self.watches)
    }

    /// Tells a login about its market: `topic` and data, which is JSON already; `dropped`: so many before it were not told.
    pub fn market(&mut self, login: u64, topic: &str, data: &[u8], dropped: u64) {
        let Some((socket, token)) = self.logins.get(&login).map(|login| (login.socket, login.token)) else { return };
        self.tallies.add(Tally::Conflated, dropped);
        self.say(socket, |out| write::notify(out, topic, token.text(), data, dropped));
    }

    /// Whether somebody is logged in on a desk.
    #[must_use]
    pub fn has_logins(&self, desk: u16) -> bool {
        self.logins_by_desk.get(&desk).is_some_and(|logins| !logins.is_empty())
    }

    /// A desk of an owner's own is there no longer: his next login wishes for it again.
    pub fn forget_desk(&mut self, desk: u16) {
        self.own_desks.retain(|_, known| *known != desk);
        self.logins_by_desk.remove(&desk);
    }

    /// How many connections and logins there are.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.sockets.len(), self.logins.len())
    }

    /// Whether clients come from a list.
    #[must_use]
    pub fn has_list(&self) -> bool {
        self.clients.is_some()
    }

    fn close(&mut self, number: u32, code: u16, reason: &'static str) {
        if let Some(socket) = self.sockets.get_mut(&number)
            && !std::mem::replace(&mut socket.closing, true)
        {
            self.closings.push(Closing { socket: number, code, reason });
        }
    }

    /// Puts a message into a connection's frames.
    fn say(&mut self, number: u32, build: impl FnOnce(&mut Vec<u8>)) {
        let Some(socket) = self.sockets.get_mut(&number).filter(|socket| !socket.closing) else {
            self.tallies.count(Tally::Undeliverable);
            return;
        };
        self.payload.clear();
        build(&mut self.payload);
        if socket.out.is_empty() {
            self.dirty.push(number);
        }
        session::frame(&mut socket.out, &self.payload);
        self.tallies.count(Tally::Sent);
    }

    fn answer(&mut self, socket: u32, op: Op, cid: &[u8], refusal: Option<&str>, more: &[u8]) {
        let more = if refusal.is_some() { op.nothing().as_bytes() } else { more };
        self.say(socket, |out| write::answer(out, op, cid, refusal, more));
    }
}
