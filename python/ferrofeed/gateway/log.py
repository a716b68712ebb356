"""What picows has to say about connections: counted, and told only when somebody debugs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TOO_BIG: Final = 1009
_LOG = logging.getLogger("ferrofeed.gateway.wire")
_HANDSHAKE: Final = ("Handshake timeout", "Disconnect because HTTP request")


class PicowsLog(logging.LoggerAdapter[logging.Logger]):
    """Clients that break off or break rules are no news of ours: each is counted under its own name."""

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__(_LOG)
        self._count = count

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002  # the base's name
        """Count what it is about."""
        text = str(msg)
        if text.startswith(_HANDSHAKE):
            self._count("handshake_failed")
        elif text.startswith("WS parser"):
            # what was wrong: code and words
            fault = args[0] if args else ()
            too_big = isinstance(fault, tuple) and bool(fault) and fault[0] == TOO_BIG
            self._count("oversized" if too_big else "protocol_error")
        super().log(logging.DEBUG, msg, *args, **kwargs)
