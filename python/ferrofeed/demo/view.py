"""The live view of a terminal of any size: venues, books, trades and quotes, cut to fit and never wrapped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ferrofeed.demo.panel import LEAST_WIDTH, height_of, toy_panel
from ferrofeed.demo.text import fit, nanoseconds, rate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from rich.console import JustifyMethod, RenderableType

    from ferrofeed.book import Book, Level
    from ferrofeed.demo.model import Model, VenueRow
    from ferrofeed.events import Quote, Trade

LEVELS: Final = 5
BOOK_WIDTH: Final = 40
BOOK_HEIGHT: Final = LEVELS + 2
SIZE_WIDTH, PRICE_WIDTH = 8, 10
HALF: Final = SIZE_WIDTH + 1 + PRICE_WIDTH
TRADES_WIDTH: Final = 50
LEAST_TRADES: Final = 3
"""Rows of the lower panels that books leave room for."""
VENUE_WIDTH: Final = 9
NARROW, WIDE, WIDEST = 76, 100, 120
"""Columns from which there is room for more."""
STYLES: Final = {"buy": "green", "sell": "red"}


def render(model: Model, title: str, height: int = 40, width: int = 120, page: int = 0) -> RenderableType:
    """The whole screen, ``height`` lines of ``width`` columns. Books that don't fit come on later pages."""
    left = height - 4 - len(model.rows)
    toy = model.toy if model.toy is not None and left >= height_of(model.toy) and width >= LEAST_WIDTH else None
    # the toy comes first, then books, then what is left for trades and quotes
    reserve = LEAST_TRADES + 2 if toy is None else 0
    left -= 0 if toy is None else height_of(toy)
    books = model.books()
    across = width // BOOK_WIDTH
    down = min(-(-len(books) // across), max(0, left - reserve) // BOOK_HEIGHT) if across else 0
    parts: list[RenderableType] = [_line(title, "bold"), _venues(model.rows, width)]
    shown = across * down
    if shown:
        pages = -(-len(books) // shown)
        at = page % pages * shown
        parts.append(_books(books[at : at + shown], across, width, down))
    if toy is not None:
        parts.append(toy_panel(toy, width))
    rows = left - down * BOOK_HEIGHT - 2
    if rows > 0:
        parts.append(_lower(model, rows, width))
    parts.append(_line(_account(model), "dim"))
    return Group(*parts)


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis", end="\n")


def _account(model: Model) -> str:
    account = model.account()
    p50, p99, _ = model.delivery_ns()
    return (
        f"this view: {account.received:,} events = {account.delivered:,} delivered + {account.conflated:,} conflated"
        f" + {account.dropped:,} dropped + {account.pending:,} waiting"
        f"; waited p50 {nanoseconds(p50)}, p99 {nanoseconds(p99)}"
    )


def _venues(rows: Sequence[VenueRow], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    wide, widest, narrow = width >= WIDE, width >= WIDEST, width < NARROW
    columns = [
        ("subs", 5),
        ("msg/s", 7),
        *([] if narrow else [("kB/s", 6), ("messages", 11 if wide else 9)]),
        ("bad", 3),
        ("decode p50", 10),
        *([("p99", 7), ("p99.9", 7)] if wide else [("p99", 7)]),
        *([("book p50", 9), ("p99", 7)] if widest else []),
    ]
    table.add_column("venue", width=VENUE_WIDTH, no_wrap=True, overflow="ellipsis")
    table.add_column("state", width=12, no_wrap=True, overflow="ellipsis")
    for name, size in columns:
        table.add_column(name, justify="right", width=size + widest, no_wrap=True, overflow="ellipsis")
    for row in rows:
        live = row.up and row.phase == "live"
        cells = [
            f"{row.acked}/{row.wanted}",
            rate(row.messages_per_s),
            *([] if narrow else [rate(row.bytes_per_s / 1e3), f"{row.messages:,}"]),
            f"{row.quarantined:,}",
            *map(nanoseconds, row.decode_ns[: 3 if wide else 2]),
            *(map(nanoseconds, row.book_ns[:2]) if widest else ()),
        ]
        state = Text("● live" if live else f"○ {row.phase}", style="green" if live else "red")
        table.add_row(row.venue, state, *cells)
    return table


def _books(books: Sequence[Book], across: int, width: int, down: int) -> Table:
    grid = Table.grid(padding=0)
    widths = [width // across] * across
    for size in widths:
        grid.add_column(width=size)
    for row in range(down):
        panels = [_book(book, size) for book, size in zip(books[row * across :], widths, strict=False)]
        blanks = [Text("\n" * (BOOK_HEIGHT - 1))] * (across - len(panels))
        grid.add_row(*panels, *blanks)
    return grid


def _book(book: Book, width: int) -> Panel:
    bids, asks = book.bids[:LEVELS], book.asks[:LEVELS]
    largest = max((size for _, size in (*bids, *asks)), default=None)
    digits = max((_decimals(price) for price, _ in (*bids, *asks)), default=0)
    half = (width - 2) // 2
    table = Table.grid(padding=0)
    table.add_column(width=half)
    table.add_column(width=width - 2 - half)
    for index in range(LEVELS):
        bid = _level(bids, index, half, largest, digits, bid=True)
        ask = _level(asks, index, width - 2 - half, largest, digits, bid=False)
        table.add_row(bid, ask)
    if not book.valid:
        below = f"[bold red]stale: {book.reason}[/]"
    elif book.mid is None or book.spread is None:
        below = "one side is empty"
    else:
        below = f"[dim]mid[/] {book.mid} [dim]spread[/] {book.spread}"
    return Panel(
        table,
        title=f"{book.symbol} [dim]{book.venue}[/]",
        subtitle=below,
        width=width,
        padding=0,
        border_style="dim" if book.valid else "red",
    )


def _decimals(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _level(levels: Sequence[Level], index: int, width: int, largest: Decimal | None, digits: int, *, bid: bool) -> Text:
    """Size and price of a level, on a bar from the middle outwards as long as its size is large."""
    if index >= len(levels):
        return Text(" " * width)
    price, size = levels[index]
    cost, amount = fit(f"{price:.{digits}f}", PRICE_WIDTH - 1), fit(size, SIZE_WIDTH)
    edge = width - HALF
    if bid:
        text = f"{'':>{edge}}{amount:>{SIZE_WIDTH}} {cost:>{PRICE_WIDTH - 1}} "
    else:
        text = f" {cost:<{PRICE_WIDTH - 1}} {amount:<{SIZE_WIDTH}}{'':>{edge}}"
    line = Text(text, no_wrap=True)
    at = width - PRICE_WIDTH if bid else 0
    line.stylize("bold green" if bid else "bold red", at, at + PRICE_WIDTH)
    length = max(1, int(width * size / largest)) if largest else 0
    if bid:
        line.stylize("on #123a1c", width - length, width)
    else:
        line.stylize("on #45191b", 0, length)
    return line


def _lower(model: Model, rows: int, width: int) -> Table:
    wide = width >= WIDEST
    trades = min(width, TRADES_WIDTH + VENUE_WIDTH * wide)
    grid = Table.grid(padding=0)
    grid.add_column(width=trades)
    cells: list[RenderableType] = [_trades(list(model.trades)[: -rows - 1 : -1], rows, trades, wide=wide)]
    if width - trades >= TRADES_WIDTH // 2:
        grid.add_column(width=width - trades)
        cells.append(_quotes(model, rows, width - trades, wide=wide))
    grid.add_row(*cells)
    return grid


def _panel(title: str, columns: Sequence[tuple[JustifyMethod, int]], rows: int, width: int) -> tuple[Table, Panel]:
    table = Table.grid(padding=(0, 1, 0, 0))
    for justify, size in columns:
        table.add_column(justify=justify, width=size, no_wrap=True, overflow="ellipsis")
    return table, Panel(table, title=title, border_style="dim", height=rows + 2, width=width, padding=0)


def _trades(trades: Sequence[Trade], rows: int, width: int, *, wide: bool) -> Panel:
    columns: list[tuple[JustifyMethod, int]] = [("left", 12), ("left", 9), ("left", 4), ("right", 10), ("right", 9)]
    if wide:
        columns.insert(1, ("left", VENUE_WIDTH - 1))
    table, panel = _panel("last trades", columns, rows, width)
    for trade in trades:
        at = datetime.fromtimestamp(trade.ts_recv / 1e9, tz=UTC).strftime("%H:%M:%S.%f")[:-3]
        cells: list[RenderableType] = [
            Text(at, style="dim"),
            trade.symbol,
            Text(trade.side if trade.side in STYLES else "", style=STYLES.get(trade.side, "")),
            f"{trade.price}",
            f"{trade.size}",
        ]
        if wide:
            cells.insert(1, Text(trade.venue, style="dim"))
        table.add_row(*cells)
    return panel


def _quotes(model: Model, rows: int, width: int, *, wide: bool) -> Panel:
    columns: list[tuple[JustifyMethod, int]] = [("left", 9), ("right", 10), ("right", 7)]
    if wide:
        columns = [("left", 9), ("left", VENUE_WIDTH - 1), ("right", 10), ("right", 8), ("right", 12)]
    table, panel = _panel("quotes", columns, rows, width)
    for (venue, symbol), quote in sorted(model.quotes.items())[:rows]:
        cells: list[RenderableType] = [symbol, f"{quote.last}", _change(quote)]
        if wide:
            cells.insert(1, Text(venue, style="dim"))
            cells.append("" if quote.volume is None else fit(quote.volume, 12))
        table.add_row(*cells)
    return panel


def _change(quote: Quote) -> Text:
    if quote.change is None:
        return Text("")
    style = "red" if quote.change < 0 else "green" if quote.change > 0 else ""
    return Text(f"{quote.change:+}%" if quote.change else "0%", style=style)
