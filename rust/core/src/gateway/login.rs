//! Logins: who may come in, on whose account, and in which state the platform is.

use super::client::{ClientLimits, Permission, Rate, find, name_of, name_of_pair, same};
use super::count::Tally;
use super::request::{Body, Op, Request};
use super::session::{CONNECTED, DISCONNECTED, ERROR, FAILED, Login, MISSING, Owner, READY, RECONNECTING, Token};
use super::{Accounts, Gateway, Keys, Watch, Watcher, Wish, write};
use crate::clock::Stamp;
use crate::orders::record::Mode;
use crate::orders::router::{DeskState, Router};
use crate::sign::Secret;
use std::collections::BTreeSet;

/// Logins of one connection that may be refused before it is closed: nobody tries keys out here.
const MOST_REFUSED: u32 = 10;

/// What those hear who want to trade while the feed stops.
pub(super) const STOPPING: &str = "the feed is stopping: no orders are taken";

/// What came of a login.
enum Verdict {
    /// Who it is, and whether it is the venue that judges its keys.
    In(usize, bool),
    /// It can be told why not only by a state.
    Missing(&'static str),
    /// Why not.
    Refused(Tally, String),
}

impl Gateway {
    pub(super) fn login(&mut self, socket: u32, request: &Request<'_>, router: &mut Router) {
        let Body::Login { platform, symbols, access_key, secret_key, market_data } = &request.body else { return };
        let many = self.sockets.get(&socket).is_some_and(|socket| socket.logins.len() >= self.options.most_logins);
        if many {
            let text = format!("more than {} logins on one connection", self.options.most_logins);
            return self.refuse_login(socket, request.cid, Tally::LoginLimit, &text);
        }
        let Some(at) = self.platforms.iter().position(|known| *known.name == **platform) else {
            let known: Vec<&str> = self.platforms.iter().map(|known| &*known.name).collect();
            let text = format!("Unknown platform {platform}: expected one of {}", known.join(", "));
            return self.refuse_login(socket, request.cid, Tally::LoginRefused, &text);
        };
        let names: Vec<&str> = symbols.iter().map(|symbol| &**symbol).collect();
        let (owner, own_keys, missing) = match self.judge(at, &names, access_key, secret_key) {
            Verdict::In(owner, own_keys) => (owner, own_keys, ""),
            Verdict::Missing(what) => (usize::MAX, false, what),
            Verdict::Refused(tally, text) => return self.refuse_login(socket, request.cid, tally, &text),
        };
        let mut random = [0; 16];
        if !(self.random)(&mut random) {
            let text = "no random numbers for a token: try again";
            return self.refuse_login(socket, request.cid, Tally::LoginRefused, text);
        }
        self.tallies.count(Tally::Logins);
        self.last_login = self.last_login.saturating_add(1);
        let (number, token) = (self.last_login, Token::new(random));
        let login = Login {
            socket,
            token,
            platform: at,
            owner,
            symbols: names.iter().map(|name| (*name).into()).collect(),
            instruments: Vec::new(),
            desk: None,
            own_keys,
            was_ready: false,
            told: 0,
            market_data: *market_data,
        };
        self.logins.insert(number, login);
        self.tokens.insert(token);
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.logins.push(number);
        }
        let mut more = b",\"token\":\"".to_vec();
        more.extend_from_slice(token.text());
        more.push(b'"');
        self.answer(socket, Op::Login, request.cid, None, &more);
        if !missing.is_empty() {
            self.tell(number, MISSING, &format!("parameter missing: {missing}"));
            return;
        }
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.logins.push(number);
        }
        let Some(platform) = self.platforms.get(at) else { return };
        let desk = match platform.accounts {
            Accounts::Shared(desk) if !own_keys => Some(desk),
            _ => self.own_desks.get(&(platform.venue.clone(), owner)).copied(),
        };
        if let Some(desk) = desk {
            self.settle(number, desk, router);
        } else {
            let name = self.owners.get(owner).map_or_else(|| "".into(), |owner| owner.name.clone());
            let keys = own_keys.then(|| (access_key.clone(), secret_key.clone()));
            self.wishes.push(Wish { login: number, venue: platform.venue.clone(), owner: name, keys });
        }
    }

    fn refuse_login(&mut self, number: u32, cid: &[u8], tally: Tally, why: &str) {
        self.tallies.count(tally);
        self.answer(number, Op::Login, cid, Some(why), b"");
        self.count_refusal(number);
    }

    fn count_refusal(&mut self, number: u32) {
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        socket.refused_logins = socket.refused_logins.saturating_add(1);
        if socket.refused_logins >= MOST_REFUSED {
            self.close(number, 1008, "too many refused logins");
        }
    }

    fn judge(&mut self, at: usize, symbols: &[&str], access_key: &Secret, secret_key: &Secret) -> Verdict {
        let Some(platform) = self.platforms.get(at) else { return Verdict::Missing("platform") };
        let missing = [
            (access_key.is_empty(), "access_key"),
            (secret_key.is_empty(), "secret_key"),
            (symbols.is_empty(), "symbols"),
        ];
        if let Some((_, what)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
            return Verdict::Missing(what);
        }
        let refused = |text: String| Verdict::Refused(Tally::LoginRefused, text);
        let mut own_keys = false;
        let (name, permission, limits, cancel) = if let Some(clients) = &self.clients {
            let Some(client) = find(clients, access_key, secret_key) else {
                return refused("wrong access_key or secret_key".into());
            };
            if client.platforms.as_ref().is_some_and(|may| !may.contains(&platform.name)) {
                return refused(format!("client {} may not go to platform {}", client.id, platform.name));
            }
            let barred = |name: &&&str| {
                let known = platform.canonical(name);
                client
                    .symbols
                    .as_ref()
                    .is_some_and(|may| known.is_some_and(|known| may.iter().all(|one| **one != *known)))
            };
            if let Some(symbol) = symbols.iter().find(barred) {
                return refused(format!("client {} may not trade {symbol}", client.id));
            }
            (client.id.clone(), client.permission, client.limits, client.cancel_on_disconnect)
        } else {
            let good = match &platform.keys {
                Keys::Any => true,
                Keys::Venue { access, secret, others } => {
                    let is_access = same(access, access_key);
                    // with the venue's own access key a wrong secret is wrong: nobody is to try it out there
                    own_keys = *others && !is_access;
                    own_keys | (is_access & same(secret, secret_key))
                }
            };
            if !good {
                return refused("wrong access_key or secret_key".into());
            }
            let name = if own_keys { name_of_pair(access_key, secret_key) } else { name_of(access_key) };
            (name, Permission::Operator, ClientLimits::default(), self.options.cancel_on_disconnect)
        };
        if let Some(unknown) = symbols.iter().find(|name| platform.canonical(name).is_none()) {
            let known: Vec<&str> = platform.symbols.iter().map(|(canonical, _)| &**canonical).collect();
            return refused(format!("Unknown symbol {unknown}: {} has {}", platform.name, known.join(", ")));
        }
        if let Some((first, _)) =
            (0..).zip(symbols).find(|(at, name)| symbols.iter().take(*at).any(|other| other == *name))
        {
            let name = symbols.get(first).copied().unwrap_or_default();
            return refused(format!("symbol {name} is there twice"));
        }
        let owner = match self.owner_by_name.get(&name) {
            Some(owner) => *owner,
            None if self.owners.len() >= self.options.most_owners => {
                return Verdict::Refused(Tally::LoginLimit, "too many different clients".into());
            }
            None => {
                self.owners.push(Owner {
                    name: name.clone(),
                    permission,
                    limits,
                    cancel_on_disconnect: cancel,
                    strategy: None,
                    rate: Rate::default(),
                    notes: Rate::default(),
                    unnoted: 0,
                    logins: Vec::new(),
                    live: BTreeSet::new(),
                });
                let owner = self.owners.len().saturating_sub(1);
                self.owner_by_name.insert(name, owner);
                owner
            }
        };
        let there = self.owners.get(owner).is_some_and(|owner| {
            owner.logins.iter().any(|number| self.logins.get(number).is_some_and(|login| login.platform == at))
        });
        if there {
            return Verdict::Refused(Tally::LoginRepeated, "Do not log in repeat".into());
        }
        Verdict::In(owner, own_keys)
    }

    /// The account that a login waited for is there.
    pub fn grant(&mut self, login: u64, desk: u16, router: &mut Router) {
        let Some(entry) = self.logins.get(&login) else { return };
        let venue = self.platforms.get(entry.platform).map_or_else(|| "".into(), |platform| platform.venue.clone());
        self.own_desks.insert((venue, entry.owner), desk);
        self.settle(login, desk, router);
    }

    /// Whether a login is there and waits for its account.
    #[must_use]
    pub fn waits(&self, login: u64) -> bool {
        self.logins.get(&login).is_some_and(|login| login.desk.is_none())
    }

    /// The account that a login waited for can't be had, for now.
    pub fn deny_account(&mut self, login: u64, why: &str) {
        self.tell(login, FAILED, &format!("connect failed: {why}"));
    }

    /// Puts a login onto its account.
    fn settle(&mut self, number: u64, desk: u16, router: &mut Router) {
        let Some(login) = self.logins.get_mut(&number) else { return };
        let Some(platform) = self.platforms.get(login.platform) else { return };
        login.desk = Some(desk);
        // what the client may trade was judged by these names
        let instrument = |symbol: &str| router.instrument_named(desk, platform.canonical(symbol)?);
        login.instruments = login.symbols.iter().map(|symbol| instrument(symbol).unwrap_or(u32::MAX)).collect();
        if login.market_data {
            let symbols = login.symbols.iter().filter_map(|name| platform.canonical(name)).map(Into::into).collect();
            let watcher = Watcher { socket: login.socket, venue: platform.venue.clone(), symbols };
            self.watches.push(Watch { login: number, watcher: Some(watcher) });
        }
        self.logins_by_desk.entry(desk).or_default().push(number);
        // its orders of earlier days are its own
        if let Some(owner) = self.owners.get_mut(login.owner)
            && owner.strategy.is_none()
        {
            owner.strategy = router.known_strategy(&strategy_name(&owner.name));
            if let Some(strategy) = owner.strategy {
                self.owner_by_strategy.insert(strategy, login.owner);
                let live = router.ledger().live().filter(|order| order.placed.strategy == strategy);
                owner.live = live.map(|order| order.placed.id).collect();
                // what was filled of them before is no news
                for id in &owner.live {
                    if let Some(order) = router.ledger().order(*id).filter(|order| order.filled() > 0) {
                        self.counted.insert(*id, (order.filled(), order.money().unwrap_or_default()));
                    }
                }
            }
        }
        self.tell_condition(number, false, router);
    }

    /// Ends a login.
    pub(super) fn end(&mut self, number: u64, router: &mut Router, now: Stamp) {
        let Some(login) = self.logins.remove(&number) else { return };
        self.tokens.remove(&login.token);
        if login.market_data && login.desk.is_some() {
            self.watches.push(Watch { login: number, watcher: None });
        }
        if let Some(socket) = self.sockets.get_mut(&login.socket) {
            socket.logins.retain(|known| *known != number);
        }
        let Some(owner) = self.owners.get_mut(login.owner) else { return };
        owner.logins.retain(|known| *known != number);
        let Some(desk) = login.desk else { return };
        if let Some(logins) = self.logins_by_desk.get_mut(&desk) {
            logins.retain(|known| *known != number);
        }
        if owner.cancel_on_disconnect {
            router.cancel_each(&owner.live_at(desk, router), now);
        }
    }

    /// A connection to a desk's venue could not be made. `again`: that was told before, and concerns only who came since; `refused`:
    /// the venue does not want it with these keys.
    pub fn connect_failed(&mut self, desk: u16, why: &str, again: bool, refused: bool) {
        for number in self.logins_by_desk.get(&desk).cloned().unwrap_or_default() {
            let told = self.logins.get(&number).map_or(0, |login| login.told);
            if matches!(told, CONNECTED | READY | ERROR) || (again && told == FAILED) {
                continue;
            }
            self.tell(number, FAILED, &format!("connect failed: {why}"));
            // it is tried again and again with the same keys
            if refused && told != FAILED {
                self.keys_refused(number);
            }
        }
    }

    /// The venue refused the keys of a login: his own are the client's fault.
    fn keys_refused(&mut self, login: u64) {
        let own = self.logins.get(&login).filter(|login| login.own_keys && !login.was_ready);
        if let Some(socket) = own.map(|login| login.socket) {
            self.tallies.count(Tally::LoginRefused);
            self.count_refusal(socket);
        }
    }

    /// Tells every login of a desk, to which something happened (`None`: of all), where its platform stands, if that is news.
    pub(super) fn tell_conditions(&mut self, desk: Option<u16>, router: &Router) {
        let all: Vec<u64> = match desk {
            Some(desk) => self.logins_by_desk.get(&desk).cloned().unwrap_or_default(),
            None => self.logins.keys().copied().collect(),
        };
        for login in all {
            self.tell_condition(login, desk.is_some(), router);
        }
    }

    /// `happened`: to its desk; then a refusal is a new one.
    fn tell_condition(&mut self, number: u64, happened: bool, router: &Router) {
        let Some((desk, told)) = self.logins.get(&number).and_then(|login| Some((login.desk?, login.told))) else {
            return;
        };
        let up = matches!(told, CONNECTED | READY | ERROR);
        match router.desk_state(desk) {
            Some(DeskState::Ready) => {
                let trouble = if self.stopping { Some(STOPPING.into()) } else { trouble(router) };
                let code = if trouble.is_some() { ERROR } else { READY };
                if !up {
                    self.tell(number, CONNECTED, "connected");
                }
                if code != told {
                    self.tell(number, code, trouble.as_deref().unwrap_or("ready"));
                }
            }
            Some(DeskState::Reconciling) if matches!(told, READY | ERROR) => {
                self.tell(number, DISCONNECTED, "disconnected");
                self.tell(number, RECONNECTING, "reconnecting");
            }
            Some(DeskState::Reconciling) => {
                if told != CONNECTED {
                    self.tell(number, CONNECTED, "connected");
                }
            }
            // a gateway that is there is not yet the platform behind it
            Some(DeskState::Opening | DeskState::Down | DeskState::Keyless) | None => {
                // who comes later hears of the last refusal, too
                let refusal = router.refusal(desk).filter(|_| happened || told == 0);
                if up {
                    self.tell(number, DISCONNECTED, "disconnected");
                    self.tell(number, RECONNECTING, "reconnecting");
                } else if refusal.is_none() && !matches!(told, RECONNECTING | FAILED) {
                    self.tell(number, RECONNECTING, "connecting");
                }
                if let Some(why) = refusal {
                    self.tell(number, FAILED, &format!("connect failed: {why}"));
                    if told != FAILED {
                        self.keys_refused(number);
                    }
                }
            }
        }
    }

    fn tell(&mut self, number: u64, code: u8, message: &str) {
        let Some(login) = self.logins.get_mut(&number) else { return };
        login.told = code;
        login.was_ready |= code == READY;
        let (socket, token) = (login.socket, login.token);
        self.say(socket, |out| write::state(out, token.text(), code, message));
    }
}

/// Why no orders are taken anywhere.
fn trouble(router: &Router) -> Option<String> {
    if let Some(why) = router.broken() {
        return Some(format!("the journal failed, no new orders are taken: {why}"));
    }
    if let Some(why) = router.ledger().kill() {
        return Some(format!("the kill switch is on: {why}"));
    }
    (router.ledger().mode() == Mode::Halted).then(|| "halted: nothing but cancels is taken".into())
}

/// In front of an owner's name where the journal has its orders.
const MARK: &str = "gateway:";

/// What the journal calls an owner's orders.
pub(super) fn strategy_name(owner: &str) -> String {
    format!("{MARK}{owner}")
}

/// Whose orders the journal calls so; `None`: nobody's who comes in here.
pub(super) fn owner_name(strategy: &str) -> Option<&str> {
    strategy.strip_prefix(MARK)
}
