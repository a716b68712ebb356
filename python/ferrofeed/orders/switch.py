"""The kill switch by files: one that throws it while it is there, one that asks for it to be cleared."""

from __future__ import annotations

import logging
import math
import os
import time
from typing import TYPE_CHECKING, Final

from ferrofeed.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ferrofeed.orders.api import Orders

CLEAR_FILE: Final = "CLEAR"
"""In the journal's folder: ``ferrofeed orders clear WHO`` leaves it for the running router; it holds who."""
MOST_CHARS: Final = 200
KEEP_AGAIN_S: Final = 1.0
"""Between two tries to leave a kill file."""
_LOG = logging.getLogger("ferrofeed.orders")


def draft_of(path: Path, text: str) -> Path:
    """Write a small file beside where it shall be; raises :class:`OSError`, and leaves nothing then."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.write_text(f"{text}\n", encoding="utf-8")
        draft.chmod(0o644)  # the service has another user than root, whose umask may be strict
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that nobody ever sees half of it; raises :class:`OSError`, and leaves nothing then."""
    draft = draft_of(path, text)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def leave(kill: Path, why: str) -> None:
    """Leave a kill file, an empty one where there is no room for words; raises :class:`OSError`."""
    try:
        write_whole(kill, why)
    except OSError:
        kill.touch(0o644)


class KillKeeper:
    """Leaves a kill file where a failed journal can't hold that the switch is on, whoever threw it."""

    def __init__(self) -> None:
        self._again_at = 0.0
        """0: nothing was to be left yet; infinity: it was, and who takes it away means it."""

    def keep(self, mode: tuple[str, str | None, str | None], file: Path | None, *, again: bool = False) -> None:
        """Look, some fifty times a second; ``again``: the switch was thrown just now, whether or not it was on."""
        _, why, failed = mode
        if why is None or failed is None:
            self._again_at = 0.0
            return
        first = again or self._again_at == 0.0
        now = time.monotonic()
        if not first and now < self._again_at:
            return
        self._again_at = math.inf
        if file is None:
            _LOG.error("the journal failed, and there is no place for a kill file: a restart clears the kill switch")
            return
        try:
            if not file.exists():
                leave(file, why)
                _LOG.error("the journal failed: %s holds the kill switch on over a restart", file)
        except OSError as error:
            self._again_at = now + KEEP_AGAIN_S
            if first:
                _LOG.error("the journal failed, and so did %s (%s): a restart clears the switch", file, error)


class SwitchFiles:
    """Looks for both; cheap enough to be asked a few times a second."""

    def __init__(self, orders: Orders, kill: Path | None, clear: Path | None) -> None:
        self._orders = orders
        self._kill = kill
        self._clear = clear
        self._stays = False

    def look(self) -> None:
        """Do what they say."""
        kill, clear = self._kill, self._clear
        if kill is not None and self._orders.mode.killed is None and kill.exists():
            why = _line(kill)
            _LOG.error("the kill switch is thrown: %s is there%s", kill, why and f": {why}")
            self._orders.kill(f"{kill} is there{why and f': {why}'}")
        if clear is not None and clear.exists():
            who = _line(clear) or "somebody"
            try:
                clear.unlink()
            except OSError as error:
                # one that stays would clear the switch again and again
                if not self._stays:
                    _LOG.error("%s can't be removed (%s): the kill switch is not cleared", clear, error)
                self._stays = True
                return
            self._stays = False
            try:
                if self._orders.clear_kill(who):
                    _LOG.warning("the kill switch is cleared by %s", who)
            except UsageError as error:
                _LOG.error("%s", error)


def _line(file: Path) -> str:
    """What a small file says, on one line; nothing if it can't be read."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            text = stream.read(MOST_CHARS)
    except OSError:
        return ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
