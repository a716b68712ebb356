"""The order benches: every way's orders reach the other end, wrong ends are told, figures are the samples'."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from benches import order_figures, order_report, order_sink, order_ways, orders, report
from benches.order_ways import FAST_PEER, OURS, PLAIN_PEER

from ferrofeed.bench import machine
from ferrofeed.bench.measure import Pinning

if TYPE_CHECKING:
    from pathlib import Path

ABOUT: dict[str, Any] = {
    "date": "2026-01-02T03:04:05+00:00",
    "cpu": "A CPU",
    "cpus": 2,
    "system": "Linux",
    "kernel": "6.1",
    "python": "3.11.7",
    "load_average": [0.1, 0.2, 0.3],
    "load_average_after": [0.4, 0.5, 0.6],
    "versions": {"picows": "2.3.1"},
}


def silent(_text: str) -> None:
    """Progress that nobody reads."""


def rounds(*p50: float) -> list[dict[str, float]]:
    return [
        {"p50": one, "p99": 3 * one, "p99.9": 5 * one, "max": 9 * one, "after a pause": 4 * one, "CPU": one / 2}
        for one in p50
    ]


def record() -> dict[str, Any]:
    ways = {OURS: rounds(2_000, 4_000, 3_000), FAST_PEER: rounds(1_000, 1_000, 2_000), PLAIN_PEER: rounds(4_000) * 3}
    stage = dict(zip(order_figures.LABELS, (300, 900, 1_200, 5_000), strict=True))
    return {
        "format": order_figures.FORMAT,
        "machine": ABOUT,
        "place": {
            "ways": [{"way": way, "rounds": found} for way, found in ways.items()],
            "stages": {OURS: {"risk": stage}},
        },
        "paper": {"trips": [{"what": "place to working", "rounds": rounds(10_000)}]},
        "router": [{"name": "place/paper", "ns": 1_234.5, "low_ns": 1_200.0, "high_ns": 1_300.0}],
        "recovery": {
            "entries": 1_000_010,
            "recovered_ns": [1_500_000_000, 3_000_000_000, 2_500_000_000],
            "read_ns": [500_000_000, 400_000_000, 600_000_000],
        },
    }


def test_every_way_sends_every_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # this process stays where it is
    monkeypatch.setattr(machine, "pinning", Pinning)
    found = asyncio.run(orders.place(100, 2, 0.0, tmp_path, silent))
    ways = order_ways.ways(tmp_path)
    assert [one["way"] for one in found["ways"]] == list(ways)
    assert all(len(one["rounds"]) == 2 for one in found["ways"])
    assert set(found["stages"]) == {name for name in ways if name.startswith("ferrofeed")}
    lines = (tmp_path / "json.log").read_text(encoding="utf-8").splitlines()
    places = [json.loads(line)["place"] for line in lines]
    assert len({place["client_oid"] for place in places}) == 300
    assert {(place["entrust_bs"], place["entrust_vol"]) for place in places[:4]} == {
        (side, volume) for side in ("buy", "sell") for volume in ("0.001", "0.002")
    }


def test_both_say_the_same_words(tmp_path: Path) -> None:
    sent: dict[str, list[dict[str, Any]]] = {}
    for name, make in order_ways.ways(tmp_path).items():
        texts: list[bytes] = []
        way = make(texts.append)
        placed = [way.place(*order_ways.Terms().of(number)) for number in range(4)]
        way.answer(placed)
        way.close()
        sent[name] = [{key: value for key, value in json.loads(text).items() if key != "client_oid"} for text in texts]
    ours = sent[OURS]
    assert len(ours) == 4
    # one message of the same kind and, but for a digit or two, the same length
    (alone,) = {json.dumps(one) for one in sent.pop("the send alone")}
    assert json.loads(alone).keys() == ours[-1].keys()
    assert abs(len(alone) - len(json.dumps(ours[-1]))) <= 3
    for name, theirs in sent.items():
        assert theirs == [one | {"entrust_price": theirs[at]["entrust_price"]} for at, one in enumerate(ours)], name
        assert [float(one["entrust_price"]) for one in theirs] == [100.0, 100.01, 100.02, 100.03]


def test_orders_that_are_not_over_are_told(tmp_path: Path) -> None:
    way = order_ways.ways(tmp_path)["ferrofeed, no journal"](lambda _text: None)
    way.place(*order_ways.Terms().of(0))
    with pytest.raises(RuntimeError, match="1 live orders"):
        way.close()


def test_an_order_that_did_not_arrive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "pinning", Pinning)

    def nothing(*_: object) -> str:
        return "none"

    monkeypatch.setattr(order_ways.ByHand, "place", nothing)
    monkeypatch.setattr(order_ways.ByHand, "answer", nothing)
    with pytest.raises(RuntimeError, match="0 of 20 orders came"):
        asyncio.run(orders.place(10, 1, 0.0, tmp_path, silent))


def test_a_paper_order_is_there_and_back() -> None:
    found = order_ways.Paper().round_trips(5, order_ways.Terms())
    assert {what: len(times) for what, times in found.items()} == {"place to working": 5, "cancel to cancelled": 5}


def test_criterion_is_read() -> None:
    text = (
        "orders/place/paper      time:   [1.2000 µs 1.2500 µs 1.3000 µs]\n"
        "                        change: [-1% +0% +1%] (p = 0.5 > 0.05)\n"
        "orders/place/coinceres, fsync off\n"
        "                        time:   [990.10 ns 1.0000 \u03bcs 1.2 ms]\n"
    )
    assert orders.criterion_times(text) == [
        {"name": "place/paper", "low_ns": 1_200.0, "ns": 1_250.0, "high_ns": 1_300.0},
        {"name": "place/coinceres, fsync off", "low_ns": 990.1, "ns": 1_000.0, "high_ns": 1_200_000.0},
    ]


def test_targets_are_judged_by_the_median_of_the_rounds() -> None:
    _, _, rows = order_figures.targets(record())
    assert rows == [
        ["Orders.place, journal with fsync off: p99", "≤ 10 µs", "9.00 µs", "6.00 … 12.00 µs", "met"],
        ["start from a journal of 1,000,010 entries", "≤ 2 s", "2.500 s", "1.500 … 3.000 s", "missed"],
    ]
    few = record() | {"recovery": record()["recovery"] | {"entries": 10, "recovered_ns": [1]}}
    assert order_figures.targets(few)[2][1][-1] == "missed", "too few entries prove nothing"


def test_ratios_are_of_each_round() -> None:
    _, _, rows = order_figures.ratios(record())
    assert rows[0][:2] == [f"{OURS} : {FAST_PEER}", "2.00 (1.50 … 4.00)"]
    assert rows[1][1] == "0.75 (0.50 … 1.00)"


def test_a_record_writes_its_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, source = tmp_path / "performance-orders.md", tmp_path / "orders.json"
    monkeypatch.setattr(order_report, "DOCUMENT", document)
    monkeypatch.setattr(order_report, "ROOT", tmp_path)
    names = [*order_report.FIGURES]
    document.write_text("\n".join(f"<!-- figures: {name} -->\nold {name}\n<!-- end -->" for name in names), "utf-8")
    kept = {name: value for name, value in record().items() if name != "paper"}
    source.write_text(json.dumps(kept), "utf-8")
    assert order_report.main([str(source)]) == 0
    text = document.read_text(encoding="utf-8")
    assert [name for name in names if f"old {name}" in text] == ["paper"]
    assert "| place | paper | 1,234 | 1,200 … 1,300 |" in text
    assert "load average before 0.10 0.20 0.30, after 0.40 0.50 0.60" in text


def test_another_format_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "orders.json"
    source.write_text('{"format": 99}', "utf-8")
    with pytest.raises(ValueError, match="format 99"):
        order_report.read(source)


def test_the_document_asks_for_figures_that_there_are() -> None:
    text = order_report.DOCUMENT.read_text(encoding="utf-8")
    assert report.written(text, {"machine": ABOUT}, order_report.FIGURES).count("<!-- figures") == len(
        order_report.FIGURES
    )


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x80"),
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (70_000, b"\x81\xff" + (70_000).to_bytes(8, "big")),
    ],
)
def test_the_other_end_counts_whole_frames(length: int, head: bytes) -> None:
    whole = head + b"mask" + bytes(length)
    pending = bytearray()
    for byte in whole[:-1][:200]:
        pending.append(byte)
        assert order_sink.take(pending) is None
    pending += whole[len(pending) :] + b"\x88\x80mask" + b"\x81"
    assert [order_sink.take(pending) for _ in range(3)] == [1, 8, None]
    assert pending == b"\x81"
