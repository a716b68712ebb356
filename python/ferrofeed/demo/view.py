"""The live view of a terminal, and plain lines where there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from ferrofeed.book import Book
    from ferrofeed.demo.model import Model, VenueRow

BAR = "█"
LEVELS = 5
BOOK_WIDTH = 40


def nanoseconds(ns: float | None) -> str:
    """A duration with three significant digits."""
    if ns is None:
        return "–"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns / size < 1000 else f"{ns / size:.0f} {unit}"  # noqa: PLR2004
    return f"{ns:.0f} ns"


def rate(per_second: float) -> str:
    """Messages a second, short."""
    return f"{per_second:,.0f}"


def latencies(values: Sequence[int]) -> str:
    """p50 / p99 / p99.9."""
    return " / ".join(nanoseconds(value) for value in values) if any(values) else "–"


def render(model: Model, title: str, height: int = 40, width: int = 120) -> RenderableType:
    """The whole screen."""
    parts: list[RenderableType] = [Text(title, style="bold"), _venues(model, width)]
    used = 8 + len(model.rows)
    books = model.books()
    across = max(1, width // (BOOK_WIDTH + 1))
    block = LEVELS * 2 + 3
    down = max(1, (height - used - 9) // block)
    parts.append(Columns([_book(book) for book in books[: across * down]], padding=(0, 1)))
    used += block * min(down, -(-len(books) // across)) if books else 0
    rows = max(3, height - used - 5)
    parts.append(Columns([_trades(model, rows), _quotes(model, rows)], padding=(0, 1)))
    return Group(*parts)


def _venues(model: Model, width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for name in ("venue", "state", "subs", "msg/s", "kB/s", "messages", "bad", "read→decoded p50/p99/p99.9"):
        table.add_column(name, justify="left" if name in {"venue", "state"} else "right", no_wrap=True)
    wide = width >= 130  # noqa: PLR2004
    if wide:
        table.add_column("decoded→booked", justify="right", no_wrap=True)
    for row in model.rows:
        state = Text("● live" if row.up and row.phase == "live" else f"○ {row.phase}")
        state.stylize("green" if row.up else "red")
        cells: list[RenderableType] = [
            row.venue,
            state,
            f"{row.acked}/{row.wanted}",
            rate(row.messages_per_s),
            f"{row.bytes_per_s / 1e3:,.0f}",
            f"{row.messages:,}",
            f"{row.quarantined:,}",
            latencies(row.decode_ns),
        ]
        table.add_row(*cells, *([latencies(row.book_ns)] if wide else []))
    return table


def _book(book: Book) -> Panel:
    bids, asks = book.bids[:LEVELS], book.asks[:LEVELS]
    largest = max((size for _, size in (*bids, *asks)), default=None)
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", width=11)
    table.add_column(justify="right", width=10)
    table.add_column(width=12)
    for levels, style in ((list(reversed(asks)), "red"), (bids, "green")):
        for price, size in levels:
            length = int(12 * size / largest) if largest else 0
            table.add_row(Text(f"{price}", style=style), f"{size}", Text(BAR * max(1, length), style=f"dim {style}"))
    spread = "" if book.spread is None else f"spread {book.spread}"
    title = f"{book.symbol} [dim]{book.venue}[/]"
    return Panel(
        table,
        title=title,
        subtitle=spread if book.valid else f"[bold red]stale: {book.reason}[/]",
        width=BOOK_WIDTH,
        border_style="dim" if book.valid else "red",
    )


def _trades(model: Model, rows: int) -> Panel:
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "left", "left", "right", "right"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    for trade in list(model.trades)[: -rows - 1 : -1]:
        at = datetime.fromtimestamp(trade.ts_recv / 1e9, tz=UTC).strftime("%H:%M:%S.%f")[:-3]
        style = {"buy": "green", "sell": "red"}.get(trade.side, "")
        table.add_row(
            Text(at, style="dim"), trade.symbol, Text(trade.side, style=style), f"{trade.price}", f"{trade.size}"
        )
    return Panel(table, title="last trades", border_style="dim", height=rows + 2)


def _quotes(model: Model, rows: int) -> Panel:
    table = Table.grid(padding=(0, 1))
    for justify in ("left", "left", "right", "right"):
        table.add_column(justify=justify)  # type: ignore[arg-type]
    for (venue, symbol), quote in sorted(model.quotes.items())[:rows]:
        change = "" if quote.change is None else f"{quote.change}%"
        table.add_row(symbol, Text(venue, style="dim"), f"{quote.last}", change)
    return Panel(table, title="quotes", border_style="dim", height=rows + 2)


def plain(model: Model, elapsed_s: float) -> list[str]:
    """One line a connection, for logs and pipes."""
    return [f"{elapsed_s:6.1f} s  {_line(row)}" for row in model.rows]


def _line(row: VenueRow) -> str:
    state = "live" if row.up and row.phase == "live" else row.phase
    return (
        f"{row.venue:<10} {state:<10} {row.acked}/{row.wanted} subscriptions  {rate(row.messages_per_s):>9} msg/s  "
        f"{row.messages:>12,} messages  {row.quarantined} bad  read→decoded {latencies(row.decode_ns)}"
    )


def summary(model: Model, elapsed_s: float) -> list[str]:
    """What was seen, for people; the exit code says the same."""
    lines = [f"ferrofeed demo: {elapsed_s:.1f} s, {model.events:,} events delivered to the view", ""]
    for row in model.rows:
        lines.append(f"{row.venue}: {'live' if row.up and row.acked == row.wanted else 'NOT LIVE'}")
        lines.append(f"  subscriptions      {row.acked} of {row.wanted} acknowledged, {row.reconnects} reconnects")
        lines.append(
            f"  messages           {row.messages:,}, all accounted for"
            if row.accounted
            else f"  messages           {row.messages:,}, NOT ALL ACCOUNTED FOR"
        )
        lines.append(f"  quarantined        {row.quarantined:,}")
        lines.append(f"  read → decoded     {latencies(row.decode_ns)}  (p50 / p99 / p99.9)")
        if any(row.book_ns):
            lines.append(f"  decoded → booked   {latencies(row.book_ns)}")
        if any(row.venue_ns):
            lines.append(f"  venue → read       {latencies(row.venue_ns)}  (the venue stamps in whole ms or s)")
    books = model.books()
    valid = sum(book.valid for book in books)
    account = model.account()
    lines += [
        "",
        f"books: {valid} of {len(books)} valid; best of each:",
        *(f"  {book.venue:<10} {book.symbol:<10} {_best(book)}" for book in books),
        f"view: received {account.received:,} = delivered {account.delivered:,} + conflated {account.conflated:,} "
        f"+ dropped {account.dropped:,} + pending {account.pending:,}",
    ]
    return lines


def _best(book: Book) -> str:
    bid, ask = book.best_bid, book.best_ask
    sides = ["–" if side is None else f"{side[0]} × {side[1]}" for side in (bid, ask)]
    return " | ".join(sides)
