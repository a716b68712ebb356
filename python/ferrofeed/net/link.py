"""One connection of a venue: its session drives its socket, its socket feeds its session."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ferrofeed import _core
from ferrofeed.board import SLOTS, Publisher
from ferrofeed.net.socket import ConnectFailedError, HandshakeRefusedError, Socket
from ferrofeed.session import Close, Connect, Emit, Log, Send, SendPing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from ferrofeed.config import VenueConfig
    from ferrofeed.net.tuning import Tuning
    from ferrofeed.session import Action, Reason, Session, Snapshot
    from ferrofeed.spec import Topic

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def channel_slot(channel: str) -> int:
    """The core's slot of a channel (``pipeline::channel_slot``)."""
    return SLOTS.index(channel)


class Link:
    """Lives on the loop's thread.

    ``spawn`` starts a coroutine and keeps it; ``on_pressure`` pauses the whole feed; ``on_announced`` is told that a
    status event was put into the stream, by no read.
    """

    def __init__(  # noqa: PLR0917  # what a link is made of; one place makes links
        self,
        core: _core.FeedCore,
        venue: int,
        config: VenueConfig,
        session: Session,
        spawn: Callable[[Coroutine[Any, Any, object]], asyncio.Task[Any]],
        on_pressure: Callable[[], None],
        on_announced: Callable[[], None],
        tuning: Tuning,
    ) -> None:
        self.core = core
        self.venue = venue
        self.config = config
        self.session = session
        self.on_pressure = on_pressure
        self._announced = on_announced
        self._tuning = tuning
        self.instruments: dict[Topic, int] = {}
        self._spawn = spawn
        self._socket: Socket | None = None
        self._opening: asyncio.Task[Any] | None = None
        self._live = False
        self._log = logging.getLogger(f"ferrofeed.venue.{config.id}")
        self._stopping = False
        self._publisher = Publisher(core.board, venue)
        self._unsaid = session.unsaid

    # what the feed asks for

    def want(self, topics: dict[Topic, int]) -> None:
        """Subscribe; values are the instruments' indices."""
        self.instruments |= topics
        for instrument in topics.values():
            self.core.set_wanted(instrument, True)
        self._do(self.session.want(tuple(topics)))
        for topic, instrument in topics.items():
            self.core.show_wanted(instrument, channel_slot(topic.channel), True)

    def unwant(self, topics: Iterable[Topic]) -> None:
        """Unsubscribe. Frames that still come for an instrument without any topic left are ignored and counted."""
        asked = [topic for topic in topics if topic in self.instruments]
        self._do(self.session.unwant(asked))
        # wishes are counted: somebody else may still want it
        gone = [topic for topic in asked if not self.session.wants(topic)]
        wanted = {instrument for topic, instrument in self.instruments.items() if self.session.wants(topic)}
        for topic in gone:
            instrument = self.instruments[topic]
            self.core.show_wanted(instrument, channel_slot(topic.channel), False)
            if topic.channel == "depth":
                self.core.invalidate(instrument, "local_closed")
            if instrument not in wanted:
                self.core.set_wanted(instrument, False)

    def retry(self) -> None:
        """Try again what was refused for good."""
        if self.session.fatal is not None:
            self._do(self.session.start(_core.monotonic_ns()))

    def tick(self) -> None:
        """Let the session look at the clock; called every few tens of milliseconds."""
        if not self._stopping:
            actions = self.session.tick(_core.monotonic_ns(), _wall_ms(), self._activity)
            # a look at the whole session fifty times a second would cost more than the rest of the tick
            if actions or self.session.unsaid != self._unsaid:
                self._do(actions)
            if self._socket is not None and self._tuning.config.tcp_quickack:
                self._socket.quick_ack()

    def stop(self) -> None:
        """Close the connection and do not come back."""
        self._stopping = True
        self._do(self.session.stop(_core.monotonic_ns()))

    def abort(self) -> None:
        """Cut the connection now."""
        if self._socket is not None:
            self._socket.abort()

    @property
    def closed(self) -> bool:
        """Whether no socket is open or being opened."""
        return self._socket is None

    @property
    def live(self) -> bool:
        """Whether the WebSocket is open."""
        return self._live

    def snapshot(self) -> Snapshot:
        """What the session has to show."""
        return self.session.snapshot()

    def missing(self) -> str | None:
        """What keeps the connection from being ready, in a line; None if nothing does. For the loop's thread."""
        snapshot = self.session.snapshot()
        if snapshot.acked != snapshot.wanted:
            what = f"{snapshot.acked} of {snapshot.wanted} subscriptions acknowledged"
            return f"{self.config.id}: {snapshot.fatal or snapshot.phase.value}: {what}"
        return None if self.books_valid() else f"{self.config.id}: not every book is valid"

    def books_valid(self) -> bool:
        """Whether every book of a wanted depth subscription is valid."""
        return all(
            self.core.book_valid(instrument)
            for topic, instrument in self.instruments.items()
            if topic.channel == "depth" and self.session.wants(topic)
        )

    def pause_reading(self) -> None:
        """A blocking consumer has no room."""
        if self._socket is not None:
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        """It has room again."""
        if self._socket is not None:
            self._socket.resume_reading()

    # what the socket tells

    def on_control(self, frame: bytes) -> None:
        """A message for the session."""
        self._do(self.session.control(frame, _core.monotonic_ns()))

    def on_message(self, payload: bytes, *, binary: bool) -> None:
        """Only raw connections have these."""
        self._log.error("a raw message (binary: %s, %d bytes) on a venue's connection", binary, len(payload))

    def on_pong(self, payload: bytes) -> None:
        """A WebSocket pong."""
        self._do(self.session.websocket_pong(payload, _core.monotonic_ns()))

    def on_quarantined(self, reason: str, at: int) -> None:
        """The first message rejected for this reason on this connection."""
        self._log.warning(
            "a message could not be used: %s at byte %d; it is counted and kept in the quarantine, as all that follow",
            reason,
            at,
        )

    def on_lost(self, reason: Reason, detail: str) -> None:
        """The socket is gone."""
        self._socket = None
        self._live = False
        if self.core.disconnected(self.venue, reason):
            self.on_pressure()
        self._announced()
        self._do(self.session.closed(reason, _core.monotonic_ns(), detail))

    # what the session answers

    def _do(self, actions: Sequence[Action]) -> None:  # noqa: C901  # one case for each action there is
        for action in actions:
            match action:
                case Send(payload):
                    if self._socket is not None:
                        self._socket.send(payload)
                case SendPing(payload):
                    if self._socket is not None:
                        self._socket.ping(payload)
                case Close(code, reason):
                    self._close(code, reason)
                case Connect(url, headers):
                    if not self._stopping:
                        self._socket = Socket(self.core, self.venue, self, self._tuning)
                        self._opening = self._spawn(self._open(self._socket, url, headers))
                case Emit():
                    self._emit(action)
                case Log(level, text):
                    self._log.log(LEVELS[level], "%s", text)
        self._unsaid = self.session.unsaid
        self._publisher.put(self.session.snapshot(), live=self._live)

    def _emit(self, emit: Emit) -> None:
        # the core itself announces the connection, with its epoch
        if emit.state in {"connected", "disconnected"}:
            return
        instruments = [self.instruments.get(topic) for topic in emit.topics] or [None]
        for instrument in instruments:
            if self.core.announce(self.venue, instrument, emit.state, emit.reason):
                self.on_pressure()
        self._announced()
        if emit.state in {"stale", "unsubscribed"}:
            # what came between the wish and the venue's answer made the book valid again: nothing more will come
            for topic in emit.topics:
                if topic.channel == "depth" and topic in self.instruments:
                    self.core.invalidate(self.instruments[topic], emit.reason)

    def _close(self, code: int, reason: Reason) -> None:
        if self._live and self._socket is not None:
            self._socket.close(code, reason)
        elif self._opening is not None:
            self._opening.cancel()

    async def _open(self, socket: Socket, url: str, headers: Mapping[str, str]) -> None:
        try:
            await socket.open(url, headers, timeout_s=self.session.spec.connect_timeout_s, tls_ca=self.config.tls_ca)
        except HandshakeRefusedError as error:
            self._socket = None
            self._do(self.session.handshake_refused(error.status, _core.monotonic_ns(), error.retry_after_s))
        except ConnectFailedError as error:
            self._socket = None
            self._do(self.session.closed("network_error", _core.monotonic_ns(), str(error)))
        except asyncio.CancelledError:
            socket.abort()
            if not self._live:
                self._socket = None
                self._do(self.session.closed("local_closed", _core.monotonic_ns()))
            raise
        finally:
            self._opening = None

    def on_open(self) -> None:
        """The WebSocket is open: called before anything that came with the handshake is read."""
        self._live = True
        self._announced()
        self._do(self.session.opened(_core.monotonic_ns(), _wall_ms()))

    def _activity(self, topic: Topic) -> int:
        instrument = self.instruments.get(topic)
        return 0 if instrument is None else self.core.last_data(instrument, channel_slot(topic.channel))


def _wall_ms() -> int:
    return _core.realtime_ns() // 1_000_000
