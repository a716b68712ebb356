"""What a venue is: data and pure functions. Nothing here has a socket, a loop or a clock.

A venue is one frozen :class:`VenueSpec`: names, limits and heartbeat as data, and a :class:`Dialect`, the few pure
functions that turn wishes into frames and the venue's non-data frames into :data:`Control` values. Everything with
state is in :mod:`ferrofeed.session`, written once for all venues.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INTERVALS = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M", "1Q", "1Y")
"""Every bar interval, shortest first: the names of the Rust core's ``Interval``."""

RequestAction = Literal["subscribe", "unsubscribe"]


class Secret(Protocol):
    """A credential that prints as anything but itself."""

    def reveal(self) -> str:
        """The credential in the clear."""
        ...


class VenueConfig(Protocol):
    """What of a venue's configuration its dialect and its session read."""

    @property
    def id(self) -> str:
        """The label in metrics and events."""
        ...

    @property
    def url(self) -> str:
        """The URL as configured, without credentials; empty: the venue's default."""
        ...

    @property
    def api_key(self) -> Secret | None:
        """The key or token."""
        ...

    @property
    def api_secret(self) -> Secret | None:
        """What requests are signed with, on venues that sign."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Topic:
    """One thing to subscribe to: a channel of one instrument."""

    channel: str
    """``quote``, ``depth``, ``trade`` or ``bar:INTERVAL`` (``bar:1m``)."""
    raw_symbol: str
    """The symbol as this venue spells it in requests."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The venue took a request. ``request_id`` is None where replies carry no id (they answer in order)."""

    request_id: str | None = None
    raw_symbols: tuple[str, ...] | None = None
    """Symbols the venue says it took; those asked for and not listed were refused. None: all of the request."""
    action: RequestAction = "subscribe"
    """Which kind of request it answers; every venue here says so."""


@dataclass(frozen=True, slots=True)
class Nack:
    """The venue refused a request, and the session goes on."""

    message: str
    request_id: str | None = None
    code: int | None = None
    retry_after_s: float | None = None
    """Try the same again after so long; None: it is the caller's fault and is not tried again."""
    action: RequestAction | None = None
    """Which kind of request it answers, None where the reply does not say."""
    throttled: bool = False
    """The venue says we ask too often: every request of the key waits for ``retry_after_s``."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The venue took our credentials; subscriptions may start."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue refuses this connection. ``fatal``: the operator must act, retrying can only do harm."""

    message: str
    fatal: bool
    code: int | None = None
    retry_after_s: float | None = None
    """Where not fatal: connect again no sooner than this."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a heartbeat; ``echo`` is what we had sent, None where the venue echoes nothing."""

    echo: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth a log line and nothing more. Never holds a secret."""

    message: str


Control = Ack | Nack | LoggedIn | Refused | Pong | Note


@dataclass(frozen=True, slots=True)
class Limits:
    """What the venue allows, and how we keep to it. Rates are kept per key across all connections of the process."""

    requests_per_minute: int | None = None
    """All frames we send count, heartbeats included."""
    request_gap_s: float = 0.0
    """Least time between two requests other than heartbeats."""
    connects_per_minute: int = 20
    in_flight: int = 1
    """Requests waiting for their acknowledgement at one time. Must be 1 where replies carry no id."""
    topics_per_request: int = 100
    topics_per_connection: int | None = None
    connections_per_key: int | None = None
    ack_timeout_s: float = 10.0
    max_message_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How life is shown to the venue and asked of it."""

    interval_s: float = 30.0
    timeout_s: float = 10.0
    """How long a probe may stay unanswered where ``answered``."""
    answered: bool = True
    websocket: bool = False
    """Use WebSocket ping frames instead of the dialect's message."""


class Dialect(Protocol):
    """The venue's own words. Pure: no state, no clock, no I/O; bytes in and out are whole JSON (or text) messages."""

    def url(self, config: VenueConfig, now_ms: int, /) -> str:
        """The URL to connect to. It may hold a credential: never log it."""
        ...

    def headers(self, config: VenueConfig, now_ms: int, /) -> Mapping[str, str]:
        """Extra handshake headers. They may hold a credential."""
        ...

    def login(self, config: VenueConfig, now_ms: int, /) -> bytes | None:
        """The login message, None where the handshake was the login."""
        ...

    def subscribe(self, topics: Sequence[Topic], request_id: str, /) -> bytes:
        """One request for topics that :meth:`batch_key` says may share one."""
        ...

    def unsubscribe(self, topics: Sequence[Topic], request_id: str, /) -> bytes:
        """The opposite."""
        ...

    def batch_key(self, topic: Topic, action: RequestAction, /) -> str:
        """Topics with equal keys may share a request of this kind."""
        ...

    def heartbeat(self, now_ms: int, request_id: str, /) -> tuple[bytes, str | None] | None:
        """The heartbeat message and the echo its answer will carry; None where WebSocket pings are used."""
        ...

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read a frame the decoder called control. Never raises: what it can't read is a :class:`Note`."""
        ...

    def handshake_refused(self, status: int, /) -> Refused:
        """What an HTTP status other than 101 means."""
        ...

    def raw_symbol(self, symbol: str, /) -> str:
        """The venue's spelling of a canonical symbol."""
        ...

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """Every spelling pushes may use for it, the one we send first."""
        ...


@dataclass(frozen=True, slots=True)
class VenueSpec:
    """One venue, whole."""

    name: str
    dialect: Dialect
    channels: frozenset[str]
    """Channels it has; ``bar:1m`` and so on one by one."""
    default_url: str
    credentials: tuple[str, ...]
    """Which of ``api_key``, ``api_secret`` it needs."""
    limits: Limits = field(default_factory=Limits)
    heartbeat: Heartbeat = field(default_factory=Heartbeat)
    login_reply: bool = True
    """Whether a :class:`LoggedIn` comes; where not, subscriptions start when the connection is open."""
    reply_ids: bool = False
    """Whether replies echo the request's id; where not, they answer in order and one request is in flight."""
    unsubscribe_reply: bool = True
    """Whether dropping is acknowledged; where not, it counts as done a moment after it was sent."""
    connect_timeout_s: float = 15.0
    login_timeout_s: float = 10.0
    stale_after_s: Mapping[str, float] = field(default_factory=dict)
    """Per channel (``bar`` for all bars): how long without data before it is probed; default 30 s."""
