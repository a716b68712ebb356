"""Secrets: a type that can't be printed, where its values come from, and the masking of text that may hold one."""

from __future__ import annotations

import hmac
import itertools
import json
import re
import threading
import weakref
from typing import Final, NoReturn
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

MASK: Final = "***"

_SECRET_PARAMETERS: Final = frozenset(
    {
        *(
            "access_key",
            "access_token",
            "api_key",
            "api_secret",
            "apikey",
            "apisecret",
            "auth",
            "key",
            "passwd",
            "password",
        ),
        *("secret", "secret_key", "sig", "sign", "signature", "token"),
    }
)
"""Query parameters, in lower case, whose values are credentials or signatures that stand for one."""


class Secret:
    """A credential. Printing, formatting or pickling it shows or gives nothing; only :meth:`reveal` does.

    Every living secret is known to :func:`redact`. Equality takes the same time wherever the values differ.
    """

    __slots__ = ("__source", "__value", "__weakref__")

    def __init__(self, value: str, *, source: str = "given in code") -> None:
        """``source`` says where it came from (``env:NAME``) and is printed; ``value`` never is."""
        self.__value = value
        self.__source = source
        _KNOWN.add(self)

    def reveal(self) -> str:
        """The value itself: for the wire and for signing, never for text that a person or a file sees."""
        return self.__value

    @property
    def source(self) -> str:
        """Where it came from, fit to be printed."""
        return self.__source

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str, /) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash would tell of the value

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: object, /) -> Secret:
        return self

    def __reduce_ex__(self, _protocol: object, /) -> NoReturn:
        raise TypeError("a secret can't be pickled")


class _Known:
    """The values of all living secrets, as one pattern that is rebuilt only when there is a new one."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may log while this very thread holds it
        self._count = itertools.count()
        self._secrets: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()
        self._pattern: re.Pattern[str] | None = None
        self._stale = False

    def add(self, secret: Secret) -> None:
        with self._lock:
            self._secrets[next(self._count)] = secret
            self._stale = True

    def pattern(self) -> re.Pattern[str] | None:
        if self._stale:
            with self._lock:
                forms = {form for secret in list(self._secrets.values()) for form in _forms(secret.reveal())}
                # the longest first: one secret may begin with another
                ordered = sorted(forms, key=lambda form: (-len(form), form))
                self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None
                self._stale = False
        return self._pattern


_KNOWN: Final = _Known()


def _forms(value: str) -> set[str]:
    """A secret as it may stand in text: plain, in a URL, in JSON, in a Python literal."""
    forms = {value, quote(value, safe=""), quote(value), quote_plus(value), repr(value)[1:-1]}
    forms |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value.encode())[2:-1]}
    return forms - {""}


def redact(text: str) -> str:
    """The text with every known secret masked, however it was escaped."""
    pattern = _KNOWN.pattern()
    return text if pattern is None else pattern.sub(MASK, text)


def redact_url(url: str) -> str:
    """A URL fit to be printed: known secrets, user information and the values of credential parameters are masked."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{MASK}@{host}" if "@" in parts.netloc else host
    pairs = []
    for pair in parts.query.split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}={MASK}" if equals and name.lower() in _SECRET_PARAMETERS else pair)
    return redact(urlunsplit(parts._replace(netloc=netloc, query="&".join(pairs))))


def url_credential(url: str) -> str | None:
    """What credential a URL carries in the open (``the parameter apikey``), None if it carries none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if "@" in parts.netloc:
        return "user information"
    for pair in parts.query.split("&"):
        name, equals, value = pair.partition("=")
        if equals and value and name.lower() in _SECRET_PARAMETERS:
            return f"the parameter {name}"
    return None
