"""Readers of exact numbers: prices, sizes and money as text or integers. A TOML float is none of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ferrofeed.config.reading import describe
from ferrofeed.config.values import symbol

if TYPE_CHECKING:
    from ferrofeed.config.reading import Context, Reader

MOST_DIGITS: Final = 18
"""Digits of a number in all, and after its point: more do not fit the router's integers."""
_DECIMAL: Final = re.compile(r"[0-9]{1,19}(\.[0-9]{1,18})?", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


def digits_after(number: Decimal) -> int:
    """Digits after the decimal point, trailing zeros aside."""
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def amount(*, zero: bool = False, example: str = "0.01") -> Reader:
    """A decimal above 0 (or, with ``zero``, 0 too) of at most 18 digits."""
    expected = f'a number of at most {MOST_DIGITS} digits, {"0 or more" if zero else "above 0"}, as text: "{example}"'

    def reader(ctx: Context, path: str, value: object) -> Decimal | None:
        number = _exact(value)
        if number is not None and (number > 0 or (zero and number == 0)):
            return number
        if isinstance(value, float):
            ctx.problem(path, f"found {describe(value)}, a TOML float, which is not exact", expected, f'"{value}"')
        else:
            ctx.problem(path, f"found {describe(value)}", expected)
        return None

    return reader


def _exact(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, str) and _DECIMAL.fullmatch(value)):
        number = Decimal(value)
    elif isinstance(value, Decimal) and value.is_finite():
        number = value
    else:
        return None
    number = number.normalize()
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    fits = len(digits) + max(0, exponent) <= MOST_DIGITS and -exponent <= MOST_DIGITS
    return Decimal(f"{number:f}") if fits else None


def whole(low: int, high: int, unit: str = "") -> Reader:
    """An integer in a range, as such or as text."""
    expected = f"an integer from {low} to {high}{unit and f' ({unit})'}"

    def reader(ctx: Context, path: str, value: object) -> int | None:
        number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        if isinstance(number, int) and not isinstance(number, bool) and low <= number <= high:
            return number
        ctx.problem(path, f"found {describe(value)}", expected)
        return None

    return reader


def span(low: int, high: int, unit: str) -> Reader:
    """One integer, or a pair of them: from, to."""
    one = whole(low, high, unit)
    expected = f"an integer from {low} to {high} ({unit}), or two of them: [least, most]"

    def reader(ctx: Context, path: str, value: object) -> tuple[int, int] | None:
        if not isinstance(value, list | tuple):
            both = one(ctx, path, value)
            return None if both is None else (both, both)
        if len(value) == 2:  # noqa: PLR2004  # a pair
            least, most = (one(ctx, f"{path}[{index}]", item) for index, item in enumerate(value))
            if least is None or most is None:
                return None
            if least <= most:
                return least, most
        ctx.problem(path, f"found {describe(value)}", expected)
        return None

    return reader


def money_by_currency(ctx: Context, path: str, value: object) -> dict[str, Decimal] | None:
    """A table of amounts by currency."""
    if not isinstance(value, Mapping):
        ctx.problem(path, f"found {describe(value)}", 'a table of amounts by currency, such as {USDT = "100000"}')
        return None
    read = amount(zero=True, example="100000")
    found: dict[str, Decimal] = {}
    for name, item in value.items():
        currency = symbol(ctx, f"{path}.{name}", name)
        held = read(ctx, f"{path}.{name}", item)
        if currency is not None and held is not None:
            found[currency] = held
    return found
