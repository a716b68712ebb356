"""The targets, each with its figure, how far its rounds lie apart, and its verdict. Pure: figures in, lines out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benches.contestants import DICT_BOOK, INLINE, POLLED, REFERENCE
from ferrofeed.bench.measure import FERROFEED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ferrofeed.bench.campaign import Delay, Row

CALLBACK: Final = "ferrofeed, Python callback"
SCRAPED: Final = "ferrofeed, Python callback, scraped"
TARGET_RATE: Final = 10_000.0
SENDER_SHARE: Final = 0.25
"""A sender that was itself late by more than so much of the smaller figure at that percentile spoils the comparison."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target, measured."""

    what: str
    target: str
    figure: str
    met: bool | None
    """None: no verdict, the reason is in ``note``."""
    spread: str = ""
    """The least and the most of the rounds."""
    note: str = ""

    @property
    def word(self) -> str:
        """For a table."""
        return {True: "met", False: "missed", None: "no verdict"}[self.met]


def verdicts(
    *,
    rows: Sequence[Row],
    growth: Sequence[Row],
    delays: Sequence[Delay],
    memory: dict[str, Any],
    signing: Mapping[str, Sequence[float]],
    batches: dict[str, Any],
) -> list[Verdict]:
    """Every target that was measured, in the order of the table of targets."""
    return [
        *_against_peers(rows),
        *_latency(delays),
        *_growth(growth),
        *_memory(memory),
        *_signing(signing),
        *_scraped(delays),
        *_batches(batches),
    ]


