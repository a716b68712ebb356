"""ferrofeed as a receiver: the real feed (sessions, sockets, Rust reader, books, histograms) in a process of its own.

Run as ``python -m ferrofeed.bench.receiver JOB``. Modes: ``plain`` (nobody consumes), ``untouched`` (a conflating
consumer that takes nothing), ``batch`` (every event as NumPy records), ``callback`` (every event as an object to a
function), ``scraped`` (the same, with the metrics endpoint open in a process of its own, as the service has it),
``scraped-within`` (with the endpoint on a thread of this process), ``inline`` (to a function on the feed's thread).
Knobs follow the mode, each behind a ``+``: ``inline+busy_poll``; :data:`KNOBS` names them.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ferrofeed import _core
from ferrofeed.bench import workload
from ferrofeed.bench.meter import Meter, ReceiveJob, number_of, rss_kb, stamp_table
from ferrofeed.config import Config, Secret, VenueConfig
from ferrofeed.config.schema import LoopConfig, ServiceConfig, Subscription
from ferrofeed.errors import FerrofeedError
from ferrofeed.events import EVENT
from ferrofeed.exporter.parent import Exporter
from ferrofeed.feed import Feed
from ferrofeed.http import MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from ferrofeed.bench.workload import Workload
    from ferrofeed.events import Event

LOOK_S: Final = 0.01
"""How often the main thread looks whether everything has arrived."""
SETUP_S: Final = 15.0
PATIENCE_S: Final = 120.0


KNOBS: Final[dict[str, LoopConfig]] = {
    "busy_poll": LoopConfig(busy_poll=True),
    "so_busy_poll": LoopConfig(so_busy_poll_us=50),
    "quickack": LoopConfig(tcp_quickack=True),
    "rcvbuf": LoopConfig(receive_buffer_bytes=1 << 20),
    "fifo": LoopConfig(fifo_priority=10),
}
"""What a knob changes in ``[service.loop]``; ``gc_off``, ``mlock`` and ``switch`` (50 us) concern the process."""
PROCESS_KNOBS: Final = frozenset({"gc_off", "mlock", "switch"})


def tuned(knobs: Iterable[str]) -> LoopConfig:
    """The ``[service.loop]`` of these knobs."""
    merged: dict[str, Any] = {}
    for knob in knobs:
        if knob not in PROCESS_KNOBS:
            merged |= {name: value for name, value in asdict(KNOBS[knob]).items() if value not in {None, False}}
    return LoopConfig(**merged)


def turn(knobs: Iterable[str]) -> None:
    """Turn what concerns the process, as ``ferrofeed run`` does."""
    for knob in knobs:
        match knob:
            case "gc_off":
                gc.disable()
            case "mlock":
                _core.lock_memory()
            case "switch":
                sys.setswitchinterval(50e-6)
            case _:
                pass


def configuration(job: ReceiveJob, load: Workload) -> Config:
    """As many venues as connections, each subscribed to everything: a connection as an operator would set it up."""
    return Config(
        service=ServiceConfig(metrics="", log_level="error", loop=tuned(job.mode.split("+")[1:])),
        venues=[
            VenueConfig(
                id=f"bench-{number}",
                kind=load.kind,
                url=job.url,
                api_key=Secret(f"bench-key-{number}"),
                api_secret=Secret("bench-secret") if load.kind == "ziario" else None,
                tls_ca=Path(job.ca) if job.ca else None,
                subscribe=[Subscription(load.symbols, load.channels)],
            )
            for number in range(job.connections)
        ],
        source="the benchmark",
    )


def books(feed: Feed, load: Workload) -> dict[str, Any]:
    """Every book as decimal text, by the venue's symbol; of the first venue, the others having the same."""
    result = {}
    for raw in load.books:
        book = feed.book("bench-0", raw.replace("_", "/"))
        if book is not None:
            result[raw] = [[[str(price), str(size)] for price, size in side] for side in (book.bids, book.asks)]
    return result


