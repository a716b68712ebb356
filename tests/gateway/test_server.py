"""The server around the protocol: doors, TLS, lists of clients, market data, accounts over restarts, and the end."""

from __future__ import annotations

import ssl
import threading
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from multidict import CIMultiDict
from tests.gateway.client import ETH, Client, D
from tests.gateway.targets import SPOT, Process, free_ports, gateway, head, show

from ferrofeed import Feed
from ferrofeed.config import Config, GatewayConfig
from ferrofeed.errors import ConfigError, UsageError
from ferrofeed.gateway.doors import Doors, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateway.targets import Certificate, Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with gateway(tmp_path_factory.mktemp("gateway"), market_data_interval_ms=20) as target:
        yield target


def headers(**fields: str) -> CIMultiDict[str]:
    return CIMultiDict(fields)


# doors

HERE = "127.0.0.1:9878"


@pytest.mark.parametrize(
    ("path", "fields", "upgrade"),
    [
        ("/ws/v1", {"Host": HERE}, True),
        ("/ws/v1?a=b", {"Host": "localhost:9878"}, True),
        ("/ws/v1", {"Host": "[::1]:9878"}, True),
        ("/ws/v1", {"Host": HERE, "Origin": f"http://{HERE}"}, True),
        ("/ws/v1", {"Host": "LOCALHOST:1", "Origin": "http://localhost:1"}, True),
        ("/ws/v1", {"Host": HERE, "Origin": "https://desk.example"}, True),
        ("/", {"Host": "gate.example"}, False),
        ("/ws/v1", {"Host": HERE}, False),
    ],
)
def test_who_may_come_in(path: str, fields: dict[str, str], *, upgrade: bool) -> None:
    doors = Doors(GatewayConfig(origins=["https://desk.example"], hosts=["gate.example"]))
    doors.judge(path, headers(**fields), upgrade=upgrade)


@pytest.mark.parametrize(
    ("path", "fields", "tally"),
    [
        ("/ws/v1", {}, "bad_host"),
        ("/ws/v1", {"Host": ""}, "bad_host"),
        ("/ws/v1", {"Host": "evil.example"}, "bad_host"),
        ("/ws/v1", {"Host": "127.0.0.1.evil.example"}, "bad_host"),
        ("/ws/v1", {"Host": "me@127.0.0.1"}, "bad_host"),
        ("/ws/v1", {"Host": "127.0.0.1/x"}, "bad_host"),
        ("/ws/v1", {"Host": "["}, "bad_host"),
        ("/ws/v1", {"Host": HERE, "Origin": "https://evil.example"}, "bad_origin"),
        ("/ws/v1", {"Host": HERE, "Origin": "null"}, "bad_origin"),
        ("/ws/v1", {"Host": HERE, "Origin": ""}, "bad_origin"),
        ("/ws/v1", {"Host": HERE, "Origin": f"https://{HERE}"}, "bad_origin"),
        ("/ws/v1", {"Host": HERE, "Origin": "http://127.0.0.1:9879"}, "bad_origin"),
        ("/", {"Host": HERE}, "bad_path"),
        ("/ws/v2", {"Host": HERE}, "bad_path"),
    ],
)
def test_who_may_not(path: str, fields: dict[str, str], tally: str) -> None:
    with pytest.raises(Refused) as refused:
        Doors(GatewayConfig()).judge(path, headers(**fields), upgrade=True)
    assert refused.value.tally == tally


@pytest.mark.parametrize("spelled", ["Upgrade", "upgrade", "keep-alive, Upgrade", "Upgrade,keep-alive"])
def test_an_upgrade_may_be_one_wish_among_others(spelled: str) -> None:
    sent = headers(Host=HERE, Connection=spelled)
    Doors(GatewayConfig()).judge("/ws/v1", sent, upgrade=True)
    assert sent["connection"] == "upgrade"


@pytest.mark.parametrize("spelled", ["", "keep-alive", "upgrades", "no upgrade"])
def test_who_does_not_wish_for_an_upgrade_is_not_said_to(spelled: str) -> None:
    sent = headers(Host=HERE, Connection=spelled)
    Doors(GatewayConfig()).judge("/ws/v1", sent, upgrade=True)
    assert sent["connection"] == spelled


@pytest.mark.parametrize("name", ["Upgrade", "Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"])
def test_an_upgrade_is_asked_for_in_ascii(name: str) -> None:
    with pytest.raises(Refused) as refused:
        Doors(GatewayConfig()).judge("/ws/v1", headers(**{"Host": HERE, name: "13\udcff"}), upgrade=True)
    assert (refused.value.tally, refused.value.status) == ("handshake_failed", 400)


