"""Time inside a session: integers, nanoseconds of the monotonic clock."""

from __future__ import annotations

from typing import Final

SECOND: Final = 1_000_000_000

NEVER: Final = (1 << 63) - 1
"""Later than any deadline."""


def ns(seconds: float) -> int:
    """Seconds as whole nanoseconds."""
    return round(seconds * SECOND)
