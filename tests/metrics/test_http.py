"""The endpoint: health, readiness, and requests of any kind."""

from __future__ import annotations

import socket

import pytest
from tests.metrics.conftest import Served

from ferrofeed.errors import UsageError
from ferrofeed.http import MetricsServer


def raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
        return answer


def test_health_and_readiness_of_a_live_feed(served: Served) -> None:
    assert served.ask("/healthz")[::2] == (200, b"ok\n")
    assert served.ask("/readyz")[::2] == (200, b"ready\n")
    assert served.ask("/readyz?verbose=1").status == 200


def test_a_feed_that_does_not_run_is_neither_alive_nor_ready(unstarted: Served) -> None:
    assert unstarted.ask("/healthz")[::2] == (503, b"stopped\n")
    assert unstarted.ask("/readyz")[::2] == (503, b"the feed is not running\n")
    assert unstarted.ask("/metrics").status == 200


def test_not_ready_says_what_is_missing_until_it_is_there(unstarted: Served) -> None:
    for sim in unstarted.market.sims.values():
        sim.call(lambda simulator: simulator.pause())
    feed = unstarted.feed.start()
    assert not feed.wait_ready(0.05)
    answer = unstarted.ask("/readyz")
    assert answer.status == 503
    lines = answer.body.decode().splitlines()
    assert {line.partition(": ")[0] for line in lines} <= {"ziario-1", "itick-1", "infoway-1"}
    assert all("subscriptions acknowledged" in line or "not every book is valid" in line for line in lines)
    assert unstarted.ask("/healthz").status == 200
    for sim in unstarted.market.sims.values():
        sim.call(lambda simulator: simulator.resume())
    assert feed.wait_ready()
    assert unstarted.ask("/readyz").status == 200
    feed.stop()
    assert unstarted.ask("/readyz").status == 503


def test_head_has_the_headers_and_no_body(served: Served) -> None:
    head, get = served.ask("/healthz", "HEAD"), served.ask("/healthz")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metric", "GET", 404), ("/metrics", "POST", 501)]
)
def test_other_requests(served: Served, path: str, method: str, status: int) -> None:
    answer = served.ask(path, method)
    assert answer.status == status
    if status == 404:
        assert answer.body == b"not found; there are /metrics, /healthz and /readyz\n"
    assert "Python" not in answer.headers.get("server", "")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"rubbish\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /healthz HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"431"),
        (b"\x16\x03\x01\x00\xa5\x01\r\n\r\n", b"400"),
    ],
)
def test_bad_requests_get_an_error_and_the_server_lives_on(served: Served, request_: bytes, status: bytes) -> None:
    assert status in raw(served.port, request_)[:600]
    assert served.ask("/healthz").status == 200


def test_a_client_that_says_nothing_blocks_nobody(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)):
        assert served.ask("/healthz").status == 200


def test_a_taken_port_is_a_usage_error(served: Served) -> None:
    with pytest.raises(
        UsageError, match=rf"service.metrics: can't listen on 127.0.0.1:{served.port}: Address already in use"
    ):
        MetricsServer(served.feed, "127.0.0.1", served.port)


def test_an_address_that_is_not_ours_too(served: Served) -> None:
    with pytest.raises(UsageError, match=r"can't listen on nowhere.invalid:1"):
        MetricsServer(served.feed, "nowhere.invalid", 1)
