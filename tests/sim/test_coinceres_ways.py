"""What CoinCeres' simulator can be told to do otherwise: orders and cancels on their way, pushes, times, refusals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.sim.conftest import until
from tests.sim.order_clients import Ceres, later, still

from ferrofeed.sim import OrderOptions

if TYPE_CHECKING:
    from tests.sim.conftest import Run


def test_statuses_of_an_order_on_its_way(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(forward_delay_s=8, cancel_delay_s=8)) as sim:
            client = await Ceres.to(sim)
            order = await client.place("a")
            assert (await client.ask(15))["data"][0]["status"] == "1"
            later(sim, 4)
            assert (await client.ask(15))["data"][0]["status"] == "2"
            later(sim, 4)
            await until(lambda: len(client.statuses) == 3)
            assert client.statuses == ["NO_REPORT", "SUBMITTING", "SUBMITTED"]
            assert (await client.ask(12, system_oid=order))["data"]["SUCCESS"] == [{"system_oid": order}]
            assert (await client.ask(15))["data"][0]["status"] == "12"
            later(sim, 8)
            await until(lambda: len(client.statuses) == 5)
            assert client.statuses[3:] == ["CANCELING", "CANCELED"]

    run(main())


def test_a_cancel_may_come_before_the_order_is_at_the_exchange(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(forward_delay_s=60, cancel_delay_s=8)) as sim:
            client = await Ceres.to(sim)
            order = await client.place("a")
            await client.ask(12, system_oid=order)
            assert (await client.ask(15))["data"][0]["status"] == "13"
            later(sim, 8)
            await until(lambda: len(client.statuses) == 3)
            assert client.statuses == ["NO_REPORT", "PENDING", "CANCEL"]
            assert (await client.ask(15))["data"][0]["status"] == "11"

    run(main())


def test_an_order_that_was_answered_may_fail_at_the_exchange(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(forward_delay_s=0.02)) as sim:
            client = await Ceres.to(sim)
            await client.place("a", vol="5000")
            await until(lambda: "FAILURE" in client.statuses)
            (row,) = (await client.ask(15))["data"]
            assert (row["status"], row["dealt_amount"]) == ("6", "0")
            assert [(o["status"], o["live"]) for o in sim.truth()["orders"]] == [("rejected", False)]

    run(main())


def test_a_cancel_that_takes_its_time_loses_to_a_fill(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(cancel_delay_s=8)) as sim:
            client = await Ceres.to(sim)
            order = await client.place("a")
            await client.ask(12, system_oid=order)
            sim.fill(order)
            await until(lambda: "FILLED" in client.statuses)
            later(sim, 8)
            await client.barrier()
            assert client.statuses == ["SUBMITTED", "CANCELING", "FILLED"]
            assert (await client.ask(15))["data"][0]["status"] == "5"

    run(main())


@pytest.mark.parametrize("port", [None, 0])
def test_pushes_on_a_connection_of_their_own(run: Run, port: int | None) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(pushes="path", push_port=port)) as sim:
            client, listener = await Ceres.to(sim), await Ceres.to(sim, url=sim.push_url)
            order = await client.place("a")
            await until(lambda: listener.pushes)
            assert listener.pushes[0]["entrustId"] == order
            await client.barrier()
            assert client.pushes == []

    run(main())


def test_no_pushes_at_all(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(pushes="off")) as sim:
            client = await Ceres.to(sim)
            sim.fill(await client.place("a"))
            assert (await client.ask(15))["data"][0]["status"] == "5"
            assert client.pushes == []

    run(main())


@pytest.mark.parametrize("offset_s", [8 * 3600, -5 * 3600])
def test_times_are_local(run: Run, offset_s: int) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(utc_offset_s=offset_s)) as sim:
            client = await Ceres.to(sim)
            await client.place("a")
            (row,) = (await client.ask(15))["data"]
            said = datetime.strptime(row["entrust_time"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
            (order,) = sim.truth()["orders"]
            made = datetime.fromtimestamp(order["created_ns"] // 10**9, UTC)
            assert said - made == timedelta(seconds=offset_s)

    run(main())


def test_answers_may_overtake_one_another(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(answer_jitter_s=0.05)) as sim:
            client = await Ceres.to(sim)
            names = [f"n{number}" for number in range(30)]
            for name in names:
                client.send_order(name, vol="0.001")
            await until(lambda: len(client.answers(11)) == 30)
            got = [answer["data"]["client_oid"] for answer in client.answers(11)]
            assert sorted(got) == sorted(names)
            assert got != names

    run(main())


def test_refusals_may_name_no_order(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(named_refusals=False)) as sim:
            client = await Ceres.to(sim)
            assert (await client.ask(11, **client.order("a", "0.001")))["data"] is None

    run(main())


def test_a_key_has_a_budget(run: Run) -> None:
    async def main() -> None:
        async with still("coinceres", OrderOptions(rate_limit=3)) as sim:
            client = await Ceres.to(sim)
            for number in range(5):
                client.send_order(f"n{number}")
            await until(lambda: len(client.answers(11)) == 5)
            assert [answer["code"] for answer in client.answers(11)] == ["200"] * 3 + ["429"] * 2
            assert (await client.ask(15))["code"] == "200", "questions are free"

    run(main())
