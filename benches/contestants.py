"""Who takes part, what each needs, and how it is set up: the list that tables, pictures and documents follow."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import tomllib
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


CRYPTOFEED: Final = "cryptofeed (websockets + yapic + order_book)"
NAUTILUS: Final = "nautilus_trader (its client and book)"
PEERS: Final = ROOT / ".make/peers"
"""Environments of the peers whose pinned dependencies are not ours."""
NAUTILUS_PYTHON: Final = Path(os.environ.get("FERROFEED_BENCH_NAUTILUS", PEERS / "nautilus/bin/python"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant, what it needs beside ferrofeed's own dependencies, and how it is set up."""

    contestant: Contestant
    settings: str
    modules: tuple[str, ...] = ()
    binary: Path | None = None
    tls: bool = True
    """Whether it can be made to trust a certificate of the benchmark's own."""

    def missing(self) -> str:
        """What is not there, empty if it can take part."""
        absent = [module for module in self.modules if importlib.util.find_spec(module) is None]
        if self.binary is not None and not self.binary.exists():
            absent.append(str(self.binary.relative_to(ROOT)) if self.binary.is_relative_to(ROOT) else self.binary.name)
        return ", ".join(absent)


def versions() -> dict[str, str]:
    """Of the peers' packages and crates: what they were measured at."""
    found = {}
    for package in ("orjson", "msgspec", "aiohttp", "websockets", "cryptofeed", "order_book", "yapic.json"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    for line in (ROOT / "benches/peers/nautilus.txt").read_text(encoding="utf-8").splitlines():
        if NAUTILUS_PYTHON.exists() and line.startswith("nautilus_trader=="):
            found["nautilus_trader"] = line.partition("==")[2]
    if RUST_BASELINE.exists():
        lock = tomllib.loads((ROOT / "benches/rust-baseline/Cargo.lock").read_text(encoding="utf-8"))
        wanted = {"tokio", "tokio-tungstenite", "serde_json", "sonic-rs"}
        found |= {one["name"]: one["version"] for one in lock["package"] if one["name"] in wanted}
    return found


def _peer(
    name: str, module: str, settings: str, *needs: str, mode: str = "", counts: bool = True, books: bool = True
) -> Entry:
    command = (sys.executable, "-m", f"benches.peers.{module}")
    return Entry(Contestant(name, command, mode, counts=counts, books=books, folder=str(ROOT)), settings, needs)


def _rust(parser: str) -> Entry:
    settings = "tokio's current thread, 128 KiB reads, fat LTO, target-cpu=native, typed structs, a BTreeMap a side"
    contestant = Contestant(f"Rust: tungstenite + {parser} + BTreeMap", (str(RUST_BASELINE),), mode=parser)
    return Entry(contestant, settings, binary=RUST_BASELINE)


def _nautilus() -> Entry:
    command = (str(NAUTILUS_PYTHON), "-m", "benches.peers.nautilus_client")
    settings = (
        "its Rust WebSocketClient calling a Python handler, msgspec structs, OrderBookDeltas; in an environment of its "
        "own (it pins another uvloop); not over TLS: its client trusts public authorities only"
    )
    return Entry(Contestant(NAUTILUS, command, folder=str(ROOT)), settings, binary=NAUTILUS_PYTHON, tls=False)


_PICOWS = "uvloop, aiofastnet, 64 KiB reads, no pings"
ENTRIES: Final = (
    _peer("raw recv (floor)", "raw_recv", "recv_into one buffer of 64 KiB, nothing looked at", books=False),
    _peer(
        REFERENCE, "picows_empty", f"{_PICOWS}; on_ws_frame is `pass`, nothing is counted", counts=False, books=False
    ),
    _peer(
        "picows + memoryview",
        "picows_empty",
        f"{_PICOWS}; on_ws_frame takes a memoryview of the payload, nothing more",
        mode="view",
        counts=False,
        books=False,
    ),
    Entry(FERROFEED, "the whole feed: sessions, accounting, books, histograms; nobody consumes"),
    Entry(
        Contestant("ferrofeed, idle conflating consumer", OURS, mode="untouched"),
        "a consumer's queue that is not polled",
    ),
    Entry(Contestant("ferrofeed, NumPy batches", OURS, mode="batch"), "every event as NumPy records in another thread"),
    Entry(
        Contestant("ferrofeed, Python callback", OURS, mode="callback"),
        "every event as a Python object to a function in another thread",
    ),
    Entry(Contestant(INLINE, OURS, mode="inline"), "the same on the feed's own thread, within the read"),
    Entry(Contestant(POLLED, OURS, mode="inline+busy_poll"), "the same, the feed's thread spinning on its socket"),
    _rust("sonic-rs"),
    _rust("serde_json"),
    _peer(
        "picows + msgspec + dict book",
        "picows_msgspec",
        f"{_PICOWS}; typed structs without gc, floats, a dict a side",
        "msgspec",
    ),
    _peer(DICT_BOOK, "picows_orjson", f"{_PICOWS}; orjson from the memoryview, floats, a dict a side", "orjson"),
    _peer(
        "aiohttp + orjson + dict book",
        "aiohttp_orjson",
        "uvloop, its C reader, no compression, payloads as bytes",
        "orjson",
        "aiohttp",
    ),
    _peer(
        "websockets + orjson + dict book",
        "websockets_orjson",
        "uvloop, asyncio client, its C extension, no compression, no pings, endless queue, bytes",
        "orjson",
        "websockets",
    ),
    _peer(
        CRYPTOFEED,
        "cryptofeed_feed",
        "the package itself: an exchange as its own are, its own websockets connection, uvloop, Decimal, C order_book, "
        "async callback",
        "cryptofeed",
        "order_book",
    ),
    _nautilus(),
)
