"""What a scrape holds: valid, well named, and equal to the core's own numbers."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from tests.metrics.conftest import Served

from ferrofeed import _core
from ferrofeed.exporter.collectors import ExporterCollector
from ferrofeed.metrics import FeedCollector
from ferrofeed.metrics_gateway import gateway_metrics
from ferrofeed.orders.board import order_metrics

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/metrics.md"
BOUNDS = ("1e-07", "10")
LABELS = {
    "venue",
    "connection",
    "reason",
    "kind",
    "phase",
    "channel",
    "valid",
    "stage",
    "consumer",
    "fate",
    "code",
    "version",
}
BASE_UNITS = ("_seconds", "_bytes", "_ratio", "_info")
NO_UNITS = re.compile(
    r"_(ms|us|ns|millis|micros|nanos|milliseconds|microseconds|nanoseconds|kb|mb|kilobytes|percent)\b"
)


def families(served: Served) -> dict[str, Any]:
    answer = served.ask("/metrics")
    assert answer.status == 200
    return {family.name: family for family in text_string_to_metric_families(answer.body.decode())}


def own(served: Served) -> dict[str, Any]:
    return {name: family for name, family in families(served).items() if name.startswith("ferrofeed_")}


def values(family: Any, name: str = "") -> dict[tuple[tuple[str, str], ...], float]:
    return {
        tuple(sorted(sample.labels.items())): sample.value
        for sample in family.samples
        if sample.name == (name or sample.name) and not sample.name.endswith("_created")
    }


def test_both_formats_parse_with_the_clients_own_parsers_and_agree(served: Served) -> None:
    text = served.ask("/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=")
    opened = served.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert opened.body.endswith(b"# EOF\n")
    plain = {family.name for family in text_string_to_metric_families(text.body.decode())}
    read: Callable[[str], Any] = openmetrics_families  # the client types only its other parser
    assert {family.name for family in read(opened.body.decode())} == plain
    assert len(plain) > 30


def test_names_help_units_and_labels_keep_the_conventions(served: Served) -> None:
    exposition = served.ask("/metrics").body.decode()
    for name, family in own(served).items():
        assert family.documentation.endswith("."), name
        assert len(family.documentation) > 15, name
        assert re.fullmatch(r"ferrofeed_[a-z][a-z0-9_]*[a-z0-9]", name), name
        assert not NO_UNITS.search(name), name
        assert family.type in {"counter", "gauge", "histogram"}, name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} <= LABELS, name
            if family.type == "counter":
                assert sample.name.endswith(("_total", "_created")), name
        if family.type == "histogram":
            assert name.endswith("_seconds"), name
        if "time" in family.documentation.lower().split()[:1]:
            assert name.endswith(BASE_UNITS), name
    for line in exposition.splitlines():
        if line.startswith("# TYPE ferrofeed_") and line.endswith(" counter"):
            assert line.split()[2].endswith("_total"), line


def test_cardinality_does_not_grow_with_instruments_or_messages(served: Served) -> None:
    found: dict[str, set[str]] = defaultdict(set)
    per_family: dict[str, int] = {}
    for name, family in own(served).items():
        per_family[name] = len(
            {tuple(sorted((k, v) for k, v in s.labels.items() if k != "le")) for s in family.samples}
        )
        for sample in family.samples:
            for label, value in sample.labels.items():
                found[label].add(value)
    assert not any("/USDT" in value or "USDT" in value for label in found for value in found[label])
    assert found["venue"] == {"ziario-1", "itick-1", "infoway-1"}
    assert max(per_family.values()) < 200, per_family


def test_values_are_the_cores_and_every_message_is_accounted_for(served: Served) -> None:
    market, feed = served.market, served.feed
    for sim in market.sims.values():
        sim.call(lambda simulator: simulator.pause())
    try:
        metrics = _quiet(served)
        for number, (link, snapshot) in enumerate(feed.snapshots()):
            labels = (("connection", "0"), ("venue", link.config.id))
            counters = feed.core.counters(link.venue)
            for name, key in {
                "ferrofeed_messages": "messages",
                "ferrofeed_messages_data": "data",
                "ferrofeed_messages_control": "control",
                "ferrofeed_received_bytes": "bytes",
                "ferrofeed_socket_reads": "reads",
                "ferrofeed_frames": "frames",
            }.items():
                assert values(metrics[name])[labels] == counters[key] > 0, (number, name)
            for name, key in {"ignored": "ignored", "quarantined": "quarantined"}.items():
                for reason, count in counters[key].items():
                    found = values(metrics[f"ferrofeed_messages_{name}"])
                    assert found[(labels[0], ("reason", reason), labels[1])] == count
            for kind, count in counters["events"].items():
                assert values(metrics["ferrofeed_events"])[(labels[0], ("kind", kind), labels[1])] == count
            for name in ("wanted", "acknowledged"):
                assert values(metrics[f"ferrofeed_subscriptions_{name}"])[labels] == snapshot.wanted > 0
            parts = sum(
                value
                for part in ("data", "control", "ignored", "quarantined")
                for have, value in values(metrics[f"ferrofeed_messages_{part}"]).items()
                if ("venue", link.config.id) in have
            )
            assert parts == values(metrics["ferrofeed_messages"])[labels]
    finally:
        for sim in market.sims.values():
            sim.call(lambda simulator: simulator.resume())


def _quiet(served: Served) -> dict[str, Any]:
    """A scrape between two equal looks at the counters: nothing moved meanwhile."""
    feed = served.feed
    for _ in range(200):
        before = [feed.core.counters(link.venue) for link, _ in feed.snapshots()]
        metrics = own(served)
        if before == [feed.core.counters(link.venue) for link, _ in feed.snapshots()]:
            return metrics
    raise AssertionError("the counters never stood still")


def test_histograms_are_cumulative_and_reach_from_100_ns_to_10_s(served: Served) -> None:
    metrics = own(served)
    for name in ("ferrofeed_latency_seconds", "ferrofeed_delivery_latency_seconds"):
        series: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = defaultdict(list)
        for sample in metrics[name].samples:
            if sample.name == f"{name}_bucket":
                labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
                series[labels].append((float(sample.labels["le"]), sample.value))
        counts, sums = values(metrics[name], f"{name}_count"), values(metrics[name], f"{name}_sum")
        assert series.keys() == counts.keys() == sums.keys()
        for labels, buckets in series.items():
            bounds = [bound for bound, _ in buckets]
            numbers = [number for _, number in buckets]
            assert bounds == sorted(set(bounds)), labels
            assert (bounds[0], bounds[-2], bounds[-1]) == (1e-7, 10.0, float("inf")), labels
            assert numbers == sorted(numbers), labels
            assert numbers[-1] == counts[labels], labels
            assert sums[labels] >= 0, labels
    stages = {
        dict(labels)["stage"]
        for labels in values(metrics["ferrofeed_latency_seconds"], "ferrofeed_latency_seconds_count")
    }
    assert stages == {"venue_to_receive", "receive_to_decoded", "decoded_to_booked"}


def test_process_figures_are_there(served: Served) -> None:
    names = families(served)
    assert {"process_resident_memory_bytes", "process_cpu_seconds", "python_info"} <= names.keys()


def test_states_and_readiness_show(served: Served) -> None:
    metrics = own(served)
    assert set(values(metrics["ferrofeed_connection_up"]).values()) == {1.0}
    assert values(metrics["ferrofeed_ready"]) == {(): 1.0}
    for (link, _), labels in zip(served.feed.snapshots(), ("ziario-1", "itick-1", "infoway-1"), strict=True):
        assert link.config.id == labels
        phases = {
            dict(have)["phase"]: value
            for have, value in values(metrics["ferrofeed_session_phase"]).items()
            if ("venue", labels) in have
        }
        assert phases.pop("live") == 1.0
        assert set(phases.values()) == {0.0}


def table(served: Served) -> str:
    """The document's table, from the collector itself."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in FeedCollector(served.feed).collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = " ".join(getattr(family, "_labelnames", ())) or "-"
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows)


