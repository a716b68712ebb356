"""What a configuration comes to: the resolved plan, as data and as text, without secrets."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ferrofeed.config.plan_trading import SAMPLE_TIME_MS, desk_lines, desk_plan, orders_lines, orders_plan
from ferrofeed.config.secrets import redact_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ferrofeed.config.gateway import GatewayConfig
    from ferrofeed.config.schema import Config, InstrumentConfig, VenueConfig
    from ferrofeed.spec import VenueSpec

_DEFAULT_STALE_S = 30.0

Plan = dict[str, Any]


def plan(config: Config, specs: Mapping[str, VenueSpec], order_specs: Mapping[str, VenueSpec] | None = None) -> Plan:
    """The whole plan, ready for JSON. ``order_specs``: other trading venues than the package's."""
    from ferrofeed.venues import ORDER_SPECS  # noqa: PLC0415  # their dialects need the configuration's types

    trading = ORDER_SPECS if order_specs is None else order_specs
    service = config.service
    address = service.metrics
    return {
        "source": config.source,
        "service": {
            "metrics": f"http://{address}/metrics" if address else None,
            "log_level": service.log_level,
            "log_format": service.log_format,
            "quarantine": service.quarantine,
            "lock_memory": service.lock_memory,
            "gc": service.gc,
            "switch_interval_us": service.switch_interval_us,
            "loop": asdict(service.loop),
        },
        "venues": [_venue(venue, specs[venue.kind]) for venue in config.venues if not venue.trades],
        "orders": orders_plan(config),
        "trading": [desk_plan(config, venue, trading) for venue in config.trading],
        "instruments": [_instrument(instrument) for instrument in config.instruments],
        "gateway": None if config.gateway is None else _gateway(config.gateway, [venue.id for venue in config.trading]),
        "warnings": [str(warning) for warning in config.warnings],
    }


def _venue(venue: VenueConfig, spec: VenueSpec) -> Plan:
    limits, heartbeat = spec.limits, spec.heartbeat
    secrets = {"api_key": venue.api_key, "api_secret": venue.api_secret}
    channels = sorted({channel for _, channel in venue.topics()})
    return {
        "id": venue.id,
        "kind": venue.kind,
        "url": redact_url(spec.dialect.url(venue, SAMPLE_TIME_MS)),
        "credentials": {name: secret.source for name, secret in secrets.items() if secret is not None},
        "tls_ca": None if venue.tls_ca is None else str(venue.tls_ca),
        "connections": venue.connections,
        "connections_per_key": limits.connections_per_key,
        "requests_per_minute": venue.requests_per_minute or limits.requests_per_minute,
        "topics_per_request": limits.topics_per_request,
        "topics_per_connection": limits.topics_per_connection,
        "max_message_bytes": limits.max_message_bytes,
        "heartbeat": {
            "interval_s": venue.heartbeat_interval_s or heartbeat.interval_s,
            "timeout_s": heartbeat.timeout_s if heartbeat.answered else None,
            "websocket": heartbeat.websocket,
        },
        "stale_after_s": {channel: stale_after_s(venue, spec, channel) for channel in channels},
        "symbols": [
            {"symbol": symbol, "raw_symbol": spec.dialect.raw_symbol(symbol), "channels": wanted}
            for symbol, wanted in _by_symbol(venue).items()
        ],
    }


def _by_symbol(venue: VenueConfig) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for symbol, channel in venue.topics():
        wanted.setdefault(symbol, []).append(channel)
    return wanted


def stale_after_s(venue: VenueConfig, spec: VenueSpec, channel: str) -> float:
    """How long a channel may be without data before it is probed.

    The configuration's word goes before the venue's, the channel's before its family's (``bar:1m`` before ``bar``).
    """
    family = channel.partition(":")[0]
    for source in (venue.stale_after_s, spec.stale_after_s):
        for name in (channel, family):
            if name in source:
                return source[name]
    return _DEFAULT_STALE_S


def _instrument(instrument: InstrumentConfig) -> Plan:
    return {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "price_scale": instrument.price_scale,
        "size_scale": instrument.size_scale,
        "turnover_scale": instrument.turnover_scale,
    }


def render(resolved: Plan) -> str:
    """The plan as text for people."""
    return "\n".join(
        [
            *_service_lines(resolved),
            *_venue_blocks(resolved),
            *orders_lines(resolved["orders"]),
            *(line for desk in resolved["trading"] for line in desk_lines(desk)),
            *_instrument_lines(resolved),
            *_gateway_lines(resolved),
        ]
    )


def _row(name: str, text: object) -> str:
    return f"  {name:<12} {text}"


def _service_lines(resolved: Plan) -> Iterator[str]:
    service = resolved["service"]
    metrics = service["metrics"]
    yield "service"
    yield _row("metrics", f"{metrics} (also /healthz, /readyz)" if metrics else "off")
    yield _row("logs", f"{service['log_level']} and above, {service['log_format']}, on standard error")
    yield _row("quarantine", f"{service['quarantine']} messages")
    yield _row("process", ", ".join(_process(service)))
    yield _row("loop", ", ".join(_loop(service["loop"])))


def _process(service: Plan) -> Iterator[str]:
    yield {"freeze": "collector frozen after start", "off": "collector off", "on": "collector on"}[service["gc"]]
    if service["lock_memory"]:
        yield "memory locked"
    if service["switch_interval_us"] is not None:
        yield f"threads switch after {service['switch_interval_us']:,} us"


