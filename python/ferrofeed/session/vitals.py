"""Signs of life of one connection: what we show of ours, what we heard of the venue's, and when to ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ferrofeed.session.heartbeat import Pulse
from ferrofeed.session.units import NEVER, ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed.session.actions import Send, SendPing
    from ferrofeed.session.budget import Budget
    from ferrofeed.spec import VenueSpec


class Vitals:
    """Heartbeats and probes. ``heard`` arguments give when anything at all last came, and are only asked if needed."""

    def __init__(self, spec: VenueSpec, budget: Budget) -> None:
        self._answered = spec.heartbeat.answered
        self._interval_ns = ns(spec.heartbeat.interval_s)
        self._budget = budget
        self.pulse = Pulse(spec, budget)
        self.heard_ns = 0
        """When the last message came that the session was told of."""
        self.want_probe = False
        """Whether to ask for a sign of life as soon as the budget has it."""
        self._quiet_probe_ns = NEVER

    def opened(self, now_ns: int) -> None:
        """The connection is there."""
        self.heard_ns = now_ns
        self.want_probe = False
        self.pulse.started(now_ns)
        self._quiet_probe_ns = NEVER if self._answered else now_ns + self._interval_ns

    def ended(self) -> None:
        """The connection is gone."""
        self.pulse.stopped()
        self._quiet_probe_ns = NEVER

    def deadline_ns(self, now_ns: int) -> int:
        """When there is something to do."""
        due = min(self.pulse.deadline_ns(now_ns), self._quiet_probe_ns)
        return min(due, self._budget.heartbeat_at(now_ns)) if self.want_probe else due

    def is_dead(self, heard: Callable[[], int]) -> bool:
        """Whether the probe that went unanswered proves the end; anything else that came since shows life as well."""
        since = self.pulse.waiting_since_ns
        if since is not None and heard() <= since and self.pulse.trusted:
            return True
        self.pulse.forgive()
        return False

    def beat(
        self, now_ns: int, wall_ms: int, new_id: Callable[[], str], heard: Callable[[], int]
    ) -> Send | SendPing | None:
        """What is to be sent now: the regular heartbeat, or a probe."""
        if now_ns >= self._quiet_probe_ns:
            last_ns, interval_ns = heard(), self._interval_ns
            self.want_probe |= now_ns - last_ns >= interval_ns
            self._quiet_probe_ns = (now_ns if now_ns - last_ns >= interval_ns else last_ns) + interval_ns
        beat = self.pulse.beat(now_ns, wall_ms, new_id)
        if beat is None and self.want_probe:
            beat = self.pulse.probe(now_ns, wall_ms, new_id)
        if self.pulse.waiting_since_ns is not None:
            self.want_probe = False
        return beat
