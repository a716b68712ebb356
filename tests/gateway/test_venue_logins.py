"""Logins that bring the venue's own keys: each is a login of its own there, and is closed when nobody uses it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, Client, D, Login
from tests.orders.support import SOON, at_simulator, journal, until

from ferrofeed import Config, Feed
from ferrofeed.gateway import GatewayServer
from ferrofeed.orders import logins
from ferrofeed.sim import Options, OrderOptions, SimulatorThread

KINDS = ("coinceres", "quantapi")
OWN = ("sim-key", "sim-secret")
KEYS = {f"client-key-{n}": f"client-secret-{n}" for n in range(40)} | dict([OWN])
ANNA, BERT = list(KEYS.items())[:2]
each_kind = pytest.mark.parametrize("kind", KINDS)
each_way = pytest.mark.parametrize("keyless", [False, True], ids=["keys", "keyless"])


def simulator(kind: str, keys: Mapping[str, str] = KEYS) -> SimulatorThread:
    return SimulatorThread(
        kind, rate=0, symbols=[ETH], seed=1, options=Options(keys=keys), orders=OrderOptions(ready_delay_s=0.01)
    )


@pytest.fixture
def sim(kind: str) -> Iterator[SimulatorThread]:
    with simulator(kind) as sim:
        yield sim


def without_keys(kind: str, url: str, name: str = "v", **more: Any) -> dict[str, Any]:
    """A venue that we have no keys of."""
    keys = {"api_key", "api_secret"}
    return {key: value for key, value in at_simulator(kind, url, name, **more).items() if key not in keys}


@contextlib.contextmanager
def serving(folder: Path, kind: str, url: str, *, keyless: bool = False, **settings: Any) -> Iterator[Feed]:
    """A feed with its own login (keyless: without), and its gateway."""
    read = {
        "orders": {"journal": str(folder / "journal"), "settle_s": 0.2, "fsync": "off"},
        "venue": [without_keys(kind, url) if keyless else at_simulator(kind, url)],
        "gateway": {"listen": "127.0.0.1:0", **settings},
    }
    with Feed(Config.from_dict(read), backoff=SOON, seed=1) as feed:
        until(lambda: not feed.missing(), "the venue's own login is ready")
        yield feed


def server(feed: Feed) -> GatewayServer:
    assert feed.gateway is not None
    return feed.gateway


def client(feed: Feed) -> Client:
    return Client(server(feed).url)


def live(sim: SimulatorThread) -> list[tuple[str, str]]:
    """Whose orders the venue has, and at what price."""
    orders: Any = sim.call(lambda venue: list(venue.hall.ledger.orders.values()))  # type: ignore[attr-defined]
    return sorted((order.draft.account.key, str(order.draft.price)) for order in orders if not order.over)


def numbers(login: Login) -> list[str]:
    return [row["order_no"] for row in login.ask("open_orders", symbol=ETH)["data"]]


@each_kind
def test_each_pair_of_keys_is_a_login_of_its_own(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    with serving(tmp_path, kind, sim.url) as feed, client(feed) as one, client(feed) as two:
        anna, bert, own = one.login("v", ANNA), two.login("v", BERT), two.login("v", OWN)
        assert anna.token != bert.token
        mine = feed.orders.place("v", ETH, "buy", "0.5", "1000").wait_live(5)
        first, second, third = (
            anna.placed("BUY", "1001", "0.5"),
            bert.placed("BUY", "1002", "0.5"),
            own.placed("BUY", "1003", "0.5"),
        )
        assert (numbers(anna), numbers(bert), numbers(own)) == ([first], [second], [third])
        assert live(sim) == [(ANNA[0], "1001"), (BERT[0], "1002"), (OWN[0], "1000"), (OWN[0], "1003")]
        # nobody cancels what is another's, whatever he says
        answer = anna.ask("cancel_order", symbol=ETH, order_nos=[second, third, str(mine.id)])
        assert [row["result"] for row in answer["data"]] == [False, False, False]
        assert [row["order_no"] for row in anna.ask("cancel_order", symbol=ETH, order_nos=[])["data"]] == [first]
        anna.notice("order", order_no=first, status="CANCELED")
        assert [who for who, _ in live(sim)] == [BERT[0], OWN[0], OWN[0]]
        # the account is the keys' own
        before = bert.assets()["USDT"]["total"]
        bought = anna.placed("BUY", "100000", "0.25")
        anna.notice("fill", order_no=bought)
        until(lambda: anna.assets()["USDT"]["total"] < before, "Anna has paid")
        assert bert.assets()["USDT"]["total"] == own.assets()["USDT"]["total"] == before
        assert feed.orders.ready()


@each_kind
def test_every_part_that_is_filled_is_told_as_a_fill(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    """CoinCeres tells of no fill by itself, only how much of an order is filled by now."""
    with serving(tmp_path, kind, sim.url) as feed, client(feed) as one:
        anna = one.login("v", ANNA)
        number = anna.placed("BUY", "1000", "0.5")
        for part, filled in (("0.2", D("0.2")), ("0.05", D("0.25")), ("0.25", D("0.5"))):
            at_venue = venue_id(feed, number)
            sim.call(lambda venue, at=at_venue, part=part: venue.fill(at, part))  # type: ignore[misc]
            anna.notice("order", order_no=number, remain=D("0.5") - filled)
        parts = anna.heard("fill")
        assert [(part["order_no"], part["quantity"], part["price"], part["side"]) for part in parts] == [
            (number, D("0.2"), D(1000), "BUY"),
            (number, D("0.05"), D(1000), "BUY"),
            (number, D("0.25"), D(1000), "BUY"),
        ]
        assert len({part["fill_no"] for part in parts}) == 3
        # each before the order's own notification
        told = [m["topic"] for m in one.got if m["op"] == "notify" and m["topic"] in {"fill", "order"}]
        assert told == ["order", *["fill", "order"] * 3]


@each_kind
def test_wrong_keys_are_told_why_and_disturb_nobody(
    tmp_path: Path, sim: SimulatorThread, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(tmp_path, kind, sim.url) as feed, client(feed) as one, client(feed) as two:
        anna = one.login("v", ANNA)
        answer = two.ask("login", platform="v", symbols=[ETH], access_key="nobody", secret_key="wrong-secret")
        wrong = Login(two, answer["token"])
        why = wrong.state(3)["msg"]
        assert why.startswith("connect failed: "), why
        refused = wrong.place("BUY", "1000", "0.5")
        assert (refused["result"], refused["error_message"]) == (False, "Platform not ready")
        until(lambda: server(feed).counters()["login_refused"] == 1, "it is counted")
        # nobody tries secrets out on the venue's own key
        answer = two.ask("login", platform="v", symbols=[ETH], access_key=OWN[0], secret_key="wrong-secret")
        assert (answer["result"], answer["error_message"]) == (False, "wrong access_key or secret_key")
        assert server(feed).counters()["login_refused"] == 2
        assert feed.orders.ready()
        assert numbers(anna) == []
        anna.placed("BUY", "1000", "0.5")
        # with the same access key and another secret one is somebody else
        two.login("v", BERT)
    ours = (record for record in caplog.records if record.name.startswith("ferrofeed"))
    said = "".join(record.getMessage() for record in ours) + "".join(journal(tmp_path))
    assert "a client logs in with keys of its own" in said
    for secret in ("wrong-secret", ANNA[0], ANNA[1], BERT[1]):
        assert secret not in said


@each_kind
def test_a_login_is_closed_when_nobody_uses_it_and_its_place_is_used_again(
    tmp_path: Path, sim: SimulatorThread, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "LINGER_S", 0.1)
    with serving(tmp_path, kind, sim.url, max_venue_logins=2) as feed:
        # an order keeps it open
        with client(feed) as one:
            anna = one.login("v", ANNA)
            kept = anna.placed("BUY", "1000", "0.5")
        time.sleep(0.5)
        assert feed.orders.order(int(kept)) is not None
        sim.call(lambda venue: venue.fill(venue_id(feed, kept), "0.2"))  # type: ignore[attr-defined]
        until(lambda: feed.orders.view(int(kept)).filled == D("0.2"), "it hears of fills with nobody logged in")
        for access in list(KEYS)[1:9]:
            with client(feed) as one:
                login = one.login("v", (access, KEYS[access]))
                assert numbers(login) == []
                row = feed.orders.desk(f"v#{owners(feed)[-1]}")
                assert feed.orders.desk_state(row.venue) == "ready"
            until(lambda: len(owners(feed)) == 1, "it is closed")
        assert len(feed.names.venues) <= 3, feed.names.venues
        with client(feed) as one:
            anna = one.login("v", ANNA)
            assert numbers(anna) == [kept]
            assert anna.ask("cancel_order", symbol=ETH, order_nos=[kept])["data"][0]["result"] is True
        until(lambda: owners(feed) == [], "the last one is closed")
        until(lambda: sessions(sim, kind) == 1, "the venue has our own login only")
    # and the journal has not one name for each who ever came
    names = {line for line in journal(tmp_path) if line.startswith("venue ")}
    assert len({line.split(" is ")[0] for line in names}) <= 3, names


def venue_id(feed: Feed, number: str) -> str:
    return feed.orders.view(int(number)).venue_id


def owners(feed: Feed) -> list[str]:
    return [name.partition("#")[2] for name in feed.orders.venues() if "#" in name]


def sessions(sim: SimulatorThread, kind: str) -> int:
    """How many logins the venue has."""
    if kind == "quantapi":
        return sim.call(lambda venue: len(venue.venue.logins))  # type: ignore[attr-defined]
    return sim.call(lambda venue: len(venue.connections))


@each_way
@each_kind
def test_there_are_so_many_and_no_more(tmp_path: Path, sim: SimulatorThread, kind: str, *, keyless: bool) -> None:
    with (
        serving(tmp_path, kind, sim.url, keyless=keyless, max_venue_logins=1) as feed,
        client(feed) as one,
        client(feed) as two,
    ):
        anna = one.login("v", ANNA)
        answer = two.ask("login", platform="v", symbols=[ETH], access_key=BERT[0], secret_key=BERT[1])
        bert = Login(two, answer["token"])
        assert bert.state(3)["msg"] == "connect failed: there are 1 logins with keys of their own already"
        assert server(feed).counters()["login_limit"] == 1
        # who has gone makes room at once for who waits, who would have had half a minute to come back otherwise
        assert anna.ask("logout")["result"] is True
        bert.state(6)
        assert len(owners(feed)) == 1
        bert.placed("BUY", "1000", "0.5")
        # and comes last now
        answer = one.ask("login", platform="v", symbols=[ETH], access_key=ANNA[0], secret_key=ANNA[1])
        assert Login(one, answer["token"]).state(3)["msg"].startswith("connect failed: there are 1 logins")
    with serving(tmp_path, kind, sim.url, max_venue_logins=0) as feed, client(feed) as one:
        answer = one.ask("login", platform="v", symbols=[ETH], access_key=ANNA[0], secret_key=ANNA[1])
        assert answer["error_message"] == "wrong access_key or secret_key"
        one.login("v", OWN)


@each_way
@each_kind
def test_what_was_live_is_found_again_after_a_restart(
    tmp_path: Path, sim: SimulatorThread, kind: str, caplog: pytest.LogCaptureFixture, *, keyless: bool
) -> None:
    with serving(tmp_path, kind, sim.url, keyless=keyless) as feed, client(feed) as one:
        number = one.login("v", ANNA).placed("BUY", "1000", "0.5")
        at_venue = venue_id(feed, number)
    sim.call(lambda venue: venue.fill(at_venue, "0.2"))  # type: ignore[attr-defined]
    with serving(tmp_path, kind, sim.url, keyless=keyless) as feed, client(feed) as one:
        assert "has live orders: what became of them is found out when it logs in again" in caplog.text
        assert feed.orders.ready(), "nobody else waits for that"
        other = one.login("v", BERT)
        assert numbers(other) == []
        anna = one.login("v", ANNA)
        (row,) = anna.ask("open_orders", symbol=ETH)["data"]
        assert (row["order_no"], row["remain"], row["status"]) == (number, D("0.3"), "PARTIAL-FILLED")
        assert anna.ask("cancel_order", symbol=ETH, order_nos=[number])["data"][0]["result"] is True


@each_kind
def test_the_venue_gone_and_back_is_told_to_everyone(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    with serving(tmp_path, kind, sim.url) as feed, client(feed) as one:
        anna, own = one.login("v", ANNA), one.login("v", OWN)
        number = anna.placed("BUY", "1000", "0.5")
        since = len(one.got)
        sim.call(lambda venue: venue.inject("disconnect"))
        for login in (anna, own):
            login.state(4, since)
            login.state(5, since)
            login.state(6, since)
        assert (numbers(anna), numbers(own)) == ([number], [])


def test_with_a_list_of_clients_nobody_brings_keys_of_the_venue(tmp_path: Path) -> None:
    listed = {"id": "a", "access_key": "plain:listed-key", "secret_key": "plain:listed-secret"}
    with (
        SimulatorThread("quantapi", rate=0, symbols=[ETH], seed=1, options=Options(keys=KEYS)) as sim,
        serving(tmp_path, "quantapi", sim.url, client=[listed]) as feed,
        client(feed) as one,
    ):
        for access, secret in (ANNA, OWN):
            answer = one.ask("login", platform="v", symbols=[ETH], access_key=access, secret_key=secret)
            assert answer["error_message"] == "wrong access_key or secret_key"
        login = one.login("v", ("listed-key", "listed-secret"))
        login.placed("BUY", "1000", "0.5")
        assert live(sim) == [(OWN[0], "1000")], "the list stands for the venue's own login"
