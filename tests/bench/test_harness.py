"""The benchmark harness itself: loads are what they say, contestants see every frame, wrong books are told."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from benches.contestants import ENTRIES, REFERENCE, Entry
from benches.targets import CALLBACK
from benches.whole_path import PACED

from ferrofeed import _core
from ferrofeed.bench import workload
from ferrofeed.bench.campaign import delays, throughput
from ferrofeed.bench.inprocess import InProcess
from ferrofeed.bench.latency import latencies
from ferrofeed.bench.measure import (
    FERROFEED,
    OURS,
    Contestant,
    MeasurementError,
    Pinning,
    Setting,
    different_books,
    measure,
)
from ferrofeed.events import to_decimal

FRAMES = 2 * workload.BLOCK
ANYWHERE = Pinning()


@pytest.mark.parametrize("name", workload.NAMES)
def test_a_load_is_whole_distinct_and_ends_in_its_books(name: str) -> None:
    load = workload.build(name)
    assert len(set(load.payloads)) == len(load.payloads) == workload.BLOCK
    feed = InProcess(load)
    assert feed.block() == feed.data() == workload.BLOCK
    found = {}
    for symbol, instrument in feed.instruments.items():
        book = feed.core.book(instrument)
        if book is not None:
            scales = book.price_scale, book.size_scale
            found[symbol.replace("/", "_")] = [
                [[to_decimal(number, scale) for number, scale in zip(level, scales, strict=True)] for level in side]
                for side in (book.bids, book.asks)
            ]
    assert different_books(load.books, found) == []
    assert set(found) == set(load.books)


def test_a_wrong_book_is_told() -> None:
    load = workload.build("depth5", instruments=2, block=10)
    right = {symbol: [list(side) for side in book] for symbol, book in load.books.items()}
    assert different_books(load.books, right) == []
    price, size = right["BTC_USDT"][0][0]
    right["BTC_USDT"][0][0] = (price, str(Decimal(size) + Decimal("1e-8")))
    assert different_books(load.books, right) == ["BTC_USDT"]
    assert different_books(load.books, {}) == ["BTC_USDT", "ETH_USDT"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.contestant.name)
@pytest.mark.parametrize("load", ["depth5", "ticker"])
def test_every_contestant_sees_every_frame_and_ends_with_the_books(entry: Entry, load: str) -> None:
    if missing := entry.missing():
        pytest.skip(f"{missing} is not installed; `make bench` installs it")
    if not _core.release_build:
        pytest.skip("a debug build of the core: receivers refuse it")
    contestant = entry.contestant
    if contestant.name == REFERENCE:
        contestant = replace(contestant, mode="verify", counts=False)
        assert measure(contestant, Setting(load, FRAMES), ANYWHERE)["frames"] == FRAMES
    else:
        measure(contestant, Setting(load, FRAMES), ANYWHERE)  # raises for a missing frame or a wrong book


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.tls], ids=lambda entry: entry.contestant.name)
def test_every_contestant_that_says_so_works_over_tls(entry: Entry) -> None:
    pytest.importorskip("cryptography")
    if missing := entry.missing():
        pytest.skip(f"{missing} is not installed; `make bench` installs it")
    if not _core.release_build:
        pytest.skip("a debug build of the core: receivers refuse it")
    measure(entry.contestant, Setting("mix", FRAMES, tls=True), ANYWHERE)  # raises for a missing frame or a wrong book


@pytest.mark.parametrize("mode", ["plain", "callback"])
def test_over_tls_with_more_instruments_and_connections(mode: str) -> None:
    pytest.importorskip("cryptography")
    setting = Setting("mix", FRAMES, instruments=50, connections=2, tls=True)
    result = measure(Contestant("ferrofeed", OURS, mode=mode), setting, ANYWHERE)
    assert result["accounted"]


def test_a_paced_run_has_a_time_for_every_frame() -> None:
    result = measure(Contestant(CALLBACK, OURS, mode="scraped"), Setting("quote", 500, rate=2_000.0), ANYWHERE)
    start, sent, got = result["stamps"]
    assert len(sent) == len(got) == 500
    assert (got > sent).all()
    assert (np.diff(sent) >= 0).all()
    assert sent[0] >= start


@pytest.mark.parametrize(
    "entry", [one for one in ENTRIES if one.contestant.name in PACED], ids=lambda one: one.contestant.name
)
def test_every_paced_contestant_has_a_time_for_every_frame(entry: Entry) -> None:
    if missing := entry.missing():
        pytest.skip(f"{missing} is not installed; `make bench` installs it")
    if not _core.release_build:
        pytest.skip("a debug build of the core: receivers refuse it")
    _, sent, got = measure(entry.contestant, Setting("quote", 500, rate=2_000.0), ANYWHERE)["stamps"]
    assert len(got) == 500
    assert (got > sent).all()


def test_latencies_are_corrected_for_coordinated_omission() -> None:
    # 1,000 frames a millisecond apart, delivered 10 µs after they were written; the sender stalls for 100 ms
    due = np.arange(1_000) * 1_000_000
    sent = due.copy()
    sent[500:600] = due[599]
    found = latencies(0, 1_000.0, sent, sent + 10_000)
    assert found["plain"]["max"] == pytest.approx(10.0)
    assert found["corrected"]["p50"] == pytest.approx(10.0)
    assert found["corrected"]["max"] == pytest.approx(99_010.0)
    assert (found["frames"], found["missing"]) == (900, 0)


def test_missing_frames_are_counted_and_no_latency() -> None:
    sent = np.arange(100) * 1_000_000
    got = sent + 5_000
    got[50] = 0
    found = latencies(0, 1_000.0, sent, got)
    assert found["missing"] == 1
    assert found["corrected"]["max"] == pytest.approx(5.0)


def test_jobs_survive_their_way_to_another_process() -> None:
    from ferrofeed.bench.sender import SendJob

    job = SendJob(load="quote", frames=8_000, tls=True, rate=10.0, cpu=1, stamps="x")
    assert SendJob.from_json(job.to_json()) == job
    assert json.loads(job.to_json())["rate"] == 10.0


def test_a_contestant_that_fails_is_told_and_the_others_go_on() -> None:
    broken = Contestant("broken", (sys.executable, "-c", "import sys; sys.exit(3)"))
    told: list[str] = []
    shares = [(broken, 1.0), (FERROFEED, 1.0)]
    rows = throughput(
        Setting("quote", FRAMES), shares, rounds=2, pinning=ANYWHERE, reference="broken", failed=told.append
    )
    assert [(row.contestant, row.frames, len(row.samples), row.ratio) for row in rows] == [
        (FERROFEED.name, FRAMES, 2, None)
    ]
    assert told == ["quote, tcp, 10 instruments: broken ended with exit code 3"]
    with pytest.raises(MeasurementError, match="exit code 3"):
        throughput(Setting("quote", FRAMES), shares, rounds=1, pinning=ANYWHERE)


def test_a_paced_contestant_that_fails_is_told_and_the_others_go_on() -> None:
    broken = Contestant("broken", (sys.executable, "-c", "import sys; sys.exit(3)"))
    told: list[str] = []
    setting, both = Setting("quote", 200, rate=2_000.0), [broken, Contestant(CALLBACK, OURS, mode="callback")]
    found = delays(setting, both, rounds=2, pinning=ANYWHERE, failed=told.append)
    assert [(delay.contestant, len(delay.rounds)) for delay in found] == [(CALLBACK, 2)]
    assert told == ["quote, tcp, 2,000/s, 10 instruments: broken ended with exit code 3"]
    with pytest.raises(MeasurementError, match="exit code 3"):
        delays(setting, both, rounds=1, pinning=ANYWHERE)
