"""The whole path, side by side: ``python -m benches.whole_path [--quick | --full]``. What ``make bench`` runs last.

A sender process writes prebuilt WebSocket frames to one receiver process after another; each receiver's own CPU time
between ``ready`` and its last frame, divided by the frames, is its figure. Contestants take turns, the median of the
rounds counts; each must have seen every frame and end with the book that was sent. JSON, PNG and SVG go to ``reports``.
"""

from __future__ import annotations

import argparse
import hmac
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from benches.contestants import DICT_BOOK, ENTRIES, INLINE, POLLED, REFERENCE, ROOT
from benches.targets import CALLBACK, SCRAPED, TARGET_RATE, Verdict, verdicts
from ferrofeed import _core
from ferrofeed.bench import machine, table, workload
from ferrofeed.bench.campaign import SLOW, delays, throughput
from ferrofeed.bench.measure import FERROFEED, OURS, Contestant, Setting, measure, whole_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ferrofeed.bench.campaign import Delay, Row

PARTS: Final = ("throughput", "latency", "growth", "memory", "signing")
PEER_PACKAGES: Final = ("orjson", "msgspec", "aiohttp", "websockets")
FAST: Final = frozenset({REFERENCE, FERROFEED.name, "raw recv (floor)"})
"""Those with the whole number of frames; the others' medians are as good with fewer."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is run."""

    settings: tuple[tuple[str, bool], ...]
    """Loads, and whether over TLS."""
    frames: int
    rounds: int
    rates: tuple[float, ...]
    paced_loads: tuple[str, ...]
    seconds: float
    growth: tuple[tuple[int, int], ...]
    """Instruments and connections."""
    memory_frames: int


SIZES: Final = {
    "quick": Size((("quote", False), ("depth5", False)), 80_000, 1, (TARGET_RATE,), ("quote",), 1.0, (), 1_000_000),
    "default": Size(
        (("quote", False), ("depth5", False), ("mix", False), ("quote", True), ("depth5", True)),
        400_000,
        3,
        (1_000.0, TARGET_RATE, 50_000.0),
        ("quote",),
        3.0,
        ((1, 1), (1000, 1), (1, 100)),
        10_000_000,
    ),
    "full": Size(
        tuple((load, tls) for tls in (False, True) for load in workload.NAMES),
        1_000_000,
        5,
        (1_000.0, TARGET_RATE, 50_000.0),
        ("quote", "depth5t"),
        5.0,
        ((1, 1), (10, 1), (100, 1), (1000, 1), (1, 10), (1, 100)),
        10_000_000,
    ),
}


