"""What the dialects share: reading replies without ever raising, writing requests compactly, symbols, HTTP statuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ferrofeed.spec import Note, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.spec import Secret, VenueConfig

MOST_TEXT: Final = 200

# quote currencies by which an unseparated spelling is split, longest first: the Rust core has the same list
QUOTES: Final = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USD", "EUR", "BTC", "ETH", "BNB", "JPY")


def dump(message: Mapping[str, object]) -> bytes:
    """A request as compact JSON."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def load(frame: bytes) -> dict[str, object] | None:
    """The JSON object of a frame, None if it is none."""
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def text(value: object, otherwise: str = "") -> str:
    """A field that should be text, bounded."""
    return value[:MOST_TEXT] if isinstance(value, str) else otherwise


def whole(value: object) -> int | None:
    """A field that should be a whole number, also where it comes as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def shape(message: Mapping[str, object], venue: str) -> Note:
    """A note about a message of no known shape: its keys, none of its values, which may be secret."""
    keys = ", ".join(sorted(text(key)[:32] for key in list(message)[:16]))
    return Note(f"{venue} control message of unknown shape with keys: {keys}")


def unreadable(frame: bytes, venue: str) -> Note:
    """A note about a frame that is no JSON object. Its size varies, its text may be secret: neither is told."""
    kind = "text" if frame.lstrip()[:1] not in (b"{", b"[") else "broken JSON"
    return Note(f"{venue} control message that is no JSON object ({kind})")


def reveal(secret: Secret | None, name: str, config: VenueConfig) -> str:
    """The credential, or a clear error where it is missing."""
    if secret is None:
        raise ValueError(f"venue {config.id}: {name} is missing")
    return secret.reveal()


def handshake_refused(status: int) -> Refused:
    """What an HTTP status means everywhere: refused credentials are fatal, all else may pass."""
    message = f"handshake refused with HTTP status {status}"
    if status in (401, 403):
        return Refused(f"{message}: the key is refused", fatal=True, code=status)
    if status == 429:  # noqa: PLR2004 - the status' own number
        return Refused(f"{message}: too many requests", fatal=False, code=status, retry_after_s=60.0)
    if status < 500:  # noqa: PLR2004 - all of 5xx is the server's fault
        return Refused(f"{message}: check the URL", fatal=False, code=status, retry_after_s=30.0)
    return Refused(message, fatal=False, code=status)


def unseparated(symbol: str) -> str:
    """``BASE/QUOTE`` without the slash; anything else (``AAPL.US``) as it is."""
    return symbol.replace("/", "", 1)


def split(raw_symbol: str) -> tuple[str, str] | None:
    """Base and quote of an unseparated crypto spelling, None for anything else."""
    if any(mark in raw_symbol for mark in "./$_-"):
        return None
    for quote in QUOTES:
        if raw_symbol.endswith(quote) and len(raw_symbol) - len(quote) >= 2:  # noqa: PLR2004 - shortest base
            return raw_symbol.removesuffix(quote), quote
    return None
