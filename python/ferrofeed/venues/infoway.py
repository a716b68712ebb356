"""Infoway: trades, depth, bars. The key is in the URL; replies echo a trace; heartbeats are never answered.

60 requests a minute, heartbeats included, or the connection is closed and in the end the key banned: requests are
merged, spaced and budgeted. A wrong symbol is acknowledged and stays silent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ferrofeed.spec import INTERVALS, Ack, Heartbeat, Limits, Nack, Note, Refused, VenueSpec
from ferrofeed.venues import _infoway_codes, _wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ferrofeed.spec import Control, RequestAction, Topic, VenueConfig

URL: Final = "wss://data.infoway.io/ws?business=crypto"
PLACEHOLDER: Final = "{api_key}"
BAR_TYPES: Final[Mapping[str, int]] = {f"bar:{name}": number for number, name in enumerate(INTERVALS, start=1)}
SUBSCRIBE: Final[Mapping[str, int]] = {"trade": 10000, "depth": 10003, "bar": 10006}
DROP: Final[Mapping[str, int]] = {"trade": 11000, "depth": 11001, "bar": 11002}
HEARTBEAT: Final = 10010
SUBSCRIBED: Final = frozenset({10001, 10004, 10007})
DROPPED: Final = 11010
WELCOME: Final = 200

FAIL: Final = b"subscribe fail"


@dataclass(frozen=True, slots=True)
class InfowayDialect:
    """Infoway's words."""

    def url(self, config: VenueConfig, _now_ms: int, /) -> str:
        """The configured URL with the key in it, in place of ``{api_key}`` or of any ``apikey`` parameter."""
        template = config.url or URL
        key = quote(_wire.reveal(config.api_key, "api_key", config), safe="")
        if PLACEHOLDER in template:
            return template.replace(PLACEHOLDER, key)
        parts = urlsplit(template)
        query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "apikey"]
        if not any(name == "business" for name, _ in query):
            query.insert(0, ("business", "crypto"))
        return urlunsplit(parts._replace(query=f"{urlencode(query)}&apikey={key}"))

    def headers(self, _config: VenueConfig, _now_ms: int, /) -> Mapping[str, str]:
        """None."""
        return {}

    def login(self, _config: VenueConfig, _now_ms: int, /) -> None:
        """The URL was the login."""

    def subscribe(self, topics: Sequence[Topic], request_id: str, /) -> bytes:
        """Codes of one kind; bars of any intervals go together."""
        kind = topics[0].channel.partition(":")[0]
        if kind != "bar":
            return _request(SUBSCRIBE[kind], request_id, {"codes": _codes(topics)})
        channels = dict.fromkeys(topic.channel for topic in topics)
        arr = [{"type": BAR_TYPES[c], "codes": _codes([t for t in topics if t.channel == c])} for c in channels]
        return _request(SUBSCRIBE[kind], request_id, {"arr": arr})

    def unsubscribe(self, topics: Sequence[Topic], request_id: str, /) -> bytes:
        """Codes of one kind; of one interval where they are bars: without it all intervals would go."""
        kind = topics[0].channel.partition(":")[0]
        data: dict[str, object] = {"codes": _codes(topics)}
        if kind == "bar":
            data["klineTypes"] = str(BAR_TYPES[topics[0].channel])
        return _request(DROP[kind], request_id, data)

    def batch_key(self, topic: Topic, action: RequestAction, /) -> str:
        """Bars are asked for together and dropped by interval."""
        return topic.channel.partition(":")[0] if action == "subscribe" else topic.channel

    def heartbeat(self, _now_ms: int, request_id: str, /) -> tuple[bytes, None]:
        """Never answered."""
        return _request(HEARTBEAT, request_id), None

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read a reply, as JSON or as text."""
        plain = frame.strip()
        if plain[: len(FAIL)].lower() == FAIL:
            return [_failure(plain)]
        message = _wire.load(plain)
        if message is None:
            prose = plain[:1] not in (b"{", b"[")
            words = Note(plain[: _wire.MOST_TEXT].decode("utf-8", "replace"))
            return [words if prose else _wire.unreadable(frame, "infoway")]
        code, why = _wire.whole(message.get("code")), _wire.text(message.get("msg"))
        trace = _wire.text(message.get("trace")) or None
        if why[: len(FAIL)].lower() == FAIL.decode():
            return [_failure(why.encode(), trace)]
        if code in SUBSCRIBED or code == DROPPED:
            return [Ack(request_id=trace, action="unsubscribe" if code == DROPPED else "subscribe")]
        welcome = Note(why or "welcome") if code == WELCOME else None
        return [welcome or _infoway_codes.error(code, why, trace) or _wire.shape(message, "infoway")]

    def handshake_refused(self, status: int, /) -> Refused:
        """The venue's own codes may stand in place of the status; 502, 520 and 521 are a proxy's, which pass."""
        error = None if status in _infoway_codes.PROXY else _infoway_codes.error(status, "", None)
        return error if isinstance(error, Refused) and error.fatal else _wire.handshake_refused(status)

    def raw_symbol(self, symbol: str, /) -> str:
        """``BTC/USDT`` is ``BTCUSDT``; ``AAPL.US`` stays."""
        return _wire.unseparated(symbol)

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """Pushes use the spelling of the request."""
        return (raw_symbol,)


def _codes(topics: Sequence[Topic]) -> str:
    return ",".join(topic.raw_symbol for topic in topics)


def _request(code: int, trace: str, data: Mapping[str, object] | None = None) -> bytes:
    return _wire.dump({"code": code, "trace": trace} | ({} if data is None else {"data": data}))


def _failure(frame: bytes, trace: str | None = None) -> Refused | Nack:
    """``Subscribe fail:`` and then prose or JSON."""
    rest = frame[len(FAIL) :].lstrip(b"ed: ")
    message = _wire.load(rest) or {}
    why = _wire.text(message.get("msg")) if message else rest[: _wire.MOST_TEXT].decode("utf-8", "replace")
    trace = _wire.text(message.get("trace")) or trace
    code = _wire.whole(message.get("code"))
    return _infoway_codes.error(code, why, trace) or Nack(
        f"subscription refused: {why}", trace, code, action="subscribe"
    )


INFOWAY: Final = VenueSpec(
    name="infoway",
    dialect=InfowayDialect(),
    channels=frozenset({"trade", "depth", *BAR_TYPES}),
    default_url=URL,
    credentials=("api_key",),
    limits=Limits(requests_per_minute=60, request_gap_s=1.0),
    heartbeat=Heartbeat(interval_s=30.0, timeout_s=10.0, answered=False),
    login_reply=False,
    reply_ids=True,
    stale_after_s={"trade": 120.0, "depth": 60.0, "bar": 180.0},
)
