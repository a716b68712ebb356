"""Servers of the quant trading API: our gateway in a process of its own, one in front of another, and the simulator."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.gateway.client import DEADLINE_S, ETH, Client

from ferrofeed.sim import Options, OrderOptions, Simulator, SimulatorThread

ROOT = Path(__file__).parents[2]
SPOT, CONTRACT = "huobi", "huobi_future"
LEVELS = Sequence[tuple[str, str]]
KEYS = {f"key-{number}": f"secret-{number}" for number in range(200)}
DEPOSITS = {"USDT": "1000000", "ETH": "1000"}
MAKER_PPM, TAKER_PPM = 200, 500
FAR: tuple[LEVELS, LEVELS] = ([("1", "1")], [("99999", "1")])
FARTHER: tuple[LEVELS, LEVELS] = ([("0.5", "1")], [("99999.5", "1")])

MARKET = """
[[venue]]
id = "market"
kind = "itick"
url = "{url}"
api_key = "plain:sim-key"
stale_after_s = {{depth = 3600}}
[[venue.subscribe]]
symbols = ["ETH/USDT"]
channels = ["depth"]
"""
CLIENT = """
[[gateway.client]]
id = "{id}"
access_key = "plain:{key[0]}"
secret_key = "plain:{key[1]}"
permission = "trade"
platforms = ["huobi", "huobi_future"]
symbols = ["ETH/USDT"]
max_quantity = "1000000"
max_notional = "1000000000"
max_open_orders = 100
orders_per_s = 1000
"""
PAPER = """
[[venue]]
id = "{id}"
kind = "paper"
market = "market"
maker_ppm = 200
taker_ppm = 500
{more}
balances = {{USDT = "1000000", ETH = "1000"}}
[[venue.trade]]
symbols = ["ETH/USDT"]
product = "{product}"
tick = "0.01"
lot = "0.0001"
min_size = "0.0001"
min_notional = "5"
{leverage}
"""
UPSTREAM = """
[[venue]]
id = "{id}"
kind = "quantapi"
url = "{url}"
platform = "{id}"
api_key = "plain:upstream"
api_secret = "plain:upstream-secret"
poll_s = 1
[[venue.trade]]
symbols = ["ETH/USDT"]
product = "{product}"
"""


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on, each another."""
    with contextlib.ExitStack() as stack:
        # all are held until each is had: the system gives a port that was let go again
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def head(port: int, metrics: int, **gateway: Any) -> str:
    """The part of a configuration that is no venue."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in gateway.items()]
    return "\n".join(
        [
            *("[service]", f'metrics = "127.0.0.1:{metrics}"', "[orders]", 'journal = "journal"', 'fsync = "off"'),
            *("settle_s = 0.2", "[gateway]", f'listen = "127.0.0.1:{port}"', *lines),
        ]
    )


class Certificate(NamedTuple):
    """Files of a server's certificate."""

    authority: Path
    cert: Path
    key: Path


class Process:
    """``ferrofeed run`` with a configuration."""

    def __init__(self, folder: Path, text: str, port: int, metrics: int = 0) -> None:
        self.folder, self.port, self.metrics = folder, port, metrics
        self.url = f"ws://127.0.0.1:{port}/ws/v1"
        self.looks = 0
        """How often it was looked whether it serves: connections without a word."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "feed.toml").write_text(text)
        self.start()

    def start(self) -> None:
        """Start, and wait until it serves."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "python"), "PYTHONFAULTHANDLER": "1"}
        command = [sys.executable, "-m", "ferrofeed", "run", "-c", "feed.toml"]
        with (self.folder / "stderr").open("ab") as errors:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stderr=errors, stdout=subprocess.DEVNULL
            )
        end = time.monotonic() + DEADLINE_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                self.looks += 1
                self.messages("")  # another process of its own, which may take a little longer
                return
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"it does not serve:\n{self.said()}")
            time.sleep(0.01)

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; returns its exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it says where its threads stand
            self.process.wait(DEADLINE_S)
            raise AssertionError(f"it does not end:\n{self.said()[-10_000:]}") from None
        finally:
            self.process.kill()
            self.process.wait()

    def scrape(self) -> str:
        """All that it counts."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def messages(self, venue: str) -> int:
        """How many messages it has read from a venue."""
        lines = self.scrape().splitlines()
        wanted = [line for line in lines if line.startswith("ferrofeed_messages_total{") and f'venue="{venue}"' in line]
        return sum(int(float(line.rpartition(" ")[2])) for line in wanted)

    def orders(self) -> dict[str, Any]:
        """What its journal says of orders, balances and positions."""
        found: dict[str, Any] = json.loads(self._ask("orders", "--json", "--all", "-c", "feed.toml"))
        return found

    def journal(self) -> list[str]:
        """Every entry of its journal, as text."""
        lines = self._ask("orders", "journal", "--json", "-c", "feed.toml").splitlines()
        return [json.loads(line)["text"] for line in lines]

    def _ask(self, *arguments: str) -> str:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "python")}
        command = [sys.executable, "-m", "ferrofeed", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, check=True, timeout=30, text=True
        )
        return done.stdout


def show(sim: Simulator, bids: LEVELS, asks: LEVELS) -> None:
    """Make this the book of a simulated market, and tell everybody. On the simulator's thread."""
    state = sim.market.state(ETH)
    instrument = state.instrument
    if len(bids) == len(asks) == 1:  # a market has two levels a side
        bids, asks = [*bids, *FARTHER[0]], [*asks, *FARTHER[1]]
    for prices, sizes, levels in ((state.bid_prices, state.bid_sizes, bids), (state.ask_prices, state.ask_sizes, asks)):
        prices[:] = [int(Decimal(price).scaleb(instrument.price_decimals)) for price, _ in levels]
        sizes[:] = [int(Decimal(size).scaleb(instrument.size_decimals)) for _, size in levels]
    hall = getattr(sim, "hall", None)
    if hall is None:
        sim._publish(state, None)
        sim.flush()
    else:
        hall.moved(state, sim.now_ns())
        sim.heard()


