"""Logs: one handler on standard error, text or JSON lines, and no secret in any of them.

:class:`RedactingFilter` sits on the handler, so that records of every library pass it, and rewrites the record itself:
message, exception, stack and extra fields. The formatters mask once more what they are about to write.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

from ferrofeed.config.secrets import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TRACES: Final = logging.Formatter()


class RedactingFilter(logging.Filter):
    """Masks every known secret in a record. It lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; whatever formats it later finds no secret."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  # a bad format string must not cost us the record
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(message), ()
        if record.exc_info:
            record.exc_text = record.exc_text or _TRACES.formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        for name, value in _extras(record):
            setattr(record, name, value if isinstance(value, int | float | bool | None) else redact(str(value)))
        return True


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER: message key=value``, one line but for exceptions."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; line breaks inside the message are escaped, so that nobody can forge a line."""
        extras = "".join(f" {name}={_quoted(value)}" for name, value in _extras(record))
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        lines = [f"{_time(record)} {record.levelname} {record.name}: {message}{extras}"]
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        lines += [text for text in (record.exc_text, record.stack_info) if text]
        return redact("\n".join(lines))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time level logger message``, then extra fields, ``exception``, ``stack``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update((name, value) for name, value in _extras(record) if name not in entry)
        exception = record.exc_text or (record.exc_info and self.formatException(record.exc_info))
        if exception:
            entry["exception"] = exception
        if record.stack_info:
            entry["stack"] = record.stack_info
        return redact(json.dumps(entry, ensure_ascii=False, default=str))


def _extras(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in list(vars(record).items()) if name not in _STANDARD)


def _quoted(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and not set(text) & set(' "=') else json.dumps(text)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, to be found again by :func:`configure`."""


def configure(level: str = "info", form: str = "text", stream: TextIO | None = None) -> None:
    """Send the logs of the whole process to ``stream`` (standard error), redacted; called again, it replaces itself."""
    handler = _Handler(stream or sys.stderr)
    handler.addFilter(RedactingFilter())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(LEVELS[level])
    logging.captureWarnings(True)
