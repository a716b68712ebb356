"""What strangers and broken clients do to the gateway.

Nothing crashes, leaks or trades, each is counted under its own name, and an honest client beside it is
served all along. ``FERROFEED_ABUSE=full`` does many times as much.
"""

from __future__ import annotations

import json
import random
import struct
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.gateway.client import ETH, Message
from tests.gateway.hostile import FULL, Raw, Server, abused, frame, length, order, request, until
from tests.gateway.mutations import mutations

MALFORMED = 1_000_000 if FULL else 100_000
BATCH = 500


def login(raw: Raw, name: str, platform: str = "paper", secret: str = "s") -> Message:
    """Ask for a login; its answer."""
    asked = {
        "op": "login",
        "cid": "l",
        "platform": platform,
        "symbols": [ETH],
        "access_key": name,
        "secret_key": secret,
    }
    return raw.ask(asked)


def ready(raw: Raw, name: str) -> str:
    """Log in, and wait until orders would be taken; the token."""
    token = login(raw, name)["token"]
    while (message := raw.message()).get("code") != 6:
        assert message["op"] in {"state", "notify"}, message
    return str(token)


@pytest.mark.timeout(600 if FULL else 60)
def test_malformed_messages(tmp_path: Path) -> None:
    """Each gets one answer, which takes nothing; what is still a request has a token that is good somewhere else."""
    with abused(tmp_path) as (server, honest), Raw(server) as raw:
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

        for text in mutations(20261121, MALFORMED, [honest.login.token, "0" * 32]):
            batch.append(text)
            if len(batch) == BATCH:
                flush()
        flush()
        assert sum(sent.values()) == MALFORMED
        names = ("malformed", "unknown_op", "foreign_token", "invalid_token")
        counted: dict[str, int] = {}

        def every_one() -> bool:
            counted.update((name, server.counted(name)) for name in names)
            return sum(counted.values()) >= MALFORMED - sent["pong"]

        until(every_one, "all of them are counted")
        assert all(count > MALFORMED // 100 for count in counted.values()), counted
        assert sum(counted.values()) == MALFORMED - sent["pong"], (counted, sent)
        assert counted["malformed"] + counted["unknown_op"] == sent["error"], (counted, sent)


BROKEN = {
    "unmasked": frame(b"{}", masked=False),
    "rsv1": frame(b"{}", rsv=4),
    "rsv2": frame(b"{}", rsv=2),
    "rsv3": frame(b"{}", rsv=1),
    **{f"opcode {opcode}": frame(b"{}", opcode) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "a long ping": frame(b"x" * 126, 9),
    "a ping in parts": frame(b"x", 9, fin=False),
    "a part of nothing": frame(b"{}", 0),
    "a text within a text": frame(b"{", fin=False) + frame(b"{}"),
    "no UTF-8": frame(b'{"op":"\xff\xfe"}'),
    "half a character": frame(b'{"op":"\xe2\x82"}'),
    "no UTF-8 in parts": frame(b'{"op":"\xe2', fin=False) + frame(b'\x28"}', 0),
    "a surrogate": frame(b'{"op":"\xed\xa0\x80"}'),
}


def test_broken_frames(tmp_path: Path) -> None:
    """Each ends its connection, before anything of it is done, and is counted."""
    with abused(tmp_path) as (server, honest):
        stolen = frame(json.dumps(order(honest.login.token)).encode())
        for name, data in BROKEN.items():
            before = server.counted("protocol_error")
            with Raw(server) as raw:
                raw.send(data + stolen)
                code = raw.closed()
                assert code in {0, 1002, 1007}, f"{name}: {code}"
            # what stands behind it may count again
            server.counts("protocol_error", before + 1, before + 2)
        with Raw(server) as raw:
            raw.send(frame(b"{}", 2) + stolen)
            assert raw.closed() == 1003
        server.counts("malformed", 1, 1)
        server.counts("foreign_token", 0, 0)


@pytest.mark.timeout(120)
def test_random_bytes(tmp_path: Path) -> None:
    """Noise behind a good upgrade, and noise from the first byte on."""
    rng = random.Random(5)
    with abused(tmp_path, handshake_s=0.5) as (server, _):
        for number in range(2_000 if FULL else 200):
            with Raw(server, upgrade=number % 2 == 0) as raw:
                raw.send(rng.randbytes(rng.randrange(1, 3000)))


@pytest.mark.parametrize("announced", [1 << 20, 1 << 30, 1 << 40, (1 << 63) - 1, 1 << 63])
def test_a_huge_message_announced(tmp_path: Path, announced: int) -> None:
    """Nobody waits for it, and no room is made."""
    with abused(tmp_path) as (server, _):
        before = server.resident_kb()
        for number in range(1, 6):
            with Raw(server) as raw:
                raw.send(b"\x81\xff" + struct.pack(">Q", announced) + bytes(4) + b"x" * 1000)
                assert raw.closed() in {0, 1002, 1009}
            # a length with the highest bit set is none
            server.counts("oversized" if announced < 1 << 63 else "protocol_error", number)
        assert server.resident_kb() - before < 16 * 1024


def test_messages_in_endless_parts(tmp_path: Path) -> None:
    """Parts that never end, with something in them and with nothing."""
    with abused(tmp_path) as (server, _):
        for number, part in enumerate((frame(b"x", 0, fin=False), frame(b"", 0, fin=False)), 1):
            with Raw(server) as raw:
                raw.send(frame(b"{", fin=False) + part * 200_000)
                assert raw.closed() in {0, 1009}
            server.counts("oversized", number, number)


def test_half_open_connections_and_slow_upgrades(tmp_path: Path) -> None:
    """Connections that say nothing, stop in the middle, or tell their upgrade byte by byte, are gone in time."""
    count = 400 if FULL else 100
    with abused(tmp_path, handshake_s=1.0) as (server, honest):
        silent = [Raw(server, upgrade=False) for _ in range(count)]
        whole = request(server)
        partial = [Raw(server, upgrade=False) for _ in range(count)]
        for at, raw in enumerate(partial):
            raw.send(whole[: at % (len(whole) - 1) + 1])
        drips = [Raw(server, upgrade=False) for _ in range(20)]
        for at in range(15):
            for raw in drips:
                raw.send(whole[at : at + 1])
            time.sleep(0.1)
        honest.served()
        for raw in (*silent, *partial, *drips):
            assert raw.head() in {0, 400, 408}
            raw.sock.close()
        server.counts("handshake_failed", 2 * count + 20, 2 * count + 20)


def test_silence_after_the_upgrade(tmp_path: Path) -> None:
    with abused(tmp_path, idle_s=0.5) as (server, _):
        silent = [Raw(server) for _ in range(50)]
        for raw in silent:
            assert raw.closed() == 1001
            raw.sock.close()
        server.counts("idle", 50, 50)


def test_oversized_headers(tmp_path: Path) -> None:
    """Many, long, and without an end."""
    with abused(tmp_path, handshake_s=1.0) as (server, _):
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


def test_pages_of_other_origins_and_other_names(tmp_path: Path) -> None:
    """A page of the web may not trade, nor may one whose name suddenly means this machine."""
    with abused(tmp_path) as (server, _):
        port = server.port
        origins = (
            *("https://evil.example", "null", "", "file://", "http://127.0.0.1", f"https://127.0.0.1:{port}"),
            *(f"http://127.0.0.1:{port}.evil.example", f"http://localhost:{port}", f"http://127.0.0.1:{port}/x"),
            *(f"http://127.0.0.1:{port + 1}", f"ws://127.0.0.1:{port}", f"http://evil@127.0.0.1:{port}"),
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
                raw.send(request(server, "/ws/v1", host, f"Origin: http://{host}"))
                assert raw.head() == 403, host
            server.counts("bad_host", number, number)
        paths = ("/ws", "/ws/v2", "/ws/v1/", "/../ws/v1", "//ws/v1", "/metrics")
        for number, path in enumerate(paths, 1):
            with Raw(server, upgrade=False) as raw:
                raw.send(request(server, path))
                assert raw.head() == 404, path
            server.counts("bad_path", number, number)
        with Raw(server, upgrade=False) as raw:
            raw.send(request(server, "/ws/v1", "", f"Origin: http://127.0.0.1:{port}"))
            assert raw.head() == 101


def test_tokens_of_others_forged_and_replayed(tmp_path: Path) -> None:
    rng = random.Random(11)
    with abused(tmp_path) as (server, honest), Raw(server) as raw:

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
        assert raw.ask({"op": "logout", "cid": "c", "token": again})["result"] is True
        refused(again)
        # whoever comes back gets another one
        with Raw(server) as back:
            assert ready(back, "mallory") != old
            refused(old)
        server.counts("foreign_token", 100, 100)
        honest.served()


def test_login_floods(tmp_path: Path) -> None:
    """Keys are not tried out, logins and accounts are bounded."""
    with abused(tmp_path, max_logins=8, max_accounts=40) as (server, honest):
        tries = 200 if FULL else 40
        for _ in range(tries):
            with Raw(server) as raw:
                for _ in range(10):
                    assert login(raw, "x", "nowhere")["result"] is False
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


def test_more_messages_than_allowed(tmp_path: Path) -> None:
    """What is above the rate is not done: not one order of it."""
    with abused(tmp_path, requests_per_s=200) as (server, honest), Raw(server) as raw:
        data = frame(json.dumps(order(honest.login.token)).encode())
        raw.send(data * 5000)
        answers = Counter(raw.message()["error_message"].partition(":")[0] for _ in range(5000))
        assert set(answers) == {"Invalid token", "rate limit"}
        server.counts("rate_limited", answers["rate limit"], answers["rate limit"])
        assert answers["rate limit"] > 2500


def test_a_client_that_does_not_read(tmp_path: Path) -> None:
    """It is cut off when it leaves more than it may; nobody else waits for it."""
    with abused(tmp_path, send_buffer_kb=256) as (server, honest):
        for number in range(1, 6):
            with Raw(server, receive=4096) as raw:
                token = ready(raw, f"stalled-{number}")
                # answers that are longer than what asks for them
                asked = {"op": "asset", "cid": "x" * 256, "token": token}
                raw.send(frame(json.dumps(asked).encode()) * 20_000)
                server.counts("slow_client", number, number)
                honest.served()


def test_more_connections_than_allowed(tmp_path: Path) -> None:
    count = 64
    with abused(tmp_path, max_connections=count) as (server, honest):
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
