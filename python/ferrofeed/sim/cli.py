"""``ferrofeed sim VENUE``: one simulated venue in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from ferrofeed.sim.faults import KINDS, FaultPlan
from ferrofeed.sim.market import MAX_DEPTH
from ferrofeed.sim.protocol import Options
from ferrofeed.sim.server import VENUES, Simulator
from ferrofeed.sim.thread import on_loop_error
from ferrofeed.sim.tls import context_from_files, self_signed_context

if TYPE_CHECKING:
    import argparse
    import ssl

DEFAULT_KEY = "sim-key"
DEFAULT_SECRET = "sim-secret"  # noqa: S105 - made up, and the same for everybody

_KINDS = "\n".join(f"  {name:<15} {spec.text}" for name, spec in KINDS.items())
EPILOG = f"""\
examples:
  ferrofeed sim itick --port 9001
  ferrofeed sim infoway --port 9002 --rate max --symbols BTC/USDT,ETH/USDT
  ferrofeed sim ziario --port 9003 --faults 'at=5 disconnect mode=rst; every=10 corrupt n=3' --seed 7

Clients log in with the key "{DEFAULT_KEY}" and the secret "{DEFAULT_SECRET}" unless --api-key says otherwise.

faults: statements separated by ';', each with at=SECONDS or every=SECONDS, and for=, n=, p=, conn=, mode= where
they apply; @FILE reads a script from a file; random:SECONDS makes one from the seed

{_KINDS}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``ferrofeed sim``."""
    # argparse would fold the examples into one paragraph
    parser.formatter_class = _raw_formatter()
    parser.epilog = EPILOG
    parser.add_argument("venue", choices=tuple(VENUES), help="whose protocol to speak")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default 0: any free one, printed)")
    parser.add_argument("--rate", default="10", metavar="R", help="messages a second, or 'max' (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds make equal markets and equal damage")
    parser.add_argument("--symbols", metavar="A,B", help="canonical names such as BTC/USDT,AAPL.US, or how many")
    parser.add_argument("--depth", type=int, default=5, help=f"levels a side, 1 to {MAX_DEPTH} (default %(default)s)")
    parser.add_argument("--faults", default="", metavar="SCRIPT", help="what goes wrong and when, see below")
    parser.add_argument(
        "--tls", action="store_true", help="serve wss; without --cert a certificate is made on the spot"
    )
    parser.add_argument("--cert", type=Path, metavar="FILE", help="PEM certificate chain for --tls")
    parser.add_argument("--key", type=Path, metavar="FILE", help="PEM private key for --cert, if in another file")
    parser.add_argument("--ca-out", type=Path, metavar="FILE", help="write the certificate made on the spot here")
    parser.add_argument("--api-key", default=DEFAULT_KEY, metavar="KEY", help="made-up key that clients must give")
    parser.add_argument("--api-secret", default=DEFAULT_SECRET, metavar="SECRET", help="made-up secret (ziario)")
    parser.add_argument(
        "--bare", action="store_true", help="infoway: pushes as the seed prints them, not wrapped in data"
    )
    parser.add_argument(
        "--extended", action="store_true", help="itick: current forms (quotes with o, h, l; depth with t)"
    )


def run(args: argparse.Namespace) -> int:
    """Run ``ferrofeed sim``; returns the exit code: 0 after an orderly stop, 2 for wrong usage, 1 for anything else."""
    try:
        simulator = build(args)
    except ValueError as error:
        sys.stderr.write(f"ferrofeed sim: {error}\n")
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(simulator, args.venue))
    except OSError as error:
        sys.stderr.write(f"ferrofeed sim: can't listen on {args.host}:{args.port}: {error.strerror or error}\n")
        return 1
    return 0


def build(args: argparse.Namespace) -> Simulator:
    """Make the simulator that the arguments describe. :raises ValueError: an argument is wrong, and which."""
    return Simulator(
        args.venue,
        host=args.host,
        port=_port(args.port),
        rate=_rate(args.rate),
        seed=args.seed,
        symbols=_symbols(args.symbols),
        depth=args.depth,
        tls=_tls(args),
        faults=plan_of(args.faults, args.seed),
        options=Options(keys={args.api_key: args.api_secret}, bare=args.bare, extended=args.extended),
    )


def _port(port: int) -> int:
    if not 0 <= port < 1 << 16:
        raise ValueError(f"--port is {port}: expected 0 to 65535")
    return port


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise ValueError(f"--rate is {text!r}: expected messages a second, or 'max'")
    return rate


def _symbols(text: str | None) -> list[str] | int | None:
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdigit() else [part for part in text.split(",") if part.strip()]


def plan_of(text: str, seed: int) -> FaultPlan:
    """The plan that ``--faults`` describes. :raises ValueError: it does not, and why."""
    kind, _, seconds = text.partition(":")
    if kind == "random":
        if not (seconds.isascii() and seconds.isdigit()):
            raise ValueError(f"--faults is {text!r}: expected random:SECONDS")
        return FaultPlan.random(seed, float(seconds))
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8")
        except OSError as error:
            raise ValueError(f"--faults: can't read {text[1:]}: {error.strerror}") from error
    return FaultPlan.parse(text, seed)


def _tls(args: argparse.Namespace) -> ssl.SSLContext | None:
    if not args.tls:
        if args.cert is not None or args.key is not None or args.ca_out is not None:
            raise ValueError("--cert, --key and --ca-out need --tls")
        return None
    if args.cert is not None:
        return context_from_files(args.cert, args.key)
    if args.key is not None:
        raise ValueError("--key needs --cert")
    context, pem = self_signed_context((args.host, "localhost"))
    if args.ca_out is not None:
        try:
            args.ca_out.write_bytes(pem)
        except OSError as error:
            raise ValueError(f"--ca-out: can't write {args.ca_out}: {error.strerror}") from error
    return context


async def _serve(simulator: Simulator, venue: str) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(on_loop_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    async with simulator:
        names = ",".join(instrument.symbol for instrument in simulator.market.instruments[:12])
        count = len(simulator.market.instruments)
        _say(f"{venue} simulator on {simulator.url}")
        _say(f"{count} instruments: {names}{',...' if count > len(names.split(',')) else ''}")
        if simulator.faults.faults:
            _say(f"faults: {simulator.faults}")
        _say("Ctrl-C ends")
        await over.wait()
    stats = simulator.stats
    _say(f"{stats.accepted} connections, {stats.messages} messages sent, {sum(stats.faults.values())} faults")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _raw_formatter() -> type[argparse.HelpFormatter]:
    from argparse import RawDescriptionHelpFormatter  # noqa: PLC0415 - only help needs it

    return RawDescriptionHelpFormatter
