"""What messages about orders and money must look like, by hand from the seed document."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.gateway.client import DEADLINE_S, ETH, D, Login, Message, exact, millis, number, text

ALL = {"USDT": (1_000_000, 0), "ETH": (1_000, 0)}
"""What an account begins with: free and locked."""


def eventually(check: Callable[[], object]) -> None:
    """Wait until it holds: what happened behind a gateway is known in front of it a little later."""
    end = time.monotonic() + DEADLINE_S
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def row(  # noqa: PLR0917
    no: str, action: str, price: str, quantity: str, remain: str, status: str, kind: str = "LIMIT"
) -> dict[str, object]:
    """An order as open_orders lists it."""
    return {
        "order_no": no,
        "action": action,
        "price": D(price),
        "quantity": D(quantity),
        "remain": D(remain),
        "status": status,
        "order_type": kind,
        "ctime": millis,
        "utime": millis,
    }


def told(*args: str) -> dict[str, object]:
    """An order as it is notified."""
    return {"symbol": ETH, **row(*args)}


def fill(no: str, price: str, quantity: str, side: str, liquidity: str) -> dict[str, object]:
    return {
        "symbol": ETH,
        "order_no": no,
        "fill_no": text,
        "price": D(price),
        "quantity": D(quantity),
        "side": side,
        "liquidity": liquidity,
        "ctime": millis,
    }


def money(**amounts: tuple[Any, Any]) -> dict[str, object]:
    """Balances, from free and locked."""
    return {
        currency: {"free": D(free), "locked": D(locked), "total": D(free) + D(locked)}
        for currency, (free, locked) in (ALL | amounts).items()
    }


def answered(answer: Message, op: str, **more: object) -> None:
    exact(answer, {"op": op, "cid": text, "result": True, "error_message": "", **more})


def has(login: Login, **amounts: tuple[Any, Any]) -> None:
    """What the account has, asked and told."""
    eventually(lambda: answered(login.ask("asset"), "asset", data=money(**amounts)))
    if login.notices("asset"):
        eventually(lambda: exact(login.heard("asset")[-1], money(**amounts)))


def life(login: Login, no: str, *, orders: list[Any], fills: list[Any] = []) -> None:  # noqa: B006
    """All that was told of an order, and that it came in order."""
    final = orders[-1]
    login.notice("order", order_no=no, status=final["status"])
    login.client.barrier()
    exact([one for one in login.notices("order") if one["order_no"] == no], orders, "orders")
    exact([one for one in login.notices("fill") if one["order_no"] == no], fills, "fills")
    assert len({one["ctime"] for one in login.notices("order") if one["order_no"] == no}) == 1
    got = login.client.got
    answer = next(at for at, m in enumerate(got) if m["op"] == "place_order" and m["order_no"] == no)
    notices = [(at, m) for at, m in enumerate(got) if m["op"] == "notify" and m["data"].get("order_no") == no]
    assert answer < notices[0][0], "the answer comes before any notification"
    filled = D(0)
    for _, notice in notices:
        exact(notice, {"op": "notify", "topic": text, "token": login.token, "data": dict})
        if notice["topic"] == "fill":
            filled += notice["data"]["quantity"]
        else:
            assert notice["data"]["quantity"] - notice["data"]["remain"] == filled, "a fill comes before its order"


def none(login: Login) -> None:
    """Nothing is open, nothing has moved."""
    answered(login.ask("open_orders", symbol=ETH), "open_orders", data=[])
    has(login)


def side(name: str, quantity: str, avail: str, price: str, margin: str) -> Message:
    return {
        f"{name}_quantity": D(quantity),
        f"{name}_avail_qty": D(avail),
        f"{name}_open_price": D(price),
        f"{name}_hold_price": D(price),
        f"{name}_liquid_price": number,
        f"{name}_unrealised_pnl": number,
        f"{name}_leverage": number,
        f"{name}_margin": D(margin),
    }


NONE = ("0", "0", "0", "0")


def position(long: tuple[str, str, str, str], short: tuple[str, str, str, str]) -> Message:
    return {"margin_mode": "crossed", **side("long", *long), **side("short", *short), "utime": millis}


def holds(login: Login, long: tuple[str, str, str, str], short: tuple[str, str, str, str]) -> None:
    """What is held of the contract, asked and told."""
    eventually(lambda: answered(login.ask("position", symbol=ETH), "position", data=position(long, short)))
    eventually(lambda: exact(login.heard("position")[-1], {"symbol": ETH, **position(long, short)}))
