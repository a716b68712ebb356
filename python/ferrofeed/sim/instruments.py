"""The instruments a simulated market can trade: names, scales and where their prices start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Business = Literal["crypto", "stock", "common"]

_CACHE_LIMIT = 1 << 16


def decimal_text(units: int, decimals: int) -> str:
    """Render ``units / 10**decimals`` exactly, with all ``decimals`` digits."""
    if not decimals:
        return str(units)
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"


def trimmed_text(units: int, decimals: int) -> str:
    """Render as :func:`decimal_text` does, without trailing zeros."""
    text = decimal_text(units, decimals)
    return text.rstrip("0").rstrip(".") if decimals else text


class Texts(dict[int, str]):
    """The exact text of integers at one scale, made once each and kept, up to a limit."""

    __slots__ = ("_decimals", "_render")

    def __init__(self, render: Callable[[int, int], str], decimals: int) -> None:
        super().__init__()
        self._render = render
        self._decimals = decimals

    def __missing__(self, units: int) -> str:
        if len(self) >= _CACHE_LIMIT:
            self.clear()
        text = self[units] = self._render(units, self._decimals)
        return text


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument. Prices are integers in units of ``10**-price_decimals``, sizes of ``10**-size_decimals``."""

    symbol: str
    """The project's canonical name: ``BTC/USDT``, ``AAPL.US``."""
    business: Business
    price: int
    """Where the walk starts and what it reverts to."""
    price_decimals: int
    size_decimals: int
    tick: int = 1
    """Price step, in price units."""
    size_shift: int = 0
    """Sizes are drawn at random and shifted right by this many bits."""
    prices: Texts = field(init=False, repr=False, compare=False)
    """Text of a price, with all its decimals."""
    price_numbers: Texts = field(init=False, repr=False, compare=False)
    """Text of a price, without trailing zeros."""
    sizes: Texts = field(init=False, repr=False, compare=False)
    """Text of a size, without trailing zeros."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", Texts(decimal_text, self.price_decimals))
        object.__setattr__(self, "price_numbers", Texts(trimmed_text, self.price_decimals))
        object.__setattr__(self, "sizes", Texts(trimmed_text, self.size_decimals))

    @property
    def raw(self) -> str:
        """The spelling of most venues: ``BTCUSDT``."""
        return self.symbol.replace("/", "")

    @property
    def pair(self) -> str:
        """The spelling of iTick's pushes: ``BTC_USDT``."""
        return self.symbol.replace("/", "_")

    @property
    def turnover_decimals(self) -> int:
        """Scale of price times size."""
        return self.price_decimals + self.size_decimals

    def turnover_text(self, units: int) -> str:
        """Return the exact text of a turnover (price units times size units) without trailing zeros."""
        return trimmed_text(units, self.turnover_decimals)


CATALOGUE: tuple[Instrument, ...] = (
    Instrument("BTC/USDT", "crypto", 4_500_050, 2, 5, size_shift=3),
    Instrument("ETH/USDT", "crypto", 303_400, 2, 4),
    Instrument("SOL/USDT", "crypto", 18_250, 2, 3),
    Instrument("XRP/USDT", "crypto", 52_340, 5, 1),
    Instrument("AAPL.US", "stock", 22_597, 2, 0, size_shift=8),
    Instrument("AMZN.US", "stock", 225_975, 3, 0, tick=5, size_shift=8),
    Instrument("002594.SZ", "stock", 326_880, 3, 0, tick=10, size_shift=6),
    Instrument("EURUSD", "common", 108_512, 5, 0, size_shift=2),
    Instrument("XAUUSD", "common", 265_430, 2, 0, size_shift=6),
)

_BY_NAME = {instrument.symbol: instrument for instrument in CATALOGUE} | {
    instrument.raw: instrument for instrument in CATALOGUE
}


def instrument_named(name: str) -> Instrument:
    """Find a known instrument by canonical or plain name, or make up a crypto pair for any other ``BASE/QUOTE``.

    :raises ValueError: the name is unknown and not ``BASE/QUOTE``, so its kind can't be told.
    """
    name = name.strip().upper()
    known = _BY_NAME.get(name)
    if known is not None:
        # a copy: the text caches belong to one market, which may live on a thread of its own
        return Instrument(
            known.symbol,
            known.business,
            known.price,
            known.price_decimals,
            known.size_decimals,
            known.tick,
            known.size_shift,
        )
    base, slash, quote = name.partition("/")
    if not (base and slash and quote and "/" not in quote):
        choice = ", ".join(instrument.symbol for instrument in CATALOGUE)
        raise ValueError(f"unknown symbol {name!r}: expected one of {choice}, or any BASE/QUOTE")
    return Instrument(f"{base}/{quote}", "crypto", 20_000 + crc32(name.encode()) % 900_000, 2, 4)


def instruments_for(names: Iterable[str] | int | None) -> tuple[Instrument, ...]:
    """Resolve names; a number means that many (the catalogue first, then made-up pairs); None means the catalogue."""
    if names is None:
        names = [instrument.symbol for instrument in CATALOGUE]
    elif isinstance(names, int):
        made_up = (f"C{index:04d}/USDT" for index in range(max(0, names - len(CATALOGUE))))
        names = [*(instrument.symbol for instrument in CATALOGUE[:names]), *made_up]
    found = tuple({instrument.symbol: instrument for instrument in map(instrument_named, names)}.values())
    if not found:
        raise ValueError("no symbols: expected at least one")
    return found
