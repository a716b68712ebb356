"""Payload to book, depth 5 by 5 and 20 by 20: ours from whole frames, the others from bare payloads."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from benches import inprocess
from ferrofeed.bench.measure import different_books

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ferrofeed.bench.workload import Workload

NEEDS = {"orjson + dict": "orjson", "cryptofeed": "cryptofeed", "nautilus_trader": "nautilus_trader"}


@pytest.mark.parametrize("name", inprocess.LOADS)
@pytest.mark.parametrize("way", inprocess.WAYS)
def test_book(benchmark: BenchmarkFixture, load: Callable[[str], Workload], name: str, way: str) -> None:
    """nautilus_trader stays out where the environment is ours: it pins another uvloop (`benches.inprocess` has it)."""
    if way in NEEDS and importlib.util.find_spec(NEEDS[way]) is None:
        pytest.skip(f"{NEEDS[way]} is not in this environment")
    work, found = inprocess.WAYS[way][0](load(name))
    benchmark(work)
    assert different_books(load(name).books, found()) == []
