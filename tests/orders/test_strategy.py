"""A strategy's name on its orders, and what becomes of them when it goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.orders.support import ETH, config, paper, running, until

from ferrofeed import Feed, UsageError, _core
from ferrofeed.orders import NotReadyError


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[Feed]:
    feed = running(config(tmp_path, paper()))
    yield feed
    feed.stop()


def test_its_orders_carry_its_name_and_go_with_it(feed: Feed) -> None:
    other = feed.orders.place("paper", ETH, "buy", 1, 1000)
    with feed.orders.strategy("maker", cancel_on_disconnect=True) as maker:
        mine = maker.place("paper", ETH, "buy", 1, 1001)
        assert mine.wait_live(5).strategy == "maker"
    assert mine.wait(30).state == "cancelled"
    assert other.state == "working"
    with pytest.raises(UsageError, match="has said goodbye"):
        maker.place("paper", ETH, "buy", 1, 1002)


def test_its_orders_stay_where_nothing_else_is_asked_for(feed: Feed) -> None:
    with feed.orders.strategy("keeper") as keeper:
        mine = keeper.place("paper", ETH, "buy", 1, 1001)
        mine.wait_live(5)
    feed.orders.refresh("paper")
    assert mine.state == "working"
    assert feed.orders.strategy("keeper").cancel_all() == 1
    assert mine.wait(30).state == "cancelled"


def test_an_exception_takes_them_along(feed: Feed) -> None:
    placed = []

    def run() -> None:
        with feed.orders.strategy("maker", cancel_on_disconnect=True) as maker:
            placed.append(maker.place("paper", ETH, "buy", 1, 1001))
            raise KeyError("a bug of the strategy's")

    with pytest.raises(KeyError):
        run()
    assert placed[0].wait(30).state in {"cancelled", "expired"}


def test_one_that_falls_silent(feed: Feed) -> None:
    maker = feed.orders.strategy("maker", cancel_on_disconnect=True, heartbeat_s=0.2)
    mine = maker.place("paper", ETH, "buy", 1, 1001)
    mine.wait_live(5)
    for _ in range(10):
        maker.beat()
        assert not maker.silent
    assert mine.state == "working"
    assert mine.wait(30).state == "cancelled", "nobody beat any more"
    until(lambda: not maker.connected, "it is gone")


@pytest.mark.parametrize("heartbeat_s", [0, -1.0])
def test_a_heartbeat_needs_a_time_and_a_consequence(feed: Feed, heartbeat_s: float) -> None:
    with pytest.raises(UsageError, match="a time above 0"):
        feed.orders.strategy("m", cancel_on_disconnect=True, heartbeat_s=heartbeat_s)
    with pytest.raises(UsageError, match="only with cancel_on_disconnect"):
        feed.orders.strategy("m", heartbeat_s=1)
    with pytest.raises(UsageError, match="a name of 1 to 64"):
        feed.orders.strategy("")


def test_an_order_that_crosses_the_goodbye_goes_too(feed: Feed) -> None:
    maker = feed.orders.strategy("maker", cancel_on_disconnect=True)

    class Cause:
        """An event that is looked at after the goodbye was looked for."""

        @property
        def ts_recv(self) -> int:
            maker.close()
            return _core.realtime_ns()

    mine = maker.place("paper", ETH, "buy", 1, 1001, cause=Cause())
    assert mine.wait(30).state in {"cancelled", "expired"}


def test_nobody_places_in_the_name_of_one_that_is_gone(feed: Feed) -> None:
    maker = feed.orders.strategy("maker", cancel_on_disconnect=True)
    maker.close()
    with pytest.raises(NotReadyError, match="has said goodbye"):
        feed.orders.place("paper", ETH, "buy", 1, 1001, strategy=maker)
    assert not feed.orders.open_orders()
