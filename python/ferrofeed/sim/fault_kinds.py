"""The kinds of faults there are, and what each takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What one kind of fault takes besides its time."""

    text: str
    lasts: float | None = None
    """Usual ``for``; None where the kind is over at once or counts messages."""
    count: int | None = None
    """Usual ``n``; None where the kind lasts."""
    modes: tuple[str, ...] = ()
    """Values of ``mode``, the usual one first."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Further numbers and their usual values."""
    words: tuple[str, ...] = ()
    """Further words, all optional."""
    messages: bool = False
    """It changes messages, so ``p`` applies."""
    everywhere: bool = False
    """It concerns the venue as a whole, so ``conn`` does not apply."""
    orders: bool = False
    """It strikes orders: only trading venues know it."""


KINDS: Mapping[str, KindSpec] = {
    "disconnect": KindSpec(
        "end TCP: reset, FIN alone, close frame and FIN, or in mid-frame", modes=("rst", "fin", "clean", "mid")
    ),
    "close": KindSpec("send a close frame with a code", numbers={"code": 1011}, words=("reason",)),
    "half_open": KindSpec("neither send nor read, and do not close", lasts=3.0),
    "ping_only": KindSpec("answer heartbeats and requests, send no data", lasts=3.0),
    "silent": KindSpec("one channel or symbol sends nothing", lasts=3.0, words=("channel", "symbol")),
    "drip": KindSpec("write one byte at a time", lasts=0.5, numbers={"delay": 0.0}),
    "fragments": KindSpec(
        "split messages in frames, with pings between", lasts=1.0, numbers={"parts": 3}, messages=True
    ),
    "oversize": KindSpec("a message over 1 MiB", count=1, numbers={"size": (1 << 20) + 1}, messages=True),
    "corrupt": KindSpec("messages that are not JSON", count=5, messages=True),
    "wrong_types": KindSpec("values of another type", count=5, messages=True),
    "numbers": KindSpec("NaN, infinities, huge and tiny numbers", count=5, messages=True),
    "duplicate": KindSpec("messages sent twice", count=5, messages=True),
    "reorder": KindSpec("messages swapped with the next", count=5, messages=True),
    "stale": KindSpec("old messages sent again", count=5, messages=True),
    "lost_ack": KindSpec("acknowledgements that never come", count=1),
    "refuse_login": KindSpec("logins refused in the venue's words", count=1, everywhere=True),
    "http": KindSpec("handshakes answered with an HTTP error", count=1, numbers={"status": 429}, everywhere=True),
    "clock_step": KindSpec("the venue's clock jumps by so many seconds", numbers={"by": -5.0}, everywhere=True),
    "burst": KindSpec("thousands of messages at once", count=5000, everywhere=True),
    "protocol_error": KindSpec(
        "frames that RFC 6455 forbids",
        modes=(
            "opcode",
            "rsv",
            "masked",
            "long_control",
            "split_control",
            "continuation",
            "utf8",
            "length",
            "close_code",
        ),
    ),
    "ack_late": KindSpec(
        "answers come late",
        count=1,
        numbers={"delay": 0.5},
        words=("op",),
        messages=True,
        orders=True,
    ),
    "ack_lost": KindSpec("processed, and the answer never comes", count=1, words=("op",), messages=True, orders=True),
    "ack_twice": KindSpec(
        "answers come twice", count=1, numbers={"delay": 0.0}, words=("op",), messages=True, orders=True
    ),
    "ack_after_fill": KindSpec(
        "an order is answered after the notification of its fill or end, or after hold seconds",
        count=1,
        numbers={"hold": 5.0},
        messages=True,
        orders=True,
    ),
    "push_late": KindSpec(
        "notifications come late, overtaken by later ones",
        count=1,
        numbers={"delay": 0.5},
        words=("topic",),
        messages=True,
        orders=True,
    ),
    "push_lost": KindSpec("notifications that never come", count=1, words=("topic",), messages=True, orders=True),
    "push_shuffle": KindSpec("notifications gathered, then sent in random order", lasts=1.0, orders=True),
    "fill_twice": KindSpec(
        "executions told twice, the same id again", count=1, numbers={"delay": 0.0}, messages=True, orders=True
    ),
    "request_lost": KindSpec("requests read and never processed", count=1, words=("op",), messages=True, orders=True),
    "request_late": KindSpec(
        "requests processed late, though the connection may be gone",
        count=1,
        numbers={"delay": 0.5},
        words=("op",),
        messages=True,
        orders=True,
    ),
    "cut": KindSpec(
        "end TCP at a point of an order's life (how=fin, rst or clean; late: processed all the same, after delay)",
        count=1,
        modes=(
            "place_done",
            "place_unread",
            "place_read",
            "place_late",
            "place_answered",
            "fill_untold",
            "fill_told",
            "cancel_unread",
            "cancel_read",
            "cancel_late",
            "cancel_done",
            "cancel_answered",
            "cancel_untold",
            "cancel_told",
        ),
        numbers={"delay": 0.3},
        words=("how",),
        messages=True,
        orders=True,
    ),
    "cancel_race": KindSpec("orders are filled just before their cancel", count=1, messages=True, orders=True),
    "throttle": KindSpec("requests refused for their rate", count=1, words=("op",), messages=True, orders=True),
    "refuse": KindSpec(
        "requests refused in the words of reason, _ for blanks",
        count=1,
        words=("op", "reason"),
        messages=True,
        orders=True,
    ),
    "restart": KindSpec(
        "the venue restarts and is away for down seconds: orders live on, are cancelled, or nobody knows of them",
        modes=("memory", "cancelled", "forgotten"),
        numbers={"down": 0.3},
        everywhere=True,
        orders=True,
    ),
    "upstream": KindSpec(
        "trouble behind the venue: nothing is taken, states are told (quantapi)",
        lasts=0.5,
        modes=("reconnect", "fail", "error"),
        everywhere=True,
        orders=True,
    ),
}
ORDER_KINDS = frozenset(kind for kind, spec in KINDS.items() if spec.orders)
"""Kinds that only trading venues know."""
