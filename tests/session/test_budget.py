"""Budgets against a naive count of every window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.support import KEY, SPECS, Config, Plain

from ferrofeed.session.budget import ATTEMPTS, WINDOW_NS, Budget, Budgets, SlidingWindow
from ferrofeed.session.units import SECOND
from ferrofeed.spec import Heartbeat, Limits

STEPS = st.lists(st.tuples(st.integers(0, 20 * SECOND), st.booleans()), max_size=200)


def most_in_any_window(times: list[int], window: int) -> int:
    return max((sum(1 for t in times if start <= t < start + window) for start in times), default=0)


@given(limit=st.integers(1, 12), steps=STEPS)
@settings(deadline=None)
def test_no_window_ever_holds_more_and_a_free_place_is_never_denied(limit: int, steps: list[tuple[int, bool]]) -> None:
    window = SlidingWindow(limit)
    taken: list[int] = []
    now = 0
    for gap, wait in steps:
        now += gap
        at = window.earliest(now)
        naive = sum(1 for t in taken if now - t < WINDOW_NS) < limit
        assert (at == now) == naive
        if wait:
            now = at
        if window.earliest(now) == now:
            window.take(now)
            taken.append(now)
    assert most_in_any_window(taken, WINDOW_NS) <= limit


@given(limit=st.integers(2, 12), data=st.data())
@settings(deadline=None)
def test_earliest_with_a_reserve_is_exact(limit: int, data: st.DataObject) -> None:
    window = SlidingWindow(limit)
    taken: list[int] = []
    now = 0
    for _ in range(limit):
        now += data.draw(st.integers(0, 30 * SECOND))
        window.take(now)
        taken.append(now)
    reserve = data.draw(st.integers(0, limit - 1))
    at = window.earliest(now, reserve)

    def free(when: int) -> bool:
        return sum(1 for t in taken if when - t < WINDOW_NS) + reserve < limit

    assert free(at)
    assert at == now or not free(at - 1)


@given(steps=STEPS, sessions=st.integers(1, 3))
@settings(deadline=None)
def test_requests_never_take_the_heartbeats_places(steps: list[tuple[int, bool]], sessions: int) -> None:
    """However greedy the requests, 30 s heartbeats of every connection always find room, and 60 a minute hold."""
    budget = Budget(Limits(requests_per_minute=60), Heartbeat(interval_s=30.0))
    for _ in range(sessions):
        budget.attach()
    sent: list[int] = []
    next_beat = 0
    now = 0
    for gap, _ in steps:
        now += gap // 4
        while next_beat <= now:
            for _ in range(sessions):
                assert budget.take_heartbeat(next_beat)
                sent.append(next_beat)
            next_beat += 30 * SECOND
        for _ in range(100):
            if not budget.take_request(now):
                break
            sent.append(now)
    assert most_in_any_window(sent, 60 * SECOND) <= 60


def test_two_sessions_of_one_key_share_and_other_keys_do_not() -> None:
    budgets, spec = Budgets(), SPECS["infoway"]
    first = budgets.of(spec, Config(id="a"))
    assert budgets.of(spec, Config(id="b")) is first
    assert budgets.of(spec, Config(api_key=Plain("another"))) is not first
    assert budgets.of(replace(spec, name="other"), Config()) is not first
    assert KEY not in repr(vars(budgets))


def test_requests_keep_their_distance_and_heartbeats_need_none() -> None:
    budget = Budget(Limits(requests_per_minute=60, request_gap_s=1.0), Heartbeat())
    assert budget.take_request(0)
    assert budget.request_at(0) == SECOND
    assert not budget.take_request(SECOND - 1)
    assert budget.take_heartbeat(0)
    assert budget.take_request(SECOND)


def test_a_venue_that_calls_for_a_pause_gets_it() -> None:
    budget = Budget(Limits(), Heartbeat())
    budget.pause(5 * SECOND)
    assert budget.request_at(0) == 5 * SECOND
    assert budget.take_heartbeat(0)
    assert budget.take_request(5 * SECOND)


def test_connections_of_a_key_are_counted_until_given_back() -> None:
    budget = Budget(Limits(connections_per_key=1), Heartbeat())
    assert budget.take_connect(0)
    assert budget.connect_at(1) is None
    assert not budget.take_connect(1)
    budget.release()
    assert budget.take_connect(1)


def test_connects_have_a_window_too() -> None:
    budget = Budget(Limits(connects_per_minute=3), Heartbeat())
    for _ in range(3):
        assert budget.take_connect(0)
    assert budget.connect_at(0) == WINDOW_NS


def test_a_budget_without_rate_lets_requests_pass() -> None:
    budget = Budget(Limits(), Heartbeat())
    assert budget.reserve == 0
    assert all(budget.take_request(0) for _ in range(1000))


def test_a_window_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="allows nothing"):
        SlidingWindow(0)


def test_who_comes_with_keys_of_his_own_has_a_budget_and_all_of_them_together_another() -> None:
    budgets, spec = Budgets(), SPECS["itick"]
    each, most = spec.limits.connects_per_minute, 3

    def tries(owner: str, now: int) -> int:
        budget = budgets.other(spec, "v", owner, most=most)
        count = 0
        while budget.take_connect(now):
            budget.release()
            count += 1
        return count

    assert tries("anna", 0) == each, "as often as any key"
    assert tries("anna", 1) == 0, "the same one when she comes again"
    assert tries("bert", 1) == ATTEMPTS * most, "what is left of all"
    assert tries("carl", 1) == 0
    again = budgets.other(spec, "v", "carl", most=most)
    assert again.connect_at(1) == WINDOW_NS
    assert budgets.other(spec, "w", "anna", most=most).connect_at(1) == 1, "another venue"
    assert budgets.of(spec, Config()).connect_at(1) == 1, "our own key waits for nobody"
    assert tries("carl", WINDOW_NS) == each
