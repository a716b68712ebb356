"""Families of metrics from plain rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable

NS = 1e-9


def counter(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> CounterMetricFamily:
    """A family of counters: for each row the labels' values and the number."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def gauge(
    name: str, text: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    """A family of gauges, as :func:`counter`."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, float(number))
    return family


def histogram(family: HistogramMetricFamily, labels: tuple[str, ...], exported: Any) -> None:
    """Add a histogram as the core exports one."""
    cumulative, count, sum_ns, _ = exported
    buckets = [(f"{bound * NS:.10g}", float(number)) for bound, number in cumulative]
    family.add_metric(labels, [*buckets, ("+Inf", float(count))], sum_ns * NS)
