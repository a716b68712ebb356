"""picows with a listener that does nothing: what the best Python library needs to hand over a frame unread.

Mode ``view``: the same, taking a memoryview of the payload and nothing more. Neither counts: the sender ends the
connection.
"""

from __future__ import annotations

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.peers.common import READ, Ending, run, tls
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


class Viewing(Listener):
    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        frame.get_payload_as_memoryview()


class Counting(Listener):
    """The same, counting: the harness's tests use it to see that an unread stream is a whole one (mode ``verify``)."""

    frames = 0

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        Counting.frames += frame.msg_type == WSMsgType.TEXT


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    kind = {"": Listener, "view": Viewing, "verify": Counting}[job.mode]
    await ws_connect(
        lambda: kind(meter, ending), job.url, ssl_context=tls(job), use_aiofastnet=True, read_buffer_init_size=READ
    )
    meter.ready()
    await ending.wait()
    meter.report(Counting.frames if job.mode == "verify" else None, None)


if __name__ == "__main__":
    run(receive)
