"""Numbers as people read them, plain lines where there is no terminal, and the summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from ferrofeed.book import Book
    from ferrofeed.demo.model import Model, VenueRow
    from ferrofeed.demo.trading import Toy

NOTHING = "-"
"""Stands where nothing was measured."""


def nanoseconds(ns: float | None) -> str:
    """A duration with three significant digits, at most seven characters; a dash for none."""
    if not ns:
        return NOTHING
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns / size < 999.5 else f"{ns / size:.0f} {unit}"  # noqa: PLR2004
    return f"{ns:.0f} ns"


def rate(per_second: float) -> str:
    """So many a second."""
    return f"{per_second:,.0f}"


def fit(value: object, width: int) -> str:
    """The value's text; what does not fit shows that it was cut."""
    text = str(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def latencies(values: Sequence[int]) -> str:
    """The percentiles with slashes between: p50 / p99 / p99.9."""
    return " / ".join(nanoseconds(value) for value in values) if any(values) else NOTHING


def plainly(number: Decimal) -> str:
    """The number without trailing zeros."""
    return f"{(number + 0).normalize():f}"


def signed(money: Decimal | None) -> str:
    """A gain or a loss, to the cent; a dash for none."""
    if money is None:
        return NOTHING
    cents = round(money, 2)
    return f"{cents:+.2f}" if cents else "0.00"


def counts(toy: Toy) -> str:
    """What became of every order."""
    ended = "".join(f"{number:,} {state} + " for state, number in sorted(toy.ended.items(), reverse=True))
    refused = sum(toy.refused.values())
    return (
        f"{toy.placed:,} orders = {ended}{toy.live:,} live; {toy.fills:,} fills, {toy.moves:,} moved"
        f"{f', {refused:,} not taken' if refused else ''}"
    )


def plain(model: Model, elapsed_s: float) -> list[str]:
    """One line a connection, and one of the toy, for logs and pipes."""
    lines = [_line(row) for row in model.rows] + ([] if model.toy is None else [_toy_line(model.toy)])
    return [f"{elapsed_s:6.1f} s  {line}" for line in lines]


def _toy_line(toy: Toy) -> str:
    return (
        f"{'toy maker':<10} {toy.state:<10} {counts(toy)}; {_positions(toy)}; P&L {signed(toy.gain)} USDT  "
        f"tick→order {latencies(toy.tick_to_order_ns)}"
    )


def _positions(toy: Toy) -> str:
    return ", ".join(f"{row.symbol} {plainly(row.position)}" for row in toy.rows)


def _line(row: VenueRow) -> str:
    state = "live" if row.up and row.phase == "live" else row.phase
    return (
        f"{row.venue:<10} {state:<10} {row.acked:>2}/{row.wanted} subscriptions  {rate(row.messages_per_s):>9} msg/s  "
        f"{row.messages:>12,} messages  {row.quarantined} bad  read→decoded {latencies(row.decode_ns)}"
    )


def summary(model: Model, elapsed_s: float, wrong: Sequence[str] | None = None) -> list[str]:
    """What was seen, for people; the exit code says the same. ``wrong``: what of the trading does not add up."""
    books = model.books()
    account = model.account()
    venue, symbol = (
        max((len(text) for text in texts), default=0)
        for texts in ([book.venue for book in books], [book.symbol for book in books])
    )
    return [
        f"ferrofeed demo: {elapsed_s:.1f} s, {model.events:,} events delivered to the view",
        "",
        *(line for row in model.rows for line in _venue(row)),
        "",
        f"books: {sum(book.valid for book in books)} of {len(books)} valid; best bid and ask of each (price x size):",
        *(f"  {book.venue:<{venue}}  {book.symbol:<{symbol}}  {_best(book)}" for book in books),
        (
            f"view: received {account.received:,} = delivered {account.delivered:,} + conflated {account.conflated:,} "
            f"+ dropped {account.dropped:,} + pending {account.pending:,}"
        ),
        *([] if model.toy is None or wrong is None else _toy(model.toy, wrong)),
    ]


def _venue(row: VenueRow) -> Iterator[str]:
    yield f"{row.venue}: {'live' if row.live else 'NOT LIVE'}"
    yield f"  subscriptions      {row.acked} of {row.wanted} acknowledged, {row.reconnects} reconnects"
    yield f"  messages           {row.messages:,}, {'all' if row.accounted else 'NOT ALL'} accounted for"
    yield f"  quarantined        {row.quarantined:,}"
    yield f"  read → decoded     {latencies(row.decode_ns)}  (p50 / p99 / p99.9)"
    if any(row.book_ns):
        yield f"  decoded → booked   {latencies(row.book_ns)}"
    if any(row.venue_ns):
        yield f"  venue → read       {latencies(row.venue_ns)}  (the venue stamps in whole ms or s)"


def _toy(toy: Toy, wrong: Sequence[str]) -> Iterator[str]:
    least, most = (2 * way / 1000 for way in toy.latency_us)
    yield ""
    yield f"toy market maker (paper money): {'NOT ' if wrong else ''}accounted for"
    yield f"  orders             {counts(toy)}"
    for rule, number in sorted(toy.refused.items()):
        yield f"  not taken          {number:,} by the rule {rule}"
    yield f"  left over          {_positions(toy)}"
    yield f"  profit and loss    {signed(toy.gain)} USDT at the middle of the books, after {toy.fees:.2f} of fees"
    yield f"  tick → order       {latencies(toy.tick_to_order_ns)}  (p50 / p99)"
    yield f"  order → answer     {latencies(toy.order_to_ack_ns)}  (the exchange takes {least:g} to {most:g} ms of it)"
    if not wrong:
        yield "  orders, fills, balances and positions agree to the last digit"
    yield from (f"  WRONG: {line}" for line in wrong)


def _best(book: Book) -> str:
    return " | ".join("-" if side is None else f"{side[0]} x {side[1]}" for side in (book.best_bid, book.best_ask))
