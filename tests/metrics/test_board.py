"""What is put up beside the counters, written and read; and memory that is none."""

from __future__ import annotations

import os
import random
import re
import string
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from ferrofeed import _core
from ferrofeed.board import (
    NEW,
    PHASES,
    RUNNING,
    SessionState,
    Tallies,
    missing,
    read_tallies,
    refused_for_good,
    trouble,
    write_tallies,
)
from ferrofeed.session.snapshot import Phase

T = TypeVar("T")
CLOCK_NS = 1 << 62
"""A sign of life that is never old."""


def board(*labels: str) -> _core.MetricsBoard:
    core = _core.FeedCore()
    for label in labels:
        core.add_connection("itick", label=label)
    return core.board


def state(**fields: int) -> SessionState:
    return SessionState(**{**dict.fromkeys(SessionState._fields, 0), **fields})


def running(*labels: str) -> tuple[_core.MetricsBoard, _core.MetricsView]:
    made = board(*labels)
    made.put_state(RUNNING)
    made.beat(CLOCK_NS)
    return made, made.view()


def test_tallies_come_back_as_they_were_written() -> None:
    tallies = Tallies({"peer_closed": 3, "kicked": 1}, {"401": 2}, {'a"\n\\': 1, "é\udcff": 7}, "the key is wrong: é")
    assert read_tallies(write_tallies(tallies, 8192)) == tallies
    assert read_tallies(None) == Tallies({}, {}, {}, "")


@pytest.mark.parametrize("seed", range(20))
def test_too_many_names_are_counted_as_others_and_no_count_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    words = ["".join(rng.choices(string.printable + "éß€", k=rng.randrange(1, 400))) for _ in range(64)]
    counts = [{word: rng.randrange(1, 1000) for word in rng.sample(words, rng.randrange(65))} for _ in range(3)]
    tallies = Tallies(counts[0], counts[1], counts[2], "x" * 512)
    most = _core.MetricsBoard.MOST_TALLIES
    text = write_tallies(tallies, most)
    assert len(text.encode()) <= most
    back = read_tallies(text)
    for before, after in zip(tallies[:3], back[:3], strict=True):
        assert sum(after.values()) == sum(before.values())
        for name, count in after.items():
            assert name == "other" or before[name] == count
    assert back.fatal == tallies.fatal


def test_readiness_is_read_off_the_words() -> None:
    made, view = running("a", "b")
    live = PHASES.index(next(phase for phase in PHASES if phase.value == "live"))
    assert missing(view) == []
    made.put_session(0, state(phase=live, wanted=3, acked=2))
    assert missing(view) == ["a: live: 2 of 3 subscriptions acknowledged"]
    made.put_session(0, state(phase=live, wanted=3, acked=3))
    assert missing(view) == []
    made.put_tallies(1, write_tallies(Tallies({}, {}, {}, "no such key"), 8192))
    made.put_session(1, state(wanted=1, fatal=1))
    assert missing(view) == ["b: no such key: 0 of 1 subscriptions acknowledged"]
    assert refused_for_good(view) == []
    made.put_session(0, state(fatal=1))
    assert refused_for_good(view) == ["", "no such key"]


def test_clients_with_keys_of_their_own_are_no_failure_of_ours_but_a_reason_to_go_on() -> None:
    made, view = running("a", "v#1", "v#2")
    made.put_tallies(0, write_tallies(Tallies({}, {}, {}, "no such key"), 8192))
    made.put_session(1, state(phase=PHASES.index(Phase.FATAL), fatal=1))
    assert refused_for_good(view) == [], "ours goes on, a client's does not"
    made.put_session(0, state(phase=PHASES.index(Phase.FATAL), fatal=1))
    assert refused_for_good(view) == ["no such key"], "nobody trades any more"
    made.put_session(2, state(phase=PHASES.index(Phase.LIVE)))
    assert refused_for_good(view) == [], "a client does"
    made.put_session(2, state(phase=PHASES.index(Phase.BACKOFF)))
    assert refused_for_good(view) == ["no such key"]


