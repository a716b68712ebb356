"""A picture of a report that one reads at a glance: ``python -m benches.plot reports/bench-….json`` draws it again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS: Final = "#c2410c"
OTHERS: Final = "#94a3b8"
FLOOR: Final = "#cbd5e1"


def draw(report: dict[str, Any], stem: Path) -> list[Path]:
    """Write PNG and SVG; gives their paths, none where there is nothing to show."""
    settings = list(dict.fromkeys((row["load"], row["transport"]) for row in report["throughput"]))
    panels = len(settings) + bool(report["latency"])
    if not panels:
        return []
    most = max((len(_rows(report, setting)) for setting in settings), default=8)
    figure, axes = plt.subplots(
        panels, 1, figsize=(10, panels * (0.9 + 0.3 * most)), squeeze=False, layout="constrained"
    )
    for axis, setting in zip(axes[:, 0], settings, strict=False):
        _bars(axis, _rows(report, setting), f"{setting[0]} over {setting[1]}: CPU ns a message (less is better)")
    if report["latency"]:
        _curves(axes[-1, 0], report["latency"])
    about = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    figure.suptitle(f"{about['cpu']}, Python {about['python']}, {about['date']}\n{versions}", fontsize=8)
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        figure.savefig(path, dpi=150)
    plt.close(figure)
    return paths


def _rows(report: dict[str, Any], setting: tuple[str, str]) -> list[dict[str, Any]]:
    return [row for row in report["throughput"] if (row["load"], row["transport"]) == setting]


def _bars(axis: Axes, rows: list[dict[str, Any]], title: str) -> None:
    rows = sorted(rows, key=lambda row: row["median"], reverse=True)
    names = [row["contestant"] for row in rows]
    colours = [OURS if "ferrofeed" in name else FLOOR if "floor" in name else OTHERS for name in names]
    medians = [row["median"] for row in rows]
    low = [row["median"] - min(row["samples"]) for row in rows]
    high = [max(row["samples"]) - row["median"] for row in rows]
    axis.barh(names, medians, color=colours, xerr=[low, high], error_kw={"elinewidth": 1, "ecolor": "#334155"})
    for at, row in enumerate(rows):
        ratio = "" if row["ratio"] is None else f"  ({row['ratio']:.2f} x)"
        axis.text(max(row["samples"]) * 1.08, at, f"{row['median']:,.0f}{ratio}", va="center", fontsize=8)
    axis.set_xscale("log")
    axis.set_xlim(right=max(medians) * 6)
    axis.set_title(title, loc="left", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _curves(axis: Axes, delays: list[dict[str, Any]]) -> None:
    for delay in delays:
        labels = list(delay["corrected"])
        ours = "ferrofeed" in delay["contestant"]
        axis.plot(
            labels,
            [delay["corrected"][label] for label in labels],
            marker="o",
            linestyle="-" if ours else "--",
            label=f"{delay['contestant']}, {delay['load']} {delay['rate']:,.0f}/s",
        )
    axis.set_yscale("log")
    axis.set_title(
        "one-way latency to a Python callback, µs, corrected for coordinated omission", loc="left", fontsize=10
    )
    axis.legend(fontsize=7)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    for drawn in draw(json.loads(source.read_text(encoding="utf-8")), source.with_suffix("")):
        print(drawn)
