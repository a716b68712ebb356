"""The small measurements: memory, signing, what a batch costs a Python user who touches nothing."""

from __future__ import annotations

import gc
import hmac
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from ferrofeed import _core
from ferrofeed.bench import machine, workload
from ferrofeed.bench.inprocess import InProcess
from ferrofeed.bench.measure import FERROFEED, Setting, measure, whole_blocks
from ferrofeed.events import Batch, Names

if TYPE_CHECKING:
    from collections.abc import Callable


def memory(frames: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """What the process holds after a tenth of the messages and at the end; and with a thousand books."""
    progress(f"memory: {frames:,} messages")
    frames = whole_blocks(frames, workload.build("quote"))
    steady = measure(FERROFEED, Setting("quote", frames), machine.pinning())["rss_kb"]
    progress("memory: 1,000 books")
    many = measure(FERROFEED, Setting("depth5", 40_000, instruments=1000), machine.pinning())["rss_kb"]
    if len(steady) < 2:
        return {"books_kb": many[-1]}
    return {"frames": frames, "grown_kb": steady[-1] - steady[0], "books_kb": many[-1]}


def signing(rounds: int = 9, each: int = 5_000) -> dict[str, list[float]]:
    """CPU ns of a signature, by who makes it, a sample a round; they take turns."""
    key, text = b"your_api_secret", b"api_key=your_api_key&timestamp=1701234567"
    ways: dict[str, Callable[[], object]] = {
        "ferrofeed": lambda: _core.hmac_sha256_hex(key, text),
        "hmac": lambda: hmac.new(key, text, "sha256").hexdigest(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.thread_time_ns()
            for _ in range(each):
                way()
            times[name].append((time.thread_time_ns() - start) / each)
    return times


def batches(rounds: int = 9) -> dict[str, Any]:
    """Whether a batch's arrays are views of the core's memory, and what a batch of 4,000 events allocates and costs.

    ``blocks``: Python's memory blocks a batch, records and levels looked at in NumPy and no event touched.
    ``touched``: the same when every event is touched.
    """
    feed = InProcess(workload.build("depth5"), mode="every")
    names = Names()
    names.venues.append("bench")
    for symbol in feed.instruments:
        names.symbols.append((symbol, symbol))
        names.owners.append(0)

    def take() -> Batch:
        feed.block()
        assert feed.consumer is not None
        taken, _ = feed.consumer.take()
        assert taken is not None
        return Batch(taken, names)

    view, owned, blocks, touched, ns = True, 0, [], [], []
    events = 0
    for _ in range(rounds):
        batch = take()
        events = len(batch)
        gc.disable()
        before, start = sys.getallocatedblocks(), time.thread_time_ns()
        records, levels = batch.records, batch.levels
        first = int(records["kind"][0]) + len(levels)
        ns.append(time.thread_time_ns() - start)
        blocks.append(sys.getallocatedblocks() - before)
        gc.enable()
        assert first
        view = view and not (records.flags.owndata or levels.flags.owndata)
        owned += sum(array.nbytes for array in (records, levels) if array.flags.owndata)
        before = sys.getallocatedblocks()
        every = list(batch)
        touched.append(sys.getallocatedblocks() - before)
        assert len(every) == events
        del every
    return {
        "view": view,
        "copied_bytes": owned,
        "events": events,
        "blocks": statistics.median(blocks),
        "touched": statistics.median(touched),
        "ns": statistics.median(ns),
    }
