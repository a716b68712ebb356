"""A strategy loop for the quant trading API in Python: `pip install websockets`, then `python strategy.py --help`.

The rule: buy a little at the market. From then on a purchase rests TICKS below the price of the last fill and a sale
TICKS above it; when one is filled, both are placed anew. Only what was bought is sold, and at most LOTS are held.
"""

import argparse
import asyncio
import json
import re
import signal
import time
from decimal import ROUND_FLOOR, Decimal

from websockets.asyncio.client import connect  # websockets.sync may lose what it sends over TLS: two threads, one TLS
from websockets.exceptions import WebSocketException

TICKS, LOTS, READY = 2, 5, 6
EXACT = {"parse_float": Decimal, "parse_int": Decimal}  # no price passes through a binary float
SHOWN = ("code", "msg", "error_message", "order_no", "status", "side", "price", "quantity")


class Strategy:
    def __init__(self, args):
        self.args, self.stopping = args, False
        self.last, self.held = Decimal(0), Decimal(0)  # price of the last fill; what was bought less what was sold

    async def connection(self):
        """One connection, from login to logout. Raises OSError or WebSocketException when it breaks."""
        self.token, self.ready, self.over, stopped = "", False, False, False
        async with connect(self.args.url, ping_interval=None) as self.socket:  # the protocol has pings of its own
            keys = {"access_key": self.args.key, "secret_key": self.args.secret}
            await self.send("login", platform=self.args.platform, symbols=[self.args.symbol], **keys)
            heard = pinged = time.monotonic()
            while not self.over:
                if (now := time.monotonic()) > heard + 15:
                    raise TimeoutError("the server says nothing")
                if now > pinged + 5:  # after 15 s without a message the server ends the connection
                    pinged = now
                    await self.send("ping", ts=time.time_ns() // 1_000_000)
                    if self.ready:
                        await self.send("open_orders", symbol=self.args.symbol)
                if self.stopping and not stopped:
                    stopped = True  # no order named: all of ours
                    await self.send("cancel_order", "last", symbol=self.args.symbol, order_nos=[])
                try:
                    message = json.loads(await asyncio.wait_for(self.socket.recv(), 0.2), **EXACT)
                except TimeoutError:
                    continue
                heard = time.monotonic()
                await self.receive(message["op"], message.get("cid"), message, message.get("data"))

    async def send(self, op, cid="", **fields):
        cid = cid or f"{op}-{time.monotonic_ns()}"  # ours to choose; answers come in any order and repeat it
        text = json.dumps({"op": op, "cid": cid, "token": self.token, **fields}, default="{:f}".format)
        await self.socket.send(re.sub(r'"(price|quantity)": "([^"]*)"', r'"\1": \2', text))  # Decimals as JSON numbers

    async def receive(self, op, cid, message, data):
        if op != "pong":
            told = {**message, **(data if op == "notify" else {})}
            print(op, message.get("topic", ""), *(f"{name}={told[name]}" for name in SHOWN if told.get(name)))
        if op == "login":
            if not message["result"]:  # "Do not log in repeat": the server has yet to see that a connection is lost
                raise OSError("no login")
            self.token = message["token"]  # the name of this login, which has not succeeded before state 6
        elif op == "state":
            self.ready = message["code"] == READY
            if self.ready:  # at first, and again after trouble: find out how things are
                await self.send("symbol_info", symbol=self.args.symbol)
        elif op == "symbol_info" and message["result"]:
            self.tick, self.size = data["price_tick"], max(self.args.quantity, data["size_limit"])
            await self.send("asset")
        elif op == "asset" and message["result"]:
            print("free:", ", ".join(f"{balance['free']} {currency}" for currency, balance in data.items()))
            await self.send("open_orders", "first", symbol=self.args.symbol)
        elif op == "open_orders" and message["result"]:
            if cid == "first" or not data:  # left over from a lost connection; or what we placed was refused
                await self.quote()
        elif op == "cancel_order" and cid == "last":
            print("cancelled", sum(one["result"] for one in data or []))
            await self.send("logout")
        elif op == "logout":
            self.over = True
        elif op == "notify" and message["topic"] == "fill":
            self.last, self.held = data["price"], self.held + data["quantity"] * (1 if data["side"] == "BUY" else -1)
        elif op == "notify" and message["topic"] == "order" and data["status"] == "FILLED":
            await self.quote()

    async def quote(self):
        """The rule, see the top."""
        if self.stopping or not self.ready:
            return
        await self.send("cancel_order", symbol=self.args.symbol, order_nos=[])
        middle = (self.last / self.tick).to_integral_value(ROUND_FLOOR)
        orders = [] if self.last else [("BUY", Decimal(0), "MARKET")]
        if self.last and self.held < LOTS * self.size:
            orders.append(("BUY", (middle - TICKS) * self.tick, "LIMIT"))
        if self.last and self.held >= self.size:
            orders.append(("SELL", (middle + TICKS) * self.tick, "LIMIT"))
        for action, price, kind in orders:
            order = {"action": action, "price": price, "quantity": self.size, "order_type": kind}
            await self.send("place_order", symbol=self.args.symbol, **order)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Ends at Ctrl-C: cancels its orders and logs out.")
    texts = {"url": "ws://127.0.0.1:9878/ws/v1", "platform": "paper", "symbol": "ETH/USDT", "key": "me", "secret": "s"}
    for name, default in (texts | {"quantity": Decimal("0.01"), "seconds": 0.0}).items():
        parser.add_argument(f"--{name}", default=default, type=type(default), help="default: %(default)s")
    strategy = Strategy(parser.parse_args())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, lambda *_: setattr(strategy, "stopping", True))
    signal.setitimer(signal.ITIMER_REAL, strategy.args.seconds)  # 0: never
    while not strategy.stopping:
        try:
            asyncio.run(strategy.connection())
        except (OSError, WebSocketException) as error:
            print(f"lost ({error}), again in 1 s")
            time.sleep(1)
