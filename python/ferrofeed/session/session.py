"""ONE session for every venue: the life of a connection and, across reconnects, of its wishes.

Sans-I/O: its user says what happened and when, and does what the returned actions say, in order. ``now_ns`` is a
monotonic clock, ``wall_ms`` the realtime clock (used only inside messages, it may jump). After every call the user
asks :attr:`Session.next_deadline_ns` for when to call :meth:`Session.tick` at the latest. Ticking more often does no
harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ferrofeed.session.actions import Action, Close, Connect, Emit, Level, Log, Reason, Send, SendPing, State
from ferrofeed.session.backoff import BackoffPolicy
from ferrofeed.session.dialling import Dialling
from ferrofeed.session.redact import Redactor
from ferrofeed.session.requests import Requests, Result
from ferrofeed.session.snapshot import Counters, Phase, Snapshot, picture
from ferrofeed.session.staleness import Activity, Staleness
from ferrofeed.session.subscriptions import Outcome, Subscriptions, TopicState, check_topic
from ferrofeed.session.units import NEVER, SECOND, ns
from ferrofeed.session.vitals import Vitals
from ferrofeed.spec import Ack, LoggedIn, Nack, Note, Pong, Refused, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from ferrofeed.session.budget import Budget
    from ferrofeed.spec import VenueConfig, VenueSpec

CLOSE_PATIENCE_NS: Final = 10 * SECOND
NOTES_LOGGED: Final = 64
LOGIN_ERROR_DELAY_S: Final = 60.0
DEFAULT_BACKOFF: Final = BackoffPolicy()


class Session:
    """The session of one venue connection. See the module's text."""

    def __init__(
        self,
        spec: VenueSpec,
        config: VenueConfig,
        budget: Budget,
        rng: Random,
        backoff: BackoffPolicy = DEFAULT_BACKOFF,
        *,
        keep_open: bool = False,
    ) -> None:
        """``keep_open``: connect whether or not anything is subscribed; what it is for says :meth:`accepted`."""
        for name in spec.credentials:
            secret = config.api_key if name == "api_key" else config.api_secret
            if secret is None or not secret.reveal():
                raise ValueError(f"venue {config.id}: {spec.name} needs {name}")
        self._spec = spec
        self._config = config
        self._dialect = spec.dialect
        self._budget = budget
        self._redact = Redactor(config)
        self._dialling = Dialling(budget, backoff, rng)
        self._keep_open = keep_open
        self._subscriptions = Subscriptions(spec.limits)
        self._requests = Requests(spec, self._subscriptions, rng)
        self._vitals = Vitals(spec, budget)
        self._staleness = Staleness(spec)
        self.counters = Counters()
        self.phase = Phase.IDLE
        self.fatal: str | None = None
        """Why nothing is tried any more, in words for the operator."""
        self._actions: list[Action] = []
        self._now_ns = 0
        self._stopped = False
        self._was_open = False
        self._phase_deadline_ns = NEVER
        self._close_reason: Reason | None = None
        self._notes: set[str] = set()
        budget.attach()

    # wishes

    def want(self, topics: Iterable[Topic]) -> Sequence[Action]:
        """Want these topics, from now on and across reconnects; wishes for one topic are counted. Tick soon after.

        Raises ValueError for a channel the venue does not have or a symbol that can't be one; then nothing was changed.
        """
        chosen = tuple(topics)
        for topic in chosen:
            check_topic(self._spec, topic)
        changed = Outcome()
        for topic in chosen:
            changed.add(self._subscriptions.want(topic))
        self._settle(changed, "more topics than one connection may have")
        return self._done()

    def unwant(self, topics: Iterable[Topic]) -> Sequence[Action]:
        """Take one wish for each of these topics back. Tick soon after."""
        gone: list[Topic] = []
        for topic in topics:
            gone += self._subscriptions.unwant(topic).unsubscribed
            entry = self._subscriptions.get(topic)
            if entry is None or not entry.refs:
                self._staleness.unwatch(topic)
        self._emit("unsubscribed", "local_closed", gone)
        return self._done()

    def stop(self, now_ns: int) -> Sequence[Action]:
        """End the connection and stay away until :meth:`start`. Wishes stay."""
        self._now_ns = now_ns
        if not self._stopped:
            self._stopped = True
            self._budget.detach()
        if self.phase in (Phase.CONNECTING, Phase.LOGGING_IN, Phase.LIVE):
            self._close("local_closed", code=1000)
        elif self.phase is not Phase.CLOSING:
            self.phase = Phase.IDLE
        return self._done()

    def start(self, now_ns: int) -> Sequence[Action]:
        """Try again after :meth:`stop` or a fatal refusal (when the operator has acted)."""
        self._now_ns = now_ns
        if self._stopped:
            self._stopped = False
            self._budget.attach()
        if self.phase in (Phase.FATAL, Phase.IDLE):
            self.fatal = None
            self.phase = Phase.CLOSING if self._dialling.held else Phase.IDLE
            self._phase_deadline_ns = now_ns + CLOSE_PATIENCE_NS
            self._dialling.next_ns = now_ns
        return self._done()

    # what happened

    def connecting(self, now_ns: int) -> Sequence[Action]:
        """The attempt really begins only now (it waited for a place, a proxy): its time limit counts from here."""
        self._now_ns = now_ns
        if self.phase is Phase.CONNECTING:
            self._phase_deadline_ns = now_ns + ns(self._spec.connect_timeout_s)
        return self._done()

    def opened(self, now_ns: int, wall_ms: int) -> Sequence[Action]:
        """The handshake is done."""
        self._now_ns = now_ns
        if self.phase is not Phase.CONNECTING:
            self._actions.append(Close(1000, self._close_reason or "local_closed"))
            return self._done()
        self.counters.opened += 1
        self._was_open = True
        self._dialling.opened()
        self._emit("connected", "none")
        self._vitals.opened(now_ns)
        if self._spec.login_reply:
            self.phase = Phase.LOGGING_IN
            self._phase_deadline_ns = now_ns + ns(self._spec.login_timeout_s)
        else:
            self.phase = Phase.LIVE
            self._phase_deadline_ns = NEVER
        login = self._dialect.login(self._config, wall_ms)
        if login is not None:
            # once a connection: the budget of connects keeps it rare, the reserve has its place
            self._budget.take_heartbeat(now_ns)
            self._send(login)
        self._flush()
        return self._done()

    def control(self, frame: bytes, now_ns: int) -> Sequence[Action]:
        """A message came that the decoder called control."""
        self._now_ns = now_ns
        if self.phase not in (Phase.LOGGING_IN, Phase.LIVE):
            return self._done()
        self.counters.controls += 1
        self._vitals.heard_ns = now_ns
        for item in self._dialect.control(frame):
            if isinstance(item, Ack):
                self._replied(self._requests.ack(item, now_ns), acknowledged=True)
            elif isinstance(item, Nack):
                self._nack(item)
            elif isinstance(item, LoggedIn):
                self._logged_in()
            elif isinstance(item, Refused):
                self._refuse(item)
            elif isinstance(item, Pong):
                self._vitals.pulse.pong(item.echo, now_ns)
            else:
                self._note(item)
            if not self._is_up():
                break
        self._flush()
        return self._done()

    def websocket_pong(self, payload: bytes, now_ns: int) -> Sequence[Action]:
        """A WebSocket pong came."""
        self._now_ns = now_ns
        if self.phase in (Phase.LOGGING_IN, Phase.LIVE):
            self._vitals.heard_ns = now_ns
            self._vitals.pulse.pong(payload.decode("utf-8", "replace"), now_ns)
        return self._done()

    def tick(self, now_ns: int, wall_ms: int, activity: Activity) -> Sequence[Action]:
        """Time passed. ``activity``: monotonic ns of the last data of a topic, 0 if none ever came."""
        self._now_ns = now_ns
        if self.phase in (Phase.IDLE, Phase.BACKOFF):
            self._connect(wall_ms)
        elif self.phase is Phase.LIVE:
            self._expire(activity)
            if self.phase is Phase.LIVE:
                self._watch(activity)
                self._beat(wall_ms, activity)
                self._flush()
        elif now_ns >= self._phase_deadline_ns:
            self._overdue()
        elif self.phase is Phase.LOGGING_IN:
            self._beat(wall_ms, activity)
        return self._done()

    def handshake_refused(self, status: int, now_ns: int, retry_after_s: float | None = None) -> Sequence[Action]:
        """The server answered the handshake with this HTTP status; ``retry_after_s``: its header of that name."""
        self._now_ns = now_ns
        if self.phase not in (Phase.CONNECTING, Phase.CLOSING):
            return self._done()
        if self.phase is Phase.CONNECTING:
            refused = self._dialect.handshake_refused(status)
            if retry_after_s is not None and retry_after_s > 0:
                self._dialling.delay(min(retry_after_s, 3600.0))
            self._refuse(refused, connected=False)
        self._ended(self._close_reason or "login_refused")
        return self._done()

    def closed(self, reason: Reason, now_ns: int, detail: str = "") -> Sequence[Action]:
        """The connection, or the attempt at one, is gone. ``detail`` (close code and text, error) goes to the log."""
        self._now_ns = now_ns
        if not self._dialling.held:
            return self._done()
        peer = self.phase in (Phase.LOGGING_IN, Phase.LIVE)
        if self.phase in (Phase.CONNECTING, Phase.LOGGING_IN, Phase.LIVE):
            what = "connection lost" if self._was_open else "cannot connect"
            self._log("warning", f"{what}: {reason}{': ' if detail else ''}{detail}")
        if peer:
            away = self._dialling.dropped(now_ns)
            if away is not None:
                reason = "kicked"
                self._explain_kicks(away)
        if self._close_reason is not None:
            reason = self._close_reason
        self._ended(reason)
        return self._done()

    # what the user of a connection that is kept open says

    def heard(self, now_ns: int) -> None:
        """A message came that is no matter of the session: a sign of life all the same."""
        self._vitals.heard_ns = now_ns

    def accepted(self, now_ns: int) -> None:
        """The venue took what this connection is for (an order desk's login): backoff starts anew."""
        if self.phase is Phase.LIVE:
            self._dialling.acknowledged(now_ns)

    def give_up(self, reason: Reason, why: str, now_ns: int) -> Sequence[Action]:
        """This connection is of no use any more; the next one follows, as after any other loss."""
        self._now_ns = now_ns
        if self._is_up():
            self._log("warning", f"connection given up: {why}")
            self._close(reason)
        return self._done()

    # what is to be known

    @property
    def next_connect_ns(self) -> int:
        """When to connect at the earliest."""
        return self._dialling.next_ns

    @property
    def spec(self) -> VenueSpec:
        """The venue's spec."""
        return self._spec

    def wants(self, topic: Topic) -> bool:
        """Whether somebody wants this topic."""
        entry = self._subscriptions.get(topic)
        return entry is not None and entry.refs > 0

    @property
    def unsaid(self) -> tuple[int, int]:
        """Differs when a :meth:`tick` changed what a snapshot shows and had no action to say so."""
        return self.counters.missed_heartbeats, self._staleness.quiet

    @property
    def next_deadline_ns(self) -> int:
        """When :meth:`tick` has something to do at the latest ; ``NEVER`` if nothing waits."""
        now = self._now_ns
        if self.phase in (Phase.IDLE, Phase.BACKOFF):
            return self.next_connect_ns if self._is_wanted() else NEVER
        if self.phase is Phase.FATAL:
            return NEVER
        if self.phase is not Phase.LIVE:
            beat = self._vitals.deadline_ns(now) if self.phase is Phase.LOGGING_IN else NEVER
            return min(self._phase_deadline_ns, beat)
        due = min(self._vitals.deadline_ns(now), self._staleness.next_check_ns, self._requests.expiry_ns())
        sendable = self._requests.sendable_ns(now)
        if sendable < due:
            due = min(due, max(sendable, self._budget.request_at(now)))
        return due

    def rtt_samples(self) -> list[int]:
        """The heartbeat round trips since the last call, ns."""
        return self._vitals.pulse.take_samples()

    def topics(self, state: TopicState) -> list[Topic]:
        """The topics in this state."""
        return self._subscriptions.topics(state)

    def snapshot(self) -> Snapshot:
        """The session as it is now."""
        return picture(
            self.phase,
            self.fatal,
            counters=self.counters,
            subscriptions=self._subscriptions,
            pulse=self._vitals.pulse,
            dialling=self._dialling,
            quiet=self._staleness.quiet,
            in_flight=len(self._requests),
        )

    # connecting and ending

    def _connect(self, wall_ms: int) -> None:
        if not self._is_wanted():
            return
        if self._dialling.lacks_slot(self._now_ns):
            most = self._spec.limits.connections_per_key
            self._log("error", f"the key may have {most} connection(s) and this process has them already: waiting")
        if not self._dialling.take(self._now_ns):
            return
        self._was_open = False
        self._close_reason = None
        self.counters.connects += 1
        self.phase = Phase.CONNECTING
        self._phase_deadline_ns = self._now_ns + ns(self._spec.connect_timeout_s)
        url = self._dialect.url(self._config, wall_ms)
        self._actions.append(Connect(url, self._dialect.headers(self._config, wall_ms)))

    def _close(self, reason: Reason, code: int = 1000) -> None:
        self._close_reason = reason
        self.phase = Phase.CLOSING
        self._phase_deadline_ns = self._now_ns + CLOSE_PATIENCE_NS
        self._actions.append(Close(code, reason))

    def _overdue(self) -> None:
        """The phase took too long."""
        if self.phase is Phase.CONNECTING:
            self._log("warning", f"no connection within {self._spec.connect_timeout_s:g} s")
            self._close("network_error")
        elif self.phase is Phase.LOGGING_IN:
            self._log("warning", f"no answer to the login within {self._spec.login_timeout_s:g} s")
            self._close("ack_timeout")
        elif self.phase is Phase.CLOSING:
            self._log("error", "the connection was not closed in time; going on without it")
            self._ended(self._close_reason or "local_closed")

    def _ended(self, reason: Reason) -> None:
        """The connection or the attempt is over: forget what hung on it and choose when to come back."""
        self._dialling.released(kicked=reason == "kicked")
        self.counters.reconnects.add(reason)
        self._requests.disconnected()
        self._vitals.ended()
        self._staleness.disconnected()
        gone = self._subscriptions.disconnected().unsubscribed
        if self._was_open:
            self._emit("disconnected", reason)
        else:
            self.counters.failed.add(reason)
        self._emit("unsubscribed", "local_closed", gone)
        self._was_open = False
        self._phase_deadline_ns = NEVER
        if self.phase is Phase.FATAL:
            return
        self.phase = Phase.IDLE if self._stopped else Phase.BACKOFF
        self._dialling.back_off(self._now_ns)

    def _refuse(self, refused: Refused, *, connected: bool = True) -> None:
        """The venue refuses the connection."""
        self.counters.refusals.add("none" if refused.code is None else str(refused.code))
        message = self._redact(refused.message)
        self._emit("refused", "login_refused", detail=message)
        if refused.fatal:
            self.fatal = message
            self._log("error", f"refused for good, nothing more is tried until this is put right: {message}")
            if connected:
                self._close("login_refused")
            self.phase = Phase.FATAL
            return
        self._log("error", f"refused: {message}")
        if refused.retry_after_s is not None:
            self._dialling.delay(refused.retry_after_s)
        if connected:
            self._close("login_refused")

    def _explain_kicks(self, away_ns: int) -> None:
        most = self._spec.limits.connections_per_key
        why = (
            f"another process probably uses the same key (the venue allows {most} connection(s) per key)"
            if most is not None
            else "the venue does not want us, or another process uses the same key"
        )
        self._log("error", f"dropped again and again just after login: {why}; staying away for {away_ns // SECOND} s")

    # replies

    def _logged_in(self) -> None:
        if self.phase is Phase.LOGGING_IN:
            self.phase = Phase.LIVE
            self._phase_deadline_ns = NEVER
            self._dialling.acknowledged(self._now_ns)

    def _nack(self, nack: Nack) -> None:
        if self.phase is Phase.LOGGING_IN:
            self._refuse(Refused(nack.message, fatal=False, code=nack.code, retry_after_s=LOGIN_ERROR_DELAY_S))
            return
        if nack.throttled:
            self._budget.pause(self._now_ns + ns(nack.retry_after_s or LOGIN_ERROR_DELAY_S))
        self.counters.request_refusals.add("none" if nack.code is None else str(nack.code))
        self._log("warning", f"request refused: {nack.message}")
        self._replied(self._requests.nack(nack, self._now_ns), acknowledged=False, why=nack.message)

    def _replied(self, result: Result, *, acknowledged: bool, why: str = "the venue did not list it") -> None:
        if not result.matched:
            self.counters.stray_replies += 1
        elif acknowledged:
            self._dialling.acknowledged(self._now_ns)
        self._settle(result.outcome, why)

    def _settle(self, outcome: Outcome, why: str = "") -> None:
        for topic in outcome.flowing:
            self._staleness.watch(topic, self._now_ns)
        for topic in outcome.unsubscribed:
            self._staleness.unwatch(topic)
        self._emit("subscribed", "none", outcome.subscribed)
        self._emit("unsubscribed", "local_closed", outcome.unsubscribed)
        self._emit("refused", "request_refused", outcome.refused, why)

    def _note(self, note: Note) -> None:
        self.counters.notes += 1
        text = self._redact(note.message)
        if text not in self._notes and len(self._notes) < NOTES_LOGGED:
            self._notes.add(text)
            self._log("info", f"venue says: {text}")

    # time

    def _expire(self, activity: Activity) -> None:
        if self._now_ns < self._requests.expiry_ns():
            return
        result = self._requests.expire(self._now_ns, activity, self._heard(activity))
        if result.unanswered:
            self.counters.ack_timeouts += len(result.unanswered)
            self._log("warning", f"{len(result.unanswered)} request(s) not acknowledged in time")
        self._settle(result.outcome)
        self._emit("refused", "ack_timeout", result.given_up, "never acknowledged; tried again later")
        if result.dead:
            self._close("ack_timeout")

    def _watch(self, activity: Activity) -> None:
        found = self._staleness.check(self._now_ns, activity)
        if found.stale:
            self._vitals.want_probe = True
            self._emit("stale", "data_timeout", found.stale, "no data for longer than the channel's limit")
        if found.silent:
            self._emit(
                "stale", "data_timeout", found.silent, "acknowledged and never delivered: wrong symbol or channel?"
            )
            self._log("warning", f"{len(found.silent)} subscription(s) acknowledged that never delivered anything")
        if found.recovered:
            self._log("info", f"data again on {len(found.recovered)} quiet topic(s)")
        for topic in found.renew:
            self._subscriptions.renew(topic)
        self.counters.stale += len(found.stale) + len(found.silent)
        self.counters.renewals += len(found.renew)

    def _beat(self, wall_ms: int, activity: Activity) -> None:
        def heard() -> int:
            return self._heard(activity)

        if self._vitals.pulse.expired(self._now_ns):
            self.counters.missed_heartbeats += 1
            if self._vitals.is_dead(heard):
                self._log("warning", f"no sign of life for {self._spec.heartbeat.timeout_s:g} s after a probe")
                self._close("heartbeat_timeout")
                return
        beat = self._vitals.beat(self._now_ns, wall_ms, self._requests.new_id, heard)
        if isinstance(beat, Send):
            self._send(beat.payload)
        elif isinstance(beat, SendPing):
            self._actions.append(beat)

    def _heard(self, activity: Activity) -> int:
        """When anything at all last came."""
        return max(self._vitals.heard_ns, self._staleness.latest(activity))

    def _flush(self) -> None:
        """Send what is to be asked, as far as the budget goes."""
        while self.phase is Phase.LIVE:
            request = self._requests.next(self._now_ns)
            if request is None or not self._budget.take_request(self._now_ns):
                return
            self._send(self._requests.sent(request, self._now_ns))

    # actions

    def _is_wanted(self) -> bool:
        return not self._stopped and (self._keep_open or bool(len(self._subscriptions)))

    def _is_up(self) -> bool:
        return self.phase in (Phase.LOGGING_IN, Phase.LIVE)

    def _send(self, payload: bytes) -> None:
        self.counters.sent += 1
        self._actions.append(Send(payload))

    def _emit(self, state: State, reason: Reason, topics: Sequence[Topic] | None = None, detail: str = "") -> None:
        """A status; with a list of topics, only if there are any."""
        if topics is None:
            self._actions.append(Emit(state, reason, (), self._redact(detail)))
        elif topics:
            self._actions.append(Emit(state, reason, tuple(topics), self._redact(detail)))

    def _log(self, level: Level, text: str) -> None:
        self._actions.append(Log(level, self._redact(text)))

    def _done(self) -> Sequence[Action]:
        actions, self._actions = self._actions, []
        return actions
