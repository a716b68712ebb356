"""Who may come through the door at all: the host asked for, the page that asks, the path.

A browser lets any page of the web open a socket to loopback, and a name may suddenly mean 127.0.0.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ferrofeed.config.values import is_loopback

if TYPE_CHECKING:
    from multidict import MultiMapping, MutableMultiMapping

    from ferrofeed.config import GatewayConfig

PATH: Final = "/ws/v1"
PAGES: Final = ("/", PATH)
BAD_REQUEST: Final = 400
NOT_FOUND: Final = 404
FORBIDDEN: Final = 403
_UPGRADE: Final = ("upgrade", "connection", "sec-websocket-version", "sec-websocket-key")


class Refused(Exception):  # noqa: N818  # not an error of ours
    """A request that is not served."""

    def __init__(self, tally: str, status: int, why: str) -> None:
        super().__init__(why)
        self.tally = tally
        self.status = status


class Doors:
    """Judges requests."""

    def __init__(self, config: GatewayConfig) -> None:
        self._scheme = "http" if config.tls_cert is None else "https"
        self._origins = frozenset(config.origins)
        self._hosts = frozenset(config.hosts) | {config.listen_address[0].lower()}

    def judge(self, path: str, headers: MutableMultiMapping[str], *, upgrade: bool) -> None:
        """Let a request in, an upgrade as picows takes it; raises :class:`Refused`."""
        host = _only(headers, "host")
        name = _name(host)
        if name is None or not (name in self._hosts or is_loopback(name)):
            raise Refused("bad_host", FORBIDDEN, "the gateway is not reached by this name")
        if "origin" in headers and _only(headers, "origin") not in {f"{self._scheme}://{host}", *self._origins}:
            raise Refused("bad_origin", FORBIDDEN, "a page of this origin may not connect")
        if path.partition("?")[0] not in ((PATH,) if upgrade else PAGES):
            raise Refused("bad_path", NOT_FOUND, f"the trading API is at {PATH}, its console at /")
        if upgrade:
            _tidy(headers)


def _tidy(headers: MutableMultiMapping[str]) -> None:
    """Picows 2.3.1 takes one spelling of ``Connection`` only, and can't quote what it refuses if that is no ASCII."""
    if not all(value.isascii() for name in _UPGRADE for value in headers.getall(name, [])):
        raise Refused("handshake_failed", BAD_REQUEST, "an upgrade is asked for in ASCII")
    # Firefox: keep-alive, Upgrade
    words = ",".join(headers.getall("connection", [])).lower().split(",")
    if "upgrade" in (word.strip() for word in words):
        headers["connection"] = "upgrade"


def _only(headers: MultiMapping[str], name: str) -> str:
    """The one header of this name; of several none counts: others on the way may have looked at another."""
    found = headers.getall(name, [])
    return found[0].strip().lower() if len(found) == 1 else ""


def _name(host: str) -> str | None:
    """The name in a ``Host``; None if it is none."""
    try:
        return urlsplit(f"//{host}").hostname if host and "@" not in host and "/" not in host else None
    except ValueError:
        return None
