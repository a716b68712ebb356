"""Write a report's figures into docs/performance.md: ``python -m benches.report reports/bench-….json``.

What stands between ``<!-- figures: NAME -->`` and ``<!-- end -->`` is written by this, never by hand; the picture too.
A part that the report has not keeps what stands there; machine, targets, settings and picture are those of
the last report that has the whole path.
"""

from __future__ import annotations

import re
import shutil
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches import record, stages, tables
from benches.contestants import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

DOCUMENT: Final = ROOT / "docs/performance.md"
PICTURE: Final = "performance.svg"
_MARKED: Final = re.compile(r"(<!-- figures: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column on the left, the others on the right."""
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def targets(report: dict[str, Any]) -> str:
    rows = []
    for one in report["targets"]:
        word = f"**{one['verdict']}**" if one["met"] is False else one["verdict"]
        rows.append(
            (
                one["what"],
                one["target"],
                one["figure"],
                one["spread"],
                f"{word}: {one['note']}" if one["note"] else word,
            )
        )
    return markdown(("what", "target", "figure", "rounds", "verdict"), rows)


def throughput(report: dict[str, Any], transport: str) -> str:
    rows = [row for row in report["throughput"] if row["transport"] == transport]
    if not rows:
        return ""
    loads = list(dict.fromkeys(row["load"] for row in rows))
    cells = {(row["contestant"], row["load"]): f"{row['median']:,.0f}" for row in rows}
    names = list(dict.fromkeys(row["contestant"] for row in rows))
    return markdown(
        ("receiver", *loads), ((_ours(name), *(cells.get((name, load), "-") for load in loads)) for name in names)
    )


def _ours(name: str) -> str:
    return f"**{name}**" if name == "ferrofeed" else name


def latency(report: dict[str, Any]) -> str:
    rows = []
    for delay in report["latency"]:
        labels = list(delay["corrected"])
        late = statistics.median(one["sender"]["p99"] for one in delay["rounds"])
        figures = (f"{delay['corrected'][label]:,.1f}" for label in labels)
        rows.append((f"{delay['load']}, {delay['rate']:,.0f}/s", delay["contestant"], *figures, f"{late:,.1f}"))
    if not rows:
        return ""
    return markdown(("load", "receiver", *report["latency"][0]["corrected"], "sender late, p99"), rows)


def growth(report: dict[str, Any]) -> str:
    rows = report["growth"]
    loads = list(dict.fromkeys(row["load"] for row in rows))
    cells = {
        (row["instruments"], row["connections"], row["load"]): f"{row['median']:,.0f} ({min(row['samples']):,.0f} … "
        f"{max(row['samples']):,.0f})"
        for row in rows
    }
    sizes = list(dict.fromkeys((row["instruments"], row["connections"]) for row in rows))
    if not sizes:
        return ""
    lines = ((f"{one:,}", f"{two}", *(cells.get((one, two, load), "-") for load in loads)) for one, two in sizes)
    return markdown(("instruments", "connections", *loads), lines)


def levels(report: dict[str, Any]) -> str:
    lines = []
    for row in report["levels"]:
        each = (f"{statistics.median(row[name]):,.0f}" if name in row else "-" for name in tables.LEVEL_PEERS)
        lines.append((row["kind"].removesuffix("s"), f"{row['levels']:,}", *each))
    return markdown(("work", "levels", *tables.LEVEL_PEERS), lines) if lines else ""


def books(report: dict[str, Any]) -> str:
    rows = report["books"]
    loads = list(dict.fromkeys(row["load"] for row in rows))
    cells = {(row["way"], row["load"]): f"{statistics.median(row['samples']):,.0f}" for row in rows}
    ways = dict.fromkeys(row["way"] for row in rows)
    return (
        markdown(("way", *loads), ((_ours(way), *(cells[way, load] for load in loads)) for way in ways)) if rows else ""
    )


def stage(report: dict[str, Any], key: str) -> str:
    if not report["stages"]:
        return ""
    lines = []
    for row in report["stages"]["rows"]:
        if key in row:
            parts = [row[key][name] for name in stages.STAGES]
            lines.append((row["load"], str(row["bytes"]), *(f"{part:,.0f}" for part in (*parts, sum(parts)))))
    if not lines:
        return f"Not counted: {report['stages']['without']}."
    return markdown(("message", "bytes", *stages.STAGES, "all"), lines)


def settings(report: dict[str, Any]) -> str:
    # where this checkout stands is nobody's business
    out = [f"- {one}".replace(f"{ROOT}/", "") for one in report["left_out"]]
    told = markdown(("contestant", "settings"), report["settings"].items())
    return told + ("\n\nLeft out of this run:\n\n" + "\n".join(out) if out else "")


def machine(report: dict[str, Any]) -> str:
    about = report["machine"]
    load = " ".join(f"{value:.2f}" for value in about["load_average"])
    after = " ".join(f"{value:.2f}" for value in about["load_average_after"])
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['date']}, size `{report['size']}`. {about['cpu']}, {about['cpus']} CPUs, "
        f"{about['system']} {about['kernel']}, "
        f"Python {about['python']}; load average before {load}, after {after}.\n\n{versions}."
    )


FIGURES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "machine": lambda report: machine(report) if report["throughput"] else "",
    "targets": lambda report: targets(report) if report["throughput"] else "",
    "throughput tcp": lambda report: throughput(report, "tcp"),
    "throughput tls": lambda report: throughput(report, "tls"),
    "latency": latency,
    "growth": growth,
    "levels": levels,
    "books": books,
    "stages": lambda report: stage(report, "stages_ns"),
    "instructions": lambda report: stage(report, "stages_instructions"),
    "settings": lambda report: settings(report) if report["throughput"] else "",
    "picture": lambda report: f"![CPU, latency, growth with levels]({PICTURE})" if report["throughput"] else "",
}


def written(
    document: str, report: dict[str, Any], figures: Mapping[str, Callable[[dict[str, Any]], str]] = FIGURES
) -> str:
    """The document with the report's figures. Raises ``ValueError`` for marks this does not know."""
    unknown = {name for _, name, _ in _MARKED.findall(document)} - set(figures)
    if unknown:
        raise ValueError(f"the document asks for figures that no report has: {', '.join(sorted(unknown))}")

    def put(mark: re.Match[str]) -> str:
        made = figures[mark[2]](report)
        return f"{mark[1]}{made}\n{mark[3]}" if made else mark[0]

    return _MARKED.sub(put, document)


def main(argv: Sequence[str]) -> int:
    """Write the document and its picture."""
    if len(argv) != 1:
        print("usage: python -m benches.report reports/bench-….json", file=sys.stderr)
        return 2
    source = Path(argv[0])
    report = record.read(source)
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), report), encoding="utf-8")
    drawn = source.with_suffix(".svg")
    if drawn.exists() and report["throughput"]:
        shutil.copyfile(drawn, DOCUMENT.parent / PICTURE)
    print(f"{DOCUMENT.relative_to(ROOT)} holds the figures of {source.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
