"""The console of the real gateway: `ferrofeed run`, the paper exchange, and a person with a browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.gateway.chromium import Browser, Page

PACKAGE = Path(__file__).parents[2] / "python"
READY = "document.querySelector('#st-state').textContent === 'Ready' && !document.querySelector('#send').disabled"
CONFIG = """
[service]
metrics = ""
[orders]
journal = "state"
[orders.risk]
max_quantity = "1"
collar_bps = 1000
[gateway]
listen = "127.0.0.1:0"
[[venue]]
id = "market"
kind = "itick"
url = "{url}"
api_key = "plain:sim-key"
[[venue.subscribe]]
symbols = ["BTC/USDT", "ETH/USDT"]
channels = ["quote", "depth", "trade", "bar:1m"]
[[venue]]
id = "paper"
kind = "paper"
market = "market"
balances = {{USDT = "1000000", BTC = "1", ETH = "10"}}
[[venue.trade]]
symbols = ["BTC/USDT", "ETH/USDT"]
tick = "0.01"
lot = "0.0001"
"""


def _start(stack: ExitStack, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "ferrofeed", *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE)},
            stdout=subprocess.PIPE if arguments[0] == "sim" else subprocess.DEVNULL,
            stderr=stack.enter_context((folder / f"{arguments[0]}.log").open("w")),
            text=True,
        )
    )
    stack.callback(process.kill)
    return process


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the console of a running gateway is."""
    folder = tmp_path_factory.mktemp("gateway")
    with ExitStack() as stack:
        sim = _start(stack, folder, "sim", "itick", "--rate", "20", "--symbols", "BTC/USDT,ETH/USDT")
        assert sim.stdout is not None
        (folder / "feed.toml").write_text(CONFIG.format(url=sim.stdout.readline().split()[-1]))
        run = _start(stack, folder, "run", "-c", "feed.toml")
        log = folder / "run.log"
        deadline = time.monotonic() + 20
        while (found := re.search(r"its console at (http://\S+)", log.read_text())) is None:
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
        run.terminate()
        run.wait(30)


def _login(page: Page, url: str) -> None:
    page.open(url)
    page.wait("document.querySelector('#access').value.startsWith('console-')")
    page.click("#login-go")
    page.wait(READY)
    page.wait(
        "document.querySelectorAll('#book .asks tr').length && document.querySelectorAll('#book .bids tr').length"
    )
    page.wait("document.querySelectorAll('#trades tr').length && document.querySelectorAll('#rules dd').length")


def _throw_and_clear(page: Page, picture: Path) -> None:
    """Two orders rest; the kill switch ends them and takes no more, until it is cleared."""
    for quantity in ("0.01", "0.02"):
        page.fill("#ticket-qty", quantity)
        page.key("Enter")
        page.wait(f"document.querySelector('#ticket-result').textContent.includes('Buy {quantity} ')")
    page.wait("document.querySelectorAll('#orders tr').length === 2")
    page.wait("!document.querySelector('#kill-open').disabled")
    page.click("#kill-open")
    page.fill("#kill-why", "the test says so")
    at = page.press_at("#kill-hold")
    page.wait("!document.querySelector('#kill').open")
    page.release(*at)
    page.wait("document.querySelector('#note-kill-text').textContent.includes('the test says so')")
    page.wait("document.querySelectorAll('#orders tr').length === 0")
    page.wait("document.querySelector('#send').textContent === 'Kill switch is on'")
    page.shoot(picture)

    page.click("#clear-open")
    page.write("Ann")
    page.key("Enter")
    page.wait("document.querySelector('#note-kill').hidden")
    page.wait(READY)
    page.wait("document.querySelector('#latency').textContent.includes('Journal')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_trades_on_paper(page: Page, url: str, scheme: str, tmp_path: Path) -> None:
    page.look(1440, 900, scheme)
    _login(page, url)
    assert page.text("#st-kind") == "PAPER"

    # at the market: it fills, and the account shows it
    page.click("#ticket input[value=MARKET]")
    page.fill("#ticket-qty", "0.0010")
    page.key("Enter")
    page.wait("document.querySelectorAll('#fills tr').length")
    page.wait("document.querySelector('#messages').textContent.includes('Filled: Buy 0.001')")
    page.wait(
        "[...document.querySelectorAll('#assets tr')].find(row => row.cells[0].textContent === 'BTC')"
        ".cells[3].textContent === '1.001'"
    )

    # far from the market: it rests, and is cancelled
    page.click("#ticket input[value=LIMIT]")
    page.click("#use-bid")
    page.click("#ticket-price")
    page.write(str(int(float(page.js("document.querySelector('#ticket-price').value"))) - 500))
    page.fill("#ticket-qty", "0.02")
    page.key("Enter")
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    assert "Working" in page.text("#orders")
    page.shoot(tmp_path / f"trading-{scheme}.png")
    page.click("#orders button")
    page.wait("document.querySelectorAll('#orders tr').length === 0")
    page.click("#tab-past")
    page.wait("document.querySelectorAll('#orders tr').length === 2")
    assert page.js("document.querySelector('#orders tr').cells[7].textContent") == "Cancelled"
    page.click("#tab-open")

    _throw_and_clear(page, tmp_path / f"killed-{scheme}.png")
    page.look(360, 740, scheme, phone=True)
    page.shoot(tmp_path / f"phone-{scheme}.png")
    page.click("#logout")
    page.wait("!document.querySelector('#login').hidden")
    assert page.problems == []
    assert {address.replace("ws:", "http:").removeprefix(url) for address in page.requests} == {"", "ws/v1"}


def test_the_same_key_sees_its_orders_again_and_another_does_not(browser: Browser, page: Page, url: str) -> None:
    _login(page, url)
    page.click("#use-bid")
    page.click("#ticket-price")
    page.write("40600")
    page.fill("#ticket-qty", "0.0100")
    page.key("Enter")
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    _login(page, url)  # a reload is a new connection and a new login
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    other = browser.page()
    _login(other, url)
    other.wait("document.querySelector('#assets').textContent.includes('USDT')")
    assert other.text("#n-open") == "0"
    other.close()
    page.click("#cancel-all")
    page.wait("document.querySelectorAll('#orders tr').length === 0")
    assert page.problems == []


def test_what_the_risk_limits_forbid_is_told(page: Page, url: str) -> None:
    _login(page, url)
    page.click("#use-bid")
    page.fill("#ticket-qty", "1.5")
    page.key("Enter")
    page.wait("document.querySelector('#ticket-result').textContent.startsWith('Not taken: ')")
    assert "max_quantity" in page.text("#ticket-result")
    assert page.text("#n-open") == "0"


def test_the_page_is_also_where_clients_look_for_it(page: Page, url: str) -> None:
    _login(page, f"{url}ws/v1")
    page.wait("document.querySelector('#facts').textContent.includes('Bar 1m')")
    assert page.problems == []
