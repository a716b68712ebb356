"""What strangers do before they are clients: TLS without an end, no TLS, odd upgrades, more sockets than there is room.

Each is gone in time, and counted under one name: ``test_abuse.py`` has what comes after the upgrade.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import socket
import ssl
import time
from pathlib import Path

import pytest
from tests.gateway.client import ETH
from tests.gateway.hostile import FULL, Raw, Server, abused, frame, request, until

from ferrofeed import Feed
from ferrofeed.config import Config

HANDSHAKE = ("handshake_failed", "bad_host", "bad_origin", "bad_path", "connection_limit")


def hello(server: Server, most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> bytes:
    """How a client begins."""
    context = ssl.create_default_context()
    context.maximum_version = most
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=f"port-{server.port}.example")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return out.read()


def plain(server: Server) -> Raw:
    """A connection without TLS, whatever the server has."""
    return Raw(server, upgrade=False, tls=False)


def test_handshakes_of_tls_that_never_end(tmp_path: Path) -> None:
    """Silence, pieces of a beginning, one byte at a time, and a beginning without an end."""
    count = 400 if FULL else 60
    with abused(tmp_path, guarded=True, handshake_s=2.0) as (server, honest):
        whole = hello(server)
        silent = [plain(server) for _ in range(count)]
        begun = [plain(server) for _ in range(count)]
        for raw in begun:
            raw.send(whole)
        partial = [plain(server) for _ in range(count)]
        for at, raw in enumerate(partial):
            raw.send(whole[: at * 7 % (len(whole) - 1) + 1])
        # who leaves in the middle
        for at in range(count):
            with plain(server) as raw:
                raw.send(whole[: at * 7 % (len(whole) - 1) + 1])
        drips = [plain(server) for _ in range(20)]
        for at in range(25):
            for raw in drips:
                raw.send(whole[at : at + 1])
            time.sleep(0.1)
        honest.served()
        for raw in (*silent, *begun, *partial, *drips):
            while raw._more():
                pass
            raw.sock.close()
        server.counts("handshake_failed", 4 * count + 20, 4 * count + 20)


def test_what_is_no_tls(tmp_path: Path) -> None:
    """Plain requests, noise, and versions that nobody should speak any more."""
    rng = random.Random(3)
    with abused(tmp_path, guarded=True, handshake_s=2.0) as (server, _):
        sent = [request(server), b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\r\n\r\n", frame(b"{}")]
        sent += [rng.randbytes(rng.randrange(1, 3000)) for _ in range(2_000 if FULL else 40)]
        # a record of TLS that holds nothing of it
        sent += [b"\x16\x03\x01\x00\x80" + rng.randbytes(128) for _ in range(10)]
        for data in sent:
            with plain(server) as raw:
                raw.send(data)
                while raw._more():
                    pass
                assert not raw._pending.startswith(b"HTTP"), "somebody speaks without TLS"
        server.counts("handshake_failed", len(sent), len(sent))
        with plain(server) as raw:
            raw.send(hello(server, ssl.TLSVersion.TLSv1_2))
            assert raw._more()
            assert raw._pending[:1] == b"\x16", "what is old enough is answered"
        for version in (b"\x03\x00", b"\x03\x01", b"\x03\x02"):
            old = bytearray(hello(server, ssl.TLSVersion.TLSv1_2))
            assert old[9:11] == b"\x03\x03"
            old[9:11] = version
            with plain(server) as raw:
                raw.send(bytes(old))
                while raw._more():
                    pass
                assert raw._pending[:1] in {b"", b"\x15"}, "an alert, if anything"
        server.counts("handshake_failed", len(sent) + 4, len(sent) + 4)
        server.counts("connections", 2, 2)
        # who keeps to it comes in all the same
        for _ in range(20):
            with Raw(server):
                pass


def test_what_is_sent_past_tls(tmp_path: Path) -> None:
    """Noise in the middle of a session ends it, and nothing of it is heard; so does an end that is not said."""
    with abused(tmp_path, guarded=True) as (server, honest):
        for noise in (b"\x17\x03\x03\x00\x20" + bytes(32), frame(b"{}"), os.urandom(500)):
            with Raw(server) as raw, socket.socket(fileno=os.dup(raw.sock.fileno())) as past:
                past.sendall(noise)
                assert raw.frame() is None
        with Raw(server) as raw:
            raw.sock.unwrap() if isinstance(raw.sock, ssl.SSLSocket) else None
        server.counts("malformed", 0, 0)
        honest.served()


@pytest.mark.timeout(300)
def test_upgrades_gone_wrong(tmp_path: Path) -> None:
    """Each is a client, or refused, or gone: once, under one name."""
    rng = random.Random(7)
    odd = b"\x00\x01\x7f\x80\xc3\xe2\xff\r\n :;,=/?%HTTP"
    count = 3_000 if FULL else 300
    with abused(tmp_path, handshake_s=2.0) as (server, _):
        firefox = request(server).replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade")
        with Raw(server, upgrade=False) as raw:
            raw.send(firefox)
            assert raw.head() == 101
        until(lambda: server.counted("connections") == 3, "it is a client")
        before, pages = server.counted("connections"), 0
        for _ in range(count):
            data = bytearray(request(server))
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(data) - 4)
                data[at : at + rng.choice((0, 1, 1, 4))] = bytes(rng.choices(odd, k=rng.choice((0, 1, 1, 9))))
            with Raw(server, upgrade=False) as raw:
                raw.send(bytes(data))
                raw.sock.shutdown(socket.SHUT_WR)
                status = raw.head()
                assert status in {0, 101, 200, 400, 403, 404, 408}, bytes(data)
                # what does not ask for an upgrade any more is shown the console
                pages += status == 200

        def counted() -> int:
            return sum(map(server.counted, HANDSHAKE)) + server.counted("connections") - before + pages

        until(lambda: counted() >= count, "each is counted")
        assert counted() == count
        assert server.counted("handshake_failed") > count // 10


@pytest.mark.parametrize("guarded", [False, True] if FULL else [True])
def test_a_page_that_is_asked_for_and_not_read(tmp_path: Path, *, guarded: bool) -> None:
    with abused(tmp_path, guarded=guarded, handshake_s=2.0) as (server, honest):
        asked = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()
        before = server.files()
        unread = [Raw(server, upgrade=False, receive=2048) for _ in range(100 if FULL else 30)]
        for raw in unread:
            raw.send(asked)
        until(lambda: server.files() <= before, "none of them is there any more")
        honest.served()
        for raw in unread:
            raw.sock.close()
        server.counts("handshake_failed", 0, 0)


@pytest.mark.parametrize("guarded", [False, True] if FULL else [False])
def test_more_sockets_than_there_is_room(tmp_path: Path, *, guarded: bool) -> None:
    """Those above twice the clients there may be are closed unheard, and those who are in stay in."""
    with abused(tmp_path, guarded=guarded, max_connections=16, handshake_s=60) as (server, honest):
        silent = [plain(server) for _ in range(200)]
        # one for the honest client
        server.counts("connection_limit", 200 - 31, 200 - 31)
        gone = 0
        for raw in silent:
            raw.sock.settimeout(0.001)
            try:
                gone += not raw._more()
            except TimeoutError:
                continue
        assert gone == 200 - 31
        honest.served()
        for raw in silent:
            raw.sock.close()
        server.counts("handshake_failed", 31, 31)
        with Raw(server):
            pass


def test_more_sockets_than_the_system_gives(tmp_path: Path) -> None:
    """The process has no file left: it stays quiet, and is there again when it has."""
    with abused(tmp_path, handshake_s=60) as (server, honest):
        most = server.files() + 20
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))
        silent = [plain(server) for _ in range(100)]
        server.counts("connection_limit", 50)
        honest.served()
        said = len(server.said())
        for raw in silent:
            raw.sock.close()
        until(lambda: server.counted("handshake_failed") + server.counted("connection_limit") >= 100, "all are gone")
        with Raw(server):
            pass
        assert "ERROR" not in server.said()[said:]


def test_no_task_is_left(tmp_path: Path) -> None:
    """Of connections that came to nothing."""
    settings = {
        "orders": {"journal": str(tmp_path / "journal")},
        "venue": [{"id": "paper", "kind": "paper", "trade": [{"symbols": [ETH], "tick": "0.01", "lot": "0.001"}]}],
        "gateway": {"listen": "127.0.0.1:0", "handshake_s": 0.2},
    }
    with Feed(Config.from_dict(settings)) as feed:
        assert feed.gateway is not None
        gateway = feed.gateway

        def tasks() -> int:
            return feed._supervisor.call(lambda: len(asyncio.all_tasks()))

        before = tasks()
        held = [socket.create_connection(gateway.address) for _ in range(100)]
        for at, one in enumerate(held):
            one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"[: at % 40])
        until(lambda: gateway.counters()["handshake_failed"] >= 90, "they are gone")
        until(lambda: tasks() <= before, "nothing works for them any more")
        for one in held:
            one.close()
