"""Who takes part, and what each of them needs."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ferrofeed.bench.measure import FERROFEED, OURS, Contestant

ROOT: Final = Path(__file__).resolve().parents[1]
RUST_BASELINE: Final = ROOT / "benches/rust-baseline/target/release/ferrofeed-rust-baseline"
REFERENCE: Final = "picows, empty listener"
"""What ratios are given against."""
DICT_BOOK: Final = "picows + orjson + dict book"
INLINE: Final = "ferrofeed, inline callback"
POLLED: Final = "ferrofeed, inline callback, busy polling"
"""For latencies only: it uses a whole CPU whatever comes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant and what it needs beside ferrofeed's own dependencies."""

    contestant: Contestant
    modules: tuple[str, ...] = ()
    binary: Path | None = None

    def missing(self) -> str:
        """What is not there, empty if it can take part."""
        absent = [module for module in self.modules if importlib.util.find_spec(module) is None]
        if self.binary is not None and not self.binary.exists():
            absent.append(self.binary.name)
        return ", ".join(absent)


def _peer(name: str, module: str, *needs: str, counts: bool = True, books: bool = True) -> Entry:
    command = (sys.executable, "-m", f"benches.peers.{module}")
    return Entry(Contestant(name, command, counts=counts, books=books, folder=str(ROOT)), needs)


ENTRIES: Final = (
    _peer("raw recv (floor)", "raw_recv", books=False),
    _peer(REFERENCE, "picows_empty", counts=False, books=False),
    Entry(FERROFEED),
    Entry(Contestant("ferrofeed, idle conflating consumer", OURS, mode="untouched")),
    Entry(Contestant("ferrofeed, NumPy batches", OURS, mode="batch")),
    Entry(Contestant("ferrofeed, Python callback", OURS, mode="callback")),
    Entry(Contestant(INLINE, OURS, mode="inline")),
    Entry(Contestant(POLLED, OURS, mode="inline+busy_poll")),
    Entry(Contestant("Rust: tungstenite + sonic-rs", (str(RUST_BASELINE),)), binary=RUST_BASELINE),
    _peer("picows + msgspec + dict book", "picows_msgspec", "msgspec"),
    _peer(DICT_BOOK, "picows_orjson", "orjson"),
    _peer("aiohttp + orjson + dict book", "aiohttp_orjson", "orjson", "aiohttp"),
    _peer("websockets + orjson + dict book", "websockets_orjson", "orjson", "websockets"),
)
