"""The service and its exporter: who ends when, and what is told meanwhile."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.test_run import KEY, Start, config, start, stderr, wait_for

__all__ = ["config", "start"]


def ask(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """Processes that this one started and that live."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:  # gone meanwhile
            continue
        if f"\nPPid:\t{pid}\n" in text and "\nState:\tZ" not in text:
            found.append(int(status.parent.name))
    return found


def lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class Service:
    def __init__(self, process: subprocess.Popen[str], port: int, tmp_path: Path) -> None:
        self.process = process
        self.port = port
        self.tmp_path = tmp_path

    def exporter(self) -> int:
        (pid,) = children(self.process.pid)
        return pid


@pytest.fixture
def service(start: Start, config: Callable[..., Path], tmp_path: Path) -> Iterator[Service]:
    process = start("run", "-c", str(config(metrics="127.0.0.1:0")))
    wait_for(tmp_path, "ready: every subscription is live", process)
    found = re.search(r"metrics on http://127.0.0.1:(\d+)/metrics", stderr(tmp_path))
    assert found is not None
    yield Service(process, int(found[1]), tmp_path)
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(30)


def test_a_feed_that_is_killed_takes_its_exporter_along(service: Service) -> None:
    assert ask(service.port, "/healthz") == (200, b"ok\n")
    exporter = service.exporter()
    assert KEY not in Path(f"/proc/{exporter}/environ").read_text()
    assert KEY not in Path(f"/proc/{exporter}/cmdline").read_text()
    service.process.kill()
    until(lambda: not lives(exporter), "the exporter lives on")
    with pytest.raises(OSError, match=r"refused|reset"):  # reset: its socket is just being closed
        ask(service.port, "/healthz")


def test_sigterm_ends_both_in_time(service: Service) -> None:
    exporter = service.exporter()
    assert ask(service.port, "/healthz") == (200, b"ok\n")  # up: before, signals end it
    began = time.monotonic()
    os.kill(exporter, signal.SIGTERM)  # as systemd does: to every process of the service
    service.process.terminate()
    assert service.process.wait(30) == 0
    assert time.monotonic() - began < 5
    assert not lives(exporter)
    assert "the metrics exporter" not in stderr(service.tmp_path)
    assert "Traceback" not in stderr(service.tmp_path)


def test_a_feed_that_hangs_is_neither_well_nor_ready_until_it_goes_on(service: Service) -> None:
    service.process.send_signal(signal.SIGSTOP)
    until(lambda: ask(service.port, "/healthz")[0] == 503, "a stopped process is called well")
    for path in ("/healthz", "/readyz"):
        status, text = ask(service.port, path)
        assert status == 503
        assert re.fullmatch(rb"the feed's loop has given no sign of life for \d+\.\d s\n", text)
    silence = re.search(rb"\nferrofeed_loop_silence_seconds ([0-9.]+)\n", ask(service.port, "/metrics")[1])
    assert silence is not None
    assert float(silence[1]) > 2
    service.process.send_signal(signal.SIGCONT)
    until(lambda: ask(service.port, "/healthz") == (200, b"ok\n"), "it is not well again")


def test_an_exporter_that_dies_is_started_again(service: Service) -> None:
    first = service.exporter()
    os.kill(first, signal.SIGKILL)
    status, text = ask(service.port, "/metrics")
    assert status == 200
    assert b"\nferrofeed_exporter_restarts_total 1.0\n" in text
    assert service.exporter() != first
    assert "the metrics exporter was ended by SIGKILL; starting it again in 0.25 s" in stderr(service.tmp_path)
    # the feed noticed nothing
    assert b'\nferrofeed_connects_total{connection="0",venue="itick-1"} 1.0\n' in text
