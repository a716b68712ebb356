"""What a session answers: the things its I/O shall do, in order.

The payloads of :class:`Send` and the target of :class:`Connect` may hold credentials; neither shows them in its repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.spec import Topic

State = Literal["connected", "disconnected", "stale", "subscribed", "unsubscribed", "refused"]
"""The states of the Rust core's ``State`` that a session announces, by name."""

Reason = Literal[
    "none",
    "peer_closed",
    "local_closed",
    "protocol_error",
    "heartbeat_timeout",
    "data_timeout",
    "login_refused",
    "request_refused",
    "kicked",
    "network_error",
    "ack_timeout",
]
"""The reasons of the Rust core's ``StatusReason`` that a session gives, by name."""

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a connection; answer with ``opened``, ``handshake_refused`` or ``closed``."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Send one text message."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendPing:
    """Send a WebSocket ping; hand its pong's payload to ``websocket_pong``."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection with this code, within a few seconds whatever the peer does; then call ``closed``."""

    code: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Emit:
    """Put a status event into the stream: one for each topic, or one for the connection where there are none."""

    state: State
    reason: Reason
    topics: tuple[Topic, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """Write a log line. Never holds a secret."""

    level: Level
    text: str


Action = Connect | Send | SendPing | Close | Emit | Log
