"""What the faults in force do to one connection's messages, between the session and the wire. No sockets here."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ferrofeed.sim import mutate
from ferrofeed.sim.fault_kinds import KINDS
from ferrofeed.sim.frames import fragments, frame

if TYPE_CHECKING:
    from ferrofeed.sim.faults import Fault
    from ferrofeed.sim.protocol import Kind, Topic

_HISTORY = 8


class Wired(NamedTuple):
    """One message as it goes on the wire (several frames where it is fragmented)."""

    data: bytes
    topic: Topic


@dataclass(slots=True)
class Active:
    """A fault in force."""

    fault: Fault
    until: float | None
    """Loop time at which it ends; None: when ``left`` is used up."""
    left: int | None
    rng: random.Random
    held: Wired | None = None
    """``reorder``: the message that waits for the next one."""
    history: dict[Topic, deque[bytes]] = field(default_factory=dict)
    """``stale``: what was sent, newest last."""

    def hit(self) -> bool:
        """Decide whether it strikes now, and count it."""
        if self.left is not None and self.left <= 0:
            return False
        if self.fault.chance < 1.0 and self.rng.random() >= self.fault.chance:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def over(self, now: float) -> bool:
        """Whether it has ended."""
        if self.held is not None and self.until is None:
            return False
        return (self.left is not None and self.left <= 0) or (self.until is not None and now >= self.until)


class Injector:
    """The faults in force on one connection."""

    def __init__(self, seed: int, connection: int) -> None:
        self._seed = seed
        self._connection = connection
        self._started = 0
        self.active: list[Active] = []
        self.withheld = 0
        """Messages kept back for good."""
        self.struck = 0
        """How often a message was changed, repeated, moved or withheld."""

    def start(self, fault: Fault, now: float, until: float | None = None) -> None:
        """Put a fault in force; ``until`` overrides its own length (a connection that joins later)."""
        if until is None and fault.lasts is not None:
            until = now + fault.lasts
        self._started += 1
        # equal seeds, equal connections, equal order of faults: equal damage
        rng = random.Random(f"{self._seed}/{self._connection}/{self._started}/{fault.kind}")  # noqa: S311
        self.active.append(Active(fault, until, fault.count, rng))

    def expire(self, now: float) -> list[Wired]:
        """Drop what has ended; returns messages that were held back."""
        out = [entry.held for entry in self.active if entry.held is not None and entry.over(now)]
        self.active = [entry for entry in self.active if not entry.over(now)]
        return out

    def has(self, kind: str) -> Active | None:
        """Return the first fault of a kind in force."""
        for entry in self.active:
            if entry.fault.kind == kind:
                return entry
        return None

    def process(self, payload: bytes, kind: Kind, topic: Topic) -> list[Wired]:
        """Turn one message into what goes on the wire: nothing, itself, or something else."""
        if self._kept_back(kind, topic):
            self.withheld += 1
            self.struck += 1
            return []
        if kind == "data":
            payload = self._changed(payload)
        out = [Wired(self._framed(payload), topic)]
        if kind == "data":
            out = self._sequenced(out, payload, topic)
        return out

    def _kept_back(self, kind: Kind, topic: Topic) -> bool:
        for entry in self.active:
            what = entry.fault.kind
            if what == "half_open":
                return True
            if what == "lost_ack" and kind == "ack" and entry.hit():
                return True
            if kind == "data" and (what == "ping_only" or (what == "silent" and _concerned(entry.fault, topic))):
                return True
        return False

    def _changed(self, payload: bytes) -> bytes:
        before = payload
        for entry in self.active:
            what = entry.fault.kind
            if what == "corrupt" and entry.hit():
                payload = mutate.corrupt(payload, entry.rng)
            elif what == "wrong_types" and entry.hit():
                payload = mutate.wrong_types(payload, entry.rng)
            elif what == "numbers" and entry.hit():
                payload = mutate.strange_numbers(payload, entry.rng)
            elif what == "oversize" and entry.hit():
                payload = mutate.oversize(payload, int(entry.fault.number("size")))
        self.struck += payload is not before
        return payload

    def _framed(self, payload: bytes) -> bytes:
        entry = self.has("fragments")
        if entry is None or not entry.hit():
            return frame(payload)
        self.struck += 1
        return b"".join(fragments(payload, int(entry.fault.number("parts"))))

    def _sequenced(self, out: list[Wired], payload: bytes, topic: Topic) -> list[Wired]:
        for entry in self.active:
            what = entry.fault.kind
            # another fault may hold the message back
            if what == "duplicate" and out and entry.hit():
                out = [*out, out[-1]]
            elif what == "stale":
                past = entry.history.setdefault(topic, deque(maxlen=_HISTORY))
                if len(past) > 1 and entry.hit():
                    out = [*out, Wired(frame(past[0]), topic)]
                past.append(payload)
            elif what == "reorder" and entry.held is not None:
                out = [*out, entry.held]
                entry.held = None
            elif what == "reorder" and out and entry.hit():
                entry.held, out = out[-1], out[:-1]
            else:
                continue
            self.struck += 1
        return out


def _concerned(fault: Fault, topic: Topic) -> bool:
    channel, symbol = topic
    wanted = fault.words.get("channel")
    if wanted is not None and channel != wanted and channel.partition(":")[0] != wanted:
        return False
    return fault.words.get("symbol", symbol) in (symbol, symbol.replace("/", ""))


def lasting(fault: Fault) -> bool:
    """Whether new connections come under a fault that is in force, too: those of the venue, not those of one path."""
    return fault.lasts is not None and fault.kind != "half_open" and fault.kind in KINDS
