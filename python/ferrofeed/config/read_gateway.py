"""The keys of ``[gateway]``, and what must hold between them and the venues."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.config import numbers, values
from ferrofeed.config.gateway import DEFAULT_LISTEN, PERMISSIONS, ClientConfig, GatewayConfig
from ferrofeed.config.reading import (
    Context,
    Key,
    choice,
    describe,
    integer,
    nearest,
    number,
    one_of,
    strings,
    table,
    tables,
)
from ferrofeed.config.trading import ORDER_KINDS

if TYPE_CHECKING:
    from pathlib import Path

_Read = dict[str, Any]
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}", re.ASCII)


def _form(pattern: re.Pattern[str], expected: str) -> Any:
    def reader(ctx: Context, path: str, value: object) -> str | None:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value.lower()
        ctx.problem(path, f"found {describe(value)}", expected)
        return None

    return reader


def _aliases(ctx: Context, path: str, value: object) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        ctx.problem(path, f"found {describe(value)}", 'a table of venue ids by platform, such as {huobi = "paper"}')
        return None
    read = {}
    for name, item in value.items():
        where = f"{path}.{name}"
        if values.label(ctx, where, name) is not None and (venue := values.word(ctx, where, item)) is not None:
            read[str(name)] = venue
    return read


def _pem(ctx: Context, path: str, value: object) -> Path | None:
    """A file; whether it holds what it must is seen when it is loaded, with the other one."""
    if value == "":
        return None
    full = ctx.base / str(value)
    if not full.is_file():
        ctx.problem(path, f"found {describe(str(value))} (no such file)", "the path of a PEM file")
        return None
    return full


_policy: Final = choice("keep", "cancel")
_CLIENT: Final = {
    "id": Key(values.label, required=True, expected='a label such as "maker-1"'),
    "access_key": Key(values.secret, required=True, expected=f"a credential: {values.CREDENTIAL_FORMS}"),
    "secret_key": Key(values.secret, required=True, expected=f"a credential: {values.CREDENTIAL_FORMS}"),
    "permission": Key(choice(*PERMISSIONS)),
    "platforms": Key(strings(values.label, "platforms")),
    "symbols": Key(strings(values.symbol, "symbols")),
    "on_disconnect": Key(_policy),
    "max_quantity": Key(numbers.amount(example="5")),
    "max_notional": Key(numbers.amount(example="10000")),
    "max_open_orders": Key(integer(0, 1_000_000)),
    "orders_per_s": Key(integer(0, 100_000)),
}
GATEWAY: Final = {
    "listen": Key(values.address(may_be_off=False)),
    "aliases": Key(_aliases),
    "on_disconnect": Key(_policy),
    "paper_accounts": Key(choice("own", "shared")),
    "origins": Key(strings(_form(_ORIGIN, 'an origin such as "https://desk.example"'), "origins")),
    "hosts": Key(strings(_form(_HOST, 'a host name such as "gateway.example"'), "hosts")),
    "tls_cert": Key(_pem),
    "tls_key": Key(_pem),
    "idle_s": Key(number(0.1, 3600, "seconds")),
    "handshake_s": Key(number(0.1, 60, "seconds")),
    "max_connections": Key(integer(1, 65_536)),
    "max_logins": Key(integer(1, 4_096)),
    "max_accounts": Key(integer(0, 16_384)),
    "max_venue_logins": Key(integer(0, 1_024)),
    "max_message_kb": Key(integer(1, 1_024, "kB")),
    "requests_per_s": Key(integer(1, 1_000_000)),
    "send_buffer_kb": Key(integer(16, 65_536, "kB")),
    "market_data_interval_ms": Key(integer(1, 60_000, "milliseconds")),
    "client": Key(tables(lambda ctx, path, value: table(ctx, path, value, _CLIENT) or {}, "[[gateway.client]]")),
}


def gateway_config(read: _Read) -> GatewayConfig:
    """The table, typed."""
    held = dict(read)
    for name in ("origins", "hosts"):
        held[name] = tuple(item for _, item in read.get(name, ()))
    clients = [dict(client) for client in read.get("client", ())]
    for client in clients:
        for name in ("platforms", "symbols"):
            if name in client:
                client[name] = tuple(item for _, item in client[name])
    held["client"] = tuple(ClientConfig(**client) for client in clients)
    return GatewayConfig(**held)


def check(ctx: Context, gateway: _Read, venues: list[_Read]) -> None:
    """Report what does not hold."""
    trading = {venue["id"]: venue for venue in venues if venue.get("kind") in ORDER_KINDS and "id" in venue}
    if not trading:
        ctx.warn("gateway", "no venue trades", f"a [[venue]] whose kind is {one_of(ORDER_KINDS)}, to be served")
        return
    aliases: dict[str, str] = gateway.get("aliases", {})
    for alias, venue in aliases.items():
        if venue not in trading:
            expected = f"the id of a venue that trades, {one_of(trading)}"
            ctx.problem(f"gateway.aliases.{alias}", f"found {json.dumps(venue)}", expected, nearest(venue, trading))
        if alias in trading and venue != alias:
            ctx.problem(f"gateway.aliases.{alias}", "found an alias that is a venue's id", "another name")
    if ("tls_cert" in gateway) != ("tls_key" in gateway):
        missing = "tls_key" if "tls_cert" in gateway else "tls_cert"
        ctx.problem(f"gateway.{missing}", "missing", "both tls_cert and tls_key, or neither")
    _clients(ctx, gateway, {*trading, *aliases})
    host = gateway.get("listen", DEFAULT_LISTEN).rpartition(":")[0].strip("[]")
    if not values.is_loopback(host):
        safe = "tls_cert" in gateway and gateway.get("client")
        if not safe:
            ctx.problem(
                "gateway.listen",
                f"found {json.dumps(gateway['listen'])}, which others can reach",
                "a loopback address, or tls_cert, tls_key and at least one [[gateway.client]]",
            )


def _clients(ctx: Context, gateway: _Read, platforms: set[str]) -> None:
    names: dict[str, int] = {}
    keys: dict[str, int] = {}
    for index, client in enumerate(gateway.get("client", ())):
        path = f"gateway.client[{index}]"
        if "id" in client and names.setdefault(client["id"], index) != index:
            ctx.problem(f"{path}.id", f"found {json.dumps(client['id'])} again", "an id that no other client has")
        if "access_key" in client:
            key = client["access_key"].reveal()
            if keys.setdefault(key, index) != index:
                ctx.problem(f"{path}.access_key", f"found that of client[{keys[key]}] again", "a key of its own")
        for place, platform in client.get("platforms", ()):
            if platform not in platforms:
                ctx.problem(
                    f"{path}.platforms[{place}]",
                    f"found {json.dumps(platform)}",
                    f"a platform, {one_of(sorted(platforms))}",
                    nearest(platform, platforms),
                )
