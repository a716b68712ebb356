"""What a trading venue is to the API: numbers of the core behind the names of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field

from ferrofeed.board import MARK


@dataclass(slots=True)
class Desk:
    """One trading venue, one login."""

    venue: str
    """Its id in the configuration."""
    kind: str
    """``coinceres``, ``quantapi`` or ``paper``."""
    number: int
    link: int
    """The socket it is on; a paper exchange has one of its own that is none."""
    owner: str = ""
    """Whose it is, if it came with a client of the gateway; its ``venue`` has that name too then."""
    instruments: dict[str, int] = field(default_factory=dict)
    """By canonical symbol and by the venue's spelling."""
    symbols: dict[int, str] = field(default_factory=dict)
    """Canonical symbols by number."""

    @property
    def is_paper(self) -> bool:
        """Whether it is the exchange in this process."""
        return self.kind == "paper"

    def is_of(self, venue: str) -> bool:
        """Whether it is at this venue of the configuration, whoever has it."""
        return self.venue.partition(MARK)[0] == venue

    def add(self, instrument: int, symbol: str, raw_symbol: str) -> None:
        """Take an instrument in."""
        self.instruments[raw_symbol] = instrument
        self.instruments[symbol] = instrument
        self.symbols[instrument] = symbol
