"""Reading one value: is it what it must be, and if not, what was found and what was expected.

A reader takes the :class:`Context`, the key's path and the raw value, and gives the typed value, or None after
reporting a problem (TOML has no null, so None is free). Nothing here raises on bad input.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from ferrofeed.errors import Problem

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_FOUND = 60
_TYPE_NAMES = {
    bool: "a boolean",
    dt.date: "a date",
    dt.time: "a time",
    dict: "a table",
    float: "a number",
    int: "an integer",
    list: "an array",
    str: "a string",
}


@dataclass(slots=True)
class Context:
    """Where we read, and what was wrong so far."""

    source: str
    base: Path
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def problem(self, path: str, found: str, expected: str, suggestion: str = "") -> None:
        """Note something that makes the configuration unusable."""
        self.problems.append(Problem(self.source, path, found, expected, suggestion))

    def warn(self, path: str, found: str, expected: str) -> None:
        """Note something that works and probably isn't meant."""
        self.warnings.append(Problem(self.source, path, found, expected))


Reader = Callable[[Context, str, object], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    read: Reader
    required: bool = False
    expected: str = ""
    """What to say is expected when a required key is missing."""


def describe(value: object) -> str:
    """What was found, on one line and not too long. Never call it with a secret."""
    if isinstance(value, str | int | float):
        text = json.dumps(value, ensure_ascii=True, default=str)
        return text if len(text) <= _LONGEST_FOUND else f"{text[:_LONGEST_FOUND]}…"
    return type_name(value)


def type_name(value: object) -> str:
    """The TOML name of a value's type."""
    return next((name for kind, name in _TYPE_NAMES.items() if isinstance(value, kind)), type(value).__name__)


def nearest(word: str, words: Iterable[str]) -> str:
    """The word that was probably meant, quoted; empty if none is near."""
    known = {candidate.lower(): candidate for candidate in words}
    found = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return json.dumps(known[found[0]]) if found else ""


def one_of(words: Iterable[str]) -> str:
    """``one of "a", "b"``."""
    quoted = [json.dumps(word) for word in words]
    return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"


def table(ctx: Context, path: str, value: object, keys: Mapping[str, Key]) -> dict[str, Any] | None:
    """The valid values of a table by key; unknown and missing keys are reported. None if it is no table at all."""
    if not isinstance(value, Mapping):
        ctx.problem(path, f"found {describe(value)}", "a table")
        return None
    prefix = f"{path}." if path else ""
    read: dict[str, Any] = {}
    for name, item in value.items():
        key = keys.get(name)
        if key is None:
            shown = name if isinstance(name, str) and name.isidentifier() else json.dumps(str(name))
            left = [candidate for candidate in keys if candidate not in value]
            ctx.problem(f"{prefix}{shown}", "unknown key", one_of(keys), nearest(str(name), left))
        elif (typed := key.read(ctx, f"{prefix}{name}", item)) is not None:
            read[name] = typed
    for name, key in keys.items():
        if key.required and name not in value:
            ctx.problem(f"{prefix}{name}", "missing", key.expected)
    return read


def tables(read: Reader, header: str) -> Reader:
    """An array of tables; ``header`` is how one is written."""

    def reader(ctx: Context, path: str, value: object) -> list[Any] | None:
        if isinstance(value, Mapping):
            ctx.problem(path, "found a table", f"an array of tables, written {header}")
            return None
        if not _is_list(value):
            ctx.problem(path, f"found {describe(value)}", f"an array of tables, written {header}")
            return None
        return [read(ctx, f"{path}[{index}]", item) for index, item in enumerate(value)]

    return reader


def strings(read: Reader, what: str) -> Reader:
    """An array of at least one string, each read by ``read``; gives the valid ones with their places."""

    def reader(ctx: Context, path: str, value: object) -> list[tuple[int, str]] | None:
        if not _is_list(value):
            hint = f"[{json.dumps(value)}]" if isinstance(value, str) and len(value) < _LONGEST_FOUND else ""
            ctx.problem(path, f"found {describe(value)}", f"an array of {what}", hint)
            return None
        if not value:
            ctx.problem(path, "found an empty array", f"at least one of the {what}")
        typed = [(index, read(ctx, f"{path}[{index}]", item)) for index, item in enumerate(value)]
        return [(index, item) for index, item in typed if item is not None]

    return reader


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def choice(*words: str) -> Reader:
    """One of some words."""

    def reader(ctx: Context, path: str, value: object) -> str | None:
        if isinstance(value, str) and value in words:
            return value
        ctx.problem(
            path, f"found {describe(value)}", one_of(words), nearest(value, words) if isinstance(value, str) else ""
        )
        return None

    return reader


def boolean(ctx: Context, path: str, value: object) -> bool | None:
    """True or false."""
    if isinstance(value, bool):
        return value
    hint = value.lower() if isinstance(value, str) and value.lower() in {"true", "false"} else ""
    ctx.problem(path, f"found {describe(value)}", "true or false", f"{hint} without quotes" if hint else "")
    return None


def integer(low: int, high: int, unit: str = "") -> Reader:
    """An integer in a range, both ends included."""
    expected = f"an integer from {low} to {high}{unit and f' ({unit})'}"

    def reader(ctx: Context, path: str, value: object) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        ctx.problem(path, f"found {describe(value)}", expected, _unquoted(value, int, low, high))
        return None

    return reader


def number(low: float, high: float, unit: str = "") -> Reader:
    """A finite number in a range, both ends included; integers do."""
    expected = f"a number from {low:g} to {high:g}{unit and f' ({unit})'}"

    def reader(ctx: Context, path: str, value: object) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        found = "not a finite number" if isinstance(value, float) and not math.isfinite(value) else describe(value)
        ctx.problem(path, f"found {found}", expected, _unquoted(value, float, low, high))
        return None

    return reader


def _unquoted(value: object, kind: type[float], low: float, high: float) -> str:
    """The number a string holds, if it would do."""
    try:
        parsed = kind(value) if isinstance(value, str) and value.isascii() else None
    except ValueError:
        return ""
    return f"{parsed} without quotes" if parsed is not None and low <= parsed <= high else ""
