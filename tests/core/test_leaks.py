"""A thousand of everything made and dropped: memory, descriptors and collectable objects stay where they were."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.wire import CRYPTO, GOLDEN, Wire

from ferrofeed import Config, Feed, Secret, Subscription, VenueConfig

DEPTH = (GOLDEN / "itick/seed_depth.json").read_bytes()


def rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # no paths wanted


def wire() -> None:
    one = Wire("itick", symbols=CRYPTO).open()
    batch = one.batch(DEPTH)
    assert batch.records["kind"].any()
    assert one.consumer.fileno() > 0
    assert list(batch)


def feed() -> None:
    venue = VenueConfig(
        id="v",
        kind="itick",
        url="ws://127.0.0.1:1/",
        api_key=Secret("made-up-key"),
        subscribe=[Subscription(["BTC/USDT"], ["depth", "trade"])],
    )
    one = Feed(Config([venue]))
    one.on("trade", print)
    one.consumer().core.fileno()
    one.stop()


@pytest.mark.parametrize(("make", "kilobytes"), [(wire, 1), (feed, 1)])
def test_nothing_is_left_behind(make: Callable[[], None], kilobytes: int) -> None:
    for _ in range(200):
        make()
    gc.collect()
    objects, open_files = len(gc.get_objects()), descriptors()
    growths: list[int] = []
    # what leaks grows every time; what the allocator keeps for itself does not
    while not growths or (growths[-1] >= 1000 * kilobytes * 1024 and len(growths) < 4):
        memory = rss()
        for _ in range(1000):
            make()
        gc.collect()
        growths.append(rss() - memory)
    assert len(gc.get_objects()) - objects < 200
    assert descriptors() <= open_files
    assert growths[-1] < 1000 * kilobytes * 1024, growths
