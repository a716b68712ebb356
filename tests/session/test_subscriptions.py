"""The subscription machine and its requests against a naive model, and its corner cases one by one."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.session.support import SPECS, topics

from ferrofeed.session.requests import Request, Requests
from ferrofeed.session.subscriptions import Subscriptions, TopicState
from ferrofeed.session.units import SECOND
from ferrofeed.spec import Ack, Limits, Nack, Topic

POOL = topics("quote", "A", "B", "C", "D", "E") + topics("depth", "A", "B")


def no_data(_topic: Topic) -> int:
    return 0


def desk(venue: str = "itick", **limits: int) -> tuple[Subscriptions, Requests]:
    spec = SPECS[venue]
    subscriptions = Subscriptions(Limits(**limits))
    return subscriptions, Requests(spec, subscriptions, Random(1))


def send(requests: Requests, now: int = 0) -> Request:
    request = requests.next(now)
    assert request is not None
    requests.sent(request, now)
    return request


class Machine(RuleBasedStateMachine):
    """Any order of wishes, requests, replies, silences and disconnects, beside a server that is a plain set."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions, self.requests = desk(topics_per_request=3)
        self.refs: Counter[Topic] = Counter()
        self.server: set[Topic] = set()
        self.flight: Request | None = None
        self.told: set[Topic] = set()
        self.now = 0

    def _tell(self, subscribed: list[Topic], unsubscribed: list[Topic]) -> None:
        for topic in subscribed:
            assert topic not in self.told, "announced twice"
            self.told.add(topic)
        self.told -= set(unsubscribed)

    @rule(topic=st.sampled_from(POOL))
    def want(self, topic: Topic) -> None:
        self.refs[topic] += 1
        self._tell(self.subscriptions.want(topic).subscribed, [])

    @rule(topic=st.sampled_from(POOL))
    def unwant(self, topic: Topic) -> None:
        self.refs[topic] = max(0, self.refs[topic] - 1)
        self._tell([], self.subscriptions.unwant(topic).unsubscribed)

    @rule(topic=st.sampled_from(POOL))
    def renew(self, topic: Topic) -> None:
        self.subscriptions.renew(topic)

    @precondition(lambda self: self.flight is None)
    @rule(applied=st.booleans())
    def ask(self, applied: bool) -> None:
        request = self.requests.next(self.now)
        assert (request is None) == (self.requests.sendable_ns(self.now) > self.now)
        if request is None:
            return
        self.requests.sent(request, self.now)
        assert 1 <= len(request.topics) <= 3
        assert len({topic.channel for topic in request.topics}) == 1
        self.flight = request
        if applied:
            self._apply(request)

    def _apply(self, request: Request) -> None:
        if request.action == "subscribe":
            self.server |= set(request.topics)
        else:
            self.server -= set(request.topics)

    @precondition(lambda self: self.flight is not None)
    @rule()
    def ack(self) -> None:
        assert self.flight is not None
        self._apply(self.flight)
        result = self.requests.ack(Ack(action=self.flight.action), self.now)
        assert result.matched
        self._tell(result.outcome.subscribed, result.outcome.unsubscribed)
        self.flight = None
        self._line_free()

    @precondition(lambda self: self.flight is not None and not self.flight.renewal)
    @rule()
    def try_later(self) -> None:
        assert self.flight is not None
        self.requests.nack(Nack("later", retry_after_s=5.0, action=self.flight.action), self.now)
        self.flight = None
        self.now += 3600 * SECOND

    @precondition(lambda self: self.flight is not None)
    @rule()
    def silence(self) -> None:
        assert self.flight is not None
        self.now = self.requests.expiry_ns()
        result = self.requests.expire(self.now, no_data, self.now)
        self._tell(result.outcome.subscribed, result.outcome.unsubscribed)
        assert result.unanswered == [self.flight]
        if result.dead:
            self.disconnect()
        self.flight = None
        self._line_free()

    @rule()
    def disconnect(self) -> None:
        self.requests.disconnected()
        self._tell([], self.subscriptions.disconnected().unsubscribed)
        self.server.clear()
        self.told.clear()
        self.flight = None

    def _line_free(self) -> None:
        self.now += 3600 * SECOND

    @invariant()
    def refs_agree(self) -> None:
        for topic in POOL:
            entry = self.subscriptions.get(topic)
            assert (entry.refs if entry else 0) == self.refs[topic]
        assert self.subscriptions.wanted == sum(1 for refs in self.refs.values() if refs)

    @invariant()
    def acknowledged_is_there(self) -> None:
        for topic in self.subscriptions.topics(TopicState.ACKED):
            assert topic in self.server or (self.flight is not None and topic in self.flight.topics)

    def teardown(self) -> None:
        """With a server that answers from here on, everything settles as wanted."""
        if self.flight is not None:
            self.ack()
        for _ in range(200):
            request = self.requests.next(self.now)
            if request is None:
                break
            self.requests.sent(request, self.now)
            self.flight = request
            self.ack()
        wanted = {topic for topic, refs in self.refs.items() if refs}
        assert set(self.subscriptions.topics(TopicState.ACKED)) == wanted == self.server == self.told
        assert len(self.requests) == 0


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_one_bad_symbol_does_not_cost_its_neighbours() -> None:
    subscriptions, requests = desk()
    all_topics = topics("quote", *(f"S{n}" for n in range(100)))
    for topic in all_topics:
        subscriptions.want(topic)
    bad = all_topics[37]
    asked = 0
    while (request := requests.next(0)) is not None:
        requests.sent(request, 0)
        asked += 1
        if bad in request.topics:
            requests.nack(Nack("cannot be resolved action", action="subscribe"), 0)
        else:
            requests.ack(Ack(), 0)
    assert subscriptions.topics(TopicState.REFUSED) == [bad]
    assert len(subscriptions.topics(TopicState.ACKED)) == 99
    assert asked <= 16


