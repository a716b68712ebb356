"""What a book costs as it grows deeper: a snapshot and a delta at 5 to 10,000 levels, beside others' books.

The criterion bench ``book`` makes the work, runs ours and the tree in turn, and prints it for ``order_book``
(cryptofeed's C package), which does the very same: prices and sizes are ``Decimal`` made beforehand, so that only the
books are compared.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from benches import cargo

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS: Final = 5


def measure(progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """A row for each kind of work and depth, with every sample by contestant."""
    progress("levels: ferrofeed and BTreeMap")
    rows: list[dict[str, Any]] = json.loads(cargo.output("book", "--json"))
    try:
        import order_book  # noqa: PLC0415  # may not be there
    except ImportError:
        return rows
    for row in rows:
        progress(f"levels: order_book, {row['kind']} of {row['levels']} levels")
        work = json.loads(cargo.output("book", "--work", row["kind"], str(row["levels"])))
        row["order_book"], top = theirs(order_book.OrderBook, work)
        if top != row["top"]:
            raise AssertionError(
                f"order_book ended with another top of {row['levels']} levels: {top}, not {row['top']}"
            )
    return rows


def theirs(make: Callable[[], Any], work: dict[str, Any], rounds: int = ROUNDS) -> tuple[list[float], int]:
    """ns an operation of ``order_book``, a sample a round, and the sum of its best prices in the end."""

    def side(levels: list[list[int]]) -> dict[Decimal, Decimal]:
        return {Decimal(price): Decimal(size) for price, size in levels}

    samples, book = [], make()
    if "snapshots" in work:
        snapshots = [(side(bids), side(asks)) for bids, asks in work["snapshots"]]
        for _ in range(rounds):
            start = time.thread_time_ns()
            for bids, asks in snapshots:
                book = make()
                book.bids = bids
                book.asks = asks
                book.bids.index(0)
                book.asks.index(0)
            samples.append((time.thread_time_ns() - start) / len(snapshots))
    else:
        deltas = [(("bids", "asks")[where], Decimal(price), Decimal(size)) for where, price, size in work["deltas"]]
        for _ in range(rounds):
            book = make()
            book.bids, book.asks = (side(levels) for levels in work["start"])
            sides = {"bids": book.bids, "asks": book.asks}
            start = time.thread_time_ns()
            for name, price, size in deltas:
                if size:
                    sides[name][price] = size
                else:
                    del sides[name][price]
            book.bids.index(0)
            book.asks.index(0)
            samples.append((time.thread_time_ns() - start) / len(deltas))
    return samples, int(book.bids.index(0)[0] + book.asks.index(0)[0])
