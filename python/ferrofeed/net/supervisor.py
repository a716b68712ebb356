"""The feed's thread: one loop, every link on it, a tick that moves all sessions, pauses for blocking consumers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import math
import threading
import time
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ferrofeed import board
from ferrofeed.net.loop import FeedLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ferrofeed._core import Consumer, MetricsBoard
    from ferrofeed.config import VenueConfig
    from ferrofeed.net.tuning import Tuning

TICK_S = 0.02
"""How often sessions look at the clock. They are never woken per message."""
GC_TICKS = 50
"""Ticks between two looks at the garbage collector's counts."""
RELIEF_S = 0.001
"""How often a paused feed looks whether its blocking consumers have room again."""

ALIVE_S = 0.25
"""How often a thread that waits for the loop makes sure that there is still one."""

T = TypeVar("T")
_LOG = logging.getLogger("ferrofeed.feed")


class Connected(Protocol):
    """A connection that lives on the feed's thread."""

    @property
    def config(self) -> VenueConfig:
        """Whose it is."""
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        """Whether no socket is open or being opened."""
        raise NotImplementedError

    def tick(self) -> None:
        """Time passed."""

    def stop(self) -> None:
        """Close it for good."""

    def abort(self) -> None:
        """Cut it."""

    def pause_reading(self) -> None:
        """A blocking consumer has no room."""

    def resume_reading(self) -> None:
        """It has again."""


class Service(Protocol):
    """Something besides connections that lives on the feed's thread."""

    def start(self) -> None:
        """The loop runs."""

    def tick(self) -> None:
        """Time passed."""

    async def stop(self, grace_s: float) -> None:
        """The feed stops; its connections are still there, and are closed when this is done."""


