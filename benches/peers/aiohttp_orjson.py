"""aiohttp + orjson + books as dicts. Fast settings: no compression, payloads as bytes, no size limit, uvloop."""

from __future__ import annotations

import aiohttp
import orjson

from benches.peers.common import Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = State(job, meter, ending.end)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(job.url, ssl=tls(job) or True, compress=0, max_msg_size=0, decode_text=False) as socket,
    ):
        message, loads = state.message, orjson.loads
        meter.ready()
        while state.left:
            message(loads((await socket.receive()).data))
    state.report()


if __name__ == "__main__":
    run(receive)
