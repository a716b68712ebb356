"""``ferrofeed run``: the service that a configuration describes."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import resource
import select
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ferrofeed import _core, log
from ferrofeed.board import missing, refused_for_good
from ferrofeed.config import Config
from ferrofeed.config.secrets import redact
from ferrofeed.errors import UsageError
from ferrofeed.exporter.parent import Exporter
from ferrofeed.feed import Feed
from ferrofeed.signals import on_signals

if TYPE_CHECKING:
    import argparse

    from ferrofeed.config.schema import ServiceConfig
    from ferrofeed.consumer import Consumer

_LOG = logging.getLogger("ferrofeed.service")

CAP_IPC_LOCK = 14
LOOK_MS = 250
PATIENCE_MS = 1000
"""How long a reader of standard output may take nothing once we are to stop."""
REFUSED = 2
"""Exit code when every venue refused us for good: only a changed configuration can help, a restart can't."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration, in TOML")
    parser.add_argument(
        "--output",
        choices=("none", "jsonl"),
        default="none",
        help="jsonl: every event as one JSON object a line on standard output; nothing is dropped: "
        "while the reader is slow, the sockets are not read (default: none)",
    )


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT. SIGUSR1 prints the quarantine on standard error, SIGUSR2 throws the kill switch."""
    config = Config.load(args.config)
    log.configure(config.service.log_level, config.service.log_format)
    for warning in config.warnings:
        _LOG.warning("%s", warning)
    stop = threading.Event()
    feed = Feed(config)
    output = feed.consumer(policy="block", name="stdout") if args.output == "jsonl" else None

    def on_stop(number: signal.Signals) -> None:
        _LOG.info("%s: stopping", number.name)
        stop.set()

    def on_kill(_number: signal.Signals) -> None:
        # a thread of its own: a stop must not wait for it
        threading.Thread(target=kill, args=(feed,), name="ferrofeed-kill", daemon=True).start()

    on_signals(
        {
            signal.SIGTERM: on_stop,
            signal.SIGINT: on_stop,
            signal.SIGUSR1: lambda _: print_quarantine(feed),
            signal.SIGUSR2: on_kill,
        }
    )
    address = config.service.metrics_address
    exporter = None if address is None else Exporter(feed, *address)
    try:
        tune(config.service)
        feed.start()
        collect(config.service.gc)
        if exporter is not None:
            exporter.start()
            _LOG.info("metrics on http://%s:%d/metrics", *exporter.address)
        return _serve(feed, stop, output)
    finally:
        feed.stop()
        if exporter is not None:
            exporter.stop()
        _LOG.info("stopped; %d messages in the quarantine", len(feed.quarantine()))


def kill(feed: Feed) -> None:
    """Throw the kill switch, if anything is traded."""
    try:
        orders = feed.orders
    except UsageError as error:
        _LOG.error("SIGUSR2: %s", error)
        return
    _LOG.error("SIGUSR2: the kill switch is thrown")
    orders.kill("SIGUSR2")


def tune(service: ServiceConfig) -> None:
    """Put into effect what concerns the process; what the system refuses is told and done without."""
    if service.switch_interval_us is not None:
        sys.setswitchinterval(service.switch_interval_us / 1e6)
    if service.lock_memory:
        lock_memory()


def lock_memory() -> None:
    """Keep the memory from being paged out, where no limit forbids it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    # with any limit the lock may succeed now, and the first allocation beyond it fail in the middle of the day
    if limit != resource.RLIM_INFINITY and not _may_lock():
        _LOG.warning(
            "lock_memory: not locked, at most %d kB may be: LimitMEMLOCK=infinity (systemd) or `ulimit -l unlimited`",
            limit // 1024,
        )
        return
    try:
        _core.lock_memory()
    except OSError as error:
        _LOG.warning("lock_memory: not locked: %s", error)


def _may_lock() -> bool:
    """Whether the process has CAP_IPC_LOCK, to which limits do not apply."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return False
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> CAP_IPC_LOCK & 1)


def collect(mode: str) -> None:
    """Set the collector up, after start: ``freeze``, ``off`` or ``on``."""
    if mode == "on":
        return
    # what start-up made lives as long as the process: no collection needs to walk it again
    gc.collect()
    gc.freeze()
    if mode == "off":
        gc.disable()


def _serve(feed: Feed, stop: threading.Event, output: Consumer | None) -> int:
    ready = False
    # the board: asking the loop's thread would cost it what every look takes
    view = feed.core.board.view()
    while not stop.is_set():
        if output is None:
            stop.wait(0.25)
        elif (batch := output.poll(0.25)) is not None:
            _write(feed.core.json_lines(batch.core, feed.names.venues), stop)
            continue
        lacks = missing(view)
        if bool(lacks) == ready:
            ready = not lacks
            _LOG.info(
                "ready: every subscription is live" if ready else "not ready: %s",
                *([] if ready else ["; ".join(lacks)]),
            )
        refusals = refused_for_good(view)
        if refusals:
            _LOG.error("every venue refused us for good: %s", "; ".join(refusals))
            return REFUSED
    return 0


def _write(lines: bytes, stop: threading.Event) -> None:
    """Write to standard output; who does not read it does not keep us from stopping."""
    out = sys.stdout.fileno()
    room = select.poll()
    room.register(out, select.POLLOUT)
    rest = memoryview(lines)
    while rest:
        if room.poll(LOOK_MS):
            # a pipe that has room has it for so much, and does not block
            rest = rest[os.write(out, rest[: select.PIPE_BUF]) :]
        elif stop.is_set() and not room.poll(PATIENCE_MS):
            _LOG.warning("standard output is not read: the last %d bytes are lost", len(rest))
            return


def print_quarantine(feed: Feed) -> None:
    """Write what the quarantine keeps to standard error, a JSON object a line, secrets masked."""
    for entry in feed.quarantine():
        sys.stderr.write(redact(json.dumps(entry, ensure_ascii=False)) + "\n")
    sys.stderr.flush()
