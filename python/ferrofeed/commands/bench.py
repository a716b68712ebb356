"""``ferrofeed bench``: what this build does on this machine, with nothing else installed."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from ferrofeed import _core
from ferrofeed.bench import machine, table, workload
from ferrofeed.bench.campaign import delays, throughput
from ferrofeed.bench.inprocess import InProcess
from ferrofeed.bench.measure import FERROFEED, OURS, Contestant, Setting
from ferrofeed.errors import FerrofeedError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

CALLBACK = Contestant("ferrofeed, Python callback", OURS, mode="callback")
BATCHES = Contestant("ferrofeed, NumPy batches", OURS, mode="batch")
RATE = 10_000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--quick", action="store_true", help="a tenth of the frames, one round: does it work at all?")
    parser.add_argument(
        "--loads",
        default=",".join(workload.NAMES),
        metavar="NAMES",
        help="which messages, comma-separated (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every sample to this file")


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    if not _core.release_build:
        raise FerrofeedError("this is a debug build of the Rust core: its times say nothing; build with --release")
    loads = [name for name in args.loads.split(",") if name]
    unknown = sorted(set(loads) - set(workload.NAMES))
    if unknown or not loads:
        raise UsageError(f"--loads {args.loads}: expected some of {', '.join(workload.NAMES)}")
    frames, rounds, seconds = (40_000, 1, 0.5) if args.quick else (400_000, 3, 3.0)
    console = table.console()
    about = machine.describe()
    console.print(table.machine(about), highlight=False)
    if machine.busy():
        console.print("[yellow]other work runs here: figures will be too high and jump about")
    inside = {name: in_process(name, rounds=3 * rounds) for name in loads}
    console.print(_inside(inside))
    with console.status("") as status:

        def progress(text: str) -> None:
            status.update(text)

        rows = [
            row
            for name in loads
            for row in throughput(
                Setting(name, frames),
                [(FERROFEED, 1.0), (BATCHES, 1.0), (CALLBACK, 1.0)],
                rounds=rounds,
                pinning=machine.pinning(),
                progress=progress,
            )
        ]
        waits = delays(
            Setting("quote", int(RATE * seconds), rate=RATE),
            [CALLBACK],
            rounds=rounds,
            pinning=machine.pinning(),
            progress=progress,
        )
    console.print(table.throughput(rows))
    console.print(table.delays(waits))
    console.print(f"HMAC-SHA256, hex: {signing():,.0f} ns a signature", highlight=False)
    if args.json:
        result = {
            "machine": about,
            "in_process": inside,
            "throughput": [asdict(row) for row in rows],
            "latency": [asdict(wait) for wait in waits],
        }
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


def in_process(name: str, *, rounds: int) -> dict[str, Any]:
    """CPU ns a message, bytes in memory to books, without and with a conflating consumer: one value a round."""
    load = workload.build(name)
    feeds = {mode: InProcess(load, mode=mode) for mode in ("plain", "untouched")}
    samples: dict[str, list[float]] = {mode: [] for mode in feeds}
    for feed in feeds.values():
        feed.block()
    for _ in range(rounds):
        for mode, feed in feeds.items():
            samples[mode].append(_each(feed.block))
    return {"bytes": load.mean_bytes, **samples}


def signing() -> float:
    """CPU ns of one signature of a login's length."""

    def some() -> int:
        for _ in range(10_000):
            _core.hmac_sha256_hex(b"your_api_secret", b"api_key=your_api_key&timestamp=1701234567")
        return 10_000

    return statistics.median(_each(some) for _ in range(5))


def _each(work: Callable[[], int]) -> float:
    # this thread's time: NumPy's idle threads spin for a while after their start
    start = time.thread_time_ns()
    count = work()
    return (time.thread_time_ns() - start) / count


def _inside(found: dict[str, dict[str, Any]]) -> Table:
    shown = Table(title="in process, 64 KiB a read: bytes → frames → events → books → histograms", title_justify="left")
    shown.add_column("message")
    for name in ("bytes", "ns", "ns, with a conflating consumer"):
        shown.add_column(name, justify="right")
    for name, one in found.items():
        shown.add_row(
            name, f"{one['bytes']:,.0f}", *(f"{statistics.median(one[mode]):,.0f}" for mode in ("plain", "untouched"))
        )
    return shown
