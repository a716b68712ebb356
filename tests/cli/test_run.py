"""``ferrofeed run`` against a simulator that is a process of its own: output, signals, refusals."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "python"
COMMON = ["type", "venue", "symbol", "raw_symbol", "ts_event", "ts_recv", "seq"]
FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "trade": ({"price", "size", "side"}, {"trade_id", "turnover"}),
    "quote": ({"last"}, {"volume", "turnover", "change", "open", "high", "low", "status"}),
    "book": ({"bids", "asks", "depth", "valid", "action"}, set()),
    "bar": ({"interval", "open", "high", "low", "close", "ts_open"}, {"volume", "turnover"}),
    "status": ({"state", "reason", "epoch"}, {"price_scale", "size_scale", "turnover_scale"}),
}
"""By type: what is always there, and what only where the venue sends it (or, for a status, where it is the news)."""
DECIMALS = {"price", "size", "last", "volume", "turnover", "change", "open", "high", "low", "close"}
KEY = "made-up-key-of-the-test"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command; ended with the test."""
    with ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[str]:
            errors = (
                stack.enter_context((tmp_path / "stderr").open("w")) if arguments[0] == "run" else subprocess.DEVNULL
            )
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "ferrofeed", *arguments],
                    cwd=tmp_path,
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "KEY": KEY},
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def config(start: Start, tmp_path: Path) -> Callable[..., Path]:
    def config(
        *,
        key: str = KEY,
        source: str = "env:KEY",
        faults: str = "",
        metrics: str = "",
        rate: int = 300,
        service: str = "",
    ) -> Path:
        sim = start(
            *("sim", "itick", "--rate", str(rate), "--symbols", "BTC/USDT,ETH/USDT", "--api-key", key),
            *(("--faults", faults) if faults else ()),
        )
        assert sim.stdout is not None
        url = sim.stdout.readline().split()[-1]
        path = tmp_path / "feed.toml"
        path.write_text(
            f'[service]\nmetrics = "{metrics}"\n{service}'
            f'[[venue]]\nid = "itick-1"\nkind = "itick"\nurl = "{url}"\napi_key = "{source}"\n'
            '[[venue.subscribe]]\nsymbols = ["BTC/USDT", "ETH/USDT"]\n'
            'channels = ["quote", "depth", "trade", "bar:1m"]\n'
        )
        return path

    return config


def stderr(tmp_path: Path) -> str:
    return (tmp_path / "stderr").read_text()


def wait_for(tmp_path: Path, text: str, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while text not in stderr(tmp_path):
        assert process.poll() is None, stderr(tmp_path)
        assert time.monotonic() < end, stderr(tmp_path)
        time.sleep(0.01)


def check(line: dict[str, Any]) -> None:
    """The fields that DESIGN's "JSON lines" names, in its order, decimals as strings."""
    assert list(line)[: len(COMMON)] == COMMON
    needed, allowed = FIELDS[line["type"]]
    assert needed <= line.keys() - set(COMMON) <= needed | allowed
    for name in DECIMALS & line.keys():
        assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", line[name]), (name, line[name])
    if line["type"] == "book":
        for price, size in (*line["bids"], *line["asks"]):
            assert isinstance(price, str)
            assert isinstance(size, str)
        assert line["depth"] == max(len(line["bids"]), len(line["asks"]))
        prices = [float(price) for price, _ in line["bids"]]
        assert prices == sorted(prices, reverse=True)
    if line["type"] == "trade":
        assert line["side"] in {"buy", "sell", "unknown"}
    assert all(isinstance(line[name], int) for name in ("ts_event", "ts_recv", "seq"))
    assert line["venue"] == "itick-1"


KNOBS = """lock_memory = true
gc = "off"
switch_interval_us = 500
[service.loop]
busy_poll = true
cpu = 0
tcp_quickack = true
receive_buffer_bytes = 65536
"""


@pytest.mark.parametrize("service", ["", KNOBS], ids=["defaults", "knobs"])
def test_jsonl_is_every_event_in_order_and_sigterm_ends_it(
    start: Start, config: Callable[..., Path], tmp_path: Path, service: str
) -> None:
    process = start("run", "-c", str(config(service=service)), "--output", "jsonl")
    assert process.stdout is not None
    lines: list[dict[str, Any]] = []
    while {line["type"] for line in lines} < FIELDS.keys() or len(lines) < 300:
        lines.append(json.loads(process.stdout.readline()))
    began = time.monotonic()
    process.terminate()
    lines += map(json.loads, process.stdout)
    assert process.wait(30) == 0
    assert time.monotonic() - began < 5
    for line in lines:
        check(line)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert {line["symbol"] for line in lines if line["type"] == "book"} == {"BTC/USDT", "ETH/USDT"}
    assert "SIGTERM: stopping" in stderr(tmp_path)
    assert KEY not in stderr(tmp_path)


def test_sigint_ends_it_too_and_without_output_it_says_when_it_is_ready(
    start: Start, config: Callable[..., Path], tmp_path: Path
) -> None:
    process = start("run", "-c", str(config()))
    wait_for(tmp_path, "ready: every subscription is live", process)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in stderr(tmp_path)


def test_a_reader_that_leaves_ends_it_without_a_trace(
    start: Start, config: Callable[..., Path], tmp_path: Path
) -> None:
    process = start("run", "-c", str(config()), "--output", "jsonl")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["seq"] == 1
    process.stdout.close()
    assert process.wait(30) == 1
    assert "Traceback" not in stderr(tmp_path)
    assert "BrokenPipe" not in stderr(tmp_path)


def test_a_reader_that_does_not_read_keeps_nobody_from_stopping(
    start: Start, config: Callable[..., Path], tmp_path: Path
) -> None:
    process = start("run", "-c", str(config()), "--output", "jsonl")
    assert process.stdout is not None
    assert fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, select.PIPE_BUF) == select.PIPE_BUF
    assert select.select([process.stdout], [], [], 30)[0]
    time.sleep(1)  # 300 events a second fill it
    process.terminate()
    assert process.wait(30) == 0
    assert re.search(r"standard output is not read: the last \d+ bytes are lost", stderr(tmp_path))


