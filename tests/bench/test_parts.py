"""The suite's smaller parts: other books do the same work, stages are differences, ways end with the right books."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from benches import contestants, inprocess, levels, small, stages, whole_path
from benches.sizes import SIZES

from ferrofeed import _core
from ferrofeed.bench import workload
from ferrofeed.bench.measure import FERROFEED, MeasurementError


class Side(dict[Decimal, Decimal]):
    """A side as ``order_book`` has it, slowly."""

    best: Any = max

    def index(self, at: int) -> tuple[Decimal, Decimal]:
        assert at == 0
        price = self.best(self)
        return price, self[price]


class Bids(Side):
    best = staticmethod(max)


class Asks(Side):
    best = staticmethod(min)


class Naive:
    def __init__(self) -> None:
        self._sides: dict[str, Side] = {"bids": Bids(), "asks": Asks()}

    bids = property(lambda self: self._sides["bids"], lambda self, new: self._sides.update(bids=Bids(new)))
    asks = property(lambda self: self._sides["asks"], lambda self, new: self._sides.update(asks=Asks(new)))


def books() -> list[Any]:
    try:
        import order_book
    except ImportError:
        return [Naive]
    return [Naive, order_book.OrderBook]


@pytest.mark.parametrize("make", books())
def test_another_book_does_the_work_it_is_given(make: Any) -> None:
    start = [[[100, 5], [99, 7]], [[101, 1], [103, 2]]]
    deltas = [[0, 100, 0], [1, 102, 9], [1, 101, 0], [0, 98, 3]]  # best bid 99, best ask 102
    samples, top = levels.theirs(make, {"start": start, "deltas": deltas}, rounds=3)
    assert (len(samples), top) == (3, 99 + 102)
    samples, top = levels.theirs(make, {"snapshots": [start, [[[50, 1]], [[60, 1]]]]}, rounds=2)
    assert (len(samples), top) == (2, 110)


def test_stages_are_what_one_layer_adds_to_another() -> None:
    layers = {"wire": 30.0, "decode": 100.0, "book": 140.0, "pipeline": 200.0, "conflate": 260.0}
    found = stages.split(layers)
    assert found == {"wire": 30.0, "decode": 100.0, "book": 40.0, "accounts and histograms": 30.0, "hand on": 60.0}
    assert sum(found.values()) == layers["conflate"]


@pytest.mark.parametrize("way", inprocess.WAYS)
def test_every_way_in_process_ends_with_the_books(way: str) -> None:
    if inprocess.missing(way) or way == "nautilus_trader":
        pytest.skip("not in this environment")
    load = workload.build("depth5", instruments=3, block=20)
    assert len(inprocess.samples(way, load, 2)) == 2


def test_a_way_with_a_wrong_book_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inprocess.WAYS, "wrong", (lambda _load: (lambda: None, dict), "", ""))
    with pytest.raises(MeasurementError, match="wrong: the book of BTC_USDT"):
        inprocess.samples("wrong", workload.build("depth5", instruments=1, block=4), 1)


def test_batches_are_views_and_untouched_events_are_no_objects() -> None:
    found = small.batches(rounds=3)
    assert found["view"]
    assert found["copied_bytes"] == 0
    assert found["blocks"] < found["events"] / 100 < found["touched"]


def test_signing_gives_a_sample_a_round_for_each() -> None:
    assert {name: len(samples) for name, samples in small.signing(rounds=2, each=2).items()} == {
        "ferrofeed": 2,
        "hmac": 2,
    }


def test_names_are_unique_and_settings_said() -> None:
    names = [entry.contestant.name for entry in contestants.ENTRIES]
    assert len(set(names)) == len(names)
    assert all(entry.settings for entry in contestants.ENTRIES)
    assert {contestants.REFERENCE, contestants.DICT_BOOK, FERROFEED.name} < set(names)


def test_a_missing_peer_is_named_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = contestants.Entry(FERROFEED, "", modules=("surely_not_installed",), binary=Path("/nowhere/tool"))
    monkeypatch.setattr(whole_path, "ENTRIES", (absent,))
    assert whole_path._present("") == ([], ["ferrofeed: surely_not_installed, tool is not there"])


def test_a_run_of_a_few_parts_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not _core.release_build:
        pytest.skip("a debug build of the core")
    arguments = [
        "--quick",
        "--only",
        "throughput,signing",
        "--loads",
        "quote",
        "--frames",
        "8000",
        "--out",
        str(tmp_path),
    ]
    assert whole_path.main([*arguments, "--contestants", "ferrofeed,raw recv"]) == 0
    assert "HMAC-SHA256" in capsys.readouterr().out
    (written,) = tmp_path.glob("*.json")
    from benches import record

    found = record.read(written)
    assert {row["contestant"] for row in found["throughput"]} >= {"raw recv (floor)", "ferrofeed"}
    assert found["latency"] == found["growth"] == []


def test_an_unknown_part_is_told() -> None:
    if not _core.release_build:
        pytest.skip("a debug build of the core")
    with pytest.raises(SystemExit, match="--only nonsense: expected some of throughput"):
        whole_path.main(["--only", "nonsense", "--contestants", "nobody"])


def test_a_part_that_can_not_run_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_cargo(*_: object, **__: object) -> None:
        raise FileNotFoundError("cargo")

    monkeypatch.setattr(stages, "measure", no_cargo)
    told: list[str] = []
    args = SimpleNamespace(only="stages,signing", rounds=0, frames=0, loads="")
    results = whole_path._run(args, SIZES["quick"], [], lambda _: None, told.append)  # type: ignore[arg-type]
    assert told == ["stages: cargo"]
    assert set(results.signing) == {"ferrofeed", "hmac"}
