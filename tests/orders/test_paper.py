"""The API end to end on the paper exchange in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.orders.support import ETH, D, config, journal, paper, running, until

from ferrofeed import Config, Feed, UsageError
from ferrofeed.orders import (
    HaltedError,
    IntentUsedError,
    NotReadyError,
    OrderFinishedError,
    OrderRejectedError,
    UnknownOrderError,
    UnsupportedError,
    WaitTimeoutError,
)


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    feed = running(config(tmp_path, paper(latency_us=[200, 2000], seed=3)))
    yield feed
    feed.stop()


def test_an_order_rests_and_is_cancelled(feed: Feed) -> None:
    orders = feed.orders
    order = orders.place("paper", ETH, "buy", "1.5", D("2000.00"))
    assert order.state in {"pending_new", "working"}
    live = order.wait_live(5)
    assert (live.state, live.price, live.quantity, live.remaining) == ("working", D(2000), D("1.5"), D("1.5"))
    assert live.venue_id
    assert live.client_id == f"ff{order.id}"
    assert [view.id for view in orders.open_orders("paper", ETH)] == [order.id]
    until(lambda: orders.balances("paper")["USDT"].locked > 3000, "the money is held")
    order.cancel()
    assert order.wait(30).state == "cancelled"
    assert orders.open_orders() == []
    until(lambda: orders.balances("paper")["USDT"].locked == 0, "the money is free again")
    with pytest.raises(OrderFinishedError, match="is over: cancelled"):
        order.cancel()
    with pytest.raises(UnknownOrderError):
        orders.cancel(1)
    assert orders.order(1) is None
    assert orders.order(order.id) == order


def test_without_a_market_nothing_trades(tmp_path: Path) -> None:
    """Without a market there is only the account's own order, and nobody trades with himself."""
    feed = running(config(tmp_path, paper(maker_ppm=0, taker_ppm=1000)))
    orders = feed.orders
    try:
        # nothing to trade with: a market order ends, an order that would meet its own account's does too
        nothing = orders.place("paper", ETH, "buy", "1", type="market").wait(30)
        assert (nothing.state, nothing.filled, nothing.average_price) == ("cancelled", D(0), None)
        resting = orders.place("paper", ETH, "sell", 2, 2000)
        own = orders.place("paper", ETH, "buy", 1, 2000, type="ioc").wait(30)
        assert (own.state, own.filled) == ("cancelled", D(0))
        assert resting.wait_live(5).filled == 0
        assert orders.position("paper", ETH) == (D(50), D(0))
    finally:
        feed.stop()


def test_replace(feed: Feed) -> None:
    orders = feed.orders
    order = orders.place("paper", ETH, "buy", "1", "2000")
    order.wait_live(5)
    order.replace(price="1999.5", quantity=D("1.2"))
    until(lambda: order.state == "working" and order.view.price == D("1999.5"), "new terms")
    assert order.view.quantity == D("1.2")
    with pytest.raises(OrderRejectedError, match="more digits than the 2 after the point"):
        order.replace(price="1999.501")
    with pytest.raises(OrderRejectedError, match="smallest is 5"):
        order.replace(quantity="0.002")
    order.cancel()
    order.wait(30)
    with pytest.raises(OrderFinishedError):
        order.replace(price=1)


def test_cancel_all_by_symbol_and_venue(feed: Feed) -> None:
    orders = feed.orders
    spot = [orders.place("paper", ETH, "buy", "0.1", 1000 + step) for step in range(5)]
    contract = orders.place("paper", "BTC/USDT", "buy", "0.1", "30000", offset="open")
    for order in (*spot, contract):
        order.wait_live(5)
    assert orders.cancel_all("paper", ETH) == 5
    assert {order.wait(30).state for order in spot} == {"cancelled"}
    assert contract.state == "working"
    assert orders.cancel_all() == 1
    contract.wait(30)
    assert orders.cancel_all() == 0
    with pytest.raises(UsageError, match="needs its venue"):
        orders.cancel_all(symbol=ETH)


def test_an_intent_has_one_order(feed: Feed) -> None:
    orders = feed.orders
    first = orders.place("paper", ETH, "buy", 1, 1000, intent="enter-1")
    with pytest.raises(IntentUsedError) as caught:
        orders.place("paper", ETH, "buy", 1, 1000, intent="enter-1")
    assert caught.value.order == first.id
    first.cancel()
    first.wait(30)
    again = orders.place("paper", ETH, "buy", 1, 1001, intent="enter-1")
    assert again.wait_live(5).intent == "enter-1"


