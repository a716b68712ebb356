"""The panel of the toy market maker, of any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ferrofeed.demo.text import counts, nanoseconds, plainly, signed

if TYPE_CHECKING:
    from decimal import Decimal

    from rich.console import RenderableType

    from ferrofeed.demo.trading import Toy, ToyRow

LEAST_WIDTH: Final = 40
FULL_WIDTH: Final = 76
"""Columns from which everything has room."""
SYMBOL_WIDTH: Final = 9


def height_of(toy: Toy) -> int:
    """Lines it takes: a frame, a header, the instruments, their sum, counts and latencies."""
    return len(toy.rows) + 6


def toy_panel(toy: Toy, width: int) -> Panel:
    """What the toy holds, quotes and has lost, for it will lose: it pays fees like everybody."""
    full = width >= FULL_WIDTH
    names = ["position", "our bid", "our ask", "traded", "fees", "P&L"] if full else ["position", "P&L"]
    table = Table(box=None, padding=0, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", width=SYMBOL_WIDTH, no_wrap=True, overflow="ellipsis")
    size = min(16, (width - 2 - SYMBOL_WIDTH) // len(names) - 1)
    for name in names:
        table.add_column(name, justify="right", width=size + 1, no_wrap=True, overflow="ellipsis")
    for row in toy.rows:
        table.add_row(row.symbol, *_cells(row, full=full))
    blanks = [""] * (3 if full else 0)
    table.add_row("in USDT", "", *blanks, *([f"{toy.fees:.2f}"] if full else []), _gain(toy.gain))
    p50, p99 = toy.tick_to_order_ns
    ack50, ack99 = toy.order_to_ack_ns
    latency = (
        f"tick→order p50 {nanoseconds(p50)}, p99 {nanoseconds(p99)}; "
        f"order→ack p50 {nanoseconds(ack50)}, p99 {nanoseconds(ack99)}"
    )
    ready = toy.state == "ready"
    title = Text("toy market maker (paper money) ")
    title.append(f"{'●' if ready else '○'} {toy.state}", style="green" if ready else "red")
    lines: list[RenderableType] = [_line(counts(toy)), _line(latency)]
    return Panel(Group(table, *lines), title=title, border_style="dim", height=height_of(toy), width=width, padding=0)


def _cells(row: ToyRow, *, full: bool) -> list[RenderableType]:
    position = plainly(row.position)
    if not full:
        return [position, _gain(row.gain)]
    return [
        position,
        _price(row.bid, "green"),
        _price(row.ask, "red"),
        plainly(row.traded),
        f"{row.fees:.2f}",
        _gain(row.gain),
    ]


def _price(price: Decimal | None, style: str) -> Text:
    return Text("-", style="dim") if price is None else Text(f"{price:.2f}", style=style)


def _gain(gain: Decimal | None) -> Text:
    text = signed(gain)
    return Text(text, style="red" if text.startswith("-") and len(text) > 1 else "green" if gain else "")


def _line(text: str) -> Text:
    return Text(text, style="dim", no_wrap=True, overflow="ellipsis")
