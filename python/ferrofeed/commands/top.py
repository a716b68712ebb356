"""``ferrofeed top``: watch a running service through its metrics endpoint."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from rich import box
from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.table import Table

from ferrofeed.demo.text import nanoseconds, rate
from ferrofeed.errors import FerrofeedError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

LEAST_S = 0.1
Labels = tuple[tuple[str, str], ...]
Samples = dict[tuple[str, Labels], float]
COLUMNS: tuple[tuple[str, JustifyMethod], ...] = (
    ("connection", "left"),
    ("state", "left"),
    ("subs", "right"),
    ("msg/s", "right"),
    ("kB/s", "right"),
    ("bad", "right"),
    ("decode p50", "right"),
    ("p99", "right"),
    ("books", "right"),
)
"""Latencies are the upper bounds of their histogram's buckets; ``books``: valid of all."""


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
    if not LEAST_S <= args.interval < float("inf"):
        raise UsageError(f"--interval {args.interval:g}: expected at least {LEAST_S:g} seconds")
    console = Console()
    looks = _looks(args.url, args.interval)
    if args.once:
        console.print(next(looks))
        return 0
    try:
        with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
            for shown in looks:
                live.update(Group(f"ferrofeed top   {args.url}   Ctrl-C ends it", shown), refresh=True)
    except KeyboardInterrupt:  # the way to end it
        return 0
    return 0


def _looks(url: str, interval_s: float) -> Iterator[Table]:
    before, then = scrape(url), time.monotonic()
    while True:
        time.sleep(interval_s)
        now, at = scrape(url), time.monotonic()
        yield table(before, now, at - then)
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
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, justify in COLUMNS:
        result.add_column(name, justify=justify, no_wrap=True)
    for have in sorted(have for name, have in now if name == "ferrofeed_connection_up"):
        result.add_row(*_row(Look(before, now, seconds, have)))
    return result


@dataclass(frozen=True, slots=True)
class Look:
    """One connection between two scrapes."""

    before: Samples
    now: Samples
    seconds: float
    have: Labels

    def value(self, name: str) -> float:
        """A sample of the connection's own."""
        return self.now.get((name, self.have), 0.0)

    def speed(self, name: str) -> float:
        """How fast a counter grew, per second; one that started anew did not fall."""
        grown = self.value(name) - self.before.get((name, self.have), 0.0)
        return max(0.0, grown) / self.seconds

    def by(self, name: str, label: str) -> dict[str, float]:
        """The samples of a metric of the connection by one more label."""
        mine = set(self.have)
        return {
            dict(labels)[label]: value
            for (sample, labels), value in self.now.items()
            if sample == name and mine < set(labels)
        }


def _row(look: Look) -> list[str]:
    labels = dict(look.have)
    books = look.by("ferrofeed_books", "valid")
    phase = next((phase for phase, on in look.by("ferrofeed_session_phase", "phase").items() if on), "unknown")
    up = bool(look.value("ferrofeed_connection_up"))
    stage = labels | {"stage": "receive_to_decoded"}
    return [
        f"{labels['venue']}/{labels['connection']}",
        f"[{'green' if up and phase == 'live' else 'red'}]{phase}[/]",
        f"{look.value('ferrofeed_subscriptions_acknowledged'):.0f}/{look.value('ferrofeed_subscriptions_wanted'):.0f}",
        rate(look.speed("ferrofeed_messages_total")),
        rate(look.speed("ferrofeed_received_bytes_total") / 1e3),
        f"{sum(look.by('ferrofeed_messages_quarantined_total', 'reason').values()):.0f}",
        nanoseconds(quantile(look.before, look.now, stage, 0.5)),
        nanoseconds(quantile(look.before, look.now, stage, 0.99)),
        f"{books['true']:.0f}/{sum(books.values()):.0f}" if books else "-",
    ]
