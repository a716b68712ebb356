"""One event, three faces: NumPy records, objects and JSON lines say the same of every kind, and say it right."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from tests.core.wire import CRYPTO, GOLDEN, Wire, golden

from ferrofeed import _core
from ferrofeed.errors import UsageError
from ferrofeed.events import DTYPES, EVENT, KINDS, LEVEL, NO_INSTRUMENT, Bar, BookEvent, Quote, Status, Trade

TRADE = b'{"code":1,"data":{"s":"ETH_USDT","ld":3034.5,"t":1731690011321,"v":0.00618,"type":"tick"}}'
VENUES = ("ziario", "itick", "infoway")


def plain(value: object) -> object:
    """An attribute as the JSON line writes it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, list):
        return [[plain(part) for part in level] for level in value]
    return value


def faces(wire: Wire, *messages: bytes) -> list[tuple[Any, Any, dict[str, Any]]]:
    """Record, object and JSON object of every event."""
    batch = wire.batch(*messages)
    lines = [json.loads(line) for line in wire.core.json_lines(batch.core, ["v"]).splitlines()]
    assert len(batch) == len(batch.records) == len(lines)
    return list(zip(batch.records, batch, lines, strict=True))


def test_the_layout_is_the_rust_cores() -> None:
    assert EVENT.itemsize == 128
    assert LEVEL.itemsize == 16
    offsets = {name: field[1] for name, field in (EVENT.fields or {}).items()}
    assert offsets["venue"] == 8
    assert offsets["instrument"] == 12
    assert (offsets["seq"], offsets["ts_event"], offsets["ts_recv"], offsets["ts_booked"]) == (16, 24, 32, 40)
    assert (offsets["epoch"], offsets["reason"], offsets["present"], offsets["v"]) == (48, 52, 54, 56)
    for kind in KINDS:
        assert DTYPES[kind].itemsize == 128
        assert all(field[1] + field[0].itemsize <= 128 for field in (DTYPES[kind].fields or {}).values())


@pytest.mark.parametrize("venue", VENUES)
def test_records_objects_and_json_lines_agree_on_every_golden_frame(venue: str) -> None:
    wire = Wire(venue, symbols=CRYPTO).open()
    seen: set[str] = set()
    for number, message in enumerate(golden(venue)):
        wire.send(message)
        batch = wire.take()
        if batch is None:
            continue
        lines = [json.loads(line) for line in wire.core.json_lines(batch.core, ["v"]).splitlines()]
        for index, (record, event, line) in enumerate(zip(batch.records, batch, lines, strict=True)):
            seen.add(event.type)
            # what the venue did not send is None, or an empty id, and left out of the line
            fields = {name: plain(value) for name, value in event.as_dict().items()}
            assert {name: value for name, value in fields.items() if name in line or value not in (None, "")} == line, (
                number
            )
            assert batch[index].as_dict() == event.as_dict()
            assert KINDS[record["kind"] - 1] == event.type == line["type"]
            assert (record["seq"], record["ts_event"], record["ts_recv"]) == (event.seq, event.ts_event, event.ts_recv)
            assert (record["instrument"], record["epoch"]) == (event.instrument, event.epoch)
            check_numbers(np.array([record], EVENT).view(DTYPES[event.type])[0], event, batch.levels)
    assert seen >= {"ziario": {"status", "quote"}, "itick": {*KINDS}, "infoway": {"trade", "book", "bar"}}[venue]


def check_numbers(record: Any, event: Any, levels: Any) -> None:
    """The record's integers at its scales are the object's decimals."""
    price, size, turnover = (Decimal(1).scaleb(-int(record[f"{name}_scale"])) for name in ("price", "size", "turnover"))
    if isinstance(event, Trade):
        assert (record["price"] * price, record["size"] * size) == (event.price, event.size)
        assert record["trade_id"].decode() == event.trade_id
    elif isinstance(event, Quote):
        assert record["last"] * price == event.last
        for name, unit in (("volume", size), ("turnover", turnover), ("open", price), ("high", price), ("low", price)):
            value = getattr(event, name)
            assert record[name] * unit == (value or 0), name
    elif isinstance(event, Bar):
        for name in ("open", "high", "low", "close"):
            assert record[name] * price == getattr(event, name)
        assert record["ts_open"] == event.ts_open
    elif isinstance(event, BookEvent):
        at, bids, asks = int(record["at"]), int(record["bids"]), int(record["asks"])
        own = [(int(p) * price, int(s) * size) for p, s in levels[at : at + bids + asks]]
        assert (event.bids, event.asks) == (own[:bids], own[bids:])
        assert (event.best_bid is None) == (record["bid_size"] == 0)
        if event.best_bid is not None:
            assert event.best_bid == (record["bid"] * price, record["bid_size"] * size)
        if event.best_ask is not None:
            assert event.best_ask == (record["ask"] * price, record["ask_size"] * size)
    else:
        assert isinstance(event, Status)
        assert event.state
        assert event.reason


