"""A report: everything measured, the machine, the versions, every raw sample, in one JSON file with its picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from benches.contestants import ENTRIES
from benches.targets import Verdict, verdicts
from ferrofeed.bench.campaign import Delay, Row

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 2
"""Of the JSON file; a reader of another one can't know what it holds."""


@dataclass(slots=True)
class Results:
    """Everything measured; what was not asked for is empty."""

    throughput: list[Row] = field(default_factory=list)
    latency: list[Delay] = field(default_factory=list)
    growth: list[Row] = field(default_factory=list)
    levels: list[dict[str, Any]] = field(default_factory=list)
    books: list[dict[str, Any]] = field(default_factory=list)
    stages: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    signing: dict[str, list[float]] = field(default_factory=dict)
    batches: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Who could not take part or failed, and why."""

    def verdicts(self) -> list[Verdict]:
        """Every target that was measured."""
        return verdicts(
            rows=self.throughput,
            growth=self.growth,
            delays=self.latency,
            memory=self.memory,
            signing=self.signing,
            batches=self.batches,
        )


def content(about: dict[str, Any], size: str, results: Results) -> dict[str, Any]:
    """What the file holds."""
    return {
        "format": FORMAT,
        "machine": about,
        "size": size,
        "settings": {entry.contestant.name: entry.settings for entry in ENTRIES},
        "left_out": results.left_out,
        "throughput": [{**asdict(row), "median": row.median} for row in results.throughput],
        "growth": [{**asdict(row), "median": row.median} for row in results.growth],
        "latency": [asdict(delay) for delay in results.latency],
        "levels": results.levels,
        "books": results.books,
        "stages": results.stages,
        "memory": results.memory,
        "signing": results.signing,
        "batches": results.batches,
        "targets": [{**asdict(verdict), "verdict": verdict.word} for verdict in results.verdicts()],
    }


def results(report: dict[str, Any]) -> Results:
    """What :func:`content` was made of."""

    def rows(part: str) -> list[Row]:
        return [Row(**{name: value for name, value in row.items() if name != "median"}) for row in report[part]]

    measured = {field.name for field in fields(Results)} - {"throughput", "growth", "latency"}
    return Results(
        throughput=rows("throughput"),
        growth=rows("growth"),
        latency=[Delay(**delay) for delay in report["latency"]],
        **{name: report[name] for name in measured},
    )


def write(out: Path, about: dict[str, Any], size: str, results: Results) -> list[Path]:
    """Write the JSON file and, with matplotlib, the picture; gives their paths."""
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"bench-{about['date'].replace(':', '').removesuffix('+0000')}"
    made = content(about, size, results)
    written = [stem.with_suffix(".json")]
    written[0].write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    try:
        from benches import plot  # noqa: PLC0415  # matplotlib may not be there
    except ImportError:
        print("no plot: matplotlib is not installed")
    else:
        written += plot.draw(made, stem)
    return written


def read(path: Path) -> dict[str, Any]:
    """A report as :func:`write` wrote it. Raises ``ValueError`` for another format."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if report.get("format") != FORMAT:
        raise ValueError(f"{path.name} is a report of format {report.get('format')}; this reads format {FORMAT}")
    return report
