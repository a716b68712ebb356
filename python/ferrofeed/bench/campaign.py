"""Contestants taking turns: rounds of everything, medians, ratios, latencies. What to run is the caller's."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.bench import workload
from ferrofeed.bench.latency import LABELS, latencies
from ferrofeed.bench.measure import MeasurementError, measure, whole_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed.bench.measure import Contestant, Pinning, Setting

SLOW: Final = 0.2
"""Who needs several microseconds a message gets so much of the frames: its median is as good, and the run ends."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant under one setting."""

    load: str
    transport: str
    contestant: str
    instruments: int
    connections: int
    frames: int
    samples: tuple[float, ...]
    """CPU ns a message, one for each round."""
    ratio: float | None
    """Median of this against the median of the reference, None without one."""
    details: tuple[dict[str, Any], ...]
    """All that each run said."""

    @property
    def median(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True)
class Delay:
    """One contestant's latencies at one rate: for each percentile the median over the rounds, microseconds."""

    load: str
    rate: float
    contestant: str
    corrected: dict[str, float]
    rounds: tuple[dict[str, Any], ...]


def _quiet(_text: str) -> None:
    """Nobody wants to know."""


def throughput(
    setting: Setting,
    contestants: Sequence[tuple[Contestant, float]],
    *,
    rounds: int,
    pinning: Pinning,
    reference: str = "",
    progress: Callable[[str], None] = _quiet,
    failed: Callable[[str], None] | None = None,
) -> list[Row]:
    """Every contestant once, and again, ``rounds`` times; each gets its share of the setting's frames.

    One that does not do its work is told to ``failed`` and has no row; without ``failed`` the error is raised.
    """
    load = workload.build(setting.load, instruments=setting.instruments)
    settings = {
        contestant.name: replace(setting, frames=whole_blocks(int(setting.frames * share), load, setting.connections))
        for contestant, share in contestants
    }
    runs: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant, _ in contestants}
    out: set[str] = set()
    for number in range(rounds):
        for contestant, _ in contestants:
            if contestant.name in out:
                continue
            progress(f"{describe(setting)}: {contestant.name} ({number + 1}/{rounds})")
            try:
                runs[contestant.name].append(measure(contestant, settings[contestant.name], pinning))
            except MeasurementError as error:
                if failed is None:
                    raise
                failed(f"{describe(setting)}: {error}")
                runs[contestant.name].clear()
                out.add(contestant.name)
    runs = {name: done for name, done in runs.items() if name not in out}
    medians = {name: statistics.median(run["ns_per_frame"] for run in runs[name]) for name in runs}
    base = medians.get(reference)
    return [
        Row(
            load=setting.load,
            transport="tls" if setting.tls else "tcp",
            contestant=name,
            instruments=setting.instruments,
            connections=setting.connections,
            frames=settings[name].frames,
            samples=tuple(run["ns_per_frame"] for run in runs[name]),
            ratio=None if base is None else medians[name] / base,
            details=tuple(runs[name]),
        )
        for name in runs
    ]


def delays(
    setting: Setting,
    contestants: Sequence[Contestant],
    *,
    rounds: int,
    pinning: Pinning,
    progress: Callable[[str], None] = _quiet,
    failed: Callable[[str], None] | None = None,
) -> list[Delay]:
    """Latencies of a paced setting, contestants taking turns; ``failed`` as in :func:`throughput`."""
    runs: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in contestants}
    out: set[str] = set()
    for number in range(rounds):
        for contestant in contestants:
            if contestant.name in out:
                continue
            progress(f"{describe(setting)}: {contestant.name} ({number + 1}/{rounds})")
            try:
                result = measure(contestant, setting, pinning)
            except MeasurementError as error:
                if failed is None:
                    raise
                failed(f"{describe(setting)}: {error}")
                out.add(contestant.name)
            else:
                runs[contestant.name].append(latencies(result["stamps"][0], setting.rate, *result["stamps"][1:]))
    return [
        Delay(
            load=setting.load,
            rate=setting.rate,
            contestant=name,
            corrected={label: statistics.median(run["corrected"][label] for run in done) for label in LABELS},
            rounds=tuple(done),
        )
        for name, done in runs.items()
        if name not in out
    ]


def describe(setting: Setting) -> str:
    """A setting in a few words."""
    words = [setting.load, "tls" if setting.tls else "tcp"]
    if setting.rate:
        words.append(f"{setting.rate:,.0f}/s")
    if setting.connections > 1:
        words.append(f"{setting.connections} connections")
    words.append(f"{setting.instruments} instruments")
    return ", ".join(words)
