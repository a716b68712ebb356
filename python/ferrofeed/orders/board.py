"""What the order side puts on the feed's board, and the metrics made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from prometheus_client.core import HistogramMetricFamily

from ferrofeed.board import DESK_STATES
from ferrofeed.metrics_families import NS, counter, gauge, histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from ferrofeed._core import MetricsView

MODES: Final = ("", "active", "reducing", "halted")


class DeskState(NamedTuple):
    """Where a desk and its router stand, in the order of the core's words."""

    state: int
    live: int
    unknown: int
    mode: int
    killed: int
    broken: int
    anomalies: int
    denials: int
    journal_entries: int
    journal_bytes: int
    journal_unsynced: int
    journal_age_ns: int


NOTHING: Final = DeskState(*(0 for _ in DeskState._fields))
COUNTERS: Final = (
    ("ferrofeed_orders_placed", "placed", "Orders let through and journaled."),
    ("ferrofeed_orders_refused", "refused", "Orders the venue refused."),
    ("ferrofeed_order_cancels_sent", "cancels", "Cancels sent, orders counted."),
    ("ferrofeed_order_fills", "fills", "Fills."),
    ("ferrofeed_orders_lost", "lost", "Orders that became unknown."),
    ("ferrofeed_order_commands_expired", "expired", "Commands too old to be sent."),
    ("ferrofeed_order_requests_unanswered", "unanswered", "Requests the venue did not answer in time."),
    ("ferrofeed_order_reports", "reports", "Reports of the venue."),
    ("ferrofeed_order_reports_late", "late", "Reports that only repeated what was known."),
    ("ferrofeed_order_reports_stray", "stray", "Reports that belong to no order and no request of ours."),
    ("ferrofeed_order_messages_unreadable", "unreadable", "Messages that could not be read."),
    ("ferrofeed_order_heartbeats_answered", "heartbeats", "Answers to heartbeats."),
    ("ferrofeed_orders_foreign", "foreign", "Reports of orders that are not ours."),
    ("ferrofeed_position_drifts", "drifts", "Positions set to what the venue says."),
    ("ferrofeed_order_reconciliations", "reconciled", "Times the venue was asked what is true, to the end."),
)


def order_metrics(view: MetricsView) -> Iterator[Metric]:
    """Every metric of the order side; none where nothing trades."""
    desks = [
        (venue, counters, histograms, NOTHING if words is None else DeskState(*words))
        for venue, counters, histograms, words in view.desks()
    ]
    if not desks:
        return
    for name, key, text in COUNTERS:
        yield counter(name, text, ("venue",), [((venue,), counts[key]) for venue, counts, _, _ in desks])
    yield counter(
        "ferrofeed_orders_denied",
        "Orders that a rule did not let through: nothing was sent.",
        ("venue", "rule"),
        [((venue, rule), count) for venue, counts, _, _ in desks for rule, count in counts["denied"].items()],
    )
    yield from _gauges([(venue, state) for venue, _, _, state in desks])
    latency = HistogramMetricFamily(
        "ferrofeed_order_latency_seconds",
        "Latency by stage: tick_to_order, order_to_ack, cancel_to_ack, risk, journal, outbox, encode.",
        labels=("venue", "stage"),
    )
    for venue, _, histograms, _ in desks:
        for stage, exported in histograms.items():
            histogram(latency, (venue, stage), exported)
    yield latency


def _gauges(desks: list[tuple[str, DeskState]]) -> Iterator[Metric]:
    yield gauge(
        "ferrofeed_order_desk_state",
        "1 for the state the trading venue is in, 0 for the others.",
        ("venue", "state"),
        [((venue, name), state.state == at) for venue, state in desks for at, name in enumerate(DESK_STATES) if name],
    )
    yield gauge("ferrofeed_orders_live", "Orders not over.", ("venue",), [((venue,), at.live) for venue, at in desks])
    yield gauge(
        "ferrofeed_orders_unknown",
        "Orders whose state is not known: the venue is being asked.",
        ("venue",),
        [((venue,), at.unknown) for venue, at in desks],
    )
    _, router = desks[0]
    none: tuple[Any, ...] = ()
    yield gauge(
        "ferrofeed_order_mode",
        "1 for the mode asked for, 0 for the others.",
        ("mode",),
        [((name,), router.mode == at) for at, name in enumerate(MODES) if name],
    )
    yield gauge("ferrofeed_order_kill_switch", "Whether the kill switch is on.", (), [(none, router.killed)])
    yield gauge("ferrofeed_order_journal_failed", "Whether the journal takes nothing.", (), [(none, router.broken)])
    yield counter("ferrofeed_order_anomalies", "What should not be: look.", (), [(none, router.anomalies)])
    yield counter("ferrofeed_order_denials", "Commands not taken, all rules.", (), [(none, router.denials)])
    yield counter("ferrofeed_order_journal_entries", "Entries of the journal.", (), [(none, router.journal_entries)])
    yield gauge("ferrofeed_order_journal_bytes", "Its newest segment.", (), [(none, router.journal_bytes)])
    yield gauge(
        "ferrofeed_order_journal_unsynced_entries",
        "Entries not on the disk for certain, where that is asked for.",
        (),
        [(none, router.journal_unsynced)],
    )
    yield gauge(
        "ferrofeed_order_journal_unsynced_age_seconds",
        "Age of the oldest of them.",
        (),
        [(none, router.journal_age_ns * NS)],
    )
