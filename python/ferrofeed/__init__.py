"""ferrofeed: a high-throughput, Rust-accelerated market-data feed handler and order gateway.

Everything a program needs is here by name; a name's module is imported when the name is first used, so that
``import ferrofeed`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferrofeed._core import __version__
    from ferrofeed.book import Book
    from ferrofeed.config import Config, InstrumentConfig, Secret, ServiceConfig, Subscription, VenueConfig
    from ferrofeed.consumer import Account, Consumer, SlowConsumerError
    from ferrofeed.errors import ConfigError, FerrofeedError, UsageError
    from ferrofeed.events import DTYPES, EVENT, LEVEL, Bar, Batch, BookEvent, Event, Quote, Status, Trade
    from ferrofeed.feed import Feed
    from ferrofeed.orders import Order, OrderError, OrderEvent, OrderRejectedError, Orders, OrderView

__all__ = [
    "DTYPES",
    "EVENT",
    "LEVEL",
    "Account",
    "Bar",
    "Batch",
    "Book",
    "BookEvent",
    "Config",
    "ConfigError",
    "Consumer",
    "Event",
    "Feed",
    "FerrofeedError",
    "InstrumentConfig",
    "Order",
    "OrderError",
    "OrderEvent",
    "OrderRejectedError",
    "OrderView",
    "Orders",
    "Quote",
    "Secret",
    "ServiceConfig",
    "SlowConsumerError",
    "Status",
    "Subscription",
    "Trade",
    "UsageError",
    "VenueConfig",
    "__version__",
]

_MODULES = {
    "_core": ("__version__",),
    "book": ("Book",),
    "config": ("Config", "InstrumentConfig", "Secret", "ServiceConfig", "Subscription", "VenueConfig"),
    "consumer": ("Account", "Consumer", "SlowConsumerError"),
    "errors": ("ConfigError", "FerrofeedError", "UsageError"),
    "events": (
        *("DTYPES", "EVENT", "LEVEL"),
        *("Bar", "Batch", "BookEvent", "Event", "Quote", "Status", "Trade"),
    ),
    "feed": ("Feed",),
    "orders": ("Order", "OrderError", "OrderEvent", "OrderRejectedError", "OrderView", "Orders"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name's module at its first use (PEP 562)."""
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