def test_a_trade_in_full() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    wire.take()
    ((record, trade, line),) = faces(wire, TRADE)
    assert isinstance(trade, Trade)
    assert (trade.venue, trade.symbol, trade.raw_symbol, trade.instrument) == ("v", "ETH/USDT", "ETHUSDT", 0)
    assert (trade.price, trade.size, trade.side) == (Decimal("3034.5"), Decimal("0.00618"), "unknown")
    assert trade.ts_event == 1_731_690_011_321_000_000
    assert (trade.turnover, trade.trade_id, trade.lossy) == (None, "", False)
    assert (line["price"], line["size"]) == ("3034.5", "0.00618")
    assert "turnover" not in line
    assert record["kind"] == 1
    assert repr(trade).startswith("Trade(venue=v, symbol=ETH/USDT")


def test_a_book_in_full() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    wire.take()
    message = golden_frame("itick", "seed_depth")
    source = json.loads(message)["data"]
    found = faces(wire, message)
    book = next(event for _, event, _ in found if event.type == "book")
    assert book.bids == [(Decimal(str(level["p"])), Decimal(str(level["v"]))) for level in source["b"]]
    assert book.asks == [(Decimal(str(level["p"])), Decimal(str(level["v"]))) for level in source["a"]]
    assert (book.best_bid, book.best_ask) == (book.bids[0], book.asks[0])
    assert (book.valid, book.action, book.depth) == (True, "snapshot", max(len(source["a"]), len(source["b"])))


def golden_frame(venue: str, name: str) -> bytes:
    return (GOLDEN / venue / f"{name}.json").read_bytes()


def test_a_connection_is_a_status_without_an_instrument() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    batch = wire.take()
    assert batch is not None
    first = batch[0]
    assert isinstance(first, Status)
    assert (first.state, first.symbol, first.raw_symbol, first.instrument) == ("connected", "", "", NO_INSTRUMENT)
    assert first.epoch == 1


def test_a_value_that_does_not_fit_moves_the_scale_and_says_so() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    wire.take()
    fine = TRADE.replace(b"0.00618", b"0.0000000000618")
    found = faces(wire, TRADE, fine)
    assert [event.type for _, event, _ in found] == ["trade", "status", "trade"]
    status, line = found[1][1:]
    assert (status.state, status.reason) == ("scale", "value_out_of_scale")
    assert {name: plain(value) for name, value in status.as_dict().items()} == line
    assert status.size_scale == line["size_scale"] == found[2][0]["size_scale"] >= 13
    assert found[0][1].size == Decimal("0.00618")
    assert found[2][1].size == Decimal("0.0000000000618")


def test_of_gives_one_kind_under_its_own_names() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    batch = wire.batch(TRADE, golden_frame("itick", "seed_quote"), TRADE)
    trades = batch.of("trade")
    assert trades["price"].tolist() == [
        event.price.scaleb(event.price_scale) for event in batch if isinstance(event, Trade)
    ]
    assert len(batch.of("quote")) == 1
    assert len(batch.of("depth")) == len(batch.of("book")) == 0
    only = wire.batch(TRADE, TRADE)
    assert np.shares_memory(only.of("trade"), only.records)
    with pytest.raises(UsageError, match="no kind 'trades'; there are trade, quote, book, bar, status"):
        batch.of("trades")


def test_a_batch_is_a_sequence() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    batch = wire.batch(TRADE, TRADE)
    assert len(batch) == 3
    assert batch[-1].seq == batch[2].seq == 3
    for index in (3, -4):
        with pytest.raises(IndexError):
            batch[index]
    assert [event.seq for event in batch] == [1, 2, 3]


def test_the_decoder_alone_gives_the_same_lines() -> None:
    decoder = _core.Decoder("itick")
    disposition, detail, line = decoder.decode(TRADE, 5)
    assert (disposition, detail) == ("data", "")
    assert json.loads(line) | {"symbol": "ETH/USDT"} == {
        "type": "trade",
        "venue": "itick",
        "symbol": "ETH/USDT",
        "raw_symbol": "ETH_USDT",
        "ts_event": 1_731_690_011_321_000_000,
        "ts_recv": 5,
        "seq": 1,
        "price": "3034.5",
        "size": "0.00618",
        "side": "unknown",
    }
    assert decoder.decode(b"\xff")[:2] == ("error", "utf8 at byte 0")