class _Work:
    """What is done with the events beside the feed's own work."""

    def __init__(self, feed: Feed, job: ReceiveJob, load: Workload) -> None:
        self.events = 0
        self.all_came = threading.Event()
        self.stamps = stamp_table(job.frames) if job.stamps else None
        self._job = job
        kinds = sorted({"quote": "quote", "depth": "book", "trade": "trade"}[channel] for channel in load.channels)
        self._batches = None
        match job.mode.partition("+")[0]:
            case "untouched":
                feed.consumer(name="untouched", policy="conflate")
            case "callback" | "scraped" | "scraped-within" | "inline" as mode:
                call: Callable[[Event], None] = self.count if self.stamps is None else self.stamp
                for kind in kinds:
                    feed.on(kind, call, policy="block", inline=mode == "inline")
            case "batch":
                self._batches = feed.consumer(name="batch", kinds=kinds, policy="block")
            case _:
                pass

    def count(self, _event: Event) -> None:
        self.events += 1

    def stamp(self, event: Event) -> None:
        assert self.stamps is not None
        number = number_of(event.ts_event // 1_000_000)
        self.stamps[number] = time.monotonic_ns()
        self.events += 1
        if self.events == self._job.frames:
            self.all_came.set()

    def look(self) -> None:
        """Wait a moment, or work through what came meanwhile."""
        if self.stamps is not None:
            # a look takes the interpreter, and a pinned receiver's one CPU: it would be seen in the latencies
            self.all_came.wait(PATIENCE_S)
            return
        if self._batches is None:
            time.sleep(LOOK_S)
            return
        batch = self._batches.poll(LOOK_S)
        if batch is not None:
            assert batch.records.dtype == EVENT
            self.events += len(batch)

    def finished(self) -> bool:
        return self._job.mode.partition("+")[0] in {"plain", "untouched"} or self.events >= self._job.frames


@contextlib.contextmanager
def _anywhere() -> Generator[None]:
    """What is started here may run on any CPU, as beside a service whose loop alone has one of its own."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def receive(job: ReceiveJob, load: Workload) -> None:
    """Connect, say ``ready``, take every frame, report."""
    logging.getLogger("ferrofeed").setLevel(logging.CRITICAL)  # the end of the connection is no news
    feed = Feed(configuration(job, load))
    work = _Work(feed, job, load)
    turn(job.mode.split("+")[1:])
    servers: dict[str, type[Exporter | MetricsServer]] = {"scraped": Exporter, "scraped-within": MetricsServer}
    server = None
    if job.mode in servers:
        with _anywhere():
            server = servers[job.mode](feed, "127.0.0.1", 0).start()
    with feed:
        deadline = time.monotonic() + SETUP_S
        while not all(snapshot.acked == snapshot.wanted for _, snapshot in feed.snapshots()):
            if time.monotonic() > deadline:
                raise FerrofeedError("the subscriptions were not acknowledged")
            time.sleep(LOOK_S)
        connections = range(job.connections)
        # one look at all counters is one call for each connection: keep it rare where there are many
        before = [feed.core.counters(number) for number in connections]
        meter = Meter()
        meter.ready("" if server is None else f"http://127.0.0.1:{server.address[1]}/metrics")
        deadline = time.monotonic() + PATIENCE_S
        memory: list[int] = []
        while True:
            # of a paced run every look would show in the latencies
            looks = not job.stamps or work.finished()
            data = sum(feed.core.counters(number)["data"] for number in connections) if looks else 0
            if data >= job.frames and work.finished():
                break
            if not memory and data >= job.frames // 10:
                memory.append(rss_kb())
            if time.monotonic() > deadline:
                raise FerrofeedError(f"not every frame came: {[feed.core.counters(number) for number in connections]}")
            work.look()
        meter.done()
        memory.append(rss_kb())
        after = [feed.core.counters(number) for number in connections]
        reads = sum(new["reads"] - old["reads"] for new, old in zip(after, before, strict=True))
        meter.extra |= {
            "reads": reads,
            "rss_kb": memory,
            "events": work.events,
            "consumers": [consumer.totals()._asdict() for consumer in feed.consumers],
            "accounted": all(counters["accounted"] == counters["messages"] for counters in after),
            "stages": {
                stage: feed.core.percentiles(0, stage, [50.0, 90.0, 99.0, 99.9, 100.0])
                for stage in ("receive_to_decoded", "decoded_to_booked")
            },
            "delivered": feed.consumers[0].core.percentiles([50.0, 90.0, 99.0, 99.9, 100.0])
            if feed.consumers
            else None,
        }
        if work.stamps is not None:
            Path(job.stamps).write_bytes(work.stamps.tobytes())
        if server is not None:
            server.stop()
        meter.report(sum(counters["data"] for counters in after), books(feed, load))


if __name__ == "__main__":
    if not _core.release_build:
        sys.exit("this is a debug build of the Rust core: its times say nothing")
    received = ReceiveJob.from_argv()
    receive(received, workload.build(received.load, instruments=received.instruments))
