"""websockets + orjson + books as dicts. Fast settings: no compression, no pings, a long queue, bytes, uvloop."""

from __future__ import annotations

import orjson
from websockets.asyncio.client import connect

from benches.peers.common import Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = State(job, meter, ending.end)
    options = {"compression": None, "ping_interval": None, "max_size": None, "max_queue": 4096, "proxy": None}
    async with connect(job.url, ssl=tls(job), **options) as socket:
        message, loads = state.message, orjson.loads
        meter.ready()
        while state.left:
            message(loads(await socket.recv(decode=False)))
    state.report()


if __name__ == "__main__":
    run(receive)
