"""Log records of whatever origin leave without secrets, as text and as JSON."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferrofeed import log
from ferrofeed.config import Secret

VALUE = 'the "quoted" s3cret/of+tests'


@pytest.fixture
def secret() -> Secret:
    return Secret(VALUE)


@pytest.fixture
def written() -> Iterator[Callable[[str], io.StringIO]]:
    """Configure the logs in a form and give the stream they go to; everything is put back afterwards."""
    root = logging.getLogger()
    level = root.level

    def configure(form: str) -> io.StringIO:
        for handler in [handler for handler in root.handlers if type(handler).__module__ == "_pytest.logging"]:
            root.removeHandler(handler)  # it would raise where a record can't be formatted
        stream = io.StringIO()
        log.configure("debug", form, stream)
        return stream

    yield configure
    logging.captureWarnings(False)
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if type(handler).__module__ != "_pytest.logging"]:
        root.removeHandler(handler)


def _emit_everything() -> None:
    logger = logging.getLogger("ferrofeed.test")
    logger.info("as argument %s", VALUE)
    logger.info(f"in the message {VALUE}")  # noqa: G004
    logger.info("in a mapping %(key)s", {"key": VALUE})
    logger.info("as bytes %r in a list %r", VALUE.encode(), [VALUE])
    logger.info("beside", extra={"url": f"wss://h/?apikey={VALUE}", "nested": {"a": [VALUE]}, "count": 3})
    logger.info("with a stack", stack_info=True)
    logger.error("format %d does not fit", VALUE)
    try:
        int(VALUE)
    except ValueError:
        logger.exception("failed with %s", VALUE)
    logging.getLogger("picows").warning("a library says %s", VALUE)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.usefixtures("secret")
def test_no_record_holds_a_secret(written: Callable[[str], io.StringIO], form: str) -> None:
    stream = written(form)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure("debug", form, stream)
        _emit_everything()
        warnings.warn(VALUE, UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    text = stream.getvalue()
    assert text.count("***") >= 9
    for leak in (VALUE, json.dumps(VALUE)[1:-1], repr(VALUE)[1:-1], "s3cret"):
        assert leak not in text


@pytest.mark.usefixtures("secret")
def test_json_is_one_object_a_line(written: Callable[[str], io.StringIO]) -> None:
    stream = written("json")
    _emit_everything()
    entries = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [entry["message"] for entry in entries[:4]] == [
        "as argument ***",
        "in the message ***",
        "in a mapping ***",
        "as bytes b'***' in a list ['***']",
    ]
    beside = entries[4]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", beside.pop("time"))
    assert beside == {
        "level": "info",
        "logger": "ferrofeed.test",
        "message": "beside",
        "url": "wss://h/?apikey=***",
        "nested": "{'a': ['***']}",
        "count": 3,
    }
    assert entries[5]["stack"].startswith("Stack (most recent call last):")
    failed = next(entry for entry in entries if entry["message"] == "failed with ***")
    assert failed["level"] == "error"
    assert failed["exception"].endswith("ValueError: invalid literal for int() with base 10: '***'")


def test_text_is_one_line_with_its_fields(written: Callable[[str], io.StringIO]) -> None:
    stream = written("text")
    logging.getLogger("ferrofeed.net").warning("lost\r\nFORGED", extra={"venue": "itick", "why": "a reason", "n": 1})
    (line,) = stream.getvalue().splitlines()
    assert line.partition(" ")[2] == 'WARNING ferrofeed.net: lost\\r\\nFORGED venue=itick why="a reason" n=1'


def test_configuring_again_replaces_and_keeps_other_handlers(written: Callable[[str], io.StringIO]) -> None:
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    first, second = written("text"), written("json")
    logging.getLogger("ferrofeed").info("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1
    assert other in logging.getLogger().handlers


def test_levels_below_are_dropped(written: Callable[[str], io.StringIO]) -> None:
    stream = written("text")
    log.configure("error", "text", stream)
    logging.getLogger("ferrofeed").warning("not this")
    logging.getLogger("ferrofeed").error("this")
    assert "not this" not in stream.getvalue()
    assert "ERROR ferrofeed: this" in stream.getvalue()


@given(st.text(min_size=4).map("§{}§".format), st.sampled_from([log.TextFormatter(), log.JsonFormatter()]))
def test_a_formatter_without_the_filter_masks_too(value: str, formatter: logging.Formatter) -> None:
    secret = Secret(value)
    record = logging.makeLogRecord({"msg": "key %s", "args": (value,), "levelname": "INFO", "levelno": 20})
    text = formatter.format(record)
    assert value not in text
    assert json.dumps(value)[1:-1] not in text
    assert secret.reveal() == value
