"""Showing life and asking for it: regular heartbeats, probes, and the round trips they measure.

Where the venue answers heartbeats, a probe *is* a heartbeat. Where it does not, heartbeats only keep it from closing,
and a probe is a WebSocket ping. Such a ping proves death only once this server has ever answered one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from ferrofeed.session.actions import Send, SendPing
from ferrofeed.session.units import NEVER, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed.session.budget import Budget
    from ferrofeed.spec import VenueSpec

KEPT_SAMPLES: Final = 64


class Pulse:
    """The heartbeats of one session."""

    def __init__(self, spec: VenueSpec, budget: Budget) -> None:
        self._dialect = spec.dialect
        self._policy = spec.heartbeat
        self._budget = budget
        self._interval_ns = ns(spec.heartbeat.interval_s)
        self._timeout_ns = ns(spec.heartbeat.timeout_s)
        self._next_beat_ns = NEVER
        self._sent_ns: int | None = None
        self._echo: str | None = None
        self._pings = 0
        self.trusted = spec.heartbeat.answered
        """Whether an unanswered probe proves that the connection is dead."""
        self.rtt_ns: int | None = None
        """The latest round trip."""
        self.samples: deque[int] = deque(maxlen=KEPT_SAMPLES)
        """Round trips not yet taken by :meth:`take_samples`."""
        self.beats = 0
        self.answers = 0
        self.stray = 0
        """Answers to nothing we asked, or with another echo."""

    def started(self, now_ns: int) -> None:
        """The connection is ready for heartbeats."""
        self._next_beat_ns = now_ns + self._interval_ns
        self._sent_ns = None

    def stopped(self) -> None:
        """The connection is gone."""
        self._next_beat_ns = NEVER
        self._sent_ns = None

    @property
    def waiting_since_ns(self) -> int | None:
        """When the probe that waits for its answer was sent."""
        return self._sent_ns

    def expired(self, now_ns: int) -> bool:
        """Whether a probe went unanswered for too long."""
        return self._sent_ns is not None and now_ns - self._sent_ns >= self._timeout_ns

    def forgive(self) -> None:
        """Forget the unanswered probe: something else showed life."""
        self._sent_ns = None

    def deadline_ns(self, now_ns: int) -> int:
        """When :meth:`beat` or :meth:`expired` has something to say."""
        due = self._next_beat_ns
        if due <= now_ns:
            due = max(due, self._budget.heartbeat_at(now_ns))
        return due if self._sent_ns is None else min(due, self._sent_ns + self._timeout_ns)

    def beat(self, now_ns: int, wall_ms: int, new_id: Callable[[], str]) -> Send | SendPing | None:
        """The regular heartbeat, if one is due and the budget has it."""
        if now_ns < self._next_beat_ns:
            return None
        if self._policy.answered and self._sent_ns is not None:
            # the one on its way is the probe; asking twice tells nothing more
            self._next_beat_ns = self._sent_ns + max(self._timeout_ns, self._interval_ns)
            if now_ns < self._next_beat_ns:
                return None
        if not self._budget.take_heartbeat(now_ns):
            return None
        self._next_beat_ns = now_ns + self._interval_ns
        self.beats += 1
        return self._message(now_ns, wall_ms, new_id)

    def probe(self, now_ns: int, wall_ms: int, new_id: Callable[[], str]) -> Send | SendPing | None:
        """Ask for a sign of life now, unless a question is on its way or the budget has no place."""
        if self._sent_ns is not None or not self._budget.take_heartbeat(now_ns):
            return None
        if self._policy.answered:
            self._next_beat_ns = now_ns + self._interval_ns
            self.beats += 1
            return self._message(now_ns, wall_ms, new_id)
        return self._ping(now_ns)

    def pong(self, echo: str | None, now_ns: int) -> bool:
        """An answer came. Whether it answers our question: the echo must equal what was sent."""
        if self._sent_ns is None or echo != self._echo:
            self.stray += 1
            return False
        self.rtt_ns = now_ns - self._sent_ns
        self.samples.append(self.rtt_ns)
        self._sent_ns = None
        self.answers += 1
        self.trusted = True
        return True

    def take_samples(self) -> list[int]:
        """The round trips since the last call (the latest ones, if there were many), ns."""
        taken = list(self.samples)
        self.samples.clear()
        return taken

    def _message(self, now_ns: int, wall_ms: int, new_id: Callable[[], str]) -> Send | SendPing:
        built = None if self._policy.websocket else self._dialect.heartbeat(wall_ms, new_id())
        if built is None:
            return self._ping(now_ns)
        payload, echo = built
        if self._policy.answered:
            self._sent_ns, self._echo = now_ns, echo
        return Send(payload)

    def _ping(self, now_ns: int) -> SendPing:
        self._pings += 1
        self._sent_ns, self._echo = now_ns, f"ferrofeed-{self._pings}"
        return SendPing(self._echo.encode())
