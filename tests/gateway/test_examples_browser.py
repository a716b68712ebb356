"""The example in JavaScript in a real browser, in a page of another origin than the gateway's."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.gateway.chromium import Page
from tests.gateway.client import ETH, D
from tests.gateway.targets import ROOT, SPOT, gateway

SCRIPT = ROOT / "examples" / "gateway" / "strategy.mjs"
# as the README of the examples has it
PAGE = """<!doctype html><title>strategy</title>
<script type="module">
  import {{ run }} from "./strategy.mjs";
  window.lines = [];
  const options = {{ url: "{url}", platform: "{platform}", symbol: "{symbol}", key: "{key[0]}", secret: "{key[1]}" }};
  window.strategy = run(options, (line) => window.lines.push(line));
  window.strategy.done.then(() => window.over = true);
</script>
"""


class Site:
    """A web server with the example on it, and a page that runs it."""

    def __init__(self) -> None:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = {"/": ("text/html", site.page), "/strategy.mjs": ("text/javascript", SCRIPT.read_bytes())}
                kind, body = found.get(self.path, ("text/plain", b""))
                self.send_response(200 if body else 204)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.page = b""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with contextlib.closing(Site()) as site:
        yield site


def said(what: str, times: int = 1) -> str:
    """An expression: the strategy has said that so often."""
    return f"window.lines?.filter((line) => line.match(/{what}/)).length >= {times}"


def test_the_strategy_trades_in_a_page_whose_origin_is_listed(tmp_path: Path, page: Page, site: Site) -> None:
    with gateway(tmp_path, origins=[site.origin]) as target:
        key = target.key()
        site.page = PAGE.format(url=target.url, platform=SPOT, symbol=ETH, key=key).encode()
        target.book([("2999.90", "1")], [("3000.00", "1")])
        page.open(site.origin)
        page.wait(said("^place_order  order_no=", 3))
        target.book([("2999.90", "1")], [("2999.98", "1")])
        page.wait(said("^place_order  order_no=", 5))
        page.wait(said("^notify fill ", 2))
        page.js("window.strategy.stop()")
        page.wait("window.over")
        page.wait(said("^cancelled 2$"))
        page.wait(said("^logout"))
        assert page.problems == []
        assert target.url in page.requests
        with target.client() as client:
            login = client.login(SPOT, key)
            assert login.ask("open_orders", symbol=ETH)["data"] == []
            assert login.assets()["ETH"] == {"free": D("1000.02"), "locked": 0, "total": D("1000.02")}


def test_the_strategy_does_nothing_in_a_page_of_any_other_origin(tmp_path: Path, page: Page, site: Site) -> None:
    with gateway(tmp_path, origins=["http://127.0.0.1:1", site.origin.replace("http", "https")]) as target:
        key = target.key()
        site.page = PAGE.format(url=target.url, platform=SPOT, symbol=ETH, key=key).encode()
        page.open(site.origin)
        page.wait(said("^lost, again in 1 s$", 2))
        assert page.js("window.lines.every((line) => line === 'lost, again in 1 s')")
        assert any("403" in problem for problem in page.problems)
        text = target.processes[0].scrape()
        assert 'ferrofeed_gateway_refused_total{reason="bad_origin"} 0' not in text
        assert "ferrofeed_gateway_connections_total 0" in text.replace(".0", "")
