"""Kill -9 at random moments, over real sockets, with a venue that misbehaves.

After the restart the router knows what the venue knows, nothing was sent twice, and what can't be known is said to be
unknown. ``FERROFEED_KILLED``: how many schedules for each venue; ``FERROFEED_KILLED_SEED``: where they start.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

SCHEDULES = int(os.environ.get("FERROFEED_KILLED", "6"))
FIRST = int(os.environ.get("FERROFEED_KILLED_SEED", "1"))
FAULTS = (
    "ack_lost n=1",
    "ack_late delay=0.3",
    "ack_twice delay=0.1",
    "ack_after_fill hold=0.2",
    "push_lost n=1",
    "push_late delay=0.3",
    "push_shuffle for=0.2",
    "fill_twice delay=0.1",
    "request_lost n=1",
    "request_late delay=0.4",
    "cut mode=place_unread",
    "cut mode=place_read",
    "cut mode=place_late delay=0.4",
    "cut mode=place_done",
    "cut mode=place_answered",
    "cut mode=fill_untold",
    "cut mode=cancel_read",
    "cut mode=cancel_done",
    "cut mode=cancel_untold",
    "cancel_race n=1",
    "throttle n=2",
    "refuse n=1",
    "restart mode=memory down=0.2",
    "restart mode=cancelled down=0.2",
    "restart mode=forgotten down=0.2",
    "disconnect mode=rst",
)
STATES = {"filled": "filled", "cancelled": "cancelled"}


class Sim:
    """A simulated venue in a process of its own."""

    def __init__(self, kind: str, seed: int) -> None:
        command = [sys.executable, "-m", "ferrofeed", "sim", kind, "--port", "0", "--rate", "50", "--seed", str(seed)]
        self._process = subprocess.Popen(
            [*command, "--symbols", "BTC/USDT,ETH/USDT"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[-1]
        parts = urllib.parse.urlsplit(self.url)
        self._http = f"http://{parts.hostname}:{parts.port}"

    def ask(self, path: str) -> Any:
        """What plain HTTP answers."""
        with urllib.request.urlopen(f"{self._http}{path}", timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def inject(self, fault: str) -> None:
        """Let a fault strike now."""
        with urllib.request.urlopen(
            f"{self._http}/inject?fault={urllib.parse.quote_plus(fault)}", timeout=10
        ) as answer:
            answer.read()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def trader(kind: str, url: str, journal: Path, seed: str) -> subprocess.Popen[str]:
    """A trading process, or (no seed) one that settles."""
    env = {**os.environ, "SIM_KEY": "sim-key", "SIM_SECRET": "sim-secret"}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("trader.py")), kind, url, str(journal), seed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


def settled(kind: str, url: str, journal: Path) -> tuple[dict[str, Any], str]:
    """What a process that settles believes in the end, or why it "failed"; and what it logged."""
    child = trader(kind, url, journal, "")
    out, errors = child.communicate(timeout=90)
    if child.returncode != 0 or not out:
        return {"failed": f"it ended with {child.returncode}"}, errors
    return json.loads(out.splitlines()[-1]), errors


def schedule(kind: str, seed: int, folder: Path) -> str:
    """One schedule; what is wrong, or nothing."""
    rng = random.Random(seed)
    journal = folder / f"{kind}-{seed}"
    sim = Sim(kind, seed)
    log: list[str] = []
    try:
        for life in range(rng.randint(1, 3)):
            child = trader(kind, sim.url, journal, str(seed * 100 + life + 1))
            try:
                assert child.stdout is not None
                line = child.stdout.readline()
                if line != "trading\n":
                    _, errors = child.communicate(timeout=20)
                    return f"it did not trade: {line} {errors} {log}"
                end = time.monotonic() + rng.uniform(0.05, 1.2)
                while time.monotonic() < end:
                    if rng.random() < 0.35:
                        log.append(fault := rng.choice(FAULTS))
                        sim.inject(fault)
                    time.sleep(min(rng.uniform(0.01, 0.3), max(0.0, end - time.monotonic())))
            finally:
                child.kill()
                child.communicate()
        time.sleep(0.5)  # what was sent before the kill may still be worked on: no fault delays it longer
        found, errors = settled(kind, sim.url, journal)
        if "failed" in found:
            return f"it did not settle: {found['failed']} {errors} {log}"
        sim.ask("/pause")
        time.sleep(0.2)
        # the market moves on: what was filled after the router looked is asked for again, standing still
        found, errors = settled(kind, sim.url, journal)
        if "failed" in found:
            return f"it did not settle again: {found['failed']} {errors} {log}"
        wrong = compare(kind, found, sim.ask("/truth"))
        return f"{wrong} {errors} {log}" if wrong else ""
    finally:
        sim.stop()
        (folder / f"{kind}-{seed}.log").write_text("\n".join(log))


def compare(kind: str, found: dict[str, Any], truth: dict[str, Any]) -> str:  # noqa: C901, PLR0911, PLR0912
    """What of the router's belief is not the venue's truth."""
    if truth["violations"]:
        return f"violations: {truth['violations']}"
    by_client = {order["client"]: order for order in truth["orders"]}
    by_id = {order["id"]: order for order in truth["orders"]}
    seen = set()
    for order in found["orders"]:
        true = by_client.get(order["client_id"]) if kind == "coinceres" else by_id.get(order["venue_id"])
        if true is None:
            if order["state"] not in {"absent", "expired", "rejected", "closed"}:
                return f"the venue has no such order: {order}"
            continue
        seen.add(true["id"])
        if order["state"] == "closed":
            if true["live"]:
                return f"given up and live: {order} {true}"
            continue
        if true["forgotten"]:
            # one that the venue never told of before it forgot: what it does not know now, it may never have known
            unheard = {"absent"} if not order["venue_id"] else set()
            if order["state"] not in {"closed", "filled", "cancelled"} | unheard:
                return f"forgotten by the venue: {order} {true}"
            continue
        state = "working" if true["live"] else STATES.get(true["status"], true["status"])
        if (order["state"], Decimal(order["filled"])) != (state, Decimal(true["filled"])):
            return f"{order['state']} {order['filled']} is {state} {true['filled']}: {order} {true}"
    for true in truth["orders"]:
        if true["live"] and true["id"] not in seen:
            return f"live and unknown: {true}"
    intents: dict[str, str] = {}
    by_found = {order["venue_id"]: order for order in found["orders"]}
    for true in truth["orders"]:
        order = by_found.get(true["id"])
        if true["live"] and order is not None and order["intent"]:
            if order["intent"] in intents:
                return f"two live orders of {order['intent']}"
            intents[order["intent"]] = true["id"]
    account = truth["balances"].get("sim-key@TEST" if kind == "coinceres" else "sim-key@huobi", {})
    for currency, amounts in account.items():
        name = next((known for known in found["balances"] if known.rsplit(":", 1)[-1] == currency), None)
        ours = found["balances"].get(name or "")
        if ours is None or any(Decimal(ours[key]) != Decimal(amounts[key]) for key in ("free", "locked", "total")):
            return f"balance of {currency}: {ours} is {amounts}"
    return ""


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["coinceres", "quantapi"])
def test_killed_at_random_it_knows_the_truth_again(kind: str, tmp_path: Path) -> None:
    seeds = range(FIRST, FIRST + SCHEDULES)
    with ThreadPoolExecutor(3) as pool:
        wrong = {
            seed: what
            for seed, what in zip(seeds, pool.map(lambda seed: schedule(kind, seed, tmp_path), seeds), strict=True)
            if what
        }
    assert not wrong, "\n".join(f"seed {seed}: {what}" for seed, what in wrong.items())
