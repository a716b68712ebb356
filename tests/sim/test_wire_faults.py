"""Each fault really happens on the wire: seen through a bare socket, or through picows where its verdict matters."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from picows import WSHandshakeError

from ferrofeed.sim import FaultPlan, Simulator
from ferrofeed.sim.frames import frame

if TYPE_CHECKING:
    from tests.sim.conftest import Client, Kit, RawClient, Run, Tls

KEY = "sim-key"
SYMBOLS = ["BTC/USDT", "ETH/USDT"]
SUBSCRIBE = {"ac": "subscribe", "params": "BTCUSDT,ETHUSDT", "types": "depth,quote"}


def still(**settings: Any) -> Simulator:
    """A simulator whose market moves by hand only."""
    return Simulator("itick", rate=0, symbols=SYMBOLS, **settings)


async def subscribed(kit: Kit, sim: Simulator, tls: Tls | None = None) -> RawClient:
    raw = await kit.raw(sim.url, {"token": KEY}, tls.client if tls else None)
    raw.send(SUBSCRIBE)
    for _ in range(3):
        await raw.text()
    return raw


@pytest.fixture(params=[False, True], ids=["tcp", "tls"])
def secure(request: pytest.FixtureRequest, tls: Tls) -> Tls | None:
    return tls if request.param else None


def test_a_reset_is_a_reset(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("disconnect mode=rst")
            with pytest.raises(ConnectionResetError):
                await raw.reader.read()
            assert sim.stats.kicks == {"fault: rst": 1}
            assert sim.stats.faults == {"disconnect": 1}
            raw.close()

    run(main())


@pytest.mark.parametrize("mode", ["fin", "clean", "mid"])
def test_other_disconnects(run: Run, kit: Kit, secure: Tls | None, mode: str) -> None:
    async def main() -> None:
        async with still(tls=secure.server if secure else None) as sim:
            raw = await subscribed(kit, sim, secure)
            sim.inject(f"disconnect mode={mode}")
            if mode == "clean":
                closing = await raw.frame()
                assert (closing.opcode, closing.payload) == (8, b"\x03\xe8")
                raw.send(closing.payload, 8)
            rest = await raw.reader.read()
            assert rest == (frame(b"x" * 200)[:24] if mode == "mid" else b"")
            raw.close()

    run(main())


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4001])
def test_close_codes(run: Run, kit: Kit, code: int) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject(f"close code={code} reason=maintenance")
            assert (await raw.frame())[2:] == (8, False, struct.pack("!H", code) + b"maintenance")
            # without an answer the connection ends all the same
            assert await raw.reader.read() == b""
            raw.close()

    run(main())


def test_half_open_sends_and_reads_nothing_and_stays_open(run: Run, kit: Kit, secure: Tls | None) -> None:
    async def main() -> None:
        async with still(tls=secure.server if secure else None) as sim:
            raw = await subscribed(kit, sim, secure)
            sim.inject("half_open for=0.3")
            raw.send(b"", 9)
            raw.send({"ac": "ping", "params": "1"})
            made = sim.step(50)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await raw.reader.read(1)
            assert sim.stats.connections[1].requests == 1, "it does not read"
            assert sim.stats.connections[1].withheld == made
            # afterwards it reads what has waited
            assert (await raw.frame()).opcode == 10
            assert b"pong" in await raw.text()
            made = sim.step(1)
            assert made
            assert b'"data"' in await raw.text()
            raw.close()

    run(main())


def test_ping_only_answers_heartbeats_and_sends_no_data(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("ping_only for=60")
            sim.step(50)
            raw.send({"ac": "ping", "params": "7"})
            assert await raw.text() == b'{"resAc":"pong","data":{"params":"7"}}'
            # it is the venue that is ill: a new connection fares no better
            raw.close()
            again = await subscribed(kit, sim)
            sim.step(50)
            again.send(b"x", 9)
            assert (await again.frame()).opcode == 10
            again.close()

    run(main())


def test_one_channel_is_silent_and_comes_back(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("silent channel=depth for=0.1")
            sim.step(100)
            quotes = sim.stats.data[("quote", "BTC/USDT")] + sim.stats.data[("quote", "ETH/USDT")]
            got = [json.loads(await raw.text())["data"]["type"] for _ in range(quotes)]
            assert got == ["quote"] * quotes
            await kit.until(lambda: sim.connections[1].injector is None)
            sim.step(1)
            kinds = [json.loads(await raw.text())["data"]["type"]]
            if kinds == ["quote"]:
                kinds.append(json.loads(await raw.text())["data"]["type"])
            assert "depth" in kinds
            raw.close()

    run(main())


def test_drip_writes_single_bytes_and_tears_nothing(run: Run, kit: Kit, secure: Tls | None) -> None:
    async def main() -> None:
        async with still(tls=secure.server if secure else None) as sim:
            raw = await subscribed(kit, sim, secure)
            sim.inject("drip for=60 delay=0.0005")
            made = sim.step(1)
            raw.send(b"in between", 9)
            pieces: list[bytes] = []
            async with asyncio.timeout(20):
                while not b"".join(pieces).endswith(b"in between"):
                    pieces.append(await raw.reader.read(1 << 16))
            # a reader that is late finds several; none would come alone if they were written together
            assert sum(len(piece) == 1 for piece in pieces) > 20
            again = asyncio.StreamReader()
            again.feed_data(b"".join(pieces))
            raw.reader = again
            assert [json.loads(await raw.text())["code"] for _ in range(made)] == [1] * made
            pong = await raw.frame()
            assert (pong.opcode, pong.payload) == (10, b"in between")
            raw.close()

    run(main())


def test_the_rest_comes_at_once_when_the_drip_ends(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("drip for=0.05 delay=60")
            made = sim.step(20)
            for _ in range(made):
                assert json.loads(await raw.text())["code"] == 1
            raw.close()

    run(main())


def test_fragments_have_pings_between(run: Run, kit: Kit, secure: Tls | None) -> None:
    async def main() -> None:
        async with still(tls=secure.server if secure else None) as sim:
            raw = await subscribed(kit, sim, secure)
            sim.inject("fragments parts=3")
            sim.step(1)
            frames = [await raw.frame() for _ in range(5)]
            assert [(f.fin, f.opcode) for f in frames] == [(False, 1), (True, 9), (False, 0), (True, 9), (True, 0)]
            message = json.loads(b"".join(f.payload for f in frames if f.opcode != 9))
            assert message["code"] == 1
            for ping in (frames[1], frames[3]):
                raw.send(ping.payload, 10)
            await kit.until(lambda: sim.stats.connections[1].pongs == 2)
            raw.close()

    run(main())


def test_an_oversize_message_is_over_a_mebibyte(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("oversize n=1")
            sim.step(1)
            big = await raw.text()
            assert len(big) > 1 << 20
            assert len(json.loads(big)["data"]["s"]) == 8
            sim.step(1)
            assert len(await raw.text()) < 1000
            raw.close()

    run(main())


@pytest.mark.parametrize("kind", ["corrupt", "wrong_types", "numbers"])
def test_bad_messages_are_n_and_the_rest_is_good(run: Run, kit: Kit, kind: str) -> None:
    async def once(seed: int) -> list[bytes]:
        clock_ns = 1_731_690_000 * 10**9
        async with still(seed=seed, clock=lambda: clock_ns) as sim, still(seed=seed, clock=lambda: clock_ns) as healthy:
            raw, control = await subscribed(kit, sim), await subscribed(kit, healthy)
            sim.inject(f"{kind} n=5")
            made = sim.step(40)
            assert made == healthy.step(40)
            got = [await raw.text() for _ in range(made)]
            good = [await control.text() for _ in range(made)]
            assert [a == b for a, b in zip(got, good, strict=True)] == [False] * 5 + [True] * (made - 5)
            raw.close()
            control.close()
            return got

    async def main() -> None:
        assert await once(3) == await once(3), "a seed repeats its damage byte for byte"

    run(main())


def test_duplicate_reordered_and_stale_frames(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("duplicate n=1")
            made = sim.step(5)
            got = [await raw.text() for _ in range(made + 1)]
            assert got[0] == got[1]
            assert sim.stats.connections[1].messages == made + 1 + 3
            await kit.until(lambda: sim.connections[1].injector is None)
            sim.inject("stale n=1")
            made = sim.step(30)
            got = [await raw.text() for _ in range(made + 1)]
            assert len(set(got)) == made
            raw.close()

    run(main())


def test_a_lost_acknowledgement_is_not_sent_but_the_request_counts(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await kit.raw(sim.url, {"token": KEY})
            for _ in range(2):
                await raw.text()
            sim.inject("lost_ack n=1")
            raw.send(SUBSCRIBE)
            raw.send({"ac": "ping", "params": "1"})
            assert b"pong" in await raw.text()
            assert len(sim.connections[1].session.topics) == 4
            raw.send(SUBSCRIBE)
            assert b"subscribe Successfully" in await raw.text()
            raw.close()

    run(main())


@pytest.mark.parametrize("status", [401, 429, 503])
def test_http_refusals(run: Run, kit: Kit, status: int) -> None:
    async def main() -> None:
        async with still(faults=f"http status={status} n=2") as sim:
            for _ in range(2):
                raw = await kit.raw(sim.url, {"token": KEY})
                assert raw.status == status
                raw.close()
            sim.inject(f"http status={status}")
            with pytest.raises(WSHandshakeError):
                await kit.client(sim)
            (await subscribed(kit, sim)).close()
            assert sim.stats.handshakes_refused == {status: 3}

    run(main())


@pytest.mark.parametrize("venue", ["ziario", "itick", "infoway"])
def test_logins_refused_in_the_venues_words(run: Run, kit: Kit, venue: str) -> None:
    async def main() -> None:
        async with Simulator(venue, rate=0, faults="refuse_login") as sim:
            if venue == "infoway":
                raw = await kit.raw(sim.url_for(business="crypto", apikey=KEY))
                assert raw.status == 401
                raw.close()
                assert (await kit.client(sim)).closed is None
            elif venue == "itick":
                client = await kit.client(sim)
                assert b"auth failed" in (await client.expect(2))[1]
                await kit.until(lambda: client.gone)
                client = await kit.client(sim)
                assert b"authenticated" in (await client.expect(2))[1]
            else:
                assert sim.venue.refuse_login() is True
                assert sim.venue.refuse_login() is False

    run(main())


def test_the_venues_clock_jumps_and_comes_back(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await kit.raw(sim.url, {"token": KEY})
            raw.send({"ac": "subscribe", "params": "BTCUSDT,ETHUSDT", "types": "quote"})
            for _ in range(3):
                await raw.text()

            async def skew() -> int:
                assert sim.burst(1) == 1
                stamp: int = json.loads(await raw.text())["data"]["t"]
                return stamp - sim.now_ns() // 1_000_000

            assert -10_000 < await skew() <= 0
            sim.inject("clock_step by=-3600 for=0.1")
            assert -3_610_000 < await skew() <= -3_600_000
            await kit.until(lambda: sim.venue.clock_offset_ms == 0)
            assert -10_000 < await skew() <= 0
            sim.inject("clock_step by=0.5")
            sim.inject("clock_step by=0.25")
            assert sim.venue.clock_offset_ms == 750
            raw.close()

    run(main())


def test_a_burst_comes_at_once(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject("burst n=3000")
            assert 3000 <= sim.stats.messages - 3 <= 3001
            for _ in range(3000):
                assert b'"data"' in await raw.text()
            raw.close()

    run(main())


FORBIDDEN = {
    "opcode": b"\x83\x08reserved",
    "rsv": b"\xc1\x02{}",
    "masked": b"\x81\x82\x01\x02\x03\x04" + bytes((0x7B ^ 1, 0x7D ^ 2)),
    "long_control": b"\x89\x7e\x00\x7e" + bytes(126),
    "split_control": b"\x09\x00",
    "continuation": b"\x80\x06orphan",
    "utf8": b'\x81\x0d{"text":"\xc3\x28"}',
    "length": b"\x81\x7e\x00\x02{}",
    "close_code": b"\x88\x02\x03\xed",
}


@pytest.mark.parametrize("mode", FORBIDDEN)
def test_protocol_errors_byte_for_byte(run: Run, kit: Kit, mode: str) -> None:
    async def main() -> None:
        async with still() as sim:
            raw = await subscribed(kit, sim)
            sim.inject(f"protocol_error mode={mode}")
            expected = FORBIDDEN[mode]
            async with asyncio.timeout(10):
                assert await raw.reader.readexactly(len(expected)) == expected
            raw.close()

    run(main())


def test_picows_ends_the_connection_on_a_reserved_opcode(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with still() as sim:
            client = await kit.client(sim)
            await client.expect(2)
            sim.inject("protocol_error mode=opcode")
            await kit.until(lambda: client.gone)
            await kit.until(lambda: not sim.connections)

    run(main())


def test_a_fault_for_one_connection_leaves_the_others(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0, symbols=SYMBOLS) as sim:
            first, second = await kit.client(sim), await kit.client(sim)
            await second.expect()
            sim.inject("disconnect mode=rst conn=1")
            await kit.until(lambda: first.gone)
            second.send({"code": 10003, "trace": "a", "data": {"codes": "BTCUSDT"}})
            await second.expect()
            assert await second.expect(sim.burst(3))

    run(main())


def test_a_plan_strikes_on_time_and_again(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator(
            "itick", rate=500, symbols=SYMBOLS, faults="every=0.05 disconnect mode=fin; at=1000 burst"
        ) as sim:
            for count in range(1, 4):
                client = await kit.client(sim)
                await kit.until(partial(getattr, client, "gone"), f"disconnect {count}")
            assert sim.stats.faults["disconnect"] >= 3
            assert sim.stats.faults["burst"] == 0

    run(main())


@pytest.mark.parametrize("seed", range(4))
def test_a_simulator_survives_any_plan(run: Run, kit: Kit, tls: Tls, seed: int) -> None:
    async def main() -> None:
        plan = FaultPlan.random(seed, 1.0, count=25)
        async with Simulator(
            "itick", rate=3000, symbols=SYMBOLS, faults=plan, tls=tls.server if seed % 2 else None
        ) as sim:

            def struck() -> int:
                return sum(sim.stats.faults.values())

            def over(client: Client) -> bool:
                return client.gone or struck() == 25

            while struck() < 25:
                try:
                    client = await kit.client(sim, tls=tls if seed % 2 else None)
                except (OSError, WSHandshakeError, TimeoutError):
                    continue
                client.send(SUBSCRIBE)
                await kit.until(partial(over, client))
                client.close()
            assert sim.stats.faults == Counter(fault.kind for fault in plan.faults)
            sim.pause()
            # every window is over by now or soon: a new client gets everything again
            await kit.until(lambda: not any(c.injector for c in sim.connections.values()))
            await kit.until(lambda: not sim._faults._windows)
            sim._faults._gates.clear()
            raw = await kit.raw(sim.url, {"token": KEY}, tls.client if seed % 2 else None)
            raw.send(SUBSCRIBE)
            for _ in range(3):
                await raw.text()
            sim.settle()
            text = await raw.text()
            assert json.loads(text)["code"] == 1
            raw.close()

    run(main())