def test_a_slow_reader_gets_every_event_in_whole_lines(start: Start, config: Callable[..., Path]) -> None:
    process = start("run", "-c", str(config(rate=3000)), "--output", "jsonl")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if len(lines) == 20:
            time.sleep(1)  # the pipe is full meanwhile
        if len(lines) == 2000:
            process.terminate()
    assert process.wait(30) == 0
    assert len(lines) >= 2000
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))


def test_a_wrong_key_is_2_with_the_venues_own_words(start: Start, config: Callable[..., Path], tmp_path: Path) -> None:
    process = start("run", "-c", str(config(key="another-key")))
    assert process.wait(20) == 2
    assert "every venue refused us for good: login refused" in stderr(tmp_path)
    assert KEY not in stderr(tmp_path)


def test_sigusr1_prints_the_quarantine_with_secrets_masked(
    start: Start, config: Callable[..., Path], tmp_path: Path
) -> None:
    # a credential that stands in every frame of a book, so that every one kept must be masked
    (tmp_path / "key").write_text("BTC_USDT")
    (tmp_path / "key").chmod(0o600)
    path = config(key="BTC_USDT", source=f"file:{tmp_path / 'key'}", faults="every=0.3 corrupt n=20")
    path.write_text(path.read_text().replace('"BTC/USDT", "ETH/USDT"', '"BTC/USDT"'))
    process = start("run", "-c", str(path))
    wait_for(tmp_path, "a message could not be used", process)
    end = time.monotonic() + 20
    # the first few may be damaged before their symbol
    while r"\"***\"" not in stderr(tmp_path):
        assert time.monotonic() < end, stderr(tmp_path)
        process.send_signal(signal.SIGUSR1)
        time.sleep(0.05)
    process.terminate()
    assert process.wait(30) == 0
    entries = [json.loads(line) for line in stderr(tmp_path).splitlines() if line.startswith('{"venue"')]
    assert entries
    for entry in entries:
        assert list(entry) == ["venue", "reason", "at", "ts_recv", "text"]
        assert entry["venue"] == "itick-1"
    assert any('"***"' in entry["text"] for entry in entries)
    assert "BTC_USDT" not in stderr(tmp_path)


def test_a_taken_port_is_2_and_names_the_key(start: Start, config: Callable[..., Path], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("run", "-c", str(config(metrics=f"127.0.0.1:{port}")))
        assert process.wait(20) == 2
    assert f"service.metrics: can't listen on 127.0.0.1:{port}: Address already in use" in stderr(tmp_path)
