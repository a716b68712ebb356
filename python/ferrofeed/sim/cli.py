"""``ferrofeed sim VENUE``: one simulated venue in the foreground until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from textwrap import fill, indent
from typing import TYPE_CHECKING, Any

import uvloop

from ferrofeed.sim.fault_kinds import KINDS, ORDER_KINDS
from ferrofeed.sim.faults import FaultPlan
from ferrofeed.sim.market import MAX_DEPTH
from ferrofeed.sim.order_server import TRADING_VENUES, OrderSimulator
from ferrofeed.sim.order_types import OrderOptions
from ferrofeed.sim.protocol import Options
from ferrofeed.sim.server import VENUES
from ferrofeed.sim.thread import on_loop_error, simulator
from ferrofeed.sim.tls import context_from_files, self_signed_context

if TYPE_CHECKING:
    import argparse
    import ssl
    from collections.abc import Iterable

    from ferrofeed.sim.fault_kinds import KindSpec
    from ferrofeed.sim.server import Simulator

DEFAULT_KEY = "sim-key"
DEFAULT_SECRET = "sim-secret"  # noqa: S105 - made up, and the same for everybody


def _kinds(*, orders: bool) -> str:
    return "\n".join(f"  {name:<15} {_text(spec)}" for name, spec in KINDS.items() if spec.orders == orders)


def _text(spec: KindSpec) -> str:
    """What a kind does; of those that strike orders, what it takes besides, too."""
    if not spec.orders:
        return spec.text
    takes = [f"mode={', '.join(spec.modes)}"] if spec.modes else []
    takes += [f"{name}={value:g}" for name, value in spec.numbers.items()]
    takes += [f"{name}=" for name in spec.words]
    more = f"\n{indent(fill('; '.join(takes), 96), ' ' * 18)}" if takes else ""
    return spec.text + more


EPILOG = f"""\
examples:
  ferrofeed sim itick --port 9001
  ferrofeed sim infoway --port 9002 --rate max --symbols BTC/USDT,ETH/USDT
  ferrofeed sim ziario --port 9003 --faults 'at=5 disconnect mode=rst; every=10 corrupt n=3' --seed 7
  ferrofeed sim coinceres --port 9004 --symbols ETH/USDT --faults 'every=5 cut mode=place_done'
  ferrofeed sim quantapi --port 9005 --faults 'at=10 restart mode=forgotten down=1'

Clients log in with the key "{DEFAULT_KEY}" and the secret "{DEFAULT_SECRET}" unless --api-key says otherwise.

faults: statements separated by ';', each with at=SECONDS or every=SECONDS, and for=, n=, p=, conn=, mode= where
they apply; @FILE reads a script from a file; random:SECONDS makes one from the seed

{_kinds(orders=False)}

coinceres and quantapi take orders; a paper exchange stands behind each, whose live book is the seeded market's.
coinceres has the exchanges TEST (spot) and FUTURE (contracts), quantapi the platforms huobi and huobi_future.
Plain HTTP on the same port: /truth (every order, fill, balance and position, and what clients did that must never
happen), /requests, /inject?fault=FAULT, /fill?order=ID&quantity=Q, /step?count=N, /pause, /resume.
What may strike them besides (op= is place, cancel, query or any; topic= is order, fill, position, asset or any):

