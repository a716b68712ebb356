"""Backoff and the recognition of kicks against naive models."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrofeed.session.backoff import Backoff, BackoffPolicy, KickWatch
from ferrofeed.session.units import SECOND, ns


@given(seed=st.integers(), acks=st.lists(st.booleans(), max_size=300))
@settings(deadline=None)
def test_delays_stay_between_floor_and_a_ceiling_that_doubles(seed: int, acks: list[bool]) -> None:
    policy = BackoffPolicy()
    backoff = Backoff(policy, Random(seed))
    row = 0
    for acknowledged in acks:
        if acknowledged:
            backoff.acknowledged()
            row = 0
        ceiling = 0.5
        for _ in range(row):
            ceiling = min(60.0, ceiling * 2)
        assert ns(policy.floor_s) <= backoff.fail() <= ns(ceiling)
        row += 1


def test_jitter_is_full() -> None:
    backoff = Backoff(BackoffPolicy(), Random(7))
    for _ in range(10):
        backoff.fail()
    delays = [backoff.fail() / SECOND for _ in range(2000)]
    assert min(delays) < 3
    assert max(delays) > 57
    assert 28 < sum(delays) / len(delays) < 32


def test_ten_thousand_failures_overflow_nothing() -> None:
    backoff = Backoff(BackoffPolicy(), Random(1))
    for _ in range(10_000):
        assert backoff.fail() <= 60 * SECOND


@pytest.mark.parametrize("bad", [{"floor_s": 1.0}, {"base_s": 100.0}, {"floor_s": -1.0}, {"kick_count": 1}])
def test_a_policy_that_makes_no_sense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"backoff|kick_count"):
        BackoffPolicy(**bad)  # type: ignore[arg-type]


@given(drops=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)), max_size=60), seed=st.integers())
@settings(deadline=None)
def test_kicks_are_three_young_drops_within_the_window(drops: list[tuple[int, int]], seed: int) -> None:
    watch = KickWatch(BackoffPolicy(), Random(seed))
    young: list[int] = []
    trips = 0
    now = 0
    for gap, lived in drops:
        now += gap * SECOND
        away = watch.dropped(now, lived * SECOND)
        if lived > 15:
            young, trips = [], 0
            assert away is None
            continue
        young.append(now)
        if len(young) >= 3 and now - young[-3] <= 300 * SECOND:
            assert away is not None
            least = min(3600, 300 * 2**trips)
            assert least * SECOND <= away <= least * 1.5 * SECOND
            young, trips = [], trips + 1
        else:
            assert away is None
