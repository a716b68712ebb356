"""Ziario: tickers. Login by a signed message; replies list symbols and carry no id; life by WebSocket pings.

The string to sign is ``api_key=K&timestamp=T`` with ``T`` in Unix seconds. Some prints of the venue's page have the
``&times`` in it turned into a multiplication sign, an HTML accident that must never be signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ferrofeed.spec import Ack, Heartbeat, Limits, LoggedIn, Nack, Refused, VenueSpec
from ferrofeed.venues import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ferrofeed.spec import Control, RequestAction, Topic, VenueConfig

URL: Final = "wss://ziario.com/ws"


class Signer(Protocol):
    """Signs a login."""

    def __call__(self, api_key: str, api_secret: str, unix_seconds: int, /) -> str:
        """HMAC-SHA256 of ``api_key=K&timestamp=T`` with the secret, in lower-case hex."""
        ...


def core_sign(api_key: str, api_secret: str, unix_seconds: int, /) -> str:
    """Sign in the Rust core, which wipes what it used."""
    # late, so that dialects can be read and tested without the built extension
    from ferrofeed._core import ziario_signature  # noqa: PLC0415

    signature: str = ziario_signature(api_key, api_secret, unix_seconds)
    return signature


@dataclass(frozen=True, slots=True)
class ZiarioDialect:
    """Ziario's words."""

    sign: Signer = core_sign

    def url(self, config: VenueConfig, _now_ms: int, /) -> str:
        """The configured URL; it holds no credential."""
        return config.url or URL

    def headers(self, _config: VenueConfig, _now_ms: int, /) -> Mapping[str, str]:
        """None."""
        return {}

    def login(self, config: VenueConfig, now_ms: int, /) -> bytes:
        """The signed login; the time is in whole seconds."""
        key = _wire.reveal(config.api_key, "api_key", config)
        seconds = now_ms // 1000
        signature = self.sign(key, _wire.reveal(config.api_secret, "api_secret", config), seconds)
        return _wire.dump({"action": "auth", "api_key": key, "signature": signature, "timestamp": seconds})

    def subscribe(self, topics: Sequence[Topic], _request_id: str, /) -> bytes:
        """Tickers of these symbols."""
        return _wire.dump({"action": "subscribe", "symbols": [topic.raw_symbol for topic in topics]})

    def unsubscribe(self, topics: Sequence[Topic], _request_id: str, /) -> bytes:
        """Not documented by the venue; the obvious form."""
        return _wire.dump({"action": "unsubscribe", "symbols": [topic.raw_symbol for topic in topics]})

    def batch_key(self, topic: Topic, _action: RequestAction, /) -> str:
        """One kind of data, so all topics may share a request."""
        return topic.channel

    def heartbeat(self, _now_ms: int, _request_id: str, /) -> None:
        """WebSocket pings are used."""

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read a reply."""
        message = _wire.load(frame)
        if message is None:
            return [_wire.unreadable(frame, "ziario")]
        kind, success = message.get("type"), message.get("status") == "success"
        why = _wire.text(message.get("message")) or f"status {_wire.text(message.get('status'), 'missing')}"
        code = _wire.whole(message.get("code"))
        item: Control
        match kind:
            case "auth":
                item = LoggedIn() if success else Refused(f"login refused: {why}", fatal=True, code=code)
            case "subscribe" | "unsubscribe":
                action: RequestAction = "subscribe" if kind == "subscribe" else "unsubscribe"
                listed = _symbols(message.get("symbols"))
                item = Ack(raw_symbols=listed, action=action) if success else Nack(why, code=code, action=action)
            case "error":
                item = Nack(why, code=code)
            case _:
                item = _wire.shape(message, "ziario")
        return [item]

    def handshake_refused(self, status: int, /) -> Refused:
        """Nothing of its own."""
        return _wire.handshake_refused(status)

    def raw_symbol(self, symbol: str, /) -> str:
        """``BTC/USDT`` is ``BTCUSDT``."""
        return _wire.unseparated(symbol)

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """Pushes use the spelling of the request."""
        return (raw_symbol,)


def _symbols(value: object) -> tuple[str, ...] | None:
    """The symbols a reply lists, None where it lists none at all."""
    if not isinstance(value, list):
        return None
    return tuple(symbol for symbol in value if isinstance(symbol, str))


ZIARIO: Final = VenueSpec(
    name="ziario",
    dialect=ZiarioDialect(),
    channels=frozenset({"quote"}),
    default_url=URL,
    credentials=("api_key", "api_secret"),
    limits=Limits(),
    heartbeat=Heartbeat(interval_s=30.0, timeout_s=10.0, websocket=True),
    unsubscribe_reply=False,
    stale_after_s={"quote": 60.0},
)
