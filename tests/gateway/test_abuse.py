"""What strangers and broken clients do to the gateway.

Nothing crashes, leaks or trades, each is counted under its own name, and an honest client beside it is
served all along. ``FERROFEED_ABUSE=full`` does many times as much, and all of it over TLS and with a list, too.
"""

from __future__ import annotations

import json
import random
import struct
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.gateway.client import ETH
from tests.gateway.hostile import FULL, Raw, Server, abused, frame, length, login, order, ready, request, until
from tests.gateway.mutations import mutations

MALFORMED = 1_000_000 if FULL else 100_000
BATCH = 500
WAYS = {"open": False, "guarded": True}
both = pytest.mark.parametrize("guarded", WAYS.values(), ids=WAYS.keys())
# the guard changes little here
one = pytest.mark.parametrize("guarded", list(WAYS.values())[: 2 if FULL else 1], ids=list(WAYS)[: 2 if FULL else 1])


@both
@pytest.mark.timeout(600 if FULL else 120)
def test_malformed_messages(tmp_path: Path, *, guarded: bool) -> None:
    """Each gets one answer, which takes nothing; what is still a request has a token that is good somewhere else."""
    count = MALFORMED if FULL or not guarded else MALFORMED // 5
    with abused(tmp_path, guarded=guarded) as (server, honest), Raw(server) as raw:
        sent = Counter[str]()
        batch: list[bytes] = []

        def flush() -> None:
            raw.send(b"".join(frame(text) for text in batch) + frame(b'{"op":"ping","ts":424242}'))
            for _ in batch:
                answer = raw.message()
                assert answer["op"] in {"error", "pong"} or answer["result"] is False, answer
                sent[answer["op"]] += 1
            assert raw.message() == {"op": "pong", "ts": 424242}
            batch.clear()

        for text in mutations(20261121, count, [honest.login.token, "0" * 32]):
            batch.append(text)
            if len(batch) == BATCH:
                flush()
        flush()
        assert sum(sent.values()) == count
        names = ("malformed", "unknown_op", "foreign_token", "invalid_token")
        counted: dict[str, int] = {}

        def every_one() -> bool:
            counted.update((name, server.counted(name)) for name in names)
            return sum(counted.values()) >= count - sent["pong"]

        until(every_one, "all of them are counted")
        assert all(many > count // 100 for many in counted.values()), counted
        assert sum(counted.values()) == count - sent["pong"], (counted, sent)
        assert counted["malformed"] + counted["unknown_op"] == sent["error"], (counted, sent)


BROKEN = {
    "unmasked": frame(b"{}", masked=False),
    "rsv1": frame(b"{}", rsv=4),
    "rsv2": frame(b"{}", rsv=2),
    "rsv3": frame(b"{}", rsv=1),
    **{f"opcode {opcode}": frame(b"{}", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a close with a code there is not": frame(struct.pack(">H", 1005), 8),
    "a close with half a code": frame(b"\x03", 8),
    "a long ping": frame(b"x" * 126, 9),
    "a ping in parts": frame(b"x", 9, fin=False),
    "a part of nothing": frame(b"{}", 0),
    "a text within a text": frame(b"{", fin=False) + frame(b"{}"),
    "no UTF-8": frame(b'{"op":"\xff\xfe"}'),
    "half a character": frame(b'{"op":"\xe2\x82"}'),
    "no UTF-8 in parts": frame(b'{"op":"\xe2', fin=False) + frame(b'\x28"}', 0),
    "a surrogate": frame(b'{"op":"\xed\xa0\x80"}'),
}


@both
def test_broken_frames(tmp_path: Path, *, guarded: bool) -> None:
    """Each ends its connection, before anything of it is done, and is counted."""
    with abused(tmp_path, guarded=guarded) as (server, honest):
        stolen = frame(json.dumps(order(honest.login.token)).encode())
        for name, data in BROKEN.items():
            before = server.counted("protocol_error")
            with Raw(server) as raw:
                raw.send(data + stolen * 2)
                found = raw.frame()
                assert found is None or found[0] == 8, f"{name}: {found}"
                # the server may read on for a moment
                raw.send(stolen + data + stolen + frame(found[1][:2] if found else b"", 8))
                code = int.from_bytes(found[1][:2], "big") if found else 0
                assert code in {0, 1002, 1007}, f"{name}: {code}"
                assert raw.frame() is None, name
            server.counts("protocol_error", before + 1, before + 1)
        with Raw(server) as raw:
            raw.send(frame(b"{}", 2) + stolen)
            assert raw.closed() == 1003
        server.counts("malformed", 1, 1)
        server.counts("protocol_error", len(BROKEN), len(BROKEN))
        server.counts("foreign_token", 0, 0)


@one
def test_random_bytes(tmp_path: Path, *, guarded: bool) -> None:
    """Noise behind a good upgrade, and noise from the first byte on."""
    rng = random.Random(5)
    with abused(tmp_path, guarded=guarded, handshake_s=2.0) as (server, _):
        for number in range(2_000 if FULL else 200):
            with Raw(server, upgrade=number % 2 == 0) as raw:
                raw.send(rng.randbytes(rng.randrange(1, 3000)))


@both
def test_a_huge_message_announced(tmp_path: Path, *, guarded: bool) -> None:
    """Nobody waits for it, and no room is made."""
    with abused(tmp_path, guarded=guarded) as (server, _):
        before = server.resident_kb()
        for at, announced in enumerate((1 << 20, 1 << 30, 1 << 40, (1 << 63) - 1)):
            for number in range(1, 6):
                with Raw(server) as raw:
                    raw.send(b"\x81\xff" + struct.pack(">Q", announced) + bytes(4) + b"x" * 1000)
                    assert raw.closed() in {0, 1002, 1009}
                server.counts("oversized", 5 * at + number, 5 * at + number)
        # a length with the highest bit set is none
        with Raw(server) as raw:
            raw.send(b"\x81\xff" + struct.pack(">Q", 1 << 63) + bytes(4) + b"x" * 1000)
            assert raw.closed() in {0, 1002}
        server.counts("protocol_error", 1, 1)
        assert server.resident_kb() - before < 16 * 1024


@one
def test_messages_in_endless_parts(tmp_path: Path, *, guarded: bool) -> None:
    """Parts that never end, with something in them and with nothing."""
    with abused(tmp_path, guarded=guarded) as (server, _):
        for number, part in enumerate((frame(b"x", 0, fin=False), frame(b"", 0, fin=False)), 1):
            with Raw(server) as raw:
                raw.send(frame(b"{", fin=False) + part * 200_000)
                assert raw.closed() in {0, 1009}
            server.counts("oversized", number, number)


@both
def test_half_open_connections_and_slow_upgrades(tmp_path: Path, *, guarded: bool) -> None:
    """Connections that say nothing, stop in the middle, or tell their upgrade byte by byte, are gone in time."""
    count = 400 if FULL else 100
    with abused(tmp_path, guarded=guarded, handshake_s=2.0) as (server, honest):
        silent = [Raw(server, upgrade=False) for _ in range(count)]
        whole = request(server)
        partial = [Raw(server, upgrade=False) for _ in range(count)]
        for at, raw in enumerate(partial):
            raw.send(whole[: at % (len(whole) - 1) + 1])
        drips = [Raw(server, upgrade=False) for _ in range(20)]
        for at in range(25):
            for raw in drips:
                raw.send(whole[at : at + 1])
            time.sleep(0.1)
        honest.served()
        for raw in (*silent, *partial, *drips):
            assert raw.head() in {0, 400, 408}
            raw.sock.close()
        server.counts("handshake_failed", 2 * count + 20, 2 * count + 20)


@one
def test_silence_after_the_upgrade(tmp_path: Path, *, guarded: bool) -> None:
    with abused(tmp_path, guarded=guarded, idle_s=3) as (server, _):
        silent = [Raw(server) for _ in range(50)]
        for raw in silent:
            assert raw.closed() == 1001
            raw.sock.close()
        server.counts("idle", 50, 50)


@one
def test_oversized_headers(tmp_path: Path, *, guarded: bool) -> None:
    """Many, long, and without an end."""
    with abused(tmp_path, guarded=guarded, handshake_s=2.0) as (server, _):
        head = request(server)[:-2]
        heads = (
            head + b"X: " + b"x" * 4_000_000 + b"\r\n\r\n",
            head + b"X: x\r\n" * 200_000 + b"\r\n",
            head + b"x" * 4_000_000,
            b"GET /" + b"x" * 4_000_000 + b" HTTP/1.1\r\n\r\n",
        )
        for number, data in enumerate(heads, 1):
            with Raw(server, upgrade=False) as raw:
                raw.send(data)
                assert raw.head() != 101
            server.counts("handshake_failed", number, number)


@one
def test_pages_of_other_origins_and_other_names(tmp_path: Path, *, guarded: bool) -> None:
    """A page of the web may not trade, nor may one whose name suddenly means this machine."""
    with abused(tmp_path, guarded=guarded) as (server, _):
        port = server.port
        http, other = server.scheme, "http" if guarded else "https"
        origins = (
            *("https://evil.example", "null", "", "file://", f"{http}://127.0.0.1", f"{other}://127.0.0.1:{port}"),
            *(f"{http}://127.0.0.1:{port}.evil.example", f"{http}://localhost:{port}", f"{http}://127.0.0.1:{port}/x"),
            *(f"{http}://127.0.0.1:{port + 1}", f"ws://127.0.0.1:{port}", f"{http}://evil@127.0.0.1:{port}"),
        )
        for number, origin in enumerate(origins, 1):
            with Raw(server, upgrade=False) as raw:
                raw.send(request(server, "/ws/v1", "", f"Origin: {origin}"))
                assert raw.head() == 403, origin
            server.counts("bad_origin", number, number)
        hosts = (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "0.0.0.0",
            "a@127.0.0.1",
            "[",
            "::1]",
        )
        for number, host in enumerate(hosts, 1):
            with Raw(server, upgrade=False) as raw:
                # its own page, as far as names go: rebinding
                raw.send(request(server, "/ws/v1", host, f"Origin: {http}://{host}"))
                assert raw.head() == 403, host
            server.counts("bad_host", number, number)
        paths = ("/ws", "/ws/v2", "/ws/v1/", "/../ws/v1", "//ws/v1", "/metrics")
        for number, path in enumerate(paths, 1):
            with Raw(server, upgrade=False) as raw:
                raw.send(request(server, path))
                assert raw.head() == 404, path
            server.counts("bad_path", number, number)
        with Raw(server, upgrade=False) as raw:
            raw.send(request(server, "/ws/v1", "", f"Origin: {http}://127.0.0.1:{port}"))
            assert raw.head() == 101


@both
def test_tokens_of_others_forged_and_replayed(tmp_path: Path, *, guarded: bool) -> None:
    rng = random.Random(11)
    with abused(tmp_path, guarded=guarded) as (server, honest), Raw(server) as raw:

        def refused(token: str) -> None:
            for message in (
                order(token),
                {"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": []},
                {"op": "open_orders", "cid": "c", "token": token, "symbol": ETH},
                {"op": "kill", "cid": "c", "token": token, "reason": "abuse"},
                {"op": "logout", "cid": "c", "token": token},
            ):
                answer = raw.ask(message)
                assert (answer["op"], answer["result"]) == (message["op"], False)
                assert answer["error_message"] == "Invalid token"

        for _ in range(20):
            refused(honest.login.token)
        server.counts("foreign_token", 100, 100)
        token = honest.login.token
        near = [token[:-1], token + "0", token.swapcase(), token[::-1], "", "\0" * len(token), f" {token}"]
        near += [token[:at] + format(int(token[at], 16) ^ 1, "x") + token[at + 1 :] for at in range(len(token))]
        forged = near + [format(rng.getrandbits(128), "032x") for _ in range(500)]
        forged = [one for one in forged if one != token]
        for one in forged:
            refused(one)
        server.counts("invalid_token", 5 * len(forged), 5 * len(forged))
        with Raw(server) as before:
            old = ready(before, "mallory")
        again = ready(raw, "mallory-2")
        refused(old)
        # of another client, and from one who has a good one
        refused(token)
        assert raw.ask({"op": "logout", "cid": "c", "token": again})["result"] is True
        refused(again)
        # whoever comes back gets another one
        with Raw(server) as back:
            assert ready(back, "mallory") != old
            refused(old)
        server.counts("foreign_token", 105, 105)
        honest.served()


@both
def test_login_floods(tmp_path: Path, *, guarded: bool) -> None:
    """Keys are not tried out, logins and accounts are bounded."""
    with abused(tmp_path, guarded=guarded, max_logins=8, max_accounts=40) as (server, honest):
        tries = 200 if FULL else 40
        for _ in range(tries):
            with Raw(server) as raw:
                for number in range(10):
                    # with a list, also half of a good pair
                    tried = login(raw, "honest", secret=f"{number}") if guarded else login(raw, "x", "nowhere")
                    assert (tried["result"], tried["token"]) == (False, "")
                assert raw.closed() == 1008
        server.counts("login_refused", tries * 10, tries * 10)
        with Raw(server) as raw:
            for _ in range(5):
                assert login(raw, "honest")["error_message"] == "Do not log in repeat"
        server.counts("login_repeated", 5, 5)
        with Raw(server) as raw:
            for number in range(8):
                assert login(raw, f"many-{number}")["result"] is True
            refused = login(raw, "many-8")
            assert (refused["result"], refused["token"]) == (False, "")
        server.counts("login_limit", 1, 1)
        states = Counter[int]()
        for number in range(100):
            with Raw(server) as raw:
                token = login(raw, f"account-{number}")["token"]
                while (message := raw.message()).get("code") not in {3, 6, 7}:
                    assert message["op"] in {"state", "notify"}, message
                states[message["code"]] += 1
                if message["code"] != 6:
                    assert raw.ask(order(token))["error_message"] == "Platform not ready"
        assert states[6] < 40
        server.counts("login_limit", 1 + states[3], 1 + states[3])
        honest.served()


@one
def test_more_messages_than_allowed(tmp_path: Path, *, guarded: bool) -> None:
    """What is above the rate is not done: not one order of it."""
    with abused(tmp_path, guarded=guarded, requests_per_s=200) as (server, honest), Raw(server) as raw:
        data = frame(json.dumps(order(honest.login.token)).encode())
        raw.send(data * 5000)
        answers = Counter(raw.message()["error_message"].partition(":")[0] for _ in range(5000))
        assert set(answers) == {"Invalid token", "rate limit"}
        server.counts("rate_limited", answers["rate limit"], answers["rate limit"])
        assert answers["rate limit"] > 2500


@both
def test_a_client_that_does_not_read(tmp_path: Path, *, guarded: bool) -> None:
    """It is cut off when it leaves more than it may; nobody else waits for it."""
    with abused(tmp_path, guarded=guarded, send_buffer_kb=256) as (server, honest):
        for number in range(1, 6):
            with Raw(server, receive=4096) as raw:
                token = ready(raw, f"stalled-{number}")
                # answers that are longer than what asks for them
                asked = {"op": "asset", "cid": "x" * 256, "token": token}
                raw.send(frame(json.dumps(asked).encode()) * 20_000)
                server.counts("slow_client", number, number)
                honest.served()


@one
def test_more_connections_than_allowed(tmp_path: Path, *, guarded: bool) -> None:
    count = 64
    with abused(tmp_path, guarded=guarded, max_connections=count) as (server, honest):
        held = [Raw(server) for _ in range(count - 1)]
        for _ in range(200):
            with Raw(server, upgrade=False) as raw:
                raw.send(request(server))
                assert raw.head() == 503
        server.counts("connection_limit", 200, 200)
        honest.served()
        for raw in held:
            raw.sock.close()
        _comes_in(server)


def _comes_in(server: Server) -> None:
    """There is room again."""
    end = time.monotonic() + 10
    while True:
        with Raw(server, upgrade=False) as raw:
            raw.send(request(server))
            if raw.head() == 101:
                return
        assert time.monotonic() < end, "no room"


def test_lengths_are_written_as_the_protocol_has_them() -> None:
    assert (length(5), length(126), length(65_536)[:1]) == (b"\x85", b"\xfe\x00\x7e", b"\xff")