class Supervisor:
    """Owns the thread. Its methods are for any thread; what they do happens on the loop's."""

    def __init__(
        self, board: MetricsBoard, tuning: Tuning, deliver: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        """``deliver`` calls the inline callbacks for what no read brought; ``on_end`` is the thread's last act."""
        self.tuning = tuning
        self._board = board
        self._signs = self._signs_of_life()
        self._deliver = deliver
        self._on_end = on_end
        self._thread = threading.Thread(target=self._run, name="ferrofeed", daemon=True)
        self._links: list[Connected] = []
        self._services: list[Service] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._blocking: list[Consumer] = []
        self._stop: asyncio.Event | None = None
        self._grace_s = math.inf
        self._paused = False
        self.pauses = 0
        """How often reading was paused for a blocking consumer."""
        self._ready = threading.Event()

    def start(self) -> None:
        """Start the thread and wait until its loop runs."""
        self._loop = FeedLoop()
        self._thread.start()
        self._ready.wait()

    @property
    def on_thread(self) -> bool:
        """Whether the caller runs on the loop's thread."""
        return threading.current_thread() is self._thread

    def stop(self, grace_s: float) -> None:
        """Close every link, by force after ``grace_s``, and end the thread; from within it, soon after this returns."""
        if not self._thread.is_alive():
            return
        self._grace_s = min(self._grace_s, grace_s)
        self.post(self._set_stop)
        if self.on_thread:
            return
        self._thread.join(grace_s + 2.0)
        if self._thread.is_alive():
            _LOG.error("the feed's thread did not end within %.1f s", grace_s + 2.0)

    def post(self, call: Callable[[], object]) -> None:
        """Run something on the loop's thread, soon."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nothing is left to do it for
            self._loop.call_soon_threadsafe(call)

    def call(self, call: Callable[[], T], timeout_s: float = 5.0) -> T:
        """Run something on the loop's thread and give its result."""
        if self.on_thread:
            return call()
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  # it belongs to the caller
                future.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(run)
        except RuntimeError:
            # the loop is closed: nobody else works on what it held
            return call()
        end = time.monotonic() + timeout_s
        while not wait([future], ALIVE_S).done:
            if not self._thread.is_alive() and not future.done():
                return call()
            if time.monotonic() > end:
                raise TimeoutError(f"the feed's thread did not answer within {timeout_s:g} s")
        return future.result()

    def spawn(self, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Start a coroutine on the loop and keep it until it ends. For the loop's thread."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        self.tuning.attend()
        task.add_done_callback(self._ended)
        return task

    def add(self, link: Connected) -> None:
        """Take a link in; it connects with the next tick."""
        self._links.append(link)

    def remove(self, link: Connected) -> None:
        """Forget a connection that is closed for good. For the loop's thread."""
        self._links.remove(link)

    def serve(self, service: Service) -> None:
        """Take a service in, before the start."""
        self._services.append(service)

    def later(self, seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
        """Run something on the loop after a while. For the loop's thread."""
        return self._loop.call_later(seconds, call)

    def block_for(self, consumer: Consumer) -> None:
        """Pause reading while this consumer is full."""
        self._blocking.append(consumer)

    def unblock(self, consumer: Consumer) -> None:
        """Forget a blocking consumer."""
        if consumer in self._blocking:
            self._blocking.remove(consumer)

    def pressure(self) -> None:
        """A blocking consumer is full: read nothing until every one has room. For the loop's thread."""
        if self._paused:
            return
        self._paused = True
        self.pauses += 1
        self._board.put_pauses(self.pauses)
        for link in self._links:
            link.pause_reading()
        self._loop.call_later(RELIEF_S, self._relieve)

    def announced(self) -> None:
        """A status event was put into the stream, by no read: inline callbacks get it in the loop's next round."""
        if self.on_thread:
            self._loop.call_soon(self._deliver)
            self.tuning.attend()

    def _spin(self) -> None:
        assert self.tuning.poller is not None
        if self._paused:
            self._loop.call_later(RELIEF_S, self._spin)
            return
        self.tuning.poller.spin()
        self._loop.call_soon(self._spin)

    def _relieve(self) -> None:
        if not all(consumer.is_relieved() for consumer in self._blocking):
            self._loop.call_later(RELIEF_S, self._relieve)
            return
        self._paused = False
        for link in self._links:
            link.resume_reading()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("a task of the feed failed", exc_info=task.exception())

    def _tick(self) -> None:
        assert self._stop is not None
        if self._stop.is_set():
            return
        next(self._signs)
        for link in tuple(self._links):
            try:
                link.tick()
            except Exception:  # noqa: BLE001  # one venue's fault must not stop the others
                _LOG.exception("the session of %s failed", link.config.id)
            if self._paused:
                link.pause_reading()
        for service in self._services:
            try:
                service.tick()
            except Exception:  # noqa: BLE001  # its fault must not stop the connections
                _LOG.exception("%s failed", type(service).__name__)
        # a plain timer: a coroutine that waits with a time limit costs several times as much, seen in the latencies
        self._loop.call_later(TICK_S, self._tick)

    def _set_stop(self) -> None:
        assert self._stop is not None
        self._stop.set()

    def _run(self) -> None:
        self.tuning.thread(self._loop)
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._deliver()
            self._loop.close()
            self._on_end()

    def _signs_of_life(self) -> Iterator[None]:
        """Put one up at every tick, and once a second what the garbage collector did."""
        for tick in itertools.count():
            self._board.beat(time.monotonic_ns())
            if tick % GC_TICKS == 0:
                stats = gc.get_stats()
                self._board.put_gc(tuple(one[key] for key in board.GC_KEYS for one in stats))
            yield

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        next(self._signs)
        self._ready.set()
        if self.tuning.poller is not None:
            self._loop.call_soon(self._spin)
        for service in self._services:
            service.start()
        self._tick()
        await self._stop.wait()
        end = self._loop.time() + self._grace_s
        for service in self._services:
            try:
                await service.stop(self._grace_s / 2)
            except Exception:  # noqa: BLE001  # the connections are closed all the same
                _LOG.exception("%s could not be stopped in order", type(service).__name__)
        for link in self._links:
            link.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                while not all(link.closed for link in self._links):  # noqa: ASYNC110  # links know nothing of the supervisor
                    await asyncio.sleep(0.005)
        for link in self._links:
            link.abort()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
