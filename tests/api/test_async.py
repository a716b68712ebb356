"""``async for`` over batches, on both loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from tests.api.conftest import Market

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine on either loop."""

    def call(main: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main)

    return call


def test_batches_come_until_the_feed_stops(market: Market, run: Run) -> None:
    feed = market.feed()
    consumer = feed.consumer(policy="drop_oldest")

    async def main() -> None:
        numbers: list[int] = []
        async for batch in consumer:
            numbers += batch.records["seq"].tolist()
            if len(numbers) > 200 and feed.running:
                await asyncio.to_thread(feed.stop)
        assert numbers == list(range(1, len(numbers) + 1))
        assert consumer.closed

    with feed:
        run(main())


def test_the_loop_is_free_while_it_waits_and_while_data_floods(market: Market, run: Run) -> None:
    feed = market.feed(rate=2000)
    consumer = feed.consumer(policy="drop_oldest")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    async def drain() -> None:
        async for _ in consumer:
            pass

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(tick())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drain(), 2.0)
        task.cancel()
        assert ticks > 10

    with feed:
        run(main())


def test_leaving_at_a_break_and_coming_back_misses_no_wake(market: Market, run: Run) -> None:
    feed = market.feed()
    consumer = feed.consumer(kinds=["trade", "book", "quote"], policy="drop_oldest")

    async def main() -> None:
        async with asyncio.timeout(20):
            for _ in range(40):
                async for batch in consumer:
                    assert len(batch) > 0
                    break

    with feed:
        run(main())


def test_many_consumers_share_a_loop(market: Market, run: Run) -> None:
    feed = market.feed()
    consumers = [feed.consumer(kinds=kind, policy="drop_oldest") for kind in ("trade", "book", "quote")]
    counts = dict.fromkeys(range(3), 0)

    async def read(index: int) -> None:
        async for batch in consumers[index]:
            counts[index] += len(batch)
            if min(counts.values()) > 5:
                for consumer in consumers:
                    consumer.close()

    async def main() -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            for index in range(3):
                group.create_task(read(index))

    with feed:
        run(main())
    assert min(counts.values()) > 5


def test_a_feed_of_a_feed_that_never_started_ends_at_stop(market: Market, run: Run) -> None:
    feed = market.feed()
    consumer = feed.consumer()

    async def main() -> None:
        asyncio.get_running_loop().call_later(0.05, feed.stop)
        async with asyncio.timeout(10):
            assert [batch async for batch in consumer] == []

    run(main())
