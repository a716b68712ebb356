"""The servers of the gateway's load, each a process of its own on its own CPU."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches.contestants import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

START_S: Final = 30.0
STOP_S: Final = 15.0
PLATFORM: Final = "paper"
SYMBOL: Final = "ETH/USDT"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_CONFIG: Final = """\
[service]
metrics = "127.0.0.1:{metrics}"

[orders]
journal = "{journal}"

[gateway]
listen = "127.0.0.1:{port}"

[[venue]]
id = "{platform}"
kind = "paper"
balances = {{USDT = "100000000", ETH = "10000"}}
[[venue.trade]]
symbols = ["{symbol}"]
tick = "0.01"
lot = "0.001"
"""


class Server:
    """A process that listens. Raises ``RuntimeError`` if it does not."""

    def __init__(self, command: Sequence[str], port: int, cpu: int | None, log: Path) -> None:
        self.url = f"ws://127.0.0.1:{port}/ws/v1"
        self._log = log
        before = os.sched_getaffinity(0)
        try:
            # what it starts with is its own from the first thread on
            if cpu is not None:
                os.sched_setaffinity(0, {cpu})
            with log.open("wb") as out:
                self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=_environment())  # noqa: S603
        finally:
            os.sched_setaffinity(0, before)
        end = time.monotonic() + START_S
        while not _listens(port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"no server came up:\n{self.said()}")
            time.sleep(0.02)

    def cpu_s(self) -> float:
        """CPU seconds of all its threads so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Resident."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def counters(self) -> dict[str, int]:
        """What it counted; nothing where it counts nothing."""
        return {}

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def said(self) -> str:
        """The end of what it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def stop(self) -> None:
        """End it, in order if it can."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


class Gateway(Server):
    """``ferrofeed run`` with a paper venue, which trades among its clients, and a gateway."""

    def __init__(self, folder: Path, cpu: int | None) -> None:
        folder.mkdir(parents=True)
        port, self._metrics = free_ports(2)
        config = folder / "gateway.toml"
        text = _CONFIG.format(
            metrics=self._metrics, journal=folder / "journal", port=port, platform=PLATFORM, symbol=SYMBOL
        )
        config.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "ferrofeed", "run", "-c", str(config)]
        super().__init__(command, port, cpu, folder / "server.log")

    def counters(self) -> dict[str, int]:
        """What the gateway counted, by name, as its metrics have it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, int] = {}
        for line in text.splitlines():
            if line.startswith("ferrofeed_gateway_"):
                name, _, value = line.rpartition(" ")
                found[name.removeprefix("ferrofeed_gateway_")] = round(float(value))
        return found


class Echo(Server):
    """The minimal aiohttp server."""

    def __init__(self, folder: Path, cpu: int | None) -> None:
        folder.mkdir(parents=True)
        (port,) = free_ports(1)
        super().__init__([sys.executable, "-m", "benches.gateway_echo", str(port)], port, cpu, folder / "server.log")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)])}


def dump(path: Path, report: Any) -> None:
    """Write a record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
