"""The receiving side's clockwork: what a receiver is told, what it measures of itself, and what it says at the end."""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrofeed.bench.workload import START_MS

if TYPE_CHECKING:
    from array import array


@dataclass(frozen=True, slots=True)
class ReceiveJob:
    """What a receiver is to do."""

    url: str
    ca: str
    load: str
    frames: int
    bytes: int
    """Of all frames, headers included: for who reads bytes and no frames."""
    instruments: int = 10
    connections: int = 1
    mode: str = ""
    """What a receiver with several ways of working is to do."""
    cpu: int | None = None
    stamps: str = ""
    """A file for the time each frame was delivered at, by its number; latencies are measured then."""

    def to_json(self) -> str:
        """As :meth:`from_argv` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argv(cls) -> ReceiveJob:
        """The job on the command line; pins the process as it says."""
        job = cls(**json.loads(sys.argv[1]))
        if job.cpu is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {job.cpu})
        return job


@dataclass(slots=True)
class Meter:
    """CPU time of this process, all threads, from :meth:`ready` to :meth:`done`: no start-up, no handshake."""

    _cpu: int = 0
    _wall: int = 0
    _usage: Any = None
    extra: dict[str, Any] = field(default_factory=dict)

    def ready(self, metrics: str = "") -> None:
        """Connected and subscribed: start to measure, let the sender start. ``metrics``: a URL to scrape meanwhile."""
        # every receiver's long-lived objects are out of the collector's way, as ferrofeed's are
        gc.collect()
        gc.freeze()
        sys.stdout.write(f"ready {metrics}\n")
        sys.stdout.flush()
        self._usage = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu, self._wall = time.process_time_ns(), time.monotonic_ns()

    def done(self) -> None:
        """The last frame was worked on."""
        cpu, wall = time.process_time_ns(), time.monotonic_ns()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.extra |= {
            "cpu_ns": cpu - self._cpu,
            "wall_ns": wall - self._wall,
            "user_s": usage.ru_utime - self._usage.ru_utime,
            "system_s": usage.ru_stime - self._usage.ru_stime,
            "switches": usage.ru_nvcsw + usage.ru_nivcsw - self._usage.ru_nvcsw - self._usage.ru_nivcsw,
            "max_rss_kb": usage.ru_maxrss,
        }

    def report(self, frames: int | None, books: dict[str, Any] | None) -> None:
        """Say the result; ``frames`` None: this receiver counts none."""
        sys.stdout.write(json.dumps({**self.extra, "frames": frames, "books": books}) + "\n")
        sys.stdout.flush()


def rss_kb() -> int:
    """Resident memory of this process now, kB; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * resource.getpagesize() // 1024


def stamp_table(frames: int) -> array[int]:
    """Room for the time of each frame, ns; 0: never came."""
    from array import array  # noqa: PLC0415

    return array("q", bytes(8 * frames))


def number_of(t_ms: int) -> int:
    """The number of the frame that carries this ``t``."""
    return t_ms - START_MS
