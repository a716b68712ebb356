"""Every mistake, and the very words it is answered with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ferrofeed.config import Config, ConfigError

Complaints = Callable[[str], list[str]]

# one valid venue; cases add to it or replace parts of it
ITICK = """
[[venue]]
id = "itick-crypto"
kind = "itick"
api_key = "plain:token-of-itick"
url = "ws://127.0.0.1:8765/cws"
"""
SUBSCRIBE = """
[[venue.subscribe]]
symbols = ["BTC/USDT", "ETH/USDT"]
channels = ["quote"]
"""
FORMS = '"env:NAME", "file:/path" or "credential:NAME"'
NO_LITERAL = f"{FORMS} (a credential is never written into the configuration itself)"
ALL_VENUE_KEYS = (
    'one of "id", "kind", "url", "api_key", "api_secret", "tls_ca", "connections", "requests_per_minute", '
    '"heartbeat_interval_s", "stale_after_s", "subscribe"'
)
URL = 'expected a URL such as "wss://host:port/path"'
ADDRESS = 'expected "host:port" such as "127.0.0.1:9464"'
LABEL = "expected up to 63 letters, digits, '_', '-' and '.', the first a letter or digit"
SYMBOL = 'expected a symbol such as "ETH/USDT" or "AAPL.US" (no blanks, commas or quotes)'
ITICK_CHANNELS = 'expected one of "bar:1m", "bar:5m", "depth", "quote", "trade" (itick has no other)'
FAMILIES = 'expected one of "bar", "bar:1m", "bar:5m", "depth", "quote", "trade"'
KINDS = 'expected one of "coinceres", "infoway", "itick", "paper", "quantapi", "ziario"'
LEVELS = 'expected one of "debug", "info", "warning", "error"'


def venue(line: str) -> str:
    """The valid venue with one of its lines replaced or one added."""
    key = line.partition(" = ")[0]
    kept = [old for old in ITICK.splitlines() if old.partition(" = ")[0] != key]
    return "\n".join([*kept, line, SUBSCRIBE])


def subscribe(symbols: str, channels: str = '["quote"]') -> str:
    return f"{ITICK}[[venue.subscribe]]\nsymbols = {symbols}\nchannels = {channels}\n"


def instrument(lines: str) -> str:
    return f'{ITICK}{SUBSCRIBE}[[instrument]]\nvenue = "itick-crypto"\nsymbol = "ETH/USDT"\n{lines}\n'


VALUES = [
    # unknown keys, with what was probably meant
    (
        "[servce]",
        'servce: unknown key, expected one of "service", "venue", "instrument", "gateway", "orders"; did you mean "service"?',
    ),
    (
        '[service]\nmetrcis = ""',
        'service.metrcis: unknown key, expected one of "metrics", "log_level", "log_format", "quarantine", '
        '"lock_memory", "gc", "switch_interval_us", "loop"; '
        'did you mean "metrics"?',
    ),
    (venue('api_kye = "env:X"'), f"venue[0].api_kye: unknown key, expected {ALL_VENUE_KEYS}"),
    (
        venue('"api secret" = 1'),
        f'venue[0]."api secret": unknown key, expected {ALL_VENUE_KEYS}; did you mean "api_secret"?',
    ),
    (
        f"{ITICK}[[venue.subscribe]]\nsymbol = ['BTC/USDT']\nsymbols = ['BTC/USDT']\nchannels = ['quote']",
        'venue[0].subscribe[0].symbol: unknown key, expected one of "symbols", "channels"',
    ),
    (
        instrument("price_scal = 2"),
        'instrument[0].price_scal: unknown key, expected one of "venue", "symbol", "price_scale", "size_scale", '
        '"turnover_scale"; did you mean "price_scale"?',
    ),
    (
        "[service.loop]\ncpus = 1",
        'service.loop.cpus: unknown key, expected one of "cpu", "busy_poll", "so_busy_poll_us", "tcp_quickack", '
        '"receive_buffer_bytes", "fifo_priority"; did you mean "cpu"?',
    ),
    (
        '[gateway]\nlistn = ""',
        'gateway.listn: unknown key, expected one of "listen", "aliases", "on_disconnect", "paper_accounts", "origins", '
        '"hosts", "tls_cert", "tls_key", "idle_s", "handshake_s", "max_connections", "max_logins", "max_accounts", '
        '"max_venue_logins", "max_message_kb", "requests_per_s", "send_buffer_kb", "market_data_interval_ms", "client"; did you mean "listen"?',
    ),
    # wrong types
    ("service = 3", "service: found 3, expected a table"),
    ("[service]\nmetrics = 9464", f'service.metrics: found 9464, {ADDRESS} or "" (off)'),
    ("[service]\nquarantine = true", "service.quarantine: found true, expected an integer from 1 to 100000 (messages)"),
    (
        '[service]\nquarantine = "50"',
        'service.quarantine: found "50", expected an integer from 1 to 100000 (messages); did you mean 50 without quotes?',
    ),
    ("[service]\nquarantine = 1.5", "service.quarantine: found 1.5, expected an integer from 1 to 100000 (messages)"),
    (
        "[service]\nquarantine = 1979-05-27",
        "service.quarantine: found a date, expected an integer from 1 to 100000 (messages)",
    ),
    ("[service]\nlog_level = ['info']", f"service.log_level: found an array, {LEVELS}"),
    ('[service]\nlog_level = "warn"', f'service.log_level: found "warn", {LEVELS}; did you mean "warning"?'),
    (
        '[service]\nlog_format = "JSON"',
        'service.log_format: found "JSON", expected one of "text", "json"; did you mean "json"?',
    ),
    ("[service]\nlock_memory = 1", "service.lock_memory: found 1, expected true or false"),
    (
        '[service]\nlock_memory = "True"',
        'service.lock_memory: found "True", expected true or false; did you mean true without quotes?',
    ),
    ("[service]\ngc = false", 'service.gc: found false, expected one of "freeze", "off", "on"'),
    (
        "[service]\nswitch_interval_us = 0",
        "service.switch_interval_us: found 0, expected an integer from 1 to 1000000 (microseconds)",
    ),
    ('[service.loop]\nbusy_poll = "yes"', 'service.loop.busy_poll: found "yes", expected true or false'),
    (
        "[service.loop]\nso_busy_poll_us = -1",
        "service.loop.so_busy_poll_us: found -1, expected an integer from 0 to 100000 (microseconds)",
    ),
    (
        "[service.loop]\nreceive_buffer_bytes = 10",
        "service.loop.receive_buffer_bytes: found 10, expected an integer from 4096 to 1073741824 (bytes)",
    ),
    ("[service.loop]\nfifo_priority = 100", "service.loop.fifo_priority: found 100, expected an integer from 1 to 99"),
    ("[service]\nloop = 1", "service.loop: found 1, expected a table"),
    ("[service.loop]\ncpu = -1", "service.loop.cpu: found -1, expected an integer from 0 to 4095"),
    (venue("id = 5"), f"venue[0].id: found 5, {LABEL}"),
    (venue('id = "my feed"'), f'venue[0].id: found "my feed", {LABEL}'),
    (venue(f'id = "{"x" * 64}"'), f'venue[0].id: found "{"x" * 59}…, {LABEL}'),
    (venue("kind = 5"), "venue[0].kind: found 5, expected a string"),
    (venue("connections = 0"), "venue[0].connections: found 0, expected an integer from 1 to 64"),
    (venue("requests_per_minute = 0"), "venue[0].requests_per_minute: found 0, expected an integer from 1 to 60000"),
    (
        venue("heartbeat_interval_s = nan"),
        "venue[0].heartbeat_interval_s: found not a finite number, expected a number from 0.01 to 3600 (seconds)",
    ),
    (
        venue("heartbeat_interval_s = 0"),
        "venue[0].heartbeat_interval_s: found 0, expected a number from 0.01 to 3600 (seconds)",
    ),
    (
        venue("stale_after_s = 30"),
        "venue[0].stale_after_s: found 30, expected a table of seconds by channel, such as {quote = 30}",
    ),
    (
        venue('stale_after_s = {quote = "30"}'),
        'venue[0].stale_after_s.quote: found "30", expected a number from 0.01 to 86400 (seconds); '
        "did you mean 30.0 without quotes?",
    ),
    (
        venue("stale_after_s = {qoute = 30}"),
        f'venue[0].stale_after_s.qoute: unknown channel, {FAMILIES}; did you mean "quote"?',
    ),
    (
        venue('stale_after_s = {"bar:2m" = 30}'),
        f'venue[0].stale_after_s."bar:2m": unknown channel, {FAMILIES}; did you mean "bar:5m"?',
    ),
    # structure
    ('[venue]\nid = "x"', "venue: found a table, expected an array of tables, written [[venue]]"),
    ("venue = 1", "venue: found 1, expected an array of tables, written [[venue]]"),
    ("venue = [1]", "venue[0]: found 1, expected a table"),
    ("venue = []", "venue: missing, expected at least one [[venue]]"),
    ("", "venue: missing, expected at least one [[venue]]"),
    (
        f"{ITICK}[venue.subscribe]",
        "venue[0].subscribe: found a table, expected an array of tables, written [[venue.subscribe]]",
    ),
    # missing keys
    (ITICK.replace('id = "itick-crypto"', ""), 'venue[0].id: missing, expected a label such as "itick-crypto"'),
    (ITICK.replace('kind = "itick"', ""), "venue[0].kind: missing, expected a kind of venue"),
    (ITICK.replace('api_key = "plain:token-of-itick"', ""), f"venue[0].api_key: missing, expected {FORMS}"),
    (
        f"{ITICK}[[venue.subscribe]]\nchannels=['quote']",
        'venue[0].subscribe[0].symbols: missing, expected symbols such as ["BTC/USDT"]',
    ),
    (
        f"{ITICK}[[venue.subscribe]]\nsymbols=['BTC/USDT']",
        'venue[0].subscribe[0].channels: missing, expected channels such as ["quote", "bar:1m"]',
    ),
    # kinds
    (venue('kind = "itikc"'), f'venue[0].kind: found "itikc", {KINDS}; did you mean "itick"?'),
    # URLs
    (venue("url = 3"), f"venue[0].url: found 3, {URL}"),
    (venue('url = ""'), f'venue[0].url: found "" (the scheme is neither ws nor wss), {URL}'),
    (
        venue('url = "https://api.itick.org/cws"'),
        f'venue[0].url: found "https://api.itick.org/cws" (the scheme is neither ws nor wss), {URL}; '
        'did you mean "wss://api.itick.org/cws"?',
    ),
    (venue('url = "api.itick.org"'), f'venue[0].url: found "api.itick.org" (the scheme is neither ws nor wss), {URL}'),
    (venue('url = "wss:///cws"'), f'venue[0].url: found "wss:///cws" (no host), {URL}'),
    (
        venue('url = "wss://h:65536/"'),
        f'venue[0].url: found "wss://h:65536/" (the port is not a number from 1 to 65535), {URL}',
    ),
    (
        venue('url = "wss://h:0/"'),
        f'venue[0].url: found "wss://h:0/" (the port is not a number from 1 to 65535), {URL}',
    ),
    (
        venue('url = "wss://h:x/"'),
        f'venue[0].url: found "wss://h:x/" (the port is not a number from 1 to 65535), {URL}',
    ),
    (venue('url = "wss://h:/"'), f'venue[0].url: found "wss://h:/" (the port is not a number from 1 to 65535), {URL}'),
    (venue('url = "wss://a..b/"'), f'venue[0].url: found "wss://a..b/" (not a host name or address), {URL}'),
    (venue('url = "wss://1.2.3/"'), f'venue[0].url: found "wss://1.2.3/" (not a host name or address), {URL}'),
    (venue('url = "wss://[::1/"'), f'venue[0].url: found "***" (it can\'t be parsed), {URL}'),
    (
        venue('url = "wss://h/a b"'),
        f'venue[0].url: found "wss://h/a b" (blanks or characters that must be escaped), {URL}',
    ),
    (venue('url = "wss://h/#top"'), f'venue[0].url: found "wss://h/#top" (a fragment (#) is never sent), {URL}'),
    (
        venue('url = "wss://me:hunter22@h/"'),
        "venue[0].url: found a URL with a credential in it (user information), expected the credential in api_key or api_secret",
    ),
    (
        venue('url = "wss://h/ws?business=crypto&ApiKey=hunter22"'),
        "venue[0].url: found a URL with a credential in it (the parameter ApiKey), "
        "expected the credential in api_key or api_secret",
    ),
    # addresses
    *(
        (f'[service]\nmetrics = "{text}"', f'service.metrics: found "{text}", {ADDRESS} or "" (off)')
        for text in (
            ":9464",
            "9464",
            "localhost",
            "127.0.0.1:65536",
            "127.0.0.1:-1",
            "a b:1",
            "::1:9464",
            "[::1]",
            "[x]:1",
        )
    ),
    ('[gateway]\nlisten = ""', f'gateway.listen: found "", {ADDRESS}'),
    # subscriptions
    (subscribe("[]"), "venue[0].subscribe[0].symbols: found an empty array, expected at least one of the symbols"),
    (
        subscribe('"BTC/USDT"'),
        'venue[0].subscribe[0].symbols: found "BTC/USDT", expected an array of symbols; did you mean ["BTC/USDT"]?',
    ),
    (subscribe('["BTC,ETH"]'), f'venue[0].subscribe[0].symbols[0]: found "BTC,ETH", {SYMBOL}'),
    (subscribe('["BTC USDT"]'), f'venue[0].subscribe[0].symbols[0]: found "BTC USDT", {SYMBOL}'),
    (subscribe("['x\"y']"), f'venue[0].subscribe[0].symbols[0]: found "x\\"y", {SYMBOL}'),
    (subscribe('["\\n"]'), f'venue[0].subscribe[0].symbols[0]: found "\\n", {SYMBOL}'),
    (subscribe("[7]"), f"venue[0].subscribe[0].symbols[0]: found 7, {SYMBOL}"),
    (
        subscribe('["A/B/C"]'),
        'venue[0].subscribe[0].symbols[0]: found "A/B/C" (more than one slash), expected a symbol that itick can spell',
    ),
    (
        subscribe('["BTC/USDT"]', '["quote", "depth", "quotes"]'),
        f'venue[0].subscribe[0].channels[2]: found "quotes", {ITICK_CHANNELS}; did you mean "quote"?',
    ),
    (
        subscribe('["BTC/USDT"]', '["bar"]'),
        f'venue[0].subscribe[0].channels[0]: found "bar", {ITICK_CHANNELS}; did you mean "bar:5m"?',
    ),
    (
        subscribe('["BTC/USDT"]', '["quote", "quote"]'),
        'venue[0].subscribe[0].channels[1]: found "quote" again, expected a channel that channels[0] isn\'t',
    ),
    (
        subscribe('["BTC/USDT", "BTC/USDT"]'),
        'venue[0].subscribe[0].symbols[1]: found "BTC/USDT" with "quote" again, '
        "expected what subscribe[0].symbols[0] doesn't ask for already",
    ),
    (
        subscribe('["BTC/USDT"]')
        + "[[venue.subscribe]]\nsymbols = ['ETH/USDT', 'BTCUSDT']\nchannels = ['depth', 'quote']",
        'venue[0].subscribe[1].symbols[1]: found "BTCUSDT" with "quote" again, '
        "expected what subscribe[0].symbols[0] doesn't ask for already",
    ),
    # between venues
    (
        f'{ITICK}{SUBSCRIBE}[[venue]]\nid = "itick-crypto"\nkind = "infoway"\napi_key = "plain:another"',
        'venue[1].id: found "itick-crypto" again, expected an id that venue[0] doesn\'t have',
    ),
    (venue("connections = 2"), "venue[0].connections: found 2, expected at most 1: itick allows no more for one key"),
    (
        f"{ITICK}{SUBSCRIBE}{ITICK.replace('itick-crypto', 'second')}",
        "venue[1].api_key: the key of venue[0] again, for 2 connections to one server in all, "
        "expected at most 1: itick drops the others",
    ),
    # instruments
    (
        instrument("price_scale = 19"),
        "instrument[0].price_scale: found 19, expected an integer from 0 to 18 (digits after the decimal point)",
    ),
    (
        instrument("size_scale = -1"),
        "instrument[0].size_scale: found -1, expected an integer from 0 to 18 (digits after the decimal point)",
    ),
    (
        instrument('turnover_scale = "2"'),
        'instrument[0].turnover_scale: found "2", expected an integer from 0 to 18 (digits after the decimal point); '
        "did you mean 2 without quotes?",
    ),
    (
        instrument("").replace('venue = "itick-crypto"', 'venue = "itick-cyrpto"'),
        'instrument[0].venue: found "itick-cyrpto", expected the id of a venue, "itick-crypto"; did you mean "itick-crypto"?',
    ),
    (
        instrument("").replace('symbol = "ETH/USDT"', ""),
        'instrument[0].symbol: missing, expected a symbol such as "ETH/USDT"',
    ),
    (
        instrument("").replace('venue = "itick-crypto"', ""),
        "instrument[0].venue: missing, expected the id of a [[venue]]",
    ),
    (
        instrument("[[instrument]]\nvenue = 'itick-crypto'\nsymbol = 'ETHUSDT'"),
        'instrument[1].symbol: found "ETHUSDT" again, expected an instrument that instrument[0] isn\'t',
    ),
    # credentials
    (
        venue('api_key = "sk-live-123456"'),
        f'venue[0].api_key: found a literal value, expected {NO_LITERAL}, or "plain:VALUE" for a simulator',
    ),
    (
        venue('api_key = "vault:abc"'),
        f'venue[0].api_key: found a literal value, expected {NO_LITERAL}, or "plain:VALUE" for a simulator',
    ),
    (venue("api_key = 12345678"), f"venue[0].api_key: found an integer, expected {NO_LITERAL}"),
    (venue("api_key = ['sk-live-123456']"), f"venue[0].api_key: found an array, expected {NO_LITERAL}"),
    (
        venue('api_key = "env:FERROFEED_TEST_ABSENT"'),
        "venue[0].api_key: the environment variable FERROFEED_TEST_ABSENT is not set, expected it to hold the credential",
    ),
    (venue('api_key = "env:"'), 'venue[0].api_key: found env: without a name of a variable, expected "env:NAME"'),
    (
        venue('api_key = "file:absent.key"'),
        "venue[0].api_key: file:absent.key can't be read (no such file or directory), "
        "expected a readable file that holds the credential and nothing else",
    ),
    (venue('api_key = "file:"'), 'venue[0].api_key: found file: without a path, expected "file:/path"'),
    (
        venue('api_key = "file:."'),
        "venue[0].api_key: file:. can't be read (is a directory), "
        "expected a readable file that holds the credential and nothing else",
    ),
    (
        venue('api_key = "credential:itick"'),
        "venue[0].api_key: credential:itick, but CREDENTIALS_DIRECTORY is not set, "
        "expected to be started by systemd with LoadCredential=itick:/path",
    ),
    (
        venue('api_key = "credential:../x"'),
        'venue[0].api_key: found credential: without a name, expected "credential:NAME", as in LoadCredential=NAME:/path',
    ),
    (
        venue('api_key = "plain:"'),
        "venue[0].api_key: the value of plain: is empty, expected a credential of 4 or more characters",
    ),
    (
        venue('api_key = "plain:abc"'),
        "venue[0].api_key: the value of plain: is too short, expected a credential of 4 or more characters",
    ),
    (
        venue('api_key = "plain:abcd\\r\\nX-Evil: 1"'),
        "venue[0].api_key: the value of plain: holds a line break or another control character, "
        "expected a credential of 4 or more characters",
    ),
    (
        venue('api_key = "plain:abcdef "'),
        "venue[0].api_key: the value of plain: begins or ends with a blank, expected a credential of 4 or more characters",
    ),
    # certificate authorities
    (
        venue('url = "wss://127.0.0.1:1/"\ntls_ca = "absent.pem"'),
        'venue[0].tls_ca: found "absent.pem" (no such file or directory), expected the path of a PEM file with certificates',
    ),
    (
        venue('url = "wss://127.0.0.1:1/"\ntls_ca = "feed.toml"'),
        'venue[0].tls_ca: found "feed.toml" (no certificate in it), expected the path of a PEM file with certificates',
    ),
    (venue("tls_ca = 1"), "venue[0].tls_ca: found 1, expected the path of a PEM file with certificates"),
]


def _only(text: str) -> str:
    """A case that isn't about venues needs one, for nothing else to be wrong."""
    return text if "venue" in text or not text else f"{text}\n{ITICK}"


