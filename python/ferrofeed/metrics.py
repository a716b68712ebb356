"""Prometheus metrics of a feed: a collector that reads its board when scraped, and nothing per message.

The board is memory that the Rust core and the sessions write anyway: a scrape takes no lock of the feed and asks
none of its threads, whether the collector runs in the feed's process or in the exporter's.

Names follow the Prometheus conventions: base units, ``_total`` for counters, ``_seconds``. Labels are bounded by the
configuration and by fixed lists of reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from ferrofeed import _core
from ferrofeed.board import (
    IDLE,
    NEW,
    PHASES,
    SLOTS,
    SessionState,
    Tallies,
    core_now_ns,
    missing,
    read_tallies,
    silence_s,
)
from ferrofeed.metrics_families import NS, counter, gauge, histogram
from ferrofeed.metrics_gateway import gateway_metrics
from ferrofeed.orders.board import order_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from ferrofeed.feed import Feed

LINK = ("venue", "connection")
FATES = (("received", 0), ("delivered", 1), ("conflated", 2), ("dropped", 3), ("filtered", 5))
"""Labels, and where in a consumer's account they are; at :data:`PENDING` is what waits."""
PENDING = 4


class _Row(NamedTuple):
    """One connection."""

    labels: tuple[str, str]
    counters: dict[str, Any]
    histograms: dict[str, Any]
    state: SessionState
    tallies: Tallies
    times: list[tuple[int, int]]
    books: tuple[int, int]
    """Valid ones, and those that are not."""


