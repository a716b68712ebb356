"""Seconds with a scrape against seconds without: sorted rightly, and measured of the right process."""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np
import pytest
from benches.scrape import EARLY_S, SECOND, pairs, show, summary, typical, used

from ferrofeed.bench.measure import OURS, Contestant, Pinning, Setting, measure
from ferrofeed.bench.scraping import edge

SECONDS = 9
PER_SECOND = 200


def run(slow_us: float) -> dict[str, Any]:
    """A run whose frames take 10 µs, but ``slow_us`` in the first tenth of every second with a scrape."""
    sent = np.arange(SECONDS * PER_SECOND, dtype=np.int64) * (SECOND // PER_SECOND)
    scraped = (sent // SECOND) % 2 == 0
    early = sent % SECOND < SECOND // 10
    got = sent + np.where(scraped & early, int(slow_us * 1000), 10_000)
    edges = [
        {"at_ns": at * SECOND, "cpu_ns": at * 1_000_000 + (at + 1) // 2 * 4_000_000, "switches": at, "preempted": 0}
        for at in range(SECONDS)
    ]
    scrapes = {"edges": edges, "seconds": [0.004] * 5, "sizes": [100] * 5}
    return {"stamps": (0, sent, got), "scrapes": scrapes}


def test_seconds_are_sorted_by_whether_they_began_with_a_scrape() -> None:
    found = pairs(run(500.0))
    assert len(found) == 3  # of nine seconds, without the pair that warms up and what has no end
    assert all(len(scraped) == len(free) == PER_SECOND for scraped, free in found)
    assert typical(found, 99.0) == [500.0, 10.0]
    assert typical(found, 50.0) == [10.0, 10.0]
    assert [list(map(len, pair)) for pair in pairs(run(500.0), EARLY_S)] == [[20, 20]] * 3


def test_frames_that_never_came_are_left_out() -> None:
    lacking = run(500.0)
    lacking["stamps"][2][PER_SECOND * 2 : PER_SECOND * 2 + 20] = 0
    (scraped, _), *_ = pairs(lacking)
    assert len(scraped) == PER_SECOND - 20
    assert scraped.max() == 10.0


def test_cpu_time_is_that_of_the_right_seconds() -> None:
    scraped, free = used(run(10.0), "cpu_ns")
    assert scraped == [5e6] * 3
    assert free == [1e6] * 3


@pytest.mark.parametrize(("slow_us", "difference"), [(10.0, 0.0), (500.0, 49.0)])
def test_the_summary_says_by_how_much(slow_us: float, difference: float) -> None:
    found = summary([run(slow_us), run(slow_us)])
    assert found["pairs"] == 6
    assert found["p99.9"][0] / found["p99.9"][1] - 1 == pytest.approx(difference)
    low, high = found["interval"]
    assert low == high == pytest.approx(1 + difference)
    assert found["long"] == {1_000.0: [0, 0], 5_000.0: [0, 0]}
    assert found["cpu_ms"] == [5.0, 1.0]
    assert show({"one": found, "two": found}).row_count > 10


def test_an_edge_counts_the_cpu_time_of_threads_that_ended() -> None:
    before = edge(os.getpid())

    def work() -> None:
        while edge(os.getpid()).cpu_ns < before.cpu_ns + 5_000_000:
            pass

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    after = edge(os.getpid())
    assert after.cpu_ns >= before.cpu_ns + 5_000_000
    assert after.at_ns > before.at_ns


@pytest.mark.parametrize("mode", ["scraped", "scraped-within"])
def test_a_receiver_is_scraped_while_it_works(mode: str) -> None:
    result = measure(Contestant("x", OURS, mode=mode), Setting("quote", 2000, rate=400.0), Pinning())
    scrapes = result["scrapes"]
    assert len(scrapes["edges"]) >= 2
    assert scrapes["sizes"]
    assert min(scrapes["sizes"]) > 5_000
    assert [edge["cpu_ns"] for edge in scrapes["edges"]] == sorted(edge["cpu_ns"] for edge in scrapes["edges"])
