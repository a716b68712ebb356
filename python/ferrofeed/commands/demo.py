"""``ferrofeed demo``: simulators, handler, metrics and a live view; nothing to configure."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from ferrofeed import log
from ferrofeed.demo.model import Model
from ferrofeed.demo.sims import Simulators
from ferrofeed.demo.view import plain, render, summary
from ferrofeed.errors import UsageError
from ferrofeed.feed import Feed
from ferrofeed.http import MetricsServer

if TYPE_CHECKING:
    import argparse

    from ferrofeed.config import Config

FRAME_S = 0.25
PLAIN_S = 1.0
METRICS = "127.0.0.1:9464"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seconds", type=float, metavar="N", help="end by itself after N seconds, with a summary")
    parser.add_argument("--rate", type=float, default=500.0, help="messages a second of each venue (default: 500)")
    parser.add_argument("--seed", type=int, default=1, help="of the simulated markets (default: 1)")
    parser.add_argument(
        "--faults", default="", metavar="SCRIPT", help="let the venues misbehave, see `ferrofeed sim --help`"
    )
    parser.add_argument(
        "--metrics", default=METRICS, metavar="HOST:PORT", help="Prometheus endpoint, port 0: any, '': none (default: %(default)s)"
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, as when standard output is no terminal")


def run(args: argparse.Namespace) -> int:
    """Run until ``--seconds`` are over, SIGTERM or Ctrl-C. 0 if every venue was live and every message accounted for."""
    if args.seconds is not None and not args.seconds > 0:
        raise UsageError(f"--seconds {args.seconds:g}: expected more than 0")
    log.configure("error")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    console = Console()
    live = console.is_terminal and not args.plain
    with console.status("starting three venue simulators …") if live else _say("starting three venue simulators ..."):
        simulators = Simulators(args.rate, args.seed, args.faults).__enter__()
    with simulators:
        config = simulators.config(args.metrics)
        feed = Feed(config)
        server = _metrics(feed, config)
        consumer = feed.consumer(name="view", policy="conflate")
        trades = feed.consumer(name="trades", kinds=["trade"], policy="drop_oldest", capacity=64)
        model = Model(feed, consumer, trades)
        try:
            feed.start()
            where = "" if server is None else f"   metrics: http://{server.address[0]}:{server.address[1]}/metrics"
            seconds = _show(model, stop, args.seconds, console if live else None, where)
            good = _good(model)
            sys.stdout.write("\n".join(summary(model, seconds)) + "\n")
            return 0 if good else 1
        finally:
            feed.stop()
            if server is not None:
                server.stop()


def _say(text: str) -> threading.Lock:
    """Print a line where there is no terminal to draw on; gives something to put into a ``with``."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    return threading.Lock()


def _metrics(feed: Feed, config: Config) -> MetricsServer | None:
    """The endpoint; a taken port is no reason not to show the demo."""
    address = config.service.metrics_address
    if address is None:
        return None
    try:
        return MetricsServer(feed, *address).start()
    except UsageError as error:
        logging.getLogger("ferrofeed.demo").error("%s; using a free port", error)  # noqa: TRY400
        return MetricsServer(feed, address[0], 0).start()


def _show(model: Model, stop: threading.Event, seconds: float | None, console: Console | None, where: str) -> float:
    """Draw until it is over; gives how long it took."""
    start = time.monotonic()
    end = float("inf") if seconds is None else start + seconds
    if console is None:
        sys.stdout.write(f"three venues, one feed{where}\n")
        while not stop.wait(min(PLAIN_S, max(0.0, end - time.monotonic()))):
            model.look()
            sys.stdout.write("\n".join(plain(model, time.monotonic() - start)) + "\n")
            sys.stdout.flush()
            if time.monotonic() >= end:
                break
    else:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                model.look()
                left = "Ctrl-C ends it" if seconds is None else f"{max(0.0, end - time.monotonic()):.0f} s left"
                title = f"ferrofeed demo   {left}{where}"
                live.update(render(model, title, console.height, console.width), refresh=True)
                if stop.wait(min(FRAME_S, max(0.0, end - time.monotonic()))) or time.monotonic() >= end:
                    break
    model.look()
    return time.monotonic() - start


def _good(model: Model) -> bool:
    return all(row.up and row.acked == row.wanted and row.messages > 0 and row.accounted for row in model.rows)
