"""Instructions of a message, counted by valgrind: ``python -m benches.instructions [LOAD…] [--top N]``.

For when time is too noisy to decide. valgrind has no vdso: a clock's reading counts as a system call's few
instructions. Caches don't count.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from benches import stages
from ferrofeed.bench import table

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Count, print."""
    parser = argparse.ArgumentParser(prog="python -m benches.instructions", description="Instructions of a message.")
    parser.add_argument("loads", nargs="*", help="default: all")
    parser.add_argument("--layers", default=",".join(stages.LAYERS), help="default: %(default)s")
    parser.add_argument(
        "--top", type=int, default=0, metavar="N", help="show the N functions of the last layer that cost most"
    )
    args = parser.parse_args(argv)
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed")
    layers = args.layers.split(",")
    shown = Table(title="instructions a message", title_justify="left")
    for name in ("load", *layers):
        shown.add_column(name, justify="left" if name == "load" else "right")
    profiles = []
    with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-") as name:
        folder = Path(name)
        for load in args.loads or stages.known():
            shown.add_row(load, *(f"{stages.instructions(layer, load, folder):,.0f}" for layer in layers))
            if args.top:
                profiles.append(f"{load}, {layers[-1]}:\n" + stages.profile(folder, args.top))
    table.console().print(shown)
    for profile in profiles:
        print(profile)
    return 0


if __name__ == "__main__":
    sys.exit(main())
