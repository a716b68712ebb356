//! The gateway as a Python object, beside its router and under that one's lock.

use super::core::OrderCore;
use super::shape::{decimal, word};
use ferrofeed_core::clock::Stamp;
use ferrofeed_core::gateway::{
    Accounts, Client, ClientLimits, Gateway, Keys, Op, Options, Permission, Platform, Tally, Watcher, Wish, read,
};
use ferrofeed_core::sign::Secret;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use std::path::PathBuf;

/// A platform as Python describes it.
#[derive(FromPyObject)]
struct PlatformText {
    name: String,
    venue: String,
    kind: String,
    /// Canonical, and as the venue spells it.
    symbols: Vec<(String, String)>,
    /// The desk that all share; `None`: each its own account.
    desk: Option<u16>,
    /// The venue's own keys; `None`: any are good.
    keys: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether others than those are good for a login of their own at the venue.
    other_keys: bool,
    market_data: bool,
}

/// A client as Python describes it.
#[derive(FromPyObject)]
struct ClientText {
    id: String,
    access_key: Vec<u8>,
    secret_key: Vec<u8>,
    permission: String,
    platforms: Option<Vec<String>>,
    symbols: Option<Vec<String>>,
    cancel_on_disconnect: bool,
    max_quantity: Option<String>,
    max_notional: Option<String>,
    max_open_orders: Option<u32>,
    orders_per_s: Option<u32>,
}

