"""Figures as tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from ferrofeed.bench.latency import LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrofeed.bench.campaign import Delay, Row


USUAL_INSTRUMENTS: Final = 10
PAPER: Final = 160
"""Columns of a file."""


def console() -> Console:
    """For tables: wide enough where nobody looks at a terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=PAPER)


def machine(description: dict[str, Any]) -> str:
    """Two lines that every table belongs to."""
    versions = ", ".join(f"{name} {version}" for name, version in description["versions"].items())
    load = " ".join(f"{value:.2f}" for value in description["load_average"])
    return (
        f"{description['date']}  {description['cpu']}, {description['cpus']} CPUs, load {load}\n"
        f"{description['system']} {description['kernel']}, Python {description['python']}, {versions}"
    )


def throughput(rows: Sequence[Row]) -> Table:
    """A line for each contestant, a column for each setting: CPU ns a message, and the ratio to the reference."""
    table = Table(title="CPU of the receiving process, ns a message: socket → consumer", title_justify="left")
    table.add_column("receiver")
    settings = dict.fromkeys(_setting(row) for row in rows)
    for setting in settings:
        table.add_column(setting, justify="right")
    cells = {(row.contestant, _setting(row)): _cell(row) for row in rows}
    for contestant in dict.fromkeys(row.contestant for row in rows):
        table.add_row(contestant, *(cells.get((contestant, setting), "") for setting in settings))
    return table


def _setting(row: Row) -> str:
    words = [f"{row.load} {row.transport}"]
    if row.instruments != USUAL_INSTRUMENTS:
        words.append(f"{row.instruments} instr.")
    if row.connections != 1:
        words.append(f"{row.connections} conn.")
    return "\n".join(words)


def _cell(row: Row) -> str:
    return f"{row.median:,.0f}" if row.ratio is None else f"{row.median:,.0f}  {row.ratio:5.2f}x"


def delays(found: Sequence[Delay]) -> Table:
    """Latencies, corrected for coordinated omission: a section for each load and rate."""
    table = Table(
        title="one-way latency, µs: due at the sender → Python callback", title_justify="left", box=box.SIMPLE_HEAD
    )
    table.add_column("receiver", ratio=1)
    for label in LABELS:
        table.add_column(label, justify="right", no_wrap=True)
    table.add_column("sender\nlate, p99", justify="right", no_wrap=True)
    for load, rate in dict.fromkeys((delay.load, delay.rate) for delay in found):
        table.add_section()
        table.add_row(f"[bold]{load}, {rate:,.0f}/s")
        for delay in found:
            if (delay.load, delay.rate) == (load, rate):
                late = max(run["sender"]["p99"] for run in delay.rounds)
                values = (_us(delay.corrected[label]) for label in LABELS)
                table.add_row(delay.contestant, *values, _us(late))
    return table


def _us(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"  # noqa: PLR2004  # no more digits than they mean
