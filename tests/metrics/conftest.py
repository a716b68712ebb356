"""A live feed of three simulated venues and its HTTP endpoint."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from ferrofeed import Feed
from ferrofeed.http import MetricsServer

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.api.conftest import CHANNELS, Market, until  # noqa: E402  # the path comes first


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Served(NamedTuple):
    feed: Feed
    port: int
    market: Market

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def serve(stack: ExitStack, *, start: bool = True) -> Served:
    market = Market(stack)
    feed = market.feed(CHANNELS, rate=100)
    feed.on("trade", str, name="printer")
    server = MetricsServer(feed, "127.0.0.1", 0).start()
    stack.callback(server.stop)
    if start:
        feed.start()
        assert feed.wait_ready(), feed.missing()
        until(lambda: all(feed.core.counters(link.venue)["data"] > 50 for link, _ in feed.snapshots()), "data")
    return Served(feed, server.address[1], market)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with ExitStack() as stack:
        yield serve(stack)


@pytest.fixture
def unstarted() -> Iterator[Served]:
    with ExitStack() as stack:
        yield serve(stack, start=False)
