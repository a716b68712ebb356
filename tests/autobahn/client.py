"""The suite's client: opens every case by the feed's own socket and reader, and echoes what the reader gives it."""

from __future__ import annotations

import asyncio
import sys

from ferrofeed import _core
from ferrofeed.net.loop import FeedLoop
from ferrofeed.net.socket import Socket

AGENT = "ferrofeed"
CASE_S = 60.0
MAX_MESSAGE = 64 << 20  # cases of section 9 and 10 send up to 16 MiB


class Echo:
    """Sends every message back; the first message of a case that asks for a number is kept."""

    def __init__(self, core: _core.FeedCore, venue: int, *, echo: bool) -> None:
        self.socket = Socket(core, venue, self)
        self.gone = asyncio.Event()
        self.first: bytes | None = None
        self._echo = echo

    def on_open(self) -> None: ...
    def on_control(self, frame: bytes) -> None: ...
    def on_pong(self, payload: bytes) -> None: ...
    def on_quarantined(self, reason: str, at: int) -> None: ...
    def on_pressure(self) -> None: ...

    def on_message(self, payload: bytes, *, binary: bool) -> None:
        self.first = self.first or payload
        if self._echo:
            (self.socket.send_binary if binary else self.socket.send)(payload)

    def on_lost(self, _reason: str, _detail: str) -> None:
        self.gone.set()


async def visit(core: _core.FeedCore, venue: int, url: str, *, echo: bool) -> bytes | None:
    """One connection, to its end."""
    client = Echo(core, venue, echo=echo)
    await client.socket.open(url, {})
    async with asyncio.timeout(CASE_S):
        await client.gone.wait()
    return client.first


async def wait_for_server(core: _core.FeedCore, venue: int, url: str) -> int:
    """The number of cases; the server needs a moment to start."""
    for _ in range(200):
        try:
            count = await visit(core, venue, f"{url}/getCaseCount", echo=False)
        except Exception:  # noqa: BLE001  # not there yet
            await asyncio.sleep(0.1)
        else:
            return int(count or b"0")
    raise SystemExit("the suite's server did not start")


async def main(url: str) -> None:
    core = _core.FeedCore()
    venue = core.add_connection(None, max_message=MAX_MESSAGE)
    count = await wait_for_server(core, venue, url)
    for case in range(1, count + 1):
        await visit(core, venue, f"{url}/runCase?case={case}&agent={AGENT}", echo=True)
        if case % 50 == 0 or case == count:
            print(f"autobahn: {case} of {count} cases", flush=True)  # noqa: T201
    await visit(core, venue, f"{url}/updateReports?agent={AGENT}", echo=False)
    counters = core.counters(venue)
    if counters["messages"] != counters["accounted"]:
        raise SystemExit(f"messages {counters['messages']} != accounted {counters['accounted']}")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=FeedLoop) as runner:
        runner.run(main(sys.argv[1]))
