"""A quantapi gateway's server side: logins to platforms over one socket, tokens, states, notifications.

Facts: the venue page and its seed. Silent there, and so chosen here: a wrong key shows by the state 7 after a login
that was taken, a missing one by the state 1; an unknown platform is refused at once; before the state 6, and while
something is wrong behind the gateway, everything but a logout is refused with "Platform not ready"; a symbol that the
login did not name is unknown; there is one login of a key and platform at a time over all sockets, until its socket is
closed; fills carry the sign of their order; there are no liquidation prices (0); a connection that was silent for too
long ends without a close frame; a refused order has an empty number.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ferrofeed.sim import quantapi_words as words
from ferrofeed.sim.order_hall import Answer, Ask, Hall
from ferrofeed.sim.order_json import dump, load, number, word
from ferrofeed.sim.order_types import Account, Refusal
from ferrofeed.sim.protocol import NS, Action, Close, Options, Refuse, Request, Send, Topic, never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.sim.market import Market, State, Trade
    from ferrofeed.sim.order_ledger import Change
    from ferrofeed.sim.order_types import Draft, Fill, Listing, Op, Order, OrderOptions, Product
    from ferrofeed.sim.orders_engine import Engine

MARKETS: Mapping[str, Product] = {"huobi": "spot", "huobi_future": "contract"}
"""Platforms behind the gateway, unless told otherwise."""
MISSING, CONNECTED, FAILED, DISCONNECTED, RECONNECTING, READY, ERROR = range(1, 8)
_STATES = {
    MISSING: "parameter missing",
    CONNECTED: "connected",
    FAILED: "connect failed",
    DISCONNECTED: "disconnected",
    RECONNECTING: "reconnecting",
    READY: "ready",
    ERROR: "general error",
}
_OPS: dict[str, Op] = {"place_order": "place", "cancel_order": "cancel"}


@dataclass(slots=True, eq=False)
class Login:
    """One login."""

    token: str
    session: QuantapiSession
    account: Account
    symbols: tuple[str, ...]
    state: int = 0


class QuantapiVenue:
    """A gateway with the platforms behind it."""

    name = "quantapi"
    path = "/ws/v1"

    def __init__(
        self,
        market: Market,
        options: Options,
        orders: OrderOptions,
        seed: int,
        engine: Callable[[Mapping[str, Product]], Engine],
    ) -> None:
        self.market = market
        self.options = options
        self.orders = orders
        self.clock_offset_ms = 0
        self.refuse_login: Callable[[], bool] = never
        self.hall = Hall(engine(orders.markets or MARKETS), orders, seed, self)
        self.logins: dict[tuple[str, str], Login] = {}
        """By platform and access key."""
        self.new_token: Callable[[], str] = secrets.token_hex

    def session(self) -> QuantapiSession:
        """Make the session of a new connection."""
        return QuantapiSession(self)

    def render(self, _channel: str, _state: State, _trade: Trade | None, /) -> bytes | None:
        """Render no market data: there is none here."""
        return None

    def page(self, path: str, /) -> tuple[bytes, str] | None:
        """Show who asks without an upgrade what this is."""
        return (words.PAGE, "text/html; charset=utf-8") if path == self.path else None

    def millis(self, time_ns: int) -> int:
        """Write a time as the gateway does."""
        return time_ns // 1_000_000 + self.clock_offset_ms

    # notifications

    def told(self, order: Order, change: Change, fill: Fill | None, now_ns: int, /) -> None:
        """Tell of a fill, then of the order."""
        if fill is not None:
            self._notify(order.draft, "fill", words.fill(order, fill, self.millis), change, now_ns)
            self._notify(order.draft, "order", words.filled_order(order, fill, self.millis), "", now_ns)
        else:
            data = words.new_order(order, self.millis) if change == "accepted" else words.order(order, self.millis)
            self._notify(order.draft, "order", data, change, now_ns)

    def balances(self, account: Account, now_ns: int, /) -> None:
        """Tell of an account's money."""
        login = self.logins.get((account.market, account.key))
        if login is not None:
            self._send(login, ("asset", ""), words.asset(self.hall.engine.balances(account)), now_ns)

    def position(self, account: Account, listing: Listing, now_ns: int, /) -> None:
        """Tell of a position."""
        login = self.logins.get((account.market, account.key))
        if login is not None:
            data = {"symbol": listing.symbol, **self.holding(account, listing, now_ns)}
            self._send(login, ("position", listing.symbol), data, now_ns)

    def holding(self, account: Account, listing: Listing, now_ns: int) -> dict[str, object]:
        """Both sides of a position."""
        engine = self.hall.engine
        return words.position(listing, engine.position(account, listing), engine.mark(listing), self.millis(now_ns))

    def upstream(self, state: int, now_ns: int, /) -> None:
        """Tell every login that began of the platform's state."""
        for login in list(self.logins.values()):
            if login.state:
                self.state(login, state, now_ns)

    def _notify(self, draft: Draft, topic: str, data: Mapping[str, object], change: str, now_ns: int) -> None:
        login = self.logins.get((draft.account.market, draft.account.key))
        if login is not None:
            self._send(login, (topic, draft.listing.symbol), data, now_ns, change)

    def _send(self, login: Login, topic: Topic, data: Mapping[str, object], now_ns: int, change: str = "") -> None:
        payload = dump({"op": "notify", "topic": topic[0], "token": login.token, "data": data})
        self.hall.push(login.session, payload, topic, now_ns, change)

    # logins

    def begin(self, login: Login, good: bool, named: bool, now_ns: int) -> None:
        """Connect to the platform, as far as it can be done."""
        delay_ns = round(self.orders.ready_delay_s * NS)
        if not named or not good:
            self._later(login, ERROR if named else MISSING, now_ns + delay_ns)
            return
        self.logins[login.account.market, login.account.key] = login
        self._later(login, CONNECTED, now_ns + delay_ns)
        self._later(login, READY, now_ns + 2 * delay_ns)

    def _later(self, login: Login, state: int, due_ns: int) -> None:
        def tell(now_ns: int) -> None:
            if login.token in login.session.logins:
                # a platform that can't be reached now says so when it can
                trouble = self.hall.trouble is not None and state in (CONNECTED, READY)
                self.state(login, FAILED if trouble else state, now_ns)

        self.hall.timeline.at(due_ns, tell)

    def state(self, login: Login, state: int, now_ns: int) -> None:
        """Tell a login of its platform's state."""
        login.state = state
        message = {"op": "state", "token": login.token, "code": state, "msg": _STATES[state]}
        self.hall.timeline.send(login.session, Send(dump(message), "data", ("state", "")), now_ns)

    def end(self, login: Login) -> None:
        """Forget a login; its orders live on."""
        place = (login.account.market, login.account.key)
        if self.logins.get(place) is login:
            del self.logins[place]
        login.session.logins.pop(login.token, None)