def paired(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """The least and the most of the rounds' ratios; they took turns, so one round's two samples belong together."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=False)]
    return min(ratios), max(ratios)


def _spread(ours: Sequence[float], theirs: Sequence[float], digits: int = 2) -> str:
    least, most = paired(ours, theirs)
    return f"{least:.{digits}f} … {most:.{digits}f}"


def _against_peers(rows: Sequence[Row]) -> Iterator[Verdict]:
    by_name = {(row.load, row.transport, row.contestant): row for row in rows}
    for load, part, times in (("quote", 0.5, 8.0), ("depth5", 0.8, 12.0)):
        ours = by_name.get((load, "tcp", FERROFEED.name))
        frames, books = (by_name.get((load, "tcp", name)) for name in (REFERENCE, DICT_BOOK))
        if ours and frames:
            ratio = ours.median / frames.median
            yield Verdict(
                f"{load}: CPU against {REFERENCE}",
                f"≤ {part} x",
                f"{ratio:.2f} x ({ours.median:,.0f} : {frames.median:,.0f} ns)",
                ratio <= part,
                _spread(ours.samples, frames.samples),
            )
        if ours and books:
            ratio = books.median / ours.median
            yield Verdict(
                f"{load}: cheaper than {DICT_BOOK}",
                f"≥ {times:g} x",
                f"{ratio:.1f} x ({ours.median:,.0f} : {books.median:,.0f} ns)",
                ratio >= times,
                _spread(books.samples, ours.samples, 1),
            )


def _rounds(delay: Delay, label: str, what: str = "corrected") -> list[float]:
    return [one[what][label] for one in delay.rounds]


def sender_late(label: str, *delays: Delay) -> float:
    """How late the sender itself was at this percentile, µs: the median of the rounds, of the worse run."""
    return max(statistics.median(_rounds(delay, label, "sender") or [0.0]) for delay in delays)


def _compared(what: str, label: str, limit: float, *, ours: Delay, theirs: Delay) -> Verdict:
    """Ours against theirs at one percentile; no verdict where the sender decides it."""
    mine, other = ours.corrected[label], theirs.corrected[label]
    ratio, late = mine / other, sender_late(label, ours, theirs)
    spoilt = late > SENDER_SHARE * min(mine, other)
    return Verdict(
        what,
        f"≤ {limit:.1f} x",
        f"{ratio:.2f} x ({mine:,.0f} : {other:,.0f} µs)",
        None if spoilt else ratio <= limit,
        _spread(_rounds(ours, label), _rounds(theirs, label)) if ours.rounds and theirs.rounds else "",
        f"the sender itself was {late:,.0f} µs late" if spoilt else "",
    )


def _paced(found: Sequence[Delay]) -> Iterator[tuple[str, dict[str, Delay]]]:
    here = [delay for delay in found if delay.rate == TARGET_RATE]
    for load in dict.fromkeys(delay.load for delay in here):
        yield load, {delay.contestant: delay for delay in here if delay.load == load}


def _latency(found: Sequence[Delay]) -> Iterator[Verdict]:
    for load, by_name in _paced(found):
        theirs = by_name.get(DICT_BOOK)
        for name in (CALLBACK, INLINE, POLLED):
            ours = by_name.get(name)
            if not (ours and theirs):
                continue
            for label, limit in (("p50", 0.6), ("p99", 0.6), ("p99.9", 1.0)):
                way = name.removeprefix("ferrofeed, ")
                what = f"{load}, {TARGET_RATE:,.0f}/s: {label}, {way}, against {DICT_BOOK}"
                yield _compared(what, label, limit, ours=ours, theirs=theirs)


def _scraped(found: Sequence[Delay]) -> Iterator[Verdict]:
    for load, by_name in _paced(found):
        ours, scraped = by_name.get(CALLBACK), by_name.get(SCRAPED)
        if ours and scraped:
            what = f"{load}, {TARGET_RATE:,.0f}/s: p99.9 with a scrape every second"
            yield _compared(what, "p99.9", 1.1, ours=scraped, theirs=ours)


def _growth(growth: Sequence[Row]) -> Iterator[Verdict]:
    for what, least, most in (("instruments", 1, 1000), ("connections", 1, 100)):
        others = {"instruments": "connections", "connections": "instruments"}[what]
        for load in dict.fromkeys(row.load for row in growth):
            by_size = {getattr(row, what): row for row in growth if row.load == load and getattr(row, others) == 1}
            if least in by_size and most in by_size:
                few, many = by_size[least], by_size[most]
                more = many.median / few.median - 1
                low, high = paired(many.samples, few.samples)
                yield Verdict(
                    f"{load}: a message with {most:,} {what} instead of {least}",
                    "≤ +10 %",
                    f"{more:+.0%} ({few.median:,.0f} → {many.median:,.0f} ns)",
                    more <= 0.1,
                    f"{low - 1:+.0%} … {high - 1:+.0%}",
                )


def _memory(memory: dict[str, Any]) -> Iterator[Verdict]:
    if "grown_kb" in memory:
        grown = memory["grown_kb"] / 1024
        yield Verdict(f"memory over {memory['frames']:,} messages", "± 1 MB", f"{grown:+.2f} MB", abs(grown) <= 1.0)
    if "books_kb" in memory:
        size = memory["books_kb"] / 1024
        yield Verdict("resident memory of a process with 1,000 books", "≤ 60 MB", f"{size:.1f} MB", size <= 60.0)


def _signing(signing: Mapping[str, Sequence[float]]) -> Iterator[Verdict]:
    if signing:
        ours, theirs = (statistics.median(signing[name]) for name in ("ferrofeed", "hmac"))
        ratio = ours / theirs
        figure = f"{ratio:.2f} x ({ours:,.0f} : {theirs:,.0f} ns)"
        spread = _spread(signing["ferrofeed"], signing["hmac"])
        yield Verdict("HMAC-SHA256 hex against Python's hmac", "≤ 0.25 x", figure, ratio <= 0.25, spread)


def _batches(batches: dict[str, Any]) -> Iterator[Verdict]:
    if batches:
        copied = f"{batches['copied_bytes']} bytes copied of {batches['events']:,} events"
        yield Verdict("a batch to NumPy", "zero copy", copied, batches["view"] and not batches["copied_bytes"])
        every = f"{batches['touched']:,.0f} when all {batches['events']:,} are touched"
        figure = f"{batches['blocks']:,.0f} memory blocks a batch, {every}"
        yield Verdict(
            "per-event Python objects", "only when touched", figure, batches["blocks"] < batches["events"] / 100
        )
