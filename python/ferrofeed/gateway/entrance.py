"""The way in: how many sockets there may be, how long each may take to become a client, and what became of it.

A visitor is known from the moment its socket is accepted, before any TLS or HTTP. Until it is a client, whatever runs
for it runs in a context of its own, and that context knows it. (Later others may write to it, and its socket's
callbacks run in the context of whoever had to wait.)
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
from contextvars import Context, ContextVar
from io import FileIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S: Final = 0.1
"""How long after their time TLS and HTTP may end a connection by themselves."""
RESERVE: Final = 256
"""Files that are left for all else: journals, venues, the exporter."""
_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_LOG = logging.getLogger("ferrofeed.gateway")
_VISITOR: ContextVar[Visitor] = ContextVar("visitor")


class Visitor(socket.socket):
    """A connection, from its first moment to its last."""

    def __init__(self, entrance: Entrance, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._entrance = entrance
        self._answered = False
        self._there = True
        self._timer = entrance.later(self._expel)

    def answered(self) -> None:
        """It got a page or a refusal, which is counted by its own name; it may take some time to read it."""
        self._answered = True
        self._timer.cancel()
        self._timer = self._entrance.later(self._expel)

    def upgraded(self) -> None:
        """It is a client now, and its time is kept elsewhere."""
        self._answered = True
        self._timer.cancel()

    def close(self) -> None:
        """Whoever owns the socket is done with it."""
        super().close()
        if self._there:
            self._there = False
            self._timer.cancel()
            self._entrance.left(self, failed=not self._answered)

    def _expel(self) -> None:
        """Its time is up, whatever its transport still waits for."""
        self._entrance.expel(self)


def visitor() -> Visitor:
    """Whose handshake this runs for."""
    return _VISITOR.get()


class Entrance(socket.socket):
    """A listening socket that lets in as many as there is room for, and closes on all others at once.

    As many may shake hands or read an answer as may be clients. Beyond that nobody is told why: it would take a
    place.
    """

    def __init__(
        self, listener: socket.socket, *, clients: int, seconds: float, count: Callable[[str], object]
    ) -> None:
        """``seconds``: how long a visitor may take to become a client, TLS included, and to read another answer."""
        super().__init__(listener.family, listener.type, listener.proto, fileno=listener.detach())
        self.most = _room(2 * clients)
        self._seconds = seconds
        self._count = count
        self._inside: set[Visitor] = set()
        self._server: asyncio.Server | None = None
        # given up for a moment to take, and close, a connection that there is no file for
        self._spare = _spare()

    def accept(self) -> tuple[socket.socket, Any]:
        """Take a connection; raises ConnectionAbortedError, after which the next is to be taken, for one too many."""
        accepted, address = self._take()
        if len(self._inside) >= self.most:
            raise self._turned_away(accepted)
        one = Visitor(self, accepted)
        self._inside.add(one)
        _VISITOR.set(one)
        return one, address

    def close(self) -> None:
        """Nobody is let in any more."""
        super().close()
        if self._spare is not None:
            self._spare.close()

    def later(self, call: Callable[[], object]) -> asyncio.TimerHandle:
        """When a visitor's time is up."""
        # a context of its own: that of the moment knows the visitor before, and would keep it
        return asyncio.get_running_loop().call_later(self._seconds + PATIENCE_S, call, context=Context())

    def serving(self, server: asyncio.Server) -> None:
        """Whose transports those of the visitors are."""
        self._server = server

    def expel(self, one: Visitor) -> None:
        """Cut a visitor off. Only transports close sockets: the loop must forget them first."""
        number = one.fileno()
        for transport in tuple(getattr(self._server, "_clients", ())):
            accepted = transport.get_extra_info("socket")
            if number >= 0 and accepted is not None and accepted.fileno() == number:
                transport.abort()

    def left(self, one: Visitor, *, failed: bool) -> None:
        """A visitor's socket is closed."""
        self._inside.discard(one)
        if failed:
            self._count("handshake_failed")

    def _take(self) -> tuple[socket.socket, Any]:
        if self._spare is None:
            self._spare = _spare()
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in _OUT_OF_FILES:
                raise
            if self._spare is None:
                raise BlockingIOError(errno.EAGAIN, "no file is left") from None
        self._spare.close()
        self._spare = None
        accepted, _ = super().accept()
        raise self._turned_away(accepted)

    def _turned_away(self, accepted: socket.socket) -> ConnectionAbortedError:
        accepted.close()
        self._count("connection_limit")
        return ConnectionAbortedError(errno.ECONNABORTED, "there are too many connections")


def _spare() -> FileIO | None:
    """A file that can be given up; None: there is none to be had."""
    try:
        return FileIO(os.devnull)
    except OSError:
        return None


def _room(wanted: int) -> int:
    """How many connections this process may have; as many files as that takes are asked of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    most = max(1, min(wanted, limit - RESERVE))
    if most < wanted:
        _LOG.warning(
            "of %d connections, shaking hands included, only %d can be had: the process may open %d files (ulimit -Hn)",
            *(wanted, most, limit),
        )
    return most
