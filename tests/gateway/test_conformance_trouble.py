"""What clients are told when a venue is in trouble: orders that nobody knows of for a while, and the state 3.

The venues are simulated ones, behind a gateway of this process. Docs: ``docs/gateway.md``, statuses and states.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, Client, Login, Message, exact, text
from tests.gateway.hostile import until
from tests.gateway.shapes import answered, fill, life, row, told
from tests.gateway.targets import free_ports

from ferrofeed import Config, Feed
from ferrofeed.session import BackoffPolicy
from ferrofeed.sim import OrderOptions, SimulatorThread

KINDS = ("coinceres", "quantapi")
KEY = ("sim-key", "sim-secret")
SOON = BackoffPolicy(floor_s=0.05, base_s=0.05, cap_s=0.1, kick_count=1000)


@contextlib.contextmanager
def simulated(kind: str, **settings: Any) -> Iterator[SimulatorThread]:
    orders = OrderOptions(ready_delay_s=0.01)
    with SimulatorThread(kind, rate=0, symbols=[ETH], seed=1, orders=orders, **settings) as sim:
        yield sim


@contextlib.contextmanager
def served(folder: Path, kind: str, url: str, **venue: Any) -> Iterator[Feed]:
    """A gateway in front of a venue, whose platform is called v."""
    behind = {"coinceres": {"exchange": "TEST"}, "quantapi": {"platform": "huobi"}}[kind]
    traded = {"symbols": [ETH], "risk": {"max_quantity": "100", "max_position": "5000"}}
    keys = {"api_key": f"plain:{KEY[0]}", "api_secret": f"plain:{KEY[1]}"}
    settings = {
        "orders": {"journal": str(folder / "journal"), "fsync": "off", "settle_s": 0.2, "ack_timeout_s": 0.4},
        "venue": [{"id": "v", "kind": kind, "url": url, "poll_s": 0, "trade": [traded], **keys, **behind, **venue}],
        "gateway": {"listen": "127.0.0.1:0"},
    }
    with Feed(Config.from_dict(settings), backoff=SOON, seed=1) as feed:
        yield feed


def connected(feed: Feed) -> Client:
    assert feed.gateway is not None
    return Client(feed.gateway.url)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sim(kind: str) -> Iterator[SimulatorThread]:
    with simulated(kind) as sim:
        yield sim


@pytest.fixture
def login(tmp_path: Path, kind: str, sim: SimulatorThread) -> Iterator[Login]:
    with served(tmp_path, kind, sim.url) as feed, connected(feed) as client:
        yield client.login("v", KEY)


def inject(sim: SimulatorThread, *faults: str) -> None:
    for fault in faults:
        sim.call(lambda venue, fault=fault: venue.inject(fault))  # type: ignore[misc]


def truth(sim: SimulatorThread) -> list[dict[str, Any]]:
    """Every order that the venue ever took."""
    orders: list[dict[str, Any]] = sim.call(lambda venue: venue.truth()["orders"])  # type: ignore[attr-defined]
    return orders


def states(login: Login, since: int = 0) -> list[int]:
    """The states told of a login."""
    login.client.barrier()
    got = login.client.got[since:]
    return [int(m["code"]) for m in got if m["op"] == "state" and m["token"] == login.token]


def known(no: str, status: str, remain: str = "0.5", price: str = "2000") -> dict[str, object]:
    """A purchase of 0.5 as it is told."""
    return told(no, "BUY", price, "0.5", remain, status)


def sums(login: Login, no: str, orders: list[dict[str, object]]) -> None:
    """All that was told of an order whose venue tells how much of it is filled, and no fills: what is added is one."""
    login.notice("order", order_no=no, status=orders[-1]["status"], remain=orders[-1]["remain"])
    exact([one for one in login.heard("order") if one["order_no"] == no], orders, "orders")
    last = orders[-1]
    parts = [one["quantity"] for one in login.notices("fill") if one["order_no"] == no]
    assert sum(parts) == last["quantity"] - last["remain"]  # type: ignore[operator]


def gone(kind: str) -> str:
    """How an order ends that its venue does not know. Without a history nobody can tell that it was never there."""
    return {"coinceres": "FAILED", "quantapi": "CANCELED"}[kind]


# NONE and FAILED


def test_an_order_whose_answer_never_comes_is_not_known_until_the_venue_was_asked(
    login: Login, sim: SimulatorThread
) -> None:
    inject(sim, "ack_lost op=place", "push_lost topic=order")
    answer = login.place("BUY", "2000", "0.5")
    answered(answer, "place_order", order_no=text)
    no = answer["order_no"]
    life(login, no, orders=[known(no, "NONE"), known(no, "SUBMITTED")])
    answered(
        login.ask("open_orders", symbol=ETH), "open_orders", data=[row(no, "BUY", "2000", "0.5", "0.5", "SUBMITTED")]
    )
    cancelled = login.ask("cancel_order", symbol=ETH, order_nos=[no])
    answered(cancelled, "cancel_order", data=[{"result": True, "error_message": "", "order_no": no}])
    life(login, no, orders=[known(no, "NONE"), known(no, "SUBMITTED"), known(no, "CANCELED")])
    assert [one["status"] for one in truth(sim)] == ["cancelled"]


def test_an_order_that_the_venue_never_had_fails(login: Login, sim: SimulatorThread, kind: str) -> None:
    since = len(login.client.got)
    inject(sim, "request_lost op=place")
    answer = login.place("BUY", "2000", "0.5")
    answered(answer, "place_order", order_no=text)
    no = answer["order_no"]
    life(login, no, orders=[known(no, "NONE"), known(no, gone(kind))])
    answered(login.ask("open_orders", symbol=ETH), "open_orders", data=[])
    assert truth(sim) == []
    assert states(login, since) == [], "an order in doubt is no trouble of the platform"
    login.placed("BUY", "2000", "0.5")


def test_while_an_order_is_not_known_it_is_listed_and_no_other_is_taken(login: Login, sim: SimulatorThread) -> None:
    inject(sim, "ack_lost op=place", "push_lost topic=order", "ack_late op=query n=1000 delay=0.3")
    no = login.place("BUY", "2000", "0.5")["order_no"]
    login.notice("order", order_no=no, status="NONE")
    listed = login.ask("open_orders", symbol=ETH)
    answered(listed, "open_orders", data=[row(no, "BUY", "2000", "0.5", "0.5", "NONE")])
    refused = login.place("BUY", "2001", "0.5")
    exact(refused, {"op": "place_order", "cid": text, "result": False, "error_message": text, "order_no": ""})
    life(login, no, orders=[known(no, "NONE"), known(no, "SUBMITTED")])


@pytest.mark.parametrize("mode", ["place_unread", "place_read", "place_done"])
def test_an_order_on_its_way_when_the_connection_is_lost(
    login: Login, sim: SimulatorThread, kind: str, mode: str
) -> None:
    since = len(login.client.got)
    inject(sim, f"cut mode={mode}")
    answer = login.place("BUY", "2000", "0.5")
    answered(answer, "place_order", order_no=text)
    no = answer["order_no"]
    login.state(6, since)
    end = "SUBMITTED" if mode == "place_done" else gone(kind)
    life(login, no, orders=[known(no, "NONE"), known(no, end)])
    assert states(login, since) == [4, 5, 2, 6]
    assert [one["live"] for one in truth(sim)] == [True] * (mode == "place_done")


def test_a_resting_order_when_the_connection_is_lost(login: Login, sim: SimulatorThread, kind: str) -> None:
    """What was filled of it before is known all the time. CoinCeres tells sums and no fills."""
    no = login.placed("BUY", "2000", "0.5")
    venue_id = truth(sim)[0]["id"]
    sim.call(lambda venue: venue.fill(venue_id, "0.2"))  # type: ignore[attr-defined]
    login.notice("order", order_no=no, status="PARTIAL-FILLED")
    since = len(login.client.got)
    inject(sim, "restart mode=memory down=0.1")
    login.state(6, since)
    submitted, part = known(no, "SUBMITTED"), known(no, "PARTIAL-FILLED", "0.3")
    orders = [submitted, part, known(no, "NONE", "0.3"), part]
    if kind == "coinceres":
        sums(login, no, orders)
    else:
        life(login, no, orders=orders, fills=[fill(no, "2000", "0.2", "BUY", "MAKER")])


def test_orders_that_the_venue_has_forgotten_are_over(login: Login, sim: SimulatorThread) -> None:
    """They were live: it is not said that they never were."""
    no = login.placed("BUY", "2000", "0.5")
    since = len(login.client.got)
    inject(sim, "restart mode=forgotten down=0.1")
    login.state(6, since)
    life(login, no, orders=[known(no, "SUBMITTED"), known(no, "NONE"), known(no, "CANCELED")])


def test_a_purchase_that_was_filled_while_nobody_knew_of_it(tmp_path: Path) -> None:
    with simulated("coinceres") as sim, served(tmp_path, "coinceres", sim.url) as feed, connected(feed) as client:
        login = client.login("v", KEY)
        inject(sim, "cut mode=place_done")
        answer = login.place("BUY", "4000", "0.5")
        answered(answer, "place_order", order_no=text)
        no = answer["order_no"]
        # that it was taken and what is filled of it are told at once
        words = (("NONE", "0.5"), ("SUBMITTED", "0.5"), ("FILLED", "0"))
        sums(login, no, [known(no, status, remain, "4000") for status, remain in words])
        answered(login.ask("open_orders", symbol=ETH), "open_orders", data=[])


# state 3


def refusal(login: Login) -> None:
    """While there is no venue nothing can be asked of it."""
    answer = login.ask("open_orders", symbol=ETH)
    assert (answer["result"], answer["error_message"]) == (False, "Platform not ready")


def began(client: Client, key: tuple[str, str] = KEY) -> Login:
    """A login that is taken, ready or not."""
    answer = client.ask("login", platform="v", symbols=[ETH], access_key=key[0], secret_key=key[1])
    assert answer["result"] is True, answer
    return Login(client, answer["token"])


def failed(login: Login, why: str, since: int = 0) -> None:
    """It is told that there is no connection."""
    message: Message = {"op": "state", "token": login.token, "code": 3, "msg": f"connect failed: {why}"}
    exact(login.state(3, since), message)


def test_a_venue_that_is_not_there_and_then_comes(tmp_path: Path, kind: str) -> None:
    (port,) = free_ports(1)
    path = {"coinceres": "", "quantapi": "/ws/v1"}[kind]
    with served(tmp_path, kind, f"ws://127.0.0.1:{port}{path}") as feed, connected(feed) as client:
        login = began(client)
        failed(login, "network_error")
        refusal(login)
        # it is tried again, and told again
        failed(login, "network_error", len(client.got))
        assert set(states(login)) == {5, 3}
        since = len(client.got)
        with simulated(kind, port=port):
            login.state(6, since)
            told = states(login, since)
            assert told[-2:] == [2, 6]
            assert set(told[:-2]) <= {3}
            login.placed("BUY", "2000", "0.5")


def test_a_venue_that_refuses_for_a_while(login: Login, sim: SimulatorThread) -> None:
    since = len(login.client.got)
    inject(sim, "restart mode=memory down=0.5")
    failed(login, "login_refused", since)
    refusal(login)
    login.state(6, since)
    told = states(login, since)
    assert (told[:3], told[-2:]) == ([4, 5, 3], [2, 6])
    assert set(told[2:-2]) == {3}
    login.placed("BUY", "2000", "0.5")


def test_a_venue_that_refuses_the_key_until_somebody_puts_it_right(tmp_path: Path) -> None:
    """Told once to everybody, also to who comes when nothing is tried any more."""
    why = "handshake refused with HTTP status 401: the key is refused"
    with simulated("coinceres") as sim:
        keys: Any = sim.call(lambda venue: venue.options.keys)
        right = dict(keys)
        sim.call(lambda _: keys.update({KEY[0]: "another-secret"}))
        with served(tmp_path, "coinceres", sim.url) as feed, connected(feed) as client:
            login = began(client)
            failed(login, why)
            refusal(login)
            assert login.ask("logout")["result"] is True
            with connected(feed) as later:
                login = began(later)
                failed(login, why)
                assert states(login) == [5, 3]
                since = len(later.got)
                sim.call(lambda _: keys.update(right))
                feed.retry("v")
                login.state(6, since)
                assert states(login, since) == [2, 6], "nothing failed again"
                login.placed("BUY", "2000", "0.5")


@pytest.mark.parametrize(
    ("fault", "key", "why"),
    [
        ("at=0 refuse_login n=1", KEY[1], "login refused: "),
        ("", "another-secret", "general_error: "),
        ("at=0 upstream mode=fail for=2", KEY[1], "connect_failed: "),
    ],
)
def test_an_account_that_can_not_be_had(tmp_path: Path, fault: str, key: str, why: str) -> None:
    """The venue is there; it refuses the login, says that the key is wrong, or that there is trouble behind it."""
    (port,) = free_ports(1)
    with (
        served(tmp_path, "quantapi", f"ws://127.0.0.1:{port}/ws/v1", api_secret=f"plain:{key}") as feed,
        connected(feed) as client,
    ):
        login = began(client, (KEY[0], key))
        failed(login, "network_error")
        with simulated("quantapi", port=port, faults=fault or None) as sim:
            message = client.find(
                lambda one: one["op"] == "state" and str(one["msg"]).startswith(f"connect failed: {why}")
            )
            assert message["code"] == 3
            refusal(login)
            since = len(client.got)
            if not fault:
                keys: Any = sim.call(lambda venue: venue.options.keys)
                sim.call(lambda _: keys.update({KEY[0]: key}))
                for link in feed._order_side.links:  # type: ignore[union-attr]
                    feed._supervisor.call(link.abort)
            login.state(6, since)
            login.placed("BUY", "2000", "0.5")


def test_a_connection_for_reports_alone_is_no_matter_of_clients(tmp_path: Path) -> None:
    """Where it can't be made the venue is asked more often; orders are taken all the same."""
    pushes = f"ws://127.0.0.1:{free_ports(1)[0]}"
    with (
        simulated("coinceres") as sim,
        served(tmp_path, "coinceres", sim.url, push_url=pushes) as feed,
        connected(feed) as client,
    ):
        login = client.login("v", KEY)
        links: Any = feed._order_side.links  # type: ignore[union-attr]
        until(lambda: all(link.session.counters.connects > 3 for link in links if link.pushes), "it was tried often")
        for _ in range(3):
            no = login.placed("BUY", "2000", "0.5")
            login.ask("cancel_order", symbol=ETH, order_nos=[no])
        # the login may have come before the venue's own connection
        assert states(login)[-2:] == [2, 6]
        assert 3 not in states(login)
