"""What the order side shows: each number after something happened, and the document's table."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ferrofeed import _core
from ferrofeed.metrics import BoardCollector
from ferrofeed.orders import BadInputError, Desk, OrderRejectedError, Orders
from ferrofeed.orders.board import order_metrics

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/metrics.md"
START = "| order metric |"
RULES: dict[str, Any] = {
    "symbol": "ETH/USDT",
    "raw_symbol": "ETH/USDT",
    "product": "spot",
    "base": "ETH",
    "quote": "USDT",
    "settle": "USDT",
    "price_scale": 2,
    "size_scale": 3,
    "tick": "0.01",
    "lot": "0.001",
    "min_size": "0.001",
    "max_size": "0",
    "min_price": "0",
    "min_notional": "0",
}


class Traded:
    """A paper exchange on a board, and what a scrape sees of it."""

    def __init__(self, journal: Path) -> None:
        feed = _core.FeedCore()
        self.view = feed.board.view()
        self.core = _core.OrderCore(feed, journal=str(journal), fsync="off")
        desk = Desk("paper", "paper", self.core.add_paper("paper", 0), 0)
        instrument = self.core.add_instrument(desk.number, SimpleNamespace(**RULES))
        desk.add(instrument, "ETH/USDT", "ETH/USDT")
        self.core.list_paper(instrument, maker_ppm=200, taker_ppm=500)
        self.core.deposit_paper(desk.number, "USDT", "1000000")
        self.core.opened(0)
        self.orders = Orders(self.core, [desk])
        while not self.orders.ready():
            self.orders.tick()

    def samples(self) -> dict[tuple[str, tuple[str, ...]], float]:
        """Every sample by name and labels' values."""
        self.orders.tick()
        return {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in order_metrics(self.view)
            for sample in family.samples
        }


@pytest.fixture
def traded(tmp_path: Path) -> Traded:
    return Traded(tmp_path / "journal")


def test_what_happened_is_counted(traded: Traded) -> None:
    order = traded.orders.place("paper", "ETH/USDT", "buy", "1", "100")
    with pytest.raises(OrderRejectedError):
        traded.orders.place("paper", "ETH/USDT", "buy", "1", "0")
    with pytest.raises(BadInputError):
        traded.orders.place("paper", "ETH/USDT", "buy", "one", "1")
    seen = traded.samples()
    assert seen["ferrofeed_orders_placed_total", ("paper",)] == 1
    assert seen["ferrofeed_orders_live", ("paper",)] == 1
    assert seen["ferrofeed_orders_denied_total", ("paper", "price_sign")] == 1
    assert seen["ferrofeed_order_denials_total", ()] == 2
    assert seen["ferrofeed_order_desk_state", ("paper", "ready")] == 1
    assert seen["ferrofeed_order_desk_state", ("paper", "down")] == 0
    assert seen["ferrofeed_order_latency_seconds_count", ("paper", "order_to_ack")] == 1
    entries, size = seen["ferrofeed_order_journal_entries_total", ()], seen["ferrofeed_order_journal_bytes", ()]
    assert entries == traded.core.journal()[0] > 0
    assert size > 32 * entries
    order.cancel()
    traded.orders.kill("a test")
    seen = traded.samples()
    assert seen["ferrofeed_order_cancels_sent_total", ("paper",)] == 1
    assert seen["ferrofeed_orders_live", ("paper",)] == 0
    assert seen["ferrofeed_order_kill_switch", ()] == 1
    assert seen["ferrofeed_order_mode", ("active",)] == 1


def test_where_nothing_trades_there_is_nothing_to_see() -> None:
    view = _core.FeedCore().board.view()
    assert list(order_metrics(view)) == []
    assert not any("order" in family.name for family in BoardCollector(view).collect())


def table(traded: Traded) -> str:
    rows = [f"{START} type | labels | meaning |", "|---|---|---|---|"]
    for family in order_metrics(traded.view):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = " ".join(getattr(family, "_labelnames", ())) or "-"
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows)


def test_the_document_lists_every_metric_of_orders(traded: Traded) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    start = text.index(START)
    end = text.index("\n\n", start)
    if os.environ.get("FERROFEED_BLESS"):
        DOCUMENT.write_text(text[:start] + table(traded) + text[end:], encoding="utf-8")
        return
    assert text[start:end] == table(traded), "run this test with FERROFEED_BLESS=1 and read the difference"
