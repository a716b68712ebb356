"""Does what a session says: opens, sends on and closes the socket of one connection."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ferrofeed import _core
from ferrofeed.board import Publisher
from ferrofeed.net.socket import ConnectFailedError, HandshakeRefusedError, Socket
from ferrofeed.session import Close, Connect, Emit, Log, Send, SendPing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from ferrofeed.config import VenueConfig
    from ferrofeed.net.socket import Owner
    from ferrofeed.net.tuning import Tuning
    from ferrofeed.session import Action, Reason, Session

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Carrier:
    """Lives on the loop's thread. What becomes of the socket it tells the session; what is to be announced, ``emit``.

    ``owner`` hears what the socket brings; of opening and loss it tells the carrier.
    """

    def __init__(  # noqa: PLR0917  # what a connection is made of
        self,
        core: _core.FeedCore,
        venue: int,
        config: VenueConfig,
        session: Session,
        owner: Owner,
        spawn: Callable[[Coroutine[Any, Any, object]], asyncio.Task[Any]],
        tuning: Tuning,
        emit: Callable[[Emit], None],
    ) -> None:
        self.socket: Socket | None = None
        """The socket, from the attempt to open it on; None: there is none."""
        self.live = False
        """Whether the WebSocket is open."""
        self.stopping = False
        """Whether it was closed for good: it connects no more."""
        self.log = logging.getLogger(f"ferrofeed.venue.{config.id}")
        self.publisher = Publisher(core.board, venue)
        self.unsaid = session.unsaid
        self._core = core
        self._venue = venue
        self._config = config
        self._session = session
        self._owner = owner
        self._spawn = spawn
        self._tuning = tuning
        self._emit = emit
        self._opening: asyncio.Task[Any] | None = None

    def do(self, actions: Sequence[Action]) -> None:  # noqa: C901  # one case for each action there is
        """Do these, in order, and put up where the session stands then."""
        for action in actions:
            match action:
                case Send(payload):
                    if self.socket is not None:
                        self.socket.send(payload)
                case SendPing(payload):
                    if self.socket is not None:
                        self.socket.ping(payload)
                case Close(code, reason):
                    self._close(code, reason)
                case Connect(url, headers):
                    if not self.stopping:
                        self.socket = Socket(self._core, self._venue, self._owner, self._tuning)
                        self._opening = self._spawn(self._open(self.socket, url, headers))
                case Emit():
                    # the core itself announces the connection, with its epoch
                    if action.state not in {"connected", "disconnected"}:
                        self._emit(action)
                case Log(level, text):
                    self.log.log(LEVELS[level], "%s", text)
        self.unsaid = self._session.unsaid
        self.publisher.put(self._session.snapshot(), live=self.live)

    def opened(self) -> None:
        """The WebSocket is open; nothing was read yet."""
        self.live = True
        self.do(self._session.opened(_core.monotonic_ns(), wall_ms()))

    def lost(self, reason: Reason, detail: str) -> None:
        """The socket is gone."""
        self.socket = None
        self.live = False
        self.do(self._session.closed(reason, _core.monotonic_ns(), detail))

    def stop(self) -> None:
        """Close the connection and do not come back."""
        self.stopping = True
        self.do(self._session.stop(_core.monotonic_ns()))

    def abort(self) -> None:
        """Cut the connection now."""
        if self.socket is not None:
            self.socket.abort()

    def quarantined(self, reason: str, at: int) -> None:
        """The first message rejected for this reason on this connection."""
        self.log.warning(
            "a message could not be used: %s at byte %d; it is counted and kept in the quarantine, as all that follow",
            reason,
            at,
        )

    def _close(self, code: int, reason: Reason) -> None:
        if self.live and self.socket is not None:
            self.socket.close(code, reason)
        elif self._opening is not None:
            self._opening.cancel()

    async def _open(self, socket: Socket, url: str, headers: Mapping[str, str]) -> None:
        session = self._session
        try:
            await socket.open(url, headers, timeout_s=session.spec.connect_timeout_s, tls_ca=self._config.tls_ca)
        except HandshakeRefusedError as error:
            self.socket = None
            self.do(session.handshake_refused(error.status, _core.monotonic_ns(), error.retry_after_s))
        except ConnectFailedError as error:
            self.socket = None
            self.do(session.closed("network_error", _core.monotonic_ns(), str(error)))
        except asyncio.CancelledError:
            socket.abort()
            if not self.live:
                self.socket = None
                self.do(session.closed("local_closed", _core.monotonic_ns()))
            raise
        finally:
            self._opening = None


def wall_ms() -> int:
    """The realtime clock, ms since the Unix epoch."""
    return _core.realtime_ns() // 1_000_000
