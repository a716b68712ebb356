"""The order side of the configuration: what a file may say, what is refused in which words, what it comes to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from ferrofeed.commands.check import check
from ferrofeed.config import Config, ConfigError, OrdersConfig, RiskConfig, Secret, TradeConfig, VenueConfig
from ferrofeed.spec import VenueSpec

Load = Callable[[str], Config]
Complaints = Callable[[str], list[str]]
Specs = Mapping[str, VenueSpec]

MARKET = """
[[venue]]
id = "market"
kind = "itick"
api_key = "plain:token-of-itick"
url = "ws://127.0.0.1:8765/cws"
[[venue.subscribe]]
symbols = ["BTC/USDT", "ETH/USDT"]
channels = ["depth"]
"""
ORDERS = """
[orders]
journal = "state/orders"
"""
PAPER = """
[[venue]]
id = "paper"
kind = "paper"
market = "market"
balances = {USDT = "100000", ETH = 5}
"""
TRADE = """
[[venue.trade]]
symbols = ["ETH/USDT"]
tick = "0.01"
lot = "0.001"
"""
COINCERES = """
[[venue]]
id = "cc"
kind = "coinceres"
url = "ws://127.0.0.1:19001"
api_key = "plain:key-of-coinceres"
api_secret = "plain:secret-of-coinceres"
exchange = "BINANCE"
[venue.risk]
max_notional = "1000"
max_position = 3
"""
QUANTAPI = """
[[venue]]
id = "qa"
kind = "quantapi"
url = "ws://127.0.0.1:9878/ws/v1"
api_key = "plain:key-of-quantapi"
api_secret = "plain:secret-of-quantapi"
platform = "TEST"
risk = {max_quantity = 1, max_position = 3}
"""
REAL_TRADE = """
[[venue.trade]]
symbols = ["ETH/USDT"]
"""


def paper(trade: str = TRADE, orders: str = ORDERS, venue: str = PAPER) -> str:
    return orders + MARKET + venue + trade


def test_a_paper_venue(load: Load, tmp_path: Path) -> None:
    config = load(paper())
    assert config.warnings == ()
    assert config.orders == OrdersConfig(journal=tmp_path / "state/orders")
    assert config.orders.kill_path == tmp_path / "state/orders/KILL"
    (venue,) = config.trading
    assert venue.trades
    assert not config.venue("market").trades
    assert venue.balances == {"USDT": Decimal(100000), "ETH": Decimal(5)}
    assert venue.trade == (TradeConfig(("ETH/USDT",), reference="market", tick=Decimal("0.01"), lot=Decimal("0.001")),)


def test_only_trading_venues(load: Load) -> None:
    config = load(f"{ORDERS}{COINCERES}{REAL_TRADE}{QUANTAPI}{REAL_TRADE}")
    assert config.warnings == ()
    assert [venue.id for venue in config.trading] == ["cc", "qa"]
    assert config.venue("cc").risk == RiskConfig(max_notional=Decimal(1000), max_position=Decimal(3))


def test_the_narrower_limit_goes_first_key_by_key(load: Load) -> None:
    orders = f'{ORDERS}[orders.risk]\nmax_quantity = 5\nmax_position = "50"\nwindow_s = 2\n'
    venue = f'{PAPER}[venue.risk]\nmax_quantity = "4"\norders_per_window = 20\n'
    trade = f'{TRADE}[venue.trade.risk]\nmax_quantity = "0.5"\ncollar_bps = 100\n'
    config = load(paper(trade, orders, venue))
    (desk,) = config.trading
    assert config.limits(desk, desk.trade[0]) == RiskConfig(
        max_quantity=Decimal("0.5"), max_position=Decimal(50), window_s=2.0, orders_per_window=20, collar_bps=100
    )
    assert config.limits(desk).max_quantity == Decimal(4)


def test_it_equals_what_code_builds(load: Load, specs: Specs, tmp_path: Path) -> None:
    built = Config(
        orders=OrdersConfig(journal=tmp_path / "state/orders", risk=RiskConfig(max_quantity=Decimal("1.5"))),
        venues=[
            VenueConfig(
                "cc",
                "coinceres",
                url="ws://127.0.0.1:19001",
                api_key=Secret("key-of-coinceres"),
                api_secret=Secret("secret-of-coinceres"),
                exchange="BINANCE",
                risk=RiskConfig(max_notional=Decimal(1000), max_position=Decimal(3)),
                trade=[TradeConfig(["ETH/USDT"])],
            ),
            VenueConfig(
                "p",
                "paper",
                balances={"USDT": Decimal("0.5")},
                latency_us=(5, 9),
                trade=[TradeConfig(["ETH/USDT"], tick=Decimal("0.1"), lot=Decimal(1))],
            ),
        ],
        specs=specs,
    )
    read = load(
        f"{ORDERS}[orders.risk]\nmax_quantity = '1.50'\n{COINCERES}{REAL_TRADE}"
        '[[venue]]\nid = "p"\nkind = "paper"\nbalances = {USDT = "0.5"}\nlatency_us = [5, 9]\n'
        '[[venue.trade]]\nsymbols = ["ETH/USDT"]\ntick = "0.10"\nlot = 1\n'
    )
    assert (built.orders, built.venues) == (read.orders, read.venues)
    assert replace(built, specs=specs).venues == built.venues


EXACT = 'expected a number of at most 18 digits, above 0, as text: "0.01"'
CASES: list[tuple[str, list[str]]] = [
    (
        paper(orders=""),
        ['orders.journal: missing, expected the folder of the journal, such as "state/orders": a venue trades'],
    ),
    (paper(orders="[orders]\njournal = 3\n"), ['orders.journal: found 3, expected a path such as "state/orders"']),
    (
        paper(orders=f'{ORDERS}fsync = "alwys"\n'),
        ['orders.fsync: found "alwys", expected one of "off", "batched", "always"; did you mean "always"?'],
    ),
    (
        paper(orders=f'{ORDERS}client_prefix = "FERRO-"\n'),
        ['orders.client_prefix: found "FERRO-", expected 1 to 8 small letters and digits'],
    ),
    (
        paper(TRADE.replace('tick = "0.01"', "tick = 0.01")),
        [f'venue[1].trade[0].tick: found 0.01, a TOML float, which is not exact, {EXACT}; did you mean "0.01"?'],
    ),
    (paper(TRADE.replace('tick = "0.01"', 'tick = "0"')), [f'venue[1].trade[0].tick: found "0", {EXACT}']),
    (paper(TRADE.replace('tick = "0.01"', 'tick = "-1"')), [f'venue[1].trade[0].tick: found "-1", {EXACT}']),
    (paper(TRADE.replace('tick = "0.01"', 'tick = "NaN"')), [f'venue[1].trade[0].tick: found "NaN", {EXACT}']),
    (paper(TRADE.replace('tick = "0.01"', 'tick = "1e-2"')), [f'venue[1].trade[0].tick: found "1e-2", {EXACT}']),
    (
        paper(TRADE.replace('lot = "0.001"', "")),
        ['venue[1].trade[0].lot: missing, expected the step of sizes, as text: "0.001"'],
    ),
    (
        paper(TRADE.replace('"0.01"', '"0.0000000001"').replace('"0.001"', '"0.000000001"')),
        [
            "venue[1].trade[0].lot: found 0.0000000001 and 0.000000001, "
            "expected tick and lot with at most 18 digits after the point together"
        ],
    ),
    (
        paper(f'{TRADE}min_size = "0.0015"\n'),
        ["venue[1].trade[0].min_size: found 0.0015, expected a multiple of the lot, 0.001"],
    ),
    (
        paper(f"{TRADE}leverage = 5\n"),
        ['venue[1].trade[0].leverage: found 5 for spot, expected 1, or product = "contract"'],
    ),
    (
        paper(TRADE.replace("ETH/USDT", "ETHUSDT"), venue=PAPER.replace('market = "market"', "")),
        ['venue[1].trade[0].symbols[0]: found "ETHUSDT", expected a symbol such as "ETH/USDT"'],
    ),
    (
        paper(TRADE + TRADE),
        ['venue[1].trade[1].symbols[0]: found "ETH/USDT" again, expected a symbol that trade[0].symbols[0] isn\'t'],
    ),
    (
        paper(venue=PAPER.replace('"market"', '"markt"')),
        [
            'venue[1].market: found "markt", expected the id of a venue with market data, "market"; '
            'did you mean "market"?'
        ],
    ),
    (
        paper(TRADE.replace("ETH/USDT", "SOL/USDT")),
        [
            'venue[1].market: found "market", which doesn\'t subscribe depth of "SOL/USDT", '
            "expected a venue that brings the books of every symbol here"
        ],
    ),
    (
        paper(f"{TRADE}risk = {{collar_bps = 100}}\n", venue=PAPER.replace('market = "market"', "")),
        [
            "venue[1].trade[0].reference: missing with collar_bps: every order would be refused, expected the id of a "
            'venue whose book the collar looks at, or collar_without_book = "allow"'
        ],
    ),
    (
        paper(f"{TRADE}risk = {{window_s = 1}}\n"),
        [
            "venue[1].trade[0].risk.window_s: unknown key, expected "
            'one of "max_quantity", "max_notional", "collar_bps", "collar_max_age_s", "collar_without_book", '
            '"max_position", "max_open_orders_per_symbol", "duplicate_window_s"; did you mean "duplicate_window_s"?'
        ],
    ),
    (
        paper(venue=f"{PAPER}risk = {{orders_per_window = 5, cancel_reserve = 5}}\n"),
        ["venue[1].risk.cancel_reserve: found 5, expected less than orders_per_window, which is 5"],
    ),
    (
        paper(venue=f"{PAPER}latency_us = [9, 5]\n"),
        [
            "venue[1].latency_us: found an array, expected an integer from 0 to 60000000 (microseconds), "
            "or two of them: [least, most]"
        ],
    ),
    (
        paper(venue=f'{PAPER}url = "ws://h/"\n'),
        [
            'venue[1].url: unknown key, expected one of "id", "kind", "market", "seed", "maker_ppm", "taker_ppm", '
            '"latency_us", "reject_ppm", "balances", "restart", "trade", "risk"'
        ],
    ),
    (
        ORDERS + COINCERES.replace('exchange = "BINANCE"', "") + REAL_TRADE,
        ['venue[0].exchange: missing, expected the exchange behind it, such as "BINANCE"'],
    ),
    (
        ORDERS + COINCERES.replace('api_secret = "plain:secret-of-coinceres"', "") + REAL_TRADE,
        ['venue[0].api_secret: missing, expected "env:NAME", "file:/path" or "credential:NAME"'],
    ),
    (
        ORDERS + QUANTAPI + REAL_TRADE + QUANTAPI.replace('"qa"', '"qb"') + REAL_TRADE,
        ["venue[1].api_key: found the login of venue[0] again, expected one [[venue]] for each login"],
    ),
    (
        f'{ORDERS}{QUANTAPI}{REAL_TRADE}[[instrument]]\nvenue = "qa"\nsymbol = "ETH/USDT"\nprice_scale = 12\n',
        [
            "instrument[0]: found price_scale 12 and size_scale 8, "
            "expected at most 18 digits together where orders are placed"
        ],
    ),
    (
        f'{paper()}[[instrument]]\nvenue = "paper"\nsymbol = "ETH/USDT"\nprice_scale = 2\n',
        ["instrument[0]: found scales for a paper venue, expected none: there they are the digits of tick and lot"],
    ),
    (
        f"{MARKET}exchange = 'X'\n".replace(
            'channels = ["depth"]\nexchange', 'channels = ["depth"]\n[[venue]]\nexchange'
        ),
        [
            'venue[1].exchange: unknown key, expected one of "id", "kind", "url", "api_key", "api_secret", "tls_ca", '
            '"connections", "requests_per_minute", "heartbeat_interval_s", "stale_after_s", "subscribe"',
            'venue[1].id: missing, expected a label such as "itick-crypto"',
            "venue[1].kind: missing, expected a kind of venue",
        ],
    ),
]


@pytest.mark.parametrize(("text", "lines"), CASES, ids=[lines[0].partition(":")[0] for _, lines in CASES])
def test_mistakes_and_their_words(complaints: Complaints, text: str, lines: list[str]) -> None:
    assert complaints(text) == lines


def test_every_problem_is_told_at_once(complaints: Complaints) -> None:
    text = paper(
        TRADE.replace('"0.01"', "0.5"),
        orders="[orders]\nttl_s = 0\nfsync = 1\n",
        venue=PAPER.replace('"100000"', "1.5"),
    )
    assert [line.partition(": ")[0] for line in complaints(text)] == [
        "venue[1].balances.USDT",
        "venue[1].trade[0].tick",
        "orders.ttl_s",
        "orders.fsync",
        "orders.journal",
    ]


def test_what_works_and_is_probably_not_meant(load: Load) -> None:
    def warned(text: str) -> list[str]:
        return [f"{warning.path}: {warning.found}" for warning in load(text).warnings]

    assert warned(ORDERS + MARKET) == ["orders: no venue trades"]
    assert warned(paper("")) == ["venue[1].trade: missing"]
    bare = QUANTAPI.replace("risk = {max_quantity = 1, max_position = 3}", "")
    assert warned(ORDERS + bare + REAL_TRADE) == [
        "venue[0].trade[0].risk: no limit of an order's size",
        "venue[0].trade[0].risk: no limit of the position",
    ]
    assert warned(f'{paper()}[[instrument]]\nvenue = "market"\nsymbol = "SOL/USDT"\n') == [
        'instrument[0].symbol: "SOL/USDT" is not subscribed at "market"'
    ]


def test_a_float_is_refused_from_code_too(specs: Specs, tmp_path: Path) -> None:
    trade = TradeConfig(["ETH/USDT"], tick=cast("Decimal", 0.01), lot=Decimal(1))
    with pytest.raises(ConfigError, match="a TOML float, which is not exact"):
        Config(orders=OrdersConfig(tmp_path), venues=[VenueConfig("p", "paper", trade=[trade])], specs=specs)


GOLDEN = """\
service
  metrics      http://127.0.0.1:9464/metrics (also /healthz, /readyz)
  logs         info and above, text, on standard error
  quarantine   100 messages
  process      collector frozen after start
  loop         on any CPU, TCP_NODELAY

