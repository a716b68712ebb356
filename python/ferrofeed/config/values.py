"""Readers of the values that have a form of their own: labels, symbols, addresses, URLs, files and credentials."""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from ferrofeed.config.reading import describe, type_name
from ferrofeed.config.secrets import Secret, redact_url, url_credential

if TYPE_CHECKING:
    from ferrofeed.config.reading import Context, Reader

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_SYMBOL: Final = re.compile(r"""[^\s,"'\\\x00-\x20\x7f-\U0010ffff]{1,64}""")
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LONGEST_HOST: Final = 253
_HIGHEST_PORT: Final = 65_535
_LONGEST_SECRET: Final = 4_096
_SHORTEST_SECRET: Final = 4

CREDENTIAL_FORMS: Final = '"env:NAME", "file:/path" or "credential:NAME"'


def label(ctx: Context, path: str, value: object) -> str | None:
    """A name fit for a metric's label."""
    if isinstance(value, str) and _LABEL.fullmatch(value):
        return value
    expected = "up to 63 letters, digits, '_', '-' and '.', the first a letter or digit"
    ctx.problem(path, f"found {describe(value)}", expected)
    return None


def symbol(ctx: Context, path: str, value: object) -> str | None:
    """A symbol. What could break out of a request (commas, quotes, blanks) is not one."""
    if isinstance(value, str) and _SYMBOL.fullmatch(value):
        return value
    ctx.problem(
        path, f"found {describe(value)}", 'a symbol such as "ETH/USDT" or "AAPL.US" (no blanks, commas or quotes)'
    )
    return None


def word(ctx: Context, path: str, value: object) -> str | None:
    """Any string; what it means is judged later."""
    if isinstance(value, str):
        return value
    ctx.problem(path, f"found {describe(value)}", "a string")
    return None


def address(*, may_be_off: bool) -> Reader:
    """``host:port`` to listen on."""
    off = ' or "" (off)' if may_be_off else ""

    def reader(ctx: Context, path: str, value: object) -> str | None:
        if isinstance(value, str):
            if may_be_off and not value:
                return value
            host, colon, port = value.rpartition(":")
            if colon and _is_bindable(host) and _port(port, lowest=0) is not None:
                return value
        ctx.problem(path, f"found {describe(value)}", f'"host:port" such as "127.0.0.1:9464"{off}')
        return None

    return reader


def _is_bindable(host: str) -> bool:
    if host.startswith("[") and host.endswith("]"):
        return _is_ip(host[1:-1], 6)
    return _is_host(host)


def _is_host(host: str) -> bool:
    if re.fullmatch(r"[0-9.]+", host, re.ASCII):
        return _is_ip(host, 4)
    return 0 < len(host) <= _LONGEST_HOST and all(map(_HOST_LABEL.fullmatch, host.removesuffix(".").split(".")))