@pytest.mark.parametrize(
    ("text", "line"), VALUES, ids=[f"{n}-{line.partition(':')[0]}" for n, (_, line) in enumerate(VALUES)]
)
def test_one_mistake_is_one_line_in_these_words(complaints: Complaints, text: str, line: str) -> None:
    assert complaints(_only(text)) == [line]


SYNTAX = [
    ("[service", "not TOML: expected ']' at the end of a table declaration (at end of document), expected a TOML file"),
    ("a = 1\nb = \n", "not TOML: invalid value (at line 2, column 5), expected a TOML file"),
    ("a = 1\na = 2\n", "not TOML: cannot overwrite a value (at line 2, column 6), expected a TOML file"),
    ("a = " + "[" * 20_000, "found values nested too deeply, expected a TOML file"),
    ("a = 1" + "0" * 5_000, "found a number or date out of range, expected a TOML file"),
    ("#" * (1 << 20) + "#", "found more than 1 MiB, expected a configuration file"),
]


@pytest.mark.parametrize(("text", "line"), SYNTAX, ids=range(len(SYNTAX)))
def test_a_file_that_is_no_toml_says_where(complaints: Complaints, text: str, line: str) -> None:
    assert complaints(text) == [line]


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "feed.toml"
    file.write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError) as caught:
        Config.load(file)
    assert str(caught.value) == f"{file}: found byte 0xe9 at offset 5, expected a TOML file in UTF-8"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("absent.toml", "no such file or directory"), (".", "is a directory")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: can't be read ({reason}), expected a TOML file"


def test_all_problems_are_told_at_once_in_the_order_of_the_file(complaints: Complaints) -> None:
    lines = complaints(
        """
[service]
log_level = "loud"
[gateway]
listen = "nowhere"
[[venue]]
id = "a b"
kind = "itick"
url = "ftp://h/"
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["quote", "book"]
[[venue]]
id = "z"
kind = "zario"
[[instrument]]
venue = "z"
symbol = "BTC/USDT"
price_scale = 99
"""
    )
    assert [line.partition(":")[0] for line in lines] == [
        "service.log_level",
        "venue[0].id",
        "venue[0].url",
        "venue[0].api_key",
        "venue[0].subscribe[0].channels[1]",
        "venue[1].kind",
        "instrument[0].price_scale",
        "gateway.listen",
    ]


def test_a_problem_carries_its_parts(load: Callable[[str], Config], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(venue('kind = "itikc"'))
    (problem,) = caught.value.problems
    assert problem.source == str(tmp_path / "feed.toml")
    assert problem.path == "venue[0].kind"
    assert problem.found == 'found "itikc"'
    assert problem.suggestion == '"itick"'
