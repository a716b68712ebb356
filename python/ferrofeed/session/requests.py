"""Requests on their way, and which of them a reply answers.

Where replies echo an id, the id says it. Where not, replies answer in order and one request is in flight at a time. A
request that got no reply is then sent again *unchanged*, so that a late reply to the first try is as good as one to
the second; and since two replies may then come for one request, nothing new is asked until the second came or can't
come any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ferrofeed.session.subscriptions import Outcome, TopicState
from ferrofeed.session.units import NEVER, SECOND, ns

if TYPE_CHECKING:
    from random import Random

    from ferrofeed.session.staleness import Activity
    from ferrofeed.session.subscriptions import Subscriptions
    from ferrofeed.spec import Ack, Nack, RequestAction, Topic, VenueSpec

MAX_ATTEMPTS: Final = 3
SETTLE_NS: Final = SECOND
"""How long a request that is never acknowledged keeps the line, so that its error is not taken for another's."""
SETBACK_S: Final = 60.0
SETBACK_CAP_S: Final = 600.0


@dataclass(slots=True)
class Request:
    """One request, sent or to be sent (again)."""

    id: str
    action: RequestAction
    topics: tuple[Topic, ...]
    first_ns: int = 0
    deadline_ns: int = 0
    attempts: int = 0
    renewal: bool = False
    due: bool = True
    """To be sent (again) as soon as the budget has it."""
    earlier: tuple[str, ...] = ()
    """Ids of its former tries."""


@dataclass(slots=True)
class Result:
    """What a reply or its absence brought."""

    outcome: Outcome = field(default_factory=Outcome)
    matched: bool = True
    unanswered: list[Request] = field(default_factory=list)
    """Timed out in this step."""
    given_up: list[Topic] = field(default_factory=list)
    """Never acknowledged in all attempts, while the rest of the connection works; tried again much later."""
    dead: bool = False
    """Nothing answers at all: the connection is of no use."""


