"""What the gateway shows: each number after something happened, and the document's table."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed import _core
from ferrofeed.metrics import BoardCollector
from ferrofeed.metrics_gateway import gateway_metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/metrics.md"
START = "| gateway metric |"
PLATFORM: dict[str, Any] = {
    "name": "paper",
    "venue": "paper",
    "kind": "paper",
    "symbols": [("ETH/USDT", "ETH/USDT")],
    "desk": 0,
    "keys": None,
    "other_keys": False,
    "market_data": False,
}


class Served:
    """A gateway's core on a board, and what a scrape sees of it."""

    def __init__(self) -> None:
        feed = _core.FeedCore()
        self.view = feed.board.view()
        self.orders = _core.OrderCore(feed)
        self.orders.add_paper("paper", 0)
        self.gateway = _core.GatewayCore(self.orders, [SimpleNamespace(**PLATFORM)])

    def families(self) -> Iterator[Metric]:
        self.orders.tick()
        feed = self.view.feed()
        assert feed is not None
        return gateway_metrics(feed)

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Every sample by name and labels' values."""
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in self.families()
            for sample in family.samples
        }


@pytest.fixture
def served() -> Served:
    return Served()


def test_what_happened_is_counted(served: Served) -> None:
    served.gateway.opened(1)
    served.gateway.opened(2)
    login = b'{"op":"login","platform":"paper","symbols":["ETH/USDT"],"access_key":"k","secret_key":"s"}'
    for text in (b"{", b'{"op":"sell"}', login, login, b'{"op":"asset","token":"none"}', b'{"op":"ping","ts":1}'):
        served.gateway.message(1, text, 0)
    served.gateway.count("bad_origin")
    seen = served.samples()
    assert seen["ferrofeed_gateway_open_connections", ()] == 2
    assert seen["ferrofeed_gateway_open_logins", ()] == 1
    assert seen["ferrofeed_gateway_connections_total", ()] == 2
    assert seen["ferrofeed_gateway_messages_received_total", ()] == 6
    assert seen["ferrofeed_gateway_logins_total", ()] == 1
    refused = {labels[0]: n for (name, labels), n in seen.items() if name == "ferrofeed_gateway_refused_total" and n}
    assert refused == {"malformed": 1, "unknown_op": 1, "login_repeated": 1, "invalid_token": 1, "bad_origin": 1}
    frames = served.gateway.take()[0]
    assert [number for number, _ in frames] == [1]
    # two of the states that a login is told: it is being connected
    assert seen["ferrofeed_gateway_messages_sent_total", ()] == frames[0][1].count(b'{"op"')
    served.gateway.closed(1)
    assert served.samples()["ferrofeed_gateway_open_logins", ()] == 0


def test_where_nothing_serves_there_is_nothing_to_see() -> None:
    view = _core.FeedCore().board.view()
    assert not any("gateway" in family.name for family in BoardCollector(view).collect())


def table(served: Served) -> str:
    rows = [f"{START} type | labels | meaning |", "|---|---|---|---|"]
    for family in served.families():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = " ".join(getattr(family, "_labelnames", ())) or "-"
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows)


def test_the_document_lists_every_metric_of_the_gateway(served: Served) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start = text.index(START)
    end = text.index("\n\n", start)
    if os.environ.get("FERROFEED_BLESS"):
        DOCUMENT.write_text(text[:start] + table(served) + text[end:], encoding="utf-8")
        return
    assert text[start:end] == table(served), "run this test with FERROFEED_BLESS=1 and read the difference"
    reasons = {labels[0] for (name, labels) in served.samples() if name == "ferrofeed_gateway_refused_total"}
    listed = text[text.index("`reason` is one of `malformed") : start]
    assert all(reason in listed for reason in reasons)
