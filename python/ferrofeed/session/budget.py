"""What a venue allows one key: requests, connects, connections, shared by every connection of the process.

A sliding window keeps *any* window within the limit, wherever the venue's own minute begins. It is a little longer
than a minute, because frames that left us evenly may arrive bunched.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final

from ferrofeed.session.units import SECOND, ns

if TYPE_CHECKING:
    from ferrofeed.spec import Heartbeat, Limits, VenueConfig, VenueSpec

WINDOW_NS: Final = 62 * SECOND
"""A minute and the most that the network may bunch up."""
ATTEMPTS: Final = 4
"""To connect, for each login with keys of its own that a venue may have: two rounds of two sockets."""
KEPT_OTHERS: Final = 4_096
"""Budgets of those who came with keys of their own; the one that was wanted longest ago is forgotten."""


class SlidingWindow:
    """At most ``limit`` events in any ``window_ns``; remembers no more than ``limit`` of them."""

    def __init__(self, limit: int, window_ns: int = WINDOW_NS) -> None:
        if limit < 1:
            raise ValueError("a window that allows nothing")
        self._limit = limit
        self._window_ns = window_ns
        self._log: deque[int] = deque(maxlen=limit)

    def used(self, now_ns: int) -> int:
        """Events in the window that ends now."""
        while self._log and now_ns - self._log[0] >= self._window_ns:
            self._log.popleft()
        return len(self._log)

    def earliest(self, now_ns: int, reserve: int = 0) -> int:
        """When one more may happen and still leave ``reserve`` places (fewer than the limit)."""
        over = self.used(now_ns) + reserve - self._limit
        return now_ns if over < 0 else self._log[over] + self._window_ns

    def take(self, now_ns: int) -> None:
        """One happens now. The caller asked :meth:`earliest` before."""
        self._log.append(now_ns)


class Budget:
    """The budget of one key."""

    def __init__(self, limits: Limits, heartbeat: Heartbeat, *, of_all: SlidingWindow | None = None) -> None:
        """``of_all``: attempts to connect that this key shares with others, besides its own."""
        self._limits = limits
        self._of_all = of_all
        rate = limits.requests_per_minute
        self._requests = None if rate is None else SlidingWindow(rate)
        self._connects = SlidingWindow(limits.connects_per_minute)
        self._gap_ns = ns(limits.request_gap_s)
        self._last_request_ns: int | None = None
        self._paused_until_ns = 0
        # per window: the regular heartbeats, as many probes, one login
        self._reserve_each = 2 * (WINDOW_NS // max(1, ns(heartbeat.interval_s)) + 1) + 1
        self._sessions = 0
        self._open = 0

    def attach(self) -> None:
        """One more session lives on this key."""
        self._sessions += 1

    def detach(self) -> None:
        """One less."""
        self._sessions = max(0, self._sessions - 1)

    @property
    def reserve(self) -> int:
        """Places of the window that only heartbeats, probes and logins may take."""
        rate = self._limits.requests_per_minute
        return 0 if rate is None else min(self._reserve_each * max(1, self._sessions), rate // 2)

    def request_at(self, now_ns: int) -> int:
        """When the next request other than a heartbeat may go; ``now_ns`` if now."""
        at = max(now_ns, self._paused_until_ns)
        if self._last_request_ns is not None:
            at = max(at, self._last_request_ns + self._gap_ns)
        return at if self._requests is None else max(at, self._requests.earliest(now_ns, self.reserve))

    def take_request(self, now_ns: int) -> bool:
        """Take the place of a request that goes now, if there is one."""
        if self.request_at(now_ns) > now_ns:
            return False
        self._last_request_ns = now_ns
        if self._requests is not None:
            self._requests.take(now_ns)
        return True

    def heartbeat_at(self, now_ns: int) -> int:
        """When the next heartbeat, probe or login may go."""
        return now_ns if self._requests is None else self._requests.earliest(now_ns)

    def take_heartbeat(self, now_ns: int) -> bool:
        """Take the place of a heartbeat, probe or login that goes now, if there is one."""
        if self.heartbeat_at(now_ns) > now_ns:
            return False
        if self._requests is not None:
            self._requests.take(now_ns)
        return True

    def pause(self, until_ns: int) -> None:
        """No requests before this time: the venue said we ask too often."""
        self._paused_until_ns = max(self._paused_until_ns, until_ns)

    def connect_at(self, now_ns: int) -> int | None:
        """When the next connection may be tried; None while the key has all the connections it may have."""
        most = self._limits.connections_per_key
        if most is not None and self._open >= most:
            return None
        at = self._connects.earliest(now_ns)
        return at if self._of_all is None else max(at, self._of_all.earliest(now_ns))

    def take_connect(self, now_ns: int) -> bool:
        """Take the place of a connection that is tried now; give it back with :meth:`release`."""
        if self.connect_at(now_ns) != now_ns:
            return False
        self._connects.take(now_ns)
        if self._of_all is not None:
            self._of_all.take(now_ns)
        self._open += 1
        return True

    def release(self) -> None:
        """A connection (or an attempt at one) ended."""
        self._open = max(0, self._open - 1)


class Budgets:
    """The budgets of a process, one for each key of each venue. Keeps a digest of the key, not the key."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, bytes], Budget] = {}
        self._of_all: dict[str, SlidingWindow] = {}
        self._others: OrderedDict[tuple[str, str], Budget] = OrderedDict()

    def of(self, spec: VenueSpec, config: VenueConfig) -> Budget:
        """The budget of this configuration's key, made when first asked for."""
        key = config.api_key
        digest = hashlib.sha256(b"" if key is None else key.reveal().encode()).digest()
        budget = self._all.get((spec.name, digest))
        if budget is None:
            budget = self._all[spec.name, digest] = Budget(spec.limits, spec.heartbeat)
        return budget

    def other(self, spec: VenueSpec, venue: str, owner: str, *, most: int) -> Budget:
        """The budget of somebody who comes to a venue with keys of his own, one of ``most`` at a time.

        All of these together may try to connect so often that each can twice a minute, on two sockets, and as often as
        one key besides: whoever tries wrong keys out keeps the others waiting for a minute at most.
        """
        of_all = self._of_all.get(venue)
        if of_all is None:
            of_all = self._of_all[venue] = SlidingWindow(spec.limits.connects_per_minute + ATTEMPTS * most)
        budget = self._others.pop((venue, owner), None) or Budget(spec.limits, spec.heartbeat, of_all=of_all)
        self._others[venue, owner] = budget
        while len(self._others) > KEPT_OTHERS:
            self._others.popitem(last=False)
        return budget
