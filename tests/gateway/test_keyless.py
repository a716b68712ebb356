"""A venue that we have no keys of: clients of the gateway trade there with theirs, and nobody else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.client import ETH, D, Login
from tests.gateway.test_venue_logins import (
    ANNA,
    BERT,
    KEYS,
    OWN,
    client,
    each_kind,
    live,
    numbers,
    owners,
    server,
    serving,
    sessions,
    simulator,
    venue_id,
    without_keys,
)
from tests.orders.support import at_simulator, until

from ferrofeed import Config, ConfigError
from ferrofeed.board import SessionState, missing, refused_for_good
from ferrofeed.config.plan import plan, render
from ferrofeed.orders import NotReadyError, logins
from ferrofeed.orders.board import order_metrics
from ferrofeed.sim import SimulatorThread
from ferrofeed.venues import ORDER_SPECS, SPECS

FORMS = '"env:NAME", "file:/path" or "credential:NAME"'


@pytest.fixture
def sim(kind: str) -> Iterator[SimulatorThread]:
    with simulator(kind) as sim:
        yield sim


@each_kind
def test_only_clients_go_there_each_with_an_account_of_its_own(
    tmp_path: Path, sim: SimulatorThread, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "LINGER_S", 0.1)
    with serving(tmp_path, kind, sim.url, keyless=True) as feed:
        with client(feed) as one, client(feed) as two:
            assert len(sim.call(lambda venue: venue.connections)) == 0, "nobody of ours knocks there"
            anna, bert, third = one.login("v", ANNA), two.login("v", BERT), two.login("v", OWN)
            first, second = anna.placed("BUY", "1002", "0.5"), bert.placed("BUY", "1001", "0.5")
            assert (numbers(anna), numbers(bert), numbers(third)) == ([first], [second], [])
            assert live(sim) == [(ANNA[0], "1002"), (BERT[0], "1001")]
            sim.call(lambda venue: venue.fill(venue_id(feed, first), "0.2"))  # type: ignore[attr-defined]
            anna.notice("fill", order_no=first, quantity=D("0.2"))
            # the connection is the client's own, and comes back for it
            since = len(one.got), len(two.got)
            sim.call(lambda venue: venue.inject("disconnect"))
            for state in (4, 5, 6):
                anna.state(state, since[0])
                bert.state(state, since[1])
            assert anna.ask("cancel_order", symbol=ETH, order_nos=[first])["data"][0]["result"] is True
            assert bert.ask("cancel_order", symbol=ETH, order_nos=[])["data"][0]["result"] is True
        until(lambda: owners(feed) == [], "nobody uses them: they are closed")
        until(lambda: sessions(sim, kind) == 0, "nobody is left at the venue")


@each_kind
def test_it_is_well_and_takes_no_orders_of_ours(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    with serving(tmp_path, kind, sim.url, keyless=True) as feed:
        view = feed.core.board.view()
        assert feed.orders.ready()
        assert feed.missing() == []
        until(lambda: missing(view) == [], "others see it too")
        assert feed.orders.desk_state("v") == "keyless"
        states = {
            sample.labels["state"]: sample.value
            for family in order_metrics(view)
            for sample in family.samples
            if sample.name == "ferrofeed_order_desk_state"
        }
        assert states == {"down": 0, "opening": 0, "reconciling": 0, "ready": 0, "keyless": 1}
        with pytest.raises(NotReadyError, match="v takes no orders: it is keyless, not ready"):
            feed.orders.place("v", ETH, "buy", "0.5", "1000")
        feed.retry("v")
        assert feed.orders.desk_state("v") == "keyless"


@each_kind
@pytest.mark.parametrize("way", ["disconnect", "kill", "stop"])
def test_what_cancels_everything_cancels_there_too(tmp_path: Path, sim: SimulatorThread, kind: str, way: str) -> None:
    with serving(tmp_path, kind, sim.url, keyless=True, on_disconnect="cancel") as feed:
        with client(feed) as one:
            one.login("v", ANNA).placed("BUY", "1000", "0.5")
            assert len(live(sim)) == 1
            if way == "kill":
                feed.orders.kill("a test")
                until(lambda: live(sim) == [], "the kill switch reaches it")
            elif way == "stop":
                feed.stop()
                assert live(sim) == []
        until(lambda: live(sim) == [], "nothing is left")


@each_kind
def test_twenty_clients_do_not_wait_for_one_another(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    """One key may connect twenty times a minute; each of these has one of its own."""
    with serving(tmp_path, kind, sim.url, keyless=True, max_venue_logins=25) as feed, client(feed) as one:
        sent = [
            one.ask("login", platform="v", symbols=[ETH], access_key=access, secret_key=secret)
            for access, secret in list(KEYS.items())[:25]
        ]
        for answer in sent:
            Login(one, answer["token"]).state(6)


def test_a_client_is_tried_again_when_its_key_is_put_right(tmp_path: Path) -> None:
    """CoinCeres refuses the connection, for good; a gateway's platform tells by itself when it is ready."""
    kind, keys = "coinceres", dict(KEYS)
    with (
        simulator(kind, keys) as sim,
        serving(tmp_path, kind, sim.url, keyless=True) as feed,
        client(feed) as one,
    ):
        answer = one.ask("login", platform="v", symbols=[ETH], access_key="late", secret_key="late-secret")
        login = Login(one, answer["token"])
        login.state(3)
        keys["late"] = "late-secret"
        feed.retry("v")
        login.state(6)
        login.placed("BUY", "1000", "0.5")


