"""The venue of the order benches: a process that takes every message and says nothing.

Run as ``python -m benches.order_sink [CPU]``. It prints ``{"url": …}``, takes connections until its input ends, waits
until they are closed, and prints how many messages and bytes each of them brought, by path.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


class Taker(WSListener):
    """One connection."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.gone = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Count a message; close when asked to."""
        if frame.msg_type == WSMsgType.TEXT:
            self.messages += 1
            self.bytes += frame.payload_size
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002  # picows' name
        """Nothing more comes."""
        self.gone.set()


async def main() -> None:
    """Serve until the input ends."""
    takers: dict[str, Taker] = {}

    def connection(request: WSUpgradeRequest) -> Taker:
        return takers.setdefault(request.path.decode(), Taker())

    server = await ws_create_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"ws://127.0.0.1:{port}"}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for taker in takers.values():
        await taker.gone.wait()
    print(json.dumps({path: [taker.messages, taker.bytes] for path, taker in takers.items()}), flush=True)
    server.close()


if __name__ == "__main__":
    if len(sys.argv) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    uvloop.run(main())
