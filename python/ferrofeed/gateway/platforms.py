"""From the configuration to what the core serves: platforms, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from ferrofeed.config import ClientConfig, Config, GatewayConfig, Secret, VenueConfig
    from ferrofeed.orders.desk import Desk


@dataclass(frozen=True, slots=True)
class PlatformText:
    """A platform as the core reads it."""

    name: str
    venue: str
    kind: str
    symbols: Sequence[tuple[str, str]]
    """Canonical, and as the venue spells it."""
    desk: int | None
    """The account that all share; None: each its own."""
    keys: tuple[bytes, bytes] | None = field(repr=False)
    """The venue's own, good where no list of clients says so; None: any."""
    other_keys: bool
    """Whether others are good for a login of their own at the venue."""
    market_data: bool
    contracts: Sequence[str] = ()
    """Those of the symbols that are contracts; for the console."""


@dataclass(frozen=True, slots=True)
class ClientText:
    """A client as the core reads it."""

    id: str
    access_key: bytes = field(repr=False)
    secret_key: bytes = field(repr=False)
    permission: str
    platforms: Sequence[str] | None
    symbols: Sequence[str] | None
    cancel_on_disconnect: bool
    max_quantity: str | None
    max_notional: str | None
    max_open_orders: int | None
    orders_per_s: int | None


def platforms(config: Config, gateway: GatewayConfig, desks: Sequence[Desk]) -> list[PlatformText]:
    """Every trading venue under its own name, then under its aliases."""
    by_venue = {desk.venue: desk for desk in desks}
    names = [(desk.venue, desk.venue) for desk in desks]
    names += [(alias, venue) for alias, venue in gateway.aliases.items() if alias != venue]
    return [_platform(name, config.venue(venue), by_venue[venue], config, gateway) for name, venue in names]


def _platform(name: str, venue: VenueConfig, desk: Desk, config: Config, gateway: GatewayConfig) -> PlatformText:
    symbols: dict[str, str] = {}
    for spelling, instrument in desk.instruments.items():
        canonical = desk.symbols[instrument]
        if spelling != canonical or canonical not in symbols:
            symbols[canonical] = spelling
    own = desk.is_paper and gateway.paper_accounts == "own"
    return PlatformText(
        name,
        venue.id,
        venue.kind,
        list(symbols.items()),
        None if own else desk.number,
        None if desk.is_paper else (_bytes(venue.api_key), _bytes(venue.api_secret)),
        gateway.max_venue_logins > 0,
        any(market_of(config, venue.id).values()),
        [symbol for trade in venue.trade if trade.product == "contract" for symbol in trade.symbols],
    )


def market_of(config: Config, venue: str) -> Mapping[str, str]:
    """The market-data venue of each symbol of a trading venue; empty text: there is none."""
    trading = config.venue(venue)
    return {symbol: trade.reference or trading.market for trade in trading.trade for symbol in trade.symbols}


def clients(gateway: GatewayConfig) -> list[ClientText] | None:
    """Who may come in; None: the platforms' keys decide."""
    return [_client(client, gateway) for client in gateway.client] or None


def _client(client: ClientConfig, gateway: GatewayConfig) -> ClientText:
    return ClientText(
        client.id,
        _bytes(client.access_key),
        _bytes(client.secret_key),
        client.permission,
        client.platforms,
        client.symbols,
        (client.on_disconnect or gateway.on_disconnect) == "cancel",
        _text(client.max_quantity),
        _text(client.max_notional),
        client.max_open_orders,
        client.orders_per_s,
    )


def _bytes(secret: Secret | None) -> bytes:
    return b"" if secret is None else secret.reveal().encode()


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"
