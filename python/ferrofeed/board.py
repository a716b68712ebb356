"""What a feed puts up beside its counters, and how to read it: states of sessions, readiness, health.

The feed's side writes words and a short text into shared memory when something changed, never for a scrape. The
reader's side is the same whether it looks from within the process or from the exporter's.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ferrofeed.session.snapshot import Phase
from ferrofeed.spec import INTERVALS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed._core import MetricsBoard, MetricsView
    from ferrofeed.session import Snapshot

NEW: Final = 0
RUNNING: Final = 1
STOPPED: Final = 2

PHASES: Final = tuple(Phase)
SLOTS: Final = ("quote", "depth", "trade", *(f"bar:{interval}" for interval in INTERVALS))
"""Channels by their slot in the core (``pipeline::channel_slot``)."""
MARK: Final = "#"
"""Between a venue's id and the name of who has an account or a login of its own there; no label of ours has it."""
DOWN: Final = "down"
READY: Final = "ready"
KEYLESS: Final = "keyless"
WELL: Final = frozenset({READY, KEYLESS})
"""Where a trading venue that nothing is wrong with stands: it takes our orders, or only those of others."""
JOURNAL_FAILED: Final = 5
"""Which word of a trading venue says that the journal takes nothing."""
DESK_STATES: Final = ("", DOWN, "opening", "reconciling", READY, KEYLESS)
"""Where a trading venue stands, by the first word of what it puts up; the first: it has put up nothing yet."""
HUNG_S: Final = 2.0
"""A loop that gave no sign of life for so long hangs; it gives fifty a second."""
MOST_FATAL: Final = 512
"""Characters kept of why a venue refused us for good."""


GC_KEYS: Final = ("collections", "collected", "uncollectable")
"""What is put up of ``gc.get_stats()``: each of these for every generation."""


class SessionState(NamedTuple):
    """A session as it is put up, in the order of its words."""

    phase: int
    """Index in :data:`PHASES`."""
    live: int
    """Whether the WebSocket is open."""
    wanted: int
    acked: int
    refused: int
    quiet: int
    connects: int
    sent: int
    missed_heartbeats: int
    ack_timeouts: int
    round_trip: int
    """Of the last heartbeat, ns and 1 more; 0: there was none."""
    fatal: int
    """Whether the venue refused us for good; the text says why."""


IDLE: Final = SessionState(*(0 for _ in SessionState._fields))


class Tallies(NamedTuple):
    """What a session counts by name, and why it is refused for good."""

    reconnects: Mapping[str, int]
    refusals: Mapping[str, int]
    request_refusals: Mapping[str, int]
    fatal: str


NOTHING: Final = Tallies({}, {}, {}, "")


def state_of(snapshot: Snapshot, *, live: bool) -> SessionState:
    """What of a session is put up as words."""
    return SessionState(
        phase=PHASES.index(snapshot.phase),
        live=int(live),
        wanted=snapshot.wanted,
        acked=snapshot.acked,
        refused=snapshot.refused,
        quiet=snapshot.quiet,
        connects=snapshot.connects,
        sent=snapshot.sent,
        missed_heartbeats=snapshot.missed_heartbeats,
        ack_timeouts=snapshot.ack_timeouts,
        round_trip=0 if snapshot.last_rtt_ns is None else max(0, snapshot.last_rtt_ns) + 1,
        fatal=int(snapshot.fatal is not None),
    )


def tallies_of(snapshot: Snapshot) -> Tallies:
    """What of a session is put up as text."""
    return Tallies(
        snapshot.reconnects, snapshot.refusals, snapshot.request_refusals, (snapshot.fatal or "")[:MOST_FATAL]
    )


def write_tallies(tallies: Tallies, most: int) -> str:
    """As text of at most ``most`` characters, all ASCII: of too many names the rarest are counted as ``other``."""
    keep = max(map(len, tallies[:3]))
    while True:
        text = json.dumps([*(_fewer(counts, keep) for counts in tallies[:3]), tallies.fatal], separators=(",", ":"))
        if len(text) <= most or not keep:
            return text
        keep //= 2


