"""Fault scripts, plans, and what faults do to messages, without a socket."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferrofeed.sim import KINDS, ORDER_KINDS, Fault, FaultError, FaultPlan, Market, Options, mutate, parse_fault
from ferrofeed.sim.frames import frame
from ferrofeed.sim.infoway import InfowayVenue
from ferrofeed.sim.inject import Injector
from ferrofeed.sim.itick import ItickVenue
from ferrofeed.sim.ziario import ZiarioVenue

if TYPE_CHECKING:
    from ferrofeed.sim.protocol import Topic, Venue

DEPTH: Topic = ("depth", "ETH/USDT")
QUOTE: Topic = ("quote", "ETH/USDT")


def samples() -> list[bytes]:
    market = Market(4)
    venues: list[Venue] = [
        ZiarioVenue(market, Options()),
        ItickVenue(market, Options()),
        InfowayVenue(market, Options()),
    ]
    venues.append(InfowayVenue(market, Options(bare=True)))
    out: list[bytes] = []
    for _ in range(60):
        state = market.step()
        for venue in venues:
            for channel in ("quote", "depth", "trade", "bar:1m"):
                if venue.name == "infoway" and channel == "quote":
                    continue
                text = venue.render(channel, state, state.trade)
                if text is not None:
                    out.append(text)
    return out


SAMPLES = samples()
some_text = st.sampled_from(SAMPLES)
some_seed = st.integers(0, 2**32)


def test_a_script_reads_as_it_says() -> None:
    plan = FaultPlan.parse(
        "at=2.5 disconnect; at=4 half_open for=3 conn=2\nevery=5 drip; # a remark\nat=1 close code=1012", 9
    )
    assert plan == FaultPlan(
        (
            Fault("disconnect", 2.5, mode="rst"),
            Fault("half_open", 4.0, lasts=3.0, conn=2),
            Fault("drip", 5.0, 5.0, lasts=0.5),
            Fault("close", 1.0, numbers={"code": 1012.0}),
        ),
        9,
    )
    assert plan.faults[3].number("code") == 1012
    assert parse_fault("close").number("code") == 1011
    assert parse_fault("corrupt for=2").count is None, "a duration replaces the usual count"
    assert FaultPlan.parse(" ;; \n").faults == ()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("at=1", "exactly one kind"),
        ("drip burst", "exactly one kind"),
        ("at=1 disconect", "did you mean 'disconnect'"),
        ("drip fro=1", "did you mean 'for'"),
        ("drip n=3", "drip takes no 'n'"),
        ("disconnect for=3", "disconnect takes no 'for'"),
        ("burst conn=1", "burst takes no 'conn'"),
        ("disconnect mode=rset", "did you mean 'rst'"),
        ("at=soon drip", "at is 'soon': expected a number not below 0"),
        ("at=-1 drip", "expected a number not below 0"),
        ("at=nan drip", "expected a number"),
        ("for=inf drip", "expected a number"),
        ("at=1 at=2 drip", "at is given twice"),
        ("every=0 drip", "every must be above 0"),
    ],
)
def test_a_bad_script_is_told_what_was_expected(script: str, words: str) -> None:
    with pytest.raises(FaultError, match=re.escape(words)) as caught:
        FaultPlan.parse(script)
    assert script in str(caught.value)


@given(seed=some_seed, duration=st.floats(1, 5000))
def test_random_plans_repeat_fit_and_survive_their_text_form(seed: int, duration: float) -> None:
    plan = FaultPlan.random(seed, duration, count=30)
    assert plan == FaultPlan.random(seed, duration, count=30)
    assert len(plan.faults) == 30
    assert all(0 <= fault.at + (fault.lasts or 0) <= duration + 0.01 for fault in plan.faults)
    assert [fault.at for fault in plan.faults] == sorted(fault.at for fault in plan.faults)
    assert FaultPlan.parse(str(plan), seed) == plan


def test_random_plans_reach_every_kind_and_keep_to_those_asked_for() -> None:
    seen = {fault.kind for seed in range(40) for fault in FaultPlan.random(seed, 10).faults}
    assert seen == set(KINDS) - ORDER_KINDS
    assert {fault.kind for fault in FaultPlan.random(1, 20, ["drip", "burst"]).faults} == {"drip", "burst"}
    with pytest.raises(FaultError, match="did you mean 'drip'"):
        FaultPlan.random(1, 20, ["drop"])


@settings(max_examples=300, deadline=None)
@given(text=some_text, seed=some_seed)
def test_corrupt_is_never_json_and_always_utf8(text: bytes, seed: int) -> None:
    broken = mutate.corrupt(text, random.Random(seed))
    assert broken == mutate.corrupt(text, random.Random(seed))
    broken.decode()
    assert not is_json(broken)


def is_json(text: bytes) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return True


def shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


@settings(max_examples=300, deadline=None)
@given(text=some_text, seed=some_seed)
def test_wrong_types_stay_json_and_change_one_type(text: bytes, seed: int) -> None:
    wrong = mutate.wrong_types(text, random.Random(seed))
    assert shape(json.loads(wrong, parse_float=int_like)) != shape(json.loads(text, parse_float=int_like))


def int_like(_text: str) -> int:
    return 0


@settings(max_examples=300, deadline=None)
@given(text=some_text, seed=some_seed)
def test_strange_numbers_replace_one_number_and_keep_its_quotes(text: bytes, seed: int) -> None:
    strange = mutate.strange_numbers(text, random.Random(seed))
    assert strange != text
    assert strange.count(b'"') == text.count(b'"')
    front = next(i for i, (a, b) in enumerate(zip(strange, text, strict=False)) if a != b)
    changed_by = len(strange) - len(text)
    assert abs(changed_by) < 40
    assert front >= 0


@settings(deadline=None)
@given(text=some_text, size=st.integers(0, 3000))
def test_oversize_pads_and_stays_json(text: bytes, size: int) -> None:
    big = mutate.oversize(text, size)
    assert len(big) == max(size, len(text) + len(b',"pad":""'))
    value = json.loads(big)
    del value["pad"]
    assert value == json.loads(text)


def injected(script: str, count: int = 12, seed: int = 0, topic: Topic = QUOTE) -> list[bytes]:
    injector = Injector(seed, 1)
    injector.start(parse_fault(script), 0.0)
    out: list[bytes] = []
    for index in range(count):
        out.extend(wired.data for wired in injector.process(b'{"n":%d}' % index, "data", topic))
    return out


def whole(*numbers: int) -> list[bytes]:
    return [frame(b'{"n":%d}' % number) for number in numbers]


def test_duplicates_reorders_and_stale_repeats() -> None:
    assert injected("duplicate n=2", 4) == whole(0, 0, 1, 1, 2, 3)
    assert injected("reorder n=2", 5) == whole(1, 0, 3, 2, 4)
    assert injected("stale n=2", 5) == whole(0, 1, 2, 0, 3, 0, 4)


def test_chance_strikes_some_and_repeats_with_its_seed() -> None:
    some = injected("duplicate n=1000 p=0.5", 400)
    assert 500 < len(some) < 700
    assert some == injected("duplicate n=1000 p=0.5", 400)
    assert some != injected("duplicate n=1000 p=0.5", 400, seed=1)


def test_what_is_held_back_comes_out_at_the_end() -> None:
    injector = Injector(0, 1)
    injector.start(parse_fault("reorder for=1"), 0.0)
    assert injector.process(b"{}", "data", QUOTE) == []
    assert injector.expire(0.5) == []
    assert [wired.data for wired in injector.expire(1.0)] == [frame(b"{}")]
    assert injector.active == []


def test_silence_is_for_its_channel_and_symbol_only() -> None:
    def passes(script: str, topic: Topic) -> bool:
        return bool(injected(script, 1, topic=topic))

    assert not passes("silent channel=depth", DEPTH)
    assert passes("silent channel=depth", QUOTE)
    assert not passes("silent channel=bar", ("bar:5m", "ETH/USDT"))
    assert passes("silent channel=bar:1m", ("bar:5m", "ETH/USDT"))
    assert not passes("silent symbol=ETHUSDT", QUOTE)
    assert passes("silent symbol=BTC/USDT", QUOTE)
    assert not passes("silent channel=quote symbol=ETH/USDT", QUOTE)
    assert passes("silent channel=quote symbol=ETH/USDT", DEPTH)


def test_ping_only_and_lost_acks_touch_nothing_else() -> None:
    injector = Injector(0, 1)
    injector.start(parse_fault("ping_only"), 0.0)
    injector.start(parse_fault("lost_ack n=1"), 0.0)
    assert not injector.process(b"{}", "data", QUOTE)
    assert injector.process(b"{}", "pong", QUOTE)
    assert injector.process(b"{}", "nack", QUOTE)
    assert not injector.process(b"{}", "ack", QUOTE)
    assert injector.process(b"{}", "ack", QUOTE)
    assert injector.struck == 2


def test_faults_end_by_time_or_by_count() -> None:
    injector = Injector(0, 1)
    injector.start(parse_fault("ping_only for=2"), 10.0)
    injector.start(parse_fault("corrupt n=1"), 10.0)
    injector.process(b'{"a":1}', "ack", QUOTE)
    injector.expire(11.9)
    assert injector.has("ping_only")
    injector.expire(12.0)
    assert [entry.fault.kind for entry in injector.active] == ["corrupt"]
    injector.process(b'{"a":1}', "data", QUOTE)
    injector.expire(12.0)
    assert injector.active == []


def test_plans_are_in_time_order() -> None:
    for seed in range(20):
        assert all(a.at <= b.at for a, b in pairwise(FaultPlan.random(seed, 30).faults))
