"""What the exporter shows beside the board: the feed's process, its garbage collector, and itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.registry import Collector

from ferrofeed.board import GC_KEYS
from ferrofeed.metrics import BoardCollector
from ferrofeed.metrics_families import counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from ferrofeed._core import MetricsView

GC_NAMES = {
    "collections": ("python_gc_collections", "Number of times this generation was collected"),
    "collected": ("python_gc_objects_collected", "Objects collected during gc"),
    "uncollectable": ("python_gc_objects_uncollectable", "Uncollectable objects found during GC"),
}
"""As the client's own collector names them."""


class FeedGarbageCollector(Collector):
    """The garbage collector of the feed's interpreter; the feed puts its counts up once a second."""

    def __init__(self, view: MetricsView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """As the client's own collector does of this interpreter."""
        feed = self._view.feed()
        if feed is None:
            return
        generations = len(feed["gc"]) // len(GC_KEYS)
        for at, key in enumerate(GC_KEYS):
            counts = feed["gc"][at * generations : (at + 1) * generations]
            name, text = GC_NAMES[key]
            rows = [((str(generation),), count) for generation, count in enumerate(counts)]
            yield counter(name, text, ("generation",), rows)


class ExporterCollector(Collector):
    """The exporter itself."""

    def __init__(self, view: MetricsView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Its own metrics."""
        yield counter(
            "ferrofeed_exporter_cpu_seconds",
            "CPU time of the exporter's process, which is none of the feed's.",
            (),
            [((), time.process_time())],
        )
        feed = self._view.feed()
        yield counter(
            "ferrofeed_exporter_restarts",
            "Times that the exporter ended by itself and was started again.",
            (),
            [] if feed is None else [((), feed["restarts"])],
        )


def exporter_registry(view: MetricsView, pid: int) -> CollectorRegistry:
    """What the exporter of the feed in process ``pid`` serves: as :func:`ferrofeed.metrics.registry`, and its own."""
    result = CollectorRegistry(auto_describe=False)
    result.register(BoardCollector(view))
    result.register(ExporterCollector(view))
    ProcessCollector(pid=lambda: pid, registry=result)
    PlatformCollector(registry=result)
    result.register(FeedGarbageCollector(view))
    return result
