"""One socket of trading venues: its messages go to the router, the router's requests to the socket.

A request is taken from the router's outbox only when the socket sends it at once: what waited in a full buffer could
be sent later than its time to live.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ferrofeed import _core
from ferrofeed.net.carrier import Carrier, wall_ms

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Sequence

    from ferrofeed.config import VenueConfig
    from ferrofeed.net.tuning import Tuning
    from ferrofeed.orders.desk import Desk
    from ferrofeed.session import Emit, Reason, Session
    from ferrofeed.spec import Topic

TOKEN: Final = re.compile(rb'("token"\s*:\s*")[^"]*')
"""A login's token is a credential: nothing that is kept of a message may show it."""


class OrderLink:
    """Lives on the loop's thread. ``moved`` is called whenever the router may have something to tell or to send."""

    def __init__(  # noqa: PLR0917  # what a link is made of; one place makes links
        self,
        core: _core.FeedCore,
        venue: int,
        config: VenueConfig,
        session: Session,
        router: _core.OrderCore,
        desks: Sequence[Desk],
        spawn: Callable[[Coroutine[Any, Any, object]], asyncio.Task[Any]],
        tuning: Tuning,
        moved: Callable[[], None],
        *,
        pushes: bool = False,
    ) -> None:
        """``desks``: those on this socket; ``pushes``: it only brings reports, requests have another one."""
        self.core = core
        self.venue = venue
        self.config = config
        self.session = session
        self.desks = tuple(desks)
        self.link = desks[0].link
        self.carrier = Carrier(core, venue, config, session, self, spawn, tuning, self._emit)
        self._router = router
        self._moved = moved
        self._tuning = tuning
        self.pushes = pushes
        self._accepted = False
        self._told: set[str] = set()

    # what the supervisor asks for

    def tick(self) -> None:
        """Let the session look at the clock."""
        carrier = self.carrier
        if carrier.stopping:
            return
        actions = self.session.tick(_core.monotonic_ns(), wall_ms(), _no_data)
        if actions or self.session.unsaid != carrier.unsaid:
            carrier.do(actions)
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

    def pause_reading(self) -> None:
        """Never: orders are read whatever market data waits for."""

    def resume_reading(self) -> None:
        """See :meth:`pause_reading`."""

    # what the router asks for

    def flush(self) -> None:
        """Send what may be sent now."""
        socket = self.carrier.socket
        if self.pushes or socket is None or not self.carrier.live:
            return
        while socket.sends_now:
            text = self._router.outgoing(self.link)
            if text is None:
                return
            socket.send(text)

    def give_up(self, why: str) -> None:
        """The router has no use for this connection any more: another one."""
        self.carrier.do(self.session.give_up("ack_timeout", why, _core.monotonic_ns()))

    def retry(self) -> None:
        """Try again what was refused for good."""
        if self.session.fatal is not None:
            self.carrier.do(self.session.start(_core.monotonic_ns()))

    # what the socket tells

    def on_open(self) -> None:
        """The WebSocket is open: called before anything that came with the handshake is read."""
        self._accepted = False
        self.carrier.opened()
        if not self.pushes:
            self._router.opened(self.link)
        self._moved()

    def on_message(self, payload: bytes, *, binary: bool) -> None:
        """A message of the venue: the router's first, the session's if it answers a heartbeat."""
        if binary:  # counted and quarantined by the core
            return
        now_ns = _core.monotonic_ns()
        verdict, at = "internal", 0
        try:
            heard, detail = self._router.message(self.link, payload)
            if heard == "reports":
                verdict = "data"
                self.session.heard(now_ns)
            elif heard == "pong":
                verdict = "control"
                self.carrier.do(self.session.control(payload, now_ns))
            else:
                verdict, at = _fault(detail or "")
        finally:
            self._judge(verdict, at, payload)
        if not self._accepted and self._is_accepted():
            self._accepted = True
            self.session.accepted(now_ns)
        self._moved()

    def on_control(self, frame: bytes) -> None:
        """Only decoded connections have these."""
        raise RuntimeError(f"a control message of {len(frame)} bytes on a connection that decodes nothing")

    def on_pong(self, payload: bytes) -> None:
        """A WebSocket pong."""
        self.carrier.do(self.session.websocket_pong(payload, _core.monotonic_ns()))

    def on_quarantined(self, reason: str, at: int) -> None:
        """The first message rejected for this reason on this connection."""
        self.carrier.quarantined(reason, at)

    def on_pressure(self) -> None:
        """Market data's matter: nothing of this connection waits for a consumer."""

    def on_lost(self, reason: Reason, detail: str) -> None:
        """The socket is gone: the router knows before anything else happens."""
        self.carrier.live = False
        if not self.pushes:
            self._router.closed(self.link)
        self.core.disconnected(self.venue, reason)
        self.carrier.lost(reason, detail)
        self._moved()

    # inside

    def _is_accepted(self) -> bool:
        """Whether the venue works with us: a login there was taken, or what is true was asked and answered."""
        states = {desk.kind: self._router.desk_state(desk.number) for desk in self.desks}
        return "ready" in states.values() or states.get("quantapi") == "reconciling"

    def _judge(self, verdict: str, at: int, payload: bytes) -> None:
        if verdict in {"data", "control"}:
            self.core.judge(self.venue, verdict, 0, b"")
            return
        self.core.judge(self.venue, verdict, at, TOKEN.sub(rb"\1***", payload))
        if verdict not in self._told:
            self._told.add(verdict)
            self.carrier.quarantined(verdict, at)

    def _emit(self, emit: Emit) -> None:
        self.core.announce(self.venue, None, emit.state, emit.reason)


def _no_data(_topic: Topic) -> int:
    return 0


def _fault(explained: str) -> tuple[str, int]:
    """Kind and place of what the core explained: ``json at byte 3: word``."""
    kind, _, rest = explained.partition(" at byte ")
    place = rest.partition(":")[0]
    return kind, int(place) if place.isdigit() else 0
