"""The resolved plan: golden output as text and as JSON, without credentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ferrofeed.commands.check import check
from ferrofeed.config import Config
from ferrofeed.config.plan import plan, stale_after_s
from ferrofeed.spec import VenueSpec

TEXT = """
[service]
metrics = "127.0.0.1:9464"

[[venue]]
id = "itick-crypto"
kind = "itick"
api_key = "plain:token-of-itick"
stale_after_s = {"bar:1m" = 90}
[[venue.subscribe]]
symbols = ["BTC/USDT", "ETH/USDT"]
channels = ["quote", "depth", "bar:1m"]

[[venue]]
id = "infoway"
kind = "infoway"
api_key = "env:INFOWAY_KEY"
requests_per_minute = 50
connections = 2
heartbeat_interval_s = 25
[[venue.subscribe]]
symbols = ["AAPL.US"]
channels = ["trade"]

[[venue]]
id = "ziario"
kind = "ziario"
url = "wss://localhost:8443/ws"
api_key = "plain:key-of-ziario"
api_secret = "plain:secret-of-ziario"

[[instrument]]
venue = "itick-crypto"
symbol = "ETH/USDT"
price_scale = 2

[gateway]
listen = "127.0.0.1:9878"
"""
GOLDEN = """\
service
  metrics      http://127.0.0.1:9464/metrics (also /healthz, /readyz)
  logs         info and above, text, on standard error
  quarantine   100 messages
  process      collector frozen after start
  loop         on any CPU, TCP_NODELAY

venue itick-crypto (itick)
  url          wss://api.itick.org/cws
  credentials  api_key from plain text in the configuration
  connections  1 (at most 1 per key)
  limits       any number of requests, 100 topics a request, frames up to 1,048,576 bytes
  heartbeat    message every 30 s, answered within 10 s
  stale after  bar:1m 90 s, depth 10 s, quote 30 s
  topics       6 (at most 6 per connection)
    BTC/USDT  as BTCUSDT  quote depth bar:1m
    ETH/USDT  as ETHUSDT  quote depth bar:1m

venue infoway (infoway)
  url          wss://data.infoway.io/ws?business=crypto&apikey=***&at=0
  credentials  api_key from env:INFOWAY_KEY
  connections  2
  limits       50 requests a minute, 100 topics a request, frames up to 1,048,576 bytes
  heartbeat    message every 25 s, not answered
  stale after  trade 30 s
  topics       1
    AAPL.US  as AAPL.US  trade

venue ziario (ziario)
  url          wss://localhost:8443/ws
  credentials  api_key from plain text in the configuration, api_secret from plain text in the configuration
  connections  1
  limits       any number of requests, 100 topics a request, frames up to 1,048,576 bytes
  heartbeat    WebSocket ping every 20 s, answered within 10 s
  stale after  -
  topics       0

instruments (digits after the decimal point; auto: found from the data)
  itick-crypto ETH/USDT: price 2, size auto, turnover auto

gateway
  listen       127.0.0.1:9878
  platforms    none: no venue trades, and nothing is served

