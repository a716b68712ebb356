"""What a simulator counts, so that a test can prove what a client was sent and whether it kept to the budgets."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ferrofeed.sim.protocol import NS

if TYPE_CHECKING:
    from ferrofeed.sim.protocol import Topic

_MINUTE_NS = 60 * NS
KEPT_CONNECTIONS = 10_000


@dataclass(slots=True)
class ConnectionStats:
    """One connection."""

    number: int
    """1 is the first accepted."""
    key: str | None = field(default=None, repr=False)
    messages: int = 0
    """Text messages put on the wire, of any kind, faulty ones included."""
    data: Counter[Topic] = field(default_factory=Counter)
    """Of these, market data by topic."""
    bytes: int = 0
    """Bytes of frames put on the wire."""
    withheld: int = 0
    """Messages a fault kept back."""
    requests: int = 0
    """Text messages received."""
    pings: int = 0
    """WebSocket pings received."""
    pongs: int = 0
    """WebSocket pongs received."""
    refusals: int = 0
    """Refusing answers sent."""
    closed: int | None = None
    """Code of the client's close frame (1005 if it had none), None if there was no frame."""
    kicked: str = ""
    """Why the venue ended it; empty if it did not."""
    open: bool = True


@dataclass(slots=True)
class Stats:
    """A simulator's counts since it started."""

    accepted: int = 0
    """Handshakes seen, refused ones included."""
    handshakes_refused: Counter[int] = field(default_factory=Counter)
    """By HTTP status."""
    faults: Counter[str] = field(default_factory=Counter)
    """Faults that struck, by kind."""
    connections: dict[int, ConnectionStats] = field(default_factory=dict)
    """The latest 10,000 connections by number."""
    max_requests_per_minute: dict[str, int] = field(default_factory=dict, repr=False)
    """By key: the most text messages within any 60 seconds, over all its connections."""
    max_connections: dict[str, int] = field(default_factory=dict, repr=False)
    """By key: the most connections open (and logged in) at one time."""
    _recent: dict[str, deque[int]] = field(default_factory=dict, repr=False)

    def connection(self, number: int) -> ConnectionStats:
        """Start the count of a new connection."""
        if len(self.connections) >= KEPT_CONNECTIONS:
            del self.connections[next(iter(self.connections))]
        entry = self.connections[number] = ConnectionStats(number)
        return entry

    def request(self, key: str, now_ns: int) -> None:
        """Count a text message of a key."""
        recent = self._recent.setdefault(key, deque())
        recent.append(now_ns)
        while recent[0] <= now_ns - _MINUTE_NS:
            recent.popleft()
        self.max_requests_per_minute[key] = max(self.max_requests_per_minute.get(key, 0), len(recent))

    def logged_in(self, key: str) -> None:
        """Count the connections of a key after one more logged in."""
        now = sum(entry.open and entry.key == key for entry in self.connections.values())
        self.max_connections[key] = max(self.max_connections.get(key, 0), now)

    @property
    def messages(self) -> int:
        """Text messages put on the wire, over all connections kept."""
        return sum(entry.messages for entry in self.connections.values())

    @property
    def data(self) -> Counter[Topic]:
        """Market data messages by topic, over all connections kept."""
        return sum((entry.data for entry in self.connections.values()), Counter())

    @property
    def kicks(self) -> Counter[str]:
        """Connections the venue ended, by reason."""
        return Counter(entry.kicked for entry in self.connections.values() if entry.kicked)
