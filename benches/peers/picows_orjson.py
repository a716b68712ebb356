"""picows + orjson + books as dicts: how a careful Python user writes it today."""

from __future__ import annotations

import orjson
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.peers.common import READ, Ending, State, run, tls
from ferrofeed.bench.meter import Meter, ReceiveJob

# once: reading a member of an enum class is slow
TEXT = WSMsgType.TEXT


class Listener(WSListener):
    def __init__(self, state: State) -> None:
        self._message = state.message

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == TEXT:
            self._message(orjson.loads(frame.get_payload_as_memoryview()))


async def receive(job: ReceiveJob) -> None:
    meter, ending = Meter(), Ending()
    state = State(job, meter, ending.end)
    transport, _ = await ws_connect(
        lambda: Listener(state),
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
