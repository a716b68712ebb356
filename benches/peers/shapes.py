"""The messages as msgspec structs: only what is used, no collector."""

from __future__ import annotations

from typing import Final

import msgspec


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
