"""What an operator is told and can do when things are wrong: the log, readiness, the switch without a journal."""

from __future__ import annotations

import logging
import os
import resource
import signal
import time
from argparse import Namespace
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed import _core
from ferrofeed.board import missing
from ferrofeed.commands import orders as command
from ferrofeed.commands.orders import KILL_FILE
from ferrofeed.config.load import journal_of
from ferrofeed.errors import ConfigError, FerrofeedError, UsageError
from ferrofeed.orders import Desk, JournalFailedError, OrderEvent, Orders, news, switch
from ferrofeed.orders.news import JOURNAL, MOST, PERIOD_S, News
from ferrofeed.orders.switch import CLEAR_FILE, leave

if TYPE_CHECKING:
    from collections.abc import Iterator

RULES: dict[str, Any] = {
    "symbol": "ETH/USDT",
    "raw_symbol": "ETH/USDT",
    "product": "spot",
    "base": "ETH",
    "quote": "USDT",
    "settle": "USDT",
    "price_scale": 2,
    "size_scale": 3,
    "tick": "0.01",
    "lot": "0.001",
    "min_size": "0.001",
    "max_size": "0",
    "min_price": "0",
    "min_notional": "0",
}

NONE = Decimal(0)
EVENT = OrderEvent(1, 1, "order", "", "", 0, None, None, NONE, NONE, NONE, "")


class Traded:
    """A paper exchange whose journal may fail, with nobody who listens to its events."""

    def __init__(self, folder: Path) -> None:
        self.feed = _core.FeedCore()
        self.core = _core.OrderCore(self.feed, journal=str(folder), fsync="off", settle_ns=0)
        self.desk = Desk("paper", "paper", self.core.add_paper("paper", 0), 0)
        instrument = self.core.add_instrument(self.desk.number, SimpleNamespace(**RULES))
        self.desk.add(instrument, "ETH/USDT", "ETH/USDT")
        self.core.list_paper(instrument, maker_ppm=0, taker_ppm=0)
        self.core.deposit_paper(self.desk.number, "USDT", "1000000")
        self.orders = Orders(self.core, [self.desk], kill_file=folder / KILL_FILE)
        self.core.opened(0)
        while not self.orders.ready():
            self.orders.tick()
        self.orders.distribute()
        # what was told until here counts for nobody
        self.orders._news = News()


@pytest.fixture
def traded(tmp_path: Path) -> Traded:
    return Traded(tmp_path / "journal")


