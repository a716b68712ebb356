"""From TOML, a mapping or classes built in code to valid fields of a :class:`~ferrofeed.config.Config`.

There is one way in: classes built in code are taken apart into the mapping a file would have given, so that the same
rules and the same words hold for both.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.config import read_gateway, read_trading, rules, values
from ferrofeed.config.reading import Context, Key, boolean, choice, describe, integer, number, strings, table, tables
from ferrofeed.config.schema import (
    Config,
    InstrumentConfig,
    LoopConfig,
    ServiceConfig,
    Subscription,
    VenueConfig,
)
from ferrofeed.config.trading import OrdersConfig
from ferrofeed.errors import ConfigError

if TYPE_CHECKING:
    from ferrofeed.spec import VenueSpec

_LARGEST_FILE: Final = 1 << 20
_MAX_SCALE: Final = 18
_PLURALS: Final = {"venues": "venue", "instruments": "instrument"}

_LOOP: Final = {
    "cpu": Key(integer(0, 4095)),
    "busy_poll": Key(boolean),
    "so_busy_poll_us": Key(integer(0, 100_000, "microseconds")),
    "tcp_quickack": Key(boolean),
    "receive_buffer_bytes": Key(integer(4096, 1 << 30, "bytes")),
    "fifo_priority": Key(integer(1, 99)),
}


def _loop(ctx: Context, path: str, value: object) -> LoopConfig | None:
    read = table(ctx, path, value, _LOOP)
    return None if read is None else LoopConfig(**read)


_SERVICE: Final = {
    "metrics": Key(values.address(may_be_off=True)),
    "log_level": Key(choice("debug", "info", "warning", "error")),
    "log_format": Key(choice("text", "json")),
    "quarantine": Key(integer(1, 100_000, "messages")),
    "lock_memory": Key(boolean),
    "gc": Key(choice("freeze", "off", "on")),
    "switch_interval_us": Key(integer(1, 1_000_000, "microseconds")),
    "loop": Key(_loop),
}
_SUBSCRIBE: Final = {
    "symbols": Key(strings(values.symbol, "symbols"), required=True, expected='symbols such as ["BTC/USDT"]'),
    "channels": Key(strings(values.word, "channels"), required=True, expected='channels such as ["quote", "bar:1m"]'),
}


def _subscribe(ctx: Context, path: str, value: object) -> dict[str, Any]:
    return table(ctx, path, value, _SUBSCRIBE) or {}


def _stale_after(ctx: Context, path: str, value: object) -> dict[str, float] | None:
    if not isinstance(value, Mapping):
        ctx.problem(path, f"found {describe(value)}", "a table of seconds by channel, such as {quote = 30}")
        return None
    second = number(0.01, 86_400, "seconds")
    read = {str(name): second(ctx, f"{path}.{name}", item) for name, item in value.items()}
    return {name: item for name, item in read.items() if item is not None}


_VENUE: Final = {
    "id": Key(values.label, required=True, expected='a label such as "itick-crypto"'),
    "kind": Key(values.word, required=True, expected="a kind of venue"),
    "url": Key(values.url),
    "api_key": Key(values.secret),
    "api_secret": Key(values.secret),
    "tls_ca": Key(values.authority_file),
    "connections": Key(integer(1, 64)),
    "requests_per_minute": Key(integer(1, 60_000)),
    "heartbeat_interval_s": Key(number(0.01, 3600, "seconds")),
    "stale_after_s": Key(_stale_after),
    "subscribe": Key(tables(_subscribe, "[[venue.subscribe]]")),
}
_scale: Final = integer(0, _MAX_SCALE, "digits after the decimal point")
_INSTRUMENT: Final = {
    "venue": Key(values.word, required=True, expected="the id of a [[venue]]"),
    "symbol": Key(values.symbol, required=True, expected='a symbol such as "ETH/USDT"'),
    "price_scale": Key(_scale),
    "size_scale": Key(_scale),
    "turnover_scale": Key(_scale),
}


def _venue_keys(ctx: Context, path: str, value: object) -> dict[str, Any]:
    """A venue: which keys it may have is its kind's matter."""
    kind = value.get("kind") if isinstance(value, Mapping) else None
    keys = read_trading.VENUES.get(kind, _VENUE) if isinstance(kind, str) else _VENUE
    return table(ctx, path, value, keys) or {}


def _table_of(keys: Mapping[str, Key]) -> Key:
    return Key(lambda ctx, path, value: table(ctx, path, value, keys))


def _each(keys: Mapping[str, Key], header: str) -> Key:
    return Key(tables(lambda ctx, path, value: table(ctx, path, value, keys) or {}, header))


_TOP: Final = {
    "service": _table_of(_SERVICE),
    "venue": Key(tables(_venue_keys, "[[venue]]")),
    "instrument": _each(_INSTRUMENT, "[[instrument]]"),
    "gateway": _table_of(read_gateway.GATEWAY),
    "orders": _table_of(read_trading.ORDERS),
}


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a file, or say in one line why it can't be."""
    ctx = Context(str(path), path.parent)
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            ctx.problem("", "found more than 1 MiB", "a configuration file")
        else:
            return tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        _unreadable(ctx, error)
    raise ConfigError(ctx.problems)


