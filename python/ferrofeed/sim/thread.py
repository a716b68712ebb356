"""A simulator on a thread and loop of its own, for synchronous callers and the demo."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvloop

from ferrofeed.sim.order_server import TRADING_VENUES, OrderSimulator
from ferrofeed.sim.server import Simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")
_START_S = 10.0
_LOG = logging.getLogger("ferrofeed.sim")


def on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say in one line that a client's connection failed (one that does not trust our certificate); all else in full."""
    error = context.get("exception")
    # aiofastnet may put the class in the place of the exception, which the default handler can't print
    kind = error if isinstance(error, type) else type(error)
    if "transport" not in context or not issubclass(kind, OSError):
        loop.default_exception_handler(context)
    else:
        _LOG.warning("%s: %s", str(context.get("message")).partition("\n")[0], kind.__name__)


def simulator(venue: str, **settings: Any) -> Simulator:
    """Make the simulator of any venue; of a trading venue an :class:`OrderSimulator`."""
    return (OrderSimulator if venue in TRADING_VENUES else Simulator)(venue, **settings)


class SimulatorThread:
    """Takes what :class:`Simulator` takes. ``with SimulatorThread("itick", rate=100) as sim: ... sim.url``.

    Of a trading venue it is an :class:`OrderSimulator`.
    """

    def __init__(self, venue: str, **settings: Any) -> None:
        self._simulator = simulator(venue, **settings)
        self._thread = threading.Thread(target=self._run, name=f"sim-{venue}", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._started: Future[None] = Future()

    def start(self) -> None:
        """Start the thread and wait until the port is open; raises what :meth:`Simulator.start` raises."""
        self._thread.start()
        self._started.result(_START_S)

    def stop(self) -> None:
        """Stop the simulator and wait for its thread. May be called twice."""
        if self._loop is not None and self._over is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._over.set)
        if self._thread.ident is not None:
            self._thread.join()

    def call(self, function: Callable[[Simulator], T]) -> T:
        """Run ``function(simulator)`` on the simulator's thread and return what it returns.

        Everything that changes a simulator, and every look at its market that must be whole, goes this way.
        """
        if self._loop is None or not self._thread.is_alive():
            raise RuntimeError("the simulator is not running")
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(function(self._simulator))
            except BaseException as error:  # noqa: BLE001 - the caller's thread gets it
                result.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return result.result(_START_S)

    @property
    def url(self) -> str:
        """Where clients connect, without any key."""
        return self.call(lambda simulator: simulator.url)

    @property
    def port(self) -> int:
        """The port listened on."""
        return self.call(lambda simulator: simulator.port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(on_loop_error)
        self._over = asyncio.Event()
        try:
            await self._simulator.start()
        except BaseException as error:  # noqa: BLE001 - the caller's thread gets it
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        try:
            await self._over.wait()
        finally:
            await self._simulator.stop()
