"""A configuration built in code obeys the same rules, in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from ferrofeed.config import (
    Config,
    ConfigError,
    GatewayConfig,
    InstrumentConfig,
    LoopConfig,
    Secret,
    ServiceConfig,
    Subscription,
    VenueConfig,
)
from ferrofeed.spec import VenueSpec

Specs = Mapping[str, VenueSpec]


def itick(**changes: Any) -> VenueConfig:
    subscribe = [Subscription(["BTC/USDT"], ["quote", "depth"])]
    venue = VenueConfig("i", "itick", url="ws://127.0.0.1:1/", api_key=Secret("token-of-itick"), subscribe=subscribe)
    return replace(venue, **changes)


def test_lists_become_tuples_and_the_kind_fills_in(specs: Specs) -> None:
    config = Config(venues=[itick(url="", api_key=Secret("token-of-itick"))], specs=specs)
    assert config.venues == (
        itick(url="wss://api.itick.org/cws", subscribe=(Subscription(("BTC/USDT",), ("quote", "depth")),)),
    )
    assert config.source == "configuration"
    assert config.service == ServiceConfig()


def test_it_equals_what_a_file_gives(specs: Specs) -> None:
    built = Config(
        venues=[itick(stale_after_s={"bar": 9.0}, heartbeat_interval_s=3.0)],
        service=ServiceConfig(metrics="", quarantine=1, loop=LoopConfig(cpu=0)),
        instruments=[InstrumentConfig("i", "BTC/USDT", price_scale=0)],
        gateway=GatewayConfig("127.0.0.1:1"),
        specs=specs,
    )
    read = Config.from_dict(
        {
            "service": {"metrics": "", "quarantine": 1, "loop": {"cpu": 0}},
            "venue": [
                {
                    "id": "i",
                    "kind": "itick",
                    "url": "ws://127.0.0.1:1/",
                    "api_key": "plain:token-of-itick",
                    "heartbeat_interval_s": 3,
                    "stale_after_s": {"bar": 9},
                    "subscribe": [{"symbols": ["BTC/USDT"], "channels": ["quote", "depth"]}],
                }
            ],
            "instrument": [{"venue": "i", "symbol": "BTC/USDT", "price_scale": 0}],
            "gateway": {"listen": "127.0.0.1:1"},
        },
        specs=specs,
    )
    assert built == read
    assert replace(built, specs=specs) == built


CASES: list[tuple[list[VenueConfig], dict[str, Any], str]] = [
    ([], {}, "configuration: venue: missing, expected at least one [[venue]]"),
    (
        [itick(), itick(api_key=Secret("token-of-another"))],
        {},
        'configuration: venue[1].id: found "i" again, expected an id that venue[0] doesn\'t have',
    ),
    (
        [itick(subscribe=[Subscription("BTC/USDT", ["quote"])])],
        {},
        'configuration: venue[0].subscribe[0].symbols: found "BTC/USDT", expected an array of symbols; '
        'did you mean ["BTC/USDT"]?',
    ),
    (
        [itick(connections=cast("int", "2"))],
        {},
        'configuration: venue[0].connections: found "2", expected an integer from 1 to 64; '
        "did you mean 2 without quotes?",
    ),
    (
        [itick(api_key=None)],
        {"source": "the test"},
        'the test: venue[0].api_key: missing, expected "env:NAME", "file:/path" or "credential:NAME"',
    ),
    (
        [itick()],
        {"instruments": [InstrumentConfig("i", "BTC/USDT", price_scale=19)]},
        "configuration: instrument[0].price_scale: found 19, "
        "expected an integer from 0 to 18 (digits after the decimal point)",
    ),
    (
        [itick()],
        {"service": ServiceConfig(log_level="loud")},
        'configuration: service.log_level: found "loud", expected one of "debug", "info", "warning", "error"',
    ),
    ([itick()], {"service": cast("ServiceConfig", 7)}, "configuration: service: found 7, expected a table"),
]


@pytest.mark.parametrize(("venues", "more", "line"), CASES)
def test_the_same_mistakes_are_told(specs: Specs, venues: list[VenueConfig], more: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(venues=venues, specs=specs, **more)
    assert str(caught.value) == line


def test_a_configuration_can_be_built_upon(specs: Specs) -> None:
    config = Config(venues=[itick()], specs=specs)
    with pytest.raises(ConfigError, match='found "i" again'):
        replace(config, venues=[*config.venues, itick(api_key=Secret("token-of-another"))], specs=specs)
