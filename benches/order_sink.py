"""The venue of the order benches: a process that takes every message and says nothing.

Run as ``python -m benches.order_sink CONNECTIONS [CPU]``. It prints ``{"url": …}``, takes so many connections, reads
them until each is closed, and prints how many messages each brought, in the order in which they came.

It looks at its sockets now and then and never waits at one: a venue is elsewhere, and what it costs to wake a process
here is no part of sending an order. It would not even be the same for all: who sends faster finds it awake.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from typing import Final

from ferrofeed.bench.sender import upgrade

PAUSE_S: Final = 0.000_2
LONG, LONGER = 126, 127
TEXT, CLOSE = 1, 8


class Taker:
    """One connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        sock.setblocking(True)
        self._pending = upgrade(sock, "orders").pending
        sock.setblocking(False)
        self.messages = 0
        self.open = True

    def read(self) -> None:
        """Take what there is."""
        try:
            chunk = self._sock.recv(1 << 18)
        except BlockingIOError:
            return
        self._pending += chunk
        while (opcode := take(self._pending)) is not None:
            self.messages += opcode == TEXT
            self.open = self.open and opcode != CLOSE
        if not chunk or not self.open:
            self.open = False
            self._sock.close()


def take(pending: bytearray) -> int | None:
    """Take one whole masked frame off the front and give its opcode; None: there is none."""
    if len(pending) < 2:
        return None
    width = {LONG: 2, LONGER: 8}.get(pending[1] & 127, 0)
    at = 2 + width
    if len(pending) < at:
        return None
    length = int.from_bytes(pending[2:at], "big") if width else pending[1] & 127
    if len(pending) < at + 4 + length:
        return None
    opcode = pending[0] & 15
    del pending[: at + 4 + length]
    return opcode


def main(connections: int) -> None:
    """Take what so many connections bring."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(json.dumps({"url": f"ws://127.0.0.1:{listener.getsockname()[1]}/"}), flush=True)
        takers = [Taker(listener.accept()[0]) for _ in range(connections)]
    while any(taker.open for taker in takers):
        time.sleep(PAUSE_S)
        for taker in takers:
            if taker.open:
                taker.read()
    print(json.dumps({"messages": [taker.messages for taker in takers]}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[2])})
    main(int(sys.argv[1]))
