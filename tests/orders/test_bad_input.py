"""Whatever is wrong with an order: a typed error with the rule and its limit, nothing sent, one journal line."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.orders.support import ETH, config, journal, paper, running, until

from ferrofeed import Feed
from ferrofeed.orders import (
    BadInputError,
    HaltedError,
    NotReadyError,
    OrderError,
    OrderRejectedError,
    UnsupportedError,
)

LIMITS = {
    "max_quantity": "10",
    "max_notional": "20000",
    "max_position": "60",
    "max_open_orders_per_symbol": 2,
    "orders_per_window": 1000,
    "window_s": 60,
    "duplicate_window_s": 60,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bad")


@pytest.fixture(scope="module")
def feed(folder: Path) -> Iterator[Feed]:
    venue = paper(risk=LIMITS)
    venue["trade"][0]["risk"] = {"collar_bps": 100, "collar_without_book": "allow"}
    feed = running(config(folder, venue))
    yield feed
    feed.stop()


GOOD: dict[str, Any] = {"venue": "paper", "symbol": ETH, "side": "buy", "quantity": "1", "price": "2000"}
EXACT = "expected a Decimal, an int or decimal text"
DECIMAL = "not a decimal number; expected a decimal number"
CASES: list[tuple[dict[str, Any], type[OrderError], str, str]] = [
    ({"venue": "papr"}, BadInputError, "input", "venue: found 'papr', expected one of paper"),
    ({"symbol": "ETHUSDT"}, BadInputError, "input", "symbol: found 'ETHUSDT', expected one of ETH/USDT, BTC/USDT"),
    ({"side": "by"}, BadInputError, "input", 'unknown side "by"; expected one of buy, sell'),
    ({"side": ""}, BadInputError, "input", 'unknown side ""; expected one of buy, sell'),
    ({"type": "stop"}, BadInputError, "input", 'unknown type "stop"; expected one of limit, market, ioc'),
    ({"offset": "shut"}, BadInputError, "input", 'unknown offset "shut"; expected one of net, open, close'),
    ({"unit": "lots"}, BadInputError, "input", 'unknown unit "lots"; expected one of base, quote'),
    ({"ttl_s": 0}, BadInputError, "input", "ttl_s: found 0, expected a time above 0, at most 86400 s"),
    ({"ttl_s": float("nan")}, BadInputError, "input", "ttl_s: found nan, expected a time above 0, at most 86400 s"),
    ({"ttl_s": float("inf")}, BadInputError, "input", "ttl_s: found inf, expected a time above 0, at most 86400 s"),
    (
        {"quantity": 0.1},
        BadInputError,
        "input",
        f"quantity: found float 0.1, {EXACT}; a float is not exact, give a Decimal or text",
    ),
    (
        {"quantity": True},
        BadInputError,
        "input",
        f"quantity: found bool True, {EXACT}",
    ),
    (
        {"quantity": None},
        BadInputError,
        "input",
        f"quantity: found NoneType None, {EXACT}",
    ),
    ({"price": Decimal("NaN")}, BadInputError, "input", "price: found NaN, expected a finite number"),
    ({"price": Decimal("-Infinity")}, BadInputError, "input", "price: found -Infinity, expected a finite number"),
    (
        {"price": "NaN"},
        BadInputError,
        "input",
        f'price: found "NaN", {DECIMAL}',
    ),
    (
        {"price": "2,000"},
        BadInputError,
        "input",
        f'price: found "2,000", {DECIMAL}',
    ),
    (
        {"price": " 2000"},
        BadInputError,
        "input",
        f'price: found " 2000", {DECIMAL}',
    ),
    (
        {"price": "1" * 30},
        BadInputError,
        "input",
        f'price: found "{"1" * 30}", a number with more digits than 64 bits hold; expected a decimal number',
    ),
    (
        {"price": "2000.001"},
        OrderRejectedError,
        "price_digits",
        "price 2000.001: more digits than the 2 after the point, or too large (rule price_digits)",
    ),
    (
        {"quantity": "1.0001"},
        OrderRejectedError,
        "quantity_digits",
        "quantity 1.0001: more digits than the 3 after the point, or too large (rule quantity_digits)",
    ),
    ({"price": "-1"}, OrderRejectedError, "price_sign", "price -1: expected more than 0 (rule price_sign)"),
    ({"price": None}, OrderRejectedError, "price_sign", "price 0: expected more than 0 (rule price_sign)"),
    (
        {"type": "market"},
        OrderRejectedError,
        "price_sign",
        "price 2000: expected 0 for a market order (rule price_sign)",
    ),
    ({"quantity": 0}, OrderRejectedError, "quantity_sign", "quantity 0: expected more than 0 (rule quantity_sign)"),
    ({"quantity": "-2"}, OrderRejectedError, "quantity_sign", "quantity -2: expected more than 0 (rule quantity_sign)"),
    (
        {"symbol": "BTC/USDT", "offset": "open", "price": "30000.05"},
        OrderRejectedError,
        "price_digits",
        "price 30000.05: more digits than the 1 after the point, or too large (rule price_digits)",
    ),
    (
        {"quantity": "0.001"},
        OrderRejectedError,
        "min_size",
        "quantity 0.001: the venue's smallest is 0.002 (rule min_size)",
    ),
    (
        {"quantity": "0.002"},
        OrderRejectedError,
        "min_notional",
        "price x quantity 4: the venue's smallest is 5 (rule min_notional)",
    ),
    (
        {"quantity": "10.001"},
        OrderRejectedError,
        "max_quantity",
        "quantity 10.001: our limit is 10 (rule max_quantity)",
    ),
    (
        {"quantity": "10", "price": "2000.01"},
        OrderRejectedError,
        "max_notional",
        "price x quantity 20000.1: our limit is 20000 (rule max_notional)",
    ),
    (
        {"quantity": "10", "price": "100", "symbol": "BTC/USDT", "offset": "close", "side": "sell", "unit": "quote"},
        UnsupportedError,
        "unit",
        "a quantity in quote can't be used here; expected base (rule unit)",
    ),
    (
        {"offset": "open"},
        OrderRejectedError,
        "offset",
        "offset open can't be used here; expected net (rule offset)",
    ),
    ({"intent": "x" * 65}, BadInputError, "too_long", "intent: more than 64 bytes"),
]


def refused(feed: Feed, **changed: Any) -> OrderError:
    with pytest.raises(OrderError) as caught:
        feed.orders.place(**{**GOOD, **changed})
    return caught.value


@pytest.mark.parametrize(("changed", "kind", "rule", "text"), CASES, ids=[str(case[0])[:60] for case in CASES])
def test_it_is_refused_in_these_words_and_leaves_one_line(  # noqa: PLR0917  # a case has so many parts
    feed: Feed, folder: Path, changed: dict[str, Any], kind: type[OrderError], rule: str, text: str
) -> None:
    before, sent = journal(folder), feed.orders.core.counters(0)["placed"]
    error = refused(feed, **changed)
    assert (type(error), error.rule, str(error)) == (kind, rule, text)
    (line,) = journal(folder)[len(before) :]
    assert line.startswith("denied at ")
    assert line.endswith(f"{text} [{rule}]")
    assert feed.orders.core.counters(0)["placed"] == sent
    assert feed.orders.open_orders() == []


def test_limits_that_depend_on_what_is_live(feed: Feed, folder: Path) -> None:
    orders = feed.orders
    first = orders.place(**GOOD)
    first.wait_live(5)
    error = refused(feed)
    assert error.rule == "duplicate"
    assert "the least time between is 60 s" in str(error)
    orders.place(**{**GOOD, "quantity": "9"}).wait_live(5)
    error = refused(feed, quantity="2", price="1000")
    assert str(error) == "the position could become 62: our limit is 60 (rule position)"
    error = refused(feed, side="sell", price="5000")
    assert str(error) == "2 live orders in the instrument: our limit is 2 (rule open_orders)"
    orders.kill("enough")
    before = journal(folder)
    error = refused(feed)
    assert (type(error), error.rule) == (HaltedError, "halted")
    (line,) = journal(folder)[len(before) :]
    assert line.endswith("[halted]")
    until(lambda: not orders.open_orders(), "everything is cancelled")
    orders.clear_kill("the test")


def test_a_venue_that_is_not_ready(tmp_path: Path) -> None:
    feed = Feed(config(tmp_path, paper()))
    before = journal(tmp_path)
    error = refused(feed)
    assert (type(error), str(error)) == (NotReadyError, "paper takes no orders: it is down, not ready")
    (line,) = journal(tmp_path)[len(before) :]
    assert line.endswith("[not_ready]")
    feed.stop()
    error = refused(feed)
    assert error.rule in {"not_ready", "journal"}
    assert feed.orders.open_orders() == []
