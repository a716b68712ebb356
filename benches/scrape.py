"""What a scrape costs the data path: ``python -m benches.scrape [--seconds N] [--connections N] [--rate N]``.

A paced sender, a feed with a Python callback, and a scrape at the start of every second second. So seconds with one
and seconds without alternate within a run: what other work of the machine does to the one it does to the other. Three
contestants take turns: the exporter's process, the endpoint within the feed's process, and no scrape at all, whose
"difference" is what the method makes of noise. For each: delays (from when a frame was written to the callback) of
seconds of both kinds, the feed process' CPU time and context switches in them, how long a scrape took.

Percentiles are taken of each second and their medians compared, so that one burst of other work decides nothing. With a
rate of 100 or so the feed is nearly idle, and its CPU time alone shows what a scrape costs it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.table import Table

from benches.contestants import ROOT
from ferrofeed import _core
from ferrofeed.bench import machine, table
from ferrofeed.bench.measure import OURS, Contestant, Setting, measure, whole_blocks
from ferrofeed.bench.workload import build

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND: Final = 1_000_000_000
CONTESTANTS: Final = {
    "exporter process": (Contestant("exporter process", OURS, mode="scraped"), 2),
    "within the process": (Contestant("within the process", OURS, mode="scraped-within"), 2),
    "no scrape": (Contestant("no scrape", OURS, mode="scraped"), 0),
}
LONG_US: Final = (1_000.0, 5_000.0)
EARLY_S: Final = 0.1
"""What a scrape does it does at the beginning of its second."""
RESAMPLES: Final = 1_000


def pairs(run: dict[str, Any], window_s: float = 1.0) -> list[Any]:
    """Delays, microseconds, of each second with a scrape and of the one that follows it; of its beginning only."""
    _, sent, got = run["stamps"]
    edges = [edge["at_ns"] for edge in run["scrapes"]["edges"]]
    delay = (got - sent) / 1e3
    window = int(window_s * SECOND)
    found = []
    # the first pair warms up; an incomplete one at the end is left out
    for first in range(2, len(edges) - 2, 2):
        kinds = [
            delay[(sent >= edges[at]) & (sent < min(edges[at + 1], edges[at] + window)) & (got != 0)]
            for at in (first, first + 1)
        ]
        if all(map(len, kinds)):
            found.append(tuple(kinds))
    return found


def used(run: dict[str, Any], key: str) -> tuple[list[float], list[float]]:
    """What the process used of something in the seconds of both kinds."""
    edges = run["scrapes"]["edges"]
    steps = [(new[key] - old[key]) * SECOND / (new["at_ns"] - old["at_ns"]) for old, new in pairwise(edges)]
    return steps[2::2], steps[3::2]


def typical(found: Sequence[Any], percentile: float) -> list[float]:
    """The median over the seconds of each kind of a percentile of the second."""
    return [statistics.median(float(np.percentile(pair[side], percentile)) for pair in found) for side in (0, 1)]


def interval(found: Sequence[Any], percentile: float) -> tuple[float, float]:
    """Where the ratio of :func:`typical` lies in 90 of 100 cases, pairs of seconds being drawn again and again ."""
    rng = random.Random(1)
    each = [[float(np.percentile(side, percentile)) for side in pair] for pair in found]
    ratios = []
    for _ in range(RESAMPLES):
        drawn = rng.choices(each, k=len(each))
        scraped, free = (statistics.median(pair[side] for pair in drawn) for side in (0, 1))
        ratios.append(scraped / free)
    ratios.sort()
    return ratios[RESAMPLES // 20], ratios[-RESAMPLES // 20]


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything to be said of one contestant."""
    found = list(chain.from_iterable(map(pairs, runs)))
    early = list(chain.from_iterable(pairs(run, EARLY_S) for run in runs))
    cpu, switches, preempted = (
        [list(chain.from_iterable(used(run, key)[side] for run in runs)) for side in (0, 1)]
        for key in ("cpu_ns", "switches", "preempted")
    )
    seconds = list(chain.from_iterable(run["scrapes"]["seconds"] for run in runs))
    sizes = list(chain.from_iterable(run["scrapes"]["sizes"] for run in runs))
    return {
        "pairs": len(found),
        "frames": [sum(len(pair[side]) for pair in found) for side in (0, 1)],
        "p50": typical(found, 50),
        "p99": typical(found, 99),
        "p99.9": typical(found, 99.9),
        "interval": interval(found, 99.9),
        "early_p99": typical(early, 99),
        "long": {
            limit: [sum(int((pair[side] > limit).sum()) for pair in found) for side in (0, 1)] for limit in LONG_US
        },
        "early_long": {
            limit: [sum(int((pair[side] > limit).sum()) for pair in early) for side in (0, 1)] for limit in LONG_US
        },
        "cpu_ms": [statistics.median(side) / 1e6 for side in cpu],
        "switches": [statistics.median(side) for side in switches],
        "preempted": [statistics.median(side) for side in preempted],
        "scrape_ms": 1e3 * statistics.median(seconds or [0.0]),
        "scrape_bytes": max(sizes, default=0),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benches.scrape", description="What a scrape costs the data path.")
    parser.add_argument("--seconds", type=int, default=20, help="of each run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=10_000.0)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--load", default="quote")
    args = parser.parse_args(argv)
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    pinning = machine.pinning()
    if pinning.sender is not None:
        os.sched_setaffinity(0, {pinning.sender})  # the scraper keeps off the receiver's CPU, as another machine would
    frames = whole_blocks(int(args.rate * args.seconds), build(args.load))
    setting = Setting(args.load, frames, connections=args.connections, rate=args.rate)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for number in range(args.rounds):
        for name, (contestant, every) in CONTESTANTS.items():
            print(f"{name} ({number + 1}/{args.rounds})", file=sys.stderr, flush=True)
            runs[name].append(measure(contestant, setting, pinning, scrape_every=every))
    found = {name: summary(done) for name, done in runs.items()}
    console = table.console()
    console.print(table.machine(machine.describe()), highlight=False)
    console.print(show(found))
    out = ROOT / "reports"
    out.mkdir(exist_ok=True)
    (out / "scrape.json").write_text(json.dumps({"machine": machine.describe(), **found}, indent=1) + "\n")
    return 0


def show(found: dict[str, dict[str, Any]]) -> Table:
    """A column a contestant; two numbers are of the seconds with a scrape and of those without."""
    result = Table(title="seconds with a scrape : seconds without", title_justify="left")
    result.add_column("")
    for name in found:
        result.add_column(name, justify="right")

    def row(title: str, key: str, form: str) -> None:
        result.add_row(title, *(" : ".join(format(number, form) for number in one[key]) for one in found.values()))

    result.add_row("pairs of seconds", *(f"{one['pairs']}" for one in found.values()))
    row("frames", "frames", ",d")
    for key in ("p50", "p99", "p99.9"):
        row(f"{key} of a second, µs", key, ",.0f")
    result.add_row("p99.9, difference", *(f"{one['p99.9'][0] / one['p99.9'][1] - 1:+.0%}" for one in found.values()))
    result.add_row(
        "  in 90 of 100 cases",
        *(" … ".join(f"{bound - 1:+.0%}" for bound in one["interval"]) for one in found.values()),
    )
    row(f"p99 of the first {EARLY_S:g} s, µs", "early_p99", ",.0f")
    for title, key in (("", "long"), (f" in the first {EARLY_S:g} s", "early_long")):
        for limit in LONG_US:
            result.add_row(
                f"delays > {limit:,.0f} µs{title}",
                *(" : ".join(f"{count:,}" for count in one[key][limit]) for one in found.values()),
            )
    row("CPU of the feed's process, ms/s", "cpu_ms", ",.2f")
    row("its context switches/s", "switches", ",.0f")
    row("of these not asked for/s", "preempted", ",.0f")
    result.add_row("a scrape, ms", *(f"{one['scrape_ms']:,.1f}" for one in found.values()))
    result.add_row("an answer, bytes", *(f"{one['scrape_bytes']:,}" for one in found.values()))
    return result


if __name__ == "__main__":
    sys.exit(main())
