"""The feed's side of the exporter: takes the port, starts the process, starts it again when it ends by itself."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from ferrofeed.http import listen

if TYPE_CHECKING:
    from ferrofeed.config import ServiceConfig
    from ferrofeed.feed import Feed

FIRST_DELAY_S: Final = 0.25
LAST_DELAY_S: Final = 30.0
SETTLED_S: Final = 60.0
"""One that lived so long starts again without waiting longer than the first time."""
END_S: Final = 1.0
PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME")
"""The exporter's environment, and no more: the feed's may hold credentials."""
_LOG = logging.getLogger("ferrofeed.exporter")


class Exporter:
    """Serves a feed's metrics from another process. Port 0 picks a free one, see :attr:`address`."""

    def __init__(self, feed: Feed, host: str, port: int) -> None:
        """Take the port. Raises :class:`~ferrofeed.errors.UsageError` if that can't be had."""
        self._board = feed.core.board
        self._service: ServiceConfig = feed.config.service
        # it stays ours while an exporter is started again: who asks meanwhile waits, and is answered
        self._listener = listen(host, port)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="ferrofeed-exporter", daemon=True)
        self.restarts = 0
        """How often it was started again."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it listens on."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def pid(self) -> int | None:
        """The process that serves now; None while there is none."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def start(self) -> Self:
        """Start the process."""
        self._spawn()
        self._thread.start()
        return self

    def stop(self) -> None:
        """End it."""
        with self._lock:
            self._over.set()
            process = self._process
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                with contextlib.suppress(subprocess.TimeoutExpired):  # it ends when the system has time for it
                    process.wait(END_S)
        if self._thread.is_alive():
            self._thread.join(END_S)
        self._listener.close()

    def _command(self, board: int) -> list[str]:
        cpu = self._service.loop.cpu
        return [
            # -P: the package comes from where ours did, never from the working folder
            *(sys.executable, "-P", "-m", "ferrofeed.exporter"),
            *("--board", str(board), "--listen", str(self._listener.fileno()), "--parent", str(os.getpid())),
            *(() if cpu is None else ("--avoid-cpu", str(cpu))),
            *("--log-level", self._service.log_level, "--log-format", self._service.log_format),
        ]

    def _spawn(self) -> None:
        env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        with self._lock:
            if self._over.is_set():
                return
            board = self._board.open_reader()
            try:
                # standard input is the pipe whose end says that we are gone; standard output may be the events' way
                self._process = subprocess.Popen(  # noqa: S603  # our own command
                    self._command(board),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(board, self._listener.fileno()),
                    env=env,
                    start_new_session=True,
                )
            finally:
                os.close(board)

    def _watch(self) -> None:
        delay_s = FIRST_DELAY_S
        while not self._over.is_set():
            began = time.monotonic()
            process = self._process
            how = "could not be started" if process is None else _ending(process.wait())
            if self._over.is_set():
                return
            if time.monotonic() - began > SETTLED_S:
                delay_s = FIRST_DELAY_S
            _LOG.error("the metrics exporter %s; starting it again in %g s", how, delay_s)
            if process is not None and process.stdin is not None:
                process.stdin.close()
            if self._over.wait(delay_s):
                return
            delay_s = min(2 * delay_s, LAST_DELAY_S)
            self.restarts += 1
            self._board.put_restarts(self.restarts)
            with self._lock:
                self._process = None
            with contextlib.suppress(OSError):  # no process or no memory to be had now: the next round says so
                self._spawn()


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