class BoardCollector(Collector):
    """Reads a board at every scrape."""

    def __init__(self, view: _core.MetricsView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """Every metric of the feed."""
        yield gauge("ferrofeed_build_info", "The running version; always 1.", ("version",), [((_core.__version__,), 1)])
        yield gauge(
            "ferrofeed_ready",
            "Whether every wanted subscription is live and its books valid.",
            (),
            [((), not missing(self._view))],
        )
        feed = self._view.feed()
        if feed is None:  # its process died in the middle of a write: nobody is left to be measured
            return
        rows = list(self._rows())
        yield from self._messages(rows)
        yield from self._sessions(rows)
        yield from self._data(rows, core_now_ns(feed))
        yield from self._consumers()
        yield from order_metrics(self._view)
        yield from gateway_metrics(feed)
        yield from self._whole(feed)

    def _rows(self) -> Iterator[_Row]:
        numbers: dict[str, int] = {}
        for seen, fresh in zip(self._view.connections(), self._view.freshness(), strict=False):
            label, counters, histograms, words, tallies = seen
            number = numbers.get(label, 0)
            numbers[label] = number + 1
            times, valid, stale = fresh
            yield _Row(
                labels=(label, str(number)),
                counters=counters,
                histograms=histograms,
                state=IDLE if words is None else SessionState(*words),
                tallies=read_tallies(tallies),
                times=times,
                books=(valid, stale),
            )

    @staticmethod
    def _messages(rows: list[_Row]) -> Iterator[Metric]:
        counters = [(row.labels, row.counters) for row in rows]
        for name, key, text in (
            ("ferrofeed_received_bytes", "bytes", "Bytes read from the socket after the handshake."),
            ("ferrofeed_socket_reads", "reads", "Reads from the socket after the handshake."),
            ("ferrofeed_frames", "frames", "WebSocket frames, each fragment counted."),
            ("ferrofeed_messages", "messages", "Messages received: data + control + ignored + quarantined, always."),
            ("ferrofeed_messages_data", "data", "Messages that gave events."),
            ("ferrofeed_messages_control", "control", "Messages for the session, and WebSocket control frames."),
            ("ferrofeed_discarded_bytes", "discarded_bytes", "Bytes behind a protocol error or a close frame."),
            ("ferrofeed_messages_unfinished", "unfinished", "Fragmented messages that a disconnect left unfinished."),
        ):
            yield counter(name, text, LINK, [(labels, values[key]) for labels, values in counters])
        for name, key, label, text in (
            ("ferrofeed_messages_ignored", "ignored", "reason", "Messages of no use to us, by reason."),
            ("ferrofeed_messages_quarantined", "quarantined", "reason", "Messages that could not be used, by reason."),
            ("ferrofeed_events", "events", "kind", "Events decoded, by kind."),
        ):
            yield counter(
                name,
                text,
                (*LINK, label),
                [((*labels, item), count) for labels, values in counters for item, count in values[key].items()],
            )

    @staticmethod
    def _sessions(rows: list[_Row]) -> Iterator[Metric]:
        yield gauge(
            "ferrofeed_connection_up",
            "Whether the connection is open.",
            LINK,
            [(row.labels, row.state.live) for row in rows],
        )
        yield gauge(
            "ferrofeed_session_phase",
            "1 for the phase the session is in, 0 for the others.",
            (*LINK, "phase"),
            [((*row.labels, phase.value), row.state.phase == at) for row in rows for at, phase in enumerate(PHASES)],
        )
        for name, field, text in (
            ("ferrofeed_subscriptions_wanted", "wanted", "Subscriptions wanted."),
            ("ferrofeed_subscriptions_acknowledged", "acked", "Subscriptions the venue acknowledged."),
            (
                "ferrofeed_subscriptions_refused",
                "refused",
                "Subscriptions the venue refused and that are not asked again.",
            ),
            (
                "ferrofeed_subscriptions_quiet",
                "quiet",
                "Acknowledged subscriptions without data for longer than their limit.",
            ),
        ):
            yield gauge(name, text, LINK, [(row.labels, getattr(row.state, field)) for row in rows])
        for name, field, text in (
            ("ferrofeed_connects", "connects", "Attempts to connect."),
            ("ferrofeed_requests_sent", "sent", "Messages sent to the venue, heartbeats included."),
            ("ferrofeed_heartbeats_missed", "missed_heartbeats", "Heartbeats that were not answered in time."),
            ("ferrofeed_acknowledgements_missed", "ack_timeouts", "Requests that were not acknowledged in time."),
        ):
            yield counter(name, text, LINK, [(row.labels, getattr(row.state, field)) for row in rows])
        for name, field, label, text in (
            ("ferrofeed_disconnects", "reconnects", "reason", "Connections and attempts that ended, by reason."),
            ("ferrofeed_login_refusals", "refusals", "code", "Refused logins and connections, by the venue's code."),
            ("ferrofeed_subscription_refusals", "request_refusals", "code", "Refused requests, by the venue's code."),
        ):
            yield counter(
                name,
                text,
                (*LINK, label),
                [((*row.labels, item), count) for row in rows for item, count in getattr(row.tallies, field).items()],
            )
        yield gauge(
            "ferrofeed_heartbeat_round_trip_seconds",
            "The last heartbeat's round trip.",
            LINK,
            [(row.labels, (row.state.round_trip - 1) * NS) for row in rows if row.state.round_trip],
        )

    @staticmethod
    def _data(rows: list[_Row], now_ns: int) -> Iterator[Metric]:
        yield gauge(
            "ferrofeed_channel_age_seconds",
            "Time since the last data of the channel's quietest instrument that ever had data.",
            (*LINK, "channel"),
            [
                ((*row.labels, SLOTS[slot]), max(0, now_ns - last) * NS)
                for row in rows
                for slot, last in row.times
                if slot < len(SLOTS)
            ],
        )
        yield gauge(
            "ferrofeed_books",
            "Order books by validity.",
            (*LINK, "valid"),
            [
                ((*row.labels, name), count)
                for row in rows
                if any(row.books)
                for name, count in zip(("true", "false"), row.books, strict=True)
            ],
        )
        latency = HistogramMetricFamily(
            "ferrofeed_latency_seconds",
            "Latency by stage: venue_to_receive (two clocks), receive_to_decoded, decoded_to_booked.",
            labels=(*LINK, "stage"),
        )
        negative: list[tuple[tuple[str, ...], float]] = []
        for row in rows:
            for stage, exported in row.histograms.items():
                histogram(latency, (*row.labels, stage), exported)
                negative.append(((*row.labels, stage), exported[3]))
        yield latency
        yield counter(
            "ferrofeed_latency_negative",
            "Latencies below zero, counted as zero: the venue's clock is ahead of ours.",
            (*LINK, "stage"),
            negative,
        )

    def _consumers(self) -> Iterator[Metric]:
        consumers = self._view.consumers()
        yield counter(
            "ferrofeed_consumer_events",
            "Events by consumer and fate: received = delivered + conflated + dropped + pending; filtered apart.",
            ("consumer", "fate"),
            [((name, fate), account[at]) for name, account, _, _ in consumers for fate, at in FATES],
        )
        yield gauge(
            "ferrofeed_consumer_pending_events",
            "Events waiting in the consumer's queue.",
            ("consumer",),
            [((name,), account[PENDING]) for name, account, _, _ in consumers],
        )
        latency = HistogramMetricFamily(
            "ferrofeed_delivery_latency_seconds",
            "Latency of the last stage, booked_to_delivered: how long events waited for the consumer.",
            labels=("consumer",),
        )
        for name, _, _, exported in consumers:
            histogram(latency, (name,), exported)
        yield latency
        yield counter(
            "ferrofeed_callback_errors",
            "Exceptions raised by callbacks.",
            ("consumer",),
            [((name,), errors) for name, _, errors, _ in consumers if errors is not None],
        )

    @staticmethod
    def _whole(feed: dict[str, Any]) -> Iterator[Metric]:
        yield counter(
            "ferrofeed_backpressure_pauses",
            "Times that reading stopped for a consumer of policy block.",
            (),
            [((), feed["pauses"])],
        )
        yield gauge(
            "ferrofeed_loop_silence_seconds",
            "Time since the loop's last sign of life; it gives fifty a second.",
            (),
            [((), silence_s(feed))] if feed["state"] != NEW else [],
        )
        yield gauge(
            "ferrofeed_board_used_bytes",
            "Shared memory in use for what is measured.",
            (),
            [((), feed["used"])],
        )
        yield gauge(
            "ferrofeed_board_limit_bytes",
            "The most shared memory there may be for it.",
            (),
            [((), feed["limit"])],
        )


class FeedCollector(BoardCollector):
    """Reads a feed of this process at every scrape."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(feed.core.board.view())


def registry(feed: Feed) -> CollectorRegistry:
    """A registry of its own with the feed's and the process's metrics."""
    result = CollectorRegistry(auto_describe=False)
    result.register(FeedCollector(feed))
    ProcessCollector(registry=result)
    PlatformCollector(registry=result)
    GCCollector(registry=result)
    return result
