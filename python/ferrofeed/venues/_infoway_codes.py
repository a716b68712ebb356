"""Infoway's error codes: stop, try later, or our own fault. The table is complete for what the venue documents.

Three codes are in no class of the venue's own text: 503 and 504 (limits of a request) and 404 (no such interface) are
taken as the caller's fault; 499 (an aborted client) as something that passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ferrofeed.spec import Nack, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

FATAL: Final[Mapping[int, str]] = {
    401: "wrong key",
    502: "daily limit reached",
    508: "key expired",
    509: "key invalid",
    510: "key empty",
    511: "key blacklisted",
    512: "too many connections",
    514: "wrong URL",
    517: "handshake refused",
    518: "handshake refused",
    519: "handshake refused",
    520: "wrong product or already connected",
    521: "too many connections",
}
RETRY: Final[Mapping[int, tuple[str, float]]] = {
    429: ("over the plan's frequency", 60.0),
    499: ("client aborted", 5.0),
    500: ("server error", 5.0),
    501: ("over the frequency of a minute", 62.0),
    513: ("heartbeat timeout", 1.0),
    516: ("subscription cap of the account", 30.0),
    524: ("upstream timeout", 10.0),
}
"""And after how many seconds. 516: the quota of a dead connection is released late."""
CALLER: Final[Mapping[int, str]] = {
    404: "no such interface",
    503: "too many bars",
    504: "too many depths",
    505: "too many products",
    506: "parameter missing",
    507: "parameter lost",
    515: "not JSON",
}
PROXY: Final = frozenset({502, 520, 521})
"""Fatal as codes in messages; as HTTP statuses they are what the proxy before the venue says when the venue is down."""
THROTTLES: Final = frozenset({429, 501})
ENDS_CONNECTION: Final = 513


def error(code: int | None, why: str, trace: str | None) -> Refused | Nack | None:
    """What an error code means, None if it is none."""
    if code is None:
        return None
    if code in FATAL:
        return Refused(f"{code} {FATAL[code]}{why and ': '}{why}", fatal=True, code=code)
    if code == ENDS_CONNECTION:
        return Refused(f"{code} {RETRY[code][0]}", fatal=False, code=code, retry_after_s=RETRY[code][1])
    if code in RETRY:
        name, after_s = RETRY[code]
        return Nack(f"{code} {name}{why and ': '}{why}", trace, code, after_s, throttled=code in THROTTLES)
    if code in CALLER:
        return Nack(f"{code} {CALLER[code]}{why and ': '}{why}", trace, code)
    return None
