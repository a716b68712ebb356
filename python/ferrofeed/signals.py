"""What the system tells the process by signals, acted on outside of the code they interrupt.

Python runs a handler in the main thread, between any two of its steps: also while that thread holds the lock that the
handler's work needs, of a :class:`threading.Event` it waits for, of a log's stream. Then both wait for ever. And it may
not run it at all, where the signal comes just before the main thread begins to wait. So the handlers here do nothing:
the number is taken from where the system's own handler writes it at once (:func:`signal.set_wakeup_fd`), and a thread
does the rest.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

_LOG = logging.getLogger("ferrofeed.service")


def on_signals(actions: Mapping[signal.Signals, Callable[[signal.Signals], object]]) -> None:
    """Have each signal's action called with the signal, on one thread, one after the other, whatever the main one does.

    Once in a process, from the main thread; not beside an event loop there that handles signals itself. Signals that
    come at the same time may become one. An action's exception is logged. A forked child has the system's defaults.
    """
    ours, systems = os.pipe()
    os.set_blocking(systems, False)
    signal.set_wakeup_fd(systems, warn_on_full_buffer=False)
    threading.Thread(target=_act, args=(ours, dict(actions)), name="ferrofeed-signals", daemon=True).start()
    for number in actions:
        signal.signal(number, _nothing)

    def forget() -> None:
        # the pipe is shared with the parent, which would take the child's signals for its own
        signal.set_wakeup_fd(-1)
        for number in actions:
            signal.signal(number, signal.SIG_DFL)

    os.register_at_fork(after_in_child=forget)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Without a handler of Python's the system's own would not be there."""


def _act(ours: int, actions: Mapping[int, Callable[[signal.Signals], object]]) -> None:
    while True:
        for value in os.read(ours, 64):
            if value in actions:
                number = signal.Signals(value)
                try:
                    actions[number](number)
                except Exception:  # noqa: BLE001  # the next signal is heard all the same
                    _LOG.exception("%s could not be obeyed", number.name)
