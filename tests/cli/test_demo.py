"""``ferrofeed demo`` and ``ferrofeed top``, as lines and on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from ferrofeed.consumer import Account
from ferrofeed.demo.model import Model, VenueRow
from ferrofeed.demo.text import fit, latencies, nanoseconds
from ferrofeed.demo.view import render

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PACKAGE = Path(__file__).parents[2] / "python"
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "TERM": "xterm-256color"}


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def test_three_seconds_end_with_three_live_venues(run: Run) -> None:
    done = run("demo", "--seconds", "3", "--plain", "--metrics", "127.0.0.1:0", "--gateway", "127.0.0.1:0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for venue in ("ziario", "itick", "infoway"):
        assert f"\n{venue}: live\n" in done.stdout
    assert done.stdout.count("all accounted for") == 3
    assert "NOT" not in done.stdout
    assert "books: 6 of 6 valid" in done.stdout
    assert re.search(r"metrics: http://127\.0\.0\.1:\d+/metrics", done.stdout)
    numbers = re.search(
        r"view: received ([\d,]+) = delivered ([\d,]+) \+ conflated ([\d,]+) \+ dropped 0 \+ pending ([\d,]+)",
        done.stdout,
    )
    assert numbers is not None
    received, *parts = (int(number.replace(",", "")) for number in numbers.groups())
    assert received == sum(parts) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_summary_and_no_simulator_stays(number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ferrofeed", "demo", "--plain", "--metrics", "127.0.0.1:0", "--gateway", "127.0.0.1:0"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        url = ""
        while "9/9 subscriptions" not in (line := process.stdout.readline()):
            assert process.poll() is None
            found = re.search(r"http://\S+", line)
            url = found.group() if found else url
        helpers = children(process.pid)
        assert len(helpers) == 4, "three simulators and the metrics exporter"
        if number == signal.SIGINT:
            check_top(url)
        began = time.monotonic()
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, ""), out
        assert time.monotonic() - began < 5
        assert out.count(": live\n") == 3
        assert not any(Path(f"/proc/{pid}").exists() for pid in helpers)


def check_top(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ferrofeed", "top", "--once", "--interval", "0.5", "--url", url],
        env={**ENVIRONMENT, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=25,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].split() == ["connection", "state", "subs", "msg/s", "kB/s", "bad", "decode", "p50", "p99", "books"]
    assert [line.split()[:2] for line in lines[2:]] == [
        ["infoway/0", "live"],
        ["itick/0", "live"],
        ["ziario/0", "live"],
    ]
    assert [line.split()[-1] for line in lines[2:]] == ["3/3", "3/3", "-"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("demo", "--seconds", "0"), "--seconds 0: expected more than 0"),
        (("demo", "--seconds", "nan"), "--seconds nan: expected more than 0"),
        (("demo", "--rate", "-1"), "--rate -1: expected messages a second"),
        (("demo", "--faults", "at=1 explode"), "--faults: "),
        (("demo", "--metrics", "nowhere"), "metrics"),
        (("top", "--interval", "0"), "--interval 0: expected at least 0.1 seconds"),
    ],
)
def test_wrong_options_are_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_top_without_a_service_says_so(run: Run) -> None:
    done = run("top", "--once", "--url", "http://127.0.0.1:1/metrics")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "no metrics at http://127.0.0.1:1/metrics: [Errno 111] Connection refused; is the service running"
        in done.stderr
    )


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_on_a_terminal_it_draws_whole_screens(columns: int, rows: int) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "ferrofeed", "demo", "--seconds", "2", "--metrics", "", "--gateway", "127.0.0.1:0"],
        env=ENVIRONMENT,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    ) as process:
        os.close(follower)
        drawn = b""
        end = time.monotonic() + 25
        while time.monotonic() < end:
            readable, _, _ = select.select([leader], [], [], 0.2)
            try:
                part = os.read(leader, 1 << 16) if readable else b""
            except OSError:  # the other side is closed: it ended
                break
            drawn += part
        assert process.wait(30) == 0
    os.close(leader)
    text = drawn.decode()
    assert "\x1b[?1049h" in text  # the alternate screen, and back
    assert "\x1b[?1049l" in text
    assert "BTC/USDT" in text
    assert "last trades" in text
    assert "Traceback" not in text


class FakeBook:
    """A book with prices of two lengths and a size that does not fit."""

    def __init__(self, symbol: str, *, valid: bool = True) -> None:
        self.symbol, self.venue, self.valid, self.reason = symbol, "itick", valid, None if valid else "peer_closed"
        self.bids = [(Decimal("45000.5") - step, Decimal("123456789.12345")) for step in range(5)]
        self.asks = [(Decimal(45001) + step, Decimal("0.5")) for step in range(4)]
        self.mid, self.spread = Decimal("45000.75"), Decimal("0.5")


class FakeModel:
    toy = None
    trades: tuple[Any, ...] = ()
    quotes: dict[tuple[str, str], Any] = {}  # noqa: RUF012  # a test's constant

    def __init__(self, rows: int, books: int) -> None:
        row = VenueRow(
            venue="a-venue-with-a-long-name",
            phase="connecting",
            up=False,
            acked=100,
            wanted=12345,
            messages=10**10,
            messages_per_s=1e7,
            bytes_per_s=1e9,
            quarantined=1000,
            accounted=True,
            reconnects=0,
            rtt_ns=None,
            decode_ns=[999_500, 99_950_000, 10**10],
            book_ns=[0, 0, 0],
            venue_ns=[0, 0, 0],
        )
        self.rows = [row] * rows
        self._books = [FakeBook(f"S{number}", valid=number != 1) for number in range(books)]

    def books(self) -> list[FakeBook]:
        return self._books

    def account(self) -> Account:
        return Account(10**12, 10**12, 0, 0, 0)

    def delivery_ns(self) -> list[int]:
        return [1, 1, 1]


@pytest.mark.parametrize("width", [20, 40, 60, 79, 80, 100, 119, 120, 160, 240])
@pytest.mark.parametrize("height", [5, 12, 24, 40, 80])
@pytest.mark.parametrize("books", [0, 1, 6, 20])
def test_no_screen_size_wraps_or_overflows(width: int, height: int, books: int) -> None:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    view = render(cast("Model", FakeModel(3, books)), "title " * 60, height, width, page=3)
    lines = ["".join(segment.text for segment in line) for line in console.render_lines(view, pad=False)]
    assert len(lines) <= max(height, 9)
    assert max(map(len, lines)) <= width
    for line in lines:
        assert line.count("╭") == line.count("╮") or width < 40
    if height >= 24 and books > 1 and width >= 80:
        assert any("stale: peer_closed" in line for line in lines) or len(lines) == height


@pytest.mark.parametrize(
    ("ns", "text"),
    [(None, "-"), (0, "-"), (7, "7 ns"), (999, "999 ns"), (1500, "1.5 µs"), (12_345_678, "12.3 ms"), (2.5e10, "25 s")],
)
def test_durations_are_short(ns: float | None, text: str) -> None:
    assert nanoseconds(ns) == text
    assert len(text) <= 7


def test_texts_that_are_cut_say_so() -> None:
    assert fit(Decimal("123.45"), 6) == "123.45"
    assert fit(Decimal("1234.567"), 6) == "1234.…"
    assert latencies([0, 0]) == "-"
    assert latencies([10, 2000]) == "10 ns / 2 µs"
