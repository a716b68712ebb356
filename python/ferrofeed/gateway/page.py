"""The console: one page, served to who asks without an upgrade."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from ferrofeed import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrofeed.gateway.platforms import PlatformText

PLACE: Final = '"__GATEWAY__"'
"""Where the page wants to be told what there is."""
_SOURCES: Final = (
    "default-src 'none'",
    "script-src 'unsafe-inline'",
    "style-src 'unsafe-inline'",
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "; ".join(_SOURCES)),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


def console(platforms: Sequence[PlatformText], *, clients: bool, tls: bool) -> bytes:
    """The page, which knows the platforms and their symbols, and nothing that is secret."""
    about = {
        "version": __version__,
        "platforms": [
            {
                "name": platform.name,
                "venue": platform.venue,
                "kind": platform.kind,
                "symbols": [symbol for symbol, _ in platform.symbols],
                "products": dict.fromkeys(platform.contracts, "contract"),
                "market_data": platform.market_data,
            }
            for platform in platforms
        ],
        "clients": clients,
        "tls": tls,
    }
    # nothing in it may end the script that it stands in
    text = json.dumps(about).replace("<", "\\u003c")
    page = files("ferrofeed.gateway").joinpath("console.html").read_text(encoding="utf-8")
    return page.replace(PLACE, text).encode()
