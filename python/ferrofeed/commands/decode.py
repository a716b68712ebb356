"""``ferrofeed decode``: captured frames to JSON lines, by the decoders that run live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ferrofeed import _core
from ferrofeed.errors import UsageError

if TYPE_CHECKING:
    import argparse

VENUES = ("ziario", "itick", "infoway")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("venue", choices=VENUES, help="whose frames they are")
    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="one frame a line; standard input if not given"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if any frame could not be decoded")


def run(args: argparse.Namespace) -> int:
    """Write the events to standard output, and a line to standard error for every frame that gave none."""
    if args.file is None:
        return _decode(args.venue, sys.stdin.buffer, strict=args.strict)
    try:
        with args.file.open("rb") as file:
            return _decode(args.venue, file, strict=args.strict)
    except OSError as error:
        raise UsageError(f"{args.file}: {error.strerror}") from None


def _decode(venue: str, file: BinaryIO, *, strict: bool) -> int:
    decoder = _core.Decoder(venue)
    counts: dict[str, int] = dict.fromkeys(("data", "control", "ignored", "error"), 0)
    for number, line in enumerate(file, 1):
        frame = line.rstrip(b"\r\n")
        if not frame.strip():
            continue
        disposition, detail, lines = decoder.decode(frame)
        counts[disposition] += 1
        sys.stdout.buffer.write(lines)
        if disposition != "data":
            sys.stdout.buffer.flush()
            sys.stderr.write(f"line {number}: {disposition}{': ' if detail else ''}{detail}\n")
    sys.stdout.buffer.flush()
    total = sum(counts.values())
    sys.stderr.write(f"{total} frames: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + "\n")
    return 1 if strict and counts["error"] else 0