def test_the_mode_and_the_kill_switch(feed: Feed, tmp_path: Path) -> None:
    orders = feed.orders
    resting = orders.place("paper", ETH, "buy", 1, 1000)
    resting.wait_live(5)
    orders.set_mode("reducing", "the test")
    with pytest.raises(HaltedError, match="reducing: at most 0 can be reduced"):
        orders.place("paper", ETH, "buy", 1, 1000)
    reduces = orders.place("paper", ETH, "sell", 1, 5000)
    assert reduces.wait_live(5).state == "working"
    orders.set_mode("active")
    orders.kill("the test says so")
    assert orders.mode.in_force == "halted"
    assert orders.mode.killed == "the test says so"
    assert {resting.wait(30).state, reduces.wait(5).state} == {"cancelled"}
    with pytest.raises(HaltedError):
        orders.place("paper", ETH, "buy", 1, 1000)
    orders.set_mode("active", "somebody else")
    assert orders.mode.in_force == "halted", "the mode does not clear the switch"
    with pytest.raises(UsageError, match="who"):
        orders.clear_kill(" ")
    assert orders.clear_kill("tester")
    assert not orders.clear_kill("tester")
    assert orders.place("paper", ETH, "buy", 1, 1000).wait_live(5).state == "working"
    text = "\n".join(journal(tmp_path))
    assert "the test says so" in text
    assert "tester" in text


def test_waiting(feed: Feed) -> None:
    order = feed.orders.place("paper", ETH, "buy", 1, 1000)
    order.wait_live(5)
    with pytest.raises(WaitTimeoutError, match="is working after"):
        order.wait(0.01)
    with pytest.raises(LookupError):
        feed.orders.view(7)
    caught: list[Exception] = []

    def wait_inside(_event: object) -> None:
        try:
            order.wait(1)
        except UsageError as error:
            caught.append(error)

    feed.orders.on(wait_inside, inline=True)
    order.cancel()
    until(lambda: caught, "an inline callback that waits is told")


def test_orders_on_an_event_loop_of_the_callers(feed: Feed) -> None:
    async def main() -> None:
        orders = feed.orders
        placed = [orders.place("paper", ETH, "buy", "0.1", 1000 + step) for step in range(20)]
        live = await asyncio.gather(*(order.accepted() for order in placed))
        assert {view.state for view in live} == {"working"}
        orders.cancel_all()
        over = await asyncio.gather(*(order.finished() for order in placed))
        assert {view.state for view in over} == {"cancelled"}
        resting = orders.place("paper", ETH, "buy", "0.1", 1000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resting.finished()
        assert orders._watchers == {}, "nothing of it stays"

    asyncio.run(main())


def test_many_threads_place_and_cancel(feed: Feed) -> None:
    """Ids are unique, every order ends, the money is all there."""
    orders = feed.orders
    ids: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        for step in range(25):
            order = orders.place("paper", ETH, "buy", "0.01", f"{1000 + number}.{step:02}")
            with lock:
                ids.append(order.id)
            order.cancel()
            order.wait(30)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set(ids)) == 100
    assert {orders.view(order).state for order in ids} <= {"cancelled", "expired"}
    until(lambda: orders.balances("paper")["USDT"] == (D(100000), D(0), D(100000)), "the money")
    assert orders.core.journal()[7] == 0, "no inconsistency"


def test_contracts_have_two_sides(feed: Feed) -> None:
    orders = feed.orders
    with pytest.raises(OrderRejectedError, match="open or close"):
        orders.place("paper", "BTC/USDT", "buy", "0.1", 30000)
    with pytest.raises(OrderRejectedError, match="net"):
        orders.place("paper", ETH, "buy", "0.1", 3000, offset="open")
    with pytest.raises(UnsupportedError, match="quote"):
        orders.place("paper", ETH, "buy", "100", type="market", unit="quote")
    assert orders.rules("paper", "BTC/USDT").product == "contract"
    assert orders.positions("paper") == {ETH: (D(50), D(0)), "BTC/USDT": (D(0), D(0))}


def test_refresh_and_readiness(feed: Feed, tmp_path: Path) -> None:
    orders = feed.orders
    reports = orders.core.counters(0)["reports"]
    assert orders.refresh("paper")
    until(lambda: orders.core.counters(0)["reports"] > reports, "answers")
    assert orders.ready()
    assert orders.venues() == ["paper"]
    assert orders.desk_state("paper") == "ready"
    other = Feed(config(tmp_path / "other", paper()))
    assert not other.orders.ready()
    with pytest.raises(NotReadyError, match="it is down"):
        other.orders.place("paper", ETH, "buy", 1, 1000)
    other.stop()
    with pytest.raises(UsageError, match="no venue of the configuration trades"):
        _ = Feed(config_without_orders()).orders


def config_without_orders() -> Config:
    venue = {"id": "i", "kind": "itick", "api_key": "plain:token", "url": "ws://127.0.0.1:1/"}
    subscribe = [{"symbols": [ETH], "channels": ["depth"]}]
    return Config.from_dict({"venue": [{**venue, "subscribe": subscribe}]})
