"""The API end to end over real sockets, against the simulated trading venues and their faults."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.orders.support import ETH, D, at_simulator, config, journal, paper, trading, until

from ferrofeed import Feed, FerrofeedError
from ferrofeed.board import missing
from ferrofeed.orders import NotReadyError, OrderError, OrderView
from ferrofeed.sim import OrderOptions, SimulatorThread

KINDS = ("coinceres", "quantapi")
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def sims() -> Iterator[dict[str, SimulatorThread]]:
    """One simulator of each kind; their markets move by hand only."""
    made = {kind: SimulatorThread(kind, rate=0, symbols=[ETH], seed=1) for kind in KINDS}
    for sim in made.values():
        sim.start()
    yield made
    for sim in made.values():
        sim.stop()


def truth(sim: SimulatorThread) -> dict[str, Any]:
    """What really became of everything."""
    found: Any = sim.call(lambda venue: venue.truth())  # type: ignore[attr-defined]
    return dict(found)


def accounted(feed: Feed, connection: int = 0) -> bool:
    """Whether every message of a connection is one of the four."""
    counters = feed.core.counters(connection)
    return bool(counters["messages"]) and counters["messages"] == counters["accounted"]


def same(view: OrderView, real: dict[str, Any]) -> bool:
    """Whether the router's order is the venue's."""
    ends = {"cancelled": "cancelled", "filled": "filled", "rejected": "rejected", "working": "working"}
    return (ends.get(real["status"]), D(real["filled"])) == (view.state, view.filled)


@each_kind
def test_a_life(tmp_path: Path, sims: dict[str, SimulatorThread], kind: str) -> None:
    sim = sims[kind]
    with trading(config(tmp_path, at_simulator(kind, sim.url))) as feed:
        orders = feed.orders
        until(lambda: missing(feed.core.board.view()) == [], "others see that it is ready")
        assert orders.rules("v", ETH).tick == D("0.01"), "the venue has told its rules"
        order = orders.place("v", ETH, "buy", "0.5", "3000")
        venue_id = order.wait_live(5).venue_id
        sim.call(lambda venue: venue.fill(venue_id, "0.2"))  # type: ignore[attr-defined]
        until(lambda: order.filled == D("0.2"), "a part is filled")
        assert order.view.average_price == D(3000)
        order.cancel()
        over = order.wait(30)
        assert (over.state, over.filled, over.remaining) == ("cancelled", D("0.2"), D(0))
        taken = orders.place("v", ETH, "sell", "0.5", "100", type="limit").wait(30)
        assert (taken.state, taken.filled) == ("filled", D("0.5"))
        assert taken.average_price is not None
        assert taken.average_price > 2900
        refused = orders.place("v", ETH, "buy", "50", "1000000").wait(30)
        assert refused.state == "rejected"
        assert refused.reason
        real = truth(sim)
        assert real["violations"] == []
        assert all(same(view, one) for view, one in zip((over, taken), real["orders"], strict=False))
        until(lambda: orders.position("v", ETH).long == D("999.7"), "the position is the venue's")
        assert accounted(feed)
        assert orders.core.histograms(0)["order_to_ack"][1] == 3


@each_kind
@pytest.mark.parametrize(
    "mode",
    [
        *("place_unread", "place_read", "place_late", "place_done", "place_answered"),
        *("cancel_unread", "cancel_read", "cancel_late", "cancel_done", "fill_untold", "fill_told"),
    ],
)
def test_a_connection_that_is_cut_at_a_point_of_an_orders_life(
    tmp_path: Path, sims: dict[str, SimulatorThread], kind: str, mode: str
) -> None:
    """Whatever is true is found out after reconnecting; nothing is sent twice."""
    sim = sims[kind]
    with trading(config(tmp_path, at_simulator(kind, sim.url), settle_s=0.5, ack_timeout_s=1)) as feed:
        orders = feed.orders
        sim.call(lambda venue: venue.inject(f"cut mode={mode} delay=0.1"))
        order = orders.place("v", ETH, "buy", "0.5", "3000" if not mode.startswith("fill") else "4000")
        if mode.startswith("cancel"):
            order.wait_live(5)
            order.cancel()
        until(lambda: sim.call(lambda venue: venue.stats.accepted) > 1, "a second connection")
        until(orders.ready, "everything is asked and answered")
        until(lambda: order.state != "unknown", "the truth is known")
        real = truth(sim)
        assert real["violations"] == []
        mine = [one for one in real["orders"] if one["symbol"] == ETH]
        assert len(mine) <= 1
        view = order.view
        if not mine:
            assert view.state in {"absent", "closed", "expired"}
        elif view.state != "closed":
            assert same(view, mine[0]), (view, mine[0])
        newer = orders.place("v", ETH, "buy", "0.1", "2000")
        assert newer.wait_live(5).state == "working", "new orders are taken again"
        assert accounted(feed)


@each_kind
def test_orders_wait_for_nothing_that_is_not_connected(
    tmp_path: Path, sims: dict[str, SimulatorThread], kind: str
) -> None:
    sim = sims[kind]
    with trading(config(tmp_path, at_simulator(kind, sim.url))) as feed:
        live = feed.orders.place("v", ETH, "buy", "0.5", "3000")
        live.wait_live(5)
        sim.stop()
        until(lambda: live.state == "unknown", "a lost connection makes it unknown")
        with pytest.raises(NotReadyError, match="it is down"):
            feed.orders.place("v", ETH, "buy", "0.5", "3000")
        assert feed.missing() == ["v: down: takes no orders"]
        view = feed.core.board.view()
        until(lambda: missing(view) == ["v: down: takes no orders"], "others see it too")
        live.cancel()
        assert live.state == "unknown", "nobody could be asked"


def test_a_refused_key_is_fatal_and_told(tmp_path: Path, sims: dict[str, SimulatorThread]) -> None:
    venue = at_simulator("coinceres", sims["coinceres"].url, api_secret="plain:another-secret")
    feed = Feed(config(tmp_path, venue)).start()
    assert not feed.wait_ready(10)
    assert feed.missing() == ["v: handshake refused with HTTP status 401: the key is refused: takes no orders"]
    feed.retry("v")
    feed.stop()


def test_what_a_gateway_says_of_a_bad_key_is_told(tmp_path: Path, sims: dict[str, SimulatorThread]) -> None:
    """The login is taken; that the platform behind does not like the key comes as a state."""
    feed = Feed(config(tmp_path, at_simulator("quantapi", sims["quantapi"].url, api_secret="plain:another-secret")))
    events = feed.orders.events()
    told: list[str] = []
    feed.start()

    def refused() -> bool:
        told.extend(event.text for event in events.poll() if event.kind == "desk")
        return "opening: general_error: general error" in told

    until(refused, "the state")
    assert feed.missing() == ["v: opening: takes no orders"]
    feed.stop()


def test_two_logins_of_a_gateway_share_a_socket(tmp_path: Path, sims: dict[str, SimulatorThread]) -> None:
    sim = sims["quantapi"]
    venues = [
        at_simulator("quantapi", sim.url, "spot", platform="huobi"),
        at_simulator(
            "quantapi", sim.url, "swap", platform="okx_swap", trade=[{"symbols": [ETH], "product": "contract"}]
        ),
    ]
    markets: Any = sim.call(lambda venue: venue.hall.engine.markets)  # type: ignore[attr-defined]
    contract = next(name for name, product in markets.items() if product == "contract")
    venues[1]["platform"] = contract
    with trading(config(tmp_path, *venues)) as feed:
        orders = feed.orders
        assert sim.call(lambda venue: len(venue.connections)) == 1
        spot = orders.place("spot", ETH, "buy", "0.5", "3000")
        swap = orders.place("swap", ETH, "sell", "0.5", "4000", offset="open")
        assert (spot.wait_live(5).venue, swap.wait_live(5).venue) == ("spot", "swap")
        long = orders.place("swap", ETH, "buy", "0.5", "4000", offset="open").wait(30)
        assert (long.state, long.filled) == ("filled", D("0.5"))
        until(lambda: orders.position("swap", ETH).long == D("0.5"), "a long position")
        closed = orders.place("swap", ETH, "sell", "0.5", "100", offset="close", type="ioc").wait(30)
        assert closed.state == "filled"
        until(lambda: orders.position("swap", ETH) == (D(0), D(0)), "nothing is held")
        assert orders.cancel_all() == 2
        assert {spot.wait(30).state, swap.wait(5).state} == {"cancelled"}
        assert truth(sim)["violations"] == []


def test_pushes_of_another_socket(tmp_path: Path) -> None:
    options = OrderOptions(push_port=0)
    with SimulatorThread("coinceres", rate=0, symbols=[ETH], seed=1, orders=options) as sim:
        push: Any = sim.call(lambda venue: venue.push_url)  # type: ignore[attr-defined]
        with trading(config(tmp_path, at_simulator("coinceres", sim.url, push_url=str(push), poll_s=0))) as feed:
            until(lambda: sim.call(lambda venue: len(venue.connections)) == 2, "both sockets")
            order = feed.orders.place("v", ETH, "buy", "0.5", "3000")
            venue_id = order.wait_live(5).venue_id
            sim.call(lambda venue: venue.fill(venue_id))  # type: ignore[attr-defined]
            assert order.wait(30).filled == D("0.5")
            assert feed.names.venues == ["v", "v-push"]
            until(lambda: feed.core.counters(1)["data"] > 0, "pushes came there")
            assert accounted(feed, 0)
            assert accounted(feed, 1)


@each_kind
def test_no_credential_gets_out(
    tmp_path: Path, sims: dict[str, SimulatorThread], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not into the journal, a log, the quarantine (where broken messages may hold a login's token) or an event."""
    sim = sims[kind]
    with caplog.at_level(logging.DEBUG), trading(config(tmp_path, at_simulator(kind, sim.url))) as feed:
        events = feed.orders.events()
        sim.call(lambda venue: venue.inject("corrupt for=3"))
        for step in range(5):
            feed.orders.place("v", ETH, "buy", "0.1", 2000 + step)
        until(lambda: feed.quarantine() or sim.call(lambda venue: venue.stats.accepted) > 1, "broken messages")
        text = "\n".join((caplog.text, str(feed.quarantine()), *journal(tmp_path), str(events.poll())))
        assert "sim-secret" not in text
        assert "sim-key" not in text
        assert not re.search(r"token\W+[0-9a-f]{16}", text)
        assert accounted(feed)


