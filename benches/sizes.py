"""How much is run: minutes, half an hour, hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benches.targets import TARGET_RATE
from ferrofeed.bench import workload

RATES: Final = (1_000.0, TARGET_RATE, 50_000.0)


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
    instructions: bool
    """Whether they are counted, where valgrind is there."""


SIZES: Final = {
    "quick": Size(
        settings=(("quote", False), ("depth5", False)),
        frames=80_000,
        rounds=1,
        rates=(TARGET_RATE,),
        paced_loads=("quote",),
        seconds=1.0,
        growth=(),
        memory_frames=1_000_000,
        instructions=False,
    ),
    "default": Size(
        settings=(*((load, False) for load in workload.NAMES), ("quote", True), ("depth5", True), ("mix", True)),
        frames=400_000,
        rounds=3,
        rates=RATES,
        paced_loads=("quote",),
        seconds=3.0,
        growth=((1, 1), (10, 1), (100, 1), (1000, 1), (1, 10), (1, 100)),
        memory_frames=10_000_000,
        instructions=True,
    ),
    "full": Size(
        settings=tuple((load, tls) for tls in (False, True) for load in workload.NAMES),
        frames=1_000_000,
        rounds=7,
        rates=RATES,
        paced_loads=("quote", "depth5t"),
        seconds=5.0,
        growth=((1, 1), (10, 1), (100, 1), (1000, 1), (1, 10), (1, 100)),
        memory_frames=10_000_000,
        instructions=True,
    ),
}
