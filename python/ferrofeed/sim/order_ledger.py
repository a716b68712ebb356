"""Every order a simulated trading venue ever took, and the way each goes: taken, forwarded, filled, cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ferrofeed.sim.order_json import plain
from ferrofeed.sim.order_types import EXACT, ZERO, Order, Refusal
from ferrofeed.sim.protocol import NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ferrofeed.sim.order_audit import Audit
    from ferrofeed.sim.order_timeline import Timeline
    from ferrofeed.sim.order_types import Draft, Fill, OrderOptions
    from ferrofeed.sim.orders_engine import Engine

Change = Literal["taken", "submitting", "accepted", "fill", "cancelling", "cancelled", "rejected"]
News = tuple[Order, Change, "Fill | None"]


class Ledger:
    """The orders of one venue."""

    def __init__(self, engine: Engine, timeline: Timeline, audit: Audit, options: OrderOptions) -> None:
        self.engine = engine
        self.orders: dict[str, Order] = {}
        """All that were ever taken, by the venue's id, oldest first."""
        self.new_id: Callable[[int], str] = lambda now_ns: str(((now_ns // 1_000_000) << 16) + len(self.orders))
        self.new_fill_id: Callable[[int], str] = lambda now_ns: str(((now_ns // 1_000_000) << 16) + self._fills)
        self.tell: Callable[[int], None] = lambda _: None
        """Called after what was done by itself, without a request, so that it is taken in and told."""
        self._fills = 0
        self._timeline = timeline
        self._audit = audit
        self._options = options
        self._by_number: dict[int, Order] = {}
        self._by_key: dict[str, list[Order]] = {}
        self._by_client: dict[tuple[str, str], list[Order]] = {}
        self._news: list[News] = []
        self.epoch = 0
        """How often all memory of what was under way was lost."""

    def place(self, draft: Draft, now_ns: int, *, unique: bool) -> Order:
        """Take an order. ``unique``: one whose id was used before is refused. :raises Refusal: it is not taken."""
        before = self._by_client.setdefault((draft.account.key, draft.client), []) if draft.client else []
        if unique and before:
            self._audit.placed(draft.client, before, None, now_ns)
            raise Refusal("duplicate", f"client_oid {draft.client} exists")
        order = Order(self.new_id(now_ns), draft, now_ns, now_ns)
        delay_ns = round(self._options.forward_delay_s * NS)
        if delay_ns:
            epoch = self.epoch
            self._note(order, "taken")
            self._later(now_ns + delay_ns // 2, lambda then_ns: self._submitting(order, epoch, then_ns))
            self._later(now_ns + delay_ns, lambda then_ns: self._forward(order, epoch, then_ns))
        else:
            self._submit(order, now_ns)
        self.orders[order.id] = order
        self._audit.placed(draft.client, before, order, now_ns)
        before.append(order)
        self._by_key.setdefault(draft.account.key, []).append(order)
        return order

    def _later(self, due_ns: int, call: Callable[[int], None]) -> None:
        def do(now_ns: int) -> None:
            call(now_ns)
            self.tell(now_ns)

        self._timeline.at(due_ns, do)

    def _submit(self, order: Order, now_ns: int) -> None:
        order.number, order.whole = self.engine.submit(now_ns, order.draft)
        order.status = "working"
        order.updated_ns = now_ns
        self._by_number[order.number] = order
        self._note(order, "accepted")

    def _submitting(self, order: Order, epoch: int, now_ns: int) -> None:
        if epoch == self.epoch and not order.over:
            order.status = "submitting"
            order.updated_ns = now_ns
            self._note(order, "submitting")

    def _forward(self, order: Order, epoch: int, now_ns: int) -> None:
        if epoch != self.epoch or order.over:
            return
        try:
            self._submit(order, now_ns)
        except Refusal:
            order.status = "rejected"
            order.cancelling = False
            order.updated_ns = now_ns
            self._note(order, "rejected")

    def find(self, key: str, order_id: str) -> Order | None:
        """Return an order of this key, as far as the venue knows of it."""
        order = self.orders.get(order_id)
        return order if order is not None and not order.forgotten and order.draft.account.key == key else None

    def known(self, key: str, market: str = "") -> list[Order]:
        """Return the orders of a key that the venue knows of, oldest first."""
        return [
            order
            for order in self._by_key.get(key, ())
            if not order.forgotten and (not market or order.draft.account.market == market)
        ]

    def cancel(self, order: Order | None, now_ns: int) -> None:
        """Take a cancel. :raises Refusal: there is no such order, or it is over."""
        if order is None:
            raise Refusal("unknown_order", "order does not exist")
        if order.over:
            raise Refusal("filled" if order.status == "filled" else "over", f"order is {order.status}")
        if order.cancelling:
            return
        delay_ns = round(self._options.cancel_delay_s * NS)
        if delay_ns:
            order.cancelling = True
            order.updated_ns = now_ns
            self._note(order, "cancelling")
            self._later(now_ns + delay_ns, lambda then_ns: self._cancel(order, then_ns))
        else:
            self._cancel(order, now_ns)

    def _cancel(self, order: Order, now_ns: int) -> None:
        if order.over:
            return
        order.updated_ns = now_ns
        if order.number is not None:
            self.engine.cancel(now_ns, order.draft.account, order.number)
            return
        order.unsent = True
        self._end(order)

    def _end(self, order: Order) -> None:
        order.status = "cancelled"
        order.cancelling = False
        self._note(order, "cancelled")

    def fill(self, order: Order, quantity: str | None, now_ns: int) -> None:
        """Let the live market come to a resting order's price and trade so much there, by price and time.

        None: enough that the order is filled. Orders that are in front of it are filled first.
        """
        draft, listing = order.draft, order.draft.listing
        if quantity is None:
            sign = 1 if draft.side == "buy" else -1
            in_front = [
                EXACT.subtract(entry.whole, entry.filled)
                for entry in self.orders.values()
                if entry.status == "working"
                and entry.draft.listing is listing
                and entry.draft.side == draft.side
                and sign * entry.draft.price >= sign * draft.price
            ]
            quantity = plain(sum(in_front, start=ZERO))
        level = [(plain(draft.price), quantity)]
        exchange = self.engine.exchange
        exchange.market(now_ns, listing.number, *(([], level) if draft.side == "buy" else (level, [])))
        self.engine.restore(now_ns, listing)

    def restart(self, *, forget: bool, now_ns: int) -> None:
        """Lose all live orders: they are cancelled, and where ``forget`` nobody knows of any order any more.

        What waited to be forwarded is lost, too. Accounts keep their money.
        """
        self.epoch += 1
        for order in self.orders.values():
            if not order.over:
                self._cancel(order, now_ns)
        self.news()
        if forget:
            for order in self.orders.values():
                order.forgotten = True
            self._by_client.clear()

    def _note(self, order: Order, change: Change, fill: Fill | None = None) -> None:
        self._news.append((order, change, fill))

    def news(self) -> tuple[list[News], list[int], list[tuple[int, int]]]:
        """Take in what happened on the exchange.

        :returns: changes of orders in order; accounts whose balances changed; (account, instrument) of positions.
        """
        balances: dict[int, None] = {}
        positions: dict[tuple[int, int], None] = {}
        for event in self.engine.events():
            order = self._by_number.get(event.order)
            if event.kind == "balance":
                balances[event.account] = None
            elif event.kind == "position":
                positions[event.account, event.instrument] = None
            elif order is not None and event.fill is not None:
                self._fills += 1
                # the exchange counts from 1 whenever it is made: its own ids would come again
                fill = replace(event.fill, id=self.new_fill_id(event.fill.time_ns))
                order.add(fill)
                if order.filled >= order.whole:
                    order.status = "filled"
                    order.cancelling = False
                self._note(order, "fill", fill)
            elif order is not None and event.kind == "cancelled":
                self._end(order)
        news, self._news = self._news, []
        return news, list(balances), list(positions)
