"""Connections that end at every point of an order's life, and venues that restart or lose what is behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from picows import WSHandshakeError
from tests.sim.conftest import until
from tests.sim.order_clients import Ceres, Quant, Trader, later, still

from ferrofeed.sim import (
    OrderOptions,
)

if TYPE_CHECKING:
    from tests.sim.conftest import Run

    from ferrofeed.sim import OrderSimulator

venues = pytest.mark.parametrize("venue", ["coinceres", "quantapi"])


def statuses(sim: OrderSimulator) -> list[str]:
    return [order["status"] for order in sim.truth()["orders"]]


# ends of connections


@venues
@pytest.mark.parametrize("mode", ["place_unread", "place_read", "place_done"])
@pytest.mark.parametrize("how", ["fin", "rst", "clean"])
def test_a_connection_may_end_before_an_order_is_answered(run: Run, venue: str, mode: str, how: str) -> None:
    seen, taken = mode != "place_unread", mode == "place_done"

    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject(f"cut mode={mode} how={how}")
            trader.offer("a")
            trader.offer("unread, too")
            await trader.gone()
            assert trader.answers("a") == []
            assert trader.statuses == []
            assert ("a" in [entry["client"] for entry in sim.requests()]) == seen
            assert statuses(sim) == ["working"] * taken
            assert trader.ws.closed == (1000 if how == "clean" else None)
            assert how == "clean" or sim.stats.kicks == {f"fault: {mode}": 1}
            assert len(await (await Trader.to(sim)).live()) == taken

    run(main())


@venues
def test_a_connection_may_end_after_the_answer(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("cut mode=place_answered")
            trader.offer("a")
            await trader.gone()
            assert await (await Trader.to(sim)).live() == [trader.order_id("a")]

    run(main())


@venues
@pytest.mark.parametrize(("mode", "told"), [("fill_untold", 0), ("fill_told", 1)])
def test_a_connection_may_end_at_a_fill(run: Run, venue: str, mode: str, told: int) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject(f"cut mode={mode}")
            sim.fill(order, "0.2")
            await trader.gone()
            assert len(trader.fills) == told
            assert sim.truth()["orders"][0]["filled"] == "0.2"
            assert await (await Trader.to(sim)).live() == [order]

    run(main())


CANCELS: dict[str, tuple[list[bool], bool, str]] = {
    # what was answered, whether the cancel was told, and what became of the order
    "cancel_unread": ([], False, "working"),
    "cancel_read": ([], False, "working"),
    "cancel_done": ([], False, "cancelled"),
    "cancel_answered": ([True], False, "cancelled"),
    "cancel_untold": ([True], False, "cancelled"),
    "cancel_told": ([True], True, "cancelled"),
}


@venues
@pytest.mark.parametrize("mode", CANCELS)
def test_a_connection_may_end_at_a_cancel(run: Run, venue: str, mode: str) -> None:
    answered, told, status = CANCELS[mode]

    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject(f"cut mode={mode}")
            trader.cancel("c", order)
            await trader.gone()
            assert trader.cancel_answers == answered
            assert trader.cancelled == told
            assert statuses(sim) == [status]

    run(main())


@venues
def test_a_cancel_may_take_effect_after_its_connection_ended(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("cut mode=cancel_late delay=9")
            trader.cancel("c", order)
            await trader.gone()
            assert statuses(sim) == ["working"]
            later(sim, 9)
            assert statuses(sim) == ["cancelled"]

    run(main())


def test_only_one_connection_is_hit(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            one, two = await Trader.to(sim), await Trader.to(sim)
            sim.inject("cut mode=place_done conn=2")
            await one.place("a")
            two.offer("b")
            await two.gone()
            await one.barrier()
            assert statuses(sim) == ["working", "working"]

    run(main())


# the whole venue


@venues
@pytest.mark.parametrize(
    ("mode", "status", "known"),
    [("memory", "working", True), ("cancelled", "cancelled", True), ("forgotten", "cancelled", False)],
)
def test_the_venue_may_restart(run: Run, venue: str, mode: str, status: str, known: bool) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            before = next(iter(sim.truth()["balances"].values()))["USDT"]["total"]
            order = await trader.place("a")
            sim.inject(f"restart mode={mode} down=9")
            await trader.gone()
            with pytest.raises(WSHandshakeError, match="503"):
                await Trader.to(sim)
            later(sim, 9)
            again = await Trader.to(sim)
            assert await again.live() == ([order] if status == "working" else [])
            (entry,) = sim.truth()["orders"]
            assert (entry["id"], entry["status"], entry["forgotten"]) == (order, status, not known)
            after = next(iter(sim.truth()["balances"].values()))["USDT"]
            assert after["total"] == before
            assert (after["locked"] == "0") == (status == "cancelled")
            again.cancel("c", order)
            await until(lambda: again.cancel_answers)
            assert again.cancel_answers == [status == "working"]
            if isinstance(again.client, Ceres):
                rows = (await again.client.ask(15))["data"]
                assert [row["system_oid"] for row in rows] == [order] * known
                # an id that nobody remembers may be used again; the truth says so
                await again.place("a") if not known else None
                assert sim.truth()["violations"] == []

    run(main())


@venues
def test_what_waits_is_lost_with_the_memory(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            sim.inject("cut mode=place_late delay=9")
            trader.offer("a")
            await trader.gone()
            sim.inject("restart mode=cancelled down=0")
            later(sim, 9)
            assert statuses(sim) == []

    run(main())


@venues
def test_fills_go_on_while_nobody_is_connected(run: Run, venue: str) -> None:
    async def main() -> None:
        async with still(venue) as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("restart mode=memory down=9")
            await trader.gone()
            sim.fill(order, "0.2")
            later(sim, 9)
            again = await Trader.to(sim)
            assert again.fills == []
            sim.fill(order)
            await until(lambda: len(again.fills) == 1)

    run(main())


@pytest.mark.parametrize(
    ("mode", "states"), [("reconnect", [4, 5, 2, 6]), ("fail", [4, 5, 3, 5, 2, 6]), ("error", [7, 6])]
)
def test_trouble_behind_the_gateway_is_told_by_states(run: Run, mode: str, states: list[int]) -> None:
    async def main() -> None:
        async with still("quantapi") as sim:
            client = await Quant.to(sim)
            order = await client.place()
            sim.inject(f"upstream mode={mode} for=60")
            refused = await client.ask("place_order", **client.order())
            assert refused["error_message"] == "Platform not ready"
            later(sim, 60)
            await until(lambda: len(client.states) == 2 + len(states))
            assert client.states == [2, 6, *states]
            assert (await client.ask("open_orders", symbol="ETH/USDT"))["data"][0]["order_no"] == order

    run(main())


def test_a_login_in_times_of_trouble_is_ready_later(run: Run) -> None:
    async def main() -> None:
        async with still("quantapi", OrderOptions(ready_delay_s=0.01)) as sim:
            client = await Quant.to(sim, None)
            sim.inject("upstream for=60")
            client.token = (await client.login())["token"]
            await client.state(3)
            later(sim, 60)
            await client.state(6)
            assert client.states[0] == 3
            assert client.states[-2:] == [2, 6]

    run(main())


def test_trouble_behind_coinceres_refuses_orders(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres") as sim:
            trader = await Trader.to(sim)
            order = await trader.place("a")
            sim.inject("upstream for=60")
            trader.offer("b")
            await until(lambda: trader.answers("b"))
            assert trader.refusals("b") == ["exchange is not connected"]
            assert await trader.live() == [order], "questions are answered"
            later(sim, 60)
            await trader.place("c")
            assert trader.refusals("c") == []

    run(main())
