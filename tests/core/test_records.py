"""Records are the Rust memory itself: shared, read-only, and there for as long as anybody looks."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from tests.core.wire import CRYPTO, GOLDEN, Wire

from ferrofeed.events import EVENT

DEPTH = (GOLDEN / "itick/seed_depth.json").read_bytes()


@pytest.fixture
def wire() -> Wire:
    return Wire("itick", symbols=CRYPTO).open()


def test_two_views_are_the_same_memory(wire: Wire) -> None:
    batch = wire.batch(DEPTH)
    one, two = memoryview(batch.core.events), memoryview(batch.core.events)
    assert np.shares_memory(np.frombuffer(one, EVENT), np.frombuffer(two, EVENT))
    assert batch.records is batch.records
    assert np.shares_memory(batch.records, np.frombuffer(one, EVENT))
    assert not batch.records.flags.owndata
    assert not batch.levels.flags.owndata
    assert (len(one), len(memoryview(batch.core.levels))) == (128 * len(batch), 16 * len(batch.levels))


def test_nobody_can_write_to_it(wire: Wire) -> None:
    batch = wire.batch(DEPTH)
    assert memoryview(batch.core.events).readonly
    for array in (batch.records, batch.levels):
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)
    with pytest.raises(TypeError, match="read-only"):
        memoryview(batch.core.events)[0] = 1


def test_records_outlive_batch_consumer_and_feed() -> None:
    wire = Wire("itick", symbols=CRYPTO).open()
    batch = wire.batch(DEPTH)
    records, levels = batch.records, batch.levels
    kept, kept_levels = records.copy(), levels.copy()
    gone = weakref.ref(wire)
    del batch, wire
    gc.collect()
    assert gone() is None
    junk = [bytes(4096) for _ in range(500)]
    assert (records == kept).all()
    assert (levels == kept_levels).all()
    assert len(junk) == 500


def test_events_outlive_their_batch(wire: Wire) -> None:
    book = next(event for event in wire.batch(DEPTH) if event.type == "book")
    before = book.as_dict()
    wire.batch(DEPTH, DEPTH)
    gc.collect()
    assert book.as_dict() == before


def test_a_batch_without_books_has_no_levels(wire: Wire) -> None:
    batch = wire.take()
    assert batch is not None
    assert len(batch.levels) == 0
