"""A picture of a report that one reads at a glance: ``python -m benches.plot reports/bench-….json`` draws it again.

Two loads as bars, what a callback waits for, what a deep book costs. Everything else is in the tables.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from benches import record
from benches.contestants import CRYPTOFEED, DICT_BOOK, NAUTILUS, POLLED
from benches.targets import CALLBACK, TARGET_RATE
from ferrofeed.bench import workload
from ferrofeed.bench.measure import FERROFEED

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

OURS: Final = "#c2410c"
OURS_TOO: Final = "#fdba74"
SAME_WORK: Final = "#64748b"
LESS_WORK: Final = "#dbe2ea"
INK: Final = "#1e293b"
QUIET: Final = "#64748b"
UNREAD: Final = ("raw recv (floor)", "picows, empty listener", "picows + memoryview")
"""Who parses nothing and keeps no book."""
TITLES: Final = {"quote": "Quote", "depth5": "Order book, 5 x 5 levels"}
TITLE: Final[dict[str, Any]] = {"ha": "left", "va": "top", "fontsize": 16, "fontweight": "bold"}
HEAD: Final = 0.75
"""Inches of the title and the key."""
KEY: Final = (
    (OURS, "ferrofeed: frames, events, books, histograms"),
    (OURS_TOO, "ferrofeed, and a consumer"),
    (SAME_WORK, "others: parse the message, keep the book"),
    (LESS_WORK, "hand bytes or frames over unread"),
)
WAITING: Final = (CALLBACK, POLLED, DICT_BOOK, CRYPTOFEED, NAUTILUS)
"""Whose latency is shown: enough to compare, few enough to read."""
LEAST: Final = 10
"""ns where every bar begins: a logarithm has no zero."""
STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#cbd5e1",
    "axes.labelcolor": QUIET,
    "axes.titlecolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "ferrofeed",
}
COMMAS: Final = FuncFormatter(lambda value, _at: f"{value:,.0f}")


def draw(report: dict[str, Any], stem: Path) -> list[Path]:
    """Write PNG and SVG; gives their paths, none where there is nothing to show."""
    loads = {
        load: [row for row in report["throughput"] if (row["load"], row["transport"]) == (load, "tcp")]
        for load in TITLES
    }
    loads = {load: rows for load, rows in loads.items() if rows}
    delays = [one for one in report["latency"] if one["rate"] == TARGET_RATE and one["contestant"] in WAITING]
    delays = [one for one in delays if one["load"] == delays[0]["load"]]
    deltas = [row for row in report["levels"] if row["kind"] == "deltas"]
    lines: list[Callable[[Axes], None]] = []
    if delays:
        lines.append(lambda axis: _latency(axis, delays))
    if deltas:
        lines.append(lambda axis: _levels(axis, deltas))
    heights = [height for height, there in ((6.2, loads), (4.4, lines)) if there]
    if not heights:
        return []
    with mpl.rc_context(STYLE):
        heights = [HEAD, *heights]
        figure = plt.figure(figsize=(13, sum(heights) + 0.5), layout="constrained")
        parts = list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
        _head(parts[0])
        if loads:
            _all_bars(parts[1], loads)
        if lines:
            for axis, line in zip(parts[-1].subplots(1, len(lines), squeeze=False)[0], lines, strict=True):
                line(axis)
        figure.supxlabel(_about(report["machine"]), x=0.01, ha="left", fontsize=7.5, color=QUIET)
        paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
        for path in paths:
            figure.savefig(path, dpi=130, facecolor="white")
        plt.close(figure)
    return paths


def _all_bars(part: SubFigure, loads: dict[str, list[dict[str, Any]]]) -> None:
    """The loads side by side, contestants in one order, on one scale."""
    first = next(iter(loads.values()))
    order = [row["contestant"] for row in sorted(first, key=lambda row: row["median"], reverse=True)]
    most = max(row["median"] for rows in loads.values() for row in rows)
    axes = part.subplots(1, len(loads), squeeze=False, sharey=True)[0]
    for axis, (load, rows) in zip(axes, loads.items(), strict=True):
        _bars(axis, sorted(rows, key=lambda row: order.index(row["contestant"])))
        axis.set_title(f"{TITLES[load]}, {workload.build(load).mean_bytes:.0f} bytes of JSON")
        axis.set_xlim(LEAST, most * 4)


def _head(part: SubFigure) -> None:
    part.text(0.01, 0.98, "From the socket to the order book: what one message costs", **TITLE)
    part.legend(
        handles=[Patch(color=colour, label=label) for colour, label in KEY],
        loc="lower left",
        ncols=len(KEY),
        frameon=False,
        fontsize=10,
        handlelength=1.2,
        handleheight=1.0,
        columnspacing=2.0,
        borderaxespad=0.2,
    )


def _about(machine: dict[str, Any]) -> str:
    peers = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    half = peers.rfind(", ", 0, len(peers) * 2 // 3)
    return (
        f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']} {machine['kernel']}, "
        f"Python {machine['python']}, {machine['date'][:10]}. Whiskers: least and most of the rounds."
        f"\n{peers[: half + 1]}\n{peers[half + 2 :]}"
    )


def _bars(axis: Axes, rows: list[dict[str, Any]]) -> None:
    for at, row in enumerate(rows):
        name, median, samples = row["contestant"], row["median"], row["samples"]
        plain = name == FERROFEED.name
        colour = OURS if plain else OURS_TOO if "ferrofeed" in name else LESS_WORK if name in UNREAD else SAME_WORK
        whisker = [[median - min(samples)], [max(samples) - median]]
        axis.barh(at, median, color=colour, height=0.72, xerr=whisker, error_kw={"elinewidth": 1, "ecolor": INK})
        axis.text(
            max(samples) * 1.12,
            at,
            f"{median:,.0f} ns",
            va="center",
            fontsize=11 if plain else 8.5,
            fontweight="bold" if plain else "normal",
            color=OURS if plain else INK,
        )
    axis.set_yticks(range(len(rows)), [row["contestant"] for row in rows])
    for label in axis.get_yticklabels():
        if label.get_text() == FERROFEED.name:
            label.set(color=OURS, fontweight="bold", fontsize=11)
        elif label.get_text() in UNREAD:
            label.set(color=QUIET, fontstyle="italic")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(COMMAS)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.grid(axis="x", color="#eef2f6")
    axis.set_axisbelow(True)
    axis.tick_params(axis="both", length=0)
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("CPU ns a message; each line is ten times the one before. Shorter is better")


def _latency(axis: Axes, delays: list[dict[str, Any]]) -> None:
    ends = []
    for delay in delays:
        labels = list(delay["corrected"])
        values = [delay["corrected"][label] for label in labels]
        ours = delay["contestant"] == CALLBACK
        colour = OURS if ours else OURS_TOO if "ferrofeed" in delay["contestant"] else SAME_WORK
        axis.plot(labels, values, marker="o", color=colour, linewidth=2.5 if ours else 1.5, zorder=3 if ours else 2)
        ends.append((values[-1], delay["contestant"], colour))
    labels = list(delays[0]["corrected"])
    runs = [run for delay in delays for run in delay["rounds"]]
    late = [statistics.median(run["sender"][label] for run in runs) for label in labels]
    axis.fill_between(labels, [max(value, 0.1) for value in late], 0.1, color=LESS_WORK, zorder=1)
    axis.set_yscale("log")
    # room above the worst, where the names of all stand one over the other
    axis.set_ylim(bottom=0.1, top=10 * max(end[0] for end in ends))
    axis.text(len(labels) - 0.9, 0.13, "grey: how late\nthe sender itself was", fontsize=8, color=QUIET, va="bottom")
    _at_the_end(axis, ends, len(labels) - 1)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,g}"))
    axis.margins(x=0.02)
    axis.set_xlim(right=len(labels) - 1 + 1.6)
    axis.set_title(f"Waiting time to a Python callback, {delays[0]['rate']:,.0f} messages a second")
    axis.set_ylabel("µs from when a message was due · lower is better")
    axis.grid(axis="y", color="#eef2f6")
    axis.set_axisbelow(True)


def _levels(axis: Axes, rows: list[dict[str, Any]]) -> None:
    ends = []
    for name, colour in ((FERROFEED.name, OURS), ("BTreeMap", SAME_WORK), ("order_book", "#94a3b8")):
        there = [row for row in rows if name in row]
        if there:
            depths = [row["levels"] for row in there]
            values = [statistics.median(row[name]) for row in there]
            axis.plot(depths, values, marker="o", color=colour, linewidth=2.5 if name == FERROFEED.name else 1.5)
            ends.append((values[-1], {"order_book": "order_book (cryptofeed)"}.get(name, name), colour))
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(COMMAS)
    axis.set_xticks([row["levels"] for row in rows])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_ylim(bottom=0)
    _at_the_end(axis, ends, rows[-1]["levels"])
    axis.set_xlim(right=rows[-1]["levels"] * 40)
    axis.set_title("One change of a book, by its depth")
    axis.set_xlabel("levels a side")
    axis.set_ylabel("ns a change, the book alone · lower is better")
    axis.grid(axis="y", color="#eef2f6")
    axis.set_axisbelow(True)


def _at_the_end(axis: Axes, ends: list[tuple[float, str, str]], where: float) -> None:
    """A line's name at its last point; names that would touch are pushed apart."""
    used: list[float] = []
    for value, name, colour in sorted(ends):
        _, high = axis.transData.transform((where, value))
        while any(abs(high - other) < 14 for other in used):
            high += 2
        used.append(high)
        _, level = axis.transData.inverted().transform((0, high))
        axis.annotate(
            name,
            (where, level),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontweight="bold" if colour == OURS else "normal",
        )


if __name__ == "__main__":
    source = Path(sys.argv[1])
    for drawn in draw(record.read(source), source.with_suffix("")):
        print(drawn)
