"""Infoway's server side: a key in the URL, numbered requests with a trace, a budget of requests a minute.

Facts: the venue page and its seed. Silent there, and so chosen here: refusals look like acknowledgements (``code``,
``trace``, ``msg``), closes carry 1008 (501) or 1001 (513), a handshake refusal's body says the venue's own code.
"""

from __future__ import annotations

import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ferrofeed.sim.bars import INTERVALS
from ferrofeed.sim.infoway_push import InfowayPush
from ferrofeed.sim.protocol import (
    NS,
    Action,
    Close,
    Options,
    Refuse,
    Request,
    Send,
    Topic,
    compact,
    never,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.sim.market import Market, State, Trade

BUSINESSES = frozenset({"stock", "crypto", "common", "japan", "india", "korea", "taiwan"})
SUBSCRIBE = {10000: "trade", 10003: "depth", 10006: "bar"}
UNSUBSCRIBE = {11000: "trade", 11001: "depth", 11002: "bar"}
HEARTBEAT = 10010
UNSUBSCRIBED = 11010
_MINUTE_NS = 60 * NS
_GOING_AWAY = 1001
_POLICY = 1008
MESSAGES = {
    401: "authentication failed",
    404: "no such interface",
    501: "request frequency exceeds the per-minute limit",
    505: "the number of products exceeds the limit",
    506: "parameter missing",
    511: "key blacklisted",
    512: "too many connections",
    513: "websocket heartbeat timeout",
    514: "wrong URL",
    515: "parameter is not in JSON format",
    516: "account subscription cap reached",
}


@dataclass(slots=True)
class Account:
    """What a key has used, over all its connections."""

    connections: int = 0
    topics: int = 0
    violations: int = 0
    releases: deque[tuple[int, int]] = field(default_factory=deque)
    """(when, how many): the quota of dead connections, given back late."""

    def settle(self, now_ns: int) -> None:
        """Give back what is due."""
        while self.releases and self.releases[0][0] <= now_ns:
            self.topics -= self.releases.popleft()[1]


class InfowayVenue:
    """Infoway, all channels."""

    name = "infoway"
    path = "/ws?business=crypto"

    def __init__(self, market: Market, options: Options) -> None:
        self.market = market
        self.options = options
        self.accounts: dict[str, Account] = {key: Account() for key in options.keys}
        self.refuse_login: Callable[[], bool] = never
        self._push = InfowayPush(bare=options.bare)

    @property
    def clock_offset_ms(self) -> int:
        """Added to every time stamp pushed."""
        return self._push.clock_offset_ms

    @clock_offset_ms.setter
    def clock_offset_ms(self, value: int) -> None:
        self._push.clock_offset_ms = value

    def session(self) -> InfowaySession:
        """Make the session of a new connection."""
        return InfowaySession(self)

    def render(self, channel: str, state: State, trade: Trade | None, /) -> bytes | None:
        """Render a push."""
        return self._push.render(channel, state, trade)


class InfowaySession:
    """One connection to Infoway."""

    def __init__(self, venue: InfowayVenue) -> None:
        self._venue = venue
        self._business = ""
        self._account = Account()
        self._heartbeat_ns = 0
        self._requests: deque[int] = deque()
        self.topics: dict[Topic, None] = {}
        self.key: str | None = None

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Judge key and channel at the handshake; greet."""
        options = self._venue.options
        if request.path != "/ws" or request.query.get("business") not in BUSINESSES:
            return [Refuse(404, _body(514))]
        given = request.query.get("apikey") or request.headers.get("apikey") or ""
        known = [key for key in options.keys if hmac.compare_digest(key.encode(), given.encode())]
        if not known or self._venue.refuse_login():
            return [Refuse(401, _body(401))]
        account = self._venue.accounts[known[0]]
        if options.ban_after is not None and account.violations >= options.ban_after:
            return [Refuse(401, _body(511))]
        if options.connections_per_key is not None and account.connections >= options.connections_per_key:
            return [Refuse(401, _body(512))]
        self.key, self._account, self._business = known[0], account, request.query["business"]
        account.connections += 1
        self._heartbeat_ns = now_ns
        ready = Send(compact({"code": 200, "msg": "ws connect success"}), "hello")
        if self._business == "stock":
            return [Send(b"You have permission to subscribe to all market data", "hello"), ready]
        return [ready]

    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        """Take one request; every one counts against the minute, whatever it is."""
        while self._requests and self._requests[0] <= now_ns - _MINUTE_NS:
            self._requests.popleft()
        self._requests.append(now_ns)
        message = parse_object(text)
        trace = message.get("trace") if message is not None else None
        if len(self._requests) > self._venue.options.requests_per_minute:
            self._account.violations += 1
            return [_answer(501, trace), Close(_POLICY, MESSAGES[501])]
        if message is None:
            return [_answer(515, None)]
        return self._request(message, now_ns)

    def _request(self, message: dict[str, Any], now_ns: int) -> Sequence[Action]:
        code, trace = message.get("code"), message.get("trace")
        if not isinstance(code, int) or isinstance(code, bool) or not isinstance(trace, str):
            return [_answer(506, trace)]
        if code == HEARTBEAT:
            self._heartbeat_ns = now_ns
            return []
        if code in SUBSCRIBE:
            return self._subscribe(code, trace, message.get("data"), now_ns)
        if code in UNSUBSCRIBE:
            return self._unsubscribe(code, trace, message.get("data"))
        return [_answer(404, trace)]

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """Close where the heartbeat is missing."""
        if now_ns - self._heartbeat_ns >= self._venue.options.heartbeat_timeout_s * NS:
            return [_answer(513, None), Close(_GOING_AWAY, MESSAGES[513])]
        return []

    def closed(self, now_ns: int, /) -> None:
        """Give the connection back now and its quota later."""
        self._account.connections -= 1
        if self.topics:
            due = now_ns + int(self._venue.options.release_s * NS)
            self._account.releases.append((due, len(self.topics)))

    def _subscribe(self, code: int, trace: str, data: object, now_ns: int) -> Sequence[Action]:
        wanted = self._wanted(SUBSCRIBE[code], data)
        if wanted is None:
            return [self._refusal(506, trace)]
        fresh = dict.fromkeys(topic for topic in wanted if topic not in self.topics)
        options, channel = self._venue.options, SUBSCRIBE[code]
        held = sum(topic[0].startswith(channel) for topic in self.topics)
        if options.max_subscriptions is not None and held + len(fresh) > options.max_subscriptions:
            return [self._refusal(505, trace)]
        self._account.settle(now_ns)
        if options.account_topics is not None and self._account.topics + len(fresh) > options.account_topics:
            return [self._refusal(516, trace)]
        self._account.topics += len(fresh)
        self.topics |= fresh
        return [Send(compact({"code": code + 1, "trace": trace, "msg": "ok"}))]

    def _unsubscribe(self, code: int, trace: str, data: object) -> Sequence[Action]:
        channel = UNSUBSCRIBE[code]
        symbols = self._symbols(data.get("codes")) if isinstance(data, dict) else None
        if symbols is None or not isinstance(data, dict):
            return [_answer(506, trace)]
        kinds = data.get("klineTypes")
        channels = {channel} if channel != "bar" else {f"bar:{interval}" for interval in _intervals(kinds)}
        gone = [topic for topic in self.topics if topic[0] in channels and topic[1] in symbols]
        for topic in gone:
            del self.topics[topic]
        self._account.topics -= len(gone)
        return [Send(compact({"code": UNSUBSCRIBED, "trace": trace, "msg": "ok"}))]

    def _wanted(self, channel: str, data: object) -> list[Topic] | None:
        """Return the topics of a request; None where a parameter is missing."""
        if not isinstance(data, dict):
            return None
        if channel != "bar":
            symbols = self._symbols(data.get("codes"))
            return None if symbols is None else [(channel, symbol) for symbol in symbols]
        entries = data.get("arr")
        if not isinstance(entries, list) or not entries:
            return None
        wanted: list[Topic] = []
        for entry in entries:
            symbols = self._symbols(entry.get("codes")) if isinstance(entry, dict) else None
            intervals = _intervals(entry.get("type")) if symbols is not None else ()
            if symbols is None or len(intervals) != 1:
                return None
            wanted.extend((f"bar:{intervals[0]}", symbol) for symbol in symbols)
        return wanted

    def _symbols(self, codes: object) -> list[str] | None:
        if not isinstance(codes, str):
            return None
        names = [name for name in (part.strip() for part in codes.split(",")) if name]
        return [self._symbol(name) for name in names] or None

    def _symbol(self, code: str) -> str:
        """Find a code of this channel; any other is taken all the same, and nothing will ever come."""
        state = self._venue.market.find(code)
        if state is None or state.instrument.business != self._business or state.instrument.raw != code:
            return f"?{code}"
        return state.instrument.symbol

    def _refusal(self, code: int, trace: str) -> Send:
        answer = _answer(code, trace)
        if self._venue.options.text_refusals:
            return Send(b"Subscribe fail: " + answer.payload, "nack")
        return answer


def _intervals(kinds: object) -> Sequence[str]:
    """Read ``1``, ``"1"`` or ``"1,2"``; nothing means all, rubbish means none."""
    if kinds is None:
        return INTERVALS
    if isinstance(kinds, bool) or not isinstance(kinds, (int, str)):
        return ()
    numbers = [part.strip() for part in str(kinds).split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= len(INTERVALS) for part in numbers):
        return ()
    return [INTERVALS[int(part) - 1] for part in numbers]


def _answer(code: int, trace: object) -> Send:
    answer: Mapping[str, Any] = {"code": code, "trace": trace, "msg": MESSAGES[code]}
    return Send(compact({name: value for name, value in answer.items() if value is not None}), "nack")


def _body(code: int) -> bytes:
    return compact({"code": code, "msg": MESSAGES[code]})
