"""The gateway under load: ``python -m benches.gateway [--sockets N --logins N --rate N --seconds S --only PARTS]``.

500 sockets, 2,000 logins, 10,000 requests a second on a schedule: orders that fill and orders that rest and are
cancelled, questions for open orders and assets. The server has one CPU, the clients another. ``ours`` is ``ferrofeed
run`` with its paper exchange, journal and risk checks; ``echo`` a minimal aiohttp server that answers as many bytes
and does nothing; they take turns under the same clients. ``crowded`` is ours with one client that has many orders,
which makes its answers long, and ``stalled`` the same with that client reading nothing any more: what the others see
of it. Every answer and notification of ours is checked by its ids: one that is lost, or at somebody else, fails it.

The record goes to ``reports``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop
from rich.table import Table

from benches.contestants import ROOT
from benches.gateway_check import LABELS, Check, percentiles
from benches.gateway_load import Generator, Load
from benches.gateway_servers import Echo, Gateway, dump
from ferrofeed import _core
from ferrofeed.bench import machine, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from benches.gateway_load import Run
    from benches.gateway_servers import Server

PARTS: Final = ("ours", "echo", "crowded", "stalled")
NAMES: Final = {
    "ours": "ferrofeed, paper",
    "echo": "aiohttp, echo only",
    "crowded": "ferrofeed, one with many orders",
    "stalled": "ferrofeed, and that one stalled",
}
FORMAT: Final = 1
ORDER: Final = "place_order"


def one(part: str, load: Load, folder: Path) -> dict[str, Any]:
    """One load on a server of its own."""
    pinning = machine.pinning()
    talks = part != "echo"
    server: Server = (Gateway if talks else Echo)(folder, pinning.receiver)
    marks: dict[str, tuple[float, float, float]] = {}

    def mark(what: str) -> None:
        marks[what] = time.monotonic(), server.cpu_s(), time.process_time()

    try:
        if pinning.sender is not None:
            os.sched_setaffinity(0, {pinning.sender})
        before = server.memory_mb()
        run = uvloop.run(Generator(load, server.url, talks=talks).run(mark))
        if not server.alive():
            raise RuntimeError(f"the server ended:\n{server.said()}")
        about = {"memory_mb": {"idle": before, "end": server.memory_mb()}, "counters": server.counters()}
    finally:
        server.stop()
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    (begin, cpu, own), (end, cpu_end, own_end) = marks["begin"], marks["end"]
    found = Check(run, talks=talks).run()
    return {
        "part": part,
        "login_s": run.login_s,
        "load_s": end - begin,
        "server_cpu": (cpu_end - cpu) / (end - begin),
        "generator_cpu": (own_end - own) / (end - begin),
        "sent_late_us": _late(run),
        "whole": run.whole,
        "sockets_closed": len(run.lost_lines),
        **found.record(),
        **about,
    }


def _late(run: Run) -> dict[str, float]:
    """How much later than due the clients sent."""
    sent = run.sent_ns[: run.load.requests]
    return percentiles([ns - run.due_ns(slot) for slot, ns in enumerate(sent) if ns])


def tables(report: dict[str, Any]) -> Iterator[tuple[str, Sequence[str], list[list[str]]]]:
    """Title, head and rows of everything that was measured: the median of the rounds."""
    by_part: dict[str, list[dict[str, Any]]] = {}
    for found in report["runs"]:
        by_part.setdefault(found["part"], []).append(found)
    load = report["load"]
    rows = []
    for part, runs in by_part.items():
        for op in sorted(runs[0]["latency_us"], key=lambda op: (op != ORDER, op)):
            values = [statistics.median(run["latency_us"][op][label] for run in runs) for label in LABELS]
            rows.append([NAMES[part], op, *(_us(value) for value in values)])
    title = (
        f"due at the client → answer there: {load['sockets']} sockets, {load['logins']:,} logins, "
        f"{load['rate']:,} requests/s for {load['seconds']:g} s"
    )
    yield title, ("server", "request", *LABELS), rows
    if {"ours", "echo"} <= by_part.keys():
        ratios = []
        for label in LABELS:
            pairs = zip(by_part["ours"], by_part["echo"], strict=False)
            each = [ours["latency_us"][ORDER][label] / echo["latency_us"][ORDER][label] for ours, echo in pairs]
            ratios.append(f"{statistics.median(each):.2f} ({min(each):.2f} … {max(each):.2f})")
        yield "an order's round trip, ours : echo, turn by turn", LABELS, [ratios]
    if {"crowded", "stalled"} <= by_part.keys():
        ratios = []
        for label in LABELS:
            middle = [statistics.median(run["latency_us"][ORDER][label] for run in by_part[part]) for part in PARTS[2:]]
            ratios.append(f"{middle[1] / middle[0]:.2f}")
        yield "an order's round trip of the others, with one client stalled : with it reading", LABELS, [ratios]
    rows = [
        [
            NAMES[run["part"]],
            f"{run['counts'].get('answers', 0):,}",
            f"{run['counts'].get('orders', 0):,}",
            f"{sum(count for what, count in run['counts'].items() if what.startswith('notify')):,}",
            f"{sum(run['mistakes'].values()):,}",
            f"{run['server_cpu']:.0%}",
            f"{run['generator_cpu']:.0%}",
            _us(run["sent_late_us"]["p99"]),
            f"{run['memory_mb']['idle']:.0f} → {run['memory_mb']['end']:.0f} MB",
        ]
        for run in report["runs"]
    ]
    head = (
        "server",
        "answers",
        "orders",
        "notifications",
        "lost or wrong",
        "its CPU",
        "clients'",
        "late p99",
        "memory",
    )
    yield "each run", head, rows


def _us(value: float) -> str:
    return f"{value:,.0f} µs"


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if anything of ours was lost or went astray."""
    args = _arguments(argv)
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    parts = args.only.split(",")
    if unknown := sorted(set(parts) - set(PARTS)):
        sys.exit(f"--only {','.join(unknown)}: expected some of {', '.join(PARTS)}")
    if args.logins < args.sockets:
        sys.exit("expected at least one login a socket")
    console = table.console()
    about = machine.describe(("aiohttp",))
    console.print(table.machine(about), highlight=False)
    if machine.busy():
        console.print("[yellow]other work runs here: ratios are rough, absolute figures too high")
    load = {"sockets": args.sockets, "logins": args.logins, "rate": args.rate, "seconds": args.seconds}
    report: dict[str, Any] = {"format": FORMAT, "machine": about, "load": load, "runs": []}
    with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-", dir=args.journal) as folder:
        for number in range(args.rounds):
            for part in parts:
                print(f"{NAMES[part]}, round {number + 1} of {args.rounds}", file=sys.stderr, flush=True)
                found = one(
                    part,
                    Load(**load, crowded=part in PARTS[2:], stalled=part == "stalled"),
                    Path(folder) / f"{part}-{number}",
                )
                report["runs"].append(found)
    about["load_average_after"] = machine.describe()["load_average"]
    _show(console, report)
    path = args.out / f"gateway-{about['date'].replace(':', '').removesuffix('+0000')}.json"
    dump(path, report)
    print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    return int(any(found["mistakes"] for found in report["runs"]))


def _show(console: Console, report: dict[str, Any]) -> None:
    for title, head, rows in tables(report):
        shown = Table(*head, title=title, title_justify="left")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    for found in report["runs"]:
        for what, count in found["mistakes"].items():
            console.print(f"[red]{NAMES[found['part']]}: {what}: {count:,}")
            console.print(f"  {found['examples'][what][0]}", markup=False)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.gateway", description="The gateway under load.")
    parser.add_argument("--sockets", type=int, default=500, help="default: %(default)s")
    parser.add_argument("--logins", type=int, default=2_000, help="of all sockets; default: %(default)s")
    parser.add_argument("--rate", type=int, default=10_000, help="requests a second of all; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each; default: %(default)s")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help="default: %(default)s")
    parser.add_argument("--journal", type=Path, metavar="FOLDER", help="where journals go; default: the system's own")
    parser.add_argument("--out", type=_folder, default=ROOT / "reports", metavar="FOLDER", help="default: reports")
    return parser.parse_args(argv)


def _folder(text: str) -> Path:
    return ROOT / text


if __name__ == "__main__":
    sys.exit(main())
