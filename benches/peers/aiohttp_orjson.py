"""aiohttp + orjson + books as dicts. Fast settings: its C reader, no compression, bytes, no size limit, uvloop."""

from __future__ import annotations

import aiohttp
import aiohttp._websocket.reader_c  # fails here and not by being slow
import orjson

from benches.peers.common import Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob


async def main(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = State(job, meter, ending.end)
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(
            job.url, ssl=tls(job) or True, compress=0, max_msg_size=0, decode_text=False, autoping=False
        )
        message, loads, receive = state.message, orjson.loads, socket.receive
        meter.ready()
        while state.left:
            message(loads((await receive()).data))
        # the session's end ends the connection; the sender answers no close frame
    state.report()


if __name__ == "__main__":
    run(main)
