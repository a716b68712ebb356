"""Quiet topics: judged on data, reported once per silence, asked for again ever more rarely."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.support import SPECS, data_at

from ferrofeed.session.staleness import RENEWAL_CAP_NS, Staleness
from ferrofeed.session.units import NEVER, SECOND
from ferrofeed.spec import Topic

TOPIC = Topic("quote", "ETHUSDT")
LIMIT = 30 * SECOND


def test_limits_are_per_channel_and_all_bars_share_theirs() -> None:
    staleness = Staleness(SPECS["infoway"])
    limits = {channel: staleness.limit_ns(Topic(channel, "A")) // SECOND for channel in ("trade", "depth", "bar:1h")}
    assert limits == {"trade": 120, "depth": 60, "bar:1h": 180}
    assert staleness.limit_ns(Topic("unheard", "A")) == LIMIT


@given(gaps=st.lists(st.integers(1, 200 * SECOND), min_size=1, max_size=40))
@settings(deadline=None)
def test_reported_exactly_once_for_each_silence_and_at_its_limit(gaps: list[int]) -> None:
    staleness = Staleness(SPECS["itick"])
    times = [SECOND]
    for gap in gaps:
        times.append(times[-1] + gap)
    staleness.watch(TOPIC, SECOND)
    reports: list[int] = []
    now = SECOND
    end = times[-1]
    while (now := max(now + 1, min(staleness.next_check_ns, end))) < end:
        found = staleness.check(now, data_at(max(t for t in times if t <= now)))
        reports += [now] * len(found.stale)
    # at the limit, or at the first look after a silence that followed another one within a look's distance
    silences = [(a, b) for a, b in pairwise(times) if b - a > LIMIT + 1]
    assert len(reports) == len([1 for a, b in silences if any(a + LIMIT <= r < b for r in reports)])
    for a, b in silences:
        if b - a > LIMIT + 6 * SECOND:
            assert len([r for r in reports if a + LIMIT <= r <= a + LIMIT + 5 * SECOND + 1]) == 1


def test_checks_before_the_limit_look_at_nothing() -> None:
    staleness = Staleness(SPECS["itick"])
    staleness.watch(TOPIC, 0)
    looked: list[Topic] = []

    def activity(topic: Topic) -> int:
        looked.append(topic)
        return 0

    staleness.check(LIMIT - 1, activity)
    assert looked == []
    assert staleness.next_check_ns == LIMIT


def test_never_delivered_is_told_once_even_over_reconnects() -> None:
    staleness = Staleness(SPECS["itick"])
    told = 0
    for start in (0, 1000 * SECOND, 2000 * SECOND):
        staleness.watch(TOPIC, start)
        for second in range(0, 900, 5):
            told += len(staleness.check(start + second * SECOND, lambda _t: 0).silent)
        staleness.disconnected()
    assert told == 1


def test_renewals_come_ever_more_rarely() -> None:
    staleness = Staleness(SPECS["itick"])
    staleness.watch(TOPIC, 0)
    renewals = [
        second for second in range(1, 4 * 3600) if staleness.check(second * SECOND, lambda _t: SECOND // 2).renew
    ]
    gaps = [b - a for a, b in pairwise(renewals)]
    assert renewals[0] <= 45
    assert gaps == sorted(gaps)
    assert gaps[-1] <= RENEWAL_CAP_NS // SECOND + 5
    assert len(renewals) < 25


def test_data_again_is_noticed_and_the_next_silence_told_anew() -> None:
    staleness = Staleness(SPECS["itick"])
    staleness.watch(TOPIC, 0)
    assert staleness.check(40 * SECOND, lambda _t: 5 * SECOND).stale == [TOPIC]
    assert staleness.quiet == 1
    assert staleness.check(50 * SECOND, lambda _t: 49 * SECOND).recovered == [TOPIC]
    assert staleness.quiet == 0
    assert staleness.check(80 * SECOND, lambda _t: 49 * SECOND).stale == [TOPIC]


def test_nothing_watched_nothing_due() -> None:
    staleness = Staleness(SPECS["itick"])
    staleness.watch(TOPIC, 0)
    staleness.unwatch(TOPIC)
    staleness.check(LIMIT, lambda _t: 0)
    assert staleness.next_check_ns == NEVER
