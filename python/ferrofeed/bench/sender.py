"""The other end of the wire: a process that upgrades connections, answers as the venue would, writes prebuilt frames.

Run as ``python -m ferrofeed.bench.sender JOB`` with a job in JSON. It talks with whoever started it in lines: it prints
``{"url", "ca"}``, waits for ``go``, sends, prints what it did, waits for ``end`` (or the end of its input).
Blocking sockets and whole blocks: it must never be the slower side.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import select
import socket
import ssl
import sys
import tempfile
import time
from array import array
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ferrofeed.bench import workload
from ferrofeed.bench.workload import START_MS, frame

if TYPE_CHECKING:
    from ferrofeed.bench.workload import Workload

SLICE: Final = 1 << 18
"""Bytes of a write at full speed; between two writes requests are answered."""
SPIN_NS: Final = 200_000
"""A paced sender sleeps until so long before a frame is due, then looks at the clock without pause."""
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class SendJob:
    """What to send."""

    load: str
    frames: int
    instruments: int = 10
    connections: int = 1
    tls: bool = False
    rate: float = 0.0
    """Messages a second; 0: as fast as they are taken."""
    close: bool = False
    """End the connections after the last frame: for receivers that count nothing."""
    cpu: int | None = None
    stamps: str = ""
    """A file for the time each frame was written at (paced only), 64-bit ns of CLOCK_MONOTONIC."""

    def to_json(self) -> str:
        """As :meth:`from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> SendJob:
        """The opposite of :meth:`to_json`."""
        return cls(**json.loads(text))


@dataclass(slots=True)
class Peer:
    """One receiver's connection."""

    sock: socket.socket
    kind: str
    pending: bytearray = field(default_factory=bytearray)
    gone: bool = False

    def answer(self) -> None:
        """Read what is there and answer it, as the venue would."""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            self.sock.setblocking(False)
            try:
                while chunk := self.sock.recv(65536):
                    self.pending += chunk
                self.gone = True
            except (ConnectionError, ssl.SSLEOFError):
                self.gone = True
            finally:
                self.sock.setblocking(True)
        while (taken := _unmask(self.pending)) is not None:
            opcode, payload = taken
            if opcode == 9:  # noqa: PLR2004  # ping
                self.sock.sendall(frame(payload, 10))
            elif opcode == 1:
                for reply in _replies(self.kind, payload):
                    self.sock.sendall(frame(reply))


def _unmask(pending: bytearray) -> tuple[int, bytes] | None:
    """Take one frame of a client off the front; clients here send no long ones and no fragments."""
    if len(pending) < 2:  # noqa: PLR2004
        return None
    opcode, length, at = pending[0] & 15, pending[1] & 127, 2
    if length >= 126:  # noqa: PLR2004
        width = 2 if length == 126 else 8  # noqa: PLR2004
        if len(pending) < 2 + width:
            return None
        length, at = int.from_bytes(pending[2 : 2 + width], "big"), 2 + width
    if len(pending) < at + 4 + length:
        return None
    key, body = pending[at : at + 4], pending[at + 4 : at + 4 + length]
    del pending[: at + 4 + length]
    return opcode, bytes(byte ^ key[index & 3] for index, byte in enumerate(body))


def _replies(kind: str, request: bytes) -> list[bytes]:
    message = json.loads(request)
    match kind, message.get("ac") or message.get("action"):
        case "itick", "ping":
            return [json.dumps({"resAc": "pong", "data": {"params": message["params"]}}).encode()]
        case "itick", str(action):
            return [json.dumps({"code": 1, "resAc": action, "msg": f"{action} Successfully"}).encode()]
        case "ziario", "auth":
            return [b'{"type":"auth","status":"success","message":"ok"}']
        case "ziario", str(action):
            return [json.dumps({"type": action, "status": "success", "symbols": message["symbols"]}).encode()]
        case _:
            return []


def upgrade(sock: socket.socket, kind: str) -> Peer:
    """Answer the handshake. Who logs in by header gets the venue's greeting; who only wants frames gets none."""
    head = bytearray()
    while b"\r\n\r\n" not in head:
        chunk = sock.recv(4096)
        if not chunk:
            raise ConnectionError("the receiver left during the handshake")
        head += chunk
    header, _, rest = bytes(head).partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in header.split(b"\r\n")[1:])
    fields = {name.lower(): value for name, value in fields.items()}
    accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + _GUID, usedforsecurity=False).digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    if kind == "itick" and b"token" in fields:
        sock.sendall(frame(b'{"code":1,"msg":"Connected Successfully"}'))
        sock.sendall(frame(b'{"code":1,"resAc":"auth","msg":"authenticated"}'))
    return Peer(sock, kind, bytearray(rest))


def blast(peers: list[Peer], load: Workload, frames: int) -> None:
    """Send so many frames over all connections together, a slice to each in turn, the same to each."""
    whole = memoryview(b"".join(load.frames()))
    rounds, rest = divmod(frames, len(load.payloads) * len(peers))
    if rest:
        raise ValueError(f"{frames} frames are no whole number of blocks of {len(load.payloads)} on each connection")
    for _ in range(rounds):
        for start in range(0, len(whole), SLICE):
            for peer in peers:
                peer.sock.sendall(whole[start : start + SLICE])
        for peer in peers:
            peer.answer()


def pace(peer: Peer, load: Workload, frames: int, rate: float, start_ns: int) -> array[int]:
    """Send one frame at a time, each when it is due and none earlier. Gives when each was written."""
    made = [bytearray(one) for one in load.frames()]
    marks = [one.index(b'"t":') + 4 for one in made]
    step = 1e9 / rate
    stamps = array("q", bytes(8 * frames))
    clock, send = time.monotonic_ns, peer.sock.sendall
    for number in range(frames):
        at = number % len(made)
        one, mark = made[at], marks[at]
        one[mark : mark + 13] = b"%d" % (START_MS + number)
        due = start_ns + int(number * step)
        while (left := due - clock()) > 0:
            if left > SPIN_NS:
                time.sleep((left - SPIN_NS) / 1e9)
        stamps[number] = clock()
        send(one)
    return stamps


def _listen(job: SendJob, folder: str) -> tuple[socket.socket, ssl.SSLContext | None, str]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    if not job.tls:
        return listener, None, ""
    from ferrofeed.sim.tls import self_signed_context  # noqa: PLC0415  # needs the cryptography package

    context, pem = self_signed_context()
    ca = Path(folder) / "ca.pem"
    ca.write_bytes(pem)
    return listener, context, str(ca)


def _accept(listener: socket.socket, context: ssl.SSLContext | None, kind: str) -> Peer:
    sock, _ = listener.accept()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return upgrade(sock if context is None else context.wrap_socket(sock, server_side=True), kind)


def _until(word: str, peers: list[Peer]) -> None:
    """Answer requests until this line comes, or the input ends."""
    while True:
        ready, _, _ = select.select([sys.stdin, *(peer.sock for peer in peers if not peer.gone)], [], [], 0.05)
        for peer in peers:
            if not peer.gone:
                peer.answer()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if line.strip() == word or not line:
                return


def main(job: SendJob) -> None:
    """Send a job."""
    if job.cpu is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {job.cpu})
    load = workload.build(job.load, instruments=job.instruments)
    with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-") as folder:
        listener, context, ca = _listen(job, folder)
        path = {"itick": "/cws", "ziario": "/ws"}[load.kind]
        url = f"ws{'s' * job.tls}://127.0.0.1:{listener.getsockname()[1]}{path}"
        print(json.dumps({"url": url, "ca": ca}), flush=True)  # noqa: T201  # a line to who started us
        peers = [_accept(listener, context, load.kind) for _ in range(job.connections)]
        _until("go", peers)
        start = time.monotonic_ns()
        if job.rate:
            start += 20_000_000
            stamps = pace(peers[0], load, job.frames, job.rate, start)
            Path(job.stamps).write_bytes(stamps.tobytes())
        else:
            blast(peers, load, job.frames)
        print(json.dumps({"start_ns": start, "end_ns": time.monotonic_ns()}), flush=True)  # noqa: T201
        if job.close:
            for peer in peers:
                peer.sock.sendall(frame((1000).to_bytes(2, "big"), 8))
                peer.sock.shutdown(socket.SHUT_WR)
        _until("end", peers)
        for peer in peers:
            peer.sock.close()
        listener.close()


if __name__ == "__main__":
    with contextlib.suppress(ConnectionError):
        main(SendJob.from_json(sys.argv[1]))
