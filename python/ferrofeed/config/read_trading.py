"""The keys of the order side: ``[orders]``, trading venues and what may be traded there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.config import numbers, values
from ferrofeed.config.reading import Context, Key, choice, describe, integer, number, strings, table, tables
from ferrofeed.config.trading import DESK_LIMITS, RiskConfig, TradeConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX: Final = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
_count: Final = integer(0, 1_000_000)
_ppm: Final = integer(0, 1_000_000, "millionths")

_LIMITS: Final = {
    "max_quantity": Key(numbers.amount(example="5")),
    "max_notional": Key(numbers.amount(example="10000")),
    "collar_bps": Key(integer(0, 10_000, "basis points")),
    "collar_max_age_s": Key(number(0.001, 3600, "seconds")),
    "collar_without_book": Key(choice("reject", "allow")),
    "max_position": Key(numbers.amount(zero=True, example="50")),
    "max_open_orders_per_symbol": Key(_count),
    "duplicate_window_s": Key(number(0, 3600, "seconds")),
}
RISK: Final = {
    **_LIMITS,
    "max_open_orders": Key(_count),
    "orders_per_window": Key(integer(1, 65_536)),
    "window_s": Key(number(0.001, 3600, "seconds")),
    "cancel_reserve": Key(integer(0, 65_535)),
}
assert set(RISK) - set(_LIMITS) == set(DESK_LIMITS)


def _risk(keys: Mapping[str, Key]) -> Key:
    def reader(ctx: Context, path: str, value: object) -> RiskConfig | None:
        read = table(ctx, path, value, keys)
        return None if read is None else RiskConfig(**read)

    return Key(reader)


def _folder(ctx: Context, path: str, value: object) -> Path | None:
    """A path; relative ones start at the configuration's folder."""
    if isinstance(value, str | Path) and str(value) and str(value).isprintable():
        return ctx.base / value
    ctx.problem(path, f"found {describe(value)}", 'a path such as "state/orders"')
    return None


def _file_or_default(ctx: Context, path: str, value: object) -> Path | None:
    return None if value == "" else _folder(ctx, path, value)


def _prefix(ctx: Context, path: str, value: object) -> str | None:
    if isinstance(value, str) and _PREFIX.fullmatch(value):
        return value
    ctx.problem(path, f"found {describe(value)}", "1 to 8 small letters and digits")
    return None


ORDERS: Final = {
    "journal": Key(_folder),
    "fsync": Key(choice("off", "batched", "always")),
    "fsync_interval_ms": Key(integer(1, 10_000, "milliseconds")),
    "segment_mb": Key(integer(1, 4_096, "megabytes")),
    "keep_segments": Key(integer(0, 10_000)),
    "client_prefix": Key(_prefix),
    "ttl_s": Key(number(0.001, 3600, "seconds")),
    "ack_timeout_s": Key(number(0.01, 600, "seconds")),
    "settle_s": Key(number(0.05, 600, "seconds")),
    "kill_file": Key(_file_or_default),
    "on_stop": Key(choice("keep", "cancel")),
    "events": Key(integer(16, 1 << 24, "events")),
    "keep_orders": Key(integer(0, 1 << 22, "orders")),
    "risk": _risk(RISK),
}

_trade_risk: Final = _risk(_LIMITS)
TRADE: Final = {
    "symbols": Key(strings(values.symbol, "symbols"), required=True, expected='symbols such as ["ETH/USDT"]'),
    "product": Key(choice("spot", "contract")),
    "reference": Key(values.word),
    "risk": _trade_risk,
}
PAPER_TRADE: Final = {
    **TRADE,
    "tick": Key(numbers.amount(), required=True, expected='the step of prices, as text: "0.01"'),
    "lot": Key(numbers.amount(), required=True, expected='the step of sizes, as text: "0.001"'),
    "min_size": Key(numbers.amount(zero=True)),
    "min_notional": Key(numbers.amount(zero=True, example="5")),
    "leverage": Key(numbers.whole(1, 1000)),
}


def _trade(keys: Mapping[str, Key]) -> Key:
    def reader(ctx: Context, path: str, value: object) -> dict[str, Any]:
        return table(ctx, path, value, keys) or {}

    return Key(tables(reader, "[[venue.trade]]"))


_NAMED: Final = {
    "id": Key(values.label, required=True, expected='a label such as "paper"'),
    "kind": Key(values.word, required=True, expected="a kind of venue"),
}
_REACHED: Final = {
    "url": Key(values.url),
    "api_key": Key(values.secret),
    "api_secret": Key(values.secret),
    "tls_ca": Key(values.authority_file),
    "heartbeat_interval_s": Key(number(0.01, 3600, "seconds")),
    "poll_s": Key(number(0, 3600, "seconds")),
}
VENUES: Final[Mapping[str, Mapping[str, Key]]] = {
    "coinceres": {
        **_NAMED,
        **_REACHED,
        "exchange": Key(values.word, required=True, expected='the exchange behind it, such as "BINANCE"'),
        "push_url": Key(values.url_or_nothing),
        "utc_offset_h": Key(number(-14, 14, "hours")),
        "leverage": Key(numbers.whole(0, 1000)),
        "trade": _trade(TRADE),
        "risk": _risk(RISK),
    },
    "quantapi": {
        **_NAMED,
        **_REACHED,
        "platform": Key(values.word, required=True, expected="the platform behind the gateway"),
        "trade": _trade(TRADE),
        "risk": _risk(RISK),
    },
    "paper": {
        **_NAMED,
        "market": Key(values.word),
        "seed": Key(integer(0, (1 << 63) - 1)),
        "maker_ppm": Key(_ppm),
        "taker_ppm": Key(_ppm),
        "latency_us": Key(numbers.span(0, 60_000_000, "microseconds")),
        "reject_ppm": Key(_ppm),
        "balances": Key(numbers.money_by_currency),
        "restart": Key(choice("forget")),
        "trade": _trade(PAPER_TRADE),
        "risk": _risk(RISK),
    },
}
"""The keys of every kind of venue that trades."""


def trade_configs(read: list[dict[str, Any]]) -> tuple[TradeConfig, ...]:
    """The tables of a venue, typed."""
    return tuple(map(_trade_config, read))


def _trade_config(read: dict[str, Any]) -> TradeConfig:
    held: dict[str, Any] = {**read, "symbols": tuple(symbol for _, symbol in read["symbols"])}
    return TradeConfig(**held)
