"""``ferrofeed sim``: its options, its errors, and an orderly end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

import ferrofeed.sim
from ferrofeed.sim import KINDS, ORDER_KINDS, OrderOptions, OrderSimulator
from ferrofeed.sim.cli import add_arguments, build, run

if TYPE_CHECKING:
    from tests.sim.conftest import Kit, Run, Tls

MAIN = """
import argparse, sys
from ferrofeed.sim.cli import add_arguments, run
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args()))
"""


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_the_arguments_make_the_simulator_they_describe() -> None:
    sim = build(
        parse("infoway", "--rate", "max", "--symbols", "BTC/USDT,EURUSD", "--seed", "4", "--bare", "--depth", "7")
    )
    assert sim.venue.name == "infoway"
    assert [instrument.symbol for instrument in sim.market.instruments] == ["BTC/USDT", "EURUSD"]
    assert sim.market.depth == 7
    assert sim.options.bare
    assert dict(sim.options.keys) == {"sim-key": "sim-secret"}
    assert len(build(parse("itick", "--symbols", "30")).market.instruments) == 30
    assert build(parse("itick", "--seed", "3", "--faults", "random:20")).faults.seed == 3
    assert len(build(parse("itick", "--faults", "random:20")).faults.faults) == 20


def test_faults_from_a_file(tmp_path: Path) -> None:
    script = tmp_path / "faults"
    script.write_text("at=1 drip\nat=2 burst n=7\n")
    assert [fault.kind for fault in build(parse("itick", "--faults", f"@{script}")).faults.faults] == ["drip", "burst"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate", "quick"], "--rate is 'quick': expected messages a second, or 'max'"),
        (["--rate", "-1"], "--rate is '-1'"),
        (["--port", "99999"], "--port is 99999: expected 0 to 65535"),
        (["--symbols", "NOPE"], "unknown symbol 'NOPE'"),
        (["--symbols", ","], "no symbols"),
        (["--depth", "0"], "depth is 0: expected 1 to 20"),
        (["--faults", "at=1 disconect"], "did you mean 'disconnect'?"),
        (["--faults", "random:soon"], "expected random:SECONDS"),
        (["--faults", "@/does/not/exist"], "can't read /does/not/exist"),
        (["--cert", "x"], "need --tls"),
        (["--faults", "cut"], "itick takes no orders"),
        (["--tls", "--key", "x"], "--key needs --cert"),
        (["--tls", "--cert", "/does/not/exist"], "can't load the certificate"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_why(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(parse("itick", *words)) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate", "max"], "a trading venue's market has a pace"),
        (["--answer-delay", "-1"], "--answer-delay is -1.0: expected seconds"),
        (["--push-port", "99999"], "--push-port is 99999: expected 0 to 65535"),
        (["--keys", "a"], "--keys: expected KEY:SECRET"),
        (["--symbols", "AAPL.US"], "no pairs"),
    ],
)
def test_wrong_usage_of_a_trading_venue(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parse("coinceres", *words)) == 2
    assert expected in capsys.readouterr().err


def test_a_port_that_is_taken_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(parse("itick", "--port", str(port))) == 1
    assert f"can't listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse("--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"  {kind} " in text for kind in KINDS)
    assert "ferrofeed sim itick --port 9001" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_tls_until_told_to_stop(run: Run, kit: Kit, tmp_path: Path, number: signal.Signals) -> None:
    authority = tmp_path / "ca.pem"
    command = [sys.executable, "-c", MAIN, "itick", "--tls", "--ca-out", str(authority), "--faults", "at=900 drip"]
    root = Path(ferrofeed.sim.__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("itick simulator on wss://127.0.0.1:"), line or process.stderr.read()
        url = line.split()[-1]

        async def main() -> None:
            context = ssl.create_default_context(cafile=str(authority))
            raw = await kit.raw(url, {"token": "sim-key"}, context)
            assert await raw.text() == b'{"code":1,"msg":"Connected Successfully"}'
            process.send_signal(number)
            while (last := await raw.frame()).opcode != 8:
                pass
            assert last.payload.startswith(b"\x03\xe9")
            raw.close()

        run(main())
        # not communicate(): it would lose the lines that readline has buffered
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(20)
        assert process.returncode == 0, err
        assert err == "", err
        assert "faults: at=900 drip for=0.5" in out
        assert "1 connections" in out


@pytest.mark.parametrize("venue", ["coinceres", "quantapi"])
def test_a_trading_venue_tells_another_process_the_truth(venue: str) -> None:
    command = [sys.executable, "-c", MAIN, venue, "--symbols", "ETH/USDT", "--keys", "two:s2"]
    command += ["--push-port", "0"] if venue == "coinceres" else []
    root = Path(ferrofeed.sim.__file__).parents[2]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith(f"{venue} simulator on ws://127.0.0.1:"), line or process.stderr.read()
        url = urlsplit(line.split()[-1])
        with urlopen(f"http://{url.netloc}/truth", timeout=20) as answer:  # our own process
            assert answer.headers["Content-Type"] == "application/json"
            truth = json.load(answer)
        assert (truth["venue"], truth["orders"], truth["violations"]) == (venue, [], [])
        process.send_signal(signal.SIGTERM)
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(20)
        assert (process.returncode, err) == (0, "")
        assert ("pushes on ws://127.0.0.1:" in out) == (venue == "coinceres")


def test_the_options_of_trading_venues() -> None:
    words = ["--still", "--answer-delay", "0.1", "--answer-jitter", "0.2", "--push-delay", "0.3", "--push-first"]
    words += ["--forward-delay", "0.4", "--cancel-delay", "0.5", "--rate-limit", "9", "--pushes", "path"]
    sim = build(parse("coinceres", *words, "--keys", "a:b,c:d", "--faults", "random:30", "--seed", "2"))
    assert isinstance(sim, OrderSimulator)
    assert sim.orders == OrderOptions(
        live=False,
        answer_delay_s=0.1,
        answer_jitter_s=0.2,
        push_delay_s=0.3,
        push_first=True,
        forward_delay_s=0.4,
        cancel_delay_s=0.5,
        rate_limit=9,
        pushes="path",
    )
    assert dict(sim.options.keys) == {"sim-key": "sim-secret", "a": "b", "c": "d"}
    assert {fault.kind for fault in sim.faults.faults} <= ORDER_KINDS


def test_own_certificates(tls: Tls, tmp_path: Path) -> None:
    del tls
    import trustme

    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    assert build(parse("itick", "--tls", "--cert", str(tmp_path / "both.pem"))).url.startswith("wss://")
