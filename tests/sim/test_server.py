"""The simulators on loopback: logins, data that equals the market, kicks, budgets, rates, both loops, tcp and TLS."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from picows import WSHandshakeError, WSMsgType

from ferrofeed.sim import Options, Simulator, SimulatorThread, Stats
from ferrofeed.sim.ziario import signature

if TYPE_CHECKING:
    from tests.sim.conftest import Client, Kit, Run, Tls

KEY, SECRET = "sim-key", "sim-secret"
SYMBOLS = ["BTC/USDT", "ETH/USDT"]
CODES = "BTCUSDT,ETHUSDT"


def login(sim: Simulator) -> dict[str, Any]:
    now = sim.now_ns() // 10**9
    return {"action": "auth", "api_key": KEY, "signature": signature(SECRET, KEY, now), "timestamp": now}


def infoway(code: int, data: object = None) -> dict[str, Any]:
    return {"code": code, "trace": f"t{code}"} | ({} if data is None else {"data": data})


async def subscribed(kit: Kit, sim: Simulator, tls: Tls | None = None) -> Client:
    """Connect, log in, subscribe to what the venue has, and take the answers."""
    client = await kit.client(sim, tls=tls)
    if sim.venue.name == "ziario":
        client.send(login(sim))
        client.send({"action": "subscribe", "symbols": CODES.split(",")})
        await client.expect(2)
    elif sim.venue.name == "itick":
        client.send({"ac": "subscribe", "params": CODES, "types": "quote,depth,tick,kline@1"})
        await client.expect(3)
    else:
        client.send(infoway(10000, {"codes": CODES}))
        client.send(infoway(10003, {"codes": CODES}))
        client.send(infoway(10006, {"arr": [{"type": 1, "codes": CODES}]}))
        await client.expect(4)
    return client


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize("venue", ["ziario", "itick", "infoway"])
def test_a_session_from_handshake_to_goodbye(run_each: Run, kit: Kit, tls: Tls, venue: str, *, secure: bool) -> None:
    async def main() -> None:
        async with Simulator(venue, rate=2000, symbols=SYMBOLS, tls=tls.server if secure else None) as sim:
            client = await subscribed(kit, sim, tls if secure else None)
            await kit.until(lambda: len(client.messages) > 300)
            assert all(json.loads(message) for message in client.messages)
        await kit.until(lambda: client.gone)
        assert client.closed == 1001
        entry = sim.stats.connections[1]
        assert entry.key == KEY
        assert not entry.open
        assert sim.stats.max_connections == {KEY: 1}

    run_each(main())


@pytest.mark.parametrize("venue", ["itick", "infoway"])
def test_the_clients_books_equal_the_simulators(run: Run, kit: Kit, venue: str) -> None:
    async def main() -> None:
        async with Simulator(venue, rate=None, symbols=SYMBOLS) as sim:
            client = await subscribed(kit, sim)
            await kit.until(lambda: len(client.messages) > 5000)
            sim.pause()
            sent = sim.stats.connections[1].messages
            handshake = 3 if venue == "itick" else 4
            await kit.until(lambda: len(client.messages) + handshake == sent, "every message counted arrives")
            books: dict[str, Any] = {}
            for message in client.messages:
                data = json.loads(message, parse_float=str, parse_int=str)["data"]
                if "a" in data:
                    books[data["s"].replace("_", "")] = data
            for symbol in SYMBOLS:
                bids, asks = sim.market.book_text(symbol)
                got = books[symbol.replace("/", "")]
                if venue == "itick":
                    sides = [[(level["p"], level["v"]) for level in got[side]] for side in "ba"]
                else:
                    instrument = sim.market.state(symbol).instrument
                    book = sim.market.book(symbol)
                    bids = [(instrument.prices[p], instrument.sizes[s]) for p, s in book.bids]
                    asks = [(instrument.prices[p], instrument.sizes[s]) for p, s in book.asks]
                    sides = [list(zip(*got[side], strict=True)) for side in "ba"]
                assert sides == [bids, asks]

    run(main())


def test_equal_seeds_and_times_give_equal_bytes(run: Run, kit: Kit) -> None:
    async def record(seed: int, venue: str) -> list[bytes]:
        async with Simulator(venue, rate=0, seed=seed, symbols=SYMBOLS, clock=lambda: 1_731_690_000 * 10**9) as sim:
            client = await subscribed(kit, sim)
            made = sim.step(500)
            return await client.expect(made)

    async def main() -> None:
        for venue in ("ziario", "itick", "infoway"):
            first = await record(5, venue)
            assert first == await record(5, venue)
            assert first != await record(6, venue)

    run(main())


def test_counts_by_topic_are_what_arrived(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0, symbols=SYMBOLS) as sim:
            client = await subscribed(kit, sim)
            got = await client.expect(sim.burst(3000))
            kinds: Counter[tuple[str, str]] = Counter()
            for message in map(json.loads, got):
                kind = message["data"].get("type", "bar:1m")
                kinds[("trade" if kind == "tick" else kind, message["data"]["s"].replace("_", "/"))] += 1
            assert kinds == sim.stats.data
            assert sim.stats.connections[1].messages == len(got) + 3
            assert sum(map(len, got)) < sim.stats.connections[1].bytes < sum(map(len, got)) + 4 * len(got) + 500

    run(main())


def test_settle_shows_every_book_as_it_stands(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0, symbols=SYMBOLS) as sim:
            client = await kit.client(sim)
            client.send({"ac": "subscribe", "params": CODES, "types": "depth"})
            await client.expect(3)
            sim.settle()
            books = [json.loads(message, parse_float=str, parse_int=str)["data"] for message in await client.expect(2)]
            assert [book["s"] for book in books] == ["BTC_USDT", "ETH_USDT"]
            assert [(level["p"], level["v"]) for level in books[1]["b"]] == sim.market.book_text("ETH/USDT")[0]

    run(main())


def test_ziario_checks_signature_and_time_on_the_wire(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("ziario", rate=0) as sim:
            client = await kit.client(sim)
            client.send(login(sim) | {"signature": "0" * 64})
            assert json.loads((await client.expect())[0])["status"] == "error"
            await kit.until(lambda: client.gone)
            assert client.closed == 1008
            client = await kit.client(sim)
            old = sim.now_ns() // 10**9 - 3600
            client.send(login(sim) | {"timestamp": old, "signature": signature(SECRET, KEY, old)})
            assert json.loads((await client.expect())[0])["message"] == "timestamp expired"
            assert sim.stats.connections[1].refusals == 1

    run(main())


def test_itick_refuses_a_token_and_ends_without_a_close_frame(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0) as sim:
            client = await kit.client(sim, key="wrong")
            hello, failed = await client.expect(2)
            assert hello == b'{"code":1,"msg":"Connected Successfully"}'
            assert failed == b'{"code":0,"resAc":"auth","msg":"auth failed"}'
            await kit.until(lambda: client.gone)
            assert client.closed is None

    run(main())


def test_itick_has_one_connection_a_key(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0, options=Options(keys={"one": "", "two": ""})) as sim:
            first = await kit.client(sim, key="one")
            other = await kit.client(sim, key="two")
            await first.expect(2)
            second = await kit.client(sim, key="one")
            await second.expect(2)
            await kit.until(lambda: first.gone)
            assert first.closed is None
            assert not second.gone
            assert not other.gone
            assert sim.stats.kicks == {"replaced": 1}
            # a pong still comes to the one that stayed
            second.send({"ac": "ping", "params": "17"})
            assert await second.expect() == [b'{"resAc":"pong","data":{"params":"17"}}']

    run(main())


def test_infoway_refuses_a_key_with_401_before_the_upgrade(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0) as sim:
            with pytest.raises(WSHandshakeError) as caught:
                await kit.client(sim, key="wrong")
            assert caught.value.response is not None
            assert caught.value.response.status == 401
            raw = await kit.raw(sim.url_for(business="crypto", apikey="wrong"))
            assert (raw.status, json.loads(raw.body)["code"]) == (401, 401)
            raw.close()
            raw = await kit.raw(sim.url_for(business="bonds", apikey=KEY))
            assert raw.status == 404
            raw.close()
            assert sim.stats.handshakes_refused == {401: 2, 404: 1}
            assert not sim.stats.connections

    run(main())


def test_infoway_counts_requests_and_closes_at_the_sixty_first(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0) as sim:
            client = await kit.client(sim)
            for _ in range(61):
                client.send(infoway(10010))
            greeting, answer = await client.expect(2)
            assert json.loads(greeting)["code"] == 200
            assert json.loads(answer)["code"] == 501
            await kit.until(lambda: client.gone)
            assert client.closed == 1008
            assert sim.stats.max_requests_per_minute == {KEY: 61}

    run(main())


def test_infoway_closes_without_heartbeat(run: Run, kit: Kit) -> None:
    async def main() -> None:
        now = [10**18]
        async with Simulator("infoway", rate=0, clock=lambda: now[0]) as sim:
            client = await kit.client(sim)
            now[0] += 59 * 10**9
            client.send(infoway(10010))
            await kit.until(lambda: sim.stats.connections[1].requests == 1)
            now[0] += 59 * 10**9
            client.send(b"?")
            assert [json.loads(m)["code"] for m in await client.expect(2)] == [200, 515]
            now[0] += 10**9
            assert json.loads((await client.expect())[0])["code"] == 513
            await kit.until(lambda: client.gone)
            assert client.closed == 1001

    run(main())


def test_infoway_keeps_silent_about_wrong_codes(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0, symbols=["BTC/USDT", "AAPL.US"]) as sim:
            client = await kit.client(sim)
            client.send(infoway(10003, {"codes": "AAPL.US,NOPE"}))
            assert json.loads((await client.expect(2))[1]) == {"code": 10004, "trace": "t10003", "msg": "ok"}
            assert sim.burst(1000) == 0
            client.send(infoway(10003, {"codes": "BTCUSDT"}))
            await client.expect()
            made = sim.burst(50)
            assert {json.loads(m)["data"]["s"] for m in await client.expect(made)} == {"BTCUSDT"}

    run(main())


def test_infoway_text_line_and_bare_form(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0, symbols=["AAPL.US"], options=Options(bare=True)) as sim:
            client = await kit.client(sim, url=sim.url_for(business="stock", apikey=KEY))
            line, ready = await client.expect(2)
            assert line == b"You have permission to subscribe to all market data"
            assert json.loads(ready)["code"] == 200
            client.send(infoway(10000, {"codes": "AAPL.US"}))
            await client.expect()
            made = sim.burst(5)
            assert {tuple(json.loads(m)) for m in await client.expect(made)} == {("s", "t", "p", "v", "vw", "td")}

    run(main())


@pytest.mark.parametrize("rate", [None, 3000])
def test_a_client_that_does_not_read_is_dropped(run: Run, kit: Kit, rate: float | None) -> None:
    async def main() -> None:
        settings: dict[str, Any] = {"send_buffer_limit": 1 << 14, "slow_consumer_s": 0.1, "socket_buffer": 1 << 13}
        async with Simulator(
            "itick", rate=rate, symbols=SYMBOLS, options=Options(keys={"a": "", "b": ""}), **settings
        ) as sim:
            slow = await kit.raw(sim.url, {"token": "a"}, limit=1 << 12)
            slow.send({"ac": "subscribe", "params": CODES, "types": "depth"})
            # asyncio's stream stops reading the socket when its own buffer is full
            await kit.until(lambda: sim.stats.kicks == {"slow consumer": 1}, "the slow one is dropped")
            sim._slow_consumer_s = 60.0  # who reads may have to wait for the machine
            client = await kit.client(sim, key="b")
            client.send({"ac": "subscribe", "params": CODES, "types": "depth"})
            await kit.until(lambda: len(client.messages) > 2000, "the market goes on for others")
            slow.close()

    run(main())


def test_nobody_is_dropped_for_reading_at_full_speed(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=None, symbols=SYMBOLS, send_buffer_limit=1 << 14, slow_consumer_s=30) as sim:
            client = await subscribed(kit, sim)
            await kit.until(lambda: len(client.messages) > 20_000)
            assert not sim.stats.kicks
            sim.pause()
            await kit.until(lambda: len(client.messages) + 3 == sim.stats.connections[1].messages)
            sim.resume()
            before = len(client.messages)
            await kit.until(lambda: len(client.messages) > before)

    run(main())


def test_a_paced_market_keeps_its_rate_whatever_is_subscribed(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=500, symbols=SYMBOLS) as sim:
            client = await kit.client(sim)
            client.send({"ac": "subscribe", "params": "ETHUSDT", "types": "quote"})
            await client.expect(3)
            start = sim.time()
            await kit.until(lambda: sim.time() - start > 1)
            # never more than the rate; how much less is up to the machine
            assert 0 < sim.stats.connections[1].messages - 3 <= 500 * (sim.time() - start) + 500 / 2 + 5

    run(main())


def test_client_frames_of_all_kinds(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0) as sim:
            raw = await kit.raw(sim.url, {"token": KEY})
            await raw.text()
            await raw.text()
            raw.send(b"are you there", 9)
            pong = await raw.frame()
            assert (pong.opcode, pong.payload, pong.masked) == (10, b"are you there", False)
            # a fragmented request, with a ping between
            raw.send(b'{"ac":"ping",', 1, fin=False)
            raw.send(b"", 9)
            raw.send(b'"params":"1"}', 0)
            assert (await raw.frame()).opcode == 10
            assert await raw.text() == b'{"resAc":"pong","data":{"params":"1"}}'
            raw.send(b"\x03\xe8", 8)
            assert (await raw.frame())[2:] == (8, False, b"\x03\xe8")
            assert await raw.reader.read() == b""
            assert sim.stats.connections[1].pings == 2
            raw.close()
            plain = await kit.raw(sim.url.replace("/cws", "/nothing"))
            assert plain.status == 404
            plain.close()

    run(main())


def test_several_clients_of_one_topic_get_the_same(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("infoway", rate=0, symbols=SYMBOLS) as sim:
            clients = [await kit.client(sim) for _ in range(5)]
            for index, client in enumerate(clients):
                client.send(infoway(10003, {"codes": CODES if index else "BTCUSDT"}))
                await client.expect(2)
            made = sim.burst(400)
            all_of_it = await clients[1].expect(made)
            for client in clients[2:]:
                assert await client.expect(made) == all_of_it
            fewer = [message for message in all_of_it if b"BTCUSDT" in message]
            assert await clients[0].expect(len(fewer)) == fewer
            assert sim.stats.max_connections == {KEY: 5}
            clients[1].close()
            await kit.until(lambda: len(sim.connections) == 4)
            assert not sim.stats.connections[2].open

    run(main())


def test_a_simulator_on_its_own_thread(run: Run, kit: Kit) -> None:
    with SimulatorThread("itick", rate=0, symbols=SYMBOLS) as thread:
        simulator = thread.call(lambda sim: sim)

        async def main() -> None:
            assert thread.url == simulator.url
            assert thread.port > 0
            client = await kit.client(simulator)
            client.send({"ac": "subscribe", "params": CODES, "types": "depth"})
            await client.expect(3)
            made = thread.call(lambda sim: sim.step(20))
            assert made == 20
            last = json.loads((await client.expect(made))[-1], parse_float=str, parse_int=str)["data"]
            symbol = last["s"].replace("_", "/")
            assert [(lv["p"], lv["v"]) for lv in last["a"]] == thread.call(lambda sim: sim.market.book_text(symbol))[1]
            client.close()

        run(main())
        with pytest.raises(ZeroDivisionError):
            thread.call(lambda sim: sim.step(1) // 0)
        taken = thread.port
        with pytest.raises(OSError, match="in use"), SimulatorThread("itick", port=taken):
            pass
    thread.stop()
    with pytest.raises(RuntimeError, match="not running"):
        thread.call(lambda sim: sim.url)


def test_wrong_settings_say_what_was_expected() -> None:
    with pytest.raises(ValueError, match="unknown venue 'kraken': expected one of ziario, itick, infoway"):
        Simulator("kraken")
    with pytest.raises(ValueError, match="rate is -1"):
        Simulator("itick", rate=-1)
    with pytest.raises(ValueError, match="did you mean 'drip'"):
        Simulator("itick", faults="dripp")


def test_nothing_that_prints_holds_a_secret(run: Run, kit: Kit) -> None:
    async def main() -> None:
        async with Simulator("itick", rate=0, options=Options(keys={"s3cret": "s3cret"})) as sim:
            client = await kit.client(sim, key="s3cret")
            client.send({"ac": "ping", "params": "1"})
            await client.expect(3)
            assert client.transport is not None
            client.transport.send(WSMsgType.PING, b"")
            stats: Stats = sim.stats
            assert stats.max_requests_per_minute == {"s3cret": 1}
            assert "s3cret" not in f"{stats} {sim.options} {sim.url}"

    run(main())
