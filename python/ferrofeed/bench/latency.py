"""One-way latencies of a paced run, from two tables of times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9, 100.0)
LABELS: Final = ("p50", "p90", "p99", "p99.9", "max")
WARM_UP: Final = 0.1
"""Share of the frames that is left out at the start."""


def latencies(start_ns: int, rate: float, sent: NDArray[np.int64], got: NDArray[np.int64]) -> dict[str, Any]:
    """Percentiles in microseconds, by label.

    ``corrected``: from when each frame was due, so that a receiver (or a sender) that stalls pays for every frame that
    waited behind the stall; this is what is compared. ``plain``: from when it was written. ``sender``: how late.
    """
    first = int(len(sent) * WARM_UP)
    due = start_ns + (np.arange(len(sent)) * (1e9 / rate)).astype(np.int64)
    came = got[first:] != 0
    sent, due, got = sent[first:], due[first:], got[first:]

    def table(times: NDArray[np.int64]) -> dict[str, float]:
        values = np.percentile(times, PERCENTILES) / 1e3
        return {label: round(float(value), 2) for label, value in zip(LABELS, values, strict=True)}

    return {
        "corrected": table((got - due)[came]),
        "plain": table((got - sent)[came]),
        "sender": table(sent - due),
        "frames": int(came.sum()),
        "missing": int((~came).sum()),
    }
