"""WebSocket frames of the server's side, right and wrong ones (RFC 6455, section 5.2)."""

from __future__ import annotations

import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_SHORT = 126
_MEDIUM = 1 << 16


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, rsv: int = 0) -> bytes:
    """Encode one unmasked frame. It is the same for every connection, so it may be shared between them."""
    first = (0x80 if fin else 0) | (rsv << 4) | opcode
    size = len(payload)
    if size < _SHORT:
        return bytes((first, size)) + payload
    if size < _MEDIUM:
        return bytes((first, 126, size >> 8, size & 0xFF)) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Encode a close frame; code 0 gives one without a body."""
    if not code:
        return frame(b"", CLOSE)
    return frame(struct.pack("!H", code) + reason.encode()[:123], CLOSE)


def fragments(payload: bytes, parts: int, ping: bytes = b"sim") -> list[bytes]:
    """Encode one message as ``parts`` frames, a ping between each two. Cuts fall anywhere, within a character too."""
    parts = max(1, min(parts, len(payload) or 1))
    bounds = [len(payload) * index // parts for index in range(parts + 1)]
    out: list[bytes] = []
    for index in range(parts):
        if index:
            out.append(frame(ping, PING))
        piece = payload[bounds[index] : bounds[index + 1]]
        out.append(frame(piece, CONTINUATION if index else TEXT, fin=index == parts - 1))
    return out


def forbidden(mode: str) -> bytes:
    """Encode bytes that must end a connection by RFC 6455 (1002; 1007 for ``utf8``), by mode of ``protocol_error``."""
    return {
        "opcode": frame(b"reserved", 0x3),
        "rsv": frame(b"{}", rsv=4),
        "masked": b"\x81\x82\x01\x02\x03\x04" + bytes((ord("{") ^ 1, ord("}") ^ 2)),
        "long_control": bytes((0x80 | PING, 126, 0, 126)) + bytes(126),
        "split_control": frame(b"", PING, fin=False),
        "continuation": frame(b"orphan", CONTINUATION),
        "utf8": frame(b'{"text":"\xc3\x28"}'),
        "length": b"\x81\x7e\x00\x02{}",
        "close_code": frame(struct.pack("!H", 1005), CLOSE),
    }[mode]
