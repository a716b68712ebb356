"""The exporter's process: maps the feed's board, serves the endpoint, ends with its parent."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from ferrofeed import log
from ferrofeed._core import MetricsView
from ferrofeed.exporter.collectors import exporter_registry
from ferrofeed.http import Endpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

NICENESS: Final = 10
STDIN: Final = 0
_LOG = logging.getLogger("ferrofeed.exporter")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the parent is gone or closes our standard input."""
    parser = argparse.ArgumentParser(prog="python -m ferrofeed.exporter", description="Started by the service.")
    parser.add_argument("--board", type=int, required=True, help="descriptor of the feed's shared memory")
    parser.add_argument("--listen", type=int, required=True, help="descriptor of the listening socket")
    parser.add_argument("--parent", type=int, required=True, help="the feed's process")
    parser.add_argument("--avoid-cpu", type=int, help="the feed's own CPU")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--log-format", default="text")
    args = parser.parse_args(argv)
    log.configure(args.log_level, args.log_format)
    # who stops the service signals the whole group: we serve on until the feed has stopped, and end with it
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    _step_back(args.avoid_cpu)
    parent = _descriptor(args.parent)
    if os.getppid() != args.parent:  # it died, and its number went to another process
        return 0
    try:
        view = MetricsView.open(args.board)
    except ValueError as error:
        _LOG.error("%s", error)
        return 1
    os.close(args.board)
    # the socket stays the parent's too: other copies of it must go on to wait
    listener = socket.socket(fileno=args.listen)
    gc.freeze()
    Endpoint(view, exporter_registry(view, args.parent), listener, lambda: gone(parent)).start()
    wait(parent)
    return 0


def gone(parent: int | None) -> str:
    """What is wrong with the feed's process: empty while it lives."""
    return "the feed's process is dead" if parent is not None and select.select([parent], [], [], 0)[0] else ""


def wait(parent: int | None) -> None:
    """Until the parent ends, or closes the pipe that is our standard input."""
    poll = select.poll()
    if parent is not None:
        poll.register(parent, select.POLLIN)
    poll.register(STDIN, select.POLLIN | select.POLLHUP)
    poll.poll()


def _descriptor(pid: int) -> int | None:
    """One that becomes readable when the process ends; without one (a filter of system calls), the pipe says it."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _step_back(avoid_cpu: int | None) -> None:
    """Let everybody else go first; what the system refuses is done without."""
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError):
        # a batch process that wakes up does not interrupt who runs
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    others = os.sched_getaffinity(0) - {avoid_cpu}
    if others:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, others)


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    # requests that are being answered need not be waited for: nobody is left to be measured
    os._exit(code)
