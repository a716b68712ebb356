"""Targets are judged by medians of one run; the spread is that of paired rounds; a late sender gets no verdict."""

from __future__ import annotations

from typing import Any

import pytest
from benches.contestants import DICT_BOOK, REFERENCE
from benches.targets import CALLBACK, SCRAPED, Verdict, paired, sender_late, verdicts

from ferrofeed.bench.campaign import Delay, Row
from ferrofeed.bench.measure import FERROFEED

LABELS = ("p50", "p99", "p99.9")


def row(contestant: str, *ns: float, load: str = "quote", instruments: int = 10, connections: int = 1) -> Row:
    return Row(load, "tcp", contestant, instruments, connections, 1, ns, None, ())


def delay(contestant: str, *rounds: tuple[float, ...], late: float = 0.1) -> Delay:
    """The medians are those of the first round."""
    told = [{"corrected": dict(zip(LABELS, one, strict=True)), "sender": dict.fromkeys(LABELS, late)} for one in rounds]
    return Delay("quote", 10_000.0, contestant, told[0]["corrected"], tuple(told))


def judge(**measured: Any) -> list[Verdict]:
    nothing: dict[str, Any] = {"rows": (), "growth": (), "delays": (), "memory": {}, "signing": {}, "batches": {}}
    return verdicts(**{**nothing, **measured})


def test_what_was_not_measured_has_no_row() -> None:
    assert judge() == []
    assert judge(rows=[row(FERROFEED.name, 100.0)], delays=[delay(CALLBACK, (1.0, 2.0, 3.0))]) == []


def test_cpu_against_peers_is_a_ratio_of_medians_with_the_spread_of_the_rounds() -> None:
    rows = [
        row(REFERENCE, 400.0, 500.0, 300.0),
        row(FERROFEED.name, 199.0, 150.0, 900.0),
        row(DICT_BOOK, 1_500.0, 1_600.0, 1_700.0),
    ]
    frames, books = judge(rows=rows)
    assert (frames.met, frames.figure, frames.spread) == (True, "0.50 x (199 : 400 ns)", "0.30 … 3.00")
    assert (books.met, books.figure, books.spread) == (True, "8.0 x (199 : 1,600 ns)", "1.9 … 10.7")


@pytest.mark.parametrize(
    ("load", "ours", "met"), [("quote", 201.0, False), ("depth5", 320.0, True), ("depth5", 321.0, False)]
)
def test_the_limits_against_an_empty_listener(load: str, ours: float, met: bool) -> None:
    (found,) = judge(rows=[row(REFERENCE, 400.0, load=load), row(FERROFEED.name, ours, load=load)])
    assert found.met is met


def test_latency_is_judged_where_the_sender_was_in_time() -> None:
    ours, theirs = (
        delay(CALLBACK, (6.0, 13.0, 20.0), (5.0, 10.0, 21.0)),
        delay(DICT_BOOK, (10.0, 20.0, 20.0), (10.0, 40.0, 20.0)),
    )
    found = judge(delays=[ours, theirs])
    assert [(one.met, one.word, one.note) for one in found] == [
        (True, "met", ""),
        (False, "missed", ""),
        (True, "met", ""),
    ]
    assert found[1].spread == "0.25 … 0.65"


def test_a_late_sender_gets_no_verdict() -> None:
    ours, theirs = delay(CALLBACK, (2.0, 20.0, 20.0), late=4.0), delay(DICT_BOOK, (10.0, 20.0, 20.0))
    found = judge(delays=[ours, theirs])
    assert [one.word for one in found] == ["no verdict", "missed", "met"]
    assert found[0].note == "the sender itself was 4 µs late"
    assert sender_late("p50", ours, theirs) == pytest.approx(4.0)


def test_a_scrape_must_not_show() -> None:
    for p999, met in ((22.0, True), (22.1, False)):
        (found,) = judge(delays=[delay(CALLBACK, (1.0, 2.0, 20.0)), delay(SCRAPED, (1.0, 2.0, p999))])
        assert found.met is met


def test_growth_compares_the_most_with_the_least() -> None:
    growth = [
        row(FERROFEED.name, 100.0, 100.0, instruments=1),
        row(FERROFEED.name, 500.0, 500.0, instruments=10),
        row(FERROFEED.name, 111.0, 105.0, instruments=1_000),
        row(FERROFEED.name, 50.0, 60.0, instruments=1, connections=100),
    ]
    many, connected = judge(growth=growth)
    assert (many.met, many.figure, many.spread) == (True, "+8% (100 → 108 ns)", "+5% … +11%")
    assert (connected.met, connected.spread) == (True, "-50% … -40%")


def test_memory_signing_and_batches() -> None:
    memory = {"frames": 10, "grown_kb": -1500, "books_kb": 61_440}
    signing = {"ferrofeed": [1.0, 1.0], "hmac": [4.0, 2.0]}
    batches = {"view": True, "copied_bytes": 0, "events": 4_000, "blocks": 9, "touched": 40_000}
    found = judge(memory=memory, signing=signing, batches=batches)
    assert [one.met for one in found] == [False, True, False, True, True]
    assert found[2].spread == "0.25 … 0.50"
    copying = judge(batches={**batches, "view": False, "copied_bytes": 64, "blocks": 4_000})
    assert [one.met for one in copying] == [False, False]


def test_rounds_are_paired_in_the_order_they_were_run() -> None:
    assert paired([1.0, 4.0], [2.0, 2.0]) == (0.5, 2.0)
