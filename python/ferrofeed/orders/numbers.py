"""Prices and quantities as the core takes them: exact decimal text."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from ferrofeed.orders.errors import BadInputError

Number: TypeAlias = "str | int | Decimal"
"""What prices and quantities may be given as. No float: 0.1 is none of the numbers a float can hold."""


def text_of(what: str, value: Number) -> str:
    """The number's text; :class:`BadInputError` for what is no exact number."""
    if isinstance(value, str):
        return value
    # bool is an int, and no number of anything
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Decimal):
        if value.is_finite():
            return format(value, "f")
        raise BadInputError("input", f"{what}: found {value}, expected a finite number")
    kind = type(value).__name__
    hint = "; a float is not exact, give a Decimal or text" if kind == "float" else ""
    raise BadInputError("input", f"{what}: found {kind} {value!r}, expected a Decimal, an int or decimal text{hint}")