def test_a_refused_topic_is_tried_again_only_when_asked_for_anew() -> None:
    subscriptions, requests = desk()
    topic = Topic("quote", "A")
    subscriptions.want(topic)
    send(requests)
    assert requests.nack(Nack("no", action="subscribe"), 0).outcome.refused == [topic]
    assert requests.next(10**15) is None
    subscriptions.disconnected()
    assert requests.next(10**15) is None
    subscriptions.want(topic)
    assert send(requests).topics == (topic,)


def test_symbols_not_listed_were_refused_and_the_others_stand() -> None:
    subscriptions, requests = desk("ziario")
    a, b = topics("quote", "A", "B")
    subscriptions.want(a)
    subscriptions.want(b)
    send(requests)
    outcome = requests.ack(Ack(raw_symbols=("B",)), 0).outcome
    assert (outcome.subscribed, outcome.refused) == ([b], [a])


def test_a_list_of_other_symbols_is_not_our_reply() -> None:
    subscriptions, requests = desk("ziario")
    subscriptions.want(Topic("quote", "A"))
    send(requests)
    assert not requests.ack(Ack(raw_symbols=("Z",)), 0).matched
    assert len(requests) == 1


def test_an_empty_list_refuses_all() -> None:
    subscriptions, requests = desk("ziario")
    subscriptions.want(Topic("quote", "A"))
    send(requests)
    assert requests.ack(Ack(raw_symbols=()), 0).outcome.refused == [Topic("quote", "A")]


def test_after_a_retry_the_line_is_held_until_the_second_reply() -> None:
    subscriptions, requests = desk()
    a, b = topics("quote", "A", "B")
    subscriptions.want(a)
    send(requests)
    now = requests.expiry_ns()
    requests.expire(now, no_data, now)
    again = requests.next(now)
    assert again is not None
    assert again.topics == (a,)
    requests.sent(again, now)
    assert requests.ack(Ack(), now).outcome.subscribed == [a]
    subscriptions.want(b)
    assert requests.next(now) is None
    # the late reply to the first try must not be taken for b's
    assert not requests.ack(Ack(), now).matched
    assert send(requests, now).topics == (b,)


def test_the_line_is_free_again_when_no_second_reply_can_come() -> None:
    subscriptions, requests = desk()
    subscriptions.want(Topic("quote", "A"))
    send(requests)
    now = requests.expiry_ns()
    requests.expire(now, no_data, now)
    send(requests, now)
    requests.ack(Ack(), now)
    subscriptions.want(Topic("quote", "B"))
    free = requests.sendable_ns(now)
    assert now < free <= now + 60 * SECOND
    assert requests.next(free) is not None


def test_a_late_reply_by_id_counts_for_the_retry() -> None:
    subscriptions, requests = desk("infoway")
    topic = Topic("trade", "A")
    subscriptions.want(topic)
    first = send(requests).id
    now = requests.expiry_ns()
    requests.expire(now, no_data, now)
    second = send(requests, now)
    assert second.id != first
    assert requests.ack(Ack(first), now).outcome.subscribed == [topic]
    assert not requests.ack(Ack(second.id), now).matched


def test_a_reply_with_a_foreign_id_is_nobodys() -> None:
    subscriptions, requests = desk("infoway")
    subscriptions.want(Topic("trade", "A"))
    send(requests)
    assert not requests.ack(Ack("0123"), 0).matched
    assert not requests.nack(Nack("no", "0123"), 0).matched


