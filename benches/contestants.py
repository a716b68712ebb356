"""Who takes part, and what each of them does."""

from __future__ import annotations

import importlib.util
import sys
from typing import Final

from ferrofeed.bench.measure import FERROFEED, OURS, Contestant


def _peer(name: str, module: str, **options: bool) -> Contestant:
    return Contestant(name, (sys.executable, "-m", f"benches.peers.{module}"), **options)


REFERENCE: Final = "picows, empty listener"
"""What ratios are given against."""

ALL: Final = (
    _peer("raw recv (floor)", "raw_recv", books=False),
    _peer(REFERENCE, "picows_empty", counts=False, books=False),
    FERROFEED,
    Contestant("ferrofeed, idle conflating consumer", OURS, mode="untouched"),
    Contestant("ferrofeed, NumPy batches", OURS, mode="batch"),
    Contestant("ferrofeed, Python callback", OURS, mode="callback"),
    _peer("picows + orjson + dict book", "picows_orjson"),
)
NEEDS: Final = {
    "picows + orjson + dict book": ("orjson",),
}


def installed(contestant: Contestant) -> bool:
    """Whether what it needs is there."""
    return all(importlib.util.find_spec(module) is not None for module in NEEDS.get(contestant.name, ()))
