"""What a good configuration becomes: values, defaults, what kinds fill in, where credentials come from, warnings."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import trustme

from ferrofeed.config import Config, InstrumentConfig, ServiceConfig, Subscription
from ferrofeed.spec import VenueSpec

Load = Callable[[str], Config]

WHOLE = """
[service]
metrics = "[::1]:9464"
log_level = "debug"
log_format = "json"
quarantine = 7
[service.loop]
cpu = 1

[[venue]]
id = "itick-crypto"
kind = "itick"
url = "wss://127.0.0.1:8765/cws?v=1"
api_key = "env:ITICK_TOKEN"
requests_per_minute = 30
heartbeat_interval_s = 5
stale_after_s = {quote = 3, bar = 0.5}
[[venue.subscribe]]
symbols = ["BTC/USDT", "AAPL.US"]
channels = ["quote", "bar:1m"]
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["depth"]

[[venue]]
id = "ziario"
kind = "ziario"
api_key = "env:ZIARIO_KEY"
api_secret = "env:ZIARIO_SECRET"
connections = 3
[[venue.subscribe]]
symbols = ["ETH/USDT"]
channels = ["quote"]

[[instrument]]
venue = "ziario"
symbol = "ETH/USDT"
price_scale = 0
turnover_scale = 18
"""
MINIMAL = """
[[venue]]
id = "i"
kind = "itick"
api_key = "{key}"
url = "{url}"
{more}
[[venue.subscribe]]
symbols = ["BTC/USDT"]
channels = ["quote"]
"""


def minimal(key: str = "plain:token-of-itick", url: str = "ws://127.0.0.1:1/", more: str = "") -> str:
    return MINIMAL.format(key=key, url=url, more=more)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ITICK_TOKEN", "ZIARIO_KEY", "ZIARIO_SECRET"):
        monkeypatch.setenv(name, f"value-of-{name}")


@pytest.mark.usefixtures("environment")
def test_every_key_arrives(load: Load) -> None:
    config = load(WHOLE)
    assert config.service.metrics_address == ("::1", 9464)
    assert (config.service.log_level, config.service.log_format, config.service.quarantine) == ("debug", "json", 7)
    assert config.service.loop.cpu == 1

    itick, ziario = config.venues
    assert (itick.id, itick.kind, itick.url) == ("itick-crypto", "itick", "wss://127.0.0.1:8765/cws?v=1")
    assert itick.api_key is not None
    assert itick.api_key.reveal() == "value-of-ITICK_TOKEN"
    assert itick.api_secret is None
    assert (itick.requests_per_minute, itick.heartbeat_interval_s) == (30, 5.0)
    assert dict(itick.stale_after_s) == {"quote": 3.0, "bar": 0.5}
    assert itick.subscribe == (
        Subscription(("BTC/USDT", "AAPL.US"), ("quote", "bar:1m")),
        Subscription(("BTC/USDT",), ("depth",)),
    )
    assert list(itick.topics()) == [
        ("BTC/USDT", "quote"),
        ("BTC/USDT", "bar:1m"),
        ("AAPL.US", "quote"),
        ("AAPL.US", "bar:1m"),
        ("BTC/USDT", "depth"),
    ]

    assert config.venue("ziario") is ziario
    assert ziario.url == "wss://ziario.com/ws"
    assert ziario.connections == 3
    assert ziario.api_secret is not None
    assert (ziario.api_secret.reveal(), ziario.api_secret.source) == ("value-of-ZIARIO_SECRET", "env:ZIARIO_SECRET")

    assert config.instruments == (InstrumentConfig("ziario", "ETH/USDT", price_scale=0, turnover_scale=18),)
    assert config.gateway is None
    assert config.warnings == ()
    with pytest.raises(KeyError):
        config.venue("absent")


def test_what_is_left_out_has_defaults(load: Load) -> None:
    config = load(minimal())
    assert config.service == ServiceConfig()
    assert config.service.metrics_address == ("127.0.0.1", 9464)
    (venue,) = config.venues
    assert (venue.connections, venue.requests_per_minute, venue.heartbeat_interval_s) == (1, None, None)
    assert venue.tls_ca is None
    assert dict(venue.stale_after_s) == {}


def test_metrics_may_be_off(load: Load) -> None:
    assert load(f'service.metrics = ""\n{minimal()}').service.metrics_address is None


def test_a_configuration_cannot_be_changed(load: Load) -> None:
    config = load(minimal(more="stale_after_s = {quote = 3}"))
    with pytest.raises(FrozenInstanceError):
        config.venues[0].url = "wss://elsewhere/"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.venues[0].stale_after_s["quote"] = 9  # type: ignore[index]


@pytest.mark.parametrize(
    "url",
    [
        "wss://api.itick.org/cws",
        "ws://127.0.0.1:65535/ws?business=crypto&x=",
        "wss://[::1]:8443/",
        "wss://localhost",
        "wss://a-b.example.:1/%20",
        "WSS://api.itick.org/cws",
    ],
)
def test_urls_that_are_fine(load: Load, url: str) -> None:
    assert load(minimal(url=url)).venues[0].url == url


def test_a_credential_from_a_file(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "itick.key"
    file.write_text("token-from-file\n")
    file.chmod(0o600)
    for name in ("itick.key", str(file)):
        config = load(minimal(key=f"file:{name}"))
        assert config.venues[0].api_key is not None
        assert (config.venues[0].api_key.reveal(), config.venues[0].api_key.source) == (
            "token-from-file",
            f"file:{name}",
        )
        assert config.warnings == ()


def test_a_file_that_everybody_can_read_is_warned_of(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "itick.key"
    file.write_text("token-from-file")
    file.chmod(0o644)
    (warning,) = load(minimal(key="file:itick.key")).warnings
    assert str(warning) == (
        f"{tmp_path / 'feed.toml'}: venue[0].api_key: file:itick.key can be read by every user, "
        "expected mode 0600, not 0644"
    )
    file.chmod(stat.S_IRUSR | stat.S_IRGRP)
    assert load(minimal(key="file:itick.key")).warnings == ()


def test_a_credential_of_systemd(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "itick").write_text("token-of-systemd\r\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = load(minimal(key="credential:itick"))
    assert config.venues[0].api_key is not None
    assert config.venues[0].api_key.reveal() == "token-of-systemd"
    assert config.warnings == ()


def test_an_authority_beside_the_file(load: Load, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    config = load(minimal(url="wss://127.0.0.1:1/", more='tls_ca = "ca.pem"'))
    assert config.venues[0].tls_ca == tmp_path / "ca.pem"


WARNINGS = [
    (
        minimal(url="ws://example.com/", key="env:ITICK_TOKEN"),
        ["url: credentials would cross the network unencrypted, expected wss://"],
    ),
    (
        minimal(url="wss://example.com/"),
        [
            "api_key: a credential in plain text, for a server that isn't this machine, "
            'expected "env:NAME", "file:/path" or "credential:NAME"'
        ],
    ),
    (minimal(more='api_secret = "plain:more"'), ["api_secret: itick has no use for it, expected no such key"]),
    (
        minimal().partition("[[venue.subscribe]]")[0],
        ["subscribe: missing, expected at least one [[venue.subscribe]]: nothing will be received"],
    ),
    (
        minimal().replace('["BTC/USDT"]', '["A/B", "C/D", "E/F", "G/H", "I/J", "K/L", "M/N"]'),
        ["subscribe: found 7 topics, expected at most 6, which is what itick allows on its connections"],
    ),
    (
        minimal(more="requests_per_minute = 61").replace('"itick"', '"infoway"').replace('"quote"', '"trade"'),
        ["requests_per_minute: found 61, expected at most 60, which is what infoway allows"],
    ),
]


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("text", "lines"), WARNINGS)
def test_what_works_and_probably_is_not_meant(load: Load, text: str, lines: list[str]) -> None:
    config = load(text)
    assert [str(warning).partition("venue[0].")[2] for warning in config.warnings] == lines


def test_warnings_beside_venues(load: Load) -> None:
    config = load(f'{minimal()}[gateway]\n[[instrument]]\nvenue = "i"\nsymbol = "ETH/USDT"')
    assert [str(warning).partition("feed.toml: ")[2] for warning in config.warnings] == [
        'instrument[0].symbol: "ETH/USDT" is not subscribed at "i", expected a subscribed symbol',
        "gateway: no venue trades, expected "
        'a [[venue]] whose kind is one of "coinceres", "quantapi", "paper", to be served',
    ]
    assert config.gateway is not None
    assert config.gateway.listen_address == ("127.0.0.1", 9878)


def test_one_key_may_serve_two_servers(load: Load) -> None:
    other = minimal(url="ws://127.0.0.1:2/").replace('id = "i"', 'id = "j"')
    assert len(load(minimal() + other).venues) == 2


def test_a_mapping_does_as_well_as_a_file(specs: Mapping[str, VenueSpec], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("token-from-file")
    (tmp_path / "key").chmod(0o600)
    data = {"venue": [{"id": "i", "kind": "itick", "api_key": "file:key", "subscribe": []}]}
    config = Config.from_dict(data, source="here", base=tmp_path, specs=specs)
    assert config.source == "here"
    assert config.venues[0].url == "wss://api.itick.org/cws"
    assert str(config.warnings[0]).startswith("here: venue[0].subscribe: missing")
