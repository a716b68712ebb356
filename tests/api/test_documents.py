"""The examples of the documents run, in order, in one program, against a simulator."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Market

import ferrofeed

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "deploy").glob("*.md"))]
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
    assert len(found) == 3
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


def test_the_readmes_gateway(market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ITICK_TOKEN", "MAKER_KEY", "MAKER_SECRET"):
        monkeypatch.setenv(name, "sim-key")
    settings = readmes_settings(market.sim("itick").url, 3).replace("127.0.0.1:9878", "127.0.0.1:0")
    (tmp_path / "feed.toml").write_text(settings, encoding="utf-8")
    with ferrofeed.Feed.from_file(tmp_path / "feed.toml") as feed:
        assert feed.wait_ready(), feed.missing()
        assert feed.gateway is not None
        with urllib.request.urlopen(feed.gateway.console, timeout=5) as answer:  # loopback
            page = answer.read().decode()
    assert '"name": "huobi_future", "venue": "paper"' in page
    assert "sim-key" not in page


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
        assert process.wait(30) == -signal.SIGINT


def test_the_paper_exchanges_example_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks(ROOT / "docs/paper.md")
    exec(compile(program, "docs/paper.md", "exec"), {})  # our own text
    text = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
    (printed,) = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out == printed


def test_the_paper_exchanges_settings_are_accepted() -> None:
    text = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    subscribe = [{"symbols": ["ETH/USDT"], "channels": ["depth"]}]
    market = {"id": "crypto", "kind": "itick", "api_key": "plain:sim-key", "url": "ws://127.0.0.1:1/"}
    read = tomllib.loads(settings)
    config = ferrofeed.Config.from_dict(read | {"venue": [market | {"subscribe": subscribe}, *read["venue"]]})
    assert config.warnings == ()
    assert [venue.market for venue in config.trading] == ["crypto"]


def test_every_refusal_of_the_paper_exchange_is_documented() -> None:
    source = (ROOT / "rust/core/src/exchange/order.rs").read_text(encoding="utf-8")
    names = set(re.findall(r"Self::\w+ => \"(\w+)\"", source))
    assert len(names) == 17
    text = (ROOT / "docs/paper.md").read_text(encoding="utf-8")
    table = text[text.index("| refusal | when |") : text.index("In an order's `reason`")]
    firsts = re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)
    assert names == {name for first in firsts for name in re.findall(r"`(\w+)`", first)}


PAPER = """
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


def test_the_operators_program_obeys_its_signals(tmp_path: Path) -> None:
    (program,) = blocks(ROOT / "docs/operations.md")
    (tmp_path / "feed.toml").write_text(PAPER, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-c", program.replace("9464", "0")], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.endswith("WARNING:strategy:ready\n") for line in lines)
        process.send_signal(signal.SIGUSR2)
        assert any("kill" in line and "thrown: SIGUSR2" in line for line in lines)
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


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