@each_kind
def test_the_kill_switch_reaches_every_venue(tmp_path: Path, sims: dict[str, SimulatorThread], kind: str) -> None:
    sim = sims[kind]
    with trading(config(tmp_path, at_simulator(kind, sim.url), paper())) as feed:
        placed = [feed.orders.place(venue, ETH, "buy", "0.1", "2000") for venue in ("v", "paper") for _ in range(3)]
        for order in placed:
            order.wait_live(5)
        feed.orders.kill("the test")
        assert {order.wait(30).state for order in placed} == {"cancelled"}
        assert [one["status"] for one in truth(sim)["orders"]] == ["cancelled"] * 3


@each_kind
def test_a_stop_cancels_where_that_is_configured(tmp_path: Path, sims: dict[str, SimulatorThread], kind: str) -> None:
    sim = sims[kind]
    with trading(config(tmp_path, at_simulator(kind, sim.url), on_stop="cancel")) as feed:
        order = feed.orders.place("v", ETH, "buy", "0.1", "2000")
        order.wait_live(5)
    assert order.state == "cancelled"
    assert [one["status"] for one in truth(sim)["orders"]] == ["cancelled"]


@each_kind
def test_a_restart_of_ours_finds_what_the_venue_has(
    tmp_path: Path, sims: dict[str, SimulatorThread], kind: str
) -> None:
    sim = sims[kind]
    settings = config(tmp_path, at_simulator(kind, sim.url))
    with trading(settings) as feed:
        order = feed.orders.place("v", ETH, "buy", "0.5", "2999")
        gone = feed.orders.place("v", ETH, "buy", "0.4", "3000")
        venue_id, gone_id = order.wait_live(5).venue_id, gone.wait_live(5).venue_id
    sim.call(lambda venue: venue.fill(gone_id))  # type: ignore[attr-defined]
    sim.call(lambda venue: venue.fill(venue_id, "0.1"))  # type: ignore[attr-defined]
    with trading(settings) as feed:
        view = feed.orders.view(order.id)
        assert (view.state, view.venue_id) == ("working", venue_id)
        assert view.filled == D("0.1") if kind == "coinceres" else D(0) <= view.filled <= D("0.1")
        # a gateway without history can't say how much of it was filled
        expected = "filled" if kind == "coinceres" else "closed"
        assert feed.orders.view(gone.id).state == expected
        feed.orders.cancel(order.id)
        until(lambda: feed.orders.view(order.id).state == "cancelled", "it can be cancelled")
    assert truth(sim)["violations"] == []


def test_errors_are_of_one_family() -> None:
    assert issubclass(OrderError, FerrofeedError)
