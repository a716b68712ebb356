"""Callbacks: on a thread of their own that takes batches from a consumer, or on the feed's.

Either calls the user, whatever the user's code does.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from ferrofeed.consumer import Consumer, SlowConsumerError
from ferrofeed.errors import UsageError
from ferrofeed.events import CLASSES, Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ferrofeed import _core
    from ferrofeed.events import Names

INLINE_CAPACITY = 1 << 31
"""No bound is needed: what waits is what one read brought, and it is taken before the next."""
_LOG = logging.getLogger("ferrofeed.callback")


class Callback:
    """What the user is called for, and how often that raised."""

    def __init__(self, consumer: Consumer, call: Callable[[Any], object], *, batches: bool) -> None:
        """``batches``: call with whole batches, not with their events one by one."""
        self.consumer = consumer
        self.errors = 0
        """How often the callback raised."""
        consumer.core.set_called_back()
        self._call = call
        self._batches = batches

    def start(self) -> None:
        """Start calling back."""

    def join(self, timeout_s: float) -> None:
        """Wait until everything pending was delivered."""

    def _hand(self, items: Iterable[object]) -> None:
        call = self._call
        for item in items:
            try:
                call(item)
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the user's and must not end the feed
                self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self.errors += 1
        self.consumer.core.count_error()
        if self.errors == 1:
            _LOG.error(
                "the callback of %s raised; later errors of it are only counted, the feed goes on",
                self.consumer.name,
                exc_info=error,
            )


class Dispatcher(Callback):
    """Calls back for every event of one consumer, in order, on a thread of its own."""

    def __init__(self, consumer: Consumer, call: Callable[[Any], object], *, batches: bool = False) -> None:
        super().__init__(consumer, call, batches=batches)
        self._thread = threading.Thread(target=self._run, name=f"ferrofeed-{consumer.name}", daemon=True)

    def start(self) -> None:
        """Start calling back."""
        if not self._thread.is_alive():
            self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until everything pending was delivered."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            for batch in self.consumer:
                self._hand((batch,) if self._batches else batch)
        except SlowConsumerError as error:
            _LOG.error("%s", error)


class Inline(Callback):
    """Calls back on the feed's own thread, within the read that brought the events."""

    def __init__(
        self, consumer: Consumer, call: Callable[[Any], object], names: Names, *, batches: bool = False
    ) -> None:
        super().__init__(consumer, call, batches=batches)
        self._names = names

    def deliver(self, core: _core.Batch) -> None:
        """What the core calls, with everything that a read brought; mostly that is one event."""
        if self._batches:
            self._hand((Batch(core, self._names),))
            return
        call, classes, names = self._call, CLASSES, self._names
        for row in core.rows():
            try:
                call(classes[row[0]](core, names, row))
            except BaseException as error:  # noqa: BLE001  # as in `_hand`, which would cost a generator here
                self._failed(error)


def inline_options(options: dict[str, Any]) -> dict[str, Any]:
    """A consumer's options for an inline callback; :class:`UsageError` for those that make no sense there."""
    policy = options.get("policy", "block")
    if policy not in {"block", "conflate"}:
        raise UsageError(f"an inline callback is never behind: its policy is block or conflate, not {policy!r}")
    if "capacity" in options:
        raise UsageError("capacity: an inline callback has no queue that could fill")
    return {**options, "policy": policy, "capacity": INLINE_CAPACITY}
