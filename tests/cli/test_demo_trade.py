"""``ferrofeed demo --trade``: a toy trades paper money against simulated books, and every order is accounted for."""

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
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from ferrofeed.demo.model import Model, VenueRow
from ferrofeed.demo.panel import height_of, toy_panel
from ferrofeed.demo.text import counts, plainly, signed, summary
from ferrofeed.demo.trading import Toy, ToyRow
from ferrofeed.demo.view import render

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PACKAGE = Path(__file__).parents[2] / "python"
D = Decimal
ORDERS = re.compile(r"orders +([\d,]+) orders = (.*?) \+ 0 live; ([\d,]+) fills, ([\d,]+) moved")


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "ferrofeed", "demo", "--trade", *more]


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "TERM": "xterm-256color", "TMPDIR": str(folder)}


def check_summary(out: str) -> None:
    assert "\ntoy market maker (paper money): accounted for\n" in out
    assert "\n  orders, fills, balances and positions agree to the last digit\n" in out
    assert "WRONG" not in out
    found = ORDERS.search(out)
    assert found is not None, out
    placed, ended, fills, moves = found.groups()
    over = {state: int(number.replace(",", "")) for number, state in re.findall(r"([\d,]+) (\w+)", ended)}
    assert int(placed.replace(",", "")) == sum(over.values())
    assert set(over) <= {"filled", "cancelled"}
    assert over["cancelled"] >= 1, "what is live at the end is cancelled"
    assert int(fills) + int(moves) > 0
    assert re.search(r"  profit and loss    ([+-]\d+\.\d\d|0\.00) USDT at the middle of the books", out)


