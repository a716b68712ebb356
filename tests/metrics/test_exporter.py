"""The endpoint in a process of its own: the same numbers, and the lives of the two processes."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.api.conftest import CHANNELS, Market, until
from tests.metrics.conftest import Served
from tests.metrics.test_metrics import DOCUMENT

from ferrofeed import Feed
from ferrofeed.errors import UsageError
from ferrofeed.exporter.collectors import ExporterCollector
from ferrofeed.exporter.parent import Exporter
from ferrofeed.http import MetricsServer

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
MOVING = {"ferrofeed_channel_age_seconds", "ferrofeed_loop_silence_seconds"}
"""Gauges that move while nothing happens."""


class Exported(Served):
    """A feed and its exporter."""

    exporter: Exporter

    def look(self) -> Samples:
        answer = self.ask("/metrics")
        assert answer.status == 200
        return samples(answer.body)


def samples(body: bytes) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.fixture
def market() -> Iterator[Market]:
    with ExitStack() as stack:
        yield Market(stack)


def serve(stack: ExitStack, market: Market, rate: float = 200.0) -> Exported:
    feed = market.feed(CHANNELS, rate=rate)
    feed.on("trade", str, name="printer")
    feed.consumer(name="idle", policy="conflate", capacity=64)
    exporter = Exporter(feed, "127.0.0.1", 0).start()
    stack.callback(exporter.stop)
    feed.start()
    assert feed.wait_ready(), feed.missing()
    exported = Exported(feed, exporter.address[1], market)
    exported.exporter = exporter
    return exported


@pytest.fixture
def exported(market: Market) -> Iterator[Exported]:
    with ExitStack() as stack:
        yield serve(stack, market)


def pause(market: Market) -> None:
    for sim in market.sims.values():
        sim.call(lambda simulator: simulator.pause())


def standing_still(feed: Feed) -> list[Any]:
    return [
        *(feed.core.counters(link.venue) for link, _ in feed.snapshots()),
        *(consumer.core.totals() for consumer in feed.consumers),
        [snapshot for _, snapshot in feed.snapshots()],
    ]


def test_the_exporter_and_a_collector_in_the_process_say_the_same(exported: Exported) -> None:
    feed = exported.feed
    within = MetricsServer(feed, "127.0.0.1", 0).start()
    try:
        pause(exported.market)
        other = Exported(feed, within.address[1], exported.market)
        for _ in range(200):
            before = standing_still(feed)
            mine, theirs = other.look(), exported.look()
            if before == standing_still(feed):
                break
        else:
            raise AssertionError("the feed never stood still")
    finally:
        within.stop()
    own = {key: value for key, value in mine.items() if key[0].startswith("ferrofeed_")}
    assert len(own) > 300
    for key, value in own.items():
        if key[0] in MOVING:
            assert 0 <= theirs[key] < 60, key
            assert abs(theirs[key] - value) < 5, key
        else:
            assert theirs[key] == value, key
    # what is not the feed's has the same names and is of the feed's process
    assert {name for name, _ in mine} - {name for name, _ in theirs} == set()
    assert {name for name, _ in theirs} - {name for name, _ in mine} == {
        "ferrofeed_exporter_cpu_seconds_total",
        "ferrofeed_exporter_restarts_total",
    }
    start = ("process_start_time_seconds", ())
    assert theirs[start] == mine[start]
    assert theirs["python_gc_collections_total", (("generation", "0"),)] > 0


def test_its_totals_are_those_of_the_consumers(exported: Exported) -> None:
    feed = exported.feed
    until(lambda: all(consumer.totals().received > 100 for consumer in feed.consumers), "events")
    pause(exported.market)
    seen = quiet(exported)
    for consumer in feed.consumers:
        totals = consumer.core.totals()
        for fate in ("received", "delivered", "conflated", "dropped", "filtered"):
            key = ("ferrofeed_consumer_events_total", (("consumer", consumer.name), ("fate", fate)))
            assert seen[key] == totals[fate], (consumer.name, fate)
        assert seen["ferrofeed_consumer_pending_events", (("consumer", consumer.name),)] == totals["pending"]
    assert seen["ferrofeed_consumer_events_total", (("consumer", "idle"), ("fate", "conflated"))] > 0
    feed.consumers[-1].close()
    names = {dict(labels)["consumer"] for name, labels in exported.look() if name == "ferrofeed_consumer_events_total"}
    assert names == {"printer"}


def quiet(served: Exported) -> Samples:
    """A scrape of a feed that stood still."""
    for _ in range(200):
        before = standing_still(served.feed)
        seen = served.look()
        if before == standing_still(served.feed):
            return seen
    raise AssertionError("the feed never stood still")


def test_scrapes_under_load_are_consistent(market: Market) -> None:
    with ExitStack() as stack:
        exported = serve(stack, market, rate=4000.0)
        looks = [exported.look() for _ in range(25)]
        pause(market)
        looks.append(quiet(exported))
    venues = [link.config.id for link, _ in exported.feed.snapshots()]
    for earlier, later in pairwise(looks):
        nothing_went_back(earlier, later)
        for venue in venues:
            messages, parts = accounts(earlier, venue)
            assert messages - 1 <= parts <= accounts(later, venue)[0], venue
    for look in looks:
        consumers_are_accounted_for(look)
        histograms_are_whole(look)
    for venue in venues:
        messages, parts = accounts(looks[-1], venue)
        assert messages == parts > accounts(looks[0], venue)[0] + 100


def nothing_went_back(earlier: Samples, later: Samples) -> None:
    for (name, labels), value in earlier.items():
        if name.startswith("ferrofeed_") and name.endswith(("_total", "_bucket", "_count", "_sum")):
            assert later[name, labels] >= value, (name, labels)


def consumers_are_accounted_for(look: Samples) -> None:
    for consumer in ("printer", "idle"):
        fates = {
            dict(labels)["fate"]: value
            for (name, labels), value in look.items()
            if name == "ferrofeed_consumer_events_total" and ("consumer", consumer) in labels
        }
        pending = look["ferrofeed_consumer_pending_events", (("consumer", consumer),)]
        assert fates["received"] == fates["delivered"] + fates["conflated"] + fates["dropped"] + pending, consumer


def histograms_are_whole(look: Samples) -> None:
    highest: dict[tuple[tuple[str, str], ...], float] = defaultdict(float)
    for (name, labels), value in look.items():
        if name == "ferrofeed_latency_seconds_bucket":
            series = tuple(label for label in labels if label[0] != "le")
            highest[series] = max(highest[series], value)
    for series, value in highest.items():
        assert look["ferrofeed_latency_seconds_count", series] == value, series


def accounts(look: Samples, venue: str) -> tuple[float, float]:
    """Messages, and the sum of what became of them."""
    mine = {key: value for key, value in look.items() if ("venue", venue) in key[1]}
    parts = sum(
        value
        for (name, _), value in mine.items()
        if re.fullmatch(r"ferrofeed_messages_(data|control|ignored|quarantined)_total", name)
    )
    messages = mine["ferrofeed_messages_total", (("connection", "0"), ("venue", venue))]
    return messages, parts


def test_health_and_readiness_follow_the_feed(exported: Exported) -> None:
    assert exported.ask("/healthz")[::2] == (200, b"ok\n")
    assert exported.ask("/readyz")[::2] == (200, b"ready\n")
    exported.feed.stop()
    assert exported.ask("/healthz")[::2] == (503, b"stopped\n")
    assert exported.ask("/readyz")[::2] == (503, b"the feed is not running\n")
    assert exported.look()["ferrofeed_ready", ()] == 0.0


def test_a_killed_exporter_is_started_again_on_the_same_port(
    exported: Exported, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = exported.exporter
    assert exported.look()["ferrofeed_exporter_restarts_total", ()] == 0
    for number in (1, 2):
        first = exporter.pid
        assert first is not None
        with caplog.at_level(logging.ERROR, "ferrofeed.exporter"):
            os.kill(first, signal.SIGKILL)
            assert exported.look()["ferrofeed_exporter_restarts_total", ()] == number
        assert exporter.pid not in {None, first}
    assert "the metrics exporter was ended by SIGKILL; starting it again in 0.25 s" in caplog.text
    assert "starting it again in 0.5 s" in caplog.text


def test_signals_to_the_group_do_not_end_it(exported: Exported) -> None:
    pid = exported.exporter.pid
    assert pid is not None
    exported.look()  # it is up
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(pid, number)
    exported.look()
    assert exported.exporter.pid == pid


def test_stop_ends_it_and_gives_the_port_back(exported: Exported) -> None:
    exporter = exported.exporter
    pid, address = exporter.pid, exporter.address
    exported.look()
    began = time.monotonic()
    exporter.stop()
    assert time.monotonic() - began < 5
    assert not Path(f"/proc/{pid}").exists()
    Exporter(exported.feed, *address).stop()


def test_it_sees_nothing_of_the_environment(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERROFEED_TEST_CREDENTIAL", "hidden-in-the-environment")
    pid = exported.exporter.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # the next one is started with the variable set
    exported.look()
    environ = Path(f"/proc/{exported.exporter.pid}/environ").read_text()
    assert "PATH=" in environ
    assert "hidden" not in environ


def test_a_taken_port_is_a_usage_error(exported: Exported) -> None:
    with pytest.raises(UsageError, match=r"service.metrics: can't listen on 127.0.0.1:\d+: Address already in use"):
        Exporter(exported.feed, "127.0.0.1", exported.port)


def test_the_document_lists_the_exporters_own_metrics(exported: Exported) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for family in ExporterCollector(exported.feed.core.board.view()).collect():
        assert f"| `{family.name}_total` | counter | - | {family.documentation} |" in text
