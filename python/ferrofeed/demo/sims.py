"""The demo's venues: three simulators, each a process of its own, as real venues would be."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ferrofeed.config import Config, Secret, VenueConfig
from ferrofeed.config.schema import ServiceConfig, Subscription
from ferrofeed.errors import FerrofeedError, UsageError
from ferrofeed.sim.cli import DEFAULT_KEY, DEFAULT_SECRET, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

START_S = 20.0
CHANNELS: dict[str, tuple[str, ...]] = {
    "ziario": ("quote",),
    "itick": ("quote", "depth", "trade", "bar:1m"),
    "infoway": ("depth", "trade", "bar:1m"),
}
SYMBOLS = {
    "ziario": ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT"),
    "itick": ("BTC/USDT", "ETH/USDT", "SOL/USDT"),
    "infoway": ("BTC/USDT", "ETH/USDT", "XRP/USDT"),
}


class Simulators:
    """One process a venue: starts them all at once, gives a configuration of them, ends them.

    Raises :class:`UsageError` for a fault script that can't be read.
    """

    def __init__(self, rate: float, seed: int, faults: str = "") -> None:
        try:
            plan_of(faults, seed)
        except ValueError as error:
            raise UsageError(f"--faults: {error}") from None
        self._rate = rate
        self._seed = seed
        self._faults = faults
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        """Start them and wait until each listens."""
        try:
            for number, venue in enumerate(CHANNELS):
                self._processes[venue] = subprocess.Popen(  # noqa: S603  # ourselves
                    [
                        *(sys.executable, "-m", "ferrofeed", "sim", venue, "--port", "0"),
                        *("--rate", str(self._rate), "--seed", str(self._seed + number)),
                        *("--symbols", ",".join(SYMBOLS[venue])),
                        *(("--faults", self._faults) if self._faults else ()),
                    ],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    process_group=0,  # a Ctrl-C is for the demo alone, which then ends them
                )
            deadline = time.monotonic() + START_S
            for venue, process in self._processes.items():
                self.urls[venue] = _url(venue, process, deadline)
        except BaseException:
            self.stop()
            raise

    def config(self, metrics: str) -> Config:
        """The demo's configuration; the simulators' keys are made up and the same for everybody."""
        return Config(
            service=ServiceConfig(metrics=metrics, log_level="error"),
            venues=[
                VenueConfig(
                    id=venue,
                    kind=venue,
                    url=self.urls[venue],
                    api_key=Secret(DEFAULT_KEY),
                    api_secret=Secret(DEFAULT_SECRET) if venue == "ziario" else None,
                    subscribe=[Subscription(SYMBOLS[venue], channels)],
                )
                for venue, channels in CHANNELS.items()
            ],
            source="the demo",
        )

    def dead(self) -> Sequence[str]:
        """Venues whose process ended by itself."""
        return [venue for venue, process in self._processes.items() if process.poll() is not None]

    def stop(self) -> None:
        """End every process."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(3.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                with contextlib.suppress(OSError):
                    process.stdout.close()


def _url(venue: str, process: subprocess.Popen[str], deadline: float) -> str:
    """The address the simulator prints in its first line."""
    assert process.stdout is not None
    while time.monotonic() < deadline:
        readable, _, _ = select.select([process.stdout], [], [], 0.1)
        if readable:
            line = process.stdout.readline()
            if line:
                return line.split()[-1]
        if process.poll() is not None:
            break
    raise FerrofeedError(f"the {venue} simulator did not start (exit code {process.poll()})")
