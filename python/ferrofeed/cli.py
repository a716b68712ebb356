"""The command line: which commands there are, what their help teaches, and how every ending becomes an exit code."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import platform
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from ferrofeed import __version__
from ferrofeed.config.secrets import redact
from ferrofeed.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

_EXIT_CODES = """\
exit codes:
  0    fine
  1    something went wrong while running
  2    wrong usage or configuration; the message names the key and what was expected
  130  interrupted from the keyboard
"""


class _Module(Protocol):
    """What a module of :mod:`ferrofeed.commands` has."""

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None: ...

    def run(self, args: argparse.Namespace, /) -> int: ...


@dataclass(frozen=True, slots=True)
class _Command:
    """One command, as the help shows it. Its module is imported only when it is used."""

    name: str
    summary: str
    teaches: str
    needs: str = ""
    """A module that must be there too."""

    @property
    def module(self) -> str:
        return f"ferrofeed.commands.{self.name}"

    def is_there(self) -> bool:
        return all(_exists(name) for name in (self.module, self.needs) if name)


_COMMANDS: Final = (
    _Command(
        "demo",
        "simulators, handler, metrics and a live view: nothing to configure",
        """\
examples:
  ferrofeed demo                   live books, trades and latencies, until Ctrl-C
  ferrofeed demo --seconds 20      end by itself with a summary
  ferrofeed demo --trade           a toy market maker besides, on the paper exchange against these books
""",
    ),
    _Command(
        "run",
        "run the service that a configuration describes",
        """\
examples:
  ferrofeed check -c feed.toml                      first see what it would do
  ferrofeed run -c feed.toml                        the service, until SIGTERM or Ctrl-C
  ferrofeed run -c feed.toml --output jsonl | jq .  every event as one JSON object a line

The endpoint named by `metrics` serves /metrics, /healthz and /readyz.
""",
    ),
    _Command(
        "check",
        "check a configuration and print what it comes to, without secrets",
        """\
examples:
  ITICK_TOKEN=... ferrofeed check -c feed.toml      credentials must be there, as for `run`
  ferrofeed check -c feed.toml --json | jq '.venues[].symbols'

Every problem of the file is told at once, one a line: file, key, what was found, what was expected.
Warnings go to standard error and don't change the exit code. Nothing is connected to.
""",
    ),
    _Command(
        "sim",
        "run one venue simulator",
        """\
examples:
  ferrofeed sim itick --port 8765     then, in feed.toml: url = "ws://127.0.0.1:8765/cws"
  ferrofeed sim --help                the venues, rates and faults there are
""",
        needs="ferrofeed.sim.cli",
    ),
    _Command(
        "decode",
        "decode frames, one a line, to JSON lines",
        """\
examples:
  ferrofeed decode itick frames.txt
  tail -n 20 frames.txt | ferrofeed decode itick
""",
    ),
    _Command(
        "orders",
        "the router's view of orders, positions and balances; its journal; the kill switch",
        """\
examples:
  ferrofeed orders -c feed.toml                      what is live, from the journal, whether the service runs or not
  ferrofeed orders journal -c feed.toml              every entry, a line each
  ferrofeed orders kill runaway quotes -c feed.toml  cancel everything and halt, until somebody clears it
  ferrofeed orders clear anna -c feed.toml           clear the kill switch, in the name of anna
""",
    ),
    _Command(
        "top",
        "watch a running service: books, rates, latencies",
        """\
examples:
  ferrofeed top
""",
    ),
    _Command(
        "bench",
        "measure the decoders, the books and the whole path on this machine",
        """\
examples:
  ferrofeed bench
""",
    ),
)

_TEACHES = """\
first steps:
  ferrofeed demo                  see it work, with no account anywhere
  ferrofeed check -c feed.toml    what would this configuration do?
  ferrofeed run -c feed.toml      do it
  ferrofeed COMMAND --help        examples for each command
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit code; argparse ends wrong usage and ``--help`` by :class:`SystemExit`."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except ConfigError as error:
        count = len(error.problems)
        _say("\n".join(f"error: {problem}" for problem in error.problems))
        return _fail(f"{count} problem{'s' * (count != 1)} in the configuration", debug=debug, code=USAGE)
    except UsageError as error:
        return _fail(str(error), debug=debug, code=USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_stdout()
        return FAILED
    except Exception as error:  # noqa: BLE001  # the last resort: one line for people, the trace on request
        again = "" if debug else " (--debug shows where)"
        return _fail(f"{_one_line(error)}{again}", debug=debug, code=FAILED)
    return code


def _dispatch(arguments: list[str]) -> int:
    commands = {command.name: command for command in _COMMANDS if command.is_there()}
    name = next((argument for argument in arguments if not argument.startswith("-")), None)
    parser = _parser()
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    module: _Module | None = None
    for command in commands.values():
        subparser = subparsers.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            epilog=f"{command.teaches}\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _add_debug(subparser, default=argparse.SUPPRESS)
        if command.name == name:
            module = cast("_Module", import_module(command.module))
            module.add_arguments(subparser)
    args = parser.parse_args(arguments)
    if module is None:
        parser.print_help(sys.stderr)
        return USAGE
    return module.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ferrofeed",
        description="Market data from many venues, decoded by Rust: books, trades, latencies, metrics.",
        epilog=f"{_TEACHES}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=version_line())
    _add_debug(parser, default=False)
    return parser


def _add_debug(parser: argparse.ArgumentParser, *, default: object) -> None:
    parser.add_argument("--debug", action="store_true", default=default, help="show the trace of an unexpected error")


def version_line() -> str:
    """Name, version and what a report of a fault needs to say."""
    return f"ferrofeed {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})"


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


def _fail(message: str, *, debug: bool, code: int) -> int:
    if debug:
        _say(traceback.format_exc().rstrip())
    _say(f"ferrofeed: {message}")
    return code


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(redact(f"{text}\n"))


def _discard_stdout() -> None:
    """Let the interpreter's last flush go nowhere: who read our output is gone, and that is no error to report."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
