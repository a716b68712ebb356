"""The figures of a record of :mod:`benches.orders`, as tables. Pure: a record in, lines out."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final

from benches.order_ways import FAST_PEER, OURS, PLAIN_PEER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Rows = list[list[str]]
    Shown = tuple[str, Sequence[str], Rows]
    """Title, head, rows."""

FORMAT: Final = 1
"""Of the record."""
PERCENTILES: Final = (50.0, 99.0, 99.9, 100.0)
LABELS: Final = ("p50", "p99", "p99.9", "max")
FIRST: Final = "after a pause"
"""Beside them: the median of the first call after each pause."""
CPU: Final = "CPU"
"""Beside them: this thread's, of a call in the middle batch."""
RATIOS: Final = ("p50", "p99", FIRST, CPU)
TARGET_NS: Final = 10_000
"""``place`` without fsync, p99."""
TARGET_RECOVERY_S: Final = 2.0
TARGET_ENTRIES: Final = 1_000_000


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of the rounds, figure by figure."""
    return {label: statistics.median(one[label] for one in rounds) for label in rounds[0]}


def targets(report: dict[str, Any]) -> Shown:
    """What is wanted, and what was found."""
    rows: Rows = []
    found = _rounds(report, OURS)
    if found:
        p99 = [one["p99"] for one in found]
        figure = statistics.median(p99)
        rows.append(
            [
                f"Orders.place, journal with {OURS.partition(', ')[2]}: p99",
                f"≤ {TARGET_NS / 1000:g} µs",
                _us(figure),
                _between(min(p99) / 1e3, max(p99) / 1e3, " µs"),
                _verdict(met=figure <= TARGET_NS),
            ]
        )
    if "recovery" in report:
        one = report["recovery"]
        seconds = [value / 1e9 for value in one["recovered_ns"]]
        figure = statistics.median(seconds)
        rows.append(
            [
                f"start from a journal of {one['entries']:,} entries",
                f"≤ {TARGET_RECOVERY_S:g} s",
                f"{figure:.3f} s",
                f"{min(seconds):.3f} … {max(seconds):.3f} s",
                _verdict(met=figure <= TARGET_RECOVERY_S and one["entries"] >= TARGET_ENTRIES),
            ]
        )
    return "targets", ("what", "target", "figure", "rounds", "verdict"), rows


def place(report: dict[str, Any]) -> Shown:
    """Each way's percentiles, in µs."""
    rows = [
        [one["way"], *(_us(value) for value in medians(one["rounds"]).values())]
        for one in report.get("place", {"ways": ()})["ways"]
    ]
    return "one call of place, with its write to the socket", ("way", *LABELS, FIRST, CPU), rows


def ratios(report: dict[str, Any]) -> Shown:
    """Ours, with a journal, beside what is written by hand: of each round, and the median of them."""
    rows: Rows = []
    ours = _rounds(report, OURS)
    for peer in (FAST_PEER, PLAIN_PEER):
        theirs = _rounds(report, peer)
        if ours and theirs:
            row = [f"{OURS} : {peer}"]
            for label in RATIOS:
                each = [one[label] / other[label] for one, other in zip(ours, theirs, strict=True)]
                row.append(f"{statistics.median(each):.2f} ({_between(min(each), max(each))})")
            rows.append(row)
    return "time against code by hand, round by round", ("ways", *RATIOS), rows


def stages(report: dict[str, Any]) -> Shown:
    """What the core measures of itself, in µs, over all rounds."""
    rows = [
        [way, stage, *(_us(values[label]) for label in LABELS)]
        for way, found in report.get("place", {}).get("stages", {}).items()
        for stage, values in found.items()
    ]
    return "stages inside the core", ("way", "stage", *LABELS), rows


def paper(report: dict[str, Any]) -> Shown:
    """Round trips, in µs."""
    rows = [
        [one["what"], *(_us(value) for value in medians(one["rounds"]).values())]
        for one in report.get("paper", {"trips": ()})["trips"]
    ]
    return "paper exchange, from Python and back", ("round trip", *LABELS), rows


def router(report: dict[str, Any]) -> Shown:
    """Criterion's estimates, in ns."""
    rows = [
        [*one["name"].partition("/")[::2], f"{one['ns']:,.0f}", f"{one['low_ns']:,.0f} … {one['high_ns']:,.0f}"]
        for one in report.get("router", ())
    ]
    return "the router in Rust, ns an order", ("what", "venue", "ns", "95 %"), rows


def recovery(report: dict[str, Any]) -> Shown:
    """A start, in seconds."""
    one = report.get("recovery")
    rows: Rows = []
    if one:
        for what, key in (("entries read and checked", "read_ns"), ("opened and replayed", "recovered_ns")):
            best, middle = min(one[key]) / 1e9, statistics.median(one[key]) / 1e9
            rows.append([what, f"{best:.3f} s", f"{middle:.3f} s", f"{one['entries'] / middle:,.0f}"])
    return "start from a journal", ("what", "best", "median", "entries/s"), rows


def _rounds(report: dict[str, Any], way: str) -> list[dict[str, float]]:
    for one in report.get("place", {"ways": ()})["ways"]:
        if one["way"] == way:
            rounds: list[dict[str, float]] = one["rounds"]
            return rounds
    return []


def _us(ns: float) -> str:
    return f"{ns / 1e3:,.2f} µs"


def _between(least: float, most: float, unit: str = "") -> str:
    return f"{least:.2f} … {most:.2f}{unit}"


def _verdict(*, met: bool) -> str:
    return "met" if met else "missed"


TABLES: Final[tuple[Callable[[dict[str, Any]], Shown], ...]] = (
    targets,
    place,
    ratios,
    stages,
    paper,
    router,
    recovery,
)


def tables(report: dict[str, Any]) -> Iterator[Shown]:
    """Every table that the record has figures for."""
    for make in TABLES:
        shown = make(report)
        if shown[2]:
            yield shown