def _loop(loop: Plan) -> Iterator[str]:
    yield "on any CPU" if loop["cpu"] is None else f"on CPU {loop['cpu']}"
    if loop["busy_poll"]:
        yield "never sleeps (busy_poll)"
    if loop["fifo_priority"] is not None:
        yield f"SCHED_FIFO {loop['fifo_priority']}"
    yield "TCP_NODELAY"
    if loop["tcp_quickack"]:
        yield "TCP_QUICKACK"
    if loop["receive_buffer_bytes"] is not None:
        yield f"SO_RCVBUF {loop['receive_buffer_bytes']:,} bytes"
    if loop["so_busy_poll_us"] is not None:
        yield f"SO_BUSY_POLL {loop['so_busy_poll_us']} us"


def _venue_blocks(resolved: Plan) -> Iterator[str]:
    for venue in resolved["venues"]:
        yield ""
        yield f"venue {venue['id']} ({venue['kind']})"
        yield _row("url", venue["url"])
        if venue["tls_ca"] is not None:
            yield _row("trusts", venue["tls_ca"])
        credentials = (f"{name} from {source}" for name, source in venue["credentials"].items())
        yield _row("credentials", ", ".join(credentials) or "none")
        yield _row("connections", f"{venue['connections']}{_limit(venue['connections_per_key'], ' per key')}")
        yield _row("limits", _limits(venue))
        yield _row("heartbeat", _heartbeat(venue["heartbeat"]))
        stale = (f"{channel} {seconds:g} s" for channel, seconds in venue["stale_after_s"].items())
        yield _row("stale after", ", ".join(stale) or "-")
        topics = sum(len(item["channels"]) for item in venue["symbols"])
        yield _row("topics", f"{topics}{_limit(venue['topics_per_connection'], ' per connection')}")
        width = max((len(item["symbol"]) for item in venue["symbols"]), default=0)
        raw_width = max((len(item["raw_symbol"]) for item in venue["symbols"]), default=0)
        for item in venue["symbols"]:
            yield f"    {item['symbol']:<{width}}  as {item['raw_symbol']:<{raw_width}}  {' '.join(item['channels'])}"


def _limit(limit: int | None, what: str) -> str:
    return "" if limit is None else f" (at most {limit:,}{what})"


def _limits(venue: Plan) -> str:
    requests = venue["requests_per_minute"]
    rate = "any number of requests" if requests is None else f"{requests} requests a minute"
    return f"{rate}, {venue['topics_per_request']} topics a request, frames up to {venue['max_message_bytes']:,} bytes"


def _heartbeat(heartbeat: Plan) -> str:
    kind = "WebSocket ping" if heartbeat["websocket"] else "message"
    timeout = heartbeat["timeout_s"]
    answer = "not answered" if timeout is None else f"answered within {timeout:g} s"
    return f"{kind} every {heartbeat['interval_s']:g} s, {answer}"


def _instrument_lines(resolved: Plan) -> Iterator[str]:
    if resolved["instruments"]:
        yield ""
        yield "instruments (digits after the decimal point; auto: found from the data)"
    for item in resolved["instruments"]:
        scales = ((name, item[f"{name}_scale"]) for name in ("price", "size", "turnover"))
        text = ", ".join(f"{name} {'auto' if scale is None else scale}" for name, scale in scales)
        yield f"  {item['venue']} {item['symbol']}: {text}"


def _gateway(gateway: GatewayConfig, venues: list[str]) -> Plan:
    limits = ("max_quantity", "max_notional", "max_open_orders", "orders_per_s")
    return {
        "listen": gateway.listen,
        "tls": gateway.tls_cert is not None,
        "platforms": {venue: venue for venue in venues} | (dict(gateway.aliases) if venues else {}),
        "on_disconnect": gateway.on_disconnect,
        "clients": [
            {
                "id": client.id,
                "permission": client.permission,
                "platforms": None if client.platforms is None else list(client.platforms),
                "symbols": None if client.symbols is None else list(client.symbols),
                "credentials": {"access_key": client.access_key.source, "secret_key": client.secret_key.source},
                "limits": {name: str(value) for name in limits if (value := getattr(client, name)) is not None},
            }
            for client in gateway.client
        ],
    }


def _said(limits: Plan) -> str:
    return ", ".join(f"{name} {value}" for name, value in limits.items()) or "no limits of its own"


def _gateway_lines(resolved: Plan) -> Iterator[str]:
    if resolved["gateway"] is not None:
        yield ""
        yield "gateway"
        served = resolved["gateway"]
        yield _row("listen", f"{served['listen']}{', TLS' if served['tls'] else ''}")
        if not served["platforms"]:
            yield _row("platforms", "none: no venue trades, and nothing is served")
            return
        platforms = (name if name == venue else f"{name} ({venue})" for name, venue in served["platforms"].items())
        yield _row("platforms", ", ".join(platforms))
        for client in served["clients"]:
            where = ", ".join(client["platforms"] or ["every platform"])
            may = f"may {client['permission']} at {where}"
            yield _row("client", f"{client['id']}  {may}: {_said(client['limits'])}")
        if not served["clients"]:
            yield _row("clients", "anybody: with keys that a venue takes, with any for paper")
        after = {"keep": "stay", "cancel": "are cancelled"}[served["on_disconnect"]]
        yield _row("orders", f"live orders {after} when a login ends")
