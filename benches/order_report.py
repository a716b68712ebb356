"""Write a record's figures into docs/performance-orders.md: ``python -m benches.order_report reports/orders-….json``.

As :mod:`benches.report` does for the rest: between marks, never by hand. What the record has not keeps what stands
there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches import order_figures
from benches.contestants import ROOT
from benches.report import markdown, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benches.order_figures import Shown

DOCUMENT: Final = ROOT / "docs/performance-orders.md"


def read(path: Path) -> dict[str, Any]:
    """A record of :mod:`benches.orders`. Raises ``ValueError`` for another format."""
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if report.get("format") != order_figures.FORMAT:
        raise ValueError(f"{path.name} is a record of format {report.get('format')}, not {order_figures.FORMAT}")
    return report


def machine(report: dict[str, Any]) -> str:
    """What it was measured on, and how busy that was."""
    about = report["machine"]
    before, after = (" ".join(f"{value:.2f}" for value in about[key]) for key in ("load_average", "load_average_after"))
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = ", ".join(part for part in ("place", "paper", "router", "recovery") if part in report)
    return (
        f"{about['date']}: {parts}. {about['cpu']}, {about['cpus']} CPUs, {about['system']} {about['kernel']}, "
        f"Python {about['python']}, {versions}; load average before {before}, after {after}."
    )


def _table(make: Callable[[dict[str, Any]], Shown]) -> Callable[[dict[str, Any]], str]:
    def written_out(report: dict[str, Any]) -> str:
        _, head, rows = make(report)
        return markdown(head, rows) if rows else ""

    return written_out


FIGURES: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "machine": machine,
    **{make.__name__: _table(make) for make in order_figures.TABLES},
}


def main(argv: Sequence[str]) -> int:
    """Write the document."""
    if len(argv) != 1:
        print("usage: python -m benches.order_report reports/orders-….json", file=sys.stderr)
        return 2
    source = Path(argv[0])
    made = written(DOCUMENT.read_text(encoding="utf-8"), read(source), FIGURES)
    DOCUMENT.write_text(made, encoding="utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} holds the figures of {source.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