@each_kind
def test_a_client_with_wrong_keys_fails_for_itself(tmp_path: Path, sim: SimulatorThread, kind: str) -> None:
    """Its connection is the only one there is: that all are refused is no reason to give up."""
    with serving(tmp_path, kind, sim.url, keyless=True) as feed, client(feed) as one, client(feed) as two:
        answer = one.ask("login", platform="v", symbols=[ETH], access_key=ANNA[0], secret_key="wrong")
        assert Login(one, answer["token"]).state(3)["msg"].startswith("connect failed: ")
        until(lambda: server(feed).counters()["login_refused"] == 1, "it is counted")
        view = feed.core.board.view()
        if kind == "coinceres":  # at a gateway it is the login that is refused, and tried again
            fatal = SessionState._fields.index("fatal")
            until(lambda: any(words and words[fatal] for _, words in view.sessions()), "it is put up")
        assert refused_for_good(view) == []
        assert missing(view) == feed.missing() == []
        assert feed.wait_ready(1)
        two.login("v", ANNA).placed("BUY", "1000", "0.5")
        for access, secret in (("", "s"), ("k", "")):
            answer = two.ask("login", platform="v", symbols=[ETH], access_key=access, secret_key=secret)
            assert Login(two, answer["token"]).state(1)["msg"].startswith("parameter missing: ")


@each_kind
def test_what_is_live_there_from_a_time_with_keys_is_told_of(
    tmp_path: Path, sim: SimulatorThread, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with serving(tmp_path, kind, sim.url) as feed:
        feed.orders.place("v", ETH, "buy", "0.5", "1000").wait_live(5)
    caplog.clear()
    with serving(tmp_path, kind, sim.url, keyless=True) as feed, client(feed) as one:
        assert "v has live orders of ours and no keys any more: see to them there" in caplog.text
        # who has those keys now is somebody else
        assert numbers(one.login("v", OWN)) == []
    with serving(tmp_path, kind, sim.url) as feed:
        assert [view.state for view in feed.orders.open_orders()] == ["working"]


def configured(*drop: str, **gateway: Any) -> Config:
    venue = at_simulator("coinceres", "ws://127.0.0.1:1/")
    return Config.from_dict(
        {
            "orders": {"journal": "journal"},
            "venue": [{name: value for name, value in venue.items() if name not in drop}],
            **({"gateway": gateway} if gateway else {}),
        }
    )


LISTED = {"id": "a", "access_key": "plain:listed-key", "secret_key": "plain:listed-secret"}


@pytest.mark.parametrize(
    ("drop", "gateway"),
    [
        (("api_key", "api_secret"), {}),
        (("api_key", "api_secret"), {"max_venue_logins": 0}),
        (("api_key", "api_secret"), {"client": [LISTED]}),
        (("api_secret",), {"listen": "127.0.0.1:0"}),
        (("api_key",), {"listen": "127.0.0.1:0"}),
    ],
    ids=["no gateway", "no keys of others", "a list trades with ours", "no secret", "no key"],
)
def test_keys_are_needed_where_nobody_brings_any_and_always_both(
    drop: tuple[str, ...], gateway: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(*drop, **gateway)
    assert [str(problem) for problem in caught.value.problems] == [
        f"configuration: venue[0].{name}: missing, expected {FORMS}" for name in drop
    ]


def test_one_place_without_keys_is_there_once() -> None:
    url = "ws://127.0.0.1:1/"
    venue, second = without_keys("coinceres", url), without_keys("coinceres", url, "w")
    read = {"orders": {"journal": "journal"}, "gateway": {"listen": "127.0.0.1:0"}}
    with pytest.raises(ConfigError) as caught:
        Config.from_dict({**read, "venue": [venue, second]})
    assert [str(problem) for problem in caught.value.problems] == [
        "configuration: venue[1].api_key: found none, as at venue[0], "
        "expected one [[venue]] for each place; gateway.aliases give it more names"
    ]
    assert len(Config.from_dict({**read, "venue": [venue, {**second, "exchange": "OTHER"}]}).trading) == 2


def test_keys_of_clients_in_the_clear_are_warned_of() -> None:
    venue = without_keys("coinceres", "ws://a.test/")
    read = {"orders": {"journal": "journal"}, "gateway": {"listen": "127.0.0.1:0"}, "venue": [venue]}
    warnings = [(warning.path, warning.found) for warning in Config.from_dict(read).warnings]
    assert ("venue[0].url", "credentials would cross the network unencrypted") in warnings


def test_the_plan_says_whose_keys_are_used() -> None:
    resolved = plan(configured("api_key", "api_secret", listen="127.0.0.1:0"), SPECS, ORDER_SPECS)
    text = render(resolved)
    assert "credentials  none: those of the gateway's clients" in text
    assert "url          ws://127.0.0.1:1/" in text
    assert "credentials  api_key from" in render(plan(configured(), SPECS, ORDER_SPECS))
