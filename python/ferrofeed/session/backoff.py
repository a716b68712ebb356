"""When to connect again: exponential, capped, with full jitter; and the recognition of being kicked.

A backoff goes back to its start only when the venue acknowledged something (a login, a subscription). A mere connect
proves nothing: a server that accepts and drops would otherwise be hammered.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferrofeed.session.units import ns

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """How long to wait. All in seconds; delays are drawn evenly between ``floor_s`` and the current ceiling."""

    floor_s: float = 0.1
    base_s: float = 0.5
    """Ceiling of the first delay; it doubles with each failure."""
    cap_s: float = 60.0
    kick_count: int = 3
    """So many drops just after login ..."""
    kick_window_s: float = 300.0
    """... within this time ..."""
    kick_young_s: float = 15.0
    """... of connections that lived no longer than this after login, mean that someone else uses the key."""
    kick_delay_s: float = 300.0
    """How long to leave the field to the other one; doubles while it goes on, up to ``kick_cap_s``."""
    kick_cap_s: float = 3600.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor_s <= self.base_s <= self.cap_s:
            raise ValueError("a backoff needs 0 <= floor_s <= base_s <= cap_s")
        if self.kick_count < 2:  # noqa: PLR2004 - one early drop is an accident, not a pattern
            raise ValueError("kick_count must be 2 or more")


class Backoff:
    """The failures in a row of one session."""

    def __init__(self, policy: BackoffPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self.failures = 0

    @property
    def ceiling_s(self) -> float:
        """The longest the next delay can be."""
        # 2.0 ** 64 is beyond every cap and still a finite float
        return min(self._policy.cap_s, self._policy.base_s * 2.0 ** min(self.failures, 64))

    def fail(self) -> int:
        """Count a failure and draw the delay before the next attempt, in ns."""
        delay = self._rng.uniform(self._policy.floor_s, self.ceiling_s)
        self.failures += 1
        return ns(delay)

    def acknowledged(self) -> None:
        """Take the venue at its word that it works with us."""
        self.failures = 0


class KickWatch:
    """Tells repeated drops just after login (another process with our key) from ordinary bad luck."""

    def __init__(self, policy: BackoffPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        self._drops: deque[int] = deque(maxlen=policy.kick_count)
        self.trips = 0

    def dropped(self, now_ns: int, lived_ns: int) -> int | None:
        """The peer dropped a connection ``lived_ns`` after its login: how long to stay away, None if nothing is odd."""
        if lived_ns > ns(self._policy.kick_young_s):
            self._drops.clear()
            self.trips = 0
            return None
        self._drops.append(now_ns)
        window = ns(self._policy.kick_window_s)
        if len(self._drops) < self._policy.kick_count or now_ns - self._drops[0] > window:
            return None
        delay = min(self._policy.kick_cap_s, self._policy.kick_delay_s * 2.0 ** min(self.trips, 64))
        self.trips += 1
        self._drops.clear()
        # two processes that both back off must not come back together
        return ns(delay * self._rng.uniform(1.0, 1.5))
