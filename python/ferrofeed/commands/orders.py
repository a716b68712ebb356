"""``ferrofeed orders``: the router's view, from its journal; the kill switch; the journal itself."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from ferrofeed import _core
from ferrofeed.config.load import journal_of
from ferrofeed.errors import FerrofeedError, UsageError
from ferrofeed.orders.order import OrderView, view_of
from ferrofeed.orders.switch import CLEAR_FILE, draft_of, leave

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

KILL_FILE = "KILL"
SHOWN = 20
"""Finished orders shown without ``--all``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("show", "journal", "kill", "clear"),
        default="show",
        help="show: orders, positions, balances (the default); journal: every entry; "
        "kill: throw the kill switch; clear: clear it",
    )
    parser.add_argument("words", nargs="*", help="kill: why; clear: who clears it")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-c", "--config", type=Path, metavar="FILE", help="the configuration that names the journal")
    where.add_argument("--journal", type=Path, metavar="FOLDER", help="the journal's folder")
    parser.add_argument(
        "--all", action="store_true", help="finished orders too; of the journal, the older segments too"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object (journal: one a line) instead of tables")


def run(args: argparse.Namespace) -> int:
    """Read the journal and print, or leave word for the router."""
    folder, kill_file = _where(args)
    text = " ".join(args.words).strip()
    if args.what == "kill":
        if _is_unwritten(folder):
            raise UsageError(
                f"{folder}: no router ever wrote a journal there: nothing is halted (to have one start halted, "
                f"create {kill_file} as its user)"
            )
        return kill(kill_file, text)
    if args.words and args.what != "clear":
        raise UsageError(f"orders {args.what}: unexpected {text!r}")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no journal there")
    try:
        if args.what == "clear":
            return clear(folder, kill_file, text)
        if args.what == "journal":
            return print_journal(folder, older=args.all, as_json=args.json)
        show(_core.replay_orders(str(folder)), finished=args.all, as_json=args.json)
    except _core.JournalError as error:
        raise FerrofeedError(str(error)) from None
    return 0


def _where(args: argparse.Namespace) -> tuple[Path, Path]:
    """The journal's folder and the kill file."""
    if args.journal is not None:
        return args.journal, args.journal / KILL_FILE
    folder, kill_file = journal_of(args.config)
    if folder is None:
        raise UsageError(f"{args.config}: orders.journal is not set: nothing trades there")
    return folder, kill_file or folder / KILL_FILE


def kill(kill_file: Path, why: str) -> int:
    """Leave the kill file: the router, running now or started later, cancels everything and halts."""
    if not why:
        raise UsageError("orders kill: say why, for example: ferrofeed orders kill runaway quotes -c feed.toml")
    try:
        leave(kill_file, why)
    except OSError as error:
        raise FerrofeedError(f"{kill_file}: can't be written ({error.strerror}): nothing is halted") from None
    sys.stdout.write(f"{kill_file}: the router halts as soon as it sees it; `ferrofeed orders clear WHO` undoes it\n")
    return 0


def clear(folder: Path, kill_file: Path, who: str) -> int:
    """Clear the switch, by the running router or in the journal, and take the kill file away.

    The file goes last: where the journal failed it may be all that holds the switch.
    """
    if not who:
        raise UsageError("orders clear: say who clears it, for example: ferrofeed orders clear anna -c feed.toml")
    try:
        core = _core.OrderCore(journal=str(folder), fsync="always")
    except _core.JournalError as error:
        if "another process" not in str(error):
            raise
        _ask_to_clear(folder / CLEAR_FILE, kill_file, who)
        sys.stdout.write("the running router clears it within a second\n")
        return 0
    on = core.clear_kill(who)
    _, _, failed = core.mode()
    if failed is not None:
        raise FerrofeedError(f"the journal can't be written ({failed}): nothing is cleared")
    on = kill_file.exists() or on
    _remove(kill_file)
    sys.stdout.write("cleared\n" if on else "it was not on\n")
    return 0


def _ask_to_clear(clear_file: Path, kill_file: Path, who: str) -> None:
    """Leave word for the router, which clears nothing as long as the kill file is there."""
    try:
        draft = draft_of(clear_file, who)
    except OSError as error:
        raise FerrofeedError(f"{clear_file}: can't be written ({error.strerror}): nothing is cleared") from None
    try:
        _remove(kill_file)
        draft.replace(clear_file)
    except OSError as error:
        raise FerrofeedError(
            f"{clear_file}: can't be written ({error.strerror}): the switch stays on, the kill file is gone"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _remove(kill_file: Path) -> None:
    try:
        kill_file.unlink(missing_ok=True)
    except OSError as error:
        raise FerrofeedError(f"{kill_file}: can't be removed ({error.strerror}): the switch stays on") from None


def _is_unwritten(folder: Path) -> bool:
    """Whether no router ever wrote a journal there, as far as we may look: the folder is its user's alone."""
    try:
        (folder / "lock").stat()
    except PermissionError:
        return False
    except OSError:
        return True
    return False


def print_journal(folder: Path, *, older: bool, as_json: bool) -> int:
    """Every entry, a line each; what an interrupted write left at the end is told."""

    def each(number: int, when: int, text: str) -> None:
        if as_json:
            sys.stdout.write(json.dumps({"entry": number, "time": when, "text": text}, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{number:>8}  {stamp(when)}  {text}\n")

    _, _, torn = _core.read_journal(str(folder), each, from_oldest=older)
    if torn:
        sys.stderr.write(f"ferrofeed: {torn} bytes of an unfinished write stand behind the last entry\n")
    return 0


def stamp(ns: int) -> str:
    """A time to the microsecond, UTC."""
    return (
        datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        + f".{ns // 1000 % 1_000_000:06d}"
    )


def show(state: dict[str, Any], *, finished: bool, as_json: bool) -> None:
    """Orders, positions and balances."""
    views = [
        view_of(row, state["venues"][row[2]] if row[2] < len(state["venues"]) else "", state["symbols"][row[3]])
        for row in state["orders"]
    ]
    live = [view for view in views if not view.done]
    over = [view for view in views if view.done]
    if as_json:
        rows = [view._asdict() for view in (views if finished else live)]
        sys.stdout.write(json.dumps({**state, "orders": rows}, default=str, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    mode = "halted: the kill switch is on: " + state["killed"] if state["killed"] is not None else state["mode"]
    console.print(
        f"{len(live)} live orders, {len(over)} finished; mode: {mode}; journal: entry {state['last']}, "
        f"{state['starts']} starts, {state['denials']} denials, {state['anomalies']} anomalies",
        markup=False,
        soft_wrap=True,
    )
    shown = [*(over if finished else over[-SHOWN:]), *live]
    if shown:
        console.print(_orders(shown))
    positions = [row for row in state["positions"] if row[2:] != ("0", "0")]
    if positions:
        console.print(_table(("venue", "symbol", "long", "short"), positions, 2))
    if state["balances"]:
        console.print(_table(("venue", "currency", "free", "locked", "total"), state["balances"], 2))


def _orders(views: Iterable[OrderView]) -> Table:
    names = ("order", "placed", "venue", "symbol", "order type", "price", "quantity", "filled", "state", "why")
    rows = [
        (
            str(view.id),
            stamp(view.created)[11:23],
            view.venue,
            view.symbol,
            " ".join(filter(None, (view.side, view.type, "" if view.offset == "net" else view.offset))),
            f"{view.price:f}",
            f"{view.quantity:f}",
            f"{view.filled:f}" if view.exact else f"{view.filled:f}?",
            view.state,
            view.reason,
        )
        for view in views
    ]
    return _table(names, rows, 5, 8)


def _table(names: tuple[str, ...], rows: Iterable[tuple[str, ...]], right_from: int, right_to: int = 99) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, name in enumerate(names):
        table.add_column(name, justify="right" if right_from <= at < right_to else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
