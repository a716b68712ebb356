"""Which subscriptions have gone quiet: judged per topic, on data alone.

A quiet topic is reported once per silence and asked for again (a renewal), first soon, then ever more rarely, so that a
closed market costs next to nothing and a subscription the venue lost comes back by itself. Nothing here tears
anything down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ferrofeed.session.units import NEVER, SECOND, ns
from ferrofeed.spec import Topic

if TYPE_CHECKING:
    from ferrofeed.spec import VenueSpec

Activity = Callable[[Topic], int]
"""Monotonic ns of the last data of a topic, 0 if none ever came."""

DEFAULT_LIMIT_S: Final = 30.0
RENEWAL_CAP_NS: Final = 900 * SECOND
RECHECK_NS: Final = 5 * SECOND
"""How often quiet topics are looked at for new data."""


@dataclass(slots=True)
class _Watch:
    limit_ns: int
    since_ns: int
    """When it was acknowledged on this connection."""
    quiet_from_ns: int | None = None
    """Last data before the reported silence; None: not quiet."""
    renew_at_ns: int = NEVER
    renewals: int = 0


@dataclass(slots=True)
class Findings:
    """What a check found, each topic once per silence."""

    stale: list[Topic] = field(default_factory=list)
    """Gone quiet."""
    silent: list[Topic] = field(default_factory=list)
    """Acknowledged and never delivered anything at all."""
    recovered: list[Topic] = field(default_factory=list)
    renew: list[Topic] = field(default_factory=list)
    """Worth asking for again now."""


class Staleness:
    """The watches over the acknowledged topics of one session."""

    def __init__(self, spec: VenueSpec) -> None:
        self._limits = spec.stale_after_s
        self._patience_ns = ns(spec.heartbeat.timeout_s)
        self._watches: dict[Topic, _Watch] = {}
        self._never: set[Topic] = set()
        self.next_check_ns = NEVER
        """Until then a check can find nothing new."""
        self.quiet = 0
        """Topics quiet at the last check."""

    def limit_ns(self, topic: Topic) -> int:
        """How long a topic may be quiet."""
        channel = topic.channel
        limit = self._limits.get(channel)
        if limit is None:
            limit = self._limits.get(channel.partition(":")[0], DEFAULT_LIMIT_S)
        return ns(limit)

    def watch(self, topic: Topic, now_ns: int) -> None:
        """The venue acknowledged the topic: data is expected from now on."""
        watch = _Watch(self.limit_ns(topic), now_ns)
        self._watches[topic] = watch
        self.next_check_ns = min(self.next_check_ns, now_ns + watch.limit_ns)

    def unwatch(self, topic: Topic) -> None:
        """The topic is not subscribed any more, by our wish."""
        self._watches.pop(topic, None)
        self._never.discard(topic)

    def watches(self, topic: Topic) -> bool:
        """Whether the topic is watched."""
        return topic in self._watches

    def latest(self, activity: Activity) -> int:
        """When any watched topic last had data, 0 if none had."""
        return max(map(activity, self._watches), default=0)

    def disconnected(self) -> None:
        """Nothing can be expected; what was reported as never delivering stays known."""
        self._watches.clear()
        self.next_check_ns = NEVER
        self.quiet = 0

    def check(self, now_ns: int, activity: Activity) -> Findings:
        """Look at every topic; cheap to call often, it works only when something can have changed."""
        found = Findings()
        if now_ns < self.next_check_ns:
            return found
        following = NEVER
        quiet = 0
        for topic, watch in self._watches.items():
            data_ns = activity(topic)
            last_ns = max(data_ns, watch.since_ns)
            if watch.quiet_from_ns is not None and data_ns > watch.quiet_from_ns:
                found.recovered.append(topic)
                self._never.discard(topic)
                watch.quiet_from_ns, watch.renew_at_ns, watch.renewals = None, NEVER, 0
            if now_ns - last_ns < watch.limit_ns:
                following = min(following, last_ns + watch.limit_ns)
                continue
            quiet += 1
            if watch.quiet_from_ns is None:
                watch.quiet_from_ns = last_ns
                watch.renew_at_ns = now_ns + self._patience_ns
                if data_ns:
                    found.stale.append(topic)
                elif topic not in self._never:
                    self._never.add(topic)
                    found.silent.append(topic)
            elif now_ns >= watch.renew_at_ns:
                found.renew.append(topic)
                wait = min(RENEWAL_CAP_NS, watch.limit_ns << min(watch.renewals, 16))
                watch.renewals += 1
                watch.renew_at_ns = now_ns + max(wait, self._patience_ns)
            following = min(following, watch.renew_at_ns, now_ns + RECHECK_NS)
        self.next_check_ns = following
        self.quiet = quiet
        return found