def journal_of(path: Path) -> tuple[Path | None, Path | None]:
    """The journal's folder and the kill file that a file names, whatever else is in it.

    Whoever wants to halt a router need not have its credentials.
    """
    orders = read_toml(path).get("orders", {})
    ctx = Context(str(path), path.parent)
    wanted = ("journal", "kill_file")
    found = {name: orders[name] for name in wanted if name in orders} if isinstance(orders, Mapping) else orders
    read = table(ctx, "orders", found, {name: read_trading.ORDERS[name] for name in wanted}) or {}
    if ctx.problems:
        raise ConfigError(ctx.problems)
    return read.get("journal"), read.get("kill_file")


def _unreadable(ctx: Context, error: OSError | ValueError | RecursionError) -> None:
    if isinstance(error, OSError):
        ctx.problem("", f"can't be read ({(error.strerror or type(error).__name__).lower()})", "a TOML file")
    elif isinstance(error, UnicodeDecodeError):
        ctx.problem("", f"found byte 0x{error.object[error.start]:02x} at offset {error.start}", "a TOML file in UTF-8")
    elif isinstance(error, tomllib.TOMLDecodeError):
        ctx.problem("", f"not TOML: {_describe_toml(error)}", "a TOML file")
    elif isinstance(error, RecursionError):
        ctx.problem("", "found values nested too deeply", "a TOML file")
    else:
        ctx.problem("", "found a number or date out of range", "a TOML file")


def _describe_toml(error: tomllib.TOMLDecodeError) -> str:
    """The parser's word with line and column, on one line; it quotes no more of the file than a character or a key."""
    text = " ".join(str(error).split())
    return text[:1].lower() + text[1:]


def read_dict(
    data: Mapping[str, Any],
    *,
    source: str,
    base: Path,
    specs: Mapping[str, VenueSpec] | None = None,
) -> dict[str, Any]:
    """The fields of a valid :class:`Config`; raises :class:`ConfigError` with every problem."""
    ctx = Context(source, base)
    top = table(ctx, "", data, _TOP) or {}
    venues: list[dict[str, Any]] = top.get("venue", [])
    instruments: list[dict[str, Any]] = top.get("instrument", [])
    if "venue" not in data or data["venue"] == []:
        ctx.problem("venue", "missing", "at least one [[venue]]")
    market, trading = _specs(specs)
    rules.check(ctx, venues, instruments, top, specs=market, order_specs=trading)
    if ctx.problems:
        raise ConfigError(sorted(ctx.problems, key=lambda problem: _order(problem.path)))
    return {
        "service": ServiceConfig(**top.get("service", {})),
        "venues": tuple(map(_venue, venues)),
        "instruments": tuple(InstrumentConfig(**instrument) for instrument in instruments),
        "gateway": read_gateway.gateway_config(top["gateway"]) if "gateway" in top else None,
        "orders": OrdersConfig(**top.get("orders", {})),
        "source": source,
        "warnings": tuple(ctx.warnings),
    }


def _order(path: str) -> tuple[int, int]:
    """Sections in the order of the documentation, entries by number; within one the order of discovery stays."""
    head = path.partition(".")[0]
    name, _, index = head.partition("[")
    rank = list(_TOP).index(name) if name in _TOP else -1
    return rank, int(index[:-1]) if index else -1


def _venue(read: dict[str, Any]) -> VenueConfig:
    subscribe = tuple(
        Subscription(
            symbols=tuple(symbol for _, symbol in item["symbols"]),
            channels=tuple(channel for _, channel in item["channels"]),
        )
        for item in read.get("subscribe", ())
    )
    stale = MappingProxyType(dict(read.get("stale_after_s", {})))
    held: dict[str, Any] = {**read, "subscribe": subscribe, "stale_after_s": stale}
    held["trade"] = read_trading.trade_configs(read.get("trade", []))
    held["balances"] = MappingProxyType(dict(read.get("balances", {})))
    return VenueConfig(**held)


def _specs(market: Mapping[str, VenueSpec] | None) -> tuple[Mapping[str, VenueSpec], Mapping[str, VenueSpec]]:
    """The market-data and the trading venues; late, because their dialects import the configuration's types."""
    from ferrofeed.venues import ORDER_SPECS, SPECS  # noqa: PLC0415

    return SPECS if market is None else market, ORDER_SPECS


def normalise(config: Config, specs: Mapping[str, VenueSpec] | None) -> dict[str, Any]:
    """The valid fields of a configuration built in code."""
    return read_dict(_plain(config), source=config.source, base=Path(), specs=specs)


def _plain(value: object) -> Any:
    """What a TOML file would have held: dataclasses become tables without the fields that have their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {}
        for item in dataclasses.fields(value):
            if not item.init or (isinstance(value, Config) and item.name == "source"):
                continue
            default = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
            held = getattr(value, item.name)
            same = isinstance(held, Mapping) or type(held) is type(default)
            if held is default or (same and held == default):
                continue
            plain[_PLURALS.get(item.name, item.name) if isinstance(value, Config) else item.name] = _plain(held)
        return plain
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
