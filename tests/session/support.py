"""What the tests of sessions and dialects share: a configuration, a signer, and a way to look at actions."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from ferrofeed.spec import Topic, VenueSpec
from ferrofeed.venues import INFOWAY, ITICK, ZIARIO
from ferrofeed.venues.ziario import ZiarioDialect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ferrofeed.session import Activity

T = TypeVar("T")

KEY = "key-0123456789abcdef"
SECRET = "secret-fedcba9876543210"


@dataclass(frozen=True, slots=True)
class Plain:
    """A secret for tests."""

    value: str

    def reveal(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Config:
    """A venue's configuration for tests."""

    id: str = "v"
    url: str = ""
    api_key: Plain | None = Plain(KEY)
    api_secret: Plain | None = Plain(SECRET)


def hmac_sign(api_key: str, api_secret: str, unix_seconds: int, /) -> str:
    """The oracle: Python's own HMAC."""
    message = f"api_key={api_key}&timestamp={unix_seconds}".encode()
    return hmac.new(api_secret.encode(), message, hashlib.sha256).hexdigest()


SPECS: dict[str, VenueSpec] = {
    "ziario": replace(ZIARIO, dialect=ZiarioDialect(hmac_sign)),
    "itick": ITICK,
    "infoway": INFOWAY,
}


def only(kind: type[T], actions: Iterable[object]) -> list[T]:
    """The actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]


def data_at(now_ns: int, *chosen: Topic) -> Activity:
    """Data of these topics (of all, if none is named) at this moment, and never of others."""
    return lambda topic: now_ns if not chosen or topic in chosen else 0


def topics(channel: str, *symbols: str) -> list[Topic]:
    """Topics of one channel."""
    return [Topic(channel, symbol) for symbol in symbols]
