"""The order side of the plan: the router, its limits, what may be traded where. No secrets."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.config.secrets import redact_url
from ferrofeed.config.trading import DESK_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ferrofeed.config.schema import Config, VenueConfig
    from ferrofeed.config.trading import RiskConfig, TradeConfig
    from ferrofeed.spec import VenueSpec

Plan = dict[str, Any]

SAMPLE_TIME_MS: Final = 0
_CREDENTIALS: Final = ("api_key", "api_secret")


def orders_plan(config: Config) -> Plan | None:
    """The router's plan; None where nothing is traded."""
    orders = config.orders
    if orders.journal is None:
        return None
    plain = {**asdict(orders), "journal": str(orders.journal), "kill_file": str(orders.kill_path)}
    return {**plain, "risk": _limits(orders.risk)}


def _limits(risk: RiskConfig) -> Plan:
    """Limits that are set, numbers as text."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in asdict(risk).items()
        if value is not None
    }


def desk_plan(config: Config, venue: VenueConfig, specs: Mapping[str, VenueSpec]) -> Plan:
    """One trading venue."""
    plan: Plan = {"id": venue.id, "kind": venue.kind}
    spec = specs.get(venue.kind)
    if spec is None:
        least, most = venue.latency_us
        plan |= {
            "market": venue.market or None,
            "maker_ppm": venue.maker_ppm,
            "taker_ppm": venue.taker_ppm,
            "latency_us": [least, most],
            "reject_ppm": venue.reject_ppm,
            "seed": venue.seed,
            "balances": {currency: f"{amount:f}" for currency, amount in venue.balances.items()},
        }
    else:
        secrets = {name: getattr(venue, name) for name in _CREDENTIALS}
        plan |= {
            "url": redact_url(venue.url if venue.keyless else spec.dialect.url(venue, SAMPLE_TIME_MS)),
            "push_url": redact_url(venue.push_url) if venue.push_url else None,
            "credentials": {name: secret.source for name, secret in secrets.items() if secret is not None},
            "tls_ca": None if venue.tls_ca is None else str(venue.tls_ca),
            "heartbeat_s": venue.heartbeat_interval_s or spec.heartbeat.interval_s,
            "behind": venue.exchange or venue.platform,
            "poll_s": poll_s(venue),
        }
    at_venue = _limits(config.limits(venue))
    plan["risk"] = {name: at_venue[name] for name in DESK_LIMITS if name in at_venue}
    plan["trade"] = [_trade(config, venue, trade, spec) for trade in venue.trade]
    return plan


def poll_s(venue: VenueConfig) -> float:
    """How often a venue's live orders are asked for, whether it pushes what happens to them or not; 0: never."""
    return {"coinceres": 1.0, "quantapi": 30.0}.get(venue.kind, 0.0) if venue.poll_s is None else venue.poll_s


def _trade(config: Config, venue: VenueConfig, trade: TradeConfig, spec: VenueSpec | None) -> Plan:
    limits = _limits(config.limits(venue, trade))
    paper = {name: getattr(trade, name) for name in ("tick", "lot", "min_size", "min_notional")}
    return {
        "symbols": [
            {"symbol": symbol, "raw_symbol": symbol if spec is None else spec.dialect.raw_symbol(symbol)}
            for symbol in trade.symbols
        ],
        "product": trade.product,
        "reference": trade.reference or None,
        "rules": {name: f"{value:f}" for name, value in paper.items() if value is not None},
        "leverage": trade.leverage if spec is None else None,
        "risk": {name: value for name, value in limits.items() if name not in DESK_LIMITS},
    }


def _row(name: str, text: object) -> str:
    return f"  {name:<12} {text}"


def orders_lines(resolved: Plan | None) -> Iterator[str]:
    """The router's plan as text."""
    if resolved is None:
        return
    every = f" every {resolved['fsync_interval_ms']} ms" if resolved["fsync"] == "batched" else ""
    yield ""
    yield "orders"
    yield _row("journal", resolved["journal"])
    yield _row("fsync", f"{resolved['fsync']}{every}")
    yield _row("segments", f"{resolved['segment_mb']} MB, {resolved['keep_segments']} kept")
    yield _row("kill file", resolved["kill_file"])
    yield _row("commands", f"live {resolved['ttl_s']:g} s, answered within {resolved['ack_timeout_s']:g} s")
    yield _row("on stop", {"keep": "live orders stay", "cancel": "live orders are cancelled"}[resolved["on_stop"]])
    yield _row("events", f"{resolved['events']:,} for each consumer")


def desk_lines(venue: Plan) -> Iterator[str]:
    """A trading venue's plan as text."""
    yield ""
    yield f"venue {venue['id']} ({venue['kind']}, trades)"
    if "url" in venue:
        yield _row("url", venue["url"])
        if venue["push_url"]:
            yield _row("pushes", venue["push_url"])
        if venue["tls_ca"] is not None:
            yield _row("trusts", venue["tls_ca"])
        credentials = (f"{name} from {source}" for name, source in venue["credentials"].items())
        yield _row("credentials", ", ".join(credentials) or "none: those of the gateway's clients")
        yield _row("behind it", venue["behind"])
        yield _row("heartbeat", f"every {venue['heartbeat_s']:g} s")
        yield _row("asked", f"every {venue['poll_s']:g} s for live orders" if venue["poll_s"] else "when in doubt")
    else:
        least, most = venue["latency_us"]
        yield _row("market", venue["market"] or "its own orders only")
        yield _row("fees", f"maker {venue['maker_ppm']} ppm, taker {venue['taker_ppm']} ppm")
        yield _row("latency", f"{least} us" if least == most else f"{least} to {most} us")
        if venue["reject_ppm"]:
            yield _row("refuses", f"{venue['reject_ppm']} of a million orders")
        yield _row("balances", ", ".join(f"{amount} {name}" for name, amount in venue["balances"].items()) or "none")
    yield _row("limits", _said(venue["risk"]))
    for trade in venue["trade"]:
        width = max(len(one["symbol"]) for one in trade["symbols"])
        rules = "".join(f" {name} {value}" for name, value in trade["rules"].items())
        for one in trade["symbols"]:
            yield f"    {one['symbol']:<{width}}  as {one['raw_symbol']}  {trade['product']}{rules}"
        yield f"      collar on  {trade['reference'] or '-'}"
        yield f"      limits     {_said(trade['risk'])}"


def _said(limits: Plan) -> str:
    return ", ".join(f"{name} {value}" for name, value in limits.items()) or "none"
