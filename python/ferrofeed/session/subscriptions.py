"""What is wanted, what was asked for and what the venue acknowledged: one small state machine per topic.

::

    WANTED ──sent──► PENDING ──ack──► ACKED ──unwanted──► DROP ──sent──► PENDING_DROP ──ack──► (gone)
       ▲                │ refused                           │ wanted again        │ wanted meanwhile
       └── try later ───┴──► REFUSED              ACKED ◄───┘          WANTED ◄───┘

Requests live in :mod:`ferrofeed.session.requests`; this module never sees a clock of its own nor a frame.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ferrofeed.spec import Limits, RequestAction, Topic, VenueSpec

MAX_TOPICS: Final = 65_536
"""Most topics a session remembers, whatever the venue allows."""

MOST_SYMBOL_CHARS: Final = 64


def check_topic(spec: VenueSpec, topic: Topic) -> None:
    """Raise ValueError for a channel the venue does not have or a symbol that can't be one."""
    symbol = topic.raw_symbol
    if topic.channel not in spec.channels:
        known = ", ".join(sorted(spec.channels))
        raise ValueError(f"{spec.name} has no channel {topic.channel!r}; it has {known}")
    # a comma would make two symbols of it where venues take lists
    if not symbol or len(symbol) > MOST_SYMBOL_CHARS or not symbol.isprintable() or set(symbol) & set(", \"'\\"):
        raise ValueError(f"not a symbol: {symbol!r}")


class TopicState(Enum):
    """Where a topic stands."""

    WANTED = "wanted"
    PENDING = "pending"
    ACKED = "acked"
    DROP = "drop"
    PENDING_DROP = "pending_drop"
    REFUSED = "refused"


@dataclass(slots=True)
class Entry:
    """One topic."""

    topic: Topic
    refs: int
    state: TopicState
    batch_max: int
    """Most topics its next request may carry; halved when a request was refused as a whole, to find the guilty one."""
    request: str | None = None
    """The request it waits for: of PENDING, PENDING_DROP and of an ACKED one that is being renewed."""
    not_before_ns: int = 0
    announced: bool = False
    """Whether the consumers were told that it is subscribed."""
    doubtful: bool = False
    """Whether the venue has it is not known: the last request for it was put off, or not answered."""
    setbacks: int = 0
    """Refusals and silences in a row after which it is tried again."""


@dataclass(slots=True)
class Outcome:
    """What changed for the consumers."""

    subscribed: list[Topic] = field(default_factory=list)
    unsubscribed: list[Topic] = field(default_factory=list)
    refused: list[Topic] = field(default_factory=list)
    flowing: list[Topic] = field(default_factory=list)
    """Wanted and acknowledged from now on, whether or not the consumers thought so all the time: to be watched."""

    def add(self, other: Outcome) -> None:
        """Take over what another one says."""
        self.subscribed += other.subscribed
        self.unsubscribed += other.unsubscribed
        self.refused += other.refused
        self.flowing += other.flowing


