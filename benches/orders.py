"""What an order costs, the Python caller included: ``python -m benches.orders [--only PARTS]``.

``place``: one call of ``Orders.place`` until it returns: checks, journal, state, request, and the write of its masked
frame to a WebSocket over loopback, whose other end is a process that takes it. The ways take turns, beside code that
one would write by hand, which checks nothing. ``paper``: a round trip through the paper exchange. ``router``: the
criterion bench ``orders``. ``recovery``: a start from a journal of a million entries.

The record goes to ``reports``; ``python -m benches.order_report`` writes its figures into docs/performance-orders.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import uvloop
from picows import WSListener, WSMsgType, WSTransport, ws_connect
from rich.table import Table

from benches import cargo, order_figures
from benches.contestants import ROOT
from benches.order_figures import CPU, FIRST, FORMAT, LABELS, PERCENTILES
from benches.order_ways import Ferrofeed, Paper, Terms, ways
from ferrofeed import _core
from ferrofeed.bench import machine, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benches.order_ways import Way

PARTS: Final = ("place", "paper", "router", "recovery")
AT_ONCE: Final = 256
"""Orders on their way before the venue answers."""
PAUSE_S: Final = 0.001
"""After them: the other end takes what there is."""
WARM_UP: Final = 2_000
DEADLINE_S: Final = 30.0


class Line:
    """A WebSocket of picows, to send on."""

    def __init__(self, transport: WSTransport) -> None:
        self._transport = transport

    def send(self, text: bytes) -> None:
        """Send a text message now, or queue it if the socket takes nothing."""
        self._transport.send(WSMsgType.TEXT, text)

    async def sent(self) -> None:
        """Wait until nothing is queued here."""
        end = time.monotonic() + DEADLINE_S
        while self._transport.underlying_transport.get_write_buffer_size():
            if time.monotonic() > end:
                raise TimeoutError("the venue takes nothing")
            await asyncio.sleep(0.001)

    async def close(self) -> None:
        """Close it, once everything before was read at the other end."""
        self._transport.send_close()
        await self._transport.wait_disconnected()


class Sink:
    """The process at the other end."""

    def __init__(self, connections: int, cpu: int | None) -> None:
        where = [] if cpu is None else [str(cpu)]
        command = [sys.executable, "-m", "benches.order_sink", str(connections), *where]
        self._process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.url: str = self._told()["url"]

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the venue's process ended")
        told: dict[str, Any] = json.loads(line)
        return told

    def messages(self) -> list[int]:
        """How many came, by connection; all of them must be closed."""
        counts: list[int] = self._told()["messages"]
        return counts

    def stop(self) -> None:
        """End the process, however things stand."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


async def one_round(way: Way, line: Line, orders: int, gap_s: float = 0.0) -> tuple[list[int], list[float]]:
    """ns of each of so many calls of ``place``, and CPU ns of a call in each batch of 256.

    The venue answers after every batch. The CPU time is this thread's, looking at the clock included: other work on
    the machine shows less in it. With gaps the loop's own work is in it too.
    """
    times: list[int] = []
    cpu: list[float] = []
    terms, clock, place = Terms(), time.perf_counter_ns, way.place
    for first in range(0, orders, AT_ONCE):
        placed = []
        cpu_start = time.thread_time_ns()
        for number in range(first, min(first + AT_ONCE, orders)):
            if gap_s:
                await asyncio.sleep(gap_s)
            side, quantity, price = terms.of(number)
            start = clock()
            one = place(side, quantity, price)
            times.append(clock() - start)
            placed.append(one)
        cpu.append((time.thread_time_ns() - cpu_start) / len(placed))
        await line.sent()
        way.answer(placed)
        await asyncio.sleep(PAUSE_S)
    return times, cpu


