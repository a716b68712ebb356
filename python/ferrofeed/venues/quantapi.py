"""quantapi, as its client: orders through an upstream gateway. Logins are the router's, not the session's.

The gateway closes a connection from which it heard nothing for 15 s; a ping every 5 s is answered with its own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from ferrofeed.spec import Heartbeat, Limits, Note, Pong, VenueSpec
from ferrofeed.venues import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ferrofeed.spec import Control, Refused, RequestAction, Topic, VenueConfig

URL: Final = "ws://127.0.0.1:9878/ws/v1"


@dataclass(frozen=True, slots=True)
class QuantapiDialect:
    """quantapi's words."""

    def url(self, config: VenueConfig, _now_ms: int, /) -> str:
        """The configured URL; it holds no credential."""
        return config.url or URL

    def headers(self, _config: VenueConfig, _now_ms: int, /) -> Mapping[str, str]:
        """None."""
        return {}

    def login(self, _config: VenueConfig, _now_ms: int, /) -> None:
        """The router logs in, once for every desk of the connection."""

    def subscribe(self, _topics: Sequence[Topic], _request_id: str, /) -> NoReturn:
        """Never: there are no channels."""
        raise ValueError("quantapi has no market data")

    unsubscribe = subscribe

    def batch_key(self, topic: Topic, _action: RequestAction, /) -> str:
        """Of no account."""
        return topic.channel

    def heartbeat(self, now_ms: int, _request_id: str, /) -> tuple[bytes, str]:
        """The time, which the answer must repeat."""
        return _wire.dump({"op": "ping", "ts": now_ms}), str(now_ms)

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read what the decoder took for a heartbeat's answer. Nothing else is read: it may hold a token."""
        message = _wire.load(frame)
        if message is None:
            return [_wire.unreadable(frame, "quantapi")]
        if message.get("op") != "pong":
            return [_wire.shape(message, "quantapi")]
        if message.get("ts") is None:
            return [Pong()]
        echo = _wire.whole(message["ts"])
        return [Note("quantapi pong with a time that is none") if echo is None else Pong(str(echo))]

    def handshake_refused(self, status: int, /) -> Refused:
        """Nothing of its own."""
        return _wire.handshake_refused(status)

    def raw_symbol(self, symbol: str, /) -> str:
        """Canonical symbols are its own."""
        return symbol

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """Answers and notifications use the spelling of the request."""
        return (raw_symbol,)


QUANTAPI: Final = VenueSpec(
    name="quantapi",
    dialect=QuantapiDialect(),
    channels=frozenset(),
    default_url=URL,
    credentials=("api_key", "api_secret"),
    limits=Limits(),
    heartbeat=Heartbeat(interval_s=5.0, timeout_s=10.0),
    login_reply=False,
)
