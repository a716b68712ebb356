"""The stream of order events: numbered, in order, bounded, never dropped behind a consumer's back."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.orders.support import ETH, D, config, paper, running, until

from ferrofeed import Feed, SlowConsumerError
from ferrofeed.orders import Order, OrderEvent, OrderEvents


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    feed = running(config(tmp_path, paper(), events=64))
    yield feed
    feed.stop()


def place(feed: Feed, count: int = 1) -> list[Order]:
    return [feed.orders.place("paper", ETH, "buy", "0.1", 1000 + step) for step in range(count)]


def test_every_event_in_order(feed: Feed) -> None:
    events = feed.orders.events()
    (order,) = place(feed)
    order.cancel()
    order.wait(30)
    until(lambda: feed.orders.balances("paper")["USDT"].locked == 0, "the account")
    got = events.poll()
    assert [event.seq for event in got] == list(range(got[0].seq, got[0].seq + len(got)))
    life = [(event.change, event.state) for event in got if event.order == order.id]
    assert life == [
        (None, "pending_new"),
        ("accepted", "working"),
        ("cancel_asked", "pending_cancel"),
        ("cancelled", "cancelled"),
    ]
    assert {event.venue for event in got} == {"paper"}
    assert {event.symbol for event in got if event.order} == {ETH}
    assert events.poll() == []


def test_a_consumer_that_falls_behind_is_ended_loudly(feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    slow, fast = feed.orders.events(capacity=5, name="slow"), feed.orders.events(capacity=1000)
    with caplog.at_level(logging.ERROR):
        for order in place(feed, 5):
            order.wait_live(5)
    assert "'slow' fell behind 5 events" in caplog.text
    kept = slow.poll()
    assert len(kept) <= 5
    with pytest.raises(SlowConsumerError):
        slow.poll()
    with pytest.raises(SlowConsumerError):
        list(slow)
    assert sum(event.change == "accepted" for event in fast.poll()) == 5


def test_iteration_ends_with_the_feed_and_leaves_what_was_not_taken(tmp_path: Path) -> None:
    feed = running(config(tmp_path, paper()))
    events = feed.orders.events()
    place(feed, 2)
    until(lambda: len(feed.orders.open_orders()) == 2)
    for event in events:
        assert event.state == "pending_new"
        break
    rest = threading.Thread(target=feed.stop)
    rest.start()
    assert next(iter(events)).change == "accepted"
    assert [event.kind for event in events], "what was pending comes to the end"
    rest.join()
    assert events.closed
    assert feed.orders.events().closed, "nothing comes after the end"


async def forever(events: OrderEvents) -> None:
    async for _ in events:
        pass


def test_async_iteration(feed: Feed) -> None:
    async def main() -> list[OrderEvent]:
        events, got = feed.orders.events(), []
        (order,) = place(feed)
        async with asyncio.timeout(10):
            async for event in events:
                got.append(event)
                if event.change == "accepted":
                    order.cancel()
                if event.state == "cancelled":
                    break
        assert events._waiting == []
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(forever(events), 0.3)
        assert events._waiting == [], "nothing of it stays on the loop"
        return got

    got = asyncio.run(main())
    assert [event.seq for event in got] == sorted(event.seq for event in got)


def test_callbacks_on_a_thread_of_their_own_and_inline(feed: Feed) -> None:
    threads: dict[str, set[str]] = {"own": set(), "inline": set()}
    seen: dict[str, list[int]] = {"own": [], "inline": []}

    def note(which: str, event: OrderEvent) -> None:
        threads[which].add(threading.current_thread().name)
        seen[which].append(event.seq)

    feed.orders.on(lambda event: note("own", event), name="mine")
    feed.orders.on(lambda event: note("inline", event), inline=True)
    for order in place(feed, 10):
        order.cancel()
        order.wait(30)
    last = feed.orders.events()
    until(lambda: seen["own"] and seen["own"] == seen["inline"] and not feed.orders.core.has_events(), "both have all")
    assert threads == {"own": {"ferrofeed-mine"}, "inline": {"ferrofeed"}}
    assert seen["inline"] == list(range(seen["inline"][0], seen["inline"][0] + len(seen["inline"])))
    last.close()


def test_what_an_inline_callback_causes_comes_after_what_it_heard(feed: Feed) -> None:
    """Both callbacks see every event, in order, although the first places orders while it is called."""
    first: list[int] = []
    second: list[int] = []

    def reacts(event: OrderEvent) -> None:
        first.append(event.seq)
        if event.change == "accepted" and len(first) < 40:
            feed.orders.place("paper", ETH, "buy", "0.1", 500 + len(first))

    feed.orders.on(reacts, inline=True)
    feed.orders.on(lambda event: second.append(event.seq), inline=True)
    place(feed)
    until(lambda: len(second) >= 40, "a chain of orders")
    until(lambda: first == second, "both have all")
    assert first == list(range(first[0], first[0] + len(first)))


def test_an_exception_of_a_callback_is_counted_and_the_feed_goes_on(
    feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_event: OrderEvent) -> None:
        raise KeyError("mine")

    events = feed.orders.on(fails, inline=True, name="bad")
    with caplog.at_level(logging.ERROR):
        (order,) = place(feed)
        order.cancel()
        assert order.wait(30).state == "cancelled"
        until(lambda: any(callback.errors > 1 for callback in feed.orders._callbacks), "errors are counted")
    assert caplog.text.count("the callback 'bad' raised") == 1
    events.close()
    assert feed.orders._callbacks == []


def test_denials_are_events(feed: Feed) -> None:
    events = feed.orders.events()
    with pytest.raises(Exception, match="rule price_sign"):
        feed.orders.place("paper", ETH, "buy", 1, -1)
    (event,) = events.poll(5)
    assert (event.kind, event.venue, event.order) == ("denied", "paper", 0)
    assert "price -1: expected more than 0" in event.text
    assert event.filled == D(0)
