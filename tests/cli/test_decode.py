"""``ferrofeed decode``: captured frames in, JSON lines out, the rest told on standard error."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PACKAGE = Path(__file__).parents[2] / "python"

FRAMES = (
    '{"code":1,"data":{"s":"ETH_USDT","ld":3034.50,"t":1731690011321,"v":0.00618,"type":"tick"}}\r\n'
    "\n"
    '{"code":1,"resAc":"auth","msg":"authenticated successfully"}\n'
    '{"code":1,"data":{"s":"ETH_USDT","ld":NaN,"t":1731690011321,"v":1,"type":"tick"}}\n'
    '{"code":1,"data":{"s":"ETH_USDT","a":[{"po":1,"p":3035,"v":2,"o":1}],"b":[{"po":1,"p":3034,"v":0.5,"o":1}],"type":"depth"}}'
)
GOLDEN = [
    '{"type":"trade","venue":"itick","symbol":"ETH/USDT","raw_symbol":"ETH_USDT","ts_event":1731690011321000000,"ts_recv":0,'
    '"seq":1,"price":"3034.5","size":"0.00618","side":"unknown"}',
    '{"type":"book","venue":"itick","symbol":"ETH/USDT","raw_symbol":"ETH_USDT","ts_event":0,"ts_recv":0,"seq":2,'
    '"bids":[["3034","0.5"]],"asks":[["3035","2"]],"depth":1,"valid":false,"action":"snapshot"}',
]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.txt"
    path.write_text(FRAMES, newline="")
    return path


def comparable(line: str) -> dict[str, object]:
    """The symbol of an instrument nobody announced is the venue's to spell."""
    fields: dict[str, object] = json.loads(line)
    return fields | {"symbol": "ETH/USDT"}


def test_a_file_to_lines(run: Run, frames: Path) -> None:
    done = run("decode", "itick", str(frames))
    assert done.returncode == 0
    assert list(map(comparable, done.stdout.splitlines())) == list(map(json.loads, GOLDEN))
    told = done.stderr.splitlines()
    assert told[0] == "line 3: control"
    assert told[1].startswith("line 4: error: ")
    assert told[2:] == ["4 frames: 2 data, 1 control, 0 ignored, 1 error"]


def test_standard_input_gives_the_same(run: Run, frames: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ferrofeed", "decode", "itick"],
        env={"PYTHONPATH": str(PACKAGE)},
        input=FRAMES.encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == run("decode", "itick", str(frames)).stdout


def test_strict_is_1_if_any_frame_was_bad(run: Run, frames: Path) -> None:
    assert run("decode", "itick", str(frames), "--strict").returncode == 1
    frames.write_text(FRAMES.splitlines()[0])
    assert run("decode", "itick", str(frames), "--strict").returncode == 0


def test_a_missing_file_and_an_unknown_venue_are_2(run: Run) -> None:
    done = run("decode", "itick", "nothing.txt")
    assert (done.returncode, done.stderr) == (2, "ferrofeed: nothing.txt: No such file or directory\n")
    assert run("decode", "binance").returncode == 2


def test_no_frames_is_no_error(run: Run, frames: Path) -> None:
    frames.write_text("")
    done = run("decode", "ziario", str(frames))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "0 frames: 0 data, 0 control, 0 ignored, 0 error\n"
