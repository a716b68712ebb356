"""What a consumer of a feed holds: a bounded queue with a policy, read by polling, by iteration or by ``async for``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from ferrofeed.errors import FerrofeedError
from ferrofeed.events import Batch, Names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

    from ferrofeed import _core

Policy = Literal["conflate", "drop_oldest", "disconnect", "block"]
POLICIES: tuple[Policy, ...] = ("conflate", "drop_oldest", "disconnect", "block")


class SlowConsumerError(FerrofeedError):
    """The consumer had the policy ``disconnect`` and fell behind further than its queue holds."""


class Account(NamedTuple):
    """``received = delivered + conflated + dropped + pending``, always."""

    received: int
    delivered: int
    conflated: int
    dropped: int
    pending: int


class Consumer:
    """One consumer. Use it from one thread (or one event loop) at a time; :meth:`close` may come from any.

    Policies: ``conflate`` keeps the newest state of each instrument and channel, whether the queue is full or not. When
    it is full, ``drop_oldest`` drops the oldest events, ``disconnect`` ends this consumer with
    :class:`SlowConsumerError`, and ``block`` stops reading the sockets until there is room (venues end connections that
    are read too slowly). Status events are never lost.
    """

    def __init__(
        self, name: str, policy: Policy, core: _core.Consumer, names: Names, on_close: Callable[[Consumer], None]
    ) -> None:
        self.name = name
        self.policy = policy
        self.core = core
        self._names = names
        self._on_close = on_close
        self._closed = False

    def poll(self, timeout_s: float | None = 0.0) -> Batch | None:
        """All that is pending, in order; None if nothing came within ``timeout_s`` (None: wait as long as it takes).

        Returns None at once after the feed or the consumer was closed. Raises :class:`SlowConsumerError`.
        """
        batch, closed = self.core.take(timeout_s)
        if batch is not None:
            return Batch(batch, self._names)
        if closed is not None:
            self._closed = True
            if closed == "slow_consumer":
                raise SlowConsumerError(f"consumer {self.name!r} fell behind further than its queue holds")
        return None

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    def __iter__(self) -> Iterator[Batch]:
        """Batches until the feed stops."""
        while not self._closed:
            batch = self.poll(0.5)
            if batch is not None:
                yield batch

    def __aiter__(self) -> AsyncIterator[Batch]:
        """Batches until the feed stops, on the running loop, without a thread."""
        return _Batches(self)

    def totals(self) -> Account:
        """What became of every event, over all instruments."""
        totals = self.core.totals()
        return Account(*(totals[field] for field in Account._fields))

    def accounts(self) -> dict[tuple[str, str], Account]:
        """The same by ``(venue, symbol)``; ``("", "")`` holds what concerns no instrument."""
        result: dict[tuple[str, str], Account] = {}
        for index, *numbers in self.core.accounts():
            key = ("", "") if index is None else (self._names.owner(index), self._names.symbols[index][0])
            present = result.get(key, Account(0, 0, 0, 0, 0))
            result[key] = Account(*(old + new for old, new in zip(present, numbers, strict=True)))
        return result

    def close(self) -> None:
        """Leave the feed. What is pending can still be polled."""
        self._on_close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


class _Batches:
    """``async for`` over a consumer. Nothing of it stays on the loop when it is left at a ``break`` or cancelled."""

    __slots__ = ("_consumer",)

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        consumer = self._consumer
        while not consumer.closed:
            batch = consumer.poll()
            if batch is not None:
                # other tasks, timeouts and cancellation get their turn however fast the data comes
                await asyncio.sleep(0)
                return batch
            if not consumer.closed:
                await self._wait(consumer.core)
        raise StopAsyncIteration

    @staticmethod
    async def _wait(core: _core.Consumer) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        descriptor = core.fileno()
        core.clear_wake()
        if core.arm():
            loop.add_reader(descriptor, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(descriptor)
