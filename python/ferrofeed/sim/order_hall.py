"""What all simulated trading venues share: requests on their way in, answers and notifications on their way out.

A venue says what a request does and how an answer looks; when it is done, whether its answer arrives, and what else
goes wrong is decided here. No sockets, no clock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ferrofeed.sim.order_audit import Audit, Seen
from ferrofeed.sim.order_faults import OrderFaults, check, ns
from ferrofeed.sim.order_ledger import Ledger
from ferrofeed.sim.order_timeline import Timeline, TradingSession
from ferrofeed.sim.order_types import Refusal
from ferrofeed.sim.protocol import NS, Close, Drop, Send

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed.sim.faults import Fault
    from ferrofeed.sim.market import State
    from ferrofeed.sim.order_faults import Fate
    from ferrofeed.sim.order_ledger import Change
    from ferrofeed.sim.order_types import Account, Fill, Listing, Op, Order, OrderOptions
    from ferrofeed.sim.orders_engine import Engine
    from ferrofeed.sim.protocol import Action, Kind, Topic

_UPSTREAM = {
    # state, and when in the course of the trouble, in hundredths of its length
    "reconnect": ((4, 0), (5, 10)),
    "fail": ((4, 0), (5, 10), (3, 40), (5, 50)),
    "error": ((7, 0),),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the venue's words."""

    payload: bytes
    kind: Kind = "ack"
    order: Order | None = None
    """The order that was taken."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that was understood well enough to be judged."""

    session: TradingSession
    op: Op
    key: str
    name: str
    """The venue's word for it."""
    client: str
    """The client's id of the order, or what pairs the answer."""
    work: Callable[[int], Answer]
    """Does it, at the time given. It may raise :class:`Refusal`."""
    refused: Callable[[Refusal], Answer]
    targets: Sequence[str] = ()
    """The venue's ids of the orders it is to cancel."""


class Speaker(Protocol):
    """What a venue tells of its own accord."""

    def told(self, order: Order, change: Change, fill: Fill | None, now_ns: int, /) -> None:
        """An order changed."""
        ...

    def balances(self, account: Account, now_ns: int, /) -> None:
        """An account's money changed."""
        ...

    def position(self, account: Account, listing: Listing, now_ns: int, /) -> None:
        """A position changed."""
        ...

    def upstream(self, state: int, now_ns: int, /) -> None:
        """What is behind the venue is in this state now (quantapi's numbers)."""
        ...


