"""What a simulated trading venue saw of its clients, kept so that a test can judge them by it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ferrofeed.sim.protocol import NS

if TYPE_CHECKING:
    from ferrofeed.sim.order_types import Order

KEPT_REQUESTS = 100_000
Breach = Literal["two_live", "repeated"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it was read."""

    time_ns: int
    connection: int
    key: str = field(repr=False)
    name: str
    """The venue's word for what was asked."""
    client: str
    """The client's id of an order, or what pairs its answer (quantapi)."""
    text: bytes = field(repr=False)
    """As it came; empty for logins."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A client did what must never happen."""

    kind: Breach
    """``two_live``: two orders with one id of the client's live at once; ``repeated``: an id was used a second time."""
    client: str
    orders: tuple[str, ...]
    """The venue's ids, oldest first; the newest is missing where the venue refused it."""
    time_ns: int


class Audit:
    """Requests and violations of all clients."""

    def __init__(self) -> None:
        self.requests: deque[Seen] = deque(maxlen=KEPT_REQUESTS)
        self.counts: Counter[str] = Counter()
        """All requests ever, by the venue's word."""
        self.violations: list[Violation] = []
        self._budgets: dict[str, deque[int]] = {}

    def seen(self, request: Seen) -> None:
        """Note a request."""
        self.requests.append(request)
        self.counts[request.name] += 1

    def placed(self, client: str, before: list[Order], order: Order | None, now_ns: int) -> None:
        """Judge a new order (None: refused) by the earlier ones with the same id of the same client."""
        if not client or not before:
            return
        live = [entry.id for entry in before if not entry.over]
        kind: Breach = "two_live" if live and order is not None else "repeated"
        ids = (*(live if kind == "two_live" else [entry.id for entry in before]), *([order.id] if order else ()))
        self.violations.append(Violation(kind, client, ids, now_ns))

    def within_budget(self, key: str, limit: int | None, now_ns: int) -> bool:
        """Count an order or cancel of a key; whether it was no more than the limit within a second."""
        if limit is None:
            return True
        recent = self._budgets.setdefault(key, deque())
        while recent and recent[0] <= now_ns - NS:
            recent.popleft()
        if len(recent) >= limit:
            return False
        recent.append(now_ns)
        return True
