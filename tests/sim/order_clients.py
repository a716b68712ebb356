"""Plain clients of the simulated trading venues: they send what they are told and keep all that comes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from picows import ws_connect
from tests.sim.conftest import Client, until

from ferrofeed.sim import OrderOptions, OrderSimulator
from ferrofeed.sim.server import unix_clock

Message = dict[str, Any]
ETH = ["ETH/USDT"]


class Shifted:
    """The time of day, which may be moved on by hand."""

    def __init__(self) -> None:
        self.shift_ns = 0
        self._clock = unix_clock()

    def __call__(self) -> int:
        return self._clock() + self.shift_ns


def later(sim: OrderSimulator, seconds: float) -> None:
    """Move the venue's clock on, and let it do what is due then."""
    clock = sim.now_ns
    assert isinstance(clock, Shifted)
    clock.shift_ns += round(seconds * 10**9)
    sim.heard()


def still(venue: str, orders: OrderOptions | None = None, **settings: Any) -> OrderSimulator:
    """A venue whose market moves by hand only, and whose clock may."""
    return OrderSimulator(
        venue, orders=orders, **({"rate": 0, "symbols": ETH, "seed": 1, "clock": Shifted()} | settings)
    )


async def http(sim: OrderSimulator, target: str, *headers: str) -> tuple[int, str, bytes]:
    """Ask by plain HTTP; returns status, head and body."""
    parts = urlsplit(sim.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", *headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split(b" ", 2)[1]), head.decode(), body


class Plain:
    """One connection."""

    def __init__(self) -> None:
        self.ws = Client()
        self.taken = 0

    async def open(self, url: str) -> None:
        await ws_connect(lambda: self.ws, url, enable_auto_pong=False, logger_name="sim-test")

    @property
    def all(self) -> list[Message]:
        """Every JSON message so far, in order, numbers exact."""
        return [json.loads(text, parse_float=Decimal) for text in self.ws.messages if text.startswith(b"{")]

    async def find(self, wanted: Callable[[Message], object], count: int = 1) -> list[Message]:
        """Wait for so many messages; returns all there are."""
        await until(lambda: len([m for m in self.all if wanted(m)]) >= count, f"a message among {self.ws.messages}")
        return [message for message in self.all if wanted(message)]

    async def gone(self) -> None:
        await until(lambda: self.ws.gone, "the connection's end")


class Ceres(Plain):
    """A client of CoinCeres."""

    @classmethod
    async def to(cls, sim: OrderSimulator, key: str = "sim-key", secret: str = "sim-secret", url: str = "") -> Ceres:
        client = cls()
        await client.open(ceres_url(url or sim.url, key, secret))
        return client

    @property
    def pushes(self) -> list[Message]:
        return [message for message in self.all if "messageType" in message]

    @property
    def statuses(self) -> list[str]:
        return [push["entrustStatus"] for push in self.pushes if push["messageType"] == "1"]

    def answers(self, biz_type: int) -> list[Message]:
        return [message for message in self.all if message.get("biz_type") == biz_type]

    async def ask(self, biz_type: int, /, **fields: Any) -> Message:
        """Ask and wait for the answer."""
        before = len(self.answers(biz_type))
        self.ws.send({**fields, "biz_type": biz_type})
        await until(lambda: len(self.answers(biz_type)) > before, f"an answer to {biz_type}")
        return self.answers(biz_type)[-1]

    async def barrier(self) -> None:
        """Wait until all that was sent before is answered, as far as it is answered at once."""
        before = self.ws.messages.count(b"pong")
        self.ws.send(b"ping")
        await until(lambda: self.ws.messages.count(b"pong") > before, "a pong")

    def order(self, client: str, price: str = "3000", vol: str = "0.5", **more: Any) -> Message:
        return {
            "exchange": "TEST",
            "contract": "ETH_USDT",
            "price_type": "limit",
            "entrust_price": price,
            "entrust_vol": vol,
            "entrust_bs": "buy",
            "client_oid": client,
            "biz_type": 11,
            **more,
        }

    def send_order(self, client: str, *args: str, **more: Any) -> None:
        self.ws.send(self.order(client, *args, **more))

    async def place(self, client: str, *args: str, **more: Any) -> str:
        """Place an order and wait until it is taken; returns the venue's id."""
        answer = await self.ask(11, **self.order(client, *args, **more))
        assert answer["code"] == "200", answer
        return str(answer["data"]["system_oid"])


def ceres_url(url: str, key: str = "sim-key", secret: str = "sim-secret") -> str:
    sign = hashlib.sha256(f"api_key={key}&secret={secret}".encode()).hexdigest()
    return f"{url}?api_key={key}&sign={sign}"


class Quant(Plain):
    """A client of a quantapi gateway."""

    token = ""

    @classmethod
    async def to(cls, sim: OrderSimulator, platform: str | None = "huobi", **login: Any) -> Quant:
        """Connect and log in, until it is ready; platform None: only connect."""
        client = cls()
        await client.open(sim.url)
        if platform is not None:
            client.token = (await client.login(platform, **login))["token"]
            await client.state(6)
        return client

    async def login(self, platform: str = "huobi", **more: Any) -> Message:
        fields = {"platform": platform, "symbols": ETH, "access_key": "sim-key", "secret_key": "sim-secret"}
        return await self.ask("login", token=None, **(fields | more))

    async def state(self, code: int, token: str | None = None, count: int = 1) -> None:
        wanted = self.token if token is None else token
        await self.find(lambda m: (m["op"], m.get("code"), m.get("token")) == ("state", code, wanted), count)

    @property
    def states(self) -> list[int]:
        return [message["code"] for message in self.all if message["op"] == "state"]

    def notices(self, topic: str) -> list[Message]:
        return [m["data"] for m in self.all if m["op"] == "notify" and m["topic"] == topic]

    @property
    def topics(self) -> list[str]:
        return [m["topic"] for m in self.all if m["op"] == "notify"]

    async def ask(self, op: str, cid: str = "", **fields: Any) -> Message:
        """Ask and wait for the answer."""
        self.taken += 1
        cid = cid or f"c{self.taken}"
        token = fields.pop("token", self.token)
        self.ws.send({"op": op, "cid": cid, **({} if token is None else {"token": token}), **fields})
        return (await self.find(lambda m: m.get("cid") == cid))[-1]

    async def barrier(self) -> None:
        """Wait until all that was sent before is answered, as far as it is answered at once."""
        self.taken += 1
        number = self.taken
        self.ws.send({"op": "ping", "ts": number})
        await self.find(lambda m: m["op"] == "pong" and m["ts"] == number)

    def order(self, price: float = 3000, quantity: float = 0.5, **more: Any) -> Message:
        fields = {"symbol": "ETH/USDT", "action": "BUY", "price": price, "quantity": quantity, "order_type": "LIMIT"}
        return fields | more

    def send_order(self, cid: str, *args: float, **more: Any) -> None:
        self.ws.send({"op": "place_order", "cid": cid, "token": self.token, **self.order(*args, **more)})

    async def place(self, *args: float, **more: Any) -> str:
        """Place an order and wait until it is taken; returns its number."""
        answer = await self.ask("place_order", **self.order(*args, **more))
        assert answer["result"] is True, answer
        return str(answer["order_no"])


class Trader:
    """What both venues have, in one client's words: orders by a name of ours, what was told of them."""

    def __init__(self, client: Ceres | Quant) -> None:
        self.client = client
        self.ws = client.ws

    @classmethod
    async def to(cls, sim: OrderSimulator) -> Trader:
        return cls(await (Ceres if sim.venue.name == "coinceres" else Quant).to(sim))

    def offer(self, name: str, price: int = 3000, quantity: str = "0.5") -> None:
        """Send an order to buy and wait for nothing."""
        if isinstance(self.client, Ceres):
            self.client.send_order(name, str(price), quantity)
        else:
            self.client.send_order(name, price, float(quantity))

    def cancel(self, name: str, order_id: str) -> None:
        """Send a cancel and wait for nothing."""
        if isinstance(self.client, Ceres):
            self.ws.send({"biz_type": 12, "system_oid": order_id})
        else:
            fields = {"token": self.client.token, "symbol": "ETH/USDT", "order_nos": [order_id]}
            self.ws.send({"op": "cancel_order", "cid": name, **fields})

    async def place(self, name: str, price: int = 3000, quantity: str = "0.5") -> str:
        """Place an order to buy and wait until it is taken; returns the venue's id."""
        self.offer(name, price, quantity)
        await until(lambda: self.answers(name), f"an answer to {name}")
        return self.order_id(name)

    def answers(self, name: str) -> list[Message]:
        """The answers to an order, of any kind."""
        if isinstance(self.client, Ceres):
            return [a for a in self.client.answers(11) if a["data"] is not None and a["data"]["client_oid"] == name]
        return [m for m in self.client.all if m["op"] == "place_order" and m["cid"] == name]

    def order_id(self, name: str) -> str:
        answer = self.answers(name)[0]
        return str(answer["data"]["system_oid"] if isinstance(self.client, Ceres) else answer["order_no"])

    def refusals(self, name: str) -> list[str]:
        """Why an order was refused."""
        if isinstance(self.client, Ceres):
            return [answer["message"] for answer in self.answers(name) if answer["code"] != "200"]
        return [answer["error_message"] for answer in self.answers(name) if not answer["result"]]

    @property
    def cancel_answers(self) -> list[bool]:
        """Of each answer to a cancel of one order: was it taken?"""
        if isinstance(self.client, Ceres):
            return [bool(answer["data"]["SUCCESS"]) for answer in self.client.answers(12)]
        return [message["data"][0]["result"] for message in self.client.all if message["op"] == "cancel_order"]

    @property
    def fills(self) -> list[tuple[str, str]]:
        """What was told of fills: the order, and what tells the fill from others of the order."""
        if isinstance(self.client, Ceres):
            told = [push for push in self.client.pushes if push.get("dealVol", "0") != "0"]
            return [(push["entrustId"], push["totalDealVol"]) for push in told]
        return [(fill["order_no"], fill["fill_no"]) for fill in self.client.notices("fill")]

    @property
    def statuses(self) -> list[str]:
        """What was told of orders, in the words of both venues' statuses."""
        if isinstance(self.client, Ceres):
            return self.client.statuses
        return [order["status"] for order in self.client.notices("order")]

    @property
    def cancelled(self) -> bool:
        return "CANCELED" in self.statuses

    def place_of(self, wanted: Callable[[Message], object]) -> int:
        """Where the first such message came."""
        return next(index for index, message in enumerate(self.client.all) if wanted(message))

    async def live(self) -> list[str]:
        """Ask which orders are live."""
        if isinstance(self.client, Ceres):
            rows = (await self.client.ask(15))["data"]
            return [row["system_oid"] for row in reversed(rows) if row["status"] in ("3", "4")]
        return [row["order_no"] for row in (await self.client.ask("open_orders", symbol="ETH/USDT"))["data"]]

    async def barrier(self) -> None:
        await self.client.barrier()

    async def gone(self) -> None:
        await self.client.gone()
