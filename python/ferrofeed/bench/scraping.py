"""Scrapes of a receiver, and what its process did in the seconds with a scrape and in those between."""

from __future__ import annotations

import contextlib
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

SCHEDULER_CLOCK: Final = 2
"""Of the CPU clocks of a process, that of the scheduler (``clock_getcpuclockid``)."""
SCRAPE_S: Final = 1.0
"""As a Prometheus server that is in a hurry."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The beginning of a second: what the process had used until then."""

    at_ns: int
    cpu_ns: int
    switches: int
    """Context switches of the threads that live, asked for and not."""
    preempted: int
    """Of these, those it did not ask for."""


@dataclass(slots=True)
class Scrapes:
    """What a :func:`scraping` found, second by second; a scrape begins every ``every``-th of them."""

    every: int
    edges: list[Edge] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each scrape took."""
    sizes: list[int] = field(default_factory=list)
    """Bytes of each answer."""


def edge(pid: int) -> Edge:
    """Seen from outside the process; CPU time to the nanosecond, threads that ended included."""
    voluntary = preempted = 0
    at = time.monotonic_ns()
    cpu = time.clock_gettime_ns((~pid << 3) | SCHEDULER_CLOCK)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # the thread ended
            status = (task / "status").read_text(encoding="ascii")
            counts = dict(line.split(":\t") for line in status.splitlines() if "ctxt_switches" in line)
            voluntary += int(counts["voluntary_ctxt_switches"])
            preempted += int(counts["nonvoluntary_ctxt_switches"])
    return Edge(at, cpu, voluntary + preempted, preempted)


@contextlib.contextmanager
def scraping(url: str, pid: int, every: int = 1) -> Generator[Scrapes]:
    """Fetch the metrics every second, or at the start of every second one, and so on; 0: never, and only look."""
    over = threading.Event()
    found = Scrapes(every)

    def run() -> None:
        start = time.monotonic()
        for number in range(1_000_000):
            if over.wait(max(0.0, start + SCRAPE_S * (number + 1) - time.monotonic())):
                return
            with contextlib.suppress(OSError):
                found.edges.append(edge(pid))
            if every and number % every == 0:
                began = time.monotonic()
                with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310  # ours
                    found.sizes.append(len(answer.read()))
                    found.seconds.append(time.monotonic() - began)

    thread = threading.Thread(target=run, name="scraper", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
