"""The service with a trading venue: signals, readiness, what a second process may do meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.orders.support import journal, until

from ferrofeed.orders.switch import CLEAR_FILE

ROOT = Path(__file__).parents[2]
CONFIG = """
[service]
metrics = ""
[orders]
journal = "journal"
[[venue]]
id = "paper"
kind = "paper"
balances = {USDT = "1000"}
[[venue.trade]]
symbols = ["ETH/USDT"]
tick = "0.01"
lot = "0.001"
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return ferrofeed(folder, *arguments, "-c", "feed.toml")


def orders(folder: Path, *arguments: str) -> int:
    return ferrofeed(folder, "orders", *arguments).wait(20)


def ferrofeed(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "python")}
    command = [sys.executable, "-m", "ferrofeed", *arguments]
    with (folder / "stderr").open("ab") as errors:
        return subprocess.Popen(command, cwd=folder, env=environment, stderr=errors, stdout=subprocess.DEVNULL)


def said(folder: Path) -> str:
    return (folder / "stderr").read_text()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    (tmp_path / "feed.toml").write_text(CONFIG)
    process = start(tmp_path, "run")
    until(lambda: "ready: every subscription is live" in said(tmp_path) or process.poll() is not None, "it is ready")
    yield process
    process.kill()
    process.wait()


def test_sigusr2_throws_the_kill_switch_and_a_word_clears_it(tmp_path: Path, service: subprocess.Popen[bytes]) -> None:
    service.send_signal(signal.SIGUSR2)
    until(lambda: any("SIGUSR2" in line for line in journal(tmp_path)), "it is written down")
    assert "SIGUSR2: the kill switch is thrown" in said(tmp_path)
    assert start(tmp_path, "orders", "clear", "anna").wait(20) == 0
    until(lambda: "the kill switch is cleared by anna" in said(tmp_path), "it is cleared")
    assert not (tmp_path / "journal" / CLEAR_FILE).exists()
    service.terminate()
    assert service.wait(30) == 0


def test_the_kill_file_is_for_the_service_to_read_whatever_the_umask(
    tmp_path: Path, service: subprocess.Popen[bytes]
) -> None:
    folder = tmp_path / "journal"
    strict = os.umask(0o077)
    try:
        assert orders(tmp_path, "kill", "runaway", "quotes", "--journal", str(folder)) == 0
        assert (folder / "KILL").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(strict)
    until(lambda: "is there: runaway quotes" in said(tmp_path), "it halts")
    service.terminate()
    assert service.wait(30) == 0


def test_a_folder_without_a_journal_can_not_be_halted(tmp_path: Path) -> None:
    for wrong in (tmp_path / "jornal", tmp_path):
        assert orders(tmp_path, "kill", "runaway", "--journal", str(wrong)) == 2
    assert "jornal: no router ever wrote a journal there: nothing is halted" in said(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["stderr"]


def test_a_second_service_is_refused_and_says_who_has_the_journal(
    tmp_path: Path, service: subprocess.Popen[bytes]
) -> None:
    second = start(tmp_path, "run")
    assert second.wait(20) == 1
    assert f"another process (pid {service.pid}) writes this journal" in said(tmp_path)
    assert "Traceback" not in said(tmp_path)
    service.terminate()
    assert service.wait(30) == 0