def _is_ip(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def _port(text: str, *, lowest: int) -> int | None:
    if not (text.isascii() and text.isdigit()):
        return None
    return port if lowest <= (port := int(text[:6])) <= _HIGHEST_PORT else None


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, as far as its name tells."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def url(ctx: Context, path: str, value: object) -> str | None:
    """A WebSocket URL without credentials."""
    expected = 'a URL such as "wss://host:port/path"'
    if not isinstance(value, str):
        ctx.problem(path, f"found {describe(value)}", expected)
        return None
    credential = url_credential(value)
    if credential is not None:
        ctx.problem(
            path, f"found a URL with a credential in it ({credential})", "the credential in api_key or api_secret"
        )
        return None
    fault = _url_fault(value)
    if fault is None:
        return value
    ctx.problem(path, f"found {describe(redact_url(value))} ({fault[0]})", expected, fault[1])
    return None


def url_or_nothing(ctx: Context, path: str, value: object) -> str | None:
    """The same, or empty."""
    return "" if value == "" else url(ctx, path, value)


def _url_fault(value: str) -> tuple[str, str] | None:
    """What is wrong with a URL, and what was probably meant."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return "blanks or characters that must be escaped", ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return "it can't be parsed", ""
    if parts.scheme not in {"ws", "wss"}:
        instead = {"http": "ws", "https": "wss"}.get(parts.scheme)
        return "the scheme is neither ws nor wss", f'"{instead}:{value.partition(":")[2]}"' if instead else ""
    if parts.fragment:
        return "a fragment (#) is never sent", ""
    return _netloc_fault(parts)


def _netloc_fault(parts: SplitResult) -> tuple[str, str] | None:
    host, port = parts.netloc, None
    if not host.endswith("]"):
        before, colon, after = host.rpartition(":")
        if colon:
            host, port = before, after
    if not host:
        return "no host", ""
    if port is not None and _port(port, lowest=1) is None:
        return "the port is not a number from 1 to 65535", ""
    if not _is_bindable(host):
        return "not a host name or address", ""
    return None


def authority_file(ctx: Context, path: str, value: object) -> Path | None:
    """A PEM file of certificates to trust."""
    expected = "the path of a PEM file with certificates"
    if not isinstance(value, str | Path) or not str(value):
        ctx.problem(path, f"found {describe(value)}", expected)
        return None
    full = ctx.base / value
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=full)
    except ssl.SSLError:
        ctx.problem(path, f"found {describe(str(value))} (no certificate in it)", expected)
        return None
    except (OSError, ValueError) as error:
        ctx.problem(path, f"found {describe(str(value))} ({_reason(error)})", expected)
        return None
    return full


def secret(ctx: Context, path: str, value: object) -> Secret | None:
    """A credential. The value in the file is never shown: it may be the credential itself."""
    expected = f"{CREDENTIAL_FORMS} (a credential is never written into the configuration itself)"
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        ctx.problem(path, f"found {type_name(value)}", expected)
        return None
    scheme, colon, name = value.partition(":")
    fetch = {"env": _from_environment, "file": _from_file, "credential": _from_credentials}.get(scheme)
    if scheme == "plain" and colon:
        text: str | None = name
        found = "plain:"
    elif fetch is None or not colon:
        ctx.problem(path, "found a literal value", f'{expected}, or "plain:VALUE" for a simulator')
        return None
    else:
        found = f"{scheme}:{name}" if _is_source(scheme, name) else f"{scheme}:"
        text = fetch(ctx, path, name)
    if text is None:
        return None
    if fault := _secret_fault(text):
        ctx.problem(path, f"the value of {found} {fault}", f"a credential of {_SHORTEST_SECRET} or more characters")
        return None
    return Secret(text, source="plain text in the configuration" if scheme == "plain" else found)


def _is_source(scheme: str, name: str) -> bool:
    """Whether a name is fit to be printed: a path is, the rest must look like a name and not like a credential."""
    return name.isprintable() if scheme == "file" else bool(_NAME.fullmatch(name))


def _secret_fault(text: str) -> str:
    if not text:
        return "is empty"
    if len(text) < _SHORTEST_SECRET:
        return "is too short"
    if len(text) > _LONGEST_SECRET:
        return "is too long"
    if not text.isprintable():
        return "holds a line break or another control character"
    return "begins or ends with a blank" if text != text.strip() else ""


def _from_environment(ctx: Context, path: str, name: str) -> str | None:
    if not _VARIABLE.fullmatch(name):
        ctx.problem(path, "found env: without a name of a variable", '"env:NAME"')
        return None
    value = os.environ.get(name)
    if value is None:
        ctx.problem(path, f"the environment variable {name} is not set", "it to hold the credential")
    return value


def _from_file(ctx: Context, path: str, name: str) -> str | None:
    if not name or not name.isprintable():
        ctx.problem(path, "found file: without a path", '"file:/path"')
        return None
    return _read(ctx, path, ctx.base / name, f"file:{name}")


def _from_credentials(ctx: Context, path: str, name: str) -> str | None:
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        ctx.problem(path, "found credential: without a name", '"credential:NAME", as in LoadCredential=NAME:/path')
        return None
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        found = f"credential:{name}, but CREDENTIALS_DIRECTORY is not set"
        ctx.problem(path, found, f"to be started by systemd with LoadCredential={name}:/path")
        return None
    return _read(ctx, path, Path(folder) / name, f"credential:{name}")


def _read(ctx: Context, path: str, file: Path, source: str) -> str | None:
    expected = "a readable file that holds the credential and nothing else"
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_LONGEST_SECRET + 3)
    except (OSError, ValueError) as error:
        ctx.problem(path, f"{source} can't be read ({_reason(error)})", expected)
        return None
    if mode & stat.S_IROTH and source.startswith("file:"):
        ctx.warn(path, f"{source} can be read by every user", f"mode 0600, not {stat.S_IMODE(mode):04o}")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        ctx.problem(path, f"{source} is not UTF-8", expected)
        return None


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or type(error).__name__).lower() if isinstance(error, OSError) else "not a path"
