"""iTick: quotes, depth, trades, bars. Login by a handshake header; replies carry no id and answer in order.

The login's answer echoes the token, so nothing of its ``data`` is ever read. One connection per key: a second one
makes the server drop the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ferrofeed.spec import INTERVALS, Ack, Heartbeat, Limits, LoggedIn, Nack, Note, Pong, Refused, VenueSpec
from ferrofeed.venues import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ferrofeed.spec import Control, RequestAction, Topic, VenueConfig

URL: Final = "wss://api.itick.org/cws"
TYPES: Final[Mapping[str, str]] = {
    "quote": "quote",
    "depth": "depth",
    "trade": "tick",
    # kline@1 is one minute ... kline@10 one month
    **{f"bar:{name}": f"kline@{number}" for number, name in enumerate(INTERVALS[:10], start=1)},
}


@dataclass(frozen=True, slots=True)
class ItickDialect:
    """iTick's words."""

    login_message: bool = False
    """Log in by a message instead of the header: the older form."""

    def url(self, config: VenueConfig, _now_ms: int, /) -> str:
        """The configured URL; it holds no credential."""
        return config.url or URL

    def headers(self, config: VenueConfig, _now_ms: int, /) -> Mapping[str, str]:
        """The token, unless it goes into a message."""
        return {} if self.login_message else {"token": _wire.reveal(config.api_key, "api_key", config)}

    def login(self, config: VenueConfig, _now_ms: int, /) -> bytes | None:
        """Nothing, or the older login message."""
        if not self.login_message:
            return None
        return _wire.dump({"ac": "auth", "params": _wire.reveal(config.api_key, "api_key", config)})

    def subscribe(self, topics: Sequence[Topic], _request_id: str, /) -> bytes:
        """One type for a comma list of symbols."""
        return self._request("subscribe", topics)

    def unsubscribe(self, topics: Sequence[Topic], _request_id: str, /) -> bytes:
        """The same shape."""
        return self._request("unsubscribe", topics)

    def batch_key(self, topic: Topic, _action: RequestAction, /) -> str:
        """``params`` and ``types`` multiply, so a request has one type."""
        return topic.channel

    def heartbeat(self, now_ms: int, _request_id: str, /) -> tuple[bytes, str]:
        """The time as text, which the answer must repeat."""
        echo = str(now_ms)
        return _wire.dump({"ac": "ping", "params": echo}), echo

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read a reply."""
        message = _wire.load(frame)
        if message is None:
            return [_wire.unreadable(frame, "itick")]
        answers, good = message.get("resAc"), _wire.whole(message.get("code")) == 1
        why = _wire.text(message.get("msg"))
        match answers:
            case "auth":
                return [LoggedIn() if good else Refused(f"login refused: {why or 'no reason given'}", fatal=True)]
            case "subscribe" | "unsubscribe":
                action: RequestAction = "subscribe" if answers == "subscribe" else "unsubscribe"
                return [Ack(action=action) if good else Nack(why or "no reason given", action=action)]
            case "pong":
                data = message.get("data")
                echo = data.get("params") if isinstance(data, dict) else None
                return [Pong(str(echo) if isinstance(echo, str | int) else None)]
            case _:
                pass
        if answers is not None or "data" in message or not why:
            # code 0 with data is a bar, never an error
            return [_wire.shape(message, "itick")]
        return [Note(why) if good else Nack(why)]

    def handshake_refused(self, status: int, /) -> Refused:
        """Nothing of its own."""
        return _wire.handshake_refused(status)

    def raw_symbol(self, symbol: str, /) -> str:
        """``ETH/USDT`` is ``ETHUSDT``; ``AAPL.US`` stays."""
        return _wire.unseparated(symbol)

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """``ETHUSDT`` arrives as ``ETH_USDT``, ``BTCUSDT$BA`` possibly without its region."""
        plain, region, _ = raw_symbol.partition("$")
        parts = _wire.split(plain)
        joined = [f"{parts[0]}_{parts[1]}"] if parts else []
        if not region:
            return (plain, *joined)
        return (raw_symbol, *(f"{name}${raw_symbol.partition('$')[2]}" for name in joined), plain, *joined)

    def _request(self, action: RequestAction, topics: Sequence[Topic]) -> bytes:
        symbols = ",".join(topic.raw_symbol for topic in topics)
        return _wire.dump({"ac": action, "params": symbols, "types": TYPES[topics[0].channel]})


def itick(*, login_message: bool = False) -> VenueSpec:
    """The venue, with either form of login."""
    return VenueSpec(
        name="itick",
        dialect=ItickDialect(login_message=login_message),
        channels=frozenset(TYPES),
        default_url=URL,
        credentials=("api_key",),
        limits=Limits(connections_per_key=1),
        heartbeat=Heartbeat(interval_s=30.0, timeout_s=10.0),
        stale_after_s={"quote": 30.0, "depth": 30.0, "trade": 120.0, "bar": 120.0},
    )


ITICK: Final = itick()
