"""JSON with exact decimals as numbers, and fields of requests checked one by one."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ferrofeed.sim.order_types import EXACT, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_DIGITS = 30
_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros."""
    text = format(number.normalize(EXACT), "f")
    return "0" if text == "-0" else text


def dump(value: object) -> bytes:
    """Write compact JSON; decimals are numbers with all their digits."""
    return _text(value).encode()


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(str(name))}:{_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def load(text: bytes) -> dict[str, Any] | None:
    """Read a JSON object with every number as the decimal it says; None for anything else, whatever it is."""
    try:
        value = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
        if b"\\u" in text:
            # half a character can be escaped and read, but never sent back
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except (ValueError, ArithmeticError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no JSON")


def word(message: Mapping[str, Any], name: str, *, need: bool = True) -> str:
    """Return a field that is a text; missing ones are empty where not needed. :raises Refusal: it is not."""
    value = message.get(name)
    if value is None and not need:
        return ""
    if not isinstance(value, str) or (need and not value):
        raise Refusal("request", f"{name}: expected a text")
    return value


def number(message: Mapping[str, Any], name: str) -> Decimal:
    """Return a field that is a JSON number. :raises Refusal: it is not."""
    value = message.get(name)
    if not isinstance(value, Decimal):
        raise Refusal("request", f"{name}: expected a number")
    return _sane(name, value)


def number_text(message: Mapping[str, Any], name: str, *, need: bool = True) -> Decimal:
    """Return a field that is a number written as text; 0 where missing and not needed. :raises Refusal: it is not."""
    text = word(message, name, need=need)
    if not text and not need:
        return Decimal(0)
    if not _PLAIN.fullmatch(text):
        raise Refusal("request", f"{name}: expected a number as text")
    return _sane(name, Decimal(text))


def _sane(name: str, value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS or len(value.as_tuple().digits) > _MOST_DIGITS:
        raise Refusal("request", f"{name}: out of range")
    return value
