"""One connection of a venue: its session drives its socket, its socket feeds its session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrofeed import _core
from ferrofeed.board import SLOTS
from ferrofeed.net.carrier import Carrier, wall_ms

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from ferrofeed.config import VenueConfig
    from ferrofeed.net.tuning import Tuning
    from ferrofeed.session import Action, Emit, Reason, Session, Snapshot
    from ferrofeed.spec import Topic


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
        self.carrier = Carrier(core, venue, config, session, self, spawn, tuning, self._emit)

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
        carrier = self.carrier
        if not carrier.stopping:
            actions = self.session.tick(_core.monotonic_ns(), wall_ms(), self._activity)
            # a look at the whole session fifty times a second would cost more than the rest of the tick
            if actions or self.session.unsaid != carrier.unsaid:
                self._do(actions)
            if carrier.socket is not None and self._tuning.config.tcp_quickack:
                carrier.socket.quick_ack()

    def stop(self) -> None:
        """Close the connection and do not come back."""
        self.carrier.stop()

    def abort(self) -> None:
        """Cut the connection now."""
        self.carrier.abort()

    @property
    def closed(self) -> bool:
        """Whether no socket is open or being opened."""
        return self.carrier.socket is None

    @property
    def live(self) -> bool:
        """Whether the WebSocket is open."""
        return self.carrier.live

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
        if self.carrier.socket is not None:
            self.carrier.socket.pause_reading()

    def resume_reading(self) -> None:
        """It has room again."""
        if self.carrier.socket is not None:
            self.carrier.socket.resume_reading()

    # what the socket tells

    def on_control(self, frame: bytes) -> None:
        """A message for the session."""
        self._do(self.session.control(frame, _core.monotonic_ns()))

    def on_message(self, payload: bytes, *, binary: bool) -> None:
        """Only raw connections have these."""
        self.carrier.log.error("a raw message (binary: %s, %d bytes) on a venue's connection", binary, len(payload))

    def on_pong(self, payload: bytes) -> None:
        """A WebSocket pong."""
        self._do(self.session.websocket_pong(payload, _core.monotonic_ns()))

    def on_quarantined(self, reason: str, at: int) -> None:
        """The first message rejected for this reason on this connection."""
        self.carrier.quarantined(reason, at)

    def on_lost(self, reason: Reason, detail: str) -> None:
        """The socket is gone."""
        self.carrier.live = False
        if self.core.disconnected(self.venue, reason):
            self.on_pressure()
        self._announced()
        self.carrier.lost(reason, detail)

    # what the session answers

    def _do(self, actions: Sequence[Action]) -> None:
        self.carrier.do(actions)

    def _emit(self, emit: Emit) -> None:
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

    def on_open(self) -> None:
        """The WebSocket is open: called before anything that came with the handshake is read."""
        self._announced()
        self.carrier.opened()

    def _activity(self, topic: Topic) -> int:
        instrument = self.instruments.get(topic)
        return 0 if instrument is None else self.core.last_data(instrument, channel_slot(topic.channel))
