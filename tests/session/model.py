"""A model of each venue's server: its protocol, its limits, its faults, in virtual time and without a socket.

It checks what a venue would punish (requests a minute, connects a minute, missing heartbeats, words it does not know)
and keeps the truth about subscriptions that sessions are compared with. Written from the venue pages, not from the
dialects.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ferrofeed.spec import Topic

if TYPE_CHECKING:
    from random import Random

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
ITICK_TYPES = {"quote": "quote", "depth": "depth", "tick": "trade"} | {
    f"kline@{n}": f"bar:{name}"
    for n, name in enumerate(("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"), 1)
}
INFOWAY_BARS = {
    n: f"bar:{name}"
    for n, name in enumerate(("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M", "1Q", "1Y"), 1)
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault between two moments."""

    kind: str
    start_ns: int
    end_ns: int
    value: Any = None


@dataclass(slots=True)
class Flow:
    """The data of one subscription."""

    since_ns: int
    period_ns: int

    def last(self, now_ns: int) -> int:
        """When it last delivered, 0 if it has not yet."""
        count = (now_ns - self.since_ns) // self.period_ns
        return self.since_ns + count * self.period_ns if count > 0 else 0


@dataclass(slots=True)
class Reply:
    """A frame to the client, so much later; ``close`` ends the connection after it."""

    frame: bytes | None
    delay_ns: int = 0
    close: bool = False


@dataclass(slots=True, eq=False)
class Connection:
    """One connection as the server sees it."""

    opened_ns: int
    last: dict[Topic, int]
    """When the client last had data, over all its connections."""
    logged_in: bool = False
    alive: bool = True
    frozen: bool = False
    """Half open: it takes frames and does nothing."""
    subscribed: dict[Topic, Flow] = field(default_factory=dict)
    beat_ns: int = 0
    reply_at_ns: int = 0


