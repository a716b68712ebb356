"""What picows has to say about connections: told only when somebody debugs, but for faults of ours."""

from __future__ import annotations

import logging
from typing import Any

_LOG = logging.getLogger("ferrofeed.gateway.wire")


class PicowsLog(logging.LoggerAdapter[logging.Logger]):
    """Clients that break off or break rules are no news of ours: each is counted under its own name."""

    def __init__(self) -> None:
        super().__init__(_LOG)

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """Tell of exceptions as they are; of all else only in detail."""
        super().log(level if kwargs.get("exc_info") else logging.DEBUG, msg, *args, **kwargs)
