"""``ferrofeed demo``: simulators, handler, metrics and a live view; nothing to configure."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from ferrofeed import log
from ferrofeed.config.gateway import DEFAULT_LISTEN
from ferrofeed.demo.model import Model
from ferrofeed.demo.sims import Simulators
from ferrofeed.demo.text import plain, summary
from ferrofeed.demo.trading import Trading, temporary_folder, with_paper
from ferrofeed.demo.view import render
from ferrofeed.errors import UsageError
from ferrofeed.exporter.parent import Exporter
from ferrofeed.feed import Feed
from ferrofeed.signals import on_signals

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator
    from contextlib import AbstractContextManager

    from ferrofeed.config import Config

FRAME_S = 0.25
PLAIN_S = 1.0
PAGE_S = 5.0
"""How long books stay where not all fit at once."""
GRACE_S = 10.0
"""How much longer than asked for the demo lasts while a venue is not live yet."""
METRICS = "127.0.0.1:9464"
Show = Callable[[Model, float, float], None]
"""Shows a model, given the seconds since the start and those left."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after N seconds, with a summary")
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second of each venue (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated markets (default: 1)")
    parser.add_argument(
        "--faults", default="", metavar="SCRIPT", help="let the venues misbehave, see `ferrofeed sim --help`"
    )
    parser.add_argument(
        "--metrics",
        default=METRICS,
        metavar="HOST:PORT",
        help="Prometheus endpoint, port 0: any, '': none (default: %(default)s)",
    )
    parser.add_argument(
        "--gateway",
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="the trading API on paper money, and its console for a browser; '': none (default: %(default)s)",
    )
    parser.add_argument(
        "--trade",
        action="store_true",
        help="let a toy market maker trade with paper money: on the paper exchange, against itick's books",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, as when standard output is no terminal")


def run(args: argparse.Namespace) -> int:
    """Run until ``--seconds`` are over or a signal; 0 if all was live and every message and order accounted for."""
    if args.seconds is not None and not 0 < args.seconds < float("inf"):
        raise UsageError(f"--seconds {args.seconds:g}: expected more than 0")
    if not 0 <= args.rate < float("inf"):
        raise UsageError(f"--rate {args.rate:g}: expected messages a second, 0 or more")
    simulators = Simulators(args.rate, args.seed, args.faults)
    log.configure("error")
    stop = threading.Event()
    on_signals(dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), lambda _: stop.set()))
    console = Console()
    screen = console if console.is_terminal and not args.plain else None
    with _starting(screen):
        simulators.start()
    try:
        config = simulators.config(args.metrics)
        with ExitStack() as stack:
            if args.trade or args.gateway:
                folder = Path(stack.enter_context(temporary_folder()))
                config = with_paper(config, folder, args.gateway, toy=args.trade)
            return _run(simulators, config, args, stop, screen)
    finally:
        simulators.stop()


def _run(
    simulators: Simulators, config: Config, args: argparse.Namespace, stop: threading.Event, screen: Console | None
) -> int:
    feed = _feed(config)
    server = _metrics(feed, config)
    consumer = feed.consumer(name="view", policy="conflate")
    trades = feed.consumer(name="trades", kinds="trade", policy="drop_oldest", capacity=64)
    trading = Trading(feed) if args.trade else None
    model = Model(feed, consumer, trades, trading)
    try:
        if trading is not None:
            trading.start()
        feed.start()
        places = [] if server is None else [f"metrics: http://{server.address[0]}:{server.address[1]}/metrics"]
        if feed.gateway is not None:
            places.append(f"console: {feed.gateway.console}")
        where = "  ".join(places)
        seconds = _show(model, stop, args.seconds, screen, where)
        wrong: list[str] = []
        if trading is not None:
            model.toy, wrong = trading.stop()
        _say(*summary(model, seconds, wrong))
        for venue in simulators.dead():
            sys.stderr.write(f"ferrofeed: the {venue} simulator ended by itself\n")
        fine = all(row.live and row.messages > 0 and row.accounted for row in model.rows)
        return 0 if fine and not wrong else 1
    finally:
        feed.stop()
        if server is not None:
            server.stop()


def _starting(screen: Console | None) -> AbstractContextManager[object]:
    """Say what is being waited for: a spinner on a terminal, a line elsewhere."""
    text = "starting three venue simulators ..."
    if screen is not None:
        return screen.status(text)
    _say(text)
    return nullcontext()


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _feed(config: Config) -> Feed:
    """The feed; a taken port is no reason not to show the demo."""
    try:
        return Feed(config)
    except UsageError as error:
        if config.gateway is None or not config.gateway.listen_address[1]:
            raise
        logging.getLogger("ferrofeed.demo").error("%s; using a free port", error)  # noqa: TRY400
        host, _, _ = config.gateway.listen.rpartition(":")
        return Feed(replace(config, gateway=replace(config.gateway, listen=f"{host}:0")))


def _metrics(feed: Feed, config: Config) -> Exporter | None:
    """The endpoint; a taken port is no reason not to show the demo."""
    address = config.service.metrics_address
    if address is None:
        return None
    try:
        return Exporter(feed, *address).start()
    except UsageError as error:
        logging.getLogger("ferrofeed.demo").error("%s; using a free port", error)  # noqa: TRY400
        return Exporter(feed, address[0], 0).start()


def _show(model: Model, stop: threading.Event, seconds: float | None, screen: Console | None, where: str) -> float:
    """Draw until it is over; gives how long it took.

    It is over after ``seconds``, but not before every venue is live, if that comes soon: Infoway takes one request a
    second.
    """
    start = time.monotonic()
    end = float("inf") if seconds is None else start + seconds
    draw = _lines(where) if screen is None else _screen(screen, where)
    pause = PLAIN_S if screen is None else FRAME_S
    model.look()
    with draw as show:
        while True:
            now = time.monotonic()
            stop.wait(min(pause, end - now) if now < end else pause)
            model.look()
            now = time.monotonic()
            show(model, now - start, end - now)
            over = now >= end and (now >= end + GRACE_S or model.live)
            if over or stop.is_set():
                return now - start


@contextmanager
def _lines(where: str) -> Generator[Show, None, None]:
    _say(f"three venues, one feed{where and ';  '}{where}")
    yield lambda model, elapsed_s, _left_s: _say(*plain(model, elapsed_s))


@contextmanager
def _screen(console: Console, where: str) -> Generator[Show, None, None]:
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(model: Model, elapsed_s: float, left_s: float) -> None:
            ends = "Ctrl-C ends it" if left_s == float("inf") else f"{max(0.0, left_s):.0f} s left"
            title = f"ferrofeed demo   {elapsed_s:.0f} s   {ends}   {where}"
            page = int(elapsed_s / PAGE_S)
            live.update(render(model, title, console.height, console.width, page), refresh=True)

        yield show