@dataclass(slots=True)
class Results:
    """Everything measured."""

    rows: list[Row]
    latency: list[Delay]
    growth: list[Row]
    memory: dict[str, Any]
    signing: dict[str, float]

    def verdicts(self) -> list[Verdict]:
        """Every target that was measured."""
        return verdicts(self.rows, self.growth, self.latency, self.memory, self.signing)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 whatever the figures are."""
    args = _arguments(argv)
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    size = SIZES[args.size]
    console = table.console()
    about = machine.describe(PEER_PACKAGES)
    console.print(table.machine(about), highlight=False)
    if machine.busy():
        console.print("[yellow]other work runs here: ratios are rough, absolute figures too high")
    present = []
    for entry in ENTRIES:
        if missing := entry.missing():
            console.print(
                f"[yellow]left out: {entry.contestant.name} ({missing} is not there; `make bench` sets it up)"
            )
        elif not args.contestants or any(word in entry.contestant.name for word in args.contestants.split(",")):
            present.append(entry.contestant)
    with console.status("") as status:

        def progress(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                print(text, file=sys.stderr, flush=True)

        def failed(text: str) -> None:
            console.print(f"[red]{text}")

        results = _run(args, size, present, progress, failed)
    about["load_average_after"] = machine.describe()["load_average"]
    console.print(table.throughput(results.rows)) if results.rows else None
    console.print(table.throughput(results.growth)) if results.growth else None
    console.print(table.delays(results.latency)) if results.latency else None
    console.print(_targets(results.verdicts()))
    _write(args.out, about, args.size, results)
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.whole_path", description="The whole path, side by side.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="about a minute")
    size.add_argument(
        "--full", dest="size", action="store_const", const="full", help="every load, tcp and TLS: an hour"
    )
    parser.set_defaults(size="default")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help="default: %(default)s")
    parser.add_argument(
        "--loads", default="", metavar="NAMES", help=f"instead of the size's: {', '.join(workload.NAMES)}"
    )
    parser.add_argument(
        "--contestants", default="", metavar="WORDS", help="only those with one of these in their names"
    )
    parser.add_argument("--rounds", type=int, default=0, help="instead of the size's")
    parser.add_argument("--frames", type=int, default=0, help="instead of the size's")
    parser.add_argument("--out", type=_folder, default=ROOT / "reports", metavar="FOLDER", help="default: reports")
    return parser.parse_args(argv)


def _folder(text: str) -> Path:
    return ROOT / text


@dataclass(frozen=True, slots=True)
class Campaign:
    """What is asked for, as a whole."""

    size: Size
    rounds: int
    frames: int
    loads: frozenset[str]
    present: Sequence[Contestant]
    progress: Callable[[str], None]
    failed: Callable[[str], None]

    def throughput(self) -> Iterator[Row]:
        """Every contestant on every load."""
        present = [contestant for contestant in self.present if contestant.name != POLLED]
        shares = [(contestant, 1.0 if contestant.name in FAST else SLOW) for contestant in present]
        for load, tls in self.size.settings:
            if not self.loads or load in self.loads:
                yield from self._turns(Setting(load, self.frames, tls=tls), shares, REFERENCE)

    def latency(self) -> Iterator[Delay]:
        """Callbacks against the plain Python way; with a scraper at the rate of the targets."""
        names = {CALLBACK, INLINE, POLLED, DICT_BOOK}
        paced = [contestant for contestant in self.present if contestant.name in names]
        scraped = Contestant(SCRAPED, OURS, mode="scraped")
        for load in self.size.paced_loads:
            for rate in self.size.rates:
                setting = Setting(load, int(rate * self.size.seconds), rate=rate)
                who = [*paced, scraped] if rate == TARGET_RATE else paced
                yield from delays(setting, who, rounds=self.rounds, pinning=machine.pinning(), progress=self.progress)

    def growth(self) -> Iterator[Row]:
        """ferrofeed with more instruments, and with more connections."""
        for load in ("quote", "depth5"):
            for instruments, connections in self.size.growth:
                setting = Setting(load, self.frames, instruments=instruments, connections=connections)
                yield from self._turns(setting, [(FERROFEED, 1.0)], "")

    def _turns(self, setting: Setting, shares: Sequence[tuple[Contestant, float]], reference: str) -> list[Row]:
        return throughput(
            setting,
            shares,
            rounds=self.rounds,
            pinning=machine.pinning(),
            reference=reference,
            progress=self.progress,
            failed=self.failed,
        )


def _run(
    args: argparse.Namespace,
    size: Size,
    present: Sequence[Contestant],
    progress: Callable[[str], None],
    failed: Callable[[str], None],
) -> Results:
    parts = args.only.split(",")
    campaign = Campaign(
        size=size,
        rounds=args.rounds or size.rounds,
        frames=args.frames or size.frames,
        loads=frozenset(filter(None, args.loads.split(","))),
        present=present,
        progress=progress,
        failed=failed,
    )
    return Results(
        rows=list(campaign.throughput()) if "throughput" in parts else [],
        latency=list(campaign.latency()) if "latency" in parts else [],
        growth=list(campaign.growth()) if "growth" in parts else [],
        memory=_memory(size.memory_frames, progress) if "memory" in parts else {},
        signing=signing() if "signing" in parts else {},
    )


def _memory(frames: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """What the process holds after a tenth of the messages and at the end; and with a thousand books."""
    progress(f"memory: {frames:,} messages")
    frames = whole_blocks(frames, workload.build("quote"))
    steady = measure(FERROFEED, Setting("quote", frames), machine.pinning())["rss_kb"]
    progress("memory: 1,000 books")
    many = measure(FERROFEED, Setting("depth5", 40_000, instruments=1000), machine.pinning())["rss_kb"]
    if len(steady) < 2:
        return {"books_kb": many[-1]}
    return {"frames": frames, "grown_kb": steady[-1] - steady[0], "books_kb": many[-1]}


def signing() -> dict[str, float]:
    """CPU ns of a signature, by who makes it; they take turns."""
    key, text = b"your_api_secret", b"api_key=your_api_key&timestamp=1701234567"
    ways: dict[str, Callable[[], object]] = {
        "ferrofeed": lambda: _core.hmac_sha256_hex(key, text),
        "hmac": lambda: hmac.new(key, text, "sha256").hexdigest(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(9):
        for name, way in ways.items():
            start = time.thread_time_ns()
            for _ in range(5_000):
                way()
            times[name].append((time.thread_time_ns() - start) / 5_000)
    return {name: statistics.median(values) for name, values in times.items()}


def _targets(found: Sequence[Verdict]) -> Table:
    shown = Table(title="targets", title_justify="left")
    for name in ("what", "target", "figure", "verdict"):
        shown.add_column(name)
    for verdict in found:
        shown.add_row(verdict.what, verdict.target, verdict.figure, "[green]met" if verdict.met else "[red]missed")
    return shown


def _write(out: Path, about: dict[str, Any], size: str, results: Results) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stem = out / f"bench-{about['date'].replace(':', '').removesuffix('+0000')}"
    content = {
        "machine": about,
        "size": size,
        "throughput": [{**asdict(row), "median": row.median} for row in results.rows],
        "growth": [{**asdict(row), "median": row.median} for row in results.growth],
        "latency": [asdict(delay) for delay in results.latency],
        "memory": results.memory,
        "signing": results.signing,
        "targets": [asdict(verdict) for verdict in results.verdicts()],
    }
    stem.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    written = [stem.with_suffix(".json")]
    try:
        from benches import plot  # noqa: PLC0415  # matplotlib may not be there
    except ImportError:
        print("no plot: matplotlib is not installed")
    else:
        written += plot.draw(content, stem)
    for path in written:
        print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    sys.exit(main())
