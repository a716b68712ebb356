"""Errors a user can act on. Their text never holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class FerrofeedError(Exception):
    """Anything this package raises on purpose."""


class UsageError(FerrofeedError):
    """The caller asked for something that can't be done; the command line ends with code 2."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration; its text is one line."""

    source: str
    """The file, or what else the configuration came from."""
    path: str
    """The key: ``venue[0].subscribe[1].channels[2]``; empty for the file as a whole."""
    found: str
    expected: str
    suggestion: str = ""
    """What was probably meant."""

    def __str__(self) -> str:
        where = f"{self.source}: {self.path}" if self.path else self.source
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{where}: {self.found}, expected {self.expected}{hint}"


class ConfigError(FerrofeedError):
    """A configuration that can't be used: everything wrong with it, not only the first thing."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """Pickle by problems: the default would hand the joined text to ``__init__``."""
        return type(self), (self.problems,)
