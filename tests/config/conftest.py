"""Venue specs of the tests' own, so that what is tested here is the configuration and not the venues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from ferrofeed.config import Config, ConfigError
from ferrofeed.spec import Heartbeat, Limits, VenueSpec

if TYPE_CHECKING:
    from ferrofeed.config import VenueConfig
    from ferrofeed.spec import Dialect


@dataclass(frozen=True)
class StubDialect:
    """What the configuration needs of a dialect: spellings, and a URL that may hold the key."""

    key_in_url: bool = False

    def url(self, config: VenueConfig, now_ms: int, /) -> str:
        if not self.key_in_url or config.api_key is None:
            return config.url
        return f"{config.url}&apikey={config.api_key.reveal()}&at={now_ms}"

    def raw_symbol(self, symbol: str, /) -> str:
        if symbol.count("/") > 1:
            raise ValueError("more than one slash")
        return symbol.replace("/", "")


def _spec(name: str, channels: str, url: str, credentials: tuple[str, ...], **more: Any) -> VenueSpec:
    dialect = cast("Dialect", StubDialect(key_in_url=name == "infoway"))
    return VenueSpec(name, dialect, frozenset(channels.split()), url, credentials, **more)


@pytest.fixture(scope="session")
def specs() -> Mapping[str, VenueSpec]:
    return {
        "ziario": _spec(
            "ziario",
            "quote",
            "wss://ziario.com/ws",
            ("api_key", "api_secret"),
            heartbeat=Heartbeat(interval_s=20, websocket=True),
        ),
        "itick": _spec(
            "itick",
            "quote depth trade bar:1m bar:5m",
            "wss://api.itick.org/cws",
            ("api_key",),
            limits=Limits(connections_per_key=1, topics_per_connection=6),
            stale_after_s={"depth": 10.0, "bar": 120.0},
        ),
        "infoway": _spec(
            "infoway",
            "trade depth bar:1m",
            "wss://data.infoway.io/ws?business=crypto",
            ("api_key",),
            limits=Limits(requests_per_minute=60),
            heartbeat=Heartbeat(answered=False),
        ),
    }


@pytest.fixture
def load(specs: Mapping[str, VenueSpec], tmp_path: Path) -> Callable[[str], Config]:
    """Load TOML text as the file ``feed.toml`` of ``tmp_path``."""

    def load(text: str) -> Config:
        file = tmp_path / "feed.toml"
        file.write_text(text, encoding="utf-8")
        return Config.load(file, specs=specs)

    return load


@pytest.fixture
def complaints(load: Callable[[str], Config], tmp_path: Path) -> Callable[[str], list[str]]:
    """The lines of the :class:`ConfigError` that TOML text raises, without the name of the file."""

    def complaints(text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text)
        lines = str(caught.value).splitlines()
        prefix = f"{tmp_path / 'feed.toml'}: "
        assert all(line.startswith(prefix) for line in lines)
        return [line.removeprefix(prefix) for line in lines]

    return complaints