fn random(buffer: &mut [u8; 16]) -> bool {
    rustix::rand::getrandom(&mut buffer[..], rustix::rand::GetRandomFlags::empty()) == Ok(buffer.len())
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

impl From<PlatformText> for Platform {
    fn from(text: PlatformText) -> Self {
        let others = text.other_keys;
        let venue =
            |(access, secret)| Keys::Venue { access: Secret::from(access), secret: Secret::from(secret), others };
        let keys = text.keys.map_or(Keys::Any, venue);
        Self {
            name: text.name.into(),
            venue: text.venue.into(),
            kind: text.kind.into(),
            symbols: text.symbols.into_iter().map(|(symbol, raw)| (symbol.into(), raw.into())).collect(),
            accounts: text.desk.map_or(Accounts::Own, Accounts::Shared),
            keys,
            market_data: text.market_data,
        }
    }
}

impl ClientText {
    fn client(self) -> PyResult<Client> {
        let number = |what: &str, text: Option<String>| text.map(|text| decimal(what, &text)).transpose();
        Ok(Client {
            id: self.id.into(),
            access_key: Secret::from(self.access_key),
            secret_key: Secret::from(self.secret_key),
            permission: word("permission", &self.permission, Permission::ALL, Permission::name)?,
            platforms: self.platforms.map(boxed),
            symbols: self.symbols.map(boxed),
            cancel_on_disconnect: self.cancel_on_disconnect,
            limits: ClientLimits {
                max_quantity: number("max_quantity", self.max_quantity)?,
                max_notional: number("max_notional", self.max_notional)?,
                max_open_orders: self.max_open_orders,
                orders_per_s: self.orders_per_s,
            },
        })
    }
}

/// The quant trading API's server side, without its sockets. One a router.
#[pyclass(frozen, module = "ferrofeed._core")]
pub(crate) struct GatewayCore {
    orders: Py<OrderCore>,
    /// While it is there, the kill switch is on.
    kill_file: Option<PathBuf>,
}

impl GatewayCore {
    fn with<T>(&self, py: Python<'_>, work: impl FnOnce(&mut Gateway) -> T) -> PyResult<T> {
        let mut state = self.orders.get().state(py);
        let gateway = state.gateway.as_mut();
        gateway.map(work).ok_or_else(|| PyValueError::new_err("the router has another gateway now"))
    }

    /// Why the kill switch can't be cleared: it would be thrown again at once.
    fn kill_stays(&self) -> Option<String> {
        let file = self.kill_file.as_ref().filter(|file| file.exists())?;
        Some(format!("{} is there; the switch stays on until it is gone", file.display()))
    }
}

#[pymethods]
impl GatewayCore {
    #[new]
    #[pyo3(signature = (orders, platforms, clients=None, *, most_logins=64, messages_per_s=500, idle_ns=15_000_000_000,
        ttl_ns=2_000_000_000, answer_within_ns=8_000_000_000, cancel_on_disconnect=false, kill_file=None))]
    #[allow(clippy::too_many_arguments, reason = "options, all named in Python")]
    fn new(
        py: Python<'_>,
        orders: Py<OrderCore>,
        platforms: Vec<PlatformText>,
        clients: Option<Vec<ClientText>>,
        most_logins: usize,
        messages_per_s: u32,
        idle_ns: i64,
        ttl_ns: i64,
        answer_within_ns: i64,
        cancel_on_disconnect: bool,
        kill_file: Option<PathBuf>,
    ) -> PyResult<Self> {
        let options = Options {
            most_logins,
            messages_per_s,
            idle: idle_ns,
            ttl: ttl_ns,
            answer_within: answer_within_ns,
            cancel_on_disconnect,
            ..Options::default()
        };
        let platforms = platforms.into_iter().map(Platform::from).collect();
        let clients = clients.map(|all| all.into_iter().map(ClientText::client).collect::<PyResult<Vec<_>>>());
        let gateway = Gateway::new(options, platforms, clients.transpose()?, random);
        orders.get().state(py).gateway = Some(gateway);
        Ok(Self { orders, kill_file })
    }

    /// The logins of an earlier process ended with it: the orders that go with them are cancelled.
    fn start(&self, py: Python<'_>) {
        self.orders.get().work(py, |state, now| {
            if let Some(gateway) = &mut state.gateway {
                gateway.start(&mut state.router, now);
            }
        });
    }

    /// A connection is there.
    fn opened(&self, py: Python<'_>, socket: u32) -> PyResult<()> {
        self.with(py, |gateway| gateway.opened(socket, Stamp::now()))
    }

    /// A connection is gone.
    fn closed(&self, py: Python<'_>, socket: u32) {
        self.orders.get().work(py, |state, now| {
            if let Some(gateway) = &mut state.gateway {
                gateway.closed(socket, &mut state.router, now);
            }
            state.pump(now);
        });
    }

    /// The feed stops: no order is taken any more, and those that go with their login are cancelled. Gives these.
    fn stop(&self, py: Python<'_>) -> Vec<u64> {
        self.orders.get().work(py, |state, now| {
            let going = state.gateway.as_mut().map(|gateway| gateway.stop(&mut state.router, now)).unwrap_or_default();
            state.pump(now);
            going
        })
    }

    /// Takes a text message of a connection, which was read at this time of the monotonic clock.
    fn message(&self, py: Python<'_>, socket: u32, payload: &[u8], read_ns: i64) {
        let orders = self.orders.get();
        let message = read(payload);
        let (mut desk, mut top, mut all) = (None, None, false);
        if let Ok(request) = &message {
            all = matches!(request.op, Op::Kill | Op::Logout);
            if request.op == Op::ClearKill
                && let Some(gateway) = &mut orders.state(py).gateway
            {
                gateway.keep_kill(self.kill_stays());
            }
            if !matches!(request.op, Op::Ping | Op::Login) {
                let instrument;
                (desk, instrument) =
                    orders.state(py).gateway.as_ref().map_or((None, None), |gateway| gateway.target(socket, request));
                top = instrument.and_then(|instrument| orders.top(py, instrument, Stamp::now()));
            }
        }
        orders.work(py, |state, now| {
            if let Some(gateway) = &mut state.gateway {
                gateway.take(socket, message, top, read_ns, &mut state.router, now);
            }
            match desk {
                _ if all => state.pump(now),
                Some(desk) => state.pump_desk(desk, now),
                None => {}
            }
        });
    }

    /// What is to be done: `(frames to send by connection, (connection, code, reason) to close after that, (login, venue, owner, keys)
    /// whose accounts are wanted, (login, (connection, venue, symbols) | None) that want market data from now on, or no more)`.
    #[allow(clippy::type_complexity, reason = "one call instead of four")]
    fn take<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(
        Bound<'py, PyList>,
        Vec<(u32, u16, &'static str)>,
        Vec<(u64, String, String, Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>)>,
        Vec<(u64, Option<(u32, String, Vec<String>)>)>,
    )> {
        let (out, closings, wishes, watches) = self.with(py, |gateway| {
            (gateway.take_out(), gateway.take_closings(), gateway.take_wishes(), gateway.take_watches())
        })?;
        let frames = PyList::empty(py);
        for (socket, bytes) in out {
            frames.append((socket, PyBytes::new(py, &bytes)))?;
        }
        let closings = closings.iter().map(|closing| (closing.socket, closing.code, closing.reason)).collect();
        let bytes = |secret: &Secret| PyBytes::new(py, secret.expose());
        let wish = |wish: Wish| {
            let keys = wish.keys.map(|(access, secret)| (bytes(&access), bytes(&secret)));
            (wish.login, String::from(wish.venue), String::from(wish.owner), keys)
        };
        let wishes = wishes.into_iter().map(wish).collect();
        let tuple = |watcher: Watcher| {
            let symbols = watcher.symbols.into_iter().map(String::from).collect();
            (watcher.socket, String::from(watcher.venue), symbols)
        };
        let watches = watches.into_iter().map(|watch| (watch.login, watch.watcher.map(tuple))).collect();
        Ok((frames, closings, wishes, watches))
    }

    /// The account that a login waits for is there.
    fn grant(&self, py: Python<'_>, login: u64, desk: u16) {
        self.orders.get().work(py, |state, _| {
            if let Some(gateway) = &mut state.gateway {
                gateway.grant(login, desk, &mut state.router);
            }
        });
    }

    /// It can't be had.
    fn refuse(&self, py: Python<'_>, login: u64, why: &str) -> PyResult<()> {
        self.with(py, |gateway| gateway.deny_account(login, why))
    }

    /// Whether a login is there and waits for its account.
    fn waits(&self, py: Python<'_>, login: u64) -> PyResult<bool> {
        self.with(py, |gateway| gateway.waits(login))
    }

    /// A connection to a desk's venue could not be made. `again`: that was told before, and concerns only who came since; `refused`: the
    /// venue does not want it with these keys.
    fn connect_failed(&self, py: Python<'_>, desk: u16, why: &str, again: bool, refused: bool) -> PyResult<()> {
        self.with(py, |gateway| gateway.connect_failed(desk, why, again, refused))
    }

    /// Whether somebody is logged in on a desk, or has live orders there.
    fn in_use(&self, py: Python<'_>, desk: u16) -> bool {
        let state = self.orders.get().state(py);
        state.gateway.as_ref().is_some_and(|gateway| gateway.has_logins(desk))
            || state.router.ledger().live_of(desk) > 0
    }

    /// A desk of an owner's own is there no longer.
    fn forget_desk(&self, py: Python<'_>, desk: u16) -> PyResult<()> {
        self.with(py, |gateway| gateway.forget_desk(desk))
    }

    /// Tells a login about its market; `data` is JSON.
    fn market(&self, py: Python<'_>, login: u64, topic: &str, data: &[u8], dropped: u64) -> PyResult<()> {
        self.with(py, |gateway| gateway.market(login, topic, data, dropped))
    }

    /// Time passed: call it some times a second.
    fn tick(&self, py: Python<'_>) {
        self.orders.get().work(py, |state, now| {
            if let Some(gateway) = &mut state.gateway {
                gateway.tick(&state.router, now);
            }
        });
    }

    /// Counts something that happened outside, by its name.
    fn count(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        let what = word("tally", what, Tally::ALL, Tally::name)?;
        self.with(py, |gateway| gateway.tallies.count(what))
    }

    /// All counters by name, and how many connections and logins there are.
    fn counters<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyDict>, usize, usize)> {
        let (tallies, (sockets, logins)) = self.with(py, |gateway| (gateway.tallies.clone(), gateway.size()))?;
        let all = PyDict::new(py);
        for (name, n) in tallies.all() {
            all.set_item(name, n)?;
        }
        Ok((all, sockets, logins))
    }

    fn __traverse__(&self, visit: pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        visit.call(&self.orders)
    }
}
