"""websockets + orjson + books as dicts, its asyncio client with its C extension, on uvloop.

Fast settings: no compression, no pings, no limits, payloads as bytes. A queue of 16 (the default), 4,096 or endless,
and ``recv`` or ``async for``, made no difference beyond 2 %.
"""

from __future__ import annotations

from typing import Any

import orjson
import websockets.speedups  # fails here and not by being slow  # noqa: F401
from websockets.asyncio.client import connect

from benches.peers.common import Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob


async def main(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = State(job, meter, ending.end)
    options: dict[str, Any] = {
        "compression": None,
        "ping_interval": None,
        "max_size": None,
        "max_queue": None,
        "proxy": None,
    }
    socket = await connect(job.url, ssl=tls(job), **options)
    message, loads, receive = state.message, orjson.loads, socket.recv
    meter.ready()
    while state.left:
        message(loads(await receive(decode=False)))
    socket.transport.abort()  # the sender answers no close frame
    state.report()


if __name__ == "__main__":
    run(main)
