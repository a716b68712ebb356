"""The examples of the documents run, in order, in one program, against a simulator."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Market

import ferrofeed

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("Trade", "Quote", "BookEvent", "Bar", "Status")


def blocks(document: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def runnable(block: str, url: str) -> str:
    """The block with a simulator's address for the one it stands for."""
    return re.sub(r'"wss?://[^"]*"', repr(url), block).replace("URL", repr(url))


def test_the_guide(market: Market, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = blocks(ROOT / "docs/python.md")
    assert len(others) >= 6
    names: dict[str, Any] = {}
    url = market.sim("itick").url
    exec(compile(runnable(first, url), "docs/python.md", "exec"), names)  # our own text
    out = capsys.readouterr().out
    assert re.search(r"^(BTC|ETH)/USDT unknown [\d.]+ [\d.]+$", out, re.MULTILINE)
    assert "Book(itick BTC/USDT, valid, " in out
    names["feed"] = feed = ferrofeed.Feed(ferrofeed.Config([names["venue"]]))
    names["trades"] = feed.consumer(kinds="trade")
    with feed:
        assert feed.wait_ready(), feed.missing()
        for block in others:
            exec(compile(runnable(block, url), "docs/python.md", "exec"), names)  # our own text
    out = capsys.readouterr().out
    for word in ("vwap ", " trades\n", "received="):
        assert word in out
    assert names["seen"]
    assert names["book"].valid


def readmes_settings(url: str, tables: int) -> str:
    """The first so many of the readme's TOML blocks, for a simulator."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    settings = "\n".join(found[:tables])
    return 'service.metrics = ""\n' + settings.replace('kind = "itick"', f'kind = "itick"\nurl = "{url}"')


def test_the_readmes_trade(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, program = blocks(ROOT / "README.md")
    monkeypatch.setenv("ITICK_TOKEN", "sim-key")
    (tmp_path / "feed.toml").write_text(readmes_settings(market.sim("itick").url, 2), encoding="utf-8")
    with ferrofeed.Feed.from_file(tmp_path / "feed.toml") as feed:
        assert feed.wait_ready(), feed.missing()
        assert feed.orders.wait_ready()
        names: dict[str, Any] = {"feed": feed}
        exec(compile(program, "README.md", "exec"), names)  # our own text
        view = names["order"].wait(5.0)
    assert (view.state, view.intent, str(view.quantity)) == ("cancelled", "entry-17", "0.5")
    assert (tmp_path / "state" / "orders" / "000000000001.journal").exists()


def test_the_readmes_example(market: Market, tmp_path: Path) -> None:
    program, _ = blocks(ROOT / "README.md")
    (tmp_path / "feed.toml").write_text(readmes_settings(market.sim("itick").url, 1), encoding="utf-8")
    environment = os.environ | {"ITICK_TOKEN": "sim-key", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        wanted = {
            "trade": re.compile(r"^(BTC|ETH)/USDT unknown [\d.]+ @ [\d.]+$"),
            "book": re.compile(r"^(BTC|ETH)/USDT \(Decimal.*\) \(Decimal.*\)$"),
        }
        for line in process.stdout:
            wanted = {name: pattern for name, pattern in wanted.items() if not pattern.match(line)}
            if not wanted:
                break
        assert not wanted
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(5) == -signal.SIGINT


def test_the_tables_of_attributes_are_true() -> None:
    text = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    common = re.search(r"attributes beside `([a-z_ ]+)`", text)
    assert common is not None
    for name in CLASSES:
        row = re.search(rf"^\| `{name}` \| `(\w+)` \| `([a-z_ ]+)`", text, re.MULTILINE)
        assert row is not None, name
        cls = getattr(ferrofeed, name)
        assert cls.type == row.group(1)
        assert all(hasattr(cls, attribute) for attribute in (*common.group(1).split(), *row.group(2).split()))
        assert set(cls._fields) - {"epoch"} <= set(row.group(2).split())


def test_every_public_name_is_there_and_imported_late() -> None:
    for name in ferrofeed.__all__:
        assert getattr(ferrofeed, name) is not None
        assert name in dir(ferrofeed)
    with pytest.raises(AttributeError, match="module 'ferrofeed' has no attribute 'Fed'"):
        _ = ferrofeed.Fed
