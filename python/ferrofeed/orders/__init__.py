"""Orders: a router that can't lose or repeat one."""

from __future__ import annotations

from ferrofeed.orders.account import Balance, InstrumentRules, Mode, Position
from ferrofeed.orders.api import Orders
from ferrofeed.orders.desk import Desk
from ferrofeed.orders.errors import (
    BadInputError,
    HaltedError,
    IntentUsedError,
    JournalFailedError,
    NotReadyError,
    OrderError,
    OrderFinishedError,
    OrderRejectedError,
    UnknownOrderError,
    UnsupportedError,
    WaitTimeoutError,
)
from ferrofeed.orders.events import OrderEvent, OrderEvents
from ferrofeed.orders.order import LIVE, TERMINAL, Order, OrderView
from ferrofeed.orders.strategy import Strategy

__all__ = [
    "LIVE",
    "TERMINAL",
    "BadInputError",
    "Balance",
    "Desk",
    "HaltedError",
    "InstrumentRules",
    "IntentUsedError",
    "JournalFailedError",
    "Mode",
    "NotReadyError",
    "Order",
    "OrderError",
    "OrderEvent",
    "OrderEvents",
    "OrderFinishedError",
    "OrderRejectedError",
    "OrderView",
    "Orders",
    "Position",
    "Strategy",
    "UnknownOrderError",
    "UnsupportedError",
    "WaitTimeoutError",
]
