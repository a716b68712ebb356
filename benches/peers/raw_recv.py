"""The floor: the bytes taken from the kernel into one buffer of 64 KiB and not looked at; no loop."""

from __future__ import annotations

import base64
import os
import socket
from urllib.parse import urlsplit

from benches.peers.common import tls
from ferrofeed.bench.meter import Meter, ReceiveJob


def main() -> None:
    job, meter = ReceiveJob.from_argv(), Meter()
    where = urlsplit(job.url)
    assert where.hostname is not None
    assert where.port is not None
    sock = socket.create_connection((where.hostname, where.port))
    context = tls(job)
    if context is not None:
        sock = context.wrap_socket(sock, server_hostname=where.hostname)
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    buffer, left, reads = bytearray(65536), job.bytes, 0
    receive = sock.recv_into
    meter.ready()
    while left > 0:
        got = receive(buffer)
        if not got:
            break
        left -= got
        reads += 1
    meter.done()
    meter.extra["reads"] = reads
    # frames are not told apart here; the bytes of all of them are
    meter.report(job.frames if left == 0 else 0, None)


if __name__ == "__main__":
    main()
