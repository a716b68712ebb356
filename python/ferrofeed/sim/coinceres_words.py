"""CoinCeres' rows: how orders, fills, balances, positions and contracts are written. Numbers are text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ferrofeed.sim.order_json import plain
from ferrofeed.sim.order_types import EXACT
from ferrofeed.sim.protocol import NS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.sim.order_ledger import Change
    from ferrofeed.sim.order_types import Account, Fill, Listing, Order, Product
    from ferrofeed.sim.orders_engine import Balance, Holding

STATUS_WORDS = {
    1: "NO_REPORT",
    2: "SUBMITTING",
    3: "SUBMITTED",
    4: "PART_FILLED",
    5: "FILLED",
    6: "FAILURE",
    11: "CANCEL",
    12: "CANCELING",
    13: "PENDING",
    14: "PART_CANCELED",
    15: "CANCELED",
}
_KINDS: dict[Product, str] = {"spot": "4", "contract": "3"}
_ACCOUNTS: dict[Product, str] = {"spot": "3", "contract": "4"}


def status(order: Order) -> int:
    """The number of an order's status."""
    if order.cancelling:
        return 12 if order.status == "working" else 13
    if order.status == "working":
        return 4 if order.filled else 3
    if order.status == "cancelled":
        return 11 if order.unsent else 14 if order.filled else 15
    return {"taken": 1, "submitting": 2, "filled": 5}.get(order.status, 6)


def local_time(time_ns: int, utc_offset_s: int) -> str:
    """Write a time as the venue does, to the second."""
    moment = datetime.fromtimestamp(time_ns // NS, UTC) + timedelta(seconds=utc_offset_s)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def order(order: Order, time: str) -> dict[str, str]:
    """A row of 15."""
    draft = order.draft
    return {
        "system_oid": order.id,
        "client_oid": draft.client or "null",
        "contract": draft.listing.instrument.pair,
        "entrust_bs": draft.side,
        "entrust_price": plain(draft.price),
        "entrust_amount": plain(draft.quantity),
        "average_dealt_price": plain(order.average_price),
        "dealt_amount": plain(order.filled),
        "commission": plain(order.fee),
        "lever": str(draft.listing.leverage) if draft.listing.product == "contract" else "null",
        "profit_value": draft.more.get("profit_value", "0"),
        "stop_value": draft.more.get("stop_value", "0"),
        "status": str(status(order)),
        "entrust_time": time,
    }


def pushed_order(order: Order, change: Change, fill: Fill | None, time: str) -> dict[str, str]:
    """A push of type 1. ``dealVol`` is what was filled now, ``totalDealVol`` all that was."""
    draft = order.draft
    # the book has moved on where several things happened at once; a fill tells of itself
    filled, total, average = Decimal(0), order.filled, order.average_price
    number = status(order)
    if fill is not None:
        filled, total, average, number = _as_of(order, fill)
    elif change == "accepted":
        total, average, number = Decimal(0), Decimal(0), 3
    direction = draft.side.upper()
    return {
        "messageType": "1",
        "product": draft.listing.base,
        "exchange": draft.account.market,
        "contract": draft.listing.instrument.pair,
        "entrustId": order.id,
        "avgDealPrice": plain(average),
        "entrustTime": time,
        "entrustStatus": STATUS_WORDS[number],
        "entrustDir": direction if draft.offset == "net" else f"{draft.offset.upper()}_{direction}",
        "entrustType": draft.type,
        "lever": str(draft.listing.leverage) if draft.listing.product == "contract" else "null",
        "entrustPrice": plain(draft.price),
        "entrustVol": plain(draft.quantity),
        "dealVol": plain(filled),
        "totalDealVol": plain(total),
    }


def _as_of(order: Order, fill: Fill) -> tuple[Decimal, Decimal, Decimal, int]:
    """This fill, all up to it, their average price, and the status it left."""
    total = cost = Decimal(0)
    for entry in order.fills:
        total = EXACT.add(total, entry.quantity)
        cost = EXACT.add(cost, EXACT.multiply(entry.price, entry.quantity))
        if entry is fill:
            break
    average = EXACT.divide(cost, total).quantize(Decimal("1e-8"), context=EXACT)
    return fill.quantity, total, average, 5 if total >= order.whole else 4


def pushed_margin(order: Order, margin: Decimal) -> dict[str, str]:
    """A push of type 2, for the order that changed the margin. Nothing is ever liquidated here."""
    return {
        "messageType": "2",
        "entrustId": order.id,
        "forcedPrice": "null",
        "totalMargin": plain(margin),
        "profit": order.draft.more.get("profit_value", "null"),
        "stop": order.draft.more.get("stop_value", "null"),
        "dealId": deal_id(order.draft.account, order.draft.listing, "buy"),
        "type": "1",
    }


def contract(listing: Listing) -> dict[str, str]:
    """A row of 13."""
    return {
        "contract": listing.instrument.pair,
        "exchange": listing.market,
        "kind": _KINDS[listing.product],
        "tick_size": plain(listing.tick),
        "volume_increment": plain(listing.lot),
        "min_price": plain(listing.tick),
        "min_volume": plain(listing.min_size),
    }


def balances(market: str, product: Product, found: Mapping[str, Balance]) -> list[dict[str, str]]:
    """Rows of 14. ``balance`` is all there is, ``frozen`` the part of it that is held."""
    return [
        {
            "account_type": _ACCOUNTS[product],
            "balance": plain(balance.total),
            "currency": currency,
            "exchange": market,
            "frozen": plain(balance.locked),
            "market_value": plain(balance.total),
        }
        for currency, balance in found.items()
    ]


def positions(account: Account, listing: Listing, legs: tuple[Holding, Holding], mark: Decimal) -> list[dict[str, str]]:
    """Rows of 16, none for a side without a position."""
    rows: list[dict[str, str]] = []
    for direction, sign, leg in (("buy", 1, legs[0]), ("sell", -1, legs[1])):
        if leg.quantity:
            profit = EXACT.multiply(sign * EXACT.subtract(mark, leg.open_price), leg.quantity)
            rows.append(
                {
                    "exchange": listing.market,
                    "contract": listing.instrument.pair,
                    "dealId": deal_id(account, listing, direction),
                    "position_dir": direction,
                    "vol": plain(leg.quantity),
                    "lever": str(listing.leverage),
                    "margin": plain(leg.margin),
                    "open_price": plain(leg.open_price),
                    "position_value": plain(EXACT.multiply(mark, leg.quantity)),
                    "force_price": "null",
                    "close_profit": "0",
                    "position_profit": plain(profit),
                }
            )
    return rows


def deal_id(account: Account, listing: Listing, direction: str) -> str:
    """The venue's id of one side of a position."""
    return f"{account.number}{listing.number:04d}{'1' if direction == 'buy' else '2'}"


def trade(fill: Fill, order: Order, time: str) -> dict[str, str]:
    """A row of 17."""
    return {
        "system_tid": fill.id,
        "system_oid": order.id,
        "contract": order.draft.listing.instrument.pair,
        "entrust_bs": order.draft.side,
        "dealt_amount": plain(fill.quantity),
        "dealt_price": plain(fill.price),
        "dealt_time": time,
        "commission": plain(fill.fee),
        "commission_currency": fill.fee_currency,
    }
