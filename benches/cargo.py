"""The criterion binaries, built, and where they are."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

from benches.contestants import ROOT


@functools.cache
def binary(bench: str) -> Path:
    """Build a bench of the core and give its path. Raises ``OSError`` or ``CalledProcessError`` where cargo can't."""
    command = [
        "cargo",
        "bench",
        "--locked",
        "-p",
        "ferrofeed-core",
        "--bench",
        bench,
        "--no-run",
        "--message-format=json",
    ]
    built = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == bench:
            return Path(message["executable"])
    raise FileNotFoundError(f"cargo built no bench named {bench}")


def output(bench: str, *arguments: str) -> str:
    """What the bench prints for these arguments."""
    command = [str(binary(bench)), *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603
