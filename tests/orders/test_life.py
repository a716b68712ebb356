"""Starts, stops, restarts: the journal, its lock, the kill file, what becomes of live orders."""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path

import pytest
from tests.orders.support import ETH, D, config, journal, paper, running, trading, until

from ferrofeed import Feed, FerrofeedError, UsageError
from ferrofeed.orders import HaltedError, JournalFailedError, NotReadyError, OrderError
from ferrofeed.orders.switch import leave


def test_a_restart_knows_the_orders_and_asks_the_venue(tmp_path: Path) -> None:
    """The paper exchange forgets everything: what was live there is closed, and told so."""
    feed = running(config(tmp_path, paper()))
    live = feed.orders.place("paper", ETH, "buy", 1, 1000, intent="a")
    live.wait_live(5)
    over = feed.orders.place("paper", ETH, "buy", 1, 1001)
    over.cancel()
    over.wait(30)
    feed.stop()
    again = running(config(tmp_path, paper()))
    assert again.orders.core.recovery[3] == 1
    assert again.orders.view(over.id).state == "cancelled"
    view = again.orders.view(live.id)
    assert (view.state, view.exact) == ("closed", False)
    assert "no longer knows it" in view.reason
    with pytest.raises(OrderError, match="the intent has order"):
        again.orders.place("paper", ETH, "buy", 1, 1000, intent="a")
    newer = again.orders.place("paper", ETH, "buy", 1, 1000)
    assert newer.id > live.id
    assert newer.wait_live(5).state == "working"
    assert again.orders.position("paper", ETH).long == D(50)
    again.stop()


def test_paper_orders_of_a_later_run_have_higher_numbers_however_soon_it_starts(tmp_path: Path) -> None:
    """Their venue counts on from the clock, and these runs place far more than time goes by."""
    newest = 0
    for _ in range(3):
        with trading(config(tmp_path, paper())) as feed:
            orders = [feed.orders.place("paper", ETH, "buy", "0.1", 1000) for _ in range(300)]
            for order in orders:
                order.wait_live(5)
            numbers = sorted(int(order.view.venue_id) for order in orders)
            assert len(set(numbers)) == len(numbers)
            assert numbers[0] > newest
            newest = numbers[-1]
            feed.orders.cancel_all()
            for order in orders:
                order.wait(30)


def test_one_process_writes_a_journal(tmp_path: Path) -> None:
    feed = Feed(config(tmp_path, paper()))
    with pytest.raises(
        JournalFailedError, match=f"another process \\(pid {os.getpid()}\\) writes this journal"
    ) as caught:
        Feed(config(tmp_path, paper()))
    assert isinstance(caught.value, FerrofeedError)
    feed.stop()
    Feed(config(tmp_path, paper())).stop()


def test_the_journal_of_a_feed_that_nobody_holds_is_let_go(tmp_path: Path) -> None:
    feed: Feed | None = Feed(config(tmp_path, paper()))
    assert feed is not None
    feed = None
    gc.collect()
    Feed(config(tmp_path, paper())).stop()


def test_a_journal_with_other_scales_is_refused(tmp_path: Path) -> None:
    Feed(config(tmp_path, paper())).stop()
    venue = paper()
    venue["trade"][0]["tick"] = "0.001"
    with pytest.raises(UsageError, match="the journal has it with scales 2 and 3, now they are 3 and 3"):
        Feed(config(tmp_path, venue))


def test_nothing_is_taken_once_it_stops(tmp_path: Path) -> None:
    feed = running(config(tmp_path, paper()))
    order = feed.orders.place("paper", ETH, "buy", 1, 1000)
    order.wait_live(5)
    feed.stop()
    with pytest.raises(NotReadyError, match="stopping"):
        feed.orders.place("paper", ETH, "buy", 1, 1000)
    assert order.view.quantity == D(1), "what is known can still be looked at"
    feed.stop()


def test_a_stop_keeps_or_cancels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for policy, state in (("keep", "unknown"), ("cancel", "cancelled")):
        feed = running(config(tmp_path / policy, paper(latency_us=3000), on_stop=policy))
        orders = [feed.orders.place("paper", ETH, "buy", 1, 1000 + step) for step in range(3)]
        for order in orders:
            order.wait_live(5)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            feed.stop()
        assert {order.state for order in orders} == {state}
        assert ("3 live order(s) left" in caplog.text) == (policy == "keep")


