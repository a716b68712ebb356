"""picows + msgspec typed structs + books as dicts: the fastest typed JSON there is in Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.peers.common import READ, Ending, State, run, tls
from benches.peers.shapes import ITICK, ZIARIO, Depth, Quote
from ferrofeed.bench.meter import Meter, ReceiveJob, number_of

if TYPE_CHECKING:
    from collections.abc import Callable


class Typed(State):
    """The same state, from structs."""

    def itick(self, payload: memoryview) -> None:
        data = ITICK.decode(payload).data
        symbol = data.s
        # faster than a match by class
        if isinstance(data, Depth):
            bids, asks = data.b, data.a
            self.bids[symbol] = {level.p: level.v for level in bids}
            self.asks[symbol] = {level.p: level.v for level in asks}
            self.best[symbol] = (bids[0].p, asks[0].p)
        elif isinstance(data, Quote):
            self.quotes[symbol] = (data.ld, data.v, data.t)
        else:
            self.trades[symbol] = (data.ld, data.v, data.t)
        if self.stamps is not None:
            self.stamps[number_of(data.t)] = time.monotonic_ns()
        self.left -= 1
        if not self.left:
            self.finish()

    def ziario(self, payload: memoryview) -> None:
        data = ZIARIO.decode(payload)
        self.quotes[data.symbol] = (float(data.price), float(data.volume_24h), data.timestamp)
        self.left -= 1
        if not self.left:
            self.finish()


# once: reading a member of an enum class is slow
TEXT = WSMsgType.TEXT


class Listener(WSListener):
    def __init__(self, message: Callable[[Any], None]) -> None:
        self._message = message

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == TEXT:
            self._message(frame.get_payload_as_memoryview())


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = Typed(job, meter, ending.end)
    message = state.ziario if job.load == "ticker" else state.itick
    transport, _ = await ws_connect(
        lambda: Listener(message),
        job.url,
        ssl_context=tls(job),
        use_aiofastnet=True,
        read_buffer_init_size=READ,
    )
    meter.ready()
    await ending.wait()
    transport.disconnect(graceful=False)
    state.report()


if __name__ == "__main__":
    run(receive)
