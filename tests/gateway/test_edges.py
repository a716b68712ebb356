"""What is at the edge of the gateway: the end of the feed, the operator's files, bursts, silence before TLS."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tests.gateway.client import DEADLINE_S, ETH, Client, D, exact
from tests.gateway.hostile import VENUE, Raw, Server, frame, order
from tests.gateway.shapes import eventually
from tests.gateway.targets import SPOT, UPSTREAM, Process, free_ports, gateway, head
from websockets.exceptions import ConnectionClosed

from ferrofeed.gateway.failures import Failures
from ferrofeed.gateway.platforms import ClientText, PlatformText

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.gateway.targets import Certificate, Target

KEY = ("upstream", "upstream-secret")


@contextlib.contextmanager
def before_another(
    folder: Path, orders: str = "", paper: str = "", **settings: Any
) -> Iterator[tuple[Process, Target]]:
    """A gateway before another: its venue lives on when it ends.

    ``orders``: lines of its ``[orders]``; ``paper``: lines of the exchange behind both.
    """
    with gateway(folder / "behind", paper) as behind:
        port, metrics = free_ports(2)
        text = head(port, metrics, **settings).replace("settle_s = 0.2", f"settle_s = 0.2\n{orders}")
        text += UPSTREAM.format(id=SPOT, product="spot", url=behind.url)
        process = Process(folder / "front", text, port, metrics)
        try:
            yield process, behind
        finally:
            process.stop()


def open_at(behind: Target) -> list[str]:
    """The orders that the gateway in front left at the one behind it."""
    with behind.client() as client:
        rows = client.login(SPOT, KEY).ask("open_orders", symbol=ETH)["data"]
        return [row["order_no"] for row in rows]


# the end


def test_no_order_is_taken_any_more_when_all_are_cancelled_for_the_end(tmp_path: Path) -> None:
    """A strategy that places anew whatever is cancelled must not leave an order behind. A cancel takes 100 ms."""
    slow = "latency_us = [50000, 50000]"
    with before_another(tmp_path, 'on_stop = "cancel"', slow) as (process, behind):
        with Client(process.url) as client:
            login = client.login(SPOT, KEY)
            login.placed("BUY", "100", "1")
            ending = threading.Thread(target=process.stop)
            ending.start()
            refused = set()
            asked = {"symbol": ETH, "action": "BUY", "price": D(99), "quantity": D(1), "order_type": "LIMIT"}
            with contextlib.suppress(ConnectionClosed):
                while True:
                    client.send({"op": "place_order", "cid": "again", "token": login.token, **asked})
                    with contextlib.suppress(TimeoutError):
                        message = client.receive(0.01)
                        if message.get("cid") == "again" and not message["result"]:
                            refused.add(message["error_message"])
                    time.sleep(0.005)  # as fast as may be asked
            ending.join(DEADLINE_S)
        assert open_at(behind) == []
        stopping = "not_ready: the feed is stopping: no orders are taken"
        # the first may have waited to be sent when the end came
        assert stopping in refused <= {stopping, "cancelled before it was sent"}


def test_the_end_cancels_the_orders_of_a_client_that_does_not_answer(tmp_path: Path) -> None:
    """Its login ends with the feed, and its orders with its login, whether or not it says goodbye."""
    with before_another(tmp_path, on_disconnect="cancel") as (process, behind):
        with Raw(process) as raw:
            asked = {"op": "login", "cid": "l", "platform": SPOT, "symbols": [ETH]}
            token = raw.ask({**asked, "access_key": KEY[0], "secret_key": KEY[1]})["token"]
            while raw.message().get("code") != 6:
                pass
            assert raw.ask(order(token, price=100))["result"] is True
            assert process.stop() == 0
        assert open_at(behind) == []


def test_a_process_that_was_killed_cancels_them_when_it_runs_again(tmp_path: Path) -> None:
    with before_another(tmp_path, on_disconnect="cancel") as (process, _):
        with Client(process.url) as client:
            client.login(SPOT, KEY).placed("BUY", "100", "1")
            process.stop(signal.SIGKILL)
        process.start()
        with Client(process.url) as client:
            login = client.login(SPOT, KEY)
            eventually(lambda: exact(login.ask("open_orders", symbol=ETH)["data"], []))


# what the operator holds back


def test_a_kill_file_keeps_the_switch_on_whoever_clears_it(tmp_path: Path) -> None:
    with gateway(tmp_path) as target, target.client() as client:
        login = client.login(SPOT, target.key())
        file = tmp_path / "journal" / "KILL"
        file.touch()
        login.state(7)
        since = len(client.got)
        answer = login.ask("clear_kill", who="Ann")
        assert (answer["result"], "KILL is there" in answer["error_message"]) == (False, True), answer
        client.barrier()
        assert [m["code"] for m in client.got[since:] if m["op"] == "state"] == [], "never ready in between"
        file.unlink()
        assert login.ask("clear_kill", who="Ann")["result"] is True
        login.state(6, since)


# connections to venues


class _Link:
    """A connection as it stands."""

    def __init__(self, *, pushes: bool) -> None:
        self.pushes = pushes
        self.desks = [SimpleNamespace(number=7, owner="")]
        self.carrier = SimpleNamespace(live=False)
        self.session = SimpleNamespace(counters=SimpleNamespace(failed={}), fatal=None)

    def is_now(self, *, live: bool = False, tries: int = 0, fatal: str | None = None) -> None:
        self.carrier.live, self.session.fatal = live, fatal
        self.session.counters.failed = {"refused": tries}


def test_a_socket_that_only_brings_reports_is_not_the_platform() -> None:
    """A venue with a socket for requests and one for reports: only the first decides whether it can be reached."""
    told: list[tuple[int, str, bool]] = []
    failures = Failures(lambda desk, why, again, _refused: told.append((desk, why, again)))
    main, reports = _Link(pushes=False), _Link(pushes=True)

    def look() -> list[tuple[int, str, bool]]:
        told.clear()
        links: Any = (main, reports)
        failures.look(links)
        return list(told)

    main.is_now(live=True)
    reports.is_now(tries=2, fatal="401")
    for _ in range(3):
        assert look() == [], "the platform takes orders"
    main.is_now(tries=1)
    assert look() == [(7, "refused", False)]
    reports.is_now(tries=5)
    assert look() == [(7, "refused", True)], "only who comes now has not heard of it"
    main.is_now(live=True, tries=1)
    assert look() == []
    main.is_now(tries=1)
    assert look() == [], "a connection that was lost is no attempt that failed"


# clients that read, and such that do nothing


def test_a_client_that_reads_is_not_cut_off_for_what_comes_at_once(tmp_path: Path) -> None:
    """An answer may be longer than what a client may leave unread."""
    server = Server(tmp_path, requests_per_s=100_000, send_buffer_kb=16)
    try:
        with Raw(server, receive=4096) as raw:
            asked = {"op": "login", "cid": "l", "platform": "paper", "symbols": [ETH]}
            token = raw.ask({**asked, "access_key": "a", "secret_key": "s"})["token"]
            while raw.message().get("code") != 6:
                pass
            count = 20_000
            for _ in range(count // 500):
                raw.send(frame(json.dumps(order(token, quantity=0.001)).encode()) * 500)
                answers = 0
                while answers < 500:
                    message = raw.message()
                    assert message.get("result", True) is True, message
                    answers += message["op"] == "place_order"
            listed = raw.ask({"op": "open_orders", "cid": "c", "token": token, "symbol": ETH})
            assert len(listed["data"]) == count
            gone = raw.ask({"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": []})
            assert [row["result"] for row in gone["data"]] == [True] * count
        server.counts("slow_client", 0, 0)
    finally:
        server.process.kill()
        server.process.wait()


def test_a_connection_that_never_begins_tls_is_closed(tmp_path: Path, certificate: Certificate) -> None:
    """Like any other that does not shake hands in time."""
    port, metrics = free_ports(2)
    settings = {"tls_cert": str(certificate.cert), "tls_key": str(certificate.key), "handshake_s": 0.5}
    process = Process(tmp_path / "run", head(port, metrics, **settings) + VENUE, port, metrics)
    try:
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as silent:
            assert silent.recv(1) == b""
        # one that breaks off has come already: who waited until it serves
        assert process.stop() == 0
        assert "Traceback" not in process.said()
        assert "ERROR" not in process.said()
    finally:
        process.process.kill()


# secrets


def test_keys_are_not_printed() -> None:
    client = ClientText("a", b"AAAA", b"SSSS", "trade", None, None, False, None, None, None, None)
    platform = PlatformText("p", "p", "coinceres", [], 1, (b"AAAA", b"SSSS"), other_keys=True, market_data=False)
    for one in (client, platform):
        assert "AAAA" not in repr(one)
        assert "SSSS" not in repr(one)
