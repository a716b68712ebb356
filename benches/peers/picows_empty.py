"""picows with a listener that does nothing: what the best Python WebSocket library needs to hand over a frame unread."""

from __future__ import annotations

from picows import WSFrame, WSListener, WSTransport, ws_connect

from benches.peers.common import Ending, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob


class Listener(WSListener):
    def __init__(self, meter: Meter, ending: Ending) -> None:
        self._meter = meter
        self._ending = ending

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        pass

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        self._meter.done()
        self._ending.end()


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    await ws_connect(lambda: Listener(meter, ending), job.url, ssl_context=tls(job), use_aiofastnet=True)
    meter.ready()
    await ending.wait()
    meter.report(None, None)


if __name__ == "__main__":
    run(receive)
