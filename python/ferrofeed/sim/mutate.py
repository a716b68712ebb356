"""Changes to the text of a message: broken JSON, other types, strange numbers, too much of it.

They work on tokens of the text, so that every number that is not meant to change stays as it was, digit for digit.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_NUMBER = rb"-?\d+(?:\.\d+)?"
_VALUE = re.compile(rb'(?<=[:\[,])(?:"[^"\\]*"(?!\s*:)|' + _NUMBER + rb"|true|false|null)(?=[,\]}])")
_NUMERIC = re.compile(rb'(?<=[:\[,])(?:"' + _NUMBER + rb'"|' + _NUMBER + rb")(?=[,\]}])")
_TYPES = (b"{}", b"[]", b"true", b"null", b'"text"', b"[[1]]", b'{"a":[0]}', b"-7")
_STRANGE = (
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"123456789012345678901234567890",
    b"0.00000000000000000000000000000001",
    b"9223372036854775808",
    b"-0",
    b"",
    b"+1",
    b"0x10",
    b"1.2.3",
)


def _is_json(text: bytes) -> bool:
    def no_constants(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=no_constants)
    except (ValueError, RecursionError):
        return False
    return True


def _cut(text: bytes, rng: random.Random) -> bytes:
    return text[: rng.randrange(1, max(2, len(text)))]


def _overwrite(text: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(text))
    return text[:place] + bytes((rng.choice(b"\x00\x01\x1f\"'{}[],:\\ x"),)) + text[place + 1 :]


def _repeat(text: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(text))
    return text[:place] + text[rng.randrange(len(text)) :]


def _append(text: bytes, rng: random.Random) -> bytes:
    return text + rng.choice((b"}", b",", b"\x00", b"{}", text))


_BREAKERS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_cut, _overwrite, _repeat, _append)


def corrupt(text: bytes, rng: random.Random) -> bytes:
    """Make a message that is surely not JSON, and surely UTF-8."""
    for _ in range(50):
        broken = rng.choice(_BREAKERS)(text, rng).decode("utf-8", "replace").encode()
        if not _is_json(broken):
            return broken
    return text[:-1]


def _replace(pattern: re.Pattern[bytes], text: bytes, choice: Callable[[bytes], bytes], rng: random.Random) -> bytes:
    found = list(pattern.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    return text[: match.start()] + choice(match.group()) + text[match.end() :]


def wrong_types(text: bytes, rng: random.Random) -> bytes:
    """Give one value another type; the message stays JSON."""

    def other(old: bytes) -> bytes:
        kind = old[:1]
        options = [new for new in _TYPES if (kind == b'"') != (new[:1] == b'"') or kind in b"tfn"]
        options = [new for new in options if not (kind in b"-0123456789" and new == b"-7") and new != old]
        return rng.choice(options)

    return _replace(_VALUE, text, other, rng)


def strange_numbers(text: bytes, rng: random.Random) -> bytes:
    """Put NaN, an infinity, a huge or a malformed number in the place of a number, in quotes where it had quotes."""

    def other(old: bytes) -> bytes:
        quoted = old.startswith(b'"')
        new = rng.choice(_STRANGE if quoted else tuple(filter(None, _STRANGE)))
        return b'"' + new + b'"' if quoted else new

    return _replace(_NUMERIC, text, other, rng)


def oversize(text: bytes, size: int) -> bytes:
    """Pad a message with an unknown key until it has at least ``size`` bytes; it stays JSON."""
    if not text.endswith(b"}"):
        return text + b" " * max(0, size - len(text))
    joint = b'"pad":"' if text == b"{}" else b',"pad":"'
    return text[:-1] + joint + b"x" * max(0, size - len(text) - len(joint) - 1) + b'"}'
