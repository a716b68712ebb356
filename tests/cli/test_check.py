"""``ferrofeed check`` as a process: exit codes, streams, and no credential in anything it writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SECRETS = {"ITICK_TOKEN": "tok-9f8e7d/6c+5b", "ZIARIO_KEY": "key-1a2b3c4d", "ZIARIO_SECRET": "sec-5e6f7a8b"}
GOOD = """
[[venue]]
id = "itick-crypto"
kind = "itick"
api_key = "env:ITICK_TOKEN"
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["quote", "depth"]
[[venue]]
id = "ziario"
kind = "ziario"
api_key = "env:ZIARIO_KEY"
api_secret = "env:ZIARIO_SECRET"
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["quote"]
[[venue]]
id = "infoway"
kind = "infoway"
api_key = "env:ITICK_TOKEN"
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["trade"]
"""
# one credential put in every wrong place that its owner might think of
KEY = SECRETS["ZIARIO_KEY"]
BAD = [
    GOOD.replace('"env:ZIARIO_KEY"', f'"{KEY}"'),
    GOOD.replace('"env:ZIARIO_KEY"', f'["{KEY}"]'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"file:/nowhere"\napi_kye = "{KEY}"'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"env:ZIARIO_KEY"\nurl = "wss://ziario.com/ws?api_key={KEY}"'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"env:ZIARIO_KEY"\nurl = "wss://me:{KEY}@ziario.com:99999/ws"'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"plain:{KEY}"\nconnections = 0'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"{KEY}'),
    GOOD.replace('"env:ZIARIO_KEY"', f'"plain:{KEY}\\u0007"'),
]


def write(folder: Path, text: str) -> None:
    (folder / "feed.toml").write_text(text)


def leaks(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [secret for secret in SECRETS.values() if secret in done.stdout or secret in done.stderr]


@pytest.mark.parametrize("options", [[], ["--json"], ["--debug"], ["--json", "--debug"]])
def test_a_good_configuration_is_0(run: Run, tmp_path: Path, options: list[str]) -> None:
    write(tmp_path, GOOD)
    done = run("check", "-c", "feed.toml", *options, **SECRETS)
    assert (done.returncode, done.stderr) == (0, "")
    assert leaks(done) == []
    if "--json" in options:
        assert [venue["id"] for venue in json.loads(done.stdout)["venues"]] == ["itick-crypto", "ziario", "infoway"]
    else:
        assert "api_key from env:ZIARIO_KEY, api_secret from env:ZIARIO_SECRET" in done.stdout
        assert done.stdout.endswith("\nfeed.toml: fine\n")


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize("command", [["check"], ["check", "--debug"], ["run"]], ids=" ".join)
def test_a_bad_one_is_2_without_the_credential(run: Run, tmp_path: Path, text: str, command: list[str]) -> None:
    write(tmp_path, text)
    done = run(*command, "-c", "feed.toml", **SECRETS)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: feed.toml: ")
    assert leaks(done) == []


def test_missing_credentials_are_all_named(run: Run, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    done = run("check", "-c", "feed.toml")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        *(
            f"error: feed.toml: {path}: the environment variable {name} is not set, expected it to hold the credential"
            for path, name in [
                ("venue[0].api_key", "ITICK_TOKEN"),
                ("venue[1].api_key", "ZIARIO_KEY"),
                ("venue[1].api_secret", "ZIARIO_SECRET"),
                ("venue[2].api_key", "ITICK_TOKEN"),
            ]
        ),
        "ferrofeed: 4 problems in the configuration",
    ]


def test_a_missing_file_is_2(run: Run) -> None:
    done = run("check", "-c", "absent.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: absent.toml: can't be read (no such file or directory), expected a TOML file\n"
        "ferrofeed: 1 problem in the configuration\n"
    )
