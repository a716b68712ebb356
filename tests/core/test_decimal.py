"""``_core.decimal`` against Python's own decimals: values, scales and errors."""

from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ferrofeed import _core
from ferrofeed.events import to_decimal

GRAMMAR = re.compile(rb"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
PLAIN = Context(prec=200)


def expected(text: bytes) -> tuple[int, int] | str:
    """Value and scale, or the error's name, by the documented rules and Python's arithmetic."""
    if not GRAMMAR.fullmatch(text):
        return "syntax"
    mantissa, _, power = text.decode().lower().partition("e")
    # the exponent apart: Python's decimals end at 10**18 of it, JSON's numbers nowhere
    sign, digits, exponent = PLAIN.create_decimal(mantissa).as_tuple()
    assert isinstance(exponent, int)
    exponent += int(power or "0")
    while digits and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if not digits:
        return 0, 0
    if exponent < -18:
        return "too_fine"
    if len(digits) + max(0, exponent) > 19:
        return "too_large"
    coef = int("".join(map(str, digits))) * 10 ** max(0, exponent) * (-1 if sign else 1)
    return (coef, max(0, -exponent)) if -(2**63) <= coef < 2**63 else "too_large"


def got(text: bytes) -> tuple[int, int] | str:
    try:
        return _core.decimal(text)
    except ValueError as error:
        return str(error)


digits = st.text("0123456789", min_size=1, max_size=40)
exponents = st.builds(
    "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), digits.map(lambda d: d[:4])
)
numbers = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(".{}".format)),
    st.one_of(st.just(""), exponents),
)


@settings(max_examples=3000, deadline=None)
@given(numbers.map(str.encode))
@example(b"9223372036854775807")
@example(b"9223372036854775808")
@example(b"-9223372036854775808")
@example(b"-9223372036854775809")
@example(b"0.000000000000000001")
@example(b"0.0000000000000000001")
@example(b"1e18")
@example(b"1e19")
@example(b"-0.0e-999999")
@example(b"0000000000000000000000000000001.50")
@example(b"1234567890123456")
@example(b"12345678901234567")
@example(b"1.5e-17")
@example(b"1E1000000")
@example(b"0e9999999999999999999")
def test_numbers_are_exactly_pythons(text: bytes) -> None:
    assert got(text) == expected(text)


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.binary(max_size=24), st.text("0123456789.-+eE naNifx_", max_size=24).map(str.encode)))
@example(b"")
@example(b"-")
@example(b".5")
@example(b"5.")
@example(b"+1")
@example(b"1e")
@example(b"NaN")
@example("\u0661".encode())
@example(b"1_000")
def test_everything_else_is_an_error_and_nothing_else_is(text: bytes) -> None:
    assert got(text) == expected(text)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 18))
def test_what_an_object_shows_is_the_integer_at_its_scale(value: int, scale: int) -> None:
    shown = to_decimal(value, scale)
    assert shown == Decimal(value).scaleb(-scale, PLAIN)
    assert "." not in f"{shown:f}" or not f"{shown:f}".endswith("0")


def test_the_users_own_decimal_context_rounds_no_price() -> None:
    with localcontext(prec=3, Emax=4, Emin=-4):
        assert to_decimal(4_500_061_123, 5) == Decimal("45000.61123")
        assert to_decimal(10**18 - 1, 18) == Decimal("0.999999999999999999")


def test_the_error_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^too_fine$"):
        _core.decimal(b"1e-19")