def test_the_document_lists_every_metric_as_it_is(served: Served) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start, end = text.index("| metric |"), text.index("\n\n", text.index("| metric |"))
    if os.environ.get("FERROFEED_BLESS"):
        DOCUMENT.write_text(text[:start] + table(served) + text[end:], encoding="utf-8")
        return
    assert text[start:end] == table(served), "run this test with FERROFEED_BLESS=1 and read the difference"


def test_every_metric_in_the_examples_exists(served: Served) -> None:
    known = {sample.name for family in own(served).values() for sample in family.samples}
    known |= {name.removesuffix("_bucket") for name in known}
    known |= {f"{family.name}_total" for family in FeedCollector(served.feed).collect() if family.type == "counter"}
    known |= {family.name for family in FeedCollector(served.feed).collect()}
    exporters = ExporterCollector(served.feed.core.board.view()).collect()
    known |= {f"{family.name}_total" for family in exporters}
    trading = _core.FeedCore()
    _core.OrderCore(trading).add_paper("paper", 0)
    orders = list(order_metrics(trading.board.view()))
    orders += list(gateway_metrics({"gateway": (0, 0, defaultdict(int))}))
    known |= {f"{family.name}_total" if family.type == "counter" else family.name for family in orders}
    used = set(re.findall(r"\bferrofeed_[a-z_]+", DOCUMENT.read_text(encoding="utf-8")))
    assert used - known == set()
