"""Venue simulators: the server's side of each protocol over a seeded market, with scripted faults.

.. code:: python

    async with Simulator("itick", rate=1000, symbols=["BTC/USDT"], faults="at=2 disconnect mode=rst") as sim:
        ...  # connect a client to sim.url with the key "sim-key"

:class:`SimulatorThread` is the same on a thread of its own, for code without a loop.
``ferrofeed sim --help`` tells what the command line takes.
"""

from __future__ import annotations

from ferrofeed.sim.bars import INTERVALS, Bar, Day
from ferrofeed.sim.faults import KINDS, Fault, FaultError, FaultPlan, parse_fault
from ferrofeed.sim.instruments import CATALOGUE, Instrument
from ferrofeed.sim.market import Book, Market, State, Trade
from ferrofeed.sim.protocol import Options
from ferrofeed.sim.server import VENUES, Simulator
from ferrofeed.sim.stats import ConnectionStats, Stats
from ferrofeed.sim.thread import SimulatorThread

__all__ = [
    "CATALOGUE",
    "INTERVALS",
    "KINDS",
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
    "Simulator",
    "SimulatorThread",
    "State",
    "Stats",
    "Trade",
    "parse_fault",
]
