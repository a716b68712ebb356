"""What must hold between values that are each well formed: kinds and channels, credentials, duplicates, references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ferrofeed.config import access, read_gateway, rules_trading
from ferrofeed.config.reading import nearest, one_of
from ferrofeed.config.trading import ORDER_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.config.reading import Context
    from ferrofeed.config.schema import LoopConfig
    from ferrofeed.spec import VenueSpec

_Read = dict[str, Any]


def check(
    ctx: Context,
    venues: list[_Read],
    instruments: list[_Read],
    top: _Read,
    *,
    specs: Mapping[str, VenueSpec],
    order_specs: Mapping[str, VenueSpec],
) -> None:
    """Report everything that doesn't hold, and fill the venues in from their kinds.

    ``specs`` are the kinds of market-data venues there are, ``order_specs`` those of trading venues with a socket.
    """
    seen: dict[str, int] = {}
    for index, venue in enumerate(venues):
        path = f"venue[{index}]"
        name = venue.get("id")
        if name is not None and seen.setdefault(name, index) != index:
            ctx.problem(f"{path}.id", f"found {json.dumps(name)} again", f"an id that venue[{seen[name]}] doesn't have")
        spec = _spec(ctx, path, venue, specs)
        if spec is not None:
            _venue(ctx, path, venue, spec)
    rules_trading.check(ctx, venues, top, specs, order_specs)
    _shared_keys(ctx, venues, specs)
    _tuning(ctx, top.get("service", {}))
    _instruments(ctx, venues, instruments, {**specs, **order_specs})
    if "gateway" in top:
        read_gateway.check(ctx, top["gateway"], venues)


def _tuning(ctx: Context, service: _Read) -> None:
    loop: LoopConfig | None = service.get("loop")
    if loop is None:
        return
    if loop.busy_poll and loop.cpu is None:
        ctx.warn(
            "service.loop.busy_poll",
            "found true without cpu",
            "cpu: what never sleeps needs a core for itself",
        )
    if loop.busy_poll and loop.fifo_priority is not None:
        ctx.warn(
            "service.loop.fifo_priority",
            f"found {loop.fifo_priority} together with busy_poll",
            "one of the two, unless the core is isolated: what never sleeps and goes first starves the kernel",
        )


def _spec(ctx: Context, path: str, venue: _Read, specs: Mapping[str, VenueSpec]) -> VenueSpec | None:
    kind = venue.get("kind")
    if kind is None or kind in specs:
        return None if kind is None else specs[kind]
    if kind not in ORDER_KINDS:
        kinds = sorted([*specs, *ORDER_KINDS])
        ctx.problem(f"{path}.kind", f"found {_short(kind)}", one_of(kinds), nearest(kind, kinds))
    return None


def _short(text: str) -> str:
    quoted = json.dumps(text)
    return quoted if len(quoted) <= 60 else f"{quoted[:60]}…"  # noqa: PLR2004


def _venue(ctx: Context, path: str, venue: _Read, spec: VenueSpec) -> None:
    reported = {problem.path for problem in ctx.problems}
    access.check(ctx, path, venue, spec)
    allowed = spec.limits.connections_per_key
    if allowed is not None and venue.get("connections", 1) > allowed:
        ctx.problem(
            f"{path}.connections",
            f"found {venue['connections']}",
            f"at most {allowed}: {spec.name} allows no more for one key",
        )
    limit = spec.limits.requests_per_minute
    if limit is not None and venue.get("requests_per_minute", limit) > limit:
        ctx.warn(
            f"{path}.requests_per_minute",
            f"found {venue['requests_per_minute']}",
            f"at most {limit}, which is what {spec.name} allows",
        )
    _stale(ctx, path, venue, spec)
    topics = _topics(ctx, path, venue, spec)
    if not venue.get("subscribe") and f"{path}.subscribe" not in reported:
        ctx.warn(f"{path}.subscribe", "missing", "at least one [[venue.subscribe]]: nothing will be received")
    per_connection = spec.limits.topics_per_connection
    most = None if per_connection is None else per_connection * venue.get("connections", 1)
    if most is not None and topics > most:
        ctx.warn(
            f"{path}.subscribe",
            f"found {topics} topics",
            f"at most {most}, which is what {spec.name} allows on its connections",
        )


def _stale(ctx: Context, path: str, venue: _Read, spec: VenueSpec) -> None:
    families = sorted(spec.channels | {channel.partition(":")[0] for channel in spec.channels})
    for channel in venue.get("stale_after_s", {}):
        if channel not in families:
            key = channel if channel.isidentifier() else json.dumps(channel)
            ctx.problem(f"{path}.stale_after_s.{key}", "unknown channel", one_of(families), nearest(channel, families))


def _topics(ctx: Context, path: str, venue: _Read, spec: VenueSpec) -> int:
    """Check channels and symbols of one venue; how many topics there are."""
    seen: dict[tuple[str, str], str] = {}
    for number, item in enumerate(venue.get("subscribe", ())):
        here = f"{path}.subscribe[{number}]"
        channels = [channel for _, channel in item.get("channels", ()) if channel in spec.channels]
        for index, channel in item.get("channels", ()):
            if channel not in spec.channels:
                expected = f"{one_of(sorted(spec.channels))} ({spec.name} has no other)"
                suggestion = nearest(channel, spec.channels)
                ctx.problem(f"{here}.channels[{index}]", f"found {_short(channel)}", expected, suggestion)
        _repeated(ctx, f"{here}.channels", item.get("channels", ()))
        for index, symbol in item.get("symbols", ()):
            place = f"subscribe[{number}].symbols[{index}]"
            raw = _raw(ctx, f"{path}.{place}", symbol, spec)
            firsts = {channel: seen.setdefault((raw, channel), place) for channel in channels}
            again = {channel: first for channel, first in firsts.items() if first != place}
            if again:
                found = f"found {json.dumps(symbol)} with {', '.join(map(json.dumps, again))} again"
                expected = f"what {next(iter(again.values()))} doesn't ask for already"
                ctx.problem(f"{path}.{place}", found, expected)
    return len(seen)


def _repeated(ctx: Context, path: str, items: list[tuple[int, str]]) -> None:
    seen: dict[str, int] = {}
    for index, item in items:
        if seen.setdefault(item, index) != index:
            ctx.problem(
                f"{path}[{index}]", f"found {_short(item)} again", f"a channel that channels[{seen[item]}] isn't"
            )


def _raw(ctx: Context, path: str, symbol: str, spec: VenueSpec) -> str:
    try:
        return spec.dialect.raw_symbol(symbol)
    except ValueError as error:
        ctx.problem(path, f"found {json.dumps(symbol)} ({error})", f"a symbol that {spec.name} can spell")
        return symbol


def _shared_keys(ctx: Context, venues: list[_Read], specs: Mapping[str, VenueSpec]) -> None:
    """Venues with one key at one server share its connections: beyond its limit they would drop each other for ever."""
    users: list[tuple[int, _Read]] = []
    for index, venue in enumerate(venues):
        spec = specs.get(venue.get("kind", ""))
        allowed = None if spec is None else spec.limits.connections_per_key
        if spec is None or allowed is None or "api_key" not in venue:
            continue
        same = [(other, user) for other, user in users if _same_user(user, venue)]
        users.append((index, venue))
        used = sum(user.get("connections", 1) for _, user in [*same, (index, venue)])
        if same and used > allowed:
            found = f"the key of venue[{same[0][0]}] again, for {used} connections to one server in all"
            ctx.problem(f"venue[{index}].api_key", found, f"at most {allowed}: {spec.name} drops the others")


def _same_user(one: _Read, other: _Read) -> bool:
    return all(one[name] == other[name] for name in ("kind", "url", "api_key"))


def _instruments(ctx: Context, venues: list[_Read], instruments: list[_Read], specs: Mapping[str, VenueSpec]) -> None:
    by_id = {venue["id"]: venue for venue in venues if "id" in venue}
    wanted = {name: _spellings(venue, specs) for name, venue in by_id.items()}
    seen: dict[tuple[str, str], int] = {}
    for index, instrument in enumerate(instruments):
        path = f"instrument[{index}]"
        name, symbol = instrument.get("venue"), instrument.get("symbol")
        if name is not None and name not in by_id:
            if len(by_id) == len(venues):  # else the id may be the one that could not be read
                ctx.problem(f"{path}.venue", f"found {_short(name)}", _ids(by_id), nearest(name, by_id))
        elif name is not None and symbol is not None:
            raw = _spelling(by_id[name], symbol, specs)
            first = seen.setdefault((name, raw), index)
            if first != index:
                expected = f"an instrument that instrument[{first}] isn't"
                ctx.problem(f"{path}.symbol", f"found {json.dumps(symbol)} again", expected)
            trades = by_id[name].get("kind") in ORDER_KINDS
            if raw not in wanted[name]:
                found = f"{json.dumps(symbol)} is not {'traded' if trades else 'subscribed'} at {json.dumps(name)}"
                ctx.warn(f"{path}.symbol", found, f"a {'traded' if trades else 'subscribed'} symbol")
            if trades:
                rules_trading.check_scales(ctx, path, instrument, by_id[name])


def _spellings(venue: _Read, specs: Mapping[str, VenueSpec]) -> set[str]:
    tables = (*venue.get("subscribe", ()), *venue.get("trade", ()))
    symbols = (symbol for item in tables for _, symbol in item.get("symbols", ()))
    return {_spelling(venue, symbol, specs) for symbol in symbols}


def _spelling(venue: _Read, symbol: str, specs: Mapping[str, VenueSpec]) -> str:
    spec = specs.get(venue.get("kind", ""))
    try:
        return symbol if spec is None else spec.dialect.raw_symbol(symbol)
    except ValueError:  # reported where it is subscribed
        return symbol


def _ids(by_id: Mapping[str, _Read]) -> str:
    return f"the id of a venue, {one_of(by_id)}" if by_id else "the id of a [[venue]]"
