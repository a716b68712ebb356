"""When to connect: after which delay, within which budget, and how long to stay away from who drops us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ferrofeed.session.backoff import Backoff, BackoffPolicy, KickWatch
from ferrofeed.session.units import SECOND, ns

if TYPE_CHECKING:
    from random import Random

    from ferrofeed.session.budget import Budget

SLOT_POLL_NS: Final = SECOND


class Dialling:
    """The attempts of one session at a connection."""

    def __init__(self, budget: Budget, policy: BackoffPolicy, rng: Random) -> None:
        self._budget = budget
        self._backoff = Backoff(policy, rng)
        self._kicks = KickWatch(policy, rng)
        self.next_ns = 0
        """No attempt before this."""
        self.held = False
        """Whether a connection or an attempt holds its place in the budget."""
        self.kicked = False
        """Whether the last connection was one of those dropped again and again just after login."""
        self._least_delay_ns = 0
        self._slot_told = False
        self._accepted_ns: int | None = None
        """When this connection's first acknowledgement came."""

    @property
    def failures(self) -> int:
        """Failures in a row since the last acknowledgement."""
        return self._backoff.failures

    def take(self, now_ns: int) -> bool:
        """Whether an attempt begins now: it takes its place in the budget."""
        if now_ns < self.next_ns:
            return False
        at = self._budget.connect_at(now_ns)
        if at is None or not self._budget.take_connect(now_ns):
            self.next_ns = now_ns + SLOT_POLL_NS if at is None else at
            return False
        self._slot_told = self.kicked = False
        self.held = True
        self._least_delay_ns = 0
        return True

    def lacks_slot(self, now_ns: int) -> bool:
        """Whether every connection that the key may have is there already; True once for each such time."""
        if self._slot_told or now_ns < self.next_ns or self._budget.connect_at(now_ns) is not None:
            return False
        self._slot_told = True
        return True

    def opened(self) -> None:
        """A connection is there, and nothing acknowledged yet."""
        self._accepted_ns = None

    def acknowledged(self, now_ns: int) -> None:
        """The venue works with us."""
        self._backoff.acknowledged()
        if self._accepted_ns is None:
            self._accepted_ns = now_ns

    def delay(self, seconds: float) -> None:
        """The venue wants us to stay away for so long."""
        self._least_delay_ns = max(self._least_delay_ns, ns(seconds))

    def dropped(self, now_ns: int) -> int | None:
        """The peer dropped a connection: how long to stay away if that goes on like this, None if nothing is odd."""
        if self._accepted_ns is None:
            return None
        away = self._kicks.dropped(now_ns, now_ns - self._accepted_ns)
        if away is not None:
            self._least_delay_ns = max(self._least_delay_ns, away)
        return away

    def released(self, *, kicked: bool) -> None:
        """The connection or the attempt is over."""
        self.held = False
        self.kicked = kicked
        self._accepted_ns = None
        self._budget.release()

    def back_off(self, now_ns: int) -> None:
        """Choose when to come back."""
        self.next_ns = now_ns + max(self._backoff.fail(), self._least_delay_ns)
