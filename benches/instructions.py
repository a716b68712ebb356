"""Instructions of a message, counted by valgrind: ``python -m benches.instructions [LOAD…] [--top N]``.

For when time is too noisy to decide. Two runs of the criterion binary of different length, subtracted: what the first
pass cost falls out. valgrind has no vdso: a clock's reading counts as a system call's few instructions. Caches don't.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table

from benches.contestants import ROOT
from ferrofeed.bench import table

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYERS: Final = ("wire", "decode", "pipeline", "conflate")
MESSAGES: Final = 4_000
"""Of a pass."""
SHORT, LONG = 2, 6


def binary() -> Path:
    """Build the bench and give its path."""
    command = [
        "cargo",
        "bench",
        "--locked",
        "-p",
        "ferrofeed-core",
        "--bench",
        "pipeline",
        "--no-run",
        "--message-format=json",
    ]
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "pipeline":
            return Path(message["executable"])
    raise SystemExit("cargo built no bench")


def count(program: Path, layer: str, load: str, passes: int, out: Path) -> int:
    """Instructions of so many passes, start-up included; callgrind's file goes to ``out``."""
    command = [
        "valgrind",
        "--tool=callgrind",
        "--toggle-collect=*Layer*::pass*",
        f"--callgrind-out-file={out}",
        str(program),
        "--count",
        layer,
        load,
        str(passes),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise SystemExit(f"valgrind said nothing of use:\n{done.stderr}")
    return int(found[1])


def main(argv: Sequence[str] | None = None) -> int:
    """Count, print."""
    parser = argparse.ArgumentParser(prog="python -m benches.instructions", description="Instructions of a message.")
    parser.add_argument("loads", nargs="*", help="default: all")
    parser.add_argument("--layers", default=",".join(LAYERS), help="default: %(default)s")
    parser.add_argument(
        "--top", type=int, default=0, metavar="N", help="show the N functions of the last layer that cost most"
    )
    args = parser.parse_args(argv)
    program = binary()
    known = subprocess.run([program, "--list-loads"], check=True, capture_output=True, text=True).stdout.splitlines()  # noqa: S603
    layers = args.layers.split(",")
    shown = Table(title="instructions a message", title_justify="left")
    for name in ("load", *layers):
        shown.add_column(name, justify="left" if name == "load" else "right")
    profiles = []
    with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-") as folder:
        for load in args.loads or known:
            cells = []
            for layer in layers:
                short, long = (
                    count(program, layer, load, passes, Path(folder) / f"out.{passes}") for passes in (SHORT, LONG)
                )
                cells.append(f"{(long - short) / ((LONG - SHORT) * MESSAGES):,.0f}")
            shown.add_row(load, *cells)
            if args.top:
                profiles.append(f"{load}, {layers[-1]}:\n" + _profile(Path(folder) / f"out.{LONG}", args.top))
    console = table.console()
    console.print(shown)
    for profile in profiles:
        print(profile)
    return 0


def _profile(file: Path, most: int) -> str:
    command = ["callgrind_annotate", "--auto=no", str(file)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    lines = [line for line in text.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
    # the binary's and the toolchain's folders say nothing
    return "\n".join(re.sub(r" \[.*\]$|/rustc/\w+/", "", line) for line in lines[1 : most + 1])


if __name__ == "__main__":
    sys.exit(main())
