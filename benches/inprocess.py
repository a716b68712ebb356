"""Payload to book without a socket, CPU ns a message: ``python -m benches.inprocess WAY LOAD ROUNDS`` prints samples.

ferrofeed is given whole WebSocket frames and ends in books and histograms; the others are given bare payloads. Each
is checked: the books in the end must be those that were sent. A way runs in a process of its own, because
nautilus_trader pins another uvloop.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benches.contestants import NAUTILUS_PYTHON, ROOT
from ferrofeed.bench import workload
from ferrofeed.bench.measure import MeasurementError, different_books

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed.bench.workload import Workload

    Way = tuple[Callable[[], object], Callable[[], dict[str, Any]]]
    """One pass over the load, and the books it left behind."""

LOADS: Final = ("depth5", "depth20")


def ferrofeed(load: Workload) -> Way:
    """Ours."""
    from ferrofeed.bench.inprocess import InProcess  # noqa: PLC0415  # the others' environments have no NumPy of ours
    from ferrofeed.events import to_decimal  # noqa: PLC0415

    feed = InProcess(load)

    def found() -> dict[str, Any]:
        books = {}
        for symbol, instrument in feed.instruments.items():
            book = feed.core.book(instrument)
            if book is not None:
                books[symbol.replace("/", "_")] = [
                    [(to_decimal(price, book.price_scale), to_decimal(size, book.size_scale)) for price, size in side]
                    for side in (book.bids, book.asks)
                ]
        return books

    return feed.block, found


def orjson_dict(load: Workload) -> Way:
    """Floats in a dict a side: fast and not exact."""
    import orjson  # noqa: PLC0415  # may not be there

    bids: dict[str, dict[float, float]] = {}
    asks: dict[str, dict[float, float]] = {}

    def work() -> None:
        for payload in load.payloads:
            data = orjson.loads(payload)["data"]
            symbol = data["s"]
            bids[symbol] = {level["p"]: level["v"] for level in data["b"]}
            asks[symbol] = {level["p"]: level["v"] for level in data["a"]}

    return work, lambda: {symbol: [[*bids[symbol].items()], [*asks[symbol].items()]] for symbol in bids}


def cryptofeed(load: Workload) -> Way:
    """The package's own handler: Decimal from the number's text, the C ``order_book``, an async callback."""
    from benches.peers.cryptofeed_feed import make  # noqa: PLC0415  # may not be there

    async def callback(_event: Any, _receipt: float) -> None:
        """The user's."""

    feed = make(load.kind, load.symbols, callback)
    texts = [payload.decode() for payload in load.payloads]

    def work() -> None:
        for text in texts:
            coroutine = feed.message_handler(text, None, 0.0)
            try:
                coroutine.send(None)
            except StopIteration:
                continue
            raise RuntimeError("the handler waited for something")

    return work, feed.found


def nautilus(load: Workload) -> Way:
    """nautilus_trader's book, fed by deltas as its adapters do."""
    from benches.peers.nautilus_book import Books  # noqa: PLC0415  # may not be there

    state = Books(load.symbols, "_")
    message = state.itick

    def work() -> None:
        for payload in load.payloads:
            message(payload)

    return work, state.found


WAYS: Final[dict[str, tuple[Callable[[Workload], Way], str, str]]] = {
    "ferrofeed": (ferrofeed, sys.executable, ""),
    "orjson + dict": (orjson_dict, sys.executable, "orjson"),
    "cryptofeed": (cryptofeed, sys.executable, "cryptofeed"),
    "nautilus_trader": (nautilus, str(NAUTILUS_PYTHON), ""),
}
"""How, in which Python, and what it needs there."""


def missing(name: str) -> bool:
    """Whether this way can't be gone here."""
    _, python, module = WAYS[name]
    if python != sys.executable:
        return not NAUTILUS_PYTHON.exists()
    return bool(module) and importlib.util.find_spec(module) is None


def samples(name: str, load: Workload, rounds: int) -> list[float]:
    """CPU ns a message, one for each pass after a first. Raises :class:`MeasurementError` for a wrong book."""
    work, found = WAYS[name][0](load)
    work()
    times = []
    for _ in range(rounds):
        start = time.thread_time_ns()
        work()
        times.append((time.thread_time_ns() - start) / len(load.payloads))
    if wrong := different_books(load.books, found()):
        raise MeasurementError(f"{name}: the book of {wrong[0]} is not what was sent")
    return times


def measure(rounds: int, progress: Callable[[str], None]) -> list[dict[str, Any]]:
    """Every way there is, in turn; a row for each and load."""
    names = [name for name in WAYS if not missing(name)]
    found: dict[tuple[str, str], list[float]] = {(load, name): [] for load in LOADS for name in names}
    for _ in range(rounds):
        for load, name in found:
            progress(f"payload to book: {name}, {load}")
            command = [WAYS[name][1], "-m", "benches.inprocess", name, load, "5"]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
            found[load, name] += json.loads(done.stdout)
    return [{"load": load, "way": name, "samples": times} for (load, name), times in found.items()]


if __name__ == "__main__":
    print(json.dumps(samples(sys.argv[1], workload.build(sys.argv[2]), int(sys.argv[3]))))