class QuantapiSession:
    """One connection to the gateway."""

    def __init__(self, venue: QuantapiVenue) -> None:
        self._venue = venue
        self._hall = venue.hall
        self._heard_ns = 0
        self.topics: dict[Topic, None] = {}
        self.key: str | None = None
        self.number = 0
        self.gone = False
        self.logins: dict[str, Login] = {}
        """By token."""

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Take a connection: who it is, logins say."""
        if request.path != self._venue.path:
            return [Refuse(404)]
        if not self._hall.opened(self, now_ns):
            return [Refuse(503)]
        self._heard_ns = now_ns
        return []

    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        """Take a heartbeat or a request; answers come from the hall."""
        self._hall.settle(now_ns)
        self._heard_ns = now_ns
        message = load(text)
        if message is None:
            return [_error("not a JSON object")]
        op = message.get("op")
        if op == "ping":
            return self._ping(message)
        if not isinstance(op, str) or op not in _FIELDS:
            return [_error("unknown op")]
        try:
            for name, check in _FIELDS[op].items():
                check(message, name)
            cid = word(message, "cid", need=False)
        except Refusal as refusal:
            return [_error(f"{op}: {refusal}")]
        self._ask(op, cid, message, text, now_ns)
        return []

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """End a connection that says nothing."""
        self._hall.settle(now_ns)
        if now_ns - self._heard_ns > self._venue.orders.idle_s * NS:
            return [Close(None, "idle")]
        return []

    def closed(self, _now_ns: int, /) -> None:
        """Log out of everything; orders live on."""
        for login in list(self.logins.values()):
            self._venue.end(login)
        self._hall.closed(self)

    def _ping(self, message: Mapping[str, Any]) -> Sequence[Action]:
        try:
            return [Send(dump({"op": "pong", "ts": number(message, "ts")}), "pong")]
        except Refusal as refusal:
            return [_error(f"ping: {refusal}")]

    def _ask(self, op: str, cid: str, message: Mapping[str, Any], text: bytes, now_ns: int) -> None:
        # as it is when the request is read: it may be processed when its connection is gone
        login = self.logins.get(str(message.get("token")))
        more = {"login": {"token": ""}, "place_order": {"order_no": ""}}.get(op, {})

        def answer(result: bool, error: str, fields: Mapping[str, object], order: Order | None = None) -> Answer:
            body = {"op": op, "cid": cid, "result": result, "error_message": error, **fields}
            return Answer(dump(body), "ack" if result else "nack", order)

        def refused(refusal: Refusal) -> Answer:
            return answer(result=False, error=str(refusal), fields=more)

        def work(then_ns: int) -> Answer:
            if op == "login":
                return answer(result=True, error="", fields={"token": self._login(message, then_ns)})
            if login is None:
                raise Refusal("token", "Invalid token")
            if op == "logout":
                self._venue.end(login)
                return answer(result=True, error="", fields={})
            if login.state != READY:
                raise Refusal("unavailable", "Platform not ready")
            order, fields = _WORK[op](self, login, message, then_ns)
            return answer(result=True, error="", fields=fields, order=order)

        key = str(message.get("access_key", "")) if login is None else login.account.key
        kind = _OPS.get(op, "query")
        targets = tuple(message["order_nos"]) if kind == "cancel" else ()
        if kind == "cancel" and not targets and login is not None:
            targets = tuple(order.id for order in self._live(login, message["symbol"]))
        # a login holds a credential
        kept = text if op != "login" else b""
        self._hall.ask(Ask(self, kind, key, op, cid, work, refused, targets), kept, now_ns)

    # what each op does

    def _login(self, message: Mapping[str, Any], now_ns: int) -> str:
        if self.gone:
            # it was taken late: nobody is there to log out again, and nobody else could log in
            raise Refusal("gone", "Connection closed")
        venue, platform, key = self._venue, message["platform"], message["access_key"]
        engine = self._hall.engine
        if platform not in engine.markets:
            raise Refusal("platform", f"Unknown platform {platform}"[:80])
        if (platform, key) in venue.logins:
            raise Refusal("repeat", "Do not log in repeat")
        if venue.refuse_login():
            raise Refusal("login", "Login refused")
        secret = venue.options.keys.get(key)
        good = secret is not None and hmac.compare_digest(secret.encode(), message["secret_key"].encode())
        named = bool(message["symbols"] and key and message["secret_key"])
        # who has no right to an account gets none
        account = engine.account(key, platform) if good and named else Account(-1, key, platform)
        login = Login(venue.new_token(), self, account, tuple(message["symbols"]))
        self.logins[login.token] = login
        if good and self.key is None:
            self.key = key
        venue.begin(login, good, named, now_ns)
        return login.token

    def _listing(self, login: Login, symbol: str) -> Listing:
        listing = self._hall.engine.listings.get((login.account.market, symbol))
        if listing is None or symbol not in login.symbols:
            raise Refusal("symbol", f"Unknown symbol {symbol}"[:80])
        return listing

    def place_order(self, login: Login, message: Mapping[str, Any], now_ns: int) -> _Done:
        """Take an order."""
        listing = self._listing(login, message["symbol"])
        draft = words.draft(login.account, listing, message)
        order = self._hall.ledger.place(draft, now_ns, unique=False)
        return order, {"order_no": order.id}

    def cancel_order(self, login: Login, message: Mapping[str, Any], now_ns: int) -> _Done:
        """Cancel orders of a symbol, each by itself; all of them where none is named."""
        symbol = self._listing(login, message["symbol"]).symbol
        ids = message["order_nos"] or [order.id for order in self._live(login, symbol)]
        data: list[dict[str, object]] = []
        for order_id in ids:
            order = self._hall.ledger.find(login.account.key, order_id)
            if order is not None and (order.draft.account is not login.account or order.draft.listing.symbol != symbol):
                order = None
            try:
                self._hall.ledger.cancel(order, now_ns)
            except Refusal as refusal:
                data.append({"result": False, "error_message": str(refusal), "order_no": order_id})
            else:
                data.append({"result": True, "error_message": "", "order_no": order_id})
        return None, {"data": data}

    def open_orders(self, login: Login, message: Mapping[str, Any], _now_ns: int) -> _Done:
        """List what is not over."""
        symbol = self._listing(login, message["symbol"]).symbol
        return None, {"data": [words.listed(order, self._venue.millis) for order in self._live(login, symbol)]}

    def asset(self, login: Login, _message: Mapping[str, Any], _now_ns: int) -> _Done:
        """List balances."""
        return None, {"data": words.asset(self._hall.engine.balances(login.account))}

    def position(self, login: Login, message: Mapping[str, Any], now_ns: int) -> _Done:
        """Say what is held of a contract; of spot, nothing."""
        listing = self._listing(login, message["symbol"])
        return None, {"data": self._venue.holding(login.account, listing, now_ns)}

    def symbol_info(self, login: Login, message: Mapping[str, Any], _now_ns: int) -> _Done:
        """Say what the rules are."""
        return None, {"data": words.rules(self._listing(login, message["symbol"]))}

    def _live(self, login: Login, symbol: str) -> list[Order]:
        known = self._hall.ledger.known(login.account.key, login.account.market)
        return [order for order in known if not order.over and order.draft.listing.symbol == symbol]


_Done = tuple["Order | None", "Mapping[str, object]"]


def _error(message: str) -> Send:
    return Send(dump({"op": "error", "error_message": message}), "nack")


def _text(message: Mapping[str, Any], name: str) -> None:
    if not isinstance(message.get(name), str):
        raise Refusal("request", f"{name}: expected a text")


def _texts(message: Mapping[str, Any], name: str) -> None:
    value = message.get(name)
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Refusal("request", f"{name}: expected a list of texts")


def _number(message: Mapping[str, Any], name: str) -> None:
    number(message, name)


_FIELDS: dict[str, dict[str, Callable[[Mapping[str, Any], str], None]]] = {
    "login": {"platform": _text, "symbols": _texts, "access_key": _text, "secret_key": _text},
    "place_order": {
        "token": _text,
        "symbol": _text,
        "action": _text,
        "price": _number,
        "quantity": _number,
        "order_type": _text,
    },
    "cancel_order": {"token": _text, "symbol": _text, "order_nos": _texts},
    "open_orders": {"token": _text, "symbol": _text},
    "asset": {"token": _text},
    "position": {"token": _text, "symbol": _text},
    "symbol_info": {"token": _text, "symbol": _text},
    "logout": {"token": _text},
}
_WORK: dict[str, Callable[[QuantapiSession, Login, Mapping[str, Any], int], _Done]] = {
    "place_order": QuantapiSession.place_order,
    "cancel_order": QuantapiSession.cancel_order,
    "open_orders": QuantapiSession.open_orders,
    "asset": QuantapiSession.asset,
    "position": QuantapiSession.position,
    "symbol_info": QuantapiSession.symbol_info,
}
