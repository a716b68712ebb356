"""What is sent: a block of distinct, plausible frames of one venue, to be repeated, and what must come of it."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

START_MS: Final = 1_731_690_000_000
"""``t`` of the first frame; the frame's number is added to it, so a receiver knows which one it holds."""
BLOCK: Final = 4_000
"""Distinct frames of a block: more than a branch predictor learns by heart."""

Levels = list[tuple[str, str]]
Books = dict[str, tuple[Levels, Levels]]
"""By the venue's symbol: bids and asks, best first, as decimal text."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Frames ready to be written to a socket."""

    name: str
    kind: str
    """The venue's kind."""
    channels: tuple[str, ...]
    symbols: tuple[str, ...]
    """Canonical; pushes spell them with an underscore (itick) or joined (ziario)."""
    payloads: tuple[bytes, ...]
    books: Books
    """After the block's last frame."""

    def frames(self) -> list[bytes]:
        """The payloads as text frames of a server: not masked, one frame a message."""
        return [frame(payload) for payload in self.payloads]

    @property
    def mean_bytes(self) -> float:
        """Mean length of a payload."""
        return sum(map(len, self.payloads)) / len(self.payloads)


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """One whole frame of a server (RFC 6455, 5.2)."""
    first, length = bytes([0x80 | opcode]), len(payload)
    if length < 126:  # noqa: PLR2004
        return first + bytes([length]) + payload
    if length < 1 << 16:
        return first + b"\x7e" + length.to_bytes(2, "big") + payload
    return first + b"\x7f" + length.to_bytes(8, "big") + payload


def fixed(units: int, digits: int) -> str:
    """``units / 10^digits`` as a JSON number without trailing zeros."""
    whole, rest = divmod(units, 10**digits)
    tail = f"{rest:0{digits}d}".rstrip("0")
    return f"{whole}.{tail}" if tail else str(whole)


class _Market:
    """One instrument that moves by a few ticks a frame."""

    def __init__(self, symbol: str, rng: random.Random) -> None:
        self.base, _, self.quote = symbol.partition("/")
        self._rng = rng
        self._mid = rng.randint(2_000_000, 9_000_000)  # ticks of 0.01
        self.bids: Levels = []
        self.asks: Levels = []

    def step(self) -> int:
        self._mid += self._rng.randint(-3, 3)
        return self._mid

    def size(self) -> str:
        return fixed(self._rng.randint(1, 4_000_000_000), 8)

    def side(self, sign: int, depth: int) -> Levels:
        tick, levels = 0, []
        for _ in range(depth):
            tick += self._rng.randint(1, 4)
            levels.append((fixed(self._mid + sign * tick, 2), self.size()))
        return levels


def _itick_quote(market: _Market, number: int, rng: random.Random) -> str:
    volume, turnover = fixed(rng.randint(1, 10**9), 6), fixed(rng.randint(10**9, 10**13), 6)
    return (
        f'{{"code":1,"data":{{"s":"{market.base}_{market.quote}","ld":{fixed(market.step(), 2)},'
        f'"t":{START_MS + number},"v":{volume},"tu":{turnover},"ts":0,"type":"quote"}}}}'
    )


def _itick_trade(market: _Market, number: int, _rng: random.Random) -> str:
    return (
        f'{{"code":1,"data":{{"s":"{market.base}_{market.quote}","ld":{fixed(market.step(), 2)},"v":{market.size()},'
        f'"t":{START_MS + number},"type":"tick"}}}}'
    )


def _levels(levels: Levels) -> str:
    # `o` is the size again, as in the venue's own example
    return ",".join(
        f'{{"po":{position},"p":{price},"v":{size},"o":{size}}}'
        for position, (price, size) in enumerate(levels, start=1)
    )


def _itick_depth(levels: int, *, stamped: bool = False) -> Callable[[_Market, int, random.Random], str]:
    def make(market: _Market, number: int, _rng: random.Random) -> str:
        market.step()
        market.bids, market.asks = market.side(-1, levels), market.side(1, levels)
        stamp = f'"t":{START_MS + number},' if stamped else ""
        return (
            f'{{"code":1,"data":{{"s":"{market.base}_{market.quote}",{stamp}"a":[{_levels(market.asks)}],'
            f'"b":[{_levels(market.bids)}],"type":"depth"}}}}'
        )

    return make


def _ziario_ticker(market: _Market, number: int, rng: random.Random) -> str:
    sign = rng.choice(("", "-"))
    return (
        f'{{"type":"ticker","symbol":"{market.base}{market.quote}","price":"{market.step() / 100:.2f}",'
        f'"change_24h":"{sign}{rng.randint(0, 999) / 100:.2f}","volume_24h":"{rng.randint(10**6, 10**9) / 100:.2f}",'
        f'"timestamp":{START_MS // 1000 + number // 1000}}}'
    )


_DEPTH5, _DEPTH20 = _itick_depth(5), _itick_depth(20)
_SHAPES: Final[dict[str, tuple[str, tuple[str, ...], tuple[Callable[[_Market, int, random.Random], str], ...]]]] = {
    "quote": ("itick", ("quote",), (_itick_quote,)),
    "depth5": ("itick", ("depth",), (_DEPTH5,)),
    "depth20": ("itick", ("depth",), (_DEPTH20,)),
    "trade": ("itick", ("trade",), (_itick_trade,)),
    "ticker": ("ziario", ("quote",), (_ziario_ticker,)),
    # what a liquid pair brings: books most of all, then trades, quotes now and then
    "mix": ("itick", ("quote", "depth", "trade"), (_DEPTH5,) * 5 + (_itick_trade,) * 3 + (_itick_quote,) * 2),
    # for latencies: every frame carries its number
    "depth5t": ("itick", ("depth",), (_itick_depth(5, stamped=True),)),
}
NAMES: Final = ("quote", "depth5", "depth20", "trade", "ticker", "mix")
"""The loads of the whole-path table."""


def symbols(count: int) -> tuple[str, ...]:
    """So many canonical symbols, the first ones familiar."""
    known = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC")
    letters = ("".join(three) for three in itertools.product("QWERTYUIOPAS", repeat=3))
    return tuple(f"{base}/USDT" for base in itertools.islice(itertools.chain(known, letters), count))


def build(name: str, *, instruments: int = 10, block: int = BLOCK, seed: int = 7) -> Workload:
    """The load of this name (:data:`NAMES`), the same for the same arguments. ``block``: distinct frames, at least."""
    kind, channels, makers = _SHAPES[name]
    rng = random.Random(seed)  # noqa: S311  # load, not secrets
    names = symbols(instruments)
    markets = [_Market(symbol, rng) for symbol in names]

    def payloads() -> Iterator[bytes]:
        for number in range(max(block, instruments)):
            # every instrument comes up, the rest at random
            market = markets[number] if number < instruments else rng.choice(markets)
            yield rng.choice(makers)(market, number, rng).encode()

    made = tuple(payloads())
    books = {f"{market.base}_{market.quote}": (market.bids, market.asks) for market in markets if market.bids}
    return Workload(name, kind, channels, names, made, books)
