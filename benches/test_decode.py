"""Messages to values Python can use: frames through the feed to objects or NumPy, against the JSON libraries alone.

The others are given payloads (no frames to find) and make no books; ours are frames, and end in books and histograms.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ferrofeed.bench.inprocess import InProcess
from ferrofeed.events import CLASSES, Batch, Names

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ferrofeed.bench.workload import Workload

LOADS = ("quote", "depth5", "depth20", "trade", "ticker", "mix")
Load = "Callable[[str], Workload]"


def _named(feed: InProcess) -> Names:
    names = Names()
    names.venues.append("bench")
    for symbol in feed.instruments:
        names.symbols.append((symbol, symbol))
        names.owners.append(0)
    return names


def _taken(feed: InProcess, names: Names) -> Batch:
    assert feed.consumer is not None
    batch, _ = feed.consumer.take()
    assert batch is not None
    return Batch(batch, names)


@pytest.mark.parametrize("name", LOADS)
def test_ferrofeed_books(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    feed = InProcess(load(name))
    blocks = 0

    def work() -> None:
        nonlocal blocks
        feed.block()
        blocks += 1

    benchmark(work)
    assert feed.data() == blocks * len(load(name).payloads)


@pytest.mark.parametrize("name", LOADS)
def test_ferrofeed_numpy(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    feed = InProcess(load(name), mode="every")
    names = _named(feed)

    def work() -> int:
        feed.block()
        records = _taken(feed, names).records
        return int(np.count_nonzero(records["v"][:, 0]))

    assert benchmark(work) >= len(load(name).payloads)


@pytest.mark.parametrize("name", LOADS)
def test_ferrofeed_objects(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    feed = InProcess(load(name), mode="every")
    names = _named(feed)

    def work() -> int:
        feed.block()
        count = 0
        for event in _taken(feed, names):
            assert type(event) in CLASSES
            count += 1
        return count

    assert benchmark(work) >= len(load(name).payloads)


@pytest.mark.parametrize("name", LOADS)
def test_orjson(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    orjson = pytest.importorskip("orjson")
    payloads = load(name).payloads
    assert orjson.loads(payloads[0]) == json.loads(payloads[0])
    benchmark(lambda: [orjson.loads(payload) for payload in payloads])


@pytest.mark.parametrize("name", LOADS)
def test_json_decimal(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    """Exact, as ferrofeed is: the standard library's way."""
    payloads = load(name).payloads
    decoder = json.JSONDecoder(parse_float=Decimal)

    def work() -> list[Any]:
        return [decoder.decode(payload.decode()) for payload in payloads]

    benchmark(work)


@pytest.mark.parametrize("name", [name for name in LOADS if name != "ticker"])
def test_msgspec(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str) -> None:
    pytest.importorskip("msgspec")
    from benches.peers.shapes import ITICK  # noqa: PLC0415  # it may not be installed

    payloads = load(name).payloads
    assert ITICK.decode(payloads[0]).data.s in {symbol.replace("/", "_") for symbol in load(name).symbols}
    benchmark(lambda: [ITICK.decode(payload) for payload in payloads])