FILE: fine
"""
WARNINGS = """\
warning: FILE: venue[0].api_key: a credential in plain text, for a server that isn't this machine, expected \
"env:NAME", "file:/path" or "credential:NAME"
warning: FILE: venue[2].subscribe: missing, expected at least one [[venue.subscribe]]: nothing will be received
warning: FILE: gateway: no venue trades, expected a [[venue]] whose kind is one of "coinceres", "quantapi", "paper", \
to be served
"""
SECRETS = ("token-of-itick", "infoway-key-1", "key-of-ziario", "secret-of-ziario")

Specs = Mapping[str, VenueSpec]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOWAY_KEY", "infoway-key-1")
    file = tmp_path / "feed.toml"
    file.write_text(TEXT)
    return file


def test_the_text(file: Path, specs: Specs, capsys: Capture) -> None:
    assert check(file, specs, as_json=False) == 0
    out, err = capsys.readouterr()
    assert out.replace(str(file), "FILE") == GOLDEN
    assert err.replace(str(file), "FILE") == WARNINGS


def test_the_json(file: Path, specs: Specs, capsys: Capture) -> None:
    assert check(file, specs, as_json=True) == 0
    out, err = capsys.readouterr()
    resolved = json.loads(out)
    assert resolved["service"] == {
        "metrics": "http://127.0.0.1:9464/metrics",
        "log_level": "info",
        "log_format": "text",
        "quarantine": 100,
        "lock_memory": False,
        "gc": "freeze",
        "switch_interval_us": None,
        "loop": {
            "cpu": None,
            "busy_poll": False,
            "so_busy_poll_us": None,
            "tcp_quickack": False,
            "receive_buffer_bytes": None,
            "fifo_priority": None,
        },
    }
    assert resolved["venues"][1] == {
        "id": "infoway",
        "kind": "infoway",
        "url": "wss://data.infoway.io/ws?business=crypto&apikey=***&at=0",
        "credentials": {"api_key": "env:INFOWAY_KEY"},
        "tls_ca": None,
        "connections": 2,
        "connections_per_key": None,
        "requests_per_minute": 50,
        "topics_per_request": 100,
        "topics_per_connection": None,
        "max_message_bytes": 1_048_576,
        "heartbeat": {"interval_s": 25.0, "timeout_s": None, "websocket": False},
        "stale_after_s": {"trade": 30.0},
        "symbols": [{"symbol": "AAPL.US", "raw_symbol": "AAPL.US", "channels": ["trade"]}],
    }
    assert resolved["instruments"] == [
        {"venue": "itick-crypto", "symbol": "ETH/USDT", "price_scale": 2, "size_scale": None, "turnover_scale": None}
    ]
    assert resolved["gateway"] == {
        "listen": "127.0.0.1:9878",
        "tls": False,
        "platforms": {},
        "on_disconnect": "keep",
        "clients": [],
    }
    assert resolved["warnings"] == [line.removeprefix("warning: ") for line in err.splitlines()]


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_in_either(file: Path, specs: Specs, capsys: Capture, *, as_json: bool) -> None:
    check(file, specs, as_json=as_json)
    out, err = capsys.readouterr()
    for secret in SECRETS:
        assert secret not in out
        assert secret not in err


def test_what_is_off_or_absent(specs: Specs, load: Callable[[str], Config], capsys: Capture, tmp_path: Path) -> None:
    load('service.metrics = ""\nservice.loop.cpu = 3\n[[venue]]\nid = "i"\nkind = "itick"\napi_key = "plain:token"')
    check(tmp_path / "feed.toml", specs, as_json=False)
    out = capsys.readouterr().out
    assert "  metrics      off\n" in out
    assert "  loop         on CPU 3, TCP_NODELAY\n" in out
    assert "instruments" not in out
    assert "gateway" not in out


def test_every_knob_is_shown(specs: Specs, load: Callable[[str], Config], capsys: Capture, tmp_path: Path) -> None:
    load(
        """
        [service]
        lock_memory = true
        gc = "off"
        switch_interval_us = 1000
        [service.loop]
        cpu = 1
        busy_poll = true
        fifo_priority = 5
        tcp_quickack = true
        receive_buffer_bytes = 4194304
        so_busy_poll_us = 50
        [[venue]]
        id = "i"
        kind = "itick"
        api_key = "plain:token"
        """
    )
    check(tmp_path / "feed.toml", specs, as_json=False)
    out, err = capsys.readouterr()
    assert "  process      collector off, memory locked, threads switch after 1,000 us\n" in out
    thread = "on CPU 1, never sleeps (busy_poll), SCHED_FIFO 5"
    options = "TCP_NODELAY, TCP_QUICKACK, SO_RCVBUF 4,194,304 bytes, SO_BUSY_POLL 50 us"
    assert f"  loop         {thread}, {options}\n" in out
    assert "service.loop.fifo_priority: found 5 together with busy_poll, expected one of the two" in err


def test_polling_without_a_core_of_its_own_is_warned_of(load: Callable[[str], Config]) -> None:
    config = load('[service.loop]\nbusy_poll = true\n[[venue]]\nid = "i"\nkind = "itick"\napi_key = "plain:token"')
    assert "service.loop.busy_poll: found true without cpu" in "\n".join(map(str, config.warnings))


def test_staleness_is_resolved_from_the_nearest_word(specs: Specs, load: Callable[[str], Config]) -> None:
    def venue(more: str) -> Config:
        return load(f'[[venue]]\nid = "i"\nkind = "itick"\napi_key = "plain:token"\nstale_after_s = {{{more}}}')

    spec = specs["itick"]
    cases = [
        ("", "bar:1m", 120.0),  # the family's word of the venue
        ("", "depth", 10.0),
        ("", "quote", 30.0),  # nobody's word
        ("bar = 7", "bar:1m", 7.0),
        ('bar = 7, "bar:1m" = 3', "bar:1m", 3.0),
        ('bar = 7, "bar:1m" = 3', "bar:5m", 7.0),
    ]
    for more, channel, seconds in cases:
        assert stale_after_s(venue(more).venues[0], spec, channel) == seconds


def test_the_plan_is_a_value(file: Path, specs: Specs) -> None:
    config = Config.load(file, specs=specs)
    assert plan(config, specs) == plan(config, specs)
