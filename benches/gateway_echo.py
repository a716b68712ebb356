"""What the gateway is measured beside: a minimal aiohttp WebSocket server that answers with as many bytes.

Run as ``python -m benches.gateway_echo PORT``. It reads nothing of what it answers, trades nothing and tells nobody
else: what is left is the cost of a WebSocket server in Python.
"""

from __future__ import annotations

import sys
from typing import Final

import uvloop
from aiohttp import WSMsgType, web

ANSWER: Final = 128
"""Bytes of the gateway's answer to an order, near enough."""
_FILL: Final = " " * ANSWER


async def serve(request: web.Request) -> web.WebSocketResponse:
    """Answer until the client goes."""
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str((message.data + _FILL)[:ANSWER])
    return socket


def main(port: int) -> None:
    """Serve on loopback until the process is ended."""
    app = web.Application()
    app.router.add_get("/ws/v1", serve)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
