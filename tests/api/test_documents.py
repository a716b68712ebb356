"""The examples of the documents run, in order, in one program, against a simulator."""

from __future__ import annotations

import re
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


def test_the_readmes_example(market: Market, capsys: pytest.CaptureFixture[str]) -> None:
    readme = ROOT / "README.md"
    found = blocks(readme) if readme.exists() else []
    if not found:
        pytest.skip("README.md has no Python example yet")
    names: dict[str, Any] = {}
    exec(compile(runnable(found[0], market.sim("itick").url), "README.md", "exec"), names)  # our own text
    assert capsys.readouterr().out


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
