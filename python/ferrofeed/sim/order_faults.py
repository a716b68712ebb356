"""Faults that strike orders: which requests and notifications they hit, and what becomes of those; no I/O, no clock.

The kinds and what they take are in :data:`ferrofeed.sim.fault_kinds.KINDS`, with those of every other venue.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrofeed.sim.fault_kinds import KINDS
from ferrofeed.sim.faults import Fault, FaultError, parse_fault
from ferrofeed.sim.protocol import NS

if TYPE_CHECKING:
    from ferrofeed.sim.order_types import Op

LATE_BOUND_S = 10.0
"""Nothing is processed or told later than this by a fault."""
OPS = ("place", "cancel", "query", "any")
TOPICS = ("order", "fill", "position", "asset", "any")
_USUAL_OP = {"ack_late": "place", "ack_lost": "place", "ack_twice": "place"}


@dataclass(slots=True)
class Fate:
    """What becomes of one request."""

    cut: Fault | None = None
    """The connection ends at :attr:`point`."""
    point: str = ""
    """``unread``: before it is read; ``read``: then, and nothing more happens; ``late``: then, and it is processed all
    the same, later; ``done``: in place of the answer; ``answered``: right after the answer."""
    lost: bool = False
    """It is read and never processed."""
    work_delay_ns: int = 0
    """It is processed so much later."""
    throttled: bool = False
    refused: str = ""
    """It is refused in these words."""
    race: bool = False
    """The orders it would cancel are filled just before."""
    answer_lost: bool = False
    answer_delay_ns: int = 0
    repeat_ns: int | None = None
    """The answer is sent again so much later."""
    hold_ns: int = 0
    """The answer waits so long for a notification that the order was filled or ended, then comes alone."""


@dataclass(slots=True)
class Word:
    """What becomes of one notification."""

    untold: Fault | None = None
    """The connection ends in its place."""
    told: Fault | None = None
    """The connection ends right after it."""
    lost: bool = False
    delay_ns: int = 0
    repeat_ns: int | None = None
    shuffle_ns: int | None = None
    """It waits until then with others, to come in a random order."""


@dataclass(slots=True)
class _Active:
    fault: Fault
    until_ns: int | None
    left: int | None
    rng: random.Random

    def hit(self) -> bool:
        if self.left == 0 or (self.fault.chance < 1.0 and self.rng.random() >= self.fault.chance):
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def over(self, now_ns: int) -> bool:
        return self.left == 0 or (self.until_ns is not None and now_ns >= self.until_ns)


def check(fault: Fault | str) -> Fault:
    """Read a fault and look at what only trading venues know of. :raises FaultError: it can't be."""
    if isinstance(fault, str):
        fault = parse_fault(fault)
    for name, values in (("op", OPS), ("topic", TOPICS)):
        value = fault.words.get(name)
        if value is not None and value not in values:
            raise FaultError(f"{str(fault)!r}: {name} is {value!r}: expected one of {', '.join(values)}")
    how = fault.words.get("how")
    if how is not None and how not in ("fin", "rst", "clean"):
        raise FaultError(f"{str(fault)!r}: how is {how!r}: expected one of fin, rst, clean")
    for name in KINDS[fault.kind].numbers if KINDS[fault.kind].orders else ():
        if not 0 <= fault.number(name) <= LATE_BOUND_S:
            raise FaultError(f"{str(fault)!r}: {name} is {fault.number(name):g}: expected 0 to {LATE_BOUND_S:g}")
    return fault


