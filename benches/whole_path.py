"""The whole suite, side by side: ``python -m benches.whole_path [--quick | --full]``. What ``make bench`` runs last.

A sender process writes prebuilt WebSocket frames to one receiver process after another; each receiver's own CPU time
between ``ready`` and its last frame, divided by the frames, is its figure. Contestants take turns, the median of the
rounds counts; each must have seen every frame and end with the book that was sent. JSON, PNG and SVG go to ``reports``;
``python -m benches.report`` writes a report's figures into docs/performance.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benches import inprocess, levels, record, small, stages, tables
from benches.contestants import CRYPTOFEED, DICT_BOOK, ENTRIES, INLINE, NAUTILUS, POLLED, REFERENCE, ROOT, versions
from benches.record import Results
from benches.sizes import SIZES, Size
from benches.targets import CALLBACK, SCRAPED, TARGET_RATE
from ferrofeed import _core
from ferrofeed.bench import machine, table, workload
from ferrofeed.bench.campaign import SLOW, delays, throughput
from ferrofeed.bench.measure import FERROFEED, OURS, Contestant, Setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ferrofeed.bench.campaign import Delay, Row

PARTS: Final = ("throughput", "latency", "growth", "levels", "books", "stages", "memory", "signing", "batches")
FAST: Final = ("raw recv", "empty listener", "memoryview", "ferrofeed", "Rust:")
"""Those with the whole number of frames; the others' medians are as good with fewer."""
PACED: Final = (
    CALLBACK,
    INLINE,
    POLLED,
    "picows + msgspec + dict book",
    DICT_BOOK,
    "aiohttp + orjson + dict book",
    "websockets + orjson + dict book",
    CRYPTOFEED,
    NAUTILUS,
)
"""Those whose latency is measured: they end in Python, with a time for every message."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 whatever the figures are."""
    args = _arguments(argv)
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    size = SIZES[args.size]
    console = table.console()
    about = machine.describe()
    about["versions"] |= versions()
    console.print(table.machine(about), highlight=False)
    if machine.busy():
        console.print("[yellow]other work runs here: ratios are rough, absolute figures too high")
    present, left_out = _present(args.contestants)
    for one in left_out:
        console.print(f"[yellow]left out: {one} (`make bench` sets it up)")
    with console.status("") as status:

        def progress(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                print(text, file=sys.stderr, flush=True)

        def failed(text: str) -> None:
            left_out.append(text)
            console.print(f"[red]{text}")

        results = _run(args, size, present, progress, failed)
    results.left_out = left_out
    about["load_average_after"] = machine.describe()["load_average"]
    for shown in tables.every(results):
        console.print(shown)
    for path in record.write(args.out, about, args.size, results):
        print(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
    return 0


def _present(words: str) -> tuple[list[Contestant], list[str]]:
    """Who can take part, and who can't and why."""
    present, left_out = [], []
    for entry in ENTRIES:
        if words and not any(word in entry.contestant.name for word in words.split(",")):
            continue
        if missing := entry.missing():
            left_out.append(f"{entry.contestant.name}: {missing} is not there")
        else:
            present.append(entry.contestant)
    return present, left_out


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches.whole_path", description="The whole path, side by side.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="about a minute")
    size.add_argument(
        "--full",
        dest="size",
        action="store_const",
        const="full",
        help="every load over TLS too, more rounds: hours",
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
        plain_only = {entry.contestant.name for entry in ENTRIES if not entry.tls}
        for load, tls in self.size.settings:
            if not self.loads or load in self.loads:
                shares = [
                    (contestant, 1.0 if any(word in contestant.name for word in FAST) else SLOW)
                    for contestant in self.present
                    if contestant.name != POLLED and not (tls and contestant.name in plain_only)
                ]
                yield from self._turns(Setting(load, self.frames, tls=tls), shares, REFERENCE)

    def latency(self) -> Iterator[Delay]:
        """From due to the Python that uses it; ours also with a scraper, at the rate of the targets."""
        paced = [contestant for contestant in self.present if contestant.name in PACED]
        scraped = Contestant(SCRAPED, OURS, mode="scraped")
        for load in self.size.paced_loads:
            for rate in self.size.rates:
                setting = Setting(load, int(rate * self.size.seconds), rate=rate)
                who = [*paced, scraped] if rate == TARGET_RATE else paced
                yield from delays(
                    setting,
                    who,
                    rounds=self.rounds,
                    pinning=machine.pinning(),
                    progress=self.progress,
                    failed=self.failed,
                )

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
    if unknown := sorted(set(parts) - set(PARTS)):
        sys.exit(f"--only {','.join(unknown)}: expected some of {', '.join(PARTS)}")
    campaign = Campaign(
        size=size,
        rounds=args.rounds or size.rounds,
        frames=args.frames or size.frames,
        loads=frozenset(filter(None, args.loads.split(","))),
        present=present,
        progress=progress,
        failed=failed,
    )
    results = Results()
    work: dict[str, Callable[[], Any]] = {
        "throughput": lambda: list(campaign.throughput()),
        "latency": lambda: list(campaign.latency()),
        "growth": lambda: list(campaign.growth()),
        "levels": lambda: levels.measure(progress),
        "books": lambda: inprocess.measure(campaign.rounds, progress),
        "stages": lambda: stages.measure(progress, counted=size.instructions),
        "memory": lambda: small.memory(size.memory_frames, progress),
        "signing": small.signing,
        "batches": small.batches,
    }
    for part in PARTS:
        if part in parts:
            try:
                setattr(results, part, work[part]())
            except (OSError, subprocess.CalledProcessError) as error:
                # cargo or a peer's Python; the other parts are as good without
                failed(f"{part}: {error}")
    return results


if __name__ == "__main__":
    sys.exit(main())
