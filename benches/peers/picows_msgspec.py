"""picows + msgspec typed structs + books as dicts: the fastest typed JSON there is in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.peers.common import Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob

if TYPE_CHECKING:
    from collections.abc import Callable


class Level(msgspec.Struct, gc=False):
    p: float
    v: float


class Depth(msgspec.Struct, tag_field="type", tag="depth", gc=False):
    s: str
    a: list[Level]
    b: list[Level]
    t: int = 0


class Quote(msgspec.Struct, tag_field="type", tag="quote", gc=False):
    s: str
    ld: float
    v: float
    t: int


class Tick(msgspec.Struct, tag_field="type", tag="tick", gc=False):
    s: str
    ld: float
    v: float
    t: int


class Envelope(msgspec.Struct, gc=False):
    data: Depth | Quote | Tick


class Ticker(msgspec.Struct, gc=False):
    symbol: str
    price: str
    volume_24h: str
    timestamp: int


ITICK: Final = msgspec.json.Decoder(Envelope)
ZIARIO: Final = msgspec.json.Decoder(Ticker)


class Typed(State):
    """The same state, from structs."""

    def itick(self, payload: memoryview) -> None:
        data = ITICK.decode(payload).data
        match data:
            case Depth():
                self.bids[data.s] = {level.p: level.v for level in data.b}
                self.asks[data.s] = {level.p: level.v for level in data.a}
                self.best[data.s] = (data.b[0].p, data.a[0].p)
            case Quote():
                self.quotes[data.s] = (data.ld, data.v, data.t)
            case Tick():
                self.trades[data.s] = (data.ld, data.v, data.t)
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
    transport, _ = await ws_connect(lambda: Listener(message), job.url, ssl_context=tls(job), use_aiofastnet=True)
    meter.ready()
    await ending.wait()
    transport.disconnect(graceful=False)
    state.report()


if __name__ == "__main__":
    run(receive)
