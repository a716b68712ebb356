"""What a session shows of itself: a frozen picture for metrics, readiness and people."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.session.dialling import Dialling
    from ferrofeed.session.heartbeat import Pulse
    from ferrofeed.session.subscriptions import Subscriptions

MOST_KEYS: Final = 64


class Phase(Enum):
    """Where a session stands."""

    IDLE = "idle"
    """Nothing is wanted, or it was stopped."""
    CONNECTING = "connecting"
    LOGGING_IN = "logging_in"
    LIVE = "live"
    CLOSING = "closing"
    """We ended the connection; its I/O has not said yet that it is gone."""
    BACKOFF = "backoff"
    FATAL = "fatal"
    """The venue refused us for good: nothing is tried until ``start``."""


class Tally:
    """Counters by name, bounded: names beyond the bound count as ``other``."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, name: str, by: int = 1) -> None:
        """Count."""
        if name not in self._counts and len(self._counts) >= MOST_KEYS:
            name = "other"
        self._counts[name] = self._counts.get(name, 0) + by

    def copy(self) -> dict[str, int]:
        """The counts as they are now."""
        return dict(self._counts)


@dataclass(slots=True)
class Counters:
    """What a session counts over its whole life."""

    connects: int = 0
    """Attempts."""
    opened: int = 0
    sent: int = 0
    """Messages, heartbeats included, WebSocket pings not."""
    controls: int = 0
    notes: int = 0
    stray_replies: int = 0
    ack_timeouts: int = 0
    missed_heartbeats: int = 0
    renewals: int = 0
    stale: int = 0
    """Reports of a topic gone quiet or never delivering."""
    reconnects: Tally = field(default_factory=Tally)
    """By reason: connections and attempts that ended."""
    failed: Tally = field(default_factory=Tally)
    """Those of them that never came to be a connection."""
    refusals: Tally = field(default_factory=Tally)
    """Of logins and connections, by code."""
    request_refusals: Tally = field(default_factory=Tally)
    """Of requests, by code."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one moment. Counts of topics; times in ns of the monotonic clock."""

    phase: Phase
    wanted: int
    acked: int
    pending: int
    refused: int
    quiet: int
    in_flight: int
    last_rtt_ns: int | None
    next_connect_ns: int
    failures: int
    """Connection failures in a row since the last acknowledgement."""
    kicked: bool
    fatal: str | None
    connects: int
    opened: int
    sent: int
    controls: int
    notes: int
    stray_replies: int
    ack_timeouts: int
    heartbeats: int
    missed_heartbeats: int
    stray_pongs: int
    renewals: int
    stale: int
    reconnects: Mapping[str, int]
    refusals: Mapping[str, int]
    request_refusals: Mapping[str, int]

    @property
    def ready(self) -> bool:
        """Whether every wanted topic is acknowledged."""
        return self.phase is Phase.LIVE and self.acked == self.wanted


def picture(
    phase: Phase,
    fatal: str | None,
    *,
    counters: Counters,
    subscriptions: Subscriptions,
    pulse: Pulse,
    dialling: Dialling,
    quiet: int,
    in_flight: int,
) -> Snapshot:
    """A session's snapshot, of its parts."""
    counts = subscriptions.counts()
    return Snapshot(
        phase=phase,
        wanted=subscriptions.wanted,
        acked=counts["acked"],
        pending=counts["wanted"] + counts["pending"] + counts["drop"] + counts["pending_drop"],
        refused=counts["refused"],
        quiet=quiet,
        in_flight=in_flight,
        last_rtt_ns=pulse.rtt_ns,
        next_connect_ns=dialling.next_ns,
        failures=dialling.failures,
        kicked=dialling.kicked,
        fatal=fatal,
        connects=counters.connects,
        opened=counters.opened,
        sent=counters.sent,
        controls=counters.controls,
        notes=counters.notes,
        stray_replies=counters.stray_replies,
        ack_timeouts=counters.ack_timeouts,
        heartbeats=pulse.beats,
        missed_heartbeats=counters.missed_heartbeats,
        stray_pongs=pulse.stray,
        renewals=counters.renewals,
        stale=counters.stale,
        reconnects=counters.reconnects.copy(),
        refusals=counters.refusals.copy(),
        request_refusals=counters.request_refusals.copy(),
    )
