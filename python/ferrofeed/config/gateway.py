"""The gateway's side of the configuration, typed: where it listens, to what, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from ferrofeed.config.secrets import Secret

DEFAULT_LISTEN = "127.0.0.1:9878"
PERMISSIONS = ("read", "trade", "operator")


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Who may come in, and what he may do. None, or nothing said: everything."""

    id: str
    """Its name: its orders carry it."""
    access_key: Secret = field(hash=False)
    secret_key: Secret = field(hash=False)
    permission: str = "trade"
    """``read``, ``trade``, or ``operator``, who may throw and clear the kill switch too."""
    platforms: Sequence[str] | None = None
    symbols: Sequence[str] | None = None
    """Canonical."""
    on_disconnect: str | None = None
    """``keep`` or ``cancel``: what the end of a login does with its orders; None: as the gateway's."""
    max_quantity: Decimal | None = None
    max_notional: Decimal | None = None
    max_open_orders: int | None = None
    """At one platform."""
    orders_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """The gateway for strategies in other languages."""

    listen: str = DEFAULT_LISTEN
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Names of platforms that clients use, and the venue of each; a venue's own id is always one."""
    on_disconnect: str = "keep"
    """``keep`` or ``cancel``: what the end of a login does with its orders."""
    paper_accounts: str = "own"
    """``own``: every client has an account of its own at a paper venue; ``shared``: all trade on the venue's."""
    origins: Sequence[str] = ()
    """Origins of pages that may connect, besides the gateway's own."""
    hosts: Sequence[str] = ()
    """Names it may be reached by, besides loopback's and the address it listens on."""
    tls_cert: Path | None = None
    """PEM file of its certificate and those above it."""
    tls_key: Path | None = None
    idle_s: float = 15.0
    """A connection that says nothing for so long is closed."""
    handshake_s: float = 5.0
    """How long an upgrade may take."""
    max_connections: int = 1_024
    max_logins: int = 64
    """Of one connection."""
    max_accounts: int = 4_096
    """Accounts of clients at paper venues."""
    max_venue_logins: int = 16
    """Logins at other venues with clients' own keys, where there is no list of clients; 0: none."""
    max_message_kb: int = 64
    requests_per_s: int = 500
    """Of one connection."""
    send_buffer_kb: int = 1_024
    """A client that leaves more than this unread for 5 s, or sixteen times as much, is cut off."""
    market_data_interval_ms: int = 100
    client: Sequence[ClientConfig] = ()
    """Nobody: the keys of the venues are good for them, and any key for paper."""

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host (an IPv6 address without brackets) and port."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)