@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_two_headers_where_one_belongs_are_none(name: str) -> None:
    sent = headers(Host=HERE, Origin=f"http://{HERE}")
    sent.add(name, sent[name])
    with pytest.raises(Refused):
        Doors(GatewayConfig()).judge("/ws/v1", sent, upgrade=True)


# configuration


def trading(**settings: Any) -> dict[str, Any]:
    paper = {"id": "paper", "kind": "paper", "trade": [{"symbols": [ETH], "tick": "0.01", "lot": "0.001"}]}
    return {"orders": {"journal": "j"}, "venue": [paper], "gateway": settings}


CLIENT = {"id": "a", "access_key": "plain:key-of-a", "secret_key": "plain:secret-of-a"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"listen": "0.0.0.0:9878"}, 'gateway.listen: found "0.0.0.0:9878", which others can reach, expected'),
        ({"listen": "0.0.0.0:9878", "client": [CLIENT]}, "gateway.listen: found"),
        ({"aliases": {"huobi": "papr"}}, 'gateway.aliases.huobi: found "papr", expected the id of a venue that trades'),
        ({"tls_cert": __file__}, "gateway.tls_key: missing"),
        ({"tls_cert": "nowhere.pem"}, 'gateway.tls_cert: found "nowhere.pem" (no such file)'),
        ({"client": [CLIENT, CLIENT]}, 'gateway.client[1].id: found "a" again'),
        ({"client": [CLIENT, {**CLIENT, "id": "b"}]}, "gateway.client[1].access_key: found that of client[0] again"),
        ({"client": [{**CLIENT, "platforms": ["huobi"]}]}, 'gateway.client[0].platforms[0]: found "huobi"'),
        ({"client": [{**CLIENT, "permission": "all"}]}, 'gateway.client[0].permission: found "all"'),
        ({"origins": ["desk.example"]}, 'gateway.origins[0]: found "desk.example"'),
    ],
)
def test_a_wrong_gateway_is_refused_in_words(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Config.from_dict(trading(**settings))
    assert any(problem in str(one) for one in refused.value.problems), str(refused.value)
    assert "key-of-a" not in str(refused.value)


def test_a_taken_port_is_an_error_at_the_start(tmp_path: Path) -> None:
    settings = trading(listen="127.0.0.1:0")
    settings["orders"]["journal"] = str(tmp_path / "one")
    with Feed(Config.from_dict(settings)) as feed:
        assert feed.gateway is not None
        port = feed.gateway.address[1]
        settings["gateway"]["listen"] = f"127.0.0.1:{port}"
        settings["orders"]["journal"] = str(tmp_path / "two")
        with pytest.raises(UsageError, match=f"gateway.listen: can't listen on 127.0.0.1:{port}"):
            Feed(Config.from_dict(settings))
    # and what it held is free again
    with Feed(Config.from_dict(settings)) as feed:
        assert feed.gateway is not None


# what it serves

FAR_ASKS = [("3500", "1"), ("3501", "1")]


def test_market_data_comes_to_who_asked_for_it_and_to_nobody_else(target: Target) -> None:
    target.book([("2990", "3"), ("2989", "1")], [("3010", "2"), ("3011", "5")])
    with target.client() as client, target.client() as plain:
        key = target.key()
        answer = client.ask(
            "login", platform=SPOT, symbols=[ETH], access_key=key[0], secret_key=key[1], market_data=True
        )
        token = answer["token"]
        other = plain.login(SPOT, target.key())
        target.book([("2991", "3"), ("2989", "1")], [("3010", "2"), ("3011", "5")])

        def seen(message: dict[str, Any]) -> bool:
            data = message.get("data", {})
            return message.get("topic") == "depth" and data["bids"][:1] == [["2991", "3"]]

        found = client.find(seen)
        assert found["token"] == token
        data = found["data"]
        assert (data["type"], data["venue"], data["symbol"], data["valid"]) == ("book", "market", ETH, True)
        assert data["asks"] == [["3010", "2"], ["3011", "5"]]
        assert other.heard("depth") == []


def test_what_happens_often_is_told_as_it_is_in_the_end(target: Target) -> None:
    with target.client() as client:
        key = target.key()
        client.ask("login", platform=SPOT, symbols=[ETH], access_key=key[0], secret_key=key[1], market_data=True)
        for step in range(40):
            target.market.call(partial(show, bids=[(str(2900 + step), "1"), ("1", "1")], asks=FAR_ASKS))
        last = client.find(lambda m: m.get("topic") == "depth" and m["data"]["bids"][0][0] == "2939")
        books = [m for m in client.got if m.get("topic") == "depth"]
        assert last is books[-1]
        assert len(books) < 40, "not all of them"


def test_status_says_where_all_stands(target: Target) -> None:
    with target.client() as client:
        login = client.login(SPOT, target.key())
        data = login.ask("status")["data"]
        latency = data.pop("latency")
        assert data == {
            "platform": SPOT,
            "venue": SPOT,
            "kind": "paper",
            "state": 6,
            "mode": "active",
            "kill": "",
            "journal_failed": "",
            "permission": "operator",
            "symbols": [ETH],
            "market_data": True,
        }
        assert set(latency) == {"tick_to_order", "order_to_ack", "cancel_to_ack", "risk", "journal"}
        assert all(set(one) == {"count", "p50_ns", "p99_ns"} for one in latency.values())


def test_accounts_are_each_their_own_and_trade_with_one_another(target: Target) -> None:
    target.book([("2000", "1"), ("1999", "1")], [("4000", "1"), ("4001", "1")])
    with target.client() as client:
        one, two = client.login(SPOT, target.key()), client.login(SPOT, target.key())
        resting = one.placed("SELL", "3000", "2", "LIMIT")
        two.placed("BUY", "3000", "2", "LIMIT")
        fill = one.notice("fill", order_no=resting)
        assert (fill["price"], fill["quantity"], fill["liquidity"]) == (D(3000), D(2), "MAKER")
        assert one.assets()["ETH"]["total"] == D(998)
        assert two.assets()["ETH"]["total"] == D(1002)


def test_a_live_order_of_before_a_restart_is_told_to_its_owner(tmp_path: Path) -> None:
    with gateway(tmp_path) as target:
        key = target.key()
        with target.client() as client:
            number = client.login(SPOT, key).placed("BUY", "100", "1", "LIMIT")
        process = target.processes[0]
        assert process.stop() == 0
        process.start()
        with target.client() as client:
            login = client.login(SPOT, key)
            # the paper exchange forgets, and says so: the order is gone for certain
            assert login.ask("open_orders", symbol=ETH)["data"] == []
            assert login.assets()["USDT"]["locked"] == 0
        texts = [line for line in process.journal() if number in line]
        assert any("absent" in line or "closed" in line for line in texts), texts


def test_the_end_tells_every_client_to_go(tmp_path: Path) -> None:
    with gateway(tmp_path) as target:
        ended = threading.Thread(target=target.processes[0].stop)
        with target.client() as client:
            client.login(SPOT, target.key())
            ended.start()
            assert client.closed() == (1001, "the gateway stops")
        ended.join(10)


# TLS and a list

VENUE = """
[[venue]]
id = "paper"
kind = "paper"
balances = {USDT = "1000"}
[[venue.trade]]
symbols = ["ETH/USDT"]
tick = "0.01"
lot = "0.001"
"""
LISTED = """
tls_cert = "cert.pem"
tls_key = "key.pem"
[[gateway.client]]
id = "maker"
access_key = "plain:key-of-maker"
secret_key = "plain:secret-of-maker"
max_quantity = "2"
on_disconnect = "cancel"
"""


def test_over_tls_and_with_a_list(tmp_path: Path, certificate: Certificate) -> None:
    port, metrics = free_ports(2)
    listed = LISTED.replace('"cert.pem"', f'"{certificate.cert}"').replace('"key.pem"', f'"{certificate.key}"')
    process = Process(tmp_path / "run", head(port, metrics) + listed + VENUE, port, metrics)
    trust = ssl.create_default_context(cafile=str(certificate.authority))
    try:
        with Client(f"wss://127.0.0.1:{port}/ws/v1", ssl=trust) as client:
            wrong = client.ask("login", platform="paper", symbols=[ETH], access_key="key-of-maker", secret_key="wrong")
            assert (wrong["result"], wrong["error_message"]) == (False, "wrong access_key or secret_key")
            login = client.login("paper", ("key-of-maker", "secret-of-maker"))
            refused = login.place("BUY", "100", "2.5")
            assert refused["error_message"] == "max_quantity: 2.5 is above this client's 2"
            number = login.placed("BUY", "100", "2")
            assert login.ask("kill", reason="x")["error_message"].startswith("permission")
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/", timeout=5, context=trust) as answer:
            page = answer.read().decode()
        assert '"clients": true' in page
        assert "key-of-maker" not in page
        assert process.stop() == 0
        texts = [line for line in process.journal() if number in line]
        assert any("cancelled" in line for line in texts), f"its order went with it: {texts}"
        assert "secret-of-maker" not in "\n".join([*process.journal(), process.said()])
    finally:
        process.process.kill()


def test_a_certificate_that_is_none_is_an_error_at_the_start(tmp_path: Path, certificate: Certificate) -> None:
    settings = trading(listen="127.0.0.1:0", tls_cert=str(certificate.cert), tls_key=str(certificate.cert))
    settings["orders"]["journal"] = str(tmp_path / "j")
    with pytest.raises(UsageError, match=r"gateway\.tls_cert, gateway\.tls_key: can't be used together"):
        Feed(Config.from_dict(settings))
