"""The console in front of the simulated gateway, which is taught the extensions that the console asks for.

What the real gateway does is tested with the real one (``test_console.py``). Here stands what it seldom does: broken
lines, odd words, endless digits, too much of everything.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrofeed.sim import OrderOptions, OrderSimulator, SimulatorThread
from ferrofeed.sim.order_json import dump, load
from ferrofeed.sim.protocol import Action, Send
from ferrofeed.sim.quantapi import QuantapiSession, QuantapiVenue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.gateway.chromium import Page

CONSOLE = Path(__file__).parents[2] / "python/ferrofeed/gateway/console.html"
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"
SYMBOLS = ["BTC/USDT", "ETH/USDT"]
READY = "document.querySelector('#st-state').textContent === 'Ready'"
ABOUT = {
    "version": "0.1.0",
    "platforms": [
        {"name": name, "venue": name, "kind": "paper", "symbols": SYMBOLS, "market_data": True}
        for name in ("huobi", "huobi_future")
    ],
    "clients": False,
    "tls": False,
}
STATUS = {
    "kind": "paper",
    "mode": "active",
    "kill": "",
    "journal_failed": "",
    "permission": "operator",
    "symbols": SYMBOLS,
    "market_data": True,
    "latency": {"order_to_ack": {"count": 3, "p50_ns": 812345, "p99_ns": 2412345}},
}


class _Session(QuantapiSession):
    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        message = load(text) or {}
        venue = self._venue
        assert isinstance(venue, _Venue)
        op = message.get("op")
        if op in ("status", "kill", "clear_kill") and venue.extended:
            self._heard_ns = now_ns
            answer: dict[str, object] = {"op": op, "cid": message["cid"], "result": True, "error_message": ""}
            if op == "status":
                answer["data"] = {**STATUS, **venue.status}
            else:
                venue.asked.append(message)
                venue.status["kill"] = message.get("reason", "")
            return [Send(dump(answer))]
        return super().received(text, now_ns)


class _Venue(QuantapiVenue):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.status: dict[str, object] = {}
        self.asked: list[dict[str, Any]] = []
        self.extended = True
        self.about: dict[str, object] = dict(ABOUT)

    def session(self) -> _Session:
        return _Session(self)

    def page(self, path: str, /) -> tuple[bytes, str] | None:
        if path != self.path:
            return None
        policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        text = CONSOLE.read_text().replace("<head>", f"<head>\n{policy}", 1)
        text = text.replace('"__GATEWAY__"', json.dumps(self.about).replace("<", "\\u003c"))
        return text.encode(), "text/html; charset=utf-8"


class _Simulator(OrderSimulator):
    venue: _Venue

    def _venue(self, _name: str) -> _Venue:
        venue = _Venue(self.market, self.options, self.orders, self.seed, self._engine)
        self.hall = venue.hall
        for state in self.market.states():
            self.hall.engine.show(self.now_ns(), state)
        return venue


class Gateway:
    """The simulated gateway, from another thread."""

    def __init__(self, thread: SimulatorThread) -> None:
        self._thread = thread

    @property
    def url(self) -> str:
        """Where its console is."""
        return self._thread.url.replace("ws:", "http:")

    def call(self, function: Any) -> Any:
        """Call ``function(simulator)`` there."""
        return self._thread.call(function)

    def push(self, *messages: Mapping[str, object]) -> None:
        """Send these to whoever is logged in, with the token."""

        def tell(sim: _Simulator) -> None:
            for login in list(sim.venue.logins.values()):
                for message in messages:
                    text = dump({"token": login.token, **message})
                    sim.hall.timeline.now(login.session, Send(text, "data"))
            sim.heard()

        self.call(tell)

    def push_text(self, text: str) -> None:
        """Send this to the one who is logged in, with ``TOKEN`` replaced."""

        def tell(sim: _Simulator) -> None:
            (login,) = sim.venue.logins.values()
            sim.hall.timeline.now(login.session, Send(text.replace("TOKEN", login.token).encode(), "data"))
            sim.heard()

        self.call(tell)

    def notify(self, topic: str, **data: object) -> None:
        """Tell the clients of something."""
        self.push({"op": "notify", "topic": topic, "data": data})

    def event(self, topic: str, **data: object) -> None:
        """Tell the clients of an event of BTC/USDT."""
        times = {"ts_event": 1_780_000_000_123_456_789, "ts_recv": 1_780_000_000_123_456_789}
        self.notify(topic, symbol="BTC/USDT", **times, **data)

    def status(self, **fields: object) -> None:
        """Let the status say this."""
        self.call(lambda sim: sim.venue.status.update(fields))

    def sent(self, name: str) -> list[str]:
        """The texts of all requests of that operation, as they came."""
        requests = self.call(lambda sim: sim.requests())
        return [entry["text"] for entry in requests if f'"op":"{name}"' in entry["text"]]

    def asked(self) -> list[dict[str, Any]]:
        """What was asked about the kill switch."""
        return list(self.call(lambda sim: list(sim.venue.asked)))

    def inject(self, fault: str) -> None:
        """Let a fault strike."""
        self.call(lambda sim: sim.inject(fault))

    def truth(self) -> Any:
        """All orders, balances and positions."""
        return self.call(lambda sim: sim.truth())

    def live(self) -> list[dict[str, Any]]:
        """The orders that are open."""
        return [order for order in self.truth()["orders"] if order["live"]]


@contextmanager
def gateway(page: Page, **orders: Any) -> Iterator[Gateway]:
    """Run a simulated gateway whose market stands still; the page leaves it first."""
    thread = SimulatorThread("quantapi")
    thread._simulator = _Simulator("quantapi", symbols=SYMBOLS, rate=0, orders=OrderOptions(**orders))
    with thread:
        try:
            yield Gateway(thread)
        finally:
            page.close()


class Desk:
    """A person before the console."""

    def __init__(self, page: Page, sim: Gateway) -> None:
        self.page = page
        self.sim = sim

    def open(self, platform: str = "huobi") -> None:
        """See the login form, with this platform chosen."""
        self.page.open(self.sim.url)
        self.choose(platform)

    def choose(self, platform: str) -> None:
        """Choose a platform in the form."""
        name = json.dumps(platform)
        self.page.js(f"(node => {{ node.value = {name}; node.onchange(); }})(document.querySelector('#platform'))")

    def login(self, platform: str = "huobi", secret: str = "sim-secret") -> None:
        """Log in and wait until the platform is ready."""
        self.begin(platform, secret)
        self.page.wait(READY)
        self.page.wait("document.querySelectorAll('#rules dd').length")
        self.page.wait("!document.querySelector('#send').disabled")

    def begin(self, platform: str = "huobi", secret: str = "sim-secret") -> None:
        """Fill in the form and send it."""
        self.open(platform)
        self.page.fill("#access", "sim-key")
        self.page.fill("#secret", secret)
        self.page.key("Enter")

    def order(self, price: str, quantity: str) -> str:
        """Type an order, send it with Enter, and return what the ticket says then."""
        page = self.page
        if price:
            page.fill("#ticket-price", price)
        page.fill("#ticket-qty", quantity)
        page.js("document.querySelector('#ticket-result').textContent = ''")
        page.key("Enter")
        page.wait("document.querySelector('#ticket-result').textContent")
        return page.text("#ticket-result")
