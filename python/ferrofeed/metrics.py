"""Prometheus metrics of a feed: a collector that reads the Rust counters when scraped, and nothing per message.

Names follow the Prometheus conventions: base units, ``_total`` for counters, ``_seconds``. Labels are bounded by the
configuration and by fixed lists of reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from ferrofeed import _core
from ferrofeed.net.link import channel_slot
from ferrofeed.session import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.metrics_core import Metric

    from ferrofeed.feed import Feed
    from ferrofeed.net.link import Link
    from ferrofeed.session import Snapshot

NS = 1e-9
LINK = ("venue", "connection")


class FeedCollector(Collector):
    """Reads a feed at every scrape."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def collect(self) -> Iterator[Metric]:
        """Every metric of the feed."""
        yield _gauge(
            "ferrofeed_build_info", "The running version; always 1.", ("version",), [((_core.__version__,), 1)]
        )
        yield _gauge(
            "ferrofeed_ready",
            "Whether every wanted subscription is live and its books valid.",
            (),
            [
                ((), self._feed.ready()),
            ],
        )
        links = self._feed.snapshots()
        numbers: dict[str, int] = {}
        rows = []
        for link, snapshot in links:
            number = numbers.get(link.config.id, 0)
            numbers[link.config.id] = number + 1
            rows.append(((link.config.id, str(number)), link, snapshot))
        yield from self._messages(rows)
        yield from self._sessions(rows)
        yield from self._data(rows)
        yield from self._consumers()

    def _messages(self, rows: list[tuple[tuple[str, str], Link, Snapshot]]) -> Iterator[Metric]:
        counters = [(labels, self._feed.core.counters(link.venue)) for labels, link, _ in rows]
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
            yield _counter(name, text, LINK, [(labels, values[key]) for labels, values in counters])
        for name, key, label, text in (
            ("ferrofeed_messages_ignored", "ignored", "reason", "Messages of no use to us, by reason."),
            ("ferrofeed_messages_quarantined", "quarantined", "reason", "Messages that could not be used, by reason."),
            ("ferrofeed_events", "events", "kind", "Events decoded, by kind."),
        ):
            yield _counter(
                name,
                text,
                (*LINK, label),
                [((*labels, item), count) for labels, values in counters for item, count in values[key].items()],
            )

    def _sessions(self, rows: list[tuple[tuple[str, str], Link, Snapshot]]) -> Iterator[Metric]:
        yield _gauge(
            "ferrofeed_connection_up",
            "Whether the connection is open.",
            LINK,
            [(labels, link.live) for labels, link, _ in rows],
        )
        yield _gauge(
            "ferrofeed_session_phase",
            "1 for the phase the session is in, 0 for the others.",
            (*LINK, "phase"),
            [((*labels, phase.value), snapshot.phase is phase) for labels, _, snapshot in rows for phase in Phase],
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
            yield _gauge(name, text, LINK, [(labels, getattr(snapshot, field)) for labels, _, snapshot in rows])
        for name, field, text in (
            ("ferrofeed_connects", "connects", "Attempts to connect."),
            ("ferrofeed_requests_sent", "sent", "Messages sent to the venue, heartbeats included."),
            ("ferrofeed_heartbeats_missed", "missed_heartbeats", "Heartbeats that were not answered in time."),
            ("ferrofeed_acknowledgements_missed", "ack_timeouts", "Requests that were not acknowledged in time."),
        ):
            yield _counter(name, text, LINK, [(labels, getattr(snapshot, field)) for labels, _, snapshot in rows])
        for name, field, label, text in (
            ("ferrofeed_disconnects", "reconnects", "reason", "Connections and attempts that ended, by reason."),
            ("ferrofeed_login_refusals", "refusals", "code", "Refused logins and connections, by the venue's code."),
            ("ferrofeed_subscription_refusals", "request_refusals", "code", "Refused requests, by the venue's code."),
        ):
            yield _counter(
                name,
                text,
                (*LINK, label),
                [
                    ((*labels, item), count)
                    for labels, _, snapshot in rows
                    for item, count in getattr(snapshot, field).items()
                ],
            )
        yield _gauge(
            "ferrofeed_heartbeat_round_trip_seconds",
            "The last heartbeat's round trip.",
            LINK,
            [(labels, snapshot.last_rtt_ns * NS) for labels, _, snapshot in rows if snapshot.last_rtt_ns is not None],
        )

    def _data(self, rows: list[tuple[tuple[str, str], Link, Snapshot]]) -> Iterator[Metric]:
        now = _core.monotonic_ns()
        ages: dict[tuple[str, ...], float] = {}
        books: dict[tuple[str, str], list[int]] = {}
        for labels, link, _ in rows:
            for topic, instrument in tuple(link.instruments.items()):
                if not link.session.wants(topic):
                    continue
                last = self._feed.core.last_data(instrument, channel_slot(topic.channel))
                if last:
                    key = (*labels, topic.channel)
                    ages[key] = max(ages.get(key, 0.0), (now - last) * NS)
                if topic.channel == "depth":
                    count = books.setdefault(labels, [0, 0])
                    count[bool(self._feed.core.book_valid(instrument))] += 1
        yield _gauge(
            "ferrofeed_channel_age_seconds",
            "Time since the last data of the channel's quietest instrument that ever had data.",
            (*LINK, "channel"),
            ages.items(),
        )
        yield _gauge(
            "ferrofeed_books",
            "Order books by validity.",
            (*LINK, "valid"),
            [
                ((*labels, name), count)
                for labels, counts in books.items()
                for name, count in zip(("false", "true"), counts, strict=True)
            ],
        )
        latency = HistogramMetricFamily(
            "ferrofeed_latency_seconds",
            "Latency by stage: venue_to_receive (two clocks), receive_to_decoded, decoded_to_booked.",
            labels=(*LINK, "stage"),
        )
        negative: list[tuple[tuple[str, ...], float]] = []
        for labels, link, _ in rows:
            for stage, histogram in self._feed.core.histograms(link.venue).items():
                _histogram(latency, (*labels, stage), histogram)
                negative.append(((*labels, stage), histogram[3]))
        yield latency
        yield _counter(
            "ferrofeed_latency_negative",
            "Latencies below zero, counted as zero: the venue's clock is ahead of ours.",
            (*LINK, "stage"),
            negative,
        )

    def _consumers(self) -> Iterator[Metric]:
        consumers = self._feed.consumers
        totals = [(consumer.name, consumer.core.totals()) for consumer in consumers]
        yield _counter(
            "ferrofeed_consumer_events",
            "Events by consumer and fate: received = delivered + conflated + dropped + pending; filtered apart.",
            ("consumer", "fate"),
            [
                ((name, fate), values[fate])
                for name, values in totals
                for fate in ("received", "delivered", "conflated", "dropped", "filtered")
            ],
        )
        yield _gauge(
            "ferrofeed_consumer_pending_events",
            "Events waiting in the consumer's queue.",
            ("consumer",),
            [((name,), values["pending"]) for name, values in totals],
        )
        latency = HistogramMetricFamily(
            "ferrofeed_delivery_latency_seconds",
            "Latency of the last stage, booked_to_delivered: how long events waited for the consumer.",
            labels=("consumer",),
        )
        for consumer in consumers:
            _histogram(latency, (consumer.name,), consumer.core.histogram())
        yield latency
        yield _counter(
            "ferrofeed_callback_errors",
            "Exceptions raised by callbacks.",
            ("consumer",),
            [((dispatcher.consumer.name,), dispatcher.errors) for dispatcher in self._feed.dispatchers],
        )
        yield _counter(
            "ferrofeed_backpressure_pauses",
            "Times that reading stopped for a consumer of policy block.",
            (),
            [
                ((), self._feed.pauses),
            ],
        )


def _counter(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, float(number))
    return family


def _histogram(family: HistogramMetricFamily, labels: tuple[str, ...], exported: Any) -> None:
    cumulative, count, sum_ns, _ = exported
    buckets = [(f"{bound * NS:.10g}", float(number)) for bound, number in cumulative]
    family.add_metric(labels, [*buckets, ("+Inf", float(count))], sum_ns * NS)


def registry(feed: Feed) -> CollectorRegistry:
    """A registry of its own with the feed's and the process's metrics."""
    result = CollectorRegistry(auto_describe=False)
    result.register(FeedCollector(feed))
    ProcessCollector(registry=result)
    PlatformCollector(registry=result)
    GCCollector(registry=result)
    return result
