"""nautilus_trader from socket to book: its Rust WebSocket client, a Python handler for each message, its order book.

``nautilus_pyo3.WebSocketClient`` reads on tokio threads of its own and calls the handler with each payload as bytes,
as for all its Python adapters. TLS: its client trusts what ``SSL_CERT_FILE`` names. It makes its own threads, so the
loop has nothing to do.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from nautilus_trader.core.nautilus_pyo3 import WebSocketClient, WebSocketConfig

from benches.peers.common import Ending, run
from benches.peers.nautilus_book import Books
from ferrofeed.bench import workload
from ferrofeed.bench.meter import Meter, ReceiveJob, number_of, stamp_table

MS = 1_000_000


async def receive(job: ReceiveJob) -> None:
    if job.ca:
        os.environ["SSL_CERT_FILE"] = job.ca
    load = workload.build(job.load, instruments=job.instruments)
    state = Books(load.symbols, "_" if load.kind == "itick" else "")
    message = state.itick if load.kind == "itick" else state.ziario
    meter, ending, loop = Meter(), Ending(), asyncio.get_running_loop()
    stamps = stamp_table(job.frames) if job.stamps else None
    left = job.frames

    def handler(payload: bytes) -> None:
        nonlocal left
        event = message(payload)
        if stamps is not None:
            stamps[number_of(event.ts_event // MS)] = time.monotonic_ns()
        left -= 1
        if not left:
            meter.done()
            loop.call_soon_threadsafe(ending.end)

    client = await WebSocketClient.connect(WebSocketConfig(url=job.url, handler=handler, headers=[]))
    meter.ready()
    await ending.wait()
    if stamps is not None:
        Path(job.stamps).write_bytes(stamps.tobytes())  # noqa: ASYNC240  # all is over
    meter.report(job.frames - left, state.found())
    await client.disconnect()


if __name__ == "__main__":
    run(receive)