class Subscriptions:
    """All topics of one session."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most = min(limits.topics_per_connection or MAX_TOPICS, MAX_TOPICS)
        self._entries: dict[Topic, Entry] = {}
        self._queues: dict[TopicState, dict[Topic, Entry]] = {state: {} for state in TopicState}
        self._renewals: dict[Topic, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, topic: Topic) -> Entry | None:
        """The entry of a topic."""
        return self._entries.get(topic)

    def topics(self, state: TopicState) -> list[Topic]:
        """The topics in this state, in the order in which they came into it."""
        return list(self._queues[state])

    def counts(self) -> Counter[str]:
        """How many topics are in each state."""
        return Counter({state.value: len(queue) for state, queue in self._queues.items()})

    @property
    def wanted(self) -> int:
        """Topics somebody wants, refused ones included."""
        return sum(1 for entry in self._entries.values() if entry.refs)

    # wishes

    def want(self, topic: Topic) -> Outcome:
        """One more wish for the topic. A refused one is tried again: somebody asked for it anew."""
        outcome = Outcome()
        entry = self._entries.get(topic)
        if entry is None:
            if len(self._entries) >= MAX_TOPICS:
                raise ValueError(f"more than {MAX_TOPICS} topics on one connection")
            full = self._full()
            entry = Entry(topic, 0, TopicState.REFUSED if full else TopicState.WANTED, self._limits.topics_per_request)
            self._entries[topic] = self._queues[entry.state][topic] = entry
            if full:
                outcome.refused.append(topic)
        elif entry.state is TopicState.DROP:
            self._kept(entry, outcome)
        elif entry.state is TopicState.REFUSED and not self._full():
            entry.setbacks, entry.not_before_ns = 0, 0
            self._move(entry, TopicState.WANTED)
        entry.refs += 1
        return outcome

    def unwant(self, topic: Topic) -> Outcome:
        """One wish less; the last one drops the topic. Unknown topics are ignored."""
        outcome = Outcome()
        entry = self._entries.get(topic)
        if entry is None or entry.refs == 0:
            return outcome
        entry.refs -= 1
        if entry.refs:
            return outcome
        if entry.state is TopicState.ACKED:
            self._renewals.pop(topic, None)
            entry.not_before_ns = 0
            self._move(entry, TopicState.DROP)
        elif entry.state is TopicState.WANTED and entry.doubtful:
            self._move(entry, TopicState.DROP)
        elif entry.state in (TopicState.WANTED, TopicState.REFUSED):
            self._remove(entry)
            outcome.unsubscribed.append(topic)
        return outcome

    def renew(self, topic: Topic) -> None:
        """Ask for an acknowledged topic again."""
        entry = self._entries.get(topic)
        if entry is not None and entry.state is TopicState.ACKED and entry.request is None:
            self._renewals[topic] = entry

    # what to ask next

    def batch(
        self, now_ns: int, batch_key: Callable[[Topic, RequestAction], str]
    ) -> tuple[RequestAction, tuple[Topic, ...]] | None:
        """The next topics to ask for or to drop together; drops first, because they make room."""
        drops = self._pick(self._queues[TopicState.DROP], now_ns, "unsubscribe", batch_key)
        if drops:
            return "unsubscribe", drops
        room = self._room()
        topics = self._pick(self._queues[TopicState.WANTED], now_ns, "subscribe", batch_key, room) if room > 0 else ()
        topics = topics or self._pick(self._renewals, now_ns, "subscribe", batch_key)
        return ("subscribe", topics) if topics else None

    def ready_at(self) -> int | None:
        """When :meth:`batch` has something; None if not before something happens."""
        asked = (*self._queues[TopicState.DROP].values(), *self._renewals.values())
        waiting = [entry.not_before_ns for entry in asked if entry.request is None]
        if self._room() > 0:
            waiting += [entry.not_before_ns for entry in self._queues[TopicState.WANTED].values()]
        return min(waiting, default=None)

    def asked(self, topics: Iterable[Topic], action: RequestAction, request_id: str) -> None:
        """The topics went into a request."""
        for topic in topics:
            entry = self._entries[topic]
            entry.request = request_id
            self._renewals.pop(topic, None)
            if action == "unsubscribe":
                self._move(entry, TopicState.PENDING_DROP)
            elif entry.state is not TopicState.ACKED:
                self._move(entry, TopicState.PENDING)

    def asked_again(self, topics: Iterable[Topic], before: str, request_id: str) -> None:
        """The same request went out again under another id."""
        for entry in self._attached(topics, before):
            entry.request = request_id

    def hanging(self, topics: Iterable[Topic], request_id: str) -> list[Topic]:
        """Those of the topics that still wait for this request."""
        return [entry.topic for entry in self._attached(topics, request_id)]

    def any_acked(self, condition: Callable[[Topic], bool]) -> bool:
        """Whether the condition holds for any acknowledged topic."""
        return any(condition(topic) for topic in self._queues[TopicState.ACKED])

    # what the venue said

    def taken(self, topics: Iterable[Topic], request_id: str) -> Outcome:
        """The venue did what the request asked of these topics."""
        outcome = Outcome()
        for entry in list(self._attached(topics, request_id)):
            entry.request = None
            entry.doubtful = False
            entry.setbacks, entry.not_before_ns = 0, 0
            entry.batch_max = self._limits.topics_per_request
            if entry.state is TopicState.PENDING:
                if entry.refs:
                    self._flows(entry, outcome)
                else:
                    self._move(entry, TopicState.DROP)
            elif entry.state is TopicState.PENDING_DROP:
                outcome.unsubscribed.append(entry.topic)
                self._gone(entry)
        return outcome

    def refused(self, topics: Iterable[Topic], request_id: str, asked: int) -> Outcome:
        """The venue refused these topics for good, of a request that ``asked`` for so many.

        One bad symbol must not cost its neighbours their subscription: topics refused together are asked for again in
        halves until the guilty stand alone.
        """
        outcome = Outcome()
        for entry in list(self._attached(topics, request_id)):
            entry.request = None
            if entry.state is TopicState.ACKED:
                continue  # a renewal that was refused leaves what there was
            if entry.state is TopicState.DROP:
                entry.batch_max = max(1, asked // 2)
            elif asked > 1 and (entry.refs or entry.state is TopicState.PENDING_DROP):
                entry.batch_max = max(1, asked // 2)
                self._back(entry, outcome)
            elif entry.state is TopicState.PENDING_DROP or not entry.refs:
                # what can't be dropped was never there
                outcome.unsubscribed.append(entry.topic)
                self._gone(entry)
            else:
                outcome.refused.append(entry.topic)
                self._move(entry, TopicState.REFUSED)
        return outcome

    def later(self, topics: Iterable[Topic], request_id: str, not_before_ns: Callable[[int], int]) -> Outcome:
        """Try these again later; ``not_before_ns`` says when, from the setbacks in a row."""
        outcome = Outcome()
        for entry in list(self._attached(topics, request_id)):
            entry.request = None
            entry.not_before_ns = not_before_ns(entry.setbacks)
            entry.setbacks += 1
            if entry.state in (TopicState.PENDING, TopicState.PENDING_DROP):
                # both ways of asking again are harmless where it is as wanted already
                entry.doubtful = True
                self._move(entry, TopicState.WANTED if entry.refs else TopicState.DROP)
        return outcome

    def disconnected(self) -> Outcome:
        """The venue forgets everything with the connection."""
        outcome = Outcome()
        self._renewals.clear()
        for entry in list(self._entries.values()):
            entry.request = None
            entry.not_before_ns = 0
            entry.announced = entry.doubtful = False
            if not entry.refs:
                outcome.unsubscribed.append(entry.topic)
                self._remove(entry)
            elif entry.state is not TopicState.REFUSED:
                self._move(entry, TopicState.WANTED)
        return outcome

    # inside

    def _full(self) -> bool:
        """Whether the connection holds, or will hold, all the topics it may."""
        leaving = sum(
            len(self._queues[state]) for state in (TopicState.REFUSED, TopicState.DROP, TopicState.PENDING_DROP)
        )
        return len(self._entries) - leaving >= self._most

    def _room(self) -> int:
        """How many more topics the venue can hold now; what is being dropped still takes its place."""
        held = (TopicState.PENDING, TopicState.ACKED, TopicState.DROP, TopicState.PENDING_DROP)
        return self._most - sum(len(self._queues[state]) for state in held)

    def _attached(self, topics: Iterable[Topic], request_id: str) -> Iterator[Entry]:
        for topic in topics:
            entry = self._entries.get(topic)
            if entry is not None and entry.request == request_id:
                yield entry

    def _pick(
        self,
        queue: dict[Topic, Entry],
        now_ns: int,
        action: RequestAction,
        batch_key: Callable[[Topic, RequestAction], str],
        room: int = MAX_TOPICS,
    ) -> tuple[Topic, ...]:
        picked: list[Topic] = []
        key: str | None = None
        most = min(room, self._limits.topics_per_request)
        for topic, entry in queue.items():
            if entry.not_before_ns > now_ns or entry.request is not None:
                continue
            if key is None:
                key = batch_key(topic, action)
            elif batch_key(topic, action) != key or len(picked) >= entry.batch_max:
                continue
            picked.append(topic)
            most = min(most, entry.batch_max)
            if len(picked) >= most:
                break
        return tuple(picked)

    def _back(self, entry: Entry, outcome: Outcome) -> None:
        """From a request that was refused back to where its wish belongs."""
        if entry.state is TopicState.PENDING:
            self._move(entry, TopicState.WANTED)
        elif entry.refs:
            self._kept(entry, outcome)
        else:
            self._move(entry, TopicState.DROP)

    def _kept(self, entry: Entry, outcome: Outcome) -> None:
        """It is not dropped after all: it flows on if it ever did, else it is asked for again."""
        if entry.doubtful:
            self._move(entry, TopicState.WANTED)
        else:
            self._flows(entry, outcome)

    def _flows(self, entry: Entry, outcome: Outcome) -> None:
        self._move(entry, TopicState.ACKED)
        outcome.flowing.append(entry.topic)
        if not entry.announced:
            entry.announced = True
            outcome.subscribed.append(entry.topic)

    def _gone(self, entry: Entry) -> None:
        entry.announced = entry.doubtful = False
        if entry.refs:
            self._move(entry, TopicState.WANTED)
        else:
            self._remove(entry)

    def _move(self, entry: Entry, state: TopicState) -> None:
        del self._queues[entry.state][entry.topic]
        entry.state = state
        self._queues[state][entry.topic] = entry

    def _remove(self, entry: Entry) -> None:
        del self._queues[entry.state][entry.topic]
        del self._entries[entry.topic]