venue market (itick)
  url          ws://127.0.0.1:8765/cws
  credentials  api_key from plain text in the configuration
  connections  1 (at most 1 per key)
  limits       any number of requests, 100 topics a request, frames up to 1,048,576 bytes
  heartbeat    message every 30 s, answered within 10 s
  stale after  depth 10 s
  topics       2 (at most 6 per connection)
    BTC/USDT  as BTCUSDT  depth
    ETH/USDT  as ETHUSDT  depth

orders
  journal      FOLDER/state/orders
  fsync        batched every 10 ms
  segments     64 MB, 16 kept
  kill file    FOLDER/state/orders/KILL
  commands     live 2 s, answered within 5 s
  on stop      live orders stay
  events       65,536 for each consumer

venue paper (paper, trades)
  market       market
  fees         maker 200 ppm, taker 500 ppm
  latency      0 us
  balances     100000 USDT, 5 ETH
  limits       none
    ETH/USDT  as ETH/USDT  spot tick 0.01 lot 0.001
      collar on  market
      limits     none

venue cc (coinceres, trades)
  url          ws://127.0.0.1:19001?api_key=***&sign=***
  credentials  api_key from plain text in the configuration, api_secret from plain text in the configuration
  behind it    BINANCE
  heartbeat    every 50 s
  asked        every 1 s for live orders
  limits       none
    ETH/USDT  as ETH_USDT  spot
      collar on  -
      limits     max_notional 1000, max_position 3

FOLDER/feed.toml: fine
"""


def test_the_plan(load: Load, specs: Specs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(paper() + COINCERES + REAL_TRADE)
    assert check(tmp_path / "feed.toml", specs, as_json=False) == 0
    out, err = capsys.readouterr()
    assert out.replace(str(tmp_path), "FOLDER") == GOLDEN
    assert err == ""
    check(tmp_path / "feed.toml", specs, as_json=True)
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert plan["orders"]["risk"] == {}
    assert plan["trading"][0]["balances"] == {"USDT": "100000", "ETH": "5"}
    assert plan["trading"][1]["trade"][0]["risk"] == {"max_notional": "1000", "max_position": "3"}


def test_no_secret_in_the_plan(load: Load, specs: Specs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(ORDERS + COINCERES + REAL_TRADE + QUANTAPI + REAL_TRADE)
    for as_json in (True, False):
        check(tmp_path / "feed.toml", specs, as_json=as_json)
    out, err = capsys.readouterr()
    for secret in ("key-of-coinceres", "secret-of-coinceres", "key-of-quantapi", "secret-of-quantapi"):
        assert secret not in out + err
