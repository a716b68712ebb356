"""What makes the feed's thread and its sockets quick: pinning, priority, busy polling, socket options.

What the system refuses is told once and done without: a knob that can't be turned must not keep the data away.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from ferrofeed import _core

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from ferrofeed.config import LoopConfig

SO_BUSY_POLL: Final = 46
"""Of Linux; Python's ``socket`` does not name it."""

_LOG = logging.getLogger("ferrofeed.feed")


class Tuning:
    """The ``[service.loop]`` of a configuration, put into effect. For the loop's thread."""

    def __init__(self, config: LoopConfig) -> None:
        self.config = config
        self.poller: _core.Poller | None = None
        self._refused: set[str] = set()

    def thread(self, loop: AbstractEventLoop) -> None:
        """Set the calling thread up, which is to run ``loop``."""
        cpu, priority = self.config.cpu, self.config.fifo_priority
        if cpu is not None:
            try:
                os.sched_setaffinity(threading.get_native_id(), {cpu})
            except OSError as error:
                _LOG.warning("can't pin the feed's thread to CPU %d: %s", cpu, error)
        if priority is not None:
            try:
                # threads that this one starts (name resolution) are ordinary ones
                policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
                os.sched_setscheduler(threading.get_native_id(), policy, os.sched_param(priority))
            except OSError as error:
                _LOG.warning(
                    "can't schedule the feed's thread as SCHED_FIFO %d: %s; it needs CAP_SYS_NICE or LimitRTPRIO=%d",
                    priority,
                    error,
                    priority,
                )
        if self.config.busy_poll:
            try:
                self.poller = _core.Poller(loop._get_backend_id())  # type: ignore[attr-defined]  # uvloop's  # noqa: SLF001
            except (OSError, ValueError) as error:
                _LOG.warning("can't poll without sleeping: %s", error)

    def connected(self, transport: Any) -> None:
        """Set the options of a socket that was just connected. TCP_NODELAY is set by the transport itself."""
        sock = transport.get_extra_info("socket")
        size, busy_us = self.config.receive_buffer_bytes, self.config.so_busy_poll_us
        if size is not None:
            self._set(sock, "SO_RCVBUF", socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            # the kernel doubles what it grants, for its own books
            granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
            if granted < size:
                self._refuse("SO_RCVBUF", f"only {granted:,} bytes granted; sysctl net.core.rmem_max is the limit")
        if busy_us is not None:
            self._set(sock, "SO_BUSY_POLL", socket.SOL_SOCKET, SO_BUSY_POLL, busy_us)
        self.quick_ack(transport)

    def quick_ack(self, transport: Any) -> None:
        """Acknowledge at once. The kernel falls back to delayed acknowledgements by itself: ask again now and then."""
        if self.config.tcp_quickack:
            sock = transport.get_extra_info("socket")
            self._set(sock, "TCP_QUICKACK", socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def upgraded(self, reader: _core.Reader, transport: Any) -> None:
        """Let the poller read a WebSocket that is open. What is encrypted only the transport can read."""
        if self.poller is not None and transport.get_extra_info("sslcontext") is None:
            try:
                reader.poll_with(self.poller, transport.get_extra_info("socket").fileno())
            except OSError as error:
                self._refuse("busy_poll", str(error))

    def attend(self) -> None:
        """Calls were made ready on the loop: they must not wait for the poller."""
        if self.poller is not None:
            self.poller.attend()

    def _set(self, sock: socket.socket, name: str, level: int, option: int, value: int) -> None:
        try:
            sock.setsockopt(level, option, value)
        except OSError as error:
            self._refuse(name, str(error))

    def _refuse(self, name: str, why: str) -> None:
        if name not in self._refused:
            self._refused.add(name)
            _LOG.warning("can't set %s: %s", name, why)