def test_a_stop_lets_strategies_say_goodbye(tmp_path: Path) -> None:
    feed = running(config(tmp_path, paper(latency_us=3000)))
    maker = feed.orders.strategy("maker", cancel_on_disconnect=True)
    mine, other = maker.place("paper", ETH, "buy", 1, 1000), feed.orders.place("paper", ETH, "buy", 1, 1001)
    mine.wait_live(5)
    other.wait_live(5)
    feed.stop()
    assert (mine.state, other.state) == ("cancelled", "unknown")


def test_the_kill_switch_outlives_the_process(tmp_path: Path) -> None:
    feed = running(config(tmp_path, paper()))
    feed.orders.kill("too much")
    feed.stop()
    again = running(config(tmp_path, paper()))
    assert again.orders.mode.killed == "too much"
    with pytest.raises(HaltedError):
        again.orders.place("paper", ETH, "buy", 1, 1000)
    again.orders.clear_kill("a human")
    again.orders.place("paper", ETH, "buy", 1, 1000).wait_live(5)
    again.stop()
    assert any("a human" in line for line in journal(tmp_path))


def test_the_kill_file(tmp_path: Path) -> None:
    feed = running(config(tmp_path, paper()))
    orders = feed.orders
    order = orders.place("paper", ETH, "buy", 1, 1000)
    order.wait_live(5)
    file = tmp_path / "journal" / "KILL"
    leave(file, "quotes ran\naway\n")
    assert order.wait(30).state == "cancelled"
    assert orders.mode.killed == f"{file} is there: quotes ran away"
    with pytest.raises(UsageError, match="is there; the switch stays on until it is gone"):
        orders.clear_kill("a human")
    file.unlink()
    assert orders.clear_kill("a human")
    orders.place("paper", ETH, "buy", 1, 1000).wait_live(5)
    feed.stop()


def test_another_process_throws_and_clears_the_switch_by_files(tmp_path: Path) -> None:
    """As ``ferrofeed orders kill`` and ``clear`` do while the service runs."""
    from ferrofeed.commands.orders import clear, kill

    folder = tmp_path / "journal"
    with trading(config(tmp_path, paper())) as feed:
        kill(folder / "KILL", "runaway quotes")
        until(lambda: feed.orders.mode.killed, "it halts")
        assert feed.orders.mode.killed == f"{folder / 'KILL'} is there: runaway quotes"
        clear(folder, folder / "KILL", "anna")
        until(lambda: feed.orders.mode.killed is None, "it goes on")
        until(lambda: not (folder / "CLEAR").exists(), "the word is taken")
        feed.orders.place("paper", ETH, "buy", 1, 1000).wait_live(5)
    assert any("anna" in line for line in journal(tmp_path))


def test_a_word_to_clear_does_nothing_while_the_kill_file_is_there(tmp_path: Path) -> None:
    with trading(config(tmp_path, paper())) as feed:
        (tmp_path / "journal" / "KILL").touch()
        until(lambda: feed.orders.mode.killed, "it halts")
        (tmp_path / "journal" / "CLEAR").write_text("anna")
        until(lambda: not (tmp_path / "journal" / "CLEAR").exists(), "the word is taken")
        assert feed.orders.mode.killed == f"{tmp_path / 'journal' / 'KILL'} is there"


def test_a_kill_file_from_before_the_start(tmp_path: Path) -> None:
    file = tmp_path / "stop-it"
    file.touch()
    feed = running(config(tmp_path, paper(), kill_file=str(file)))
    assert feed.orders.mode.in_force == "halted"
    feed.stop()


@pytest.mark.parametrize("fsync", ["off", "batched", "always"])
def test_every_policy_of_the_disk(tmp_path: Path, fsync: str) -> None:
    feed = running(config(tmp_path, paper(), fsync=fsync, segment_mb=1))
    for step in range(20):
        feed.orders.place("paper", ETH, "buy", 1, 1000 + step).cancel()
    until(lambda: not feed.orders.open_orders(), "all are over")
    feed.stop()
    placed = [line for line in journal(tmp_path) if ": placed: " in line]
    assert len(placed) == 20
