"""What every simulated venue is: the server's side of a protocol, without sockets, loops or clocks.

A :class:`Venue` makes one :class:`ServerSession` per connection and renders the market. A session is told what happened
and answers with actions. Time is an argument, in Unix nanoseconds that never run backwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.sim.market import Market, State, Trade

NS = 1_000_000_000

Kind = Literal["hello", "ack", "nack", "pong", "data"]
Topic = tuple[str, str]
"""Channel (``quote``, ``depth``, ``trade``, ``bar:1m``) and canonical symbol; ``?NAME`` where nobody trades NAME."""

NO_TOPIC: Topic = ("", "")


@dataclass(frozen=True, slots=True)
class Request:
    """An upgrade request, as far as a venue looks at it. It may hold a credential."""

    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""

    @classmethod
    def parse(cls, target: str, headers: Mapping[str, str]) -> Request:
        """Split a request target such as ``/ws?business=stock``."""
        parts = urlsplit(target)
        return cls(
            parts.path or "/",
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in headers.items()},
        )


@dataclass(frozen=True, slots=True)
class Send:
    """Send one text message."""

    payload: bytes = field(repr=False)
    """It may hold the client's token."""
    kind: Kind = "ack"
    topic: Topic = NO_TOPIC
    """Of data that a session sends by itself."""


@dataclass(frozen=True, slots=True)
class Close:
    """End this connection: with a close frame, or, where ``code`` is None, by ending TCP without one."""

    code: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the handshake with an HTTP error. Only :meth:`ServerSession.opened` may say so."""

    status: int
    body: bytes = b""


@dataclass(frozen=True, slots=True, eq=False)
class Drop:
    """End the connection of any session without a close frame."""

    session: ServerSession
    reset: bool = False
    """With a TCP reset; what is queued is lost."""
    reason: str = "replaced"
    """For the statistics."""


Action = Send | Close | Refuse | Drop


class ServerSession(Protocol):
    """One connection, seen from the venue."""

    topics: dict[Topic, None]
    """What is subscribed, in the order asked for."""
    key: str | None
    """The API key, once it is known to be good."""

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Judge the handshake. The first action may be a :class:`Refuse`; anything else is done once connected."""
        ...

    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        """Take one text message."""
        ...

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """Time passes; called several times a second."""
        ...

    def closed(self, now_ns: int, /) -> None:
        """Forget the connection. Called exactly once for each session whose handshake was not refused."""
        ...


class Venue(Protocol):
    """One venue's server side."""

    name: str
    path: str
    """Path (and query, without the key) that clients connect to by default."""
    market: Market
    refuse_login: Callable[[], bool]
    """Asked at each login that would succeed: refuse it all the same?"""

    @property
    def clock_offset_ms(self) -> int:
        """Added to every time stamp pushed: a venue whose clock is wrong."""
        ...

    @clock_offset_ms.setter
    def clock_offset_ms(self, value: int, /) -> None: ...

    def session(self) -> ServerSession:
        """Make the session of a new connection."""
        ...

    def render(self, channel: str, state: State, trade: Trade | None, /) -> bytes | None:
        """Render a push from the market as it is now; None where this change is nothing to that channel."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How the venues differ from their usual selves. Counts are limits, None is no limit, times are seconds."""

    keys: Mapping[str, str] = field(default_factory=lambda: {"sim-key": "sim-secret"}, repr=False)
    """Accepted API keys and their secrets."""
    max_subscriptions: int | None = 600
    """Topics a connection (infoway: symbols a request and channel) may have."""
    bare: bool = False
    """infoway: print the payload bare, as the seed does, and bars as ``respList``."""
    extended: bool = False
    """itick: the current forms: quotes with ``o``, ``h``, ``l``, depth with ``t``, no token echo."""
    text_refusals: bool = False
    """infoway: refuse subscriptions with a text line ``Subscribe fail: ...``."""
    auth_window_s: float = 60.0
    """ziario: how far the timestamp of a login may be off."""
    auth_timeout_s: float = 10.0
    """ziario and itick: how long a connection may stay without login."""
    heartbeat_timeout_s: float = 60.0
    """infoway: without a heartbeat for so long the connection is closed (513)."""
    requests_per_minute: int = 60
    """infoway: all requests of a connection, heartbeats included; one more closes it (501)."""
    ban_after: int | None = None
    """infoway: a key that broke the request limit so many times is banned (401 at the handshake)."""
    connections_per_key: int | None = None
    """infoway: more are refused (512 in an HTTP 401). On itick it is always one a cluster."""
    account_topics: int | None = None
    """infoway: topics of a key over all connections (516)."""
    release_s: float = 5.0
    """infoway: how late the quota of a dead connection comes free."""


def parse_object(text: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else, whatever it is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def compact(value: Mapping[str, Any]) -> bytes:
    """Write JSON without spaces, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def never() -> bool:
    """Refuse no login."""
    return False
