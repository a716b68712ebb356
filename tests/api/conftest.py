"""A feed in code against simulators on threads of their own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from ferrofeed import Config, Feed, Secret, ServiceConfig, Subscription, VenueConfig
from ferrofeed.config import LoopConfig
from ferrofeed.sim import SimulatorThread

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

SYMBOLS = ("BTC/USDT", "ETH/USDT")
CHANNELS = {
    "ziario": ("quote",),
    "itick": ("quote", "depth", "trade", "bar:1m"),
    "infoway": ("depth", "trade", "bar:1m"),
}
DEADLINE_S = 30.0


class Market:
    """Simulators, and feeds of them; all end with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.sims: dict[str, SimulatorThread] = {}

    def sim(self, venue: str, *, rate: float = 200.0) -> SimulatorThread:
        if venue not in self.sims:
            self.sims[venue] = self._stack.enter_context(SimulatorThread(venue, rate=rate, symbols=SYMBOLS, seed=1))
        return self.sims[venue]

    def config(
        self,
        venues: Mapping[str, Sequence[str]] | str = "itick",
        *,
        key: str = "sim-key",
        rate: float = 200.0,
        loop: LoopConfig = LoopConfig(),  # noqa: B008  # frozen
    ) -> Config:
        wanted = {venues: CHANNELS[venues]} if isinstance(venues, str) else venues
        return Config(
            service=ServiceConfig(metrics="", loop=loop),
            venues=[
                VenueConfig(
                    id=f"{venue}-1",
                    kind=venue,
                    url=self.sim(venue, rate=rate).url,
                    api_key=Secret(key),
                    api_secret=Secret("sim-secret") if venue == "ziario" else None,
                    subscribe=[Subscription(SYMBOLS, channels)] if channels else (),
                )
                for venue, channels in wanted.items()
            ],
        )

    def feed(
        self,
        venues: Mapping[str, Sequence[str]] | str = "itick",
        *,
        key: str = "sim-key",
        rate: float = 200.0,
        loop: LoopConfig = LoopConfig(),  # noqa: B008  # frozen
    ) -> Feed:
        feed = Feed(self.config(venues, key=key, rate=rate, loop=loop))
        self._stack.callback(feed.stop)
        return feed


@pytest.fixture
def market() -> Iterator[Market]:
    with ExitStack() as stack:
        yield Market(stack)


def until(condition: Callable[[], object], what: str, seconds: float = DEADLINE_S) -> None:
    """Poll until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited too long: {what}"
        time.sleep(0.005)


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., None]:
    return until