class Hall:
    """One trading venue: its exchange, its orders, its connections, and what is still to be done."""

    def __init__(self, engine: Engine, options: OrderOptions, seed: int, speaker: Speaker) -> None:
        self.engine = engine
        self.options = options
        self.audit = Audit()
        self.timeline = Timeline()
        self.ledger = Ledger(engine, self.timeline, self.audit, options)
        self.ledger.tell = self.tell
        self.faults = OrderFaults(seed)
        self.sessions: dict[TradingSession, None] = {}
        """Open connections, in the order they came."""
        self.down_until_ns = 0
        """A restart: until then handshakes are answered with 503."""
        self.trouble: Fault | None = None
        """What is wrong behind the venue now."""
        self._speaker = speaker
        self._rng = random.Random(f"{seed}/hall")  # noqa: S311 - reproducible on purpose, protects nothing
        self._last_push: dict[TradingSession, int] = {}
        self._held: dict[str, list[Callable[[int], None]]] = {}
        """Answers that wait for a notification of an order."""
        self._shuffled: dict[tuple[TradingSession, int], list[Send]] = {}

    # what comes in

    def opened(self, session: TradingSession, now_ns: int) -> bool:
        """Take a connection in; False while the venue is away."""
        self.settle(now_ns)
        if now_ns < self.down_until_ns:
            return False
        self.sessions[session] = None
        return True

    def closed(self, session: TradingSession) -> None:
        """Forget a connection."""
        session.gone = True
        self.sessions.pop(session, None)
        self._last_push.pop(session, None)

    def ask(self, ask: Ask, text: bytes, now_ns: int) -> None:
        """Take a request."""
        session = ask.session
        fate = self.faults.fate(session.number, ask.op, now_ns)
        if fate.point == "unread":
            self._cut(session, fate.cut, now_ns)
            return
        self.audit.seen(Seen(now_ns, session.number, ask.key, ask.name, ask.client, text))
        if fate.point in ("read", "late"):
            self._cut(session, fate.cut, now_ns)
        if fate.lost or fate.point == "read":
            return
        epoch = self.ledger.epoch
        self.timeline.at(now_ns + fate.work_delay_ns, lambda then_ns: self._work(ask, fate, epoch, then_ns))
        self.settle(now_ns)

    def moved(self, state: State, now_ns: int) -> None:
        """Let the exchange see how the market moved."""
        if self.options.live:
            self.settle(now_ns)
            self.engine.show(now_ns, state)
            self.settle(now_ns)

    def fill(self, order_id: str, quantity: str | None, now_ns: int) -> None:
        """Let the market trade against a resting order at its price, see :meth:`Ledger.fill`."""
        self.settle(now_ns)
        self.ledger.fill(self.ledger.orders[order_id], quantity, now_ns)
        self.settle(now_ns)

    def settle(self, now_ns: int) -> None:
        """Do what is due and tell what came of it, until nothing is left for now."""
        self.timeline.advance(now_ns)
        self.tell(now_ns)
        self.timeline.advance(now_ns)

    # what is done

    def _work(self, ask: Ask, fate: Fate, epoch: int, now_ns: int) -> None:
        if epoch != self.ledger.epoch:
            return
        try:
            self._admit(ask, fate, now_ns)
            answer = ask.work(now_ns)
        except Refusal as refusal:
            answer = ask.refused(refusal)
        if self.options.push_first:
            self.tell(now_ns)
        self._answer(ask.session, fate, answer, now_ns)
        self.tell(now_ns)

    def _admit(self, ask: Ask, fate: Fate, now_ns: int) -> None:
        over_budget = ask.op != "query" and not self.audit.within_budget(ask.key, self.options.rate_limit, now_ns)
        if fate.throttled or over_budget:
            raise Refusal("throttled", "too many requests")
        if fate.refused:
            raise Refusal("refused", fate.refused)
        if fate.race:
            for target in ask.targets:
                order = self.ledger.find(ask.key, target)
                if order is not None and order.status == "working":
                    self.ledger.fill(order, None, now_ns)
            self.tell(now_ns)

    def _answer(self, session: TradingSession, fate: Fate, answer: Answer, now_ns: int) -> None:
        if fate.point == "done":
            self._cut(session, fate.cut, now_ns)
        if fate.answer_lost or session.gone:
            return
        due_ns = now_ns + round(self.options.answer_delay_s * NS) + fate.answer_delay_ns
        if self.options.answer_jitter_s:
            due_ns += self._rng.randrange(round(self.options.answer_jitter_s * NS) + 1)
        send = Send(answer.payload, answer.kind)
        given = False

        def give(then_ns: int) -> None:
            nonlocal given
            if given:
                return
            given = True
            self.timeline.now(session, send)
            if fate.repeat_ns is not None:
                self.timeline.send(session, send, then_ns + fate.repeat_ns)
            if fate.point == "answered":
                self._cut(session, fate.cut, then_ns)

        if fate.hold_ns and answer.order is not None:
            self._held.setdefault(answer.order.id, []).append(give)
            due_ns += fate.hold_ns
        self.timeline.at(due_ns, give)

    def tell(self, now_ns: int) -> None:
        """Tell what happened on the exchange since the last time."""
        news, balances, positions = self.ledger.news()
        for order, change, fill in news:
            self._speaker.told(order, change, fill, now_ns)
            if change in ("fill", "cancelled", "rejected"):
                for give in self._held.pop(order.id, ()):
                    self.timeline.at(now_ns + round(self.options.push_delay_s * NS), give)
        if positions or balances:
            accounts = {account.number: account for account in self.engine.accounts}
            for number, instrument in positions:
                self._speaker.position(accounts[number], self.engine.by_number[instrument], now_ns)
            for number in balances:
                self._speaker.balances(accounts[number], now_ns)

    def push(self, session: TradingSession, payload: bytes, topic: Topic, now_ns: int, change: str = "") -> None:
        """Send a notification. ``change``: what it tells of an order, empty for anything else."""
        if session.gone:
            return
        word = self.faults.word(session.number, topic[0], change, now_ns)
        due_ns = max(now_ns + round(self.options.push_delay_s * NS), self._last_push.get(session, 0))
        self._last_push[session] = due_ns
        send = Send(payload, "data", topic)
        if word.untold is not None:
            self.timeline.at(due_ns, lambda then_ns: self._cut(session, word.untold, then_ns))
        if word.lost or word.untold is not None:
            return
        if word.shuffle_ns is not None:
            self._gather(session, send, word.shuffle_ns)
            return
        self.timeline.send(session, send, due_ns + word.delay_ns)
        if word.repeat_ns is not None:
            self.timeline.send(session, send, due_ns + word.delay_ns + word.repeat_ns)
        if word.told is not None:
            self.timeline.at(due_ns + word.delay_ns, lambda then_ns: self._cut(session, word.told, then_ns))

    def _gather(self, session: TradingSession, send: Send, until_ns: int) -> None:
        place = (session, until_ns)
        if place not in self._shuffled:
            self._shuffled[place] = []
            self.timeline.at(until_ns, lambda _: self._scatter(place))
        self._shuffled[place].append(send)

    def _scatter(self, place: tuple[TradingSession, int]) -> None:
        sends = self._shuffled.pop(place)
        self._rng.shuffle(sends)
        for send in sends:
            self.timeline.now(place[0], send)

    def _cut(self, session: TradingSession, fault: Fault | None, now_ns: int) -> None:
        """End a connection; what is sent to it from now on is lost."""
        del now_ns
        how = fault.words.get("how", "fin") if fault is not None else "rst"
        reason = "fault: restart" if fault is None else f"fault: {fault.mode}"
        action: Action = Close(1000) if how == "clean" else Drop(session, reset=how == "rst", reason=reason)
        self.timeline.now(session, action)
        session.gone = True

    # what goes wrong for all

    def inject(self, fault: Fault | str, now_ns: int) -> None:
        """Let an order fault strike now. :raises FaultError: it can't be."""
        fault = check(fault)
        self.settle(now_ns)
        if fault.kind == "restart":
            self._restart(fault, now_ns)
        elif fault.kind == "upstream":
            self._upstream(fault, now_ns)
        else:
            self.faults.start(fault, now_ns)

    def _restart(self, fault: Fault, now_ns: int) -> None:
        for session in list(self.sessions):
            self._cut(session, None, now_ns)
        self.down_until_ns = now_ns + ns(fault, "down")
        self._held.clear()
        self._shuffled = {place: [] for place in self._shuffled}
        if fault.mode != "memory":
            self.ledger.restart(forget=fault.mode == "forgotten", now_ns=now_ns)
        # whoever had to be told is gone
        self.tell(now_ns)

    def _upstream(self, fault: Fault, now_ns: int) -> None:
        whole_ns = round((fault.lasts or 0.0) * NS)
        self.trouble = fault
        for state, part in _UPSTREAM[fault.mode]:
            self.timeline.at(now_ns + whole_ns * part // 100, self._state(fault, state))
        self.timeline.at(now_ns + whole_ns, lambda then_ns: self._recover(fault, then_ns))
        self.settle(now_ns)

    def _state(self, fault: Fault, state: int) -> Callable[[int], None]:
        def tell(now_ns: int) -> None:
            if self.trouble is fault:
                self._speaker.upstream(state, now_ns)

        return tell

    def _recover(self, fault: Fault, now_ns: int) -> None:
        if self.trouble is fault:
            self.trouble = None
            if fault.mode != "error":
                self._speaker.upstream(2, now_ns)
            self._speaker.upstream(6, now_ns)