def test_six_seconds_of_trading_are_accounted_for(run: Run, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(
        "demo",
        "--seconds",
        "6",
        "--trade",
        "--plain",
        "--metrics",
        "127.0.0.1:0",
        "--gateway",
        "127.0.0.1:0",
        TMPDIR=str(temporary),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    check_summary(done.stdout)
    lines = [line for line in done.stdout.splitlines() if "toy maker" in line]
    assert len(lines) >= 4
    assert all(re.search(r"ready +\d+ orders = ", line) for line in lines), lines
    assert "NOT" not in done.stdout
    assert list(temporary.iterdir()) == [], "the journal is gone"


def test_a_signal_in_the_middle_of_trading_leaves_nothing(tmp_path: Path) -> None:
    with subprocess.Popen(
        command("--plain", "--metrics", "", "--gateway", "127.0.0.1:0"),
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while not re.search(r"toy maker +ready .*[1-9]\d* fills", process.stdout.readline()):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    # Infoway takes one subscription a second: it may not be live yet, so the exit code may be 1
    assert err == ""
    check_summary(out)
    assert list(tmp_path.iterdir()) == []


def test_books_that_break_cancel_and_still_add_up(run: Run) -> None:
    faults = "at=4 close"
    done = run(
        "demo", "--seconds", "8", "--trade", "--plain", "--metrics", "", "--gateway", "127.0.0.1:0", "--faults", faults
    )
    assert done.stderr == ""
    assert done.returncode == 0, done.stdout
    assert "itick: live\n" in done.stdout
    assert re.search(r"subscriptions +12 of 12 acknowledged, [1-9]\d* reconnects", done.stdout)
    check_summary(done.stdout)


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_on_a_terminal_the_toy_has_a_panel(columns: int, rows: int, tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        command("--seconds", "2", "--metrics", "", "--gateway", "127.0.0.1:0"),
        env=environment(tmp_path),
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
    assert "toy market maker (paper money)" in text
    assert "our bid" in text
    assert "tick→order" in text
    assert "spread" in text, "books have room beside it"
    assert "Traceback" not in text


def toy(**more: Any) -> Toy:
    rows = [
        ToyRow("BTC/USDT", D("-0.050"), D("45000.67"), D("45001.48"), D("12345.678"), D("1234.5678"), D("-1234.567")),
        ToyRow("ETH/USDT", D("0.00"), None, D("3034.1"), D(0), D(0), D("0.004")),
        ToyRow("SOL/USDT", D(5), D("182.44"), None, D(7), D("0.25"), None),
    ]
    values: dict[str, Any] = {
        "state": "ready",
        "rows": rows,
        "placed": 12_345,
        "live": 4,
        "fills": 9_999,
        "moves": 123_456,
        "ended": {"cancelled": 12_000, "filled": 341},
        "refused": {"rate": 3, "collar": 1},
        "tick_to_order_ns": [360_447, 702_109],
        "order_to_ack_ns": [2_228_223, 8_359_685],
    }
    return Toy(**{**values, **more})


@pytest.mark.parametrize("width", [40, 60, 75, 76, 80, 120, 200])
def test_the_panel_fits(width: int) -> None:
    console = Console(width=width, height=40, force_terminal=True, color_system=None)
    lines = ["".join(part.text for part in line) for line in console.render_lines(toy_panel(toy(), width), pad=False)]
    assert len(lines) == height_of(toy())
    assert {len(line) for line in lines} == {width}
    assert all(line[0] in "╭│╰" and line[-1] in "╮│╯" for line in lines)
    btc = lines[2].strip("│").split()
    assert btc[:2] == ["BTC/USDT", "-0.05"]
    assert btc[-1] == "-1234.57"
    if width >= 76:
        assert btc == ["BTC/USDT", "-0.05", "45000.67", "45001.48", "12345.678", "1234.57", "-1234.57"]
        assert lines[3].strip("│").split() == ["ETH/USDT", "0", "-", "3034.10", "0", "0.00", "0.00"]
        assert "12,345 orders = 341 filled + 12,000 cancelled + 4 live; 9,999 fills" in lines[6]


class FakeModel:
    trades: tuple[Any, ...] = ()
    quotes: dict[tuple[str, str], Any] = {}  # noqa: RUF012  # a test's constant

    def __init__(self, toy: Toy) -> None:
        self.toy = toy
        self.events = 1
        self.rows = [VenueRow("v", "live", True, 1, 1, 1, 1, 1, 0, True, 0, None, [1] * 3, [0] * 3, [0] * 3)] * 3

    def books(self) -> list[Any]:
        level = [(D("45000.5"), D(1))] * 5
        book = SimpleNamespace(symbol="S", venue="v", valid=True, bids=level, asks=level, mid=D(1), spread=D(1))
        book.best_bid = book.best_ask = level[0]
        return [book] * 6

    def account(self) -> Any:
        return SimpleNamespace(received=1, delivered=1, conflated=0, dropped=0, pending=0)

    def delivery_ns(self) -> list[int]:
        return [1, 1, 1]


@pytest.mark.parametrize("width", [20, 39, 40, 60, 80, 120, 160])
@pytest.mark.parametrize("height", [5, 12, 16, 17, 23, 24, 32, 40, 80])
def test_no_screen_size_wraps_or_overflows(width: int, height: int) -> None:
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    view = render(cast("Model", FakeModel(toy())), "title " * 60, height, width)
    lines = ["".join(part.text for part in line) for line in console.render_lines(view, pad=False)]
    assert len(lines) <= max(height, 9)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert ("in USDT" in text) == (height >= 16 and width >= 40)
    if width >= 80 and height >= 24:
        assert "mid" in text, "books have room beside it"


def test_a_summary_that_does_not_add_up_says_so() -> None:
    lines = summary(cast("Model", FakeModel(toy())), 1.0, ["live orders left: 2"])
    assert "toy market maker (paper money): NOT accounted for" in lines
    assert lines[-1] == "  WRONG: live orders left: 2"
    assert "  not taken          3 by the rule rate" in lines
    assert "  left over          BTC/USDT -0.05, ETH/USDT 0, SOL/USDT 5" in lines
    assert not any("agree" in line for line in lines)


def test_numbers_as_people_read_them() -> None:
    assert [plainly(D(text)) for text in ("0.00", "-0.00", "1.500", "100", "1E+2")] == ["0", "0", "1.5", "100", "100"]
    assert [signed(None if text is None else D(text)) for text in ("1.005", "-2.5", "0.004", "-0.004", None)] == [
        "+1.00",
        "-2.50",
        "0.00",
        "0.00",
        "-",
    ]
    assert (
        counts(toy())
        == "12,345 orders = 341 filled + 12,000 cancelled + 4 live; 9,999 fills, 123,456 moved, 4 not taken"
    )
    assert toy().gain is None
    assert toy().fees == D("1234.8178")
    assert counts(toy(ended={}, refused={}, placed=4)) == "4 orders = 4 live; 9,999 fills, 123,456 moved"
