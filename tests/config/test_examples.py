"""What we ship to be copied works as it stands: example configurations, documentation, unit and scrape file agree."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ferrofeed.config import Config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
EXAMPLES = sorted(DEPLOY.glob("*.toml"))
UNIT = (DEPLOY / "ferrofeed.service").read_text()
LOADED = dict(re.findall(r"^LoadCredential=([\w-]+):(\S+)$", UNIT, re.MULTILINE))
DOCUMENTED = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(), re.DOTALL)


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that systemd would make for the unit."""
    for name in LOADED:
        (tmp_path / name).write_text(f"value-of-{name}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("ITICK_TOKEN", "value-of-itick")
    for owner in ("COINCERES", "QUANTAPI", "MAKER", "WATCH"):
        for name in (f"{owner}_KEY", f"{owner}_SECRET"):
            monkeypatch.setenv(name, f"value-of-{name}")


def test_there_are_examples() -> None:
    assert {file.name for file in EXAMPLES} >= {"ferrofeed.toml", "simulators.toml"}
    assert len(DOCUMENTED) == 3
    assert len(LOADED) == 4


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_accepted_without_a_warning(file: Path) -> None:
    config = Config.load(file)
    assert config.warnings == ()
    assert {venue.kind for venue in config.venues} >= {"itick"}
    assert all(list(venue.topics()) for venue in config.venues if not venue.trades)
    assert all(venue.trade for venue in config.trading)


@pytest.mark.usefixtures("credentials")
def test_the_documented_configuration_is_accepted() -> None:
    config = Config.from_dict(tomllib.loads(DOCUMENTED[0]))
    assert config.warnings == ()


@pytest.mark.usefixtures("credentials")
def test_the_documented_order_side_is_accepted() -> None:
    """It goes behind the market data of the first."""
    config = Config.from_dict(tomllib.loads(DOCUMENTED[0] + DOCUMENTED[1]))
    assert [venue.kind for venue in config.trading] == ["coinceres", "quantapi", "paper"]
    assert {warning.path for warning in config.warnings} == {"venue[1].url"}  # CoinCeres has no TLS


@pytest.mark.usefixtures("credentials")
def test_the_documented_gateway_is_accepted() -> None:
    """It goes behind both."""
    config = Config.from_dict(tomllib.loads("".join(DOCUMENTED)))
    assert config.gateway is not None
    assert [client.id for client in config.gateway.client] == ["maker-1", "watch"]
    assert {warning.path for warning in config.warnings} == {"venue[1].url"}


def test_every_key_that_exists_is_documented() -> None:
    from ferrofeed.config import load, read_gateway, read_trading

    text = (ROOT / "docs" / "configuration.md").read_text()
    market = (load._SERVICE, load._LOOP, load._VENUE, load._SUBSCRIBE, load._INSTRUMENT)
    gateway = (read_gateway.GATEWAY, read_gateway._CLIENT)
    orders = (read_trading.ORDERS, read_trading.RISK, read_trading.PAPER_TRADE, *read_trading.VENUES.values())
    tables = (*market, *orders, *gateway)
    for key in {key for table in tables for key in table}:
        assert re.search(rf"\b{key}\b", text), key


@pytest.mark.usefixtures("credentials")
def test_the_unit_loads_the_credentials_that_the_configuration_names() -> None:
    config = Config.load(DEPLOY / "ferrofeed.toml")
    secrets = [secret for venue in config.venues for secret in (venue.api_key, venue.api_secret) if secret is not None]
    assert {secret.source.removeprefix("credential:") for secret in secrets} == set(LOADED)
    readme = (DEPLOY / "README.md").read_text()
    assert f"for name in {' '.join(LOADED)}; do" in readme
    assert all(path == f"/etc/ferrofeed/credentials/{name}" for name, path in LOADED.items())


@pytest.mark.usefixtures("credentials")
def test_prometheus_scrapes_where_the_service_serves() -> None:
    config = Config.load(DEPLOY / "ferrofeed.toml")
    assert f'targets: ["{config.service.metrics}"]' in (DEPLOY / "prometheus.yml").read_text()


@pytest.mark.usefixtures("credentials")
def test_the_order_side_of_the_services_configuration_works_once_it_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market, orders = (DEPLOY / "ferrofeed.toml").read_text().split("# --- Orders", 1)
    # what stands behind the remark, without the marks
    marked = [line for line in orders.splitlines()[1:] if not line.startswith("# ---")]
    assert all(line.startswith("#") for line in marked)
    (tmp_path / "ferrofeed.toml").write_text(market + "\n".join(line[1:].strip() for line in marked))
    optional = dict(re.findall(r"^#LoadCredential=([\w-]+):(\S+)$", UNIT, re.MULTILINE))
    for name in optional:
        (tmp_path / name).write_text("value\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = Config.load(tmp_path / "ferrofeed.toml")
    (venue,) = config.trading
    named = {secret.source for secret in (venue.api_key, venue.api_secret) if secret is not None}
    assert named == {f"credential:{name}" for name in optional}
    assert [warning.path for warning in config.warnings] == ["venue[3].url"]  # CoinCeres has no TLS
    folder = re.search(r"^StateDirectory=(\S+)$", UNIT, re.MULTILINE)
    assert folder is not None
    assert config.orders.journal == Path("/var/lib") / folder[1] / "orders"


def test_alerts_ask_for_metrics_that_exist_and_each_has_its_remedy() -> None:
    text = (DEPLOY / "alerts.yml").read_text()
    assert "- alerts.yml" in (DEPLOY / "prometheus.yml").read_text()
    known = set(re.findall(r"^\| `(ferrofeed_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    asked = {name for line in re.findall(r"expr: (.*)", text) for name in re.findall(r"ferrofeed_\w+", line)}
    assert asked
    assert asked <= known
    alerts = re.findall(r"- alert: (\w+)", text)
    remedies = re.findall(r"^\| `(Ferrofeed\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert sorted(alerts) == sorted(remedies)
    assert len(alerts) == len(set(alerts)) == text.count("expr: ") == text.count("summary: ")


def test_the_unit_does_not_restart_what_only_an_operator_can_mend() -> None:
    settings = dict(line.split("=", 1) for line in UNIT.splitlines() if "=" in line and not line.startswith("#"))
    assert settings["Restart"] == "on-failure"
    assert settings["RestartPreventExitStatus"] == "2"
    assert settings["TimeoutStopSec"] == "5"
    assert (settings["DynamicUser"], settings["NoNewPrivileges"], settings["ProtectSystem"]) == ("yes", "yes", "strict")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze: `make debian` installs it")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "ferrofeed.service"
    text = UNIT.replace("/opt/ferrofeed/venv/bin/ferrofeed", sys.executable)  # it must be there to be verified
    unit.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "ferrofeed" in line]) == (0, [])