@contextmanager
def no_room(size: int = 0) -> Iterator[None]:
    """Files can't grow beyond this size, for this process."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_what_the_router_decides_itself_is_logged_though_nobody_listens(
    traded: Traded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ferrofeed.orders")
    caplog.clear()
    order = traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    traded.orders.cancel(order)
    assert lines(caplog) == [], "an order's life is no news"
    traded.orders.set_mode("halted", "Ann")
    live = traded.core
    traded.orders.set_mode("active", "Ann")
    order = traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    live.closed(0)
    traded.orders.distribute()
    assert [level for level, _ in lines(caplog)] == ["WARNING", "WARNING", "WARNING", "INFO"]
    texts = [text for _, text in lines(caplog)]
    assert texts[0] == "the mode is halted: Ann"
    assert texts[2].startswith(f"paper ETH/USDT: order {order.id} is unknown, the venue is asked")
    assert texts[3] == "paper: down: the connection was lost"


def test_the_same_is_logged_where_somebody_listens(traded: Traded, caplog: pytest.LogCaptureFixture) -> None:
    events = traded.orders.events()
    traded.orders.kill("enough")
    assert ("ERROR", "the kill switch was thrown: enough") in lines(caplog)
    assert [event.kind for event in events.poll()] == ["kill"]


def test_a_storm_is_counted_and_hides_nothing_of_another_sort(
    traded: Traded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1_000.0
    monkeypatch.setattr(news, "time", SimpleNamespace(monotonic=lambda: now))
    for number in range(3 * MOST):
        traded.orders.set_mode("active" if number % 2 else "halted", f"number {number}")
    with no_room(), pytest.raises(JournalFailedError):
        traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    traded.orders.kill("runaway")
    shown = [text for _, text in lines(caplog) if text.startswith("the mode is")]
    assert [int(text.split()[-1]) for text in shown] == list(range(MOST))
    texts = [text for _, text in lines(caplog)]
    assert "the kill switch was thrown: runaway" in texts
    assert any(text.startswith("the journal failed, no new orders are taken") for text in texts)
    traded.orders.tick()
    left_out = f"{2 * MOST} more lines are left out (mode: {2 * MOST})"
    assert left_out not in [text for _, text in lines(caplog)], "the period is not over"
    now += PERIOD_S
    for _ in range(3):
        traded.orders.tick()
    assert [text for _, text in lines(caplog)].count(left_out) == 1, "though nothing more comes"


def test_what_was_left_out_is_told_at_the_end(traded: Traded, caplog: pytest.LogCaptureFixture) -> None:
    told = [EVENT._replace(kind="anomaly", text=f"number {number}") for number in range(MOST + 5)]
    # the journal's own has a place of its own in such a storm
    traded.orders._news.tell([*told, EVENT._replace(kind="anomaly", text=f"{JOURNAL}failed")])
    traded.orders.close()
    assert [text for _, text in lines(caplog)[-2:]] == [f"{JOURNAL}failed", "5 more lines are left out (anomaly: 5)"]


def test_a_journal_that_failed_is_not_ready_and_a_kill_leaves_its_file(
    traded: Traded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert traded.orders.ready()
    with no_room():
        with pytest.raises(JournalFailedError):
            traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
        assert not traded.orders.ready()
        traded.orders.kill("no journal")
    assert any("the journal failed" in text for _, text in lines(caplog))
    assert traded.orders.mode.killed == "no journal"
    # words need room, a name in a folder does not
    assert (tmp_path / "journal" / KILL_FILE).read_text() == ""


def test_a_board_says_that_the_journal_failed(traded: Traded) -> None:
    board = traded.feed.board
    board.put_state(1)
    view = board.view()
    with no_room(), pytest.raises(JournalFailedError):
        traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    traded.orders.tick()
    board.beat(time.monotonic_ns())
    assert missing(view) == ["paper: the journal failed: no orders are taken"]


def test_a_kill_file_without_room_for_words_is_empty_and_nothing_else_is_left(tmp_path: Path) -> None:
    with no_room():
        leave(tmp_path / KILL_FILE, "words")
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [(KILL_FILE, 0)]


def test_the_journal_is_found_without_any_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    file = tmp_path / "feed.toml"
    file.write_text('[orders]\njournal = "j"\nkill_file = "stop"\n[[venue]]\napi_key = "credential:nowhere"\n')
    assert journal_of(file) == (tmp_path / "j", tmp_path / "stop")
    options = Namespace(config=file, journal=None, what="kill", words=["runaway"], all=False, json=False)
    with pytest.raises(UsageError, match="no router ever wrote a journal there: nothing is halted"):
        command.run(options)
    assert not (tmp_path / "j").exists(), "it makes nobody's folder"
    (tmp_path / "j").mkdir()
    (tmp_path / "j" / "lock").touch()
    assert command.run(options) == 0
    assert (tmp_path / "stop").read_text() == "runaway\n"
    file.write_text("[orders]\njournal = 5\n")
    with pytest.raises(ConfigError, match=r"orders\.journal: found 5"):
        journal_of(file)


def test_a_kill_that_can_not_be_left_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "feed.toml"
    file.write_text('[orders]\njournal = "."\nkill_file = "nowhere/stop"\n')
    (tmp_path / "lock").touch()
    options = Namespace(config=file, journal=None, what="kill", words=["x"], all=False, json=False)
    with pytest.raises(FerrofeedError, match=r"stop: can't be written .*: nothing is halted"):
        command.run(options)


def cleared(folder: Path) -> int:
    return command.run(Namespace(config=None, journal=folder, what="clear", words=["anna"], all=False, json=False))


@pytest.mark.usefixtures("traded")
def test_a_clear_that_finds_no_room_takes_nothing_away(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    leave(folder / KILL_FILE, "runaway")
    before = {path.name for path in folder.iterdir()}
    with no_room(), pytest.raises(FerrofeedError, match=r"CLEAR: can't be written .*: nothing is cleared"):
        cleared(folder)
    assert {path.name for path in folder.iterdir()} == before
    assert cleared(folder) == 0
    assert {path.name for path in folder.iterdir()} == before - {KILL_FILE} | {CLEAR_FILE}


def test_a_clear_without_a_router_counts_only_when_it_is_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    core = _core.OrderCore(journal=str(tmp_path), fsync="off")
    core.kill("runaway")
    core.close()
    leave(tmp_path / KILL_FILE, "runaway")
    (segment,) = tmp_path.glob("*.journal")
    with no_room(segment.stat().st_size), pytest.raises(FerrofeedError, match="nothing is cleared"):
        cleared(tmp_path)
    assert (tmp_path / KILL_FILE).exists()
    assert _core.replay_orders(str(tmp_path))["killed"] == "runaway"
    assert cleared(tmp_path) == 0
    assert capsys.readouterr().out == "cleared\n"
    assert not (tmp_path / KILL_FILE).exists()
    assert _core.replay_orders(str(tmp_path))["killed"] is None
    assert cleared(tmp_path) == 0
    assert capsys.readouterr().out == "it was not on\n"


def test_who_may_not_look_into_the_folder_can_halt_where_the_kill_file_is_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "feed.toml"
    file.write_text('[orders]\njournal = "private"\nkill_file = "stop"\n')
    look = Path.stat

    def stat(path: Path, **how: bool) -> os.stat_result:
        if path.parent.name == "private":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **how)

    # not by modes: root, who may run this, may look anywhere
    monkeypatch.setattr(Path, "stat", stat)
    options = Namespace(config=file, journal=None, what="kill", words=["runaway"], all=False, json=False)
    assert command.run(options) == 0
    assert (tmp_path / "stop").read_text() == "runaway\n"


def test_a_kill_of_the_router_or_a_client_leaves_its_file_too_once(traded: Traded, tmp_path: Path) -> None:
    file = tmp_path / "journal" / KILL_FILE
    traded.core.kill("what was over is live")
    traded.orders.tick()
    assert not file.exists(), "the journal holds it"
    traded.core.clear_kill("anna")
    with no_room(), pytest.raises(JournalFailedError):
        traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    traded.core.kill("what was over is live")
    traded.orders.tick()
    assert file.read_text() == "what was over is live\n"
    file.unlink()
    traded.orders.tick()
    assert not file.exists(), "who takes it away means it"
    traded.orders.kill("again")
    assert file.exists(), "and who throws it again does, too"
    file.unlink()
    assert traded.orders.clear_kill("anna")
    traded.orders.tick()
    file.write_text("by hand\n")
    traded.orders.kill(f"{file} is there: by hand")
    traded.orders.tick()
    assert file.read_text() == "by hand\n", "a file that is there says why"


def test_a_kill_file_that_can_not_be_left_is_tried_again_and_told_once(
    traded: Traded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(switch, "KEEP_AGAIN_S", 0.0)
    traded.orders.kill_file = tmp_path / "later" / KILL_FILE
    with no_room(), pytest.raises(JournalFailedError):
        traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    traded.orders.kill("runaway")
    for _ in range(3):
        traded.orders.tick()
    assert sum("a restart clears the switch" in text for _, text in lines(caplog)) == 1
    traded.orders.kill_file.parent.mkdir()
    traded.orders.tick()
    assert traded.orders.kill_file.read_text() == "runaway\n"
