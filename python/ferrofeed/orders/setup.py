"""From the configuration to a router that knows its desks, instruments and limits. Nothing is connected here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ferrofeed import _core
from ferrofeed.config.numbers import digits_after
from ferrofeed.config.plan_trading import poll_s
from ferrofeed.config.rules_trading import ORDER_SCALE
from ferrofeed.errors import UsageError
from ferrofeed.orders.desk import Desk
from ferrofeed.orders.errors import JournalFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ferrofeed.config import Config, OrdersConfig, RiskConfig, Secret, TradeConfig, VenueConfig
    from ferrofeed.spec import VenueSpec

    Books = Callable[[str, str], int | None]
    """The feed's instrument of a market-data venue and a symbol."""

NS: Final = 1_000_000_000
MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class RulesText:
    """An instrument's rules as the core reads them; "0": the venue will say, or there is no such limit."""

    symbol: str
    raw_symbol: str
    product: str
    base: str
    quote: str
    settle: str
    price_scale: int
    size_scale: int
    tick: str
    lot: str
    min_size: str = "0"
    max_size: str = "0"
    min_price: str = "0"
    min_notional: str = "0"


def open_router(config: OrdersConfig, feed: _core.FeedCore) -> _core.OrderCore:
    """The router with its journal; :class:`JournalFailedError` if that can't be written: it says who holds it."""
    try:
        return _core.OrderCore(
            feed,
            journal=str(config.journal),
            fsync=config.fsync,
            fsync_interval_ns=config.fsync_interval_ms * 1_000_000,
            segment_bytes=config.segment_mb * MEGABYTE,
            keep_segments=config.keep_segments,
            prefix=config.client_prefix,
            ack_timeout_ns=round(config.ack_timeout_s * NS),
            settle_ns=round(config.settle_s * NS),
            keep_orders=config.keep_orders,
        )
    except _core.JournalError as error:
        raise JournalFailedError("journal", f"the journal can't be opened: {error}") from None


def add_desks(config: Config, core: _core.OrderCore, books: Books, specs: Mapping[str, VenueSpec]) -> list[Desk]:
    """Every trading venue, in the order of the configuration.

    Those with one URL of a gateway share a link; every paper exchange, and every venue that we have no keys of, has one
    of its own that is no socket.
    """
    links: dict[tuple[str, ...], int] = {}
    desks = []
    for venue in config.trading:
        shared = venue.kind == "quantapi" and not venue.keyless
        place = (venue.kind, venue.url) if shared else ("", venue.id)
        link = links.setdefault(place, len(links))
        desk = Desk(venue.id, venue.kind, _add_desk(core, venue, link), link)
        if venue.keyless:
            core.set_keyless(desk.number)
        for trade in venue.trade:
            for symbol in trade.symbols:
                _add_instrument(config, core, venue, trade, symbol, _Where(desk, books, specs.get(venue.kind)))
        if desk.is_paper:
            for currency, amount in venue.balances.items():
                core.deposit_paper(desk.number, currency, f"{amount:f}")
        limits = config.limits(venue)
        if limits.orders_per_window is not None:
            window_ns = round((limits.window_s or 1.0) * NS)
            core.set_budget(desk.number, limits.orders_per_window, window_ns, limits.cancel_reserve or 0)
        desks.append(desk)
    return desks


def _add_desk(core: _core.OrderCore, venue: VenueConfig, link: int) -> int:
    poll_ns = round(poll_s(venue) * NS)
    if venue.kind == "coinceres":
        return core.add_coinceres(
            venue.id,
            link,
            exchange=venue.exchange,
            leverage=venue.leverage,
            utc_offset_s=round(venue.utc_offset_h * 3600),
            poll_ns=poll_ns,
        )
    if venue.kind == "quantapi":
        return core.add_quantapi(
            venue.id,
            link,
            platform=venue.platform,
            symbols=[symbol for trade in venue.trade for symbol in trade.symbols],
            access_key=_bytes(venue.api_key),
            secret_key=_bytes(venue.api_secret),
            poll_ns=poll_ns,
        )
    least, most = (latency * 1_000 for latency in venue.latency_us)
    return core.add_paper(
        venue.id, link, there=(least, most), back=(least, most), reject_ppm=venue.reject_ppm, seed=venue.seed
    )


