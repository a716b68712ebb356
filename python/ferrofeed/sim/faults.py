"""Scripted faults: what goes wrong, when, and for how long. Text and plan are two forms of one thing.

A script is statements separated by ``;`` or line ends, each one kind of fault and ``name=value`` pairs::

    at=2.5 disconnect mode=rst; at=4 half_open for=3; every=5 drip for=0.5; at=1 close code=1012 conn=2

``at`` and ``every`` are seconds since the simulator started. ``for`` is how long a fault lasts, ``n`` how many messages
it hits (or handshakes or logins it refuses), ``p`` the chance that it hits a message, ``conn`` the one connection (1 is
the first accepted) it concerns. Which messages are hit, and how, follows from the plan's seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ferrofeed.sim.fault_kinds import KINDS, ORDER_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ferrofeed.sim.fault_kinds import KindSpec


class FaultError(ValueError):
    """A fault script that can't be read; the text says where and what was expected."""


_TIMELESS = frozenset({"disconnect", "close", "burst", "protocol_error", "restart"})


def _takes(kind: str) -> tuple[str, ...]:
    spec = KINDS[kind]
    names = ["at", "every"]
    if kind not in _TIMELESS:
        names.append("for")
    if spec.count is not None:
        names.append("n")
    if spec.messages:
        names.append("p")
    if not spec.everywhere:
        names.append("conn")
    if spec.modes:
        names.append("mode")
    return (*names, *spec.numbers, *spec.words)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Times in seconds; ``lasts`` None and ``count`` None mean at once."""

    kind: str
    at: float = 0.0
    every: float | None = None
    lasts: float | None = None
    count: int | None = None
    chance: float = 1.0
    conn: int | None = None
    mode: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """Return a number of this kind, its usual value where none was given."""
        return self.numbers.get(name, KINDS[self.kind].numbers[name])

    def __str__(self) -> str:
        parts = [f"at={self.at:.15g}" if self.every is None else f"every={self.every:.15g}"]
        if self.every is not None and self.at != self.every:
            parts.append(f"at={self.at:.15g}")
        parts.append(self.kind)
        if self.mode:
            parts.append(f"mode={self.mode}")
        if self.lasts is not None:
            parts.append(f"for={self.lasts:.15g}")
        if self.count is not None:
            parts.append(f"n={self.count}")
        if self.chance != 1.0:
            parts.append(f"p={self.chance:.15g}")
        if self.conn is not None:
            parts.append(f"conn={self.conn}")
        parts.extend(f"{name}={value:.15g}" for name, value in self.numbers.items())
        parts.extend(f"{name}={value}" for name, value in self.words.items())
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Faults and the seed that decides their details."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def parse(cls, script: str, seed: int = 0) -> FaultPlan:
        """Read a script. :raises FaultError: with the statement and what was expected."""
        statements = [part.strip() for part in script.replace("\n", ";").split(";")]
        return cls(tuple(parse_fault(part) for part in statements if part and not part.startswith("#")), seed)

    @classmethod
    def random(
        cls, seed: int, duration: float, kinds: Iterable[str] | None = None, count: int | None = None
    ) -> FaultPlan:
        """Make a plan of ``count`` faults (about one a second if None) that all end within ``duration`` seconds.

        ``kinds`` None: all that strike market data; :data:`ORDER_KINDS` are those that strike orders.
        """
        rng = random.Random(f"plan/{seed}")  # noqa: S311 - reproducible on purpose, protects nothing
        chosen = sorted(set(KINDS) - ORDER_KINDS if kinds is None else set(kinds))
        for kind in chosen:
            _spec(kind, kind)
        amount = max(1, round(duration)) if count is None else count
        faults = [_random_fault(rng, rng.choice(chosen), duration) for _ in range(amount)]
        return cls(tuple(sorted(faults, key=lambda fault: (fault.at, fault.kind))), seed)

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def _random_fault(rng: random.Random, kind: str, duration: float) -> Fault:
    spec = KINDS[kind]
    lasts = None if spec.lasts is None else round(min(spec.lasts * rng.uniform(0.2, 1.5), duration / 2), 3)
    count = None if spec.count is None else max(1, round(spec.count * rng.uniform(0.2, 1.5)))
    numbers: dict[str, float] = {}
    if kind == "close":
        numbers["code"] = rng.choice((1000, 1001, 1008, 1011, 1012, 1013, 4000, 4001, 4999))
    elif kind == "http":
        numbers["status"] = rng.choice((429, 500, 502, 503))
    elif kind == "clock_step":
        numbers["by"] = rng.choice((-3600.0, -5.0, -0.5, 0.5, 5.0, 3600.0))
        lasts = round(rng.uniform(0.1, 0.5) * duration, 3)
    for name in ("delay", "hold", "down") if spec.orders else ():
        if name in spec.numbers:
            numbers[name] = round(rng.uniform(0.0, 1.0), 3)
    words = {"channel": rng.choice(("quote", "depth", "trade"))} if kind == "silent" else {}
    if "op" in spec.words:
        words["op"] = rng.choice(("place", "cancel", "query"))
    elif "how" in spec.words:
        words["how"] = rng.choice(("fin", "rst"))
    mode = rng.choice(spec.modes) if spec.modes else ""
    at = round(rng.uniform(0, duration - (lasts or 0.0)), 3)
    return Fault(kind, at, lasts=lasts, count=count, mode=mode, numbers=numbers, words=words)


def parse_fault(statement: str) -> Fault:
    """Read one statement. :raises FaultError: with the statement and what was expected."""
    kinds = [token for token in statement.split() if "=" not in token]
    if len(kinds) != 1:
        raise FaultError(f"{statement!r}: expected exactly one kind of fault, one of {', '.join(KINDS)}")
    spec = _spec(kinds[0], statement)
    given: dict[str, str] = {}
    for token in statement.split():
        name, equals, value = token.partition("=")
        if equals and name in given:
            raise FaultError(f"{statement!r}: {name} is given twice")
        if equals:
            given[name] = value
    allowed = _takes(kinds[0])
    for name in given:
        if name not in allowed:
            raise FaultError(
                f"{statement!r}: {kinds[0]} takes no {name!r}{_near(name, allowed)}; it takes {', '.join(allowed)}"
            )
    mode = given.get("mode", spec.modes[0] if spec.modes else "")
    if spec.modes and mode not in spec.modes:
        raise FaultError(
            f"{statement!r}: mode is {mode!r}: expected one of {', '.join(spec.modes)}{_near(mode, spec.modes)}"
        )
    every = _number(given, "every", statement)
    at = _number(given, "at", statement)
    lasts, count = _number(given, "for", statement), _number(given, "n", statement)
    if lasts is None and count is None:
        lasts, count = spec.lasts, spec.count
    chance, conn = _number(given, "p", statement), _number(given, "conn", statement)
    if every is not None and every <= 0:
        raise FaultError(f"{statement!r}: every must be above 0")
    numbers = {name: _number(given, name, statement, negative=True) for name in spec.numbers if name in given}
    return Fault(
        kinds[0],
        (every or 0.0) if at is None else at,
        every,
        lasts,
        None if count is None else int(count),
        1.0 if chance is None else chance,
        None if conn is None else int(conn),
        mode,
        {name: value for name, value in numbers.items() if value is not None},
        {name: given[name] for name in spec.words if name in given},
    )


def _spec(kind: str, statement: str) -> KindSpec:
    spec = KINDS.get(kind)
    if spec is None:
        raise FaultError(
            f"{statement!r}: unknown fault {kind!r}{_near(kind, KINDS)}; expected one of {', '.join(KINDS)}"
        )
    return spec


def _near(word: str, known: Iterable[str]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _number(given: Mapping[str, str], name: str, statement: str, *, negative: bool = False) -> float | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf") or (value < 0 and not negative):
        raise FaultError(f"{statement!r}: {name} is {text!r}: expected a number{'' if negative else ' not below 0'}")
    return value