class Requests:
    """The requests of one session in flight."""

    def __init__(self, spec: VenueSpec, subscriptions: Subscriptions, rng: Random) -> None:
        if not spec.reply_ids and spec.limits.in_flight != 1:
            raise ValueError(f"{spec.name}: replies without ids need one request in flight")
        self._spec = spec
        self._dialect = spec.dialect
        self._subscriptions = subscriptions
        self._rng = rng
        self._timeout_ns = ns(spec.limits.ack_timeout_s)
        self._open: list[Request] = []
        self._owed = 0
        self._hold_until_ns = 0
        self._serial = 0

    def __len__(self) -> int:
        return len(self._open)

    def new_id(self) -> str:
        """An id that no other request of this venue has."""
        self._serial += 1
        return f"{self._rng.getrandbits(64):016x}{self._serial:08x}"

    def disconnected(self) -> None:
        """No reply can come any more."""
        self._open.clear()
        self._owed = self._hold_until_ns = 0

    # what to send

    def next(self, now_ns: int) -> Request | None:
        """The request to send now, if any; call :meth:`sent` if it went."""
        for request in self._open:
            if request.due:
                return request
        if len(self._open) >= self._spec.limits.in_flight or now_ns < self._hold_until_ns:
            return None
        batch = self._subscriptions.batch(now_ns, self._dialect.batch_key)
        return None if batch is None else Request(self.new_id(), *batch)

    def sent(self, request: Request, now_ns: int) -> bytes:
        """The request goes out now: its bytes."""
        if request.attempts == 0:
            self._open.append(request)
            request.first_ns = now_ns
            self._subscriptions.asked(request.topics, request.action, request.id)
            entry = self._subscriptions.get(request.topics[0])
            request.renewal = request.action == "subscribe" and entry is not None and entry.state is TopicState.ACKED
        elif self._spec.reply_ids:
            fresh = self.new_id()
            # what data showed to be there meanwhile need not be asked for again
            request.topics = tuple(self._subscriptions.hanging(request.topics, request.id))
            self._subscriptions.asked_again(request.topics, request.id, fresh)
            request.earlier = (*request.earlier, request.id)
            request.id = fresh
        request.attempts += 1
        request.due = False
        settles = request.action == "unsubscribe" and not self._spec.unsubscribe_reply
        request.deadline_ns = now_ns + (SETTLE_NS if settles else self._timeout_ns * request.attempts)
        build = self._dialect.subscribe if request.action == "subscribe" else self._dialect.unsubscribe
        return build(request.topics, request.id)

    def expiry_ns(self) -> int:
        """When :meth:`expire` has something to do."""
        return min((request.deadline_ns for request in self._open if not request.due), default=NEVER)

    def sendable_ns(self, now_ns: int) -> int:
        """When :meth:`next` has something, as far as it can be foreseen."""
        if any(request.due for request in self._open):
            return now_ns
        if len(self._open) >= self._spec.limits.in_flight:
            return NEVER
        ready = self._subscriptions.ready_at()
        return NEVER if ready is None else max(now_ns, ready, self._hold_until_ns)

    # what came back

    def ack(self, ack: Ack, now_ns: int) -> Result:
        """The venue took a request, or some symbols of it."""
        request = self._match(ack.request_id, ack.action)
        if request is None:
            return self._stray()
        if ack.raw_symbols is None or ack.action == "unsubscribe":
            self._done(request, now_ns)
            return Result(self._subscriptions.taken(request.topics, request.id))
        named = frozenset(ack.raw_symbols)
        listed = [t for t in request.topics if not named.isdisjoint(self._dialect.spellings(t.raw_symbol))]
        if named and not listed:
            return self._stray()
        self._done(request, now_ns)
        outcome = self._subscriptions.taken(listed, request.id)
        outcome.add(self._subscriptions.refused(request.topics, request.id, asked=1))
        return Result(outcome)

    def nack(self, nack: Nack, now_ns: int) -> Result:
        """The venue refused a request."""
        request = self._match(nack.request_id, nack.action)
        if request is None:
            return self._stray()
        self._done(request, now_ns)
        if request.action == "unsubscribe" and not self._spec.unsubscribe_reply:
            return Result(self._subscriptions.taken(request.topics, request.id))
        if nack.retry_after_s is None:
            return Result(self._subscriptions.refused(request.topics, request.id, asked=len(request.topics)))
        return Result(self._later(request, now_ns, nack.retry_after_s))

    def expire(self, now_ns: int, activity: Activity, heard_ns: int) -> Result:
        """Deal with the requests whose reply is overdue. ``heard_ns``: when anything at all last came."""
        result = Result()
        for request in [r for r in self._open if not r.due and r.deadline_ns <= now_ns]:
            if request.action == "unsubscribe" and not self._spec.unsubscribe_reply:
                self._open.remove(request)
                result.outcome.add(self._subscriptions.taken(request.topics, request.id))
                continue
            result.unanswered.append(request)
            if request.action == "subscribe" and not request.renewal:
                # data says more than the acknowledgement that should have come before it
                flowing = [t for t in request.topics if activity(t) > request.first_ns]
                result.outcome.add(self._subscriptions.taken(flowing, request.id))
            if not self._subscriptions.hanging(request.topics, request.id):
                self._done(request, now_ns, answered=False)
            elif request.attempts < MAX_ATTEMPTS:
                request.due = True
            elif heard_ns <= request.first_ns or not (request.renewal or self._flowing(request, activity)):
                result.dead = True
            else:
                self._done(request, now_ns, answered=False)
                if not request.renewal:
                    result.given_up += self._subscriptions.hanging(request.topics, request.id)
                self._later(request, now_ns, SETBACK_S)
        return result

    def _flowing(self, request: Request, activity: Activity) -> bool:
        """Whether any subscription delivered since the request was first made."""
        return self._subscriptions.any_acked(lambda topic: activity(topic) > request.first_ns)

    def _later(self, request: Request, now_ns: int, after_s: float) -> Outcome:
        def when(setbacks: int) -> int:
            wait = min(max(after_s, SETBACK_CAP_S), after_s * 2.0 ** min(setbacks, 16))
            return now_ns + ns(wait * self._rng.uniform(1.0, 1.25))

        return self._subscriptions.later(request.topics, request.id, when)

    def _match(self, request_id: str | None, action: RequestAction | None) -> Request | None:
        if request_id is not None and self._spec.reply_ids:
            return next((r for r in self._open if request_id == r.id or request_id in r.earlier), None)
        fitting = [r for r in self._open if action is None or r.action == action]
        # an answer without the id it should have is taken only where it can mean one request
        return fitting[0] if len(fitting) == 1 or (fitting and not self._spec.reply_ids) else None

    def _done(self, request: Request, now_ns: int, *, answered: bool = True) -> None:
        self._open.remove(request)
        owed = request.attempts - 1 if answered else request.attempts
        if owed and not self._spec.reply_ids:
            self._owed = owed
            self._hold_until_ns = now_ns + 2 * self._timeout_ns

    def _stray(self) -> Result:
        if self._owed:
            self._owed -= 1
            if not self._owed:
                self._hold_until_ns = 0
        return Result(matched=False)
