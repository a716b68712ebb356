"""A report's figures as tables for a terminal of 80 columns or more: ``python -m benches.tables REPORT.json``."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

from benches import record, stages
from ferrofeed.bench import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from benches.record import Results
    from benches.targets import Verdict
    from ferrofeed.bench.campaign import Row

COLOURS = {"met": "green", "missed": "red", "no verdict": "yellow"}
SETTINGS = 4
"""Of the throughput's columns in one table; more would break their figures in a narrow terminal."""


def every(results: Results) -> Iterator[RenderableType]:
    """A table for each part that was measured, the targets last."""
    for some in _groups(results.throughput):
        yield table.throughput(some)
    for load in dict.fromkeys(row.load for row in results.growth):
        yield growth([row for row in results.growth if row.load == load])
    if results.levels:
        yield levels(results.levels)
    if results.books:
        yield books(results.books)
    if results.stages:
        yield stage_table(results.stages["rows"], "stages_ns", "CPU ns a message, stage by stage (in process)")
        if any("stages_instructions" in row for row in results.stages["rows"]):
            yield stage_table(results.stages["rows"], "stages_instructions", "instructions a message, stage by stage")
        elif results.stages["without"]:
            yield Text(f"no instructions: {results.stages['without']}\n")
    if results.latency:
        yield table.delays(results.latency)
    yield targets(results.verdicts())


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    settings = list(dict.fromkeys((row.load, row.transport) for row in rows))
    for start in range(0, len(settings), SETTINGS):
        some = settings[start : start + SETTINGS]
        yield [row for row in rows if (row.load, row.transport) in some]


def _table(title: str, first: str, *others: str) -> Table:
    made = Table(title=title, title_justify="left")
    made.add_column(first)
    for name in others:
        made.add_column(name, justify="right")
    return made


def growth(rows: Sequence[Row]) -> Table:
    """One load: a line for each number of instruments and connections."""
    made = _table(f"growth: ferrofeed, {rows[0].load}", "instruments x connections", "CPU ns a message", "rounds")
    for row in rows:
        made.add_row(
            f"{row.instruments:,} x {row.connections}",
            f"{row.median:,.0f}",
            f"{min(row.samples):,.0f} … {max(row.samples):,.0f}",
        )
    return made


def levels(rows: Sequence[dict[str, Any]]) -> Table:
    """A line for each kind of work and depth."""
    made = _table(
        "growth with levels: ns an operation on the book alone", "work", "ferrofeed", "BTreeMap", "order_book"
    )
    for row in rows:
        cells = (f"{statistics.median(row[name]):,.0f}" if name in row else "" for name in LEVEL_PEERS)
        made.add_row(f"{row['kind'].removesuffix('s')}, {row['levels']:,} levels", *cells)
    return made


LEVEL_PEERS = ("ferrofeed", "BTreeMap", "order_book")


def books(rows: Sequence[dict[str, Any]]) -> Table:
    """A line for each way, a column for each load."""
    loads = list(dict.fromkeys(row["load"] for row in rows))
    made = _table("in process, payload → book: CPU ns a message", "way", *loads)
    cells = {(row["way"], row["load"]): f"{statistics.median(row['samples']):,.0f}" for row in rows}
    for way in dict.fromkeys(row["way"] for row in rows):
        made.add_row(way, *(cells[way, load] for load in loads))
    return made


def stage_table(rows: Sequence[dict[str, Any]], key: str, title: str) -> Table:
    """A line for each load, a column for each stage, and the sum."""
    made = _table(title, "load", "bytes", *stages.STAGES, "all")
    for row in rows:
        if key in row:
            parts = [row[key][stage] for stage in stages.STAGES]
            made.add_row(row["load"], f"{row['bytes']}", *(f"{part:,.0f}" for part in (*parts, sum(parts))))
    return made


def targets(found: Sequence[Verdict]) -> Table:
    """Each target with its figure, the rounds' spread and the verdict."""
    made = Table(title="targets", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("what")
    for name in ("target", "figure", "rounds"):
        made.add_column(name, no_wrap=name == "rounds")
    made.add_column("verdict", no_wrap=True)
    for one in found:
        figure = f"{one.figure}; {one.note}" if one.note else one.figure
        made.add_row(one.what, one.target, figure, one.spread, f"[{COLOURS[one.word]}]{one.word}")
    return made


if __name__ == "__main__":
    report = record.read(Path(sys.argv[1]))
    console = table.console()
    console.print(table.machine(report["machine"]), highlight=False)
    for shown in every(record.results(report)):
        console.print(shown)