{_kinds(orders=True)}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``ferrofeed sim``."""
    # argparse would fold the examples into one paragraph
    parser.formatter_class = _raw_formatter()
    parser.epilog = EPILOG
    parser.add_argument("venue", choices=(*VENUES, *TRADING_VENUES), help="whose protocol to speak")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default 0: any free one, printed)")
    parser.add_argument(
        "--rate",
        default="10",
        metavar="R",
        help="messages a second, or 'max'; of a trading venue steps of its market (default %(default)s)",
    )
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
    parser.add_argument(
        "--api-secret", default=DEFAULT_SECRET, metavar="SECRET", help="made-up secret (ziario, coinceres, quantapi)"
    )
    parser.add_argument(
        "--keys", default="", metavar="K:S,K:S", help="coinceres, quantapi: further accounts, key and secret of each"
    )
    _add_order_arguments(parser)
    parser.add_argument(
        "--bare", action="store_true", help="infoway: pushes as the seed prints them, not wrapped in data"
    )
    parser.add_argument(
        "--extended", action="store_true", help="itick: current forms (quotes with o, h, l; depth with t)"
    )


def _add_order_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("coinceres and quantapi", "times in seconds")
    group.add_argument("--still", action="store_true", help="the exchange's live book does not move")
    group.add_argument("--answer-delay", type=float, default=0.0, metavar="S", help="every answer comes so late")
    group.add_argument(
        "--answer-jitter", type=float, default=0.0, metavar="S", help="and up to so much later: answers change places"
    )
    group.add_argument("--push-delay", type=float, default=0.0, metavar="S", help="notifications come so late")
    group.add_argument("--push-first", action="store_true", help="what an order causes is told before its answer")
    group.add_argument(
        "--forward-delay", type=float, default=0.0, metavar="S", help="coinceres: orders get to the exchange so late"
    )
    group.add_argument("--cancel-delay", type=float, default=0.0, metavar="S", help="cancels take effect so late")
    group.add_argument("--rate-limit", type=int, metavar="N", help="orders and cancels a second and key")
    group.add_argument(
        "--pushes", choices=("same", "path", "off"), default="same", help="coinceres: which connections get pushes"
    )
    group.add_argument("--push-port", type=int, metavar="N", help="coinceres: a second port, for pushes only")


def run(args: argparse.Namespace) -> int:
    """Run ``ferrofeed sim``; returns the exit code: 0 after an orderly stop, 2 for wrong usage, 1 for anything else."""
    try:
        built = build(args)
    except ValueError as error:
        sys.stderr.write(f"ferrofeed sim: {error}\n")
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(built, args.venue))
    except OSError as error:
        sys.stderr.write(f"ferrofeed sim: can't listen on {args.host}:{args.port}: {error.strerror or error}\n")
        return 1
    return 0


def build(args: argparse.Namespace) -> Simulator:
    """Make the simulator that the arguments describe. :raises ValueError: an argument is wrong, and which."""
    settings: dict[str, Any] = {}
    if args.venue in TRADING_VENUES:
        settings["orders"] = _orders(args)
    return simulator(
        args.venue,
        host=args.host,
        port=_port(args.port),
        rate=_rate(args.rate),
        seed=args.seed,
        symbols=_symbols(args.symbols),
        depth=args.depth,
        tls=_tls(args),
        faults=plan_of(args.faults, args.seed, ORDER_KINDS if args.venue in TRADING_VENUES else None),
        options=Options(
            keys={args.api_key: args.api_secret, **_keys(args.keys)}, bare=args.bare, extended=args.extended
        ),
        **settings,
    )


def _keys(text: str) -> dict[str, str]:
    pairs = [part.partition(":") for part in text.split(",") if part]
    if not all(key and secret for key, _, secret in pairs):
        raise ValueError("--keys: expected KEY:SECRET,KEY:SECRET")
    return {key: secret for key, _, secret in pairs}


def _orders(args: argparse.Namespace) -> OrderOptions:
    for name in ("answer_delay", "answer_jitter", "push_delay", "forward_delay", "cancel_delay"):
        if not 0 <= getattr(args, name) < float("inf"):
            raise ValueError(f"--{name.replace('_', '-')} is {getattr(args, name)}: expected seconds")
    return OrderOptions(
        live=not args.still,
        answer_delay_s=args.answer_delay,
        answer_jitter_s=args.answer_jitter,
        push_delay_s=args.push_delay,
        push_first=args.push_first,
        forward_delay_s=args.forward_delay,
        cancel_delay_s=args.cancel_delay,
        rate_limit=args.rate_limit,
        pushes=args.pushes,
        push_port=None if args.push_port is None else _port(args.push_port, "--push-port"),
    )


def _port(port: int, name: str = "--port") -> int:
    if not 0 <= port < 1 << 16:
        raise ValueError(f"{name} is {port}: expected 0 to 65535")
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


def plan_of(text: str, seed: int, kinds: Iterable[str] | None = None) -> FaultPlan:
    """The plan that ``--faults`` describes; a random one is of ``kinds``. :raises ValueError: it does not, and why."""
    kind, _, seconds = text.partition(":")
    if kind == "random":
        if not (seconds.isascii() and seconds.isdigit()):
            raise ValueError(f"--faults is {text!r}: expected random:SECONDS")
        return FaultPlan.random(seed, float(seconds), kinds)
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


async def _serve(served: Simulator, venue: str) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(on_loop_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    async with served:
        names = ",".join(instrument.symbol for instrument in served.market.instruments[:12])
        count = len(served.market.instruments)
        _say(f"{venue} simulator on {served.url}")
        if isinstance(served, OrderSimulator) and served.orders.push_port is not None:
            _say(f"pushes on {served.push_url}")
        _say(f"{count} instruments: {names}{',...' if count > len(names.split(',')) else ''}")
        if served.faults.faults:
            _say(f"faults: {served.faults}")
        _say("Ctrl-C ends")
        await over.wait()
    stats = served.stats
    _say(f"{stats.accepted} connections, {stats.messages} messages sent, {sum(stats.faults.values())} faults")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _raw_formatter() -> type[argparse.HelpFormatter]:
    from argparse import RawDescriptionHelpFormatter  # noqa: PLC0415 - only help needs it

    return RawDescriptionHelpFormatter
