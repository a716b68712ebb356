"""Venue simulators: the server's side of each protocol over a seeded market, with scripted faults.

Venues of market data are a :class:`Simulator`, trading venues an :class:`OrderSimulator` before a paper exchange.

.. code:: python

    async with Simulator("itick", rate=1000, symbols=["BTC/USDT"], faults="at=2 disconnect mode=rst") as sim:
        ...  # connect a client to sim.url with the key "sim-key"

:class:`SimulatorThread` is the same on a thread of its own, for code without a loop.
``ferrofeed sim --help`` tells what the command line takes.
"""

from __future__ import annotations

from ferrofeed.sim.bars import INTERVALS, Bar, Day
from ferrofeed.sim.fault_kinds import KINDS, ORDER_KINDS
from ferrofeed.sim.faults import Fault, FaultError, FaultPlan, parse_fault
from ferrofeed.sim.instruments import CATALOGUE, Instrument
from ferrofeed.sim.market import Book, Market, State, Trade
from ferrofeed.sim.order_server import TRADING_VENUES, OrderSimulator
from ferrofeed.sim.order_types import OrderOptions
from ferrofeed.sim.protocol import Options
from ferrofeed.sim.server import VENUES, Simulator
from ferrofeed.sim.stats import ConnectionStats, Stats
from ferrofeed.sim.thread import SimulatorThread, simulator

__all__ = [
    "CATALOGUE",
    "INTERVALS",
    "KINDS",
    "ORDER_KINDS",
    "TRADING_VENUES",
    "VENUES",
    "Bar",
    "Book",
    "ConnectionStats",
    "Day",
    "Fault",
    "FaultError",
    "FaultPlan",
    "Instrument",
    "Market",
    "Options",
    "OrderOptions",
    "OrderSimulator",
    "Simulator",
    "SimulatorThread",
    "State",
    "Stats",
    "Trade",
    "parse_fault",
    "simulator",
]