def _bytes(secret: Secret | None) -> bytes:
    return b"" if secret is None else secret.reveal().encode()


@dataclass(frozen=True, slots=True)
class _Where:
    desk: Desk
    books: Books
    spec: VenueSpec | None
    """None: the paper exchange."""


def _add_instrument(  # noqa: PLR0917  # what an instrument is made of
    config: Config, core: _core.OrderCore, venue: VenueConfig, trade: TradeConfig, symbol: str, where: _Where
) -> None:
    desk, spec = where.desk, where.spec
    raw = symbol if spec is None else spec.dialect.raw_symbol(symbol)
    rules = _paper_rules(trade, symbol) if spec is None else _first_rules(config, venue, trade, symbol, raw)
    try:
        instrument = core.add_instrument(desk.number, rules)
    except ValueError as error:
        raise UsageError(f"{venue.id}: {error}") from None
    desk.add(instrument, symbol, raw)
    core.set_limits(instrument, **_limits(config.limits(venue, trade)))
    reference = where.books(trade.reference, symbol) if trade.reference else None
    if reference is not None:
        core.set_reference(instrument, reference)
    if spec is None:
        core.list_paper(
            instrument,
            maker_ppm=venue.maker_ppm,
            taker_ppm=venue.taker_ppm,
            leverage=trade.leverage,
            market=where.books(venue.market, symbol) if venue.market else None,
        )


def _paper_rules(trade: TradeConfig, symbol: str) -> RulesText:
    """What the paper exchange demands: the configuration says it."""
    assert trade.tick is not None  # the configuration was checked
    assert trade.lot is not None
    base, _, quote = symbol.partition("/")
    return RulesText(
        symbol,
        symbol,
        trade.product,
        base,
        quote,
        quote,
        digits_after(trade.tick),
        digits_after(trade.lot),
        f"{trade.tick:f}",
        f"{trade.lot:f}",
        min_size=f"{trade.min_size or Decimal(0):f}",
        min_notional=f"{trade.min_notional or Decimal(0):f}",
    )


def _first_rules(config: Config, venue: VenueConfig, trade: TradeConfig, symbol: str, raw: str) -> RulesText:
    """What is known of a real instrument before its venue has told its rules: the scales it is kept with."""
    base, _, quote = symbol.partition("/")
    price_scale = size_scale = ORDER_SCALE
    for chosen in config.instruments:
        if chosen.venue == venue.id and chosen.symbol in {symbol, raw}:
            price_scale = ORDER_SCALE if chosen.price_scale is None else chosen.price_scale
            size_scale = ORDER_SCALE if chosen.size_scale is None else chosen.size_scale
    return RulesText(
        symbol,
        raw,
        trade.product,
        base,
        quote,
        quote,
        price_scale,
        size_scale,
        f"{Decimal(1).scaleb(-price_scale):f}",
        f"{Decimal(1).scaleb(-size_scale):f}",
    )


def _limits(risk: RiskConfig) -> dict[str, Any]:
    """As the core takes them; what is not said is not limited."""
    said: dict[str, Any] = {
        "max_quantity": _text(risk.max_quantity),
        "max_notional": _text(risk.max_notional),
        "max_position": _text(risk.max_position),
        "collar_bps": risk.collar_bps,
        "collar_max_age_ns": None if risk.collar_max_age_s is None else round(risk.collar_max_age_s * NS),
        "collar_without_book": risk.collar_without_book == "allow",
        "max_open_orders": risk.max_open_orders_per_symbol,
        "max_open_orders_venue": risk.max_open_orders,
        "duplicate_window_ns": None if risk.duplicate_window_s is None else round(risk.duplicate_window_s * NS),
    }
    return {name: value for name, value in said.items() if value is not None}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"
