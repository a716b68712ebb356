"""Every fault that strikes orders, and what a client sees of it over a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest
from picows import WSHandshakeError
from tests.sim.conftest import until
from tests.sim.order_clients import Quant, Trader, http, later, still

from ferrofeed.sim import (
    KINDS,
    ORDER_KINDS,
    FaultError,
    FaultPlan,
    OrderOptions,
    Simulator,
    SimulatorThread,
    parse_fault,
)
from ferrofeed.sim.order_faults import check

if TYPE_CHECKING:
    from tests.sim.conftest import Run

    from ferrofeed.sim import OrderSimulator

venues = pytest.mark.parametrize("venue", ["coinceres", "quantapi"])


def statuses(sim: OrderSimulator) -> list[str]:
    return [order["status"] for order in sim.truth()["orders"]]


# answers


@venues
def test_an_answer_may_come_late(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("ack_late delay=9")
            trader.offer("late")
            await trader.place("next")
            later(sim, 9)
            await until(lambda: trader.answers("late"))
            first = trader.place_of(lambda m: m in trader.answers("next"))
            assert first < trader.place_of(lambda m: m in trader.answers("late"))
            assert trader.place_of(lambda m: m.get("entrustId") or m.get("op") == "notify") < first

    run(main())


@venues
def test_an_answer_may_be_lost_though_the_order_is_taken(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("ack_lost")
            trader.offer("lost")
            second = await trader.place("second")
            assert trader.answers("lost") == []
            first, told = [order["id"] for order in sim.truth()["orders"]]
            assert told == second
            assert await trader.live() == [first, second]
            sim.inject("ack_lost op=cancel")
            trader.cancel("c", first)
            await until(lambda: trader.cancelled)
            assert trader.cancel_answers == []

    run(main())


@venues
def test_an_answer_may_come_twice(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("ack_twice delay=9")
            await trader.place("a")
            assert len(trader.answers("a")) == 1
            later(sim, 9)
            await until(lambda: len(trader.answers("a")) == 2)
            assert trader.answers("a")[0] == trader.answers("a")[1]
            assert statuses(sim) == ["working"]

    run(main())


@venues
def test_an_answer_may_come_after_the_fill(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("ack_after_fill")
            trader.offer("a")
            await trader.barrier()
            assert trader.answers("a") == []
            sim.fill(sim.truth()["orders"][0]["id"])
            await until(lambda: trader.answers("a"))
            filled = trader.place_of(lambda m: "FILLED" in str(m))
            assert filled < trader.place_of(lambda m: m in trader.answers("a"))

    run(main())


@venues
def test_an_answer_does_not_wait_for_a_fill_for_ever(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("ack_after_fill hold=9")
            trader.offer("a")
            await trader.barrier()
            later(sim, 9)
            await until(lambda: trader.answers("a"))
            assert trader.fills == []

    run(main())


@venues
def test_an_order_that_takes_may_be_told_before_it_is_answered(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue, OrderOptions(push_first=True)) as sim:
            trader = await Trader.to(sim)
            trader.offer("a", 3100)
            await until(lambda: trader.answers("a"))
            assert "FILLED" in trader.statuses
            answered = trader.place_of(lambda m: m in trader.answers("a"))
            assert trader.place_of(lambda m: "FILLED" in str(m)) < answered

    run(main())


# notifications


@venues
def test_executions_may_be_told_twice(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("fill_twice delay=9")
            sim.fill(order, "0.2")
            sim.fill(order, "0.3")
            later(sim, 9)
            await until(lambda: len(trader.fills) == 3)
            first, second, again = trader.fills
            assert first == again != second
            assert len(sim.truth()["orders"][0]["fills"]) == 2

    run(main())


@venues
def test_notifications_may_be_lost(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("push_lost for=60")
            sim.fill(order)
            await trader.barrier()
            assert trader.fills == []
            assert statuses(sim) == ["filled"]
            assert await trader.live() == []

    run(main())


def test_notifications_of_one_topic_may_be_lost(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            order = await client.place()
            sim.inject("push_lost topic=fill n=1")
            sim.fill(order, "0.1")
            sim.fill(order, "0.2")
            await until(lambda: client.notices("fill"))
            assert [fill["quantity"] for fill in client.notices("fill")] != []
            assert len(client.notices("fill")) == 1
            assert len(client.notices("order")) == 3

    run(main())


@venues
def test_notifications_may_be_overtaken(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject(f"push_late delay=9 topic={'order' if venue == 'coinceres' else 'fill'}")
            sim.fill(order, "0.2")
            sim.fill(order, "0.3")
            await until(lambda: len(trader.fills) == 1)
            later(sim, 9)
            await until(lambda: len(trader.fills) == 2)
            ids = [fill["id"] for fill in sim.truth()["orders"][0]["fills"]]
            expected = [(order, "0.5"), (order, "0.2")] if venue == "coinceres" else [(order, x) for x in ids[::-1]]
            assert trader.fills == expected

    run(main())


@venues
def test_notifications_may_come_in_any_order(run: Run, venue: str) -> None:
    async def main() -> None:
        async def told(seed: int) -> list[str]:
            async with still(venue, seed=seed) as sim:
                trader = await Trader.to(sim)
                order = await trader.place("a", quantity="1")
                await until(lambda: trader.statuses == ["SUBMITTED"])
                sim.inject("push_shuffle for=60")
                for _ in range(10):
                    sim.fill(order, "0.1")
                await trader.barrier()
                assert trader.fills == []
                later(sim, 60)
                await until(lambda: len(trader.fills) == 10)
                if venue == "coinceres":
                    return [volume for _, volume in trader.fills]
                ids = [fill["id"] for fill in sim.truth()["orders"][0]["fills"]]
                return [str(ids.index(number)) for _, number in trader.fills]

        first = await told(1)
        assert first != sorted(first)
        assert first == await told(1), "equal seeds, equal order"
        assert first != await told(2)

    run(main())


def test_faults_of_every_venue_strike_notifications_too(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            order = await client.place()
            await until(lambda: client.notices("order"))
            sim.inject("silent channel=fill for=60")
            sim.inject("duplicate n=1")
            sim.fill(order, "0.1")
            await until(lambda: len(client.notices("order")) == 3, "the order twice, and once before")
            await client.barrier()
            assert client.notices("fill") == []

    run(main())


# requests


@venues
def test_a_request_may_be_lost(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("request_lost op=place")
            trader.offer("lost")
            await trader.place("second")
            assert trader.answers("lost") == []
            assert statuses(sim) == ["working"]
            seen = [entry["client"] for entry in sim.requests() if entry["client"] in ("lost", "second")]
            assert seen == ["lost", "second"], "it was read"

    run(main())


@venues
def test_a_request_may_be_processed_after_its_connection_ended(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("cut mode=place_late delay=9")
            trader.offer("a")
            await trader.gone()
            assert sim.truth()["orders"] == []
            again = await Trader.to(sim)
            assert await again.live() == []
            later(sim, 9)
            assert await again.live() == [sim.truth()["orders"][0]["id"]]

    run(main())


@venues
def test_a_late_request_is_answered_where_the_connection_lives(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("request_late op=place delay=9")
            trader.offer("late")
            first = await trader.place("first")
            later(sim, 9)
            await until(lambda: trader.answers("late"))
            assert [order["id"] for order in sim.truth()["orders"]] == [first, trader.order_id("late")]

    run(main())


@venues
def test_refusals(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("throttle n=2")
            sim.inject("refuse reason=insufficient_balance op=place")
            for name in ("a", "b", "c", "d"):
                trader.offer(name)
            await until(lambda: trader.answers("d"))
            said = [reason for name in "abcd" for reason in trader.refusals(name)]
            # the first request is struck by both: being too many comes first
            assert said == ["too many requests", "too many requests"]
            assert statuses(sim) == ["working", "working"]
            sim.inject("refuse reason=insufficient_balance op=place")
            trader.offer("e")
            await until(lambda: trader.answers("e"))
            assert trader.refusals("e") == ["insufficient balance"]

    run(main())


@venues
def test_a_filled_order_is_not_cancelled(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("cancel_race")
            trader.cancel("c", order)
            await until(lambda: trader.cancel_answers)
            assert trader.cancel_answers == [False]
            assert statuses(sim) == ["filled"]
            assert "FILLED" in trader.statuses
            assert not trader.cancelled

    run(main())


# scripts


@venues
def test_faults_by_script_and_over_http(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue, faults="at=0 ack_lost n=1; at=900 restart") as sim:
            trader = await Trader.to(sim)
            trader.offer("lost")
            await trader.place("second")
            assert trader.answers("lost") == []
            assert (await http(sim, "/inject?fault=cut+mode=place_done"))[0] == 200
            trader.offer("third")
            await trader.gone()
            assert statuses(sim) == ["working"] * 3
            assert sim.stats.faults == {"ack_lost": 1, "cut": 1}
            status, _, body = await http(sim, "/inject?fault=cut+mode=nowhere")
            assert status == 400
            assert b"mode is 'nowhere'" in body

    run(main())


@venues
def test_who_asks_for_the_truth_is_not_struck_nor_counted(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            sim.inject("http status=500")
            assert (await http(sim, "/truth"))[0] == 200
            assert sim.stats.accepted == 0
            with pytest.raises(WSHandshakeError, match="500"):
                await Trader.to(sim)

    run(main())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("cut mode=place", "mode is 'place': expected one of place_done, place_unread"),
        ("ack_late op=buy", "op is 'buy': expected one of place, cancel, query, any"),
        ("push_lost topic=trade", "topic is 'trade': expected one of order, fill, position, asset, any"),
        ("cut how=bang", "how is 'bang': expected one of fin, rst, clean"),
        ("request_late delay=11", "delay is 11: expected 0 to 10"),
        ("ack_after_fill hold=-1", "hold is -1: expected 0 to 10"),
        ("restart for=3", "restart takes no 'for'"),
        ("upstream conn=1", "upstream takes no 'conn'"),
    ],
)
def test_a_bad_fault_is_told_what_was_expected(script: str, words: str) -> None:
    with pytest.raises(FaultError, match=re.escape(words)):
        still("coinceres", faults=script)
    with pytest.raises(FaultError, match=re.escape(words)):
        check(script)


@pytest.mark.parametrize("kind", sorted(ORDER_KINDS))
def test_venues_of_market_data_have_no_faults_of_orders(kind: str) -> None:
    with pytest.raises(FaultError, match="itick takes no orders"):
        Simulator("itick", faults=kind)


def test_random_plans_of_order_faults() -> None:
    plans = [FaultPlan.random(seed, 20, ORDER_KINDS, count=40) for seed in range(20)]
    assert {fault.kind for plan in plans for fault in plan.faults} == ORDER_KINDS
    for plan in plans:
        assert plan == FaultPlan.parse(str(plan), plan.seed)
        assert [check(fault) for fault in plan.faults] == list(plan.faults)
    modes = {fault.mode for plan in plans for fault in plan.faults if fault.kind == "cut"}
    assert modes == set(KINDS["cut"].modes)
    assert FaultPlan.random(3, 20, ORDER_KINDS) == FaultPlan.random(3, 20, ORDER_KINDS)
    assert parse_fault("cut").mode == "place_done"


def test_a_venue_on_a_thread_of_its_own() -> None:
    with SimulatorThread("quantapi", symbols=["ETH/USDT"], rate=0) as sim:
        truth = sim.call(lambda simulator: cast("OrderSimulator", simulator).truth())
        assert truth["venue"] == "quantapi"
        assert sim.url.startswith("ws://127.0.0.1:")
