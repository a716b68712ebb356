"""The last line of defence: no text leaves a session with a credential in it, whatever a venue echoes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from ferrofeed.spec import VenueConfig

MOST_CHARS: Final = 300
MASK: Final = "***"
SIGNATURE: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""A venue whose signatures never age makes credentials of them."""


class Redactor:
    """Cleans text for logs and events: credentials masked, one line, bounded."""

    __slots__ = ("_secrets",)

    def __init__(self, config: VenueConfig) -> None:
        found: set[str] = set()
        for secret in (config.api_key, config.api_secret):
            if secret is not None and secret.reveal():
                found |= {secret.reveal(), quote(secret.reveal(), safe="")}
        # longest first: one secret may be part of another
        self._secrets = tuple(sorted(found, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text, fit to be shown."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        text = SIGNATURE.sub(MASK, text)
        text = "".join(c if c.isprintable() else " " for c in text[: MOST_CHARS + 1])
        return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"
