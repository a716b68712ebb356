"""What really became of everything at a simulated trading venue, as plain data: orders, fills, balances, positions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ferrofeed.sim.order_json import plain

if TYPE_CHECKING:
    from ferrofeed.sim.order_hall import Hall
    from ferrofeed.sim.order_types import Order


def truth(hall: Hall, now_ns: int) -> dict[str, Any]:
    """Return everything; numbers are exact decimal text.

    ``orders``: all that were ever taken, oldest first. ``balances``: by account (``KEY@MARKET``) and currency.
    ``positions``: by account and symbol, contracts only. ``violations``: what clients must never do and did.
    ``requests``: how many of each kind were read.
    """
    engine = hall.engine
    accounts = {f"{account.key}@{account.market}": account for account in engine.accounts}
    return {
        "now_ns": now_ns,
        "orders": [_order(order) for order in hall.ledger.orders.values()],
        "balances": {
            name: {
                currency: {"free": plain(entry.free), "locked": plain(entry.locked), "total": plain(entry.total)}
                for currency, entry in engine.balances(account).items()
            }
            for name, account in accounts.items()
        },
        "positions": {
            name: {
                listing.symbol: {
                    side: {"quantity": plain(leg.quantity), "open_price": plain(leg.open_price)}
                    for side, leg in zip(("long", "short"), engine.position(account, listing), strict=True)
                }
                for listing in engine.listings.values()
                if listing.market == account.market and listing.product == "contract"
            }
            for name, account in accounts.items()
            if engine.markets[account.market] == "contract"
        },
        "violations": [
            {
                "kind": violation.kind,
                "client": violation.client,
                "orders": list(violation.orders),
                "time_ns": violation.time_ns,
            }
            for violation in hall.audit.violations
        ],
        "requests": dict(hall.audit.counts),
    }


def requests(hall: Hall) -> list[dict[str, Any]]:
    """Return the latest requests as they were read, oldest first."""
    return [
        {
            "time_ns": seen.time_ns,
            "connection": seen.connection,
            "key": seen.key,
            "name": seen.name,
            "client": seen.client,
            "text": seen.text.decode("utf-8", "replace"),
        }
        for seen in hall.audit.requests
    ]


def _order(order: Order) -> dict[str, Any]:
    draft = order.draft
    return {
        "id": order.id,
        "client": draft.client,
        "account": f"{draft.account.key}@{draft.account.market}",
        "symbol": draft.listing.symbol,
        "side": draft.side,
        "type": draft.type,
        "offset": draft.offset,
        "price": plain(draft.price),
        "quantity": plain(draft.quantity),
        "in_money": draft.in_money,
        "filled": plain(order.filled),
        "average_price": plain(order.average_price),
        "fee": plain(order.fee),
        "status": order.status,
        "live": not order.over,
        "forgotten": order.forgotten,
        "created_ns": order.created_ns,
        "updated_ns": order.updated_ns,
        "fills": [
            {"id": fill.id, "price": plain(fill.price), "quantity": plain(fill.quantity), "fee": plain(fill.fee)}
            for fill in order.fills
        ],
    }
