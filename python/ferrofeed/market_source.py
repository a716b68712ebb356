"""What a feed's gateway takes market data from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed import _core
    from ferrofeed.consumer import Consumer
    from ferrofeed.events import Batch


class MarketSource(NamedTuple):
    """The part of a feed that hands market data on."""

    consumer: Callable[[Sequence[str], Sequence[str]], Consumer]
    """Makes a consumer of these kinds and canonical symbols, which never holds the feed up."""
    pictures: Callable[[Sequence[tuple[str, str]]], Batch]
    """The valid books of market-data venues with symbols, as they are."""
    lines: Callable[[_core.Batch], bytes]
    """A batch as JSON lines."""