def test_where_clients_may_trade_with_their_keys_nothing_is_given_up(tmp_path: Path) -> None:
    feed = _core.FeedCore()
    feed.add_connection("itick", label="a")
    made, view = feed.board, feed.board.view()
    made.put_session(0, state(phase=PHASES.index(Phase.FATAL), fatal=1))
    orders = _core.OrderCore(feed, journal=str(tmp_path / "journal"), fsync="off")
    desk = orders.add_coinceres("v", 0, exchange="TEST")
    orders.tick()
    assert refused_for_good(view) == [""]
    orders.set_keyless(desk)
    orders.tick()
    assert refused_for_good(view) == []
    orders.close()


def test_a_wanted_book_that_is_not_there_is_missing() -> None:
    core = _core.FeedCore()
    core.add_connection("itick", label="a")
    instrument = core.add_instrument(0, "BTC/USDT", ["BTC$US"])
    core.board.put_state(RUNNING)
    core.board.beat(CLOCK_NS)
    view = core.board.view()
    assert missing(view) == []
    core.show_wanted(instrument, 1, True)
    assert missing(view) == ["a: not every book is valid"]
    core.show_wanted(instrument, 1, False)
    assert missing(view) == []


def test_trouble_names_what_is_wrong() -> None:
    made = board("a")
    view = made.view()
    feed = view.feed()
    assert feed is not None
    assert (feed["state"], feed["pid"]) == (NEW, os.getpid())
    assert trouble(view) == "stopped"
    made.put_state(RUNNING)
    assert trouble(view).startswith("the feed's loop has given no sign of life for ")
    assert missing(view) == [trouble(view)]
    made.beat(CLOCK_NS)
    assert trouble(view) == ""


def until_full(add: Callable[[], T], text: str) -> list[T]:
    """All that could be added."""
    held: list[T] = []
    while len(held) < 1000:
        try:
            held.append(add())
        except ValueError as error:
            assert re.search(text, str(error))  # noqa: PT017  # one of many, and which is the question
            return held
    raise AssertionError("it was never full")


def test_a_full_board_is_an_error_that_says_so() -> None:
    core = _core.FeedCore(board_bytes=1 << 17)
    text = "no room for .* bytes more in the shared memory of the metrics, which may take 131072 bytes"
    assert until_full(partial(core.add_connection, "itick"), text)
    core = _core.FeedCore(board_bytes=1 << 17)
    held = until_full(partial(core.add_consumer, capacity=1, policy="conflate"), text)
    core.remove_consumer(held.pop())
    core.add_consumer(capacity=1, policy="conflate")  # there is room where one is gone


def test_what_is_no_board_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))
    with path.open("rb") as file, pytest.raises(ValueError, match="can't be mapped"):
        _core.MetricsView.open(file.fileno())
    foreign = os.memfd_create("other")
    try:
        with pytest.raises(ValueError, match="can't be mapped"):
            _core.MetricsView.open(foreign)
    finally:
        os.close(foreign)
    with pytest.raises(OSError, match="No such file"):
        _core.MetricsView.open(foreign)


def test_a_view_outlives_its_descriptor_and_its_feed() -> None:
    made, _ = running("a", "b")
    reader = made.open_reader()
    assert os.get_inheritable(reader) is False
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(reader, b"x")
    view = _core.MetricsView.open(reader)
    os.close(reader)
    del made
    assert [label for label, _ in view.sessions()] == ["a", "b"]


def test_texts_and_words_have_their_sizes() -> None:
    made = board("a")
    with pytest.raises(ValueError, match="8193 bytes, at most 8192"):
        made.put_tallies(0, "x" * 8193)
    with pytest.raises(IndexError, match="no connection 1"):
        made.put_tallies(1, "")
    with pytest.raises(ValueError, match="expected a sequence of length 12"):
        made.put_session(0, [1, 2])