@dataclass
class Target:
    """A server, and the market behind it."""

    kind: str
    url: str
    market: SimulatorThread
    processes: list[Process] = field(default_factory=list)
    keys: Iterator[tuple[str, str]] = field(default_factory=lambda: iter(KEYS.items()))

    @property
    def ours(self) -> bool:
        """Whether it is our gateway, not the simulator."""
        return self.kind != "simulator"

    def key(self) -> tuple[str, str]:
        """A client nobody has been before."""
        return next(self.keys)

    def client(self, **options: Any) -> Client:
        return Client(self.url, **options)

    def book(self, bids: LEVELS, asks: LEVELS) -> None:
        """Make this the live book of every ETH/USDT there is; all of it is there again."""
        # one after the other: two that come together are one book
        for one in (FAR, (bids, asks)):
            self._show(one)

    def _show(self, book: tuple[LEVELS, LEVELS]) -> None:
        paper = self.processes[-1] if self.processes else None
        before = paper.messages("market") if paper is not None else 0
        end = time.monotonic() + DEADLINE_S
        self.market.call(lambda sim: show(sim, *book))
        again = time.monotonic() + 0.5
        while paper is not None and paper.messages("market") == before:
            assert time.monotonic() < end, "the book does not arrive"
            if time.monotonic() > again:  # it was not subscribed yet
                self.market.call(lambda sim: show(sim, *book))
                again = time.monotonic() + 0.5
            time.sleep(0.01)


@contextlib.contextmanager
def simulator(**orders: Any) -> Iterator[Target]:
    """The simulator of such a server."""
    options = OrderOptions(
        deposits=DEPOSITS, min_notional="5", maker_ppm=MAKER_PPM, taker_ppm=TAKER_PPM, ready_delay_s=0.01, **orders
    )
    with SimulatorThread(
        "quantapi", rate=0, symbols=[ETH], seed=1, depth=2, orders=options, options=Options(keys=KEYS)
    ) as market:
        yield Target("simulator", market.url, market)


@contextlib.contextmanager
def gateway(folder: Path, more: str = "", *, listed: bool = False, **settings: Any) -> Iterator[Target]:
    """Our gateway in front of two paper exchanges, against a market that moves by hand. ``more``: of the exchanges.

    ``listed``: only the clients of a list may come in; they may do as much as they ever need.
    """
    with SimulatorThread("itick", rate=0, symbols=[ETH], seed=1, depth=2) as market:
        port, metrics = free_ports(2)
        text = head(port, metrics, **settings) + "\n"
        if listed:
            text += "".join(
                CLIENT.format(id=f"client-{access}", key=(access, secret)) for access, secret in KEYS.items()
            )
        text += MARKET.format(url=market.url)
        text += PAPER.format(id=SPOT, product="spot", more=more, leverage="")
        text += PAPER.format(id=CONTRACT, product="contract", more=more, leverage="leverage = 10")
        process = Process(folder, text, port, metrics)
        try:
            yield Target("listed" if listed else "gateway", process.url, market, [process])
        finally:
            process.stop()


@contextlib.contextmanager
def fronted(folder: Path, **settings: Any) -> Iterator[Target]:
    """The same with another gateway in front of it; its clients trade on one account of the one behind it."""
    with gateway(folder / "behind") as behind:
        port, metrics = free_ports(2)
        text = head(port, metrics, **settings)
        text += UPSTREAM.format(id=SPOT, product="spot", url=behind.url)
        text += UPSTREAM.format(id=CONTRACT, product="contract", url=behind.url)
        process = Process(folder / "front", text, port, metrics)
        try:
            same = itertools.repeat(("upstream", "upstream-secret"))
            yield Target("fronted", process.url, behind.market, [process, *behind.processes], same)
        finally:
            process.stop()
