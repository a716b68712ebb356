"""What each low-latency knob gives here: ``python -m benches.knobs [--rounds N] [--rate N] [--only WORDS]``.

One-way latencies to a Python callback, from when a frame was due at the sender, sender and receiver on a CPU each. The
contestants take turns; for each percentile the median of the rounds is shown.
"""

from __future__ import annotations

import argparse
import sys
from typing import Final

from rich.table import Table

from benches.contestants import DICT_BOOK, ENTRIES
from ferrofeed import _core
from ferrofeed.bench import machine, table
from ferrofeed.bench.campaign import delays
from ferrofeed.bench.latency import LABELS
from ferrofeed.bench.measure import OURS, Contestant, Setting

MODES: Final = {
    "callback on its own thread": "callback",
    "same, busy_poll": "callback+busy_poll",
    "inline callback": "inline",
    "inline, gc off": "inline+gc_off",
    "inline, lock_memory": "inline+mlock",
    "inline, switch_interval_us 50": "inline+switch",
    "inline, tcp_quickack": "inline+quickack",
    "inline, receive_buffer_bytes 1 MiB": "inline+rcvbuf",
    "inline, so_busy_poll_us 50": "inline+so_busy_poll",
    "inline, fifo_priority 10": "inline+fifo",
    "inline, busy_poll": "inline+busy_poll",
    "inline, busy_poll, lock_memory, gc off": "inline+busy_poll+mlock+gc_off",
}
SECONDS: Final = 2.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benches.knobs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rate", type=float, default=10_000.0, help="messages a second")
    parser.add_argument("--load", default="quote")
    parser.add_argument("--only", default="", metavar="WORDS", help="only those with one of these in their names")
    args = parser.parse_args()
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    peer = [entry.contestant for entry in ENTRIES if entry.contestant.name == DICT_BOOK and not entry.missing()]
    ours = [Contestant(name, OURS, mode=mode) for name, mode in MODES.items()]
    words = args.only.split(",")
    who = [one for one in (*peer, *ours) if any(word in one.name for word in words)]
    console = table.console()
    console.print(table.machine(machine.describe()), highlight=False)
    setting = Setting(args.load, int(args.rate * SECONDS), rate=args.rate)
    found = delays(
        setting,
        who,
        rounds=args.rounds,
        pinning=machine.pinning(),
        progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    shown = Table(title=f"{args.load}, {args.rate:,.0f}/s: microseconds, median of {args.rounds}", title_justify="left")
    shown.add_column("what")
    for label in LABELS:
        shown.add_column(label, justify="right")
    for delay in found:
        shown.add_row(delay.contestant, *(f"{delay.corrected[label]:.1f}" for label in LABELS))
    console.print(shown)


if __name__ == "__main__":
    main()