async def place(
    orders: int, rounds: int, gap_s: float, folder: Path, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Every way in turn. Raises ``RuntimeError`` if the other end did not get every order."""
    pinning = machine.pinning()
    if pinning.receiver is not None:
        os.sched_setaffinity(0, {pinning.receiver})
    makers = ways(folder)
    sink = Sink(len(makers), pinning.sender)
    try:
        made: dict[str, tuple[Way, Line, list[dict[str, float]]]] = {}
        for name, make in makers.items():
            transport, _ = await ws_connect(WSListener, sink.url)
            line = Line(transport)
            made[name] = make(line.send), line, []
        warm_up = min(WARM_UP, orders)
        for way, line, _ in made.values():
            await one_round(way, line, warm_up)
        for number in range(rounds):
            for name, (way, line, found) in made.items():
                progress(f"place: {name}, round {number + 1} of {rounds}")
                times, cpu = await one_round(way, line, orders, gap_s)
                found.append(
                    percentiles(times) | {FIRST: statistics.median(times[::AT_ONCE]), CPU: statistics.median(cpu)}
                )
        stages = {name: _stages(way) for name, (way, _, _) in made.items() if isinstance(way, Ferrofeed)}
        for way, line, _ in made.values():
            way.close()
            await line.close()
        expected = warm_up + rounds * orders
        for name, messages in zip(made, sink.messages(), strict=True):
            if messages != expected:
                raise RuntimeError(f"{name}: {messages} of {expected} orders came to the other end")
    finally:
        sink.stop()
    rows = [{"way": name, "rounds": found} for name, (_, _, found) in made.items()]
    return {"orders": orders, "gap_us": gap_s * 1e6, "ways": rows, "stages": stages}


def _stages(way: Ferrofeed) -> dict[str, dict[str, int]]:
    return {stage: dict(zip(LABELS, values, strict=True)) for stage, values in way.stages(PERCENTILES).items()}


def percentiles(times: Sequence[int]) -> dict[str, float]:
    """In ns, by label."""
    values = np.percentile(np.asarray(times), PERCENTILES)
    return {label: float(value) for label, value in zip(LABELS, values, strict=True)}


def paper(orders: int, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Round trips through the paper exchange; one of its own every round."""
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds):
        progress(f"paper, round {number + 1} of {rounds}")
        venue = Paper()
        venue.round_trips(min(WARM_UP, orders), Terms())
        for what, times in venue.round_trips(orders, Terms()).items():
            found.setdefault(what, []).append(percentiles(times))
    return {"orders": orders, "trips": [{"what": what, "rounds": rows} for what, rows in found.items()]}


_TIME: Final = re.compile(
    r"^(?:orders/([^\n]+?))\s+time:\s+\[([\d.]+) (\S+) ([\d.]+) (\S+) ([\d.]+) (\S+)\]", re.MULTILINE
)
_UNITS: Final = {"ps": 1e-3, "ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6, "s": 1e9}


def criterion_times(text: str) -> list[dict[str, Any]]:
    """Low, middle and high estimate in ns of each bench, from what criterion prints."""
    rows = []
    for found in _TIME.finditer(text.replace("\u03bc", "µ")):
        name, *values = found.groups()
        low, middle, high = (float(value) * _UNITS[unit] for value, unit in zip(values[::2], values[1::2], strict=True))
        rows.append({"name": name, "low_ns": low, "ns": middle, "high_ns": high})
    return rows


def router(progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """The criterion bench ``orders``."""
    progress("router: criterion")
    return criterion_times(cargo.output("orders", "--bench", "--noplot"))


def recovery(rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """The bench ``order_recovery``."""
    progress("recovery")
    found: dict[str, Any] = json.loads(cargo.output("order_recovery", "--json", "--rounds", str(rounds)))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 whatever the figures are."""
    args = _arguments(argv)
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    parts = args.only.split(",")
    if unknown := sorted(set(parts) - set(PARTS)):
        sys.exit(f"--only {','.join(unknown)}: expected some of {', '.join(PARTS)}")
    console = table.console()
    about = machine.describe()
    console.print(table.machine(about), highlight=False)
    if machine.busy():
        console.print("[yellow]other work runs here: ratios are rough, absolute figures too high")

    def progress(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    report = {"format": FORMAT, "machine": about, **_measured(args, parts, progress)}
    about["load_average_after"] = machine.describe()["load_average"]
    for title, head, rows in order_figures.tables(report):
        shown = Table(*head, title=title, title_justify="left")
        for row in rows:
            shown.add_row(*row)
        console.print(shown)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"orders-{about['date'].replace(':', '').removesuffix('+0000')}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    return 0


def _measured(args: argparse.Namespace, parts: Sequence[str], progress: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # those of Rust first: this process is bound to one CPU later
    if "router" in parts:
        found["router"] = router(progress)
    if "recovery" in parts:
        found["recovery"] = recovery(args.rounds, progress)
    if "paper" in parts:
        found["paper"] = paper(args.orders, args.rounds, progress)
    if "place" in parts:
        with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-", dir=args.journal) as folder:
            found["place"] = uvloop.run(place(args.orders, args.rounds, args.gap_us / 1e6, Path(folder), progress))
    return found


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.orders", description="What an order costs.")
    parser.add_argument("--orders", type=int, default=20_000, help="a round of each way; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--gap-us", type=float, default=0.0, help="sleep so long before each order; default: none")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help="default: %(default)s")
    parser.add_argument("--journal", type=Path, metavar="FOLDER", help="where journals go; default: the system's own")
    parser.add_argument("--out", type=_folder, default=ROOT / "reports", metavar="FOLDER", help="default: reports")
    return parser.parse_args(argv)


def _folder(text: str) -> Path:
    return ROOT / text


if __name__ == "__main__":
    sys.exit(main())
