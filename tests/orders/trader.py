"""A process that trades at random until somebody kills it, or finds out what is true and says so.

Run by ``test_killed.py``.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from pathlib import Path
from typing import Any

from ferrofeed.config import Config
from ferrofeed.feed import Feed
from ferrofeed.orders import OrderError

SETTLED_S = 1.0
"""How long nothing may move before it counts as settled."""


def config(kind: str, url: str, journal: str) -> Config:
    """One trading venue, a simulator's."""
    venue: dict[str, Any] = {"id": "venue", "kind": kind, "url": url, "poll_s": 0.3}
    venue |= {"api_key": "env:SIM_KEY", "api_secret": "env:SIM_SECRET"}
    if kind == "coinceres":
        venue["exchange"] = "TEST"
    else:
        venue["platform"] = "huobi"
    venue["trade"] = [{"symbols": ["BTC/USDT", "ETH/USDT"]}]
    orders = {"journal": journal, "fsync": "off", "ack_timeout_s": 0.5, "settle_s": 0.6, "ttl_s": 0.5}
    return Config.from_dict({"service": {"metrics": ""}, "orders": orders, "venue": [venue]})


def trade(feed: Feed, seed: int) -> None:
    """Place, cancel, halt and go on, until the process is killed."""
    logging.getLogger().setLevel(logging.WARNING)  # nobody reads it until the end
    rng = random.Random(seed)
    orders = feed.orders
    sys.stdout.write("trading\n")
    sys.stdout.flush()
    while True:
        time.sleep(rng.choice([0, 0, 0.001, 0.01, 0.05]))
        live = orders.open_orders()
        try:
            draw = rng.random()
            if draw < 0.6:
                symbol = rng.choice(["BTC/USDT", "ETH/USDT"])
                price = PRICES[symbol] * rng.randint(9_900, 10_100) // 10_000
                intent = f"intent-{rng.randint(1, 5)}" if rng.random() < 0.3 else ""
                kind = rng.choice(["limit", "limit", "limit", "ioc"])
                orders.place(
                    "venue",
                    symbol,
                    rng.choice(["buy", "sell"]),
                    f"0.{rng.randint(1, 9)}",
                    price,
                    type=kind,
                    intent=intent,
                )
            elif draw < 0.95 and live:
                orders.cancel(rng.choice(live).id)
            elif draw > 0.99:
                orders.cancel_all()
        except OrderError:
            pass


PRICES = {"BTC/USDT": 60_000, "ETH/USDT": 3_000}


def settle(feed: Feed) -> None:
    """Wait until nothing is on its way, then print everything the router believes."""
    orders = feed.orders
    quiet_since = None
    end = time.monotonic() + 40
    while time.monotonic() < end:
        restless = orders.core.restless()
        if orders.ready() and not restless:
            quiet_since = quiet_since or time.monotonic()
            if time.monotonic() - quiet_since > SETTLED_S:
                break
        elif any("waits" not in what and "not answered" not in what for what in restless) or not orders.ready():
            quiet_since = None
        time.sleep(0.01)
    else:
        sys.stdout.write(json.dumps({"failed": [orders.desk_state("venue"), *orders.core.restless()]}) + "\n")
        return
    anomalies, *_ = orders.core.counts()
    found = {
        "orders": [view._asdict() for view in orders.all_orders()],
        "balances": {name: balance._asdict() for name, balance in orders.balances("venue").items()},
        "mode": orders.mode.in_force,
        "anomalies": anomalies,
        "counters": orders.core.counters(0),
    }
    sys.stdout.write(json.dumps(found, default=str) + "\n")


def main(kind: str, url: str, journal: str, seed: str) -> None:
    """``seed`` empty: settle."""
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)d %(message)s")
    feed = Feed(config(kind, url, journal))
    if not seed and Path(journal, "KILL").exists():
        raise SystemExit("a kill file nobody asked for")
    with feed:
        if not feed.orders.wait_ready(30.0):
            sys.stdout.write(
                json.dumps({"failed": [feed.orders.desk_state("venue"), *feed.orders.core.restless()]}) + "\n"
            )
            return
        if seed:
            trade(feed, int(seed))
        else:
            settle(feed)


if __name__ == "__main__":
    main(*sys.argv[1:5])
