"""Whether a load lost anything: every answer and every notification, by its ids, all of them.

What must hold: each request has exactly one answer, of its operation, on its socket; each notification is for a login
of the socket that it came on, and tells of an order of that login; an order is told of in its order of events, after
its answer, each change once, and its fills are exactly what its changes say; what was sold was bought.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import orjson

from benches.gateway_load import CID

if TYPE_CHECKING:
    from benches.gateway_load import Run

PERCENTILES: Final = (50.0, 99.0, 99.9, 100.0)
LABELS: Final = ("p50", "p99", "p99.9", "max")
EXAMPLES: Final = 5
"""Of each sort of mistake."""
OVER: Final = frozenset({"FILLED", "CANCELED", "FAILED"})


@dataclass(slots=True)
class Order:
    """What was told of an order."""

    slot: int
    quantity: Decimal = Decimal(0)
    told: Decimal = Decimal(0)
    """Filled, by the last notification of the order."""
    filled: Decimal = Decimal(0)
    """The sum of its fills."""
    action: str = ""
    status: str = ""
    fills: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Found:
    """What a check found."""

    mistakes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    delays_ns: dict[str, list[int]] = field(default_factory=dict)

    def wrong(self, what: str, detail: object) -> None:
        """Note a mistake."""
        self.mistakes[what] += 1
        shown = self.examples.setdefault(what, [])
        if len(shown) < EXAMPLES:
            shown.append(str(detail)[:400])

    def record(self) -> dict[str, Any]:
        """For the report."""
        return {
            "mistakes": dict(self.mistakes),
            "examples": self.examples,
            "counts": dict(self.counts),
            "refusals": dict(self.refusals),
            "latency_us": {op: percentiles(times) for op, times in self.delays_ns.items()},
        }


def percentiles(times: list[int]) -> dict[str, float]:
    """In µs, by label; how many, too."""
    values = np.percentile(np.asarray(times, dtype=np.int64), PERCENTILES) / 1e3
    return {"count": len(times), **{label: float(value) for label, value in zip(LABELS, values, strict=True)}}


class Check:
    """Judges a run. ``talks``: the server has logins and orders; otherwise only answers count."""

    def __init__(self, run: Run, *, talks: bool) -> None:
        self._run = run
        self._talks = talks
        self._left_out = {0} if run.load.crowded else set()
        self._login_of_token = {token.decode(): login for login, token in enumerate(run.tokens)}
        self._orders: dict[str, Order] = {}
        self._answered = bytearray(len(run.sent_ns))
        self.found = Found()

    def run(self) -> Found:
        """All of it."""
        lines = [(at, line) for at, line in enumerate(self._run.lines) if at not in self._left_out]
        if self._talks:
            # whose an order is stands in its answer: all of them first, so that what came to others shows
            for at, line in lines:
                for text in line.came:
                    if text.startswith(b'{"op":"place_order"'):
                        self._placed(at, orjson.loads(text))
        for at, line in lines:
            answered: set[str] = set()
            for text, time_ns in zip(line.came, line.times, strict=True):
                if self._talks:
                    self._message(at, text, time_ns, answered)
                else:
                    self._echo(at, text, time_ns)
            line.came.clear()
        for at in self._run.lost_lines:
            if at not in self._left_out:
                self.found.wrong("a socket was closed", at)
        self._answers()
        self._ends()
        return self.found

    def _placed(self, at: int, answer: dict[str, Any]) -> None:
        number = answer["order_no"]
        if not number:
            return
        slot = int(answer["cid"])
        if number in self._orders:
            self.found.wrong("an order number was given twice", f"{number} on socket {at}")
        self._orders[number] = Order(slot)

    def _message(self, at: int, text: bytes, time_ns: int, answered: set[str]) -> None:
        message = orjson.loads(text)
        op = message["op"]
        if op == "notify":
            self._notified(at, message, answered)
        elif op == "pong":
            self.found.counts["pong"] += 1
        elif op == "state" or "cid" not in message:
            self.found.wrong(f"an unexpected {op}", message)
        else:
            if op == "place_order":
                answered.add(message["order_no"])
            self._answer(at, op, message["cid"], time_ns)
            self._content(at, op, message)

    def _content(self, at: int, op: str, message: dict[str, Any]) -> None:
        if not message["result"]:
            self.found.refusals[f"{op}: {message['error_message']}"] += 1
        elif op == "open_orders":
            for row in message["data"]:
                self._own(at, row["order_no"], self._run.load.login(int(message["cid"])), "a list of open orders")
        elif op == "cancel_order":
            for row in message["data"]:
                if not row["result"]:
                    self.found.refusals[f"a cancel's order: {row['error_message']}"] += 1

    def _echo(self, at: int, text: bytes, time_ns: int) -> None:
        if text.startswith(b'{"op":"ping"'):
            return
        op, cid = text.split(b'"', 8)[3:8:4]
        self._answer(at, op.decode(), cid.decode(), time_ns)

    def _answer(self, at: int, op: str, cid: str, time_ns: int) -> None:
        run, found = self._run, self.found
        slot = int(cid) if len(cid) == CID and cid.isdigit() else len(run.sent_ns)
        if slot >= len(run.sent_ns) or not run.sent_ns[slot]:
            return found.wrong("an answer to nothing", f"{op} {cid[:20]}")
        if run.load.socket(run.load.login(slot)) != at:
            return found.wrong("an answer on another socket", f"{op} {cid} on {at}")
        if run.load.op(slot) != op:
            return found.wrong("an answer of another operation", f"{op} {cid}")
        if self._answered[slot]:
            return found.wrong("a second answer", f"{op} {cid}")
        self._answered[slot] = 1
        found.counts["answers"] += 1
        if slot < run.load.requests:
            found.delays_ns.setdefault(op, []).append(time_ns - run.due_ns(slot))
        return None

    def _notified(self, at: int, message: dict[str, Any], answered: set[str]) -> None:
        topic, data = message["topic"], message["data"]
        self.found.counts[f"notify {topic}"] += 1
        login = self._login_of_token.get(message["token"])
        if login is None or self._run.load.socket(login) != at:
            return self.found.wrong("a notification on another socket", message)
        if topic not in {"order", "fill"}:
            return None
        order = self._own(at, data["order_no"], login, f"a notification of {topic}")
        if order is None:
            return None
        if data["order_no"] not in answered:
            self.found.wrong("a notification before the answer", message)
        return self._fill(order, data) if topic == "fill" else self._change(order, data)

    def _own(self, at: int, number: str, login: int, where: str) -> Order | None:
        order = self._orders.get(number)
        if order is None or self._run.load.login(order.slot) != login:
            self.found.wrong(f"{where} has an order of somebody else", f"{number} for login {login} on socket {at}")
            return None
        return order

    def _fill(self, order: Order, data: dict[str, Any]) -> None:
        if data["fill_no"] in order.fills:
            self.found.wrong("a fill was told twice", data)
        order.fills.add(data["fill_no"])
        order.filled += _exact(data["quantity"])
        self.found.counts[f"filled as {data['liquidity'].lower()}"] += 1

    def _change(self, order: Order, data: dict[str, Any]) -> None:
        status, quantity = data["status"], _exact(data["quantity"])
        filled = quantity - _exact(data["remain"])
        if not order.status and status != "SUBMITTED":
            self.found.wrong("an order that does not begin with SUBMITTED", data)
        if order.status in OVER:
            self.found.wrong("a change after the end", data)
        elif order.status == status and (status != "PARTIAL-FILLED" or filled <= order.told):
            self.found.wrong("a change was told twice", data)
        if filled != order.filled:
            self.found.wrong("fills that do not make up what is filled", f"{order.filled}: {data}")
        order.status, order.told, order.quantity, order.action = status, filled, quantity, data["action"]

    def _answers(self) -> None:
        run = self._run
        for slot, sent in enumerate(run.sent_ns):
            if not sent:
                if slot < run.load.requests or self._talks:
                    self.found.counts["not sent: the socket was gone"] += 1
            elif not self._answered[slot] and run.load.socket(run.load.login(slot)) not in self._left_out:
                self.found.wrong("no answer", f"slot {slot}, {run.load.op(slot)}")

    def _ends(self) -> None:
        bought, sold = Decimal(0), Decimal(0)
        for number, order in self._orders.items():
            self.found.counts["orders"] += 1
            self.found.counts[f"orders that end {order.status or 'untold'}"] += 1
            if order.status not in OVER and order.status:
                self.found.wrong("an order without an end", f"{number} of slot {order.slot}: {order.status}")
            elif (order.status == "FILLED") != (order.filled == order.quantity and order.quantity > 0):
                self.found.wrong("FILLED and not filled", f"{number}: {order}")
            if order.action == "BUY":
                bought += order.filled
            else:
                sold += order.filled
        # who stopped reading has traded too
        if bought != sold and not self._left_out:
            self.found.wrong("what was bought was not what was sold", f"{bought} and {sold}")


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))
