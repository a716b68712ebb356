"""What the system tells the process by signals, acted on outside of the code they interrupt.

Python runs a handler in the main thread, between any two of its steps: also while that thread holds the lock that the
handler's work needs, of a :class:`threading.Event` it waits for, of a log's stream. Then both wait for ever. So the
handlers here only put the number into a queue that may be used so (:class:`queue.SimpleQueue`, by its documentation),
and a thread of its own does the rest.
"""

from __future__ import annotations

import logging
import signal
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

_LOG = logging.getLogger("ferrofeed.service")


def on_signals(actions: Mapping[signal.Signals, Callable[[signal.Signals], object]]) -> None:
    """Have each signal's action called with the signal, on one thread, one after the other. For the main thread.

    Signals that come while their action is waited for may become one. An action's exception is logged.
    """
    came: SimpleQueue[int] = SimpleQueue()

    def handle(number: int, _frame: FrameType | None) -> None:
        came.put(number)

    def act() -> None:
        while True:
            number = signal.Signals(came.get())
            try:
                actions[number](number)
            except Exception:  # noqa: BLE001  # the next signal is heard all the same
                _LOG.exception("%s could not be obeyed", number.name)

    threading.Thread(target=act, name="ferrofeed-signals", daemon=True).start()
    for number in actions:
        signal.signal(number, handle)
