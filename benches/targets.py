"""The targets, each with its figure and its verdict. Pure: figures in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benches.contestants import DICT_BOOK, INLINE, POLLED, REFERENCE
from ferrofeed.bench.measure import FERROFEED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ferrofeed.bench.campaign import Delay, Row

CALLBACK = "ferrofeed, Python callback"
SCRAPED = "ferrofeed, Python callback, scraped"
TARGET_RATE = 10_000.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target, measured."""

    what: str
    target: str
    figure: str
    met: bool


def verdicts(
    rows: Sequence[Row],
    growth: Sequence[Row],
    found: Sequence[Delay],
    memory: dict[str, Any],
    signing: dict[str, float],
) -> list[Verdict]:
    """Every target that was measured."""
    return [
        *_against_peers(rows),
        *_latency(found),
        *_growth(growth),
        *_memory(memory),
        *_signing(signing),
    ]


def _against_peers(rows: Sequence[Row]) -> Iterator[Verdict]:
    medians = {(row.load, row.transport, row.contestant): row.median for row in rows}
    for load, part, times in (("quote", 0.5, 8.0), ("depth5", 0.8, 12.0)):
        ours = medians.get((load, "tcp", FERROFEED.name))
        frames, books = (medians.get((load, "tcp", name)) for name in (REFERENCE, DICT_BOOK))
        if ours and frames:
            ratio = ours / frames
            yield Verdict(f"{load}: CPU against {REFERENCE}", f"≤ {part} x", f"{ratio:.2f} x", ratio <= part)
        if ours and books:
            ratio = books / ours
            yield Verdict(f"{load}: cheaper than {DICT_BOOK}", f"≥ {times:g} x", f"{ratio:.1f} x", ratio >= times)


def _latency(found: Sequence[Delay]) -> Iterator[Verdict]:
    by_name = {(delay.load, delay.contestant): delay.corrected for delay in found if delay.rate == TARGET_RATE}
    for load in dict.fromkeys(load for load, _ in by_name):
        ours, theirs, scraped = (by_name.get((load, name)) for name in (CALLBACK, DICT_BOOK, SCRAPED))
        for name in (CALLBACK, INLINE, POLLED):
            times = by_name.get((load, name))
            if not (times and theirs):
                continue
            for label, limit in (("p50", 0.6), ("p99", 0.6), ("p99.9", 1.0)):
                ratio = times[label] / theirs[label]
                yield Verdict(
                    f"{load}, {TARGET_RATE:,.0f}/s: {label}, {name.removeprefix('ferrofeed, ')}, against {DICT_BOOK}",
                    f"≤ {limit} x",
                    f"{ratio:.2f} x ({times[label]:.1f} : {theirs[label]:.1f} µs)",
                    ratio <= limit,
                )
        if ours and scraped:
            more = scraped["p99.9"] / ours["p99.9"] - 1
            yield Verdict(f"{load}: p99.9 with a scrape every second", "≤ +10 %", f"{more:+.0%}", more <= 0.1)


def _growth(growth: Sequence[Row]) -> Iterator[Verdict]:
    for what, least, most in (("instruments", 1, 1000), ("connections", 1, 100)):
        others = {"instruments": "connections", "connections": "instruments"}[what]
        for load in dict.fromkeys(row.load for row in growth):
            by_size = {
                getattr(row, what): row.median for row in growth if row.load == load and getattr(row, others) == 1
            }
            if least in by_size and most in by_size:
                more = by_size[most] / by_size[least] - 1
                yield Verdict(
                    f"{load}: a message with {most} {what} instead of {least}", "± 10 %", f"{more:+.0%}", more <= 0.1
                )


def _memory(memory: dict[str, Any]) -> Iterator[Verdict]:
    if "grown_kb" in memory:
        grown = memory["grown_kb"] / 1024
        yield Verdict(f"memory over {memory['frames']:,} messages", "± 1 MB", f"{grown:+.2f} MB", abs(grown) <= 1.0)
    if "books_kb" in memory:
        size = memory["books_kb"] / 1024
        yield Verdict("resident memory of a process with 1,000 books", "≤ 60 MB", f"{size:.1f} MB", size <= 60.0)


def _signing(signing: dict[str, float]) -> Iterator[Verdict]:
    if signing:
        ratio = signing["ferrofeed"] / signing["hmac"]
        figure = f"{ratio:.2f} x ({signing['ferrofeed']:.0f} : {signing['hmac']:.0f} ns)"
        yield Verdict("HMAC-SHA256 hex against Python's hmac", "≤ 0.25 x", figure, ratio <= 0.25)