def _fewer(counts: Mapping[str, int], keep: int) -> Mapping[str, int]:
    if len(counts) <= keep:
        return counts
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    result = {name: counts[name] for name in ranked[:keep] if name != "other"}
    result["other"] = sum(counts.values()) - sum(result.values())
    return result


def read_tallies(text: str | None) -> Tallies:
    """From text; nothing if there is none."""
    return Tallies(*json.loads(text)) if text else NOTHING


class Publisher:
    """Puts up one connection's session, what of it changed. For the loop's thread."""

    def __init__(self, board: MetricsBoard, venue: int) -> None:
        self._board = board
        self._venue = venue
        self._most = board.MOST_TALLIES
        self._state = IDLE
        self._tallies = NOTHING

    def put(self, snapshot: Snapshot, *, live: bool) -> None:
        """Put it up as it is now."""
        tallies = tallies_of(snapshot)
        if tallies != self._tallies:
            self._tallies = tallies
            self._board.put_tallies(self._venue, write_tallies(tallies, self._most))
        state = state_of(snapshot, live=live)
        if state != self._state:
            self._state = state
            self._board.put_session(self._venue, state)


# the reader's side


def silence_s(feed: Mapping[str, Any]) -> float:
    """How long ago the loop gave its last sign of life, seconds."""
    beat_ns: int = feed["beat"][1]
    return max(0, time.monotonic_ns() - beat_ns) / 1e9


def core_now_ns(feed: Mapping[str, Any]) -> int:
    """Now, by the clock of the feed's core, whichever process asks."""
    core_ns: int
    clock_ns: int
    core_ns, clock_ns = feed["beat"]
    return core_ns + time.monotonic_ns() - clock_ns


def trouble(view: MetricsView) -> str:
    """What is wrong with the feed as a whole, in a line; empty if it runs."""
    feed = view.feed()
    if feed is None:
        return "the feed's process ended while it wrote"
    if feed["state"] != RUNNING:
        return "stopped"
    silence = silence_s(feed)
    return f"the feed's loop has given no sign of life for {silence:.1f} s" if silence > HUNG_S else ""


def missing(view: MetricsView) -> list[str]:
    """What keeps the feed from being ready: a line for each connection that lacks something."""
    wrong = trouble(view)
    if wrong:
        return ["the feed is not running" if wrong == "stopped" else wrong]
    lines: list[str] = []
    for number, ((label, words), (_, _, stale)) in enumerate(zip(view.sessions(), view.freshness(), strict=False)):
        state = IDLE if words is None else SessionState(*words)
        if state.acked != state.wanted:
            why = read_tallies(view.tallies(number)).fatal if state.fatal else ""
            what = f"{state.acked} of {state.wanted} subscriptions acknowledged"
            lines.append(f"{label}: {why or PHASES[state.phase].value}: {what}")
        elif stale:
            lines.append(f"{label}: not every book is valid")
    for venue, words in view.desk_states():
        desk = DESK_STATES[0 if words is None else words[0]]
        if words is not None and words[JOURNAL_FAILED]:
            lines.append(f"{venue}: the journal failed: no orders are taken")
        elif desk not in WELL:
            lines.append(f"{venue}: {desk or DOWN}: takes no orders")
    return lines


def refused_for_good(view: MetricsView) -> list[str]:
    """Why nothing is tried any more, if every connection was refused for good; else nothing.

    Those of a gateway's clients that log in with keys of their own are no failure of ours, but a reason to go on: while
    one is live, and where only they trade.
    """
    if any(words is not None and DESK_STATES[words[0]] == KEYLESS for _, words in view.desk_states()):
        return []
    ours = []
    for number, (label, words) in enumerate(view.sessions()):
        state = IDLE if words is None else SessionState(*words)
        if MARK in label:
            if PHASES[state.phase] is Phase.LIVE:
                return []
        elif not state.fatal:
            return []
        else:
            ours.append(read_tallies(view.tallies(number)).fatal)
    return ours
