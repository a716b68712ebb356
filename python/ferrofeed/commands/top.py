"""``ferrofeed top``: watch a running service through its metrics endpoint."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ferrofeed.demo.view import nanoseconds, rate
from ferrofeed.errors import FerrofeedError

if TYPE_CHECKING:
    import argparse

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:9464/metrics",
        help="the service's metrics endpoint (default: %(default)s)",
    )
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="between two looks (default: 1)")
    parser.add_argument("--once", action="store_true", help="print one table (rates over one interval) and end")


def run(args: argparse.Namespace) -> int:
    """Show a table of the service's connections, anew every interval."""
    console = Console()
    before, then = scrape(args.url), time.monotonic()
    with Live(console=console, screen=not args.once and console.is_terminal, auto_refresh=False) as live:
        while True:
            time.sleep(max(0.1, args.interval))
            now, at = scrape(args.url), time.monotonic()
            live.update(table(before, now, at - then), refresh=True)
            if args.once:
                return 0
            before, then = now, at


def scrape(url: str) -> Samples:
    """Every sample of the endpoint, by name and labels."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310  # the operator's own URL
            text = answer.read().decode()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise FerrofeedError(f"no metrics at {url}: {reason}; is the service running, with `metrics` set?") from None
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def quantile(before: Samples, now: Samples, labels: dict[str, str], q: float) -> float | None:
    """The upper bound, ns, of the bucket that holds this quantile of what was recorded between two looks."""
    buckets = []
    for (name, have), value in now.items():
        if name == "ferrofeed_latency_seconds_bucket" and labels.items() <= dict(have).items():
            bound = float(dict(have)["le"])
            buckets.append((bound, value - before.get((name, have), 0.0)))
    buckets.sort()
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted = q * buckets[-1][1]
    return next(bound for bound, count in buckets if count >= wanted) * 1e9


def table(before: Samples, now: Samples, seconds: float) -> Table:
    """One row a connection."""
    result = Table(title="ferrofeed", title_justify="left", expand=False)
    for name, right in (
        ("venue", False),
        ("up", False),
        ("subscribed", True),
        ("msg/s", True),
        ("MB/s", True),
        ("quarantined", True),
        ("decode p50 ≤", True),
        ("p99 ≤", True),
        ("books valid", True),
    ):
        result.add_column(name, justify="right" if right else "left")
    keys = sorted(have for name, have in now if name == "ferrofeed_connection_up")
    for have in keys:
        labels = dict(have)
        value = lambda name, have=have: now.get((name, have), 0.0)  # noqa: E731  # a column's cell, named once
        speed = lambda name, have=have: (now.get((name, have), 0.0) - before.get((name, have), 0.0)) / seconds  # noqa: E731
        quarantined = sum(
            number
            for (name, other), number in now.items()
            if name == "ferrofeed_messages_quarantined_total" and labels.items() <= dict(other).items()
        )
        stage = labels | {"stage": "receive_to_decoded"}
        books = {
            dict(other)["valid"]: number
            for (name, other), number in now.items()
            if name == "ferrofeed_books" and labels.items() <= dict(other).items()
        }
        result.add_row(
            f"{labels['venue']}/{labels['connection']}",
            "[green]up[/]" if value("ferrofeed_connection_up") else "[red]down[/]",
            f"{value('ferrofeed_subscriptions_acknowledged'):.0f}/{value('ferrofeed_subscriptions_wanted'):.0f}",
            rate(speed("ferrofeed_messages_total")),
            f"{speed('ferrofeed_received_bytes_total') / 1e6:.2f}",
            f"{quarantined:.0f}",
            nanoseconds(quantile(before, now, stage, 0.5)),
            nanoseconds(quantile(before, now, stage, 0.99)),
            f"{books.get('true', 0):.0f}/{sum(books.values()):.0f}",
        )
    return result
