"""``ferrofeed sim``: one venue simulator. The simulators bring their own options."""

from __future__ import annotations

from ferrofeed.sim.cli import add_arguments, run

__all__ = ["add_arguments", "run"]
