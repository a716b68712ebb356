"""quantapi's objects: orders, fills, balances, positions, rules. Numbers are JSON numbers with all their digits.

The sign of a contract order's quantity says which position it changes: BUY + opens long, SELL - opens short,
SELL + closes long, BUY - closes short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrofeed.sim.order_types import EXACT, ZERO, Draft, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from ferrofeed.sim.order_types import Account, Fill, Listing, Offset, Order, OrderType, Side
    from ferrofeed.sim.orders_engine import Balance, Holding

PAGE = b"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Quant trading API</title></head>
<body><h1>Quant trading API 1.0.0</h1><p>This is a WebSocket endpoint (simulated): connect to it and log in.</p></body>
</html>
"""
_SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
_TYPES: dict[str, OrderType] = {"LIMIT": "limit", "MARKET": "market", "IOC": "ioc"}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def draft(account: Account, listing: Listing, message: Mapping[str, Any]) -> Draft:
    """Read a place_order. :raises Refusal: it says what can't be."""
    side, kind = _SIDES.get(message["action"]), _TYPES.get(message["order_type"])
    price, quantity = message["price"], message["quantity"]
    if side is None:
        raise Refusal("request", "action: expected BUY or SELL")
    if kind is None:
        raise Refusal("request", "order_type: expected LIMIT, MARKET or IOC")
    if kind == "market" and price:
        raise Refusal("request", "price: expected 0 for MARKET")
    offset: Offset = "net"
    if listing.product == "contract":
        # a position's first side: long for purchases with +, short for sales with -
        offset = "open" if (side == "buy") == (quantity > 0) else "close"
        quantity = abs(quantity)
    return Draft(account, listing, str(message.get("cid") or ""), side, kind, offset, price, quantity)


def sign(order: Draft) -> int:
    """-1 for what changes a short position, else 1."""
    return -1 if (order.side, order.offset) in (("sell", "open"), ("buy", "close")) else 1


def status(order: Order) -> str:
    """The word for an order's status."""
    if order.status == "working":
        return "PARTIAL-FILLED" if order.filled else "SUBMITTED"
    return {"filled": "FILLED", "cancelled": "CANCELED", "rejected": "FAILED"}.get(order.status, "NONE")


def listed(order: Order, millis: Callable[[int], int]) -> dict[str, object]:
    """An entry of open_orders."""
    return _order(order, order.filled, status(order), millis)


def order(order: Order, millis: Callable[[int], int]) -> dict[str, object]:
    """The order of a notification."""
    return {"symbol": order.draft.listing.symbol, **listed(order, millis)}


def new_order(order: Order, millis: Callable[[int], int]) -> dict[str, object]:
    """The order as it was taken: more may have happened since."""
    return {"symbol": order.draft.listing.symbol, **_order(order, ZERO, "SUBMITTED", millis)}


def filled_order(order: Order, fill: Fill, millis: Callable[[int], int]) -> dict[str, object]:
    """The order as this fill left it: more may have happened since."""
    total = ZERO
    for entry in order.fills:
        total = EXACT.add(total, entry.quantity)
        if entry is fill:
            break
    left = "FILLED" if total >= order.whole else "PARTIAL-FILLED"
    return {"symbol": order.draft.listing.symbol, **_order(order, total, left, millis)}


def _order(order: Order, filled: Decimal, word: str, millis: Callable[[int], int]) -> dict[str, object]:
    draft = order.draft
    factor = sign(draft)
    return {
        "order_no": order.id,
        "action": draft.side.upper(),
        "price": draft.price,
        "quantity": factor * draft.quantity,
        "remain": factor * EXACT.subtract(draft.quantity, filled),
        "status": word,
        "order_type": _NAMES[draft.type],
        "ctime": millis(order.created_ns),
        "utime": millis(order.updated_ns),
    }


def fill(order: Order, fill: Fill, millis: Callable[[int], int]) -> dict[str, object]:
    """The fill of a notification."""
    return {
        "symbol": order.draft.listing.symbol,
        "order_no": order.id,
        "fill_no": fill.id,
        "price": fill.price,
        "quantity": sign(order.draft) * fill.quantity,
        "side": order.draft.side.upper(),
        "liquidity": "MAKER" if fill.maker else "TAKER",
        "ctime": millis(fill.time_ns),
    }


def asset(found: Mapping[str, Balance]) -> dict[str, object]:
    """Balances by currency."""
    return {
        currency: {"free": balance.free, "locked": balance.locked, "total": balance.total}
        for currency, balance in found.items()
    }


def position(listing: Listing, legs: tuple[Holding, Holding], mark: Decimal, utime: int) -> dict[str, object]:
    """Both sides of a position."""
    data: dict[str, object] = {"margin_mode": "crossed"}
    for name, factor, leg in (("long", 1, legs[0]), ("short", -1, legs[1])):
        profit = EXACT.multiply(factor * EXACT.subtract(mark, leg.open_price), leg.quantity)
        data |= {
            f"{name}_quantity": leg.quantity,
            f"{name}_avail_qty": leg.available,
            f"{name}_open_price": leg.open_price,
            f"{name}_hold_price": leg.open_price,
            f"{name}_liquid_price": 0,
            f"{name}_unrealised_pnl": profit,
            f"{name}_leverage": listing.leverage if listing.product == "contract" else 0,
            f"{name}_margin": leg.margin,
        }
    return {**data, "utime": utime}


def rules(listing: Listing) -> dict[str, object]:
    """The answer to symbol_info."""
    return {
        "price_tick": listing.tick,
        "size_tick": listing.lot,
        "size_limit": listing.min_size,
        "value_tick": EXACT.multiply(listing.tick, listing.lot),
        "value_limit": listing.min_notional,
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "settlement_currency": listing.quote,
    }
