"""Feeds that trade: on the paper exchange of this process, and at simulated venues over sockets."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from ferrofeed import Config, Feed
from ferrofeed._core import read_journal
from ferrofeed.session import BackoffPolicy

DEADLINE_S = 30.0
SOON = BackoffPolicy(floor_s=0.01, base_s=0.02, cap_s=0.05, kick_count=1000)
ETH = "ETH/USDT"
D = Decimal


def until(condition: Callable[[], object], what: str = "") -> None:
    """Poll with a deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.002)


def config(folder: Path, *venues: dict[str, Any], **orders: Any) -> Config:
    """A configuration with its journal in a folder."""
    settings = {"journal": str(folder / "journal"), "settle_s": 0.2, "fsync": "off", **orders}
    return Config.from_dict({"orders": settings, "venue": list(venues)})


def paper(**more: Any) -> dict[str, Any]:
    """A paper venue: one spot instrument and one contract."""
    spot = {"symbols": [ETH], "tick": "0.01", "lot": "0.001", "min_size": "0.002", "min_notional": "5"}
    contract = {"symbols": ["BTC/USDT"], "product": "contract", "tick": "0.1", "lot": "0.001", "leverage": 10}
    return {
        "id": "paper",
        "kind": "paper",
        "balances": {"USDT": "100000", "ETH": "50"},
        "trade": [spot, contract],
        **more,
    }


def at_simulator(kind: str, url: str, name: str = "v", **more: Any) -> dict[str, Any]:
    """A trading venue as its simulator has it."""
    behind = {"coinceres": {"exchange": "TEST", "poll_s": 0.2}, "quantapi": {"platform": "huobi", "poll_s": 0.2}}[kind]
    risk = {"max_quantity": "100", "max_position": "5000"}
    return {
        "id": name,
        "kind": kind,
        "url": url,
        "api_key": "plain:sim-key",
        "api_secret": "plain:sim-secret",
        "trade": [{"symbols": [ETH], "risk": risk}],
        **behind,
        **more,
    }


def running(config: Config) -> Feed:
    """A feed, started; its venues take orders."""
    feed = Feed(config, backoff=SOON, seed=1).start()
    try:
        until(lambda: not feed.missing(), str(feed.missing()))
    except BaseException:
        feed.stop()
        raise
    return feed


@contextlib.contextmanager
def trading(config: Config) -> Iterator[Feed]:
    """The same for a ``with``."""
    feed = running(config)
    try:
        yield feed
    finally:
        feed.stop()


def journal(folder: Path) -> list[str]:
    """Every entry, as text."""
    lines: list[str] = []
    read_journal(str(folder / "journal"), lambda _number, _time, text: lines.append(text))
    return lines
