"""A report survives its file, is shown as tables and a picture, and writes its figures into a document."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from benches import record, report, tables
from benches.contestants import DICT_BOOK, REFERENCE
from benches.targets import CALLBACK
from rich.console import Console

from ferrofeed.bench.campaign import Delay, Row
from ferrofeed.bench.measure import FERROFEED

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("p50", "p90", "p99", "p99.9", "max")
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


def measured() -> record.Results:
    latencies = dict(zip(LABELS, (5.0, 6.0, 7.0, 8.0, 9.0), strict=True))
    rounds = ({"corrected": latencies, "plain": latencies, "sender": dict.fromkeys(LABELS, 0.1)},)
    names = ((REFERENCE, 400.0), (FERROFEED.name, 123.4), (DICT_BOOK, 1_600.0))
    stage = {"wire": 10.0, "decode": 20.0, "book": 3.0, "accounts and histograms": 5.0, "hand on": 2.0}
    return record.Results(
        throughput=[
            Row(load, transport, name, 10, 1, 8_000, (ns, ns + 1, ns - 1), ns / 400, ())
            for load in ("quote", "depth5")
            for transport in ("tcp", "tls")
            for name, ns in names
        ],
        latency=[Delay("quote", 10_000.0, name, latencies, rounds) for name in (CALLBACK, DICT_BOOK)],
        growth=[Row("quote", "tcp", FERROFEED.name, count, 1, 8_000, (100.0,), None, ()) for count in (1, 1_000)],
        levels=[
            {"kind": kind, "levels": 5, "ferrofeed": [10.0], "BTreeMap": [30.0], "order_book": [777.0]}
            for kind in ("snapshots", "deltas")
        ],
        books=[{"load": "depth5", "way": way, "samples": [500.0]} for way in ("ferrofeed", "orjson + dict")],
        stages={
            "rows": [{"load": "itick quote", "bytes": 120, "stages_ns": stage}],
            "without": "valgrind is not installed",
        },
        memory={"frames": 10, "grown_kb": 0, "books_kb": 1024},
        signing={"ferrofeed": [1.0], "hmac": [4.0]},
        batches={"view": True, "copied_bytes": 0, "events": 4_000, "blocks": 9, "touched": 40_000, "ns": 1},
        left_out=["someone: their package is not there"],
    )


@pytest.fixture
def made() -> dict[str, Any]:
    return json.loads(json.dumps(record.content(ABOUT, "quick", measured())))  # type: ignore[no-any-return]


def test_a_report_survives_its_file(tmp_path: Path) -> None:
    paths = record.write(tmp_path, ABOUT, "quick", measured())
    read = record.read(paths[0])
    again = record.results(read)
    assert [(row.contestant, row.median) for row in again.throughput] == [
        (row.contestant, row.median) for row in measured().throughput
    ]
    assert [one.what for one in again.verdicts()] == [one["what"] for one in read["targets"]]
    assert read["throughput"][0]["samples"] == [400.0, 401.0, 399.0]
    assert (read["machine"], read["left_out"]) == (ABOUT, measured().left_out)


def test_another_format_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    old.write_text('{"format": 1}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"old\.json is a report of format 1"):
        record.read(old)


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_a_terminal(width: int) -> None:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        for table in tables.every(measured()):
            console.print(table)
    text = shown.get()
    assert max(map(len, text.splitlines())) <= width
    for words in (
        "123",
        "0.31x",
        "777",
        "no instructions: valgrind is not installed",
        "itick quote",
        "met",
        "10,000/s",
    ):
        assert words in text
    assert "1,6…" not in text


def test_a_picture_shows_every_contestant_and_its_figure(tmp_path: Path, made: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    from benches import plot

    png, svg = plot.draw(made, tmp_path / "bench")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text(encoding="utf-8")
    for words in (REFERENCE, FERROFEED.name, DICT_BOOK, "123 ns", "1,600 ns", "p99.9", "BTreeMap"):
        assert words in text
    assert plot.draw({**made, "throughput": [], "latency": [], "levels": []}, tmp_path / "nothing") == []


def test_figures_go_between_their_marks_and_nowhere_else(made: dict[str, Any]) -> None:
    before = (
        "a 1\n<!-- figures: throughput tcp -->\nold\n<!-- end -->\nb 2\n<!-- figures: machine -->\n<!-- end -->\nc\n"
    )
    after = report.written(before, made)
    assert re.sub(r"(-->\n).*?(<!-- end)", r"\1\2", after, flags=re.DOTALL) == re.sub(
        r"(-->\n).*?(<!-- end)", r"\1\2", before, flags=re.DOTALL
    )
    assert "old" not in after
    assert "| **ferrofeed** | 123 | 123 |" in after
    assert "load average before 0.10 0.20 0.30, after 0.40 0.50 0.60" in after
    assert report.written(after, made) == after


def test_a_part_that_was_not_measured_keeps_its_figures(made: dict[str, Any]) -> None:
    text = "<!-- figures: latency -->\nfrom another run\n<!-- end -->\n"
    assert report.written(text, {**made, "latency": []}) == text
    head = "<!-- figures: machine -->\nof the whole path\n<!-- end -->\n"
    assert report.written(head, {**made, "throughput": []}) == head
    with pytest.raises(ValueError, match="no report has: gossip"):
        report.written("<!-- figures: gossip -->\n<!-- end -->", made)


def test_the_document_asks_for_every_figure() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- figures: ([a-z ]+) -->", text)) == set(report.FIGURES)