class OrderFaults:
    """The order faults in force at one venue."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._started = 0
        self._active: list[_Active] = []
        self.struck = 0
        """Requests and notifications hit so far."""

    def start(self, fault: Fault, now_ns: int) -> None:
        """Put a fault in force."""
        self._started += 1
        until_ns = None if fault.lasts is None else now_ns + round(fault.lasts * NS)
        rng = random.Random(f"{self._seed}/orders/{self._started}/{fault.kind}")  # noqa: S311
        self._active.append(_Active(fault, until_ns, fault.count, rng))

    def _hits(self, connection: int, now_ns: int, kinds: frozenset[str]) -> list[_Active]:
        self._active = [entry for entry in self._active if not entry.over(now_ns)]
        return [e for e in self._active if e.fault.kind in kinds and e.fault.conn in (None, connection)]

    def fate(self, connection: int, op: Op, now_ns: int) -> Fate:
        """Decide what becomes of a request."""
        fate = Fate()
        for entry in self._hits(connection, now_ns, _REQUEST_KINDS):
            if _concerns(entry.fault, op, fate) and entry.hit():
                self.struck += 1
                _seal(fate, entry.fault)
        return fate

    def word(self, connection: int, topic: str, change: str, now_ns: int) -> Word:
        """Decide what becomes of a notification. ``change``: what it tells of an order, empty for anything else."""
        word = Word()
        for entry in self._hits(connection, now_ns, _NOTICE_KINDS):
            fault = entry.fault
            if not _regards(fault, topic, change, word) or not entry.hit():
                continue
            self.struck += 1
            if fault.kind == "cut" and fault.mode.endswith("_untold"):
                word.untold = fault
            elif fault.kind == "cut":
                word.told = fault
            elif fault.kind == "fill_twice":
                word.repeat_ns = ns(fault, "delay")
            elif fault.kind == "push_lost":
                word.lost = True
            elif fault.kind == "push_late":
                word.delay_ns = _later(word.delay_ns, fault)
            else:
                word.shuffle_ns = entry.until_ns
        return word


def ns(fault: Fault, name: str) -> int:
    """Return a number of seconds in nanoseconds."""
    return round(fault.number(name) * NS)


def _later(delay_ns: int, fault: Fault) -> int:
    """Add a fault's delay to others', up to the bound."""
    return min(delay_ns + ns(fault, "delay"), round(LATE_BOUND_S * NS))


def _concerns(fault: Fault, op: Op, fate: Fate) -> bool:
    """Whether a fault is about such requests."""
    if fault.kind == "cut":
        about, _, point = fault.mode.partition("_")
        # one end of a connection is enough
        return about == op and point in _REQUEST_POINTS and fate.cut is None
    if fault.kind == "cancel_race":
        return op == "cancel"
    if fault.kind == "ack_after_fill":
        return op == "place"
    return fault.words.get("op", _USUAL_OP.get(fault.kind, "any")) in (op, "any")


def _regards(fault: Fault, topic: str, change: str, word: Word) -> bool:
    """Whether a fault is about such notifications."""
    if fault.kind == "cut":
        about, _, point = fault.mode.partition("_")
        told = {"fill": "fill", "cancel": "cancelled"}.get(about)
        return point in ("untold", "told") and change == told and word.untold is None and word.told is None
    if fault.kind == "fill_twice":
        return change == "fill"
    return fault.words.get("topic", "any") in (topic, "any")


def _seal(fate: Fate, fault: Fault) -> None:  # noqa: C901 - a table of what each kind does
    match fault.kind:
        case "cut":
            fate.cut, fate.point = fault, fault.mode.partition("_")[2]
            if fate.point == "late":
                fate.work_delay_ns = _later(fate.work_delay_ns, fault)
        case "request_lost":
            fate.lost = True
        case "request_late":
            fate.work_delay_ns = _later(fate.work_delay_ns, fault)
        case "throttle":
            fate.throttled = True
        case "refuse":
            fate.refused = fault.words.get("reason", "refused").replace("_", " ")
        case "cancel_race":
            fate.race = True
        case "ack_lost":
            fate.answer_lost = True
        case "ack_late":
            fate.answer_delay_ns = _later(fate.answer_delay_ns, fault)
        case "ack_twice":
            fate.repeat_ns = ns(fault, "delay")
        case _:
            fate.hold_ns = ns(fault, "hold")


_REQUEST_POINTS = ("unread", "read", "late", "done", "answered")
_NOTICE_KINDS = frozenset({"cut", "fill_twice", "push_lost", "push_late", "push_shuffle"})
_REQUEST_KINDS = frozenset(kind for kind, spec in KINDS.items() if spec.orders and not spec.everywhere) - (
    _NOTICE_KINDS - {"cut"}
)