def test_data_stands_for_an_acknowledgement_that_was_lost() -> None:
    subscriptions, requests = desk()
    topic = Topic("quote", "A")
    subscriptions.want(topic)
    send(requests, 5)
    now = requests.expiry_ns()
    result = requests.expire(now, lambda _topic: now - 1, now)
    assert result.outcome.subscribed == [topic]
    assert len(requests) == 0


def test_nothing_at_all_after_three_tries_means_dead() -> None:
    subscriptions, requests = desk()
    subscriptions.want(Topic("quote", "A"))
    for _ in range(3):
        send(requests, now := requests.expiry_ns() if len(requests) else 0)
        now = requests.expiry_ns()
        result = requests.expire(now, no_data, 0)
    assert result.dead


def test_one_topic_never_acknowledged_does_not_end_a_connection_that_delivers() -> None:
    subscriptions, requests = desk()
    good, odd = Topic("quote", "A"), Topic("depth", "A")
    subscriptions.want(good)
    send(requests)
    requests.ack(Ack(), 0)
    subscriptions.want(odd)

    def activity(topic: Topic) -> int:
        return now if topic == good else 0

    now = 1
    for _ in range(3):
        send(requests, now)
        now = requests.expiry_ns()
        result = requests.expire(now, activity, now)
    assert not result.dead
    assert result.given_up == [odd]
    assert subscriptions.ready_at() is not None
    assert now + 60 * SECOND <= (subscriptions.ready_at() or 0) <= now + 75 * SECOND


@pytest.mark.parametrize("setbacks", range(8))
def test_try_later_takes_longer_each_time_up_to_a_cap(setbacks: int) -> None:
    subscriptions, requests = desk()
    subscriptions.want(Topic("quote", "A"))
    now = 0
    for _ in range(setbacks + 1):
        send(requests, now)
        requests.nack(Nack("later", retry_after_s=30.0, action="subscribe"), now)
        before, now = now, subscriptions.ready_at() or 0
    wait = min(600, 30 * 2**setbacks)
    assert wait * SECOND <= now - before <= wait * 1.25 * SECOND


def test_dropping_while_asked_and_wanting_while_dropped() -> None:
    subscriptions, requests = desk()
    topic = Topic("quote", "A")
    subscriptions.want(topic)
    send(requests)
    subscriptions.unwant(topic)
    assert requests.ack(Ack(), 0).outcome.subscribed == []
    assert send(requests).action == "unsubscribe"
    subscriptions.want(topic)
    assert requests.ack(Ack(action="unsubscribe"), 0).outcome.unsubscribed == [topic]
    assert send(requests).action == "subscribe"
    assert requests.ack(Ack(), 0).outcome.subscribed == [topic]


def test_a_wish_back_before_the_drop_was_sent_costs_nothing() -> None:
    subscriptions, requests = desk()
    topic = Topic("quote", "A")
    subscriptions.want(topic)
    send(requests)
    requests.ack(Ack(), 0)
    subscriptions.unwant(topic)
    subscriptions.want(topic)
    assert requests.next(0) is None
    assert subscriptions.topics(TopicState.ACKED) == [topic]


def test_a_refused_renewal_keeps_the_subscription() -> None:
    subscriptions, requests = desk()
    topic = Topic("quote", "A")
    subscriptions.want(topic)
    send(requests)
    requests.ack(Ack(), 0)
    subscriptions.renew(topic)
    assert send(requests).renewal
    assert requests.nack(Nack("already subscribed", action="subscribe"), 0).outcome.refused == []
    assert subscriptions.topics(TopicState.ACKED) == [topic]


def test_a_full_connection_refuses_more_and_a_drop_makes_room_first() -> None:
    subscriptions, requests = desk(topics_per_connection=2)
    a, b, c = topics("quote", "A", "B", "C")
    subscriptions.want(a)
    subscriptions.want(b)
    assert subscriptions.want(c).refused == [c]
    send(requests)
    requests.ack(Ack(), 0)
    subscriptions.unwant(a)
    subscriptions.want(c)
    assert send(requests).action == "unsubscribe"
    requests.ack(Ack(action="unsubscribe"), 0)
    assert send(requests).topics == (c,)


def test_where_replies_have_no_id_more_than_one_in_flight_is_a_mistake() -> None:
    from dataclasses import replace

    spec = replace(SPECS["itick"], limits=Limits(in_flight=2))
    with pytest.raises(ValueError, match="one request in flight"):
        Requests(spec, Subscriptions(spec.limits), Random(1))