class Server:
    """The server of one venue for one key."""

    def __init__(self, venue: str, rng: Random, faults: list[Fault], bad: frozenset[str]) -> None:
        self.venue = venue
        self.rng = rng
        self.faults = faults
        self.bad = bad
        """Symbols it does not have."""
        self.connections: list[Connection] = []
        self.violations: list[str] = []
        self.requests: deque[int] = deque()
        self.connects: deque[int] = deque()
        self.requests_per_minute: int | None = None
        self.connects_per_minute: int | None = None

    # faults

    def active(self, kind: str, now_ns: int) -> Fault | None:
        for fault in self.faults:
            if fault.kind == kind and fault.start_ns <= now_ns < fault.end_ns:
                return fault
        return None

    # budgets, as the venue counts them

    def _count(self, log: deque[int], limit: int | None, now_ns: int, what: str) -> None:
        log.append(now_ns)
        while now_ns - log[0] >= MINUTE:
            log.popleft()
        if limit is not None and len(log) > limit:
            self.violations.append(f"{len(log)} {what} within a minute at {now_ns / SECOND:.3f}")

    # life of a connection

    def connect(self, now_ns: int, last: dict[Topic, int]) -> Connection | int | str | None:
        """A connection, an HTTP status, ``refused`` (no TCP) or None for silence."""
        self._count(self.connects, self.connects_per_minute, now_ns, "connects")
        if self.active("fatal_http", now_ns):
            return 401
        if fault := self.active("http", now_ns):
            status: int = fault.value
            return status
        if self.active("unreachable", now_ns):
            return "refused"
        if self.active("hang", now_ns):
            return None
        if self.venue == "itick" and any(c.alive and not c.frozen for c in self.connections):
            self.violations.append("a second connection with the key")
        connection = Connection(now_ns, last, beat_ns=now_ns)
        self.connections.append(connection)
        return connection

    def greet(self, connection: Connection, now_ns: int) -> list[Reply]:
        """What the server says on its own after the handshake."""
        if self.venue == "itick":
            hello = Reply(b'{"code":1,"msg":"Connected Successfully"}')
            return [hello, *self._login(connection, now_ns)]
        if self.venue == "infoway":
            connection.logged_in = True
            words = b"You have permission to subscribe to all market data"
            return [Reply(words), Reply(b'{"code":200,"msg":"ws connect success"}')]
        return []

    def _login(self, connection: Connection, now_ns: int) -> list[Reply]:
        ziario = self.venue == "ziario"
        if self.active("fatal_login", now_ns):
            frame = (
                b'{"type":"auth","status":"error","message":"invalid api key"}'
                if ziario
                else b'{"code":0,"resAc":"auth","msg":"auth failed"}'
            )
            return [Reply(frame, close=True)]
        connection.logged_in = True
        frame = (
            '{"type":"auth","status":"success","message":"认证成功"}'.encode()
            if ziario
            else b'{"code":1,"resAc":"auth","msg":"authenticated","data":{"params":"key-0123456789abcdef"}}'
        )
        if self.active("mute_login", now_ns):
            return []
        kick = self.active("kick", now_ns) is not None
        return [Reply(frame), *([Reply(None, 300_000_000, close=True)] if kick else [])]

    def lose(self, connection: Connection, now_ns: int) -> None:
        """The connection is gone."""
        self.touch(now_ns)
        connection.alive = False
        connection.subscribed.clear()
        self.connections.remove(connection)

    def touch(self, now_ns: int) -> None:
        """Fix what was delivered so far, before something changes."""
        for connection in self.connections:
            for topic in connection.subscribed:
                self.deliver(connection, topic, now_ns)

    def deliver(self, connection: Connection, topic: Topic, now_ns: int) -> int:
        """When the client last had data of the topic, 0 for never."""
        flow = connection.subscribed.get(topic)
        silence = self.active("silence", now_ns)
        silent = topic.raw_symbol in self.bad or (silence is not None and silence.value == topic.channel)
        if flow is not None and not silent and not connection.frozen:
            connection.last[topic] = max(connection.last.get(topic, 0), flow.last(now_ns))
        return connection.last.get(topic, 0)

    # frames

    def receive(self, connection: Connection, frame: bytes, now_ns: int) -> list[Reply]:
        """A message of the client."""
        self._count(self.requests, self.requests_per_minute, now_ns, "requests")
        if connection.frozen:
            return []
        self.touch(now_ns)
        replies: list[Reply] = getattr(self, f"_{self.venue}")(connection, json.loads(frame), now_ns)
        return replies

    def overdue(self, connection: Connection, now_ns: int) -> bool:
        """Whether the heartbeats the venue demands are missing."""
        return self.venue == "infoway" and now_ns - connection.beat_ns > MINUTE

    def _ziario(self, connection: Connection, message: dict[str, Any], now_ns: int) -> list[Reply]:
        action = message["action"]
        if action == "auth":
            return self._login(connection, now_ns)
        symbols = [Topic("quote", symbol) for symbol in message["symbols"]]
        if action == "unsubscribe":
            self._drop(connection, symbols)
            return []
        assert action == "subscribe"
        if not connection.logged_in:
            self.violations.append("subscribe before login")
        good = [topic for topic in symbols if topic.raw_symbol not in self.bad]
        body = {"type": "subscribe", "status": "success", "symbols": [topic.raw_symbol for topic in good]}
        return self._act(connection, good, [], json.dumps(body).encode(), now_ns)

    def _itick(self, connection: Connection, message: dict[str, Any], now_ns: int) -> list[Reply]:
        action, params = message["ac"], message["params"]
        if action == "ping":
            if self.active("no_pong", now_ns):
                return []
            return [Reply(json.dumps({"resAc": "pong", "data": {"params": params}}).encode())]
        channels = [ITICK_TYPES[name] for name in message["types"].split(",")]
        asked = [Topic(channel, symbol) for channel in channels for symbol in params.split(",")]
        add = action == "subscribe"
        assert add or action == "unsubscribe"
        if any(topic.raw_symbol in self.bad for topic in asked) and add:
            refusal = {"code": 0, "resAc": action, "msg": "cannot be resolved action"}
            return self._act(connection, [], [], json.dumps(refusal).encode(), now_ns)
        body = {"code": 1, "resAc": action, "msg": f"{action} Successfully"}
        return self._act(connection, asked if add else [], [] if add else asked, json.dumps(body).encode(), now_ns)

    def _infoway(self, connection: Connection, message: dict[str, Any], now_ns: int) -> list[Reply]:
        code, trace, data = message["code"], message["trace"], message.get("data", {})
        if code == 10010:
            connection.beat_ns = now_ns
            return []
        if fault := self.active("later", now_ns):
            return [Reply(json.dumps({"code": fault.value, "trace": trace, "msg": "not now"}).encode())]
        kind = {10000: "trade", 10003: "depth", 11000: "trade", 11001: "depth"}.get(code)
        if code == 10006:
            asked = [Topic(INFOWAY_BARS[a["type"]], c) for a in data["arr"] for c in a["codes"].split(",")]
        elif code == 11002:
            asked = [Topic(INFOWAY_BARS[int(data["klineTypes"])], c) for c in data["codes"].split(",")]
        else:
            assert kind is not None
            asked = [Topic(kind, c) for c in data["codes"].split(",")]
        add = code < 11000
        body = {"code": code + 1 if add else 11010, "trace": trace, "msg": "ok"}
        return self._act(connection, asked if add else [], [] if add else asked, json.dumps(body).encode(), now_ns)

    def _act(
        self, connection: Connection, add: list[Topic], drop: list[Topic], frame: bytes, now_ns: int
    ) -> list[Reply]:
        """Do it, or lose the request whole, or do it and lose the answer."""
        fault = self.active("lost", now_ns)
        fate = "done" if fault is None or self.rng.random() > 0.5 else fault.value
        if fate == "request":
            return []
        for topic in add:
            # an acknowledged subscription begins anew with another request for it
            connection.subscribed[topic] = Flow(now_ns, self.rng.randrange(SECOND, 5 * SECOND))
        self._drop(connection, drop)
        if fate == "answer":
            return []
        late = self.active("late", now_ns)
        delay = 0 if late is None or self.rng.random() > 0.5 else self.rng.randrange(8 * SECOND, 17 * SECOND)
        # answers keep the order of their requests
        connection.reply_at_ns = max(connection.reply_at_ns, now_ns + delay)
        replies = [Reply(frame, connection.reply_at_ns - now_ns)]
        if self.venue == "infoway" and self.active("kick", now_ns):
            replies.append(Reply(None, 300_000_000, close=True))
        return replies

    def _drop(self, connection: Connection, dropped: list[Topic]) -> None:
        for topic in dropped:
            connection.subscribed.pop(topic, None)
