"""CoinCeres: orders. The login is the signed URL, which never ages: key and signature together are the credential.

Requests and answers of orders are the Rust core's; here is what concerns the connection. Who connects says ``ping`` at
once and every 50 s. Nothing says that it is answered, so no answer proves nothing; any text that is no JSON is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from ferrofeed.spec import Heartbeat, Limits, Pong, VenueSpec
from ferrofeed.venues import _wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ferrofeed.spec import Control, Refused, RequestAction, Topic, VenueConfig

URL: Final = "ws://open.coinceres.com:19001"
PING: Final = b"ping"
LONGEST_PONG: Final = 256
"""As in the Rust core: a longer text is no heartbeat's answer."""
SIGNED: Final = frozenset({"api_key", "sign"})


class Signer(Protocol):
    """Signs a URL."""

    def __call__(self, params: list[tuple[str, str]], secret: str, /) -> str:
        """SHA-256 of the sorted ``k=v`` joined by ``&``, then ``&secret=...``, in lower-case hex."""
        ...


def core_sign(params: list[tuple[str, str]], secret: str, /) -> str:
    """Sign in the Rust core, which wipes what it used."""
    # late, so that dialects can be read and tested without the built extension
    from ferrofeed._core import coinceres_signature  # noqa: PLC0415

    signature: str = coinceres_signature(params, secret)
    return signature


@dataclass(frozen=True, slots=True)
class CoinceresDialect:
    """CoinCeres' words."""

    sign: Signer = core_sign

    def url(self, config: VenueConfig, _now_ms: int, /) -> str:
        """The configured URL with key and signature in place of any it may have; the rest of its query stays."""
        key = _wire.reveal(config.api_key, "api_key", config)
        sign = self.sign([("api_key", key)], _wire.reveal(config.api_secret, "api_secret", config))
        parts = urlsplit(config.url or URL)
        kept = [item for item in parse_qsl(parts.query, keep_blank_values=True) if item[0] not in SIGNED]
        query = "&".join(filter(None, (urlencode(kept), f"api_key={quote(key, safe='')}&sign={sign}")))
        return urlunsplit(parts._replace(query=query))

    def headers(self, _config: VenueConfig, _now_ms: int, /) -> Mapping[str, str]:
        """None."""
        return {}

    def login(self, _config: VenueConfig, _now_ms: int, /) -> bytes:
        """The URL was the login; the first heartbeat goes out as soon as the connection is open."""
        return PING

    def subscribe(self, _topics: Sequence[Topic], _request_id: str, /) -> NoReturn:
        """Never: there are no channels."""
        raise ValueError("coinceres has no market data")

    unsubscribe = subscribe

    def batch_key(self, topic: Topic, _action: RequestAction, /) -> str:
        """Of no account."""
        return topic.channel

    def heartbeat(self, _now_ms: int, _request_id: str, /) -> tuple[bytes, None]:
        """The bare word."""
        return PING, None

    def control(self, frame: bytes, /) -> Sequence[Control]:
        """Read what the decoder took for a heartbeat's answer: any short text that is no JSON."""
        broken = frame.strip()[:1] in (b"", b"[") or b"{" in frame
        if not broken and len(frame) <= LONGEST_PONG:
            return [Pong()]
        message = _wire.load(frame)
        return [_wire.unreadable(frame, "coinceres") if message is None else _wire.shape(message, "coinceres")]

    def handshake_refused(self, status: int, /) -> Refused:
        """Nothing of its own."""
        return _wire.handshake_refused(status)

    def raw_symbol(self, symbol: str, /) -> str:
        """``ETH/USDT`` is ``ETH_USDT``."""
        return symbol.replace("/", "_", 1)

    def spellings(self, raw_symbol: str, /) -> Sequence[str]:
        """Answers and pushes use the spelling of the request."""
        return (raw_symbol,)


COINCERES: Final = VenueSpec(
    name="coinceres",
    dialect=CoinceresDialect(),
    channels=frozenset(),
    default_url=URL,
    credentials=("api_key", "api_secret"),
    limits=Limits(),
    heartbeat=Heartbeat(interval_s=50.0, timeout_s=10.0, answered=False),
    login_reply=False,
)
