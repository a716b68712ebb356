"""What must hold of how a venue is reached: its credentials and its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ferrofeed.config.values import CREDENTIAL_FORMS, is_loopback

if TYPE_CHECKING:
    from ferrofeed.config.reading import Context
    from ferrofeed.config.secrets import Secret
    from ferrofeed.spec import VenueSpec


def check(ctx: Context, path: str, venue: dict[str, Any], spec: VenueSpec, *, keys_are_brought: bool = False) -> None:
    """Fill the URL in and report what is missing, too much or unsafe.

    ``keys_are_brought``: who wants to go there may bring keys of their own, so that it is good without any.
    """
    if not venue.get("url"):
        venue["url"] = spec.default_url
    reported = {problem.path for problem in ctx.problems}
    keyless = keys_are_brought and not {"api_key", "api_secret"} & venue.keys()
    for name in ("api_key", "api_secret"):
        if name in spec.credentials and name not in venue and not keyless and f"{path}.{name}" not in reported:
            ctx.problem(f"{path}.{name}", "missing", CREDENTIAL_FORMS)
        elif name in venue and name not in spec.credentials:
            ctx.warn(f"{path}.{name}", f"{spec.name} has no use for it", "no such key")
    _transport(ctx, path, venue, brought=keyless)


def _transport(ctx: Context, path: str, venue: dict[str, Any], *, brought: bool) -> None:
    parts = urlsplit(venue["url"])
    remote = not is_loopback(parts.hostname or "")
    has_secret = brought or "api_key" in venue or "api_secret" in venue
    if parts.scheme == "ws":
        if "tls_ca" in venue:
            ctx.problem(
                f"{path}.tls_ca", "found with a ws:// URL", "a wss:// URL: without TLS there is nothing to verify"
            )
        if remote and has_secret:
            ctx.warn(f"{path}.url", "credentials would cross the network unencrypted", "wss://")
    for name in ("api_key", "api_secret"):
        secret: Secret | None = venue.get(name)
        if remote and secret is not None and secret.source == "plain text in the configuration":
            ctx.warn(
                f"{path}.{name}", "a credential in plain text, for a server that isn't this machine", CREDENTIAL_FORMS
            )
