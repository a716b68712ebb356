"""Callbacks: a thread that takes batches from a consumer and calls the user, whatever the user's code does."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from ferrofeed.consumer import Consumer, SlowConsumerError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger("ferrofeed.callback")


class Dispatcher:
    """Calls back for every event of one consumer, in order, on a thread of its own."""

    def __init__(self, consumer: Consumer, callback: Callable[[Any], object]) -> None:
        self.consumer = consumer
        self.errors = 0
        """How often the callback raised."""
        self._callback = callback
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
        callback = self._callback
        try:
            for batch in self.consumer:
                for event in batch:
                    try:
                        callback(event)
                    except Exception:  # noqa: BLE001  # whatever it is, it is the user's and must not end the feed
                        self._failed()
        except SlowConsumerError as error:
            _LOG.error("%s", error)

    def _failed(self) -> None:
        self.errors += 1
        self.consumer.core.count_error()
        if self.errors == 1:
            _LOG.exception(
                "the callback of %s raised; later errors of it are only counted, the feed goes on", self.consumer.name
            )
