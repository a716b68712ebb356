"""iTick's server side, statement by statement of the venue page."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed.sim.instruments import instruments_for
from ferrofeed.sim.itick import ItickSession, ItickVenue
from ferrofeed.sim.market import Market, State
from ferrofeed.sim.protocol import NS, Action, Close, Drop, Options, Refuse, Request, Send

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_731_690_011_321 * 1_000_000
TOKEN = "a5ca43ba1847ac9259ae290c8"
HELLO = b'{"code":1,"msg":"Connected Successfully"}'
FAILED = b'{"code":0,"resAc":"auth","msg":"auth failed"}'
UNRESOLVED = b'{"code":0,"resAc":"subscribe","msg":"cannot be resolved action"}'
SUBSCRIBED = b'{"code":1,"resAc":"subscribe","msg":"subscribe Successfully"}'
LIMIT = b'{"code":0,"resAc":"subscribe","msg":"exceeding the maximum subscription limit"}'


def venue(**options: Any) -> ItickVenue:
    market = Market(1, instruments_for(["ETH/USDT", "BTC/USDT", "AAPL.US", "EURUSD"]), start_ms=NOW // 1_000_000)
    return ItickVenue(market, Options(keys={TOKEN: ""}, **options))


def texts(actions: Sequence[Action]) -> list[bytes]:
    return [action.payload for action in actions if isinstance(action, Send)]


def opened(v: ItickVenue, path: str = "/cws", token: str | None = TOKEN) -> tuple[ItickSession, Sequence[Action]]:
    session = v.session()
    return session, session.opened(Request.parse(path, {"Token": token} if token is not None else {}), NOW)


def ask(session: ItickSession, message: object) -> Sequence[Action]:
    return session.received(message if isinstance(message, bytes) else json.dumps(message).encode(), NOW)


def stepped(v: ItickVenue, symbol: str) -> State:
    """Step until this instrument trades."""
    while True:
        state = v.market.step()
        if state.instrument.symbol == symbol and state.trade is not None:
            return state


def test_two_frames_come_on_their_own_and_the_second_echoes_the_token() -> None:
    session, actions = opened(venue())
    echo = f'{{"code":1,"resAc":"auth","msg":"authenticated","data":{{"params":"{TOKEN}"}}}}'.encode()
    assert texts(actions) == [HELLO, echo]
    assert session.key == TOKEN
    # the current form has no echo
    assert texts(opened(venue(extended=True))[1])[1] == b'{"code":1,"resAc":"auth","msg":"authenticated"}'


@pytest.mark.parametrize("token", ["wrong", "", "é", TOKEN.upper()])
def test_a_refused_token_is_told_so_and_the_server_closes(token: str) -> None:
    session, actions = opened(venue(), token=token)
    assert texts(actions) == [HELLO, FAILED]
    assert actions[-1] == Close()
    assert session.key is None


def test_the_older_login_by_message() -> None:
    session, actions = opened(venue(), token=None)
    assert texts(actions) == [HELLO]
    assert b'"authenticated"' in texts(ask(session, {"ac": "auth", "params": TOKEN}))[0]
    assert session.key == TOKEN
    session, _ = opened(venue(), token=None)
    assert ask(session, {"ac": "auth", "params": "wrong"}) == [Send(FAILED, "nack"), Close()]
    session, _ = opened(venue(), token=None)
    assert ask(session, {"ac": "subscribe", "params": "ETHUSDT", "types": "quote"})[-1] == Close()
    session, _ = opened(venue(auth_timeout_s=5), token=None)
    assert session.tick(NOW + 4 * NS) == []
    assert session.tick(NOW + 6 * NS)[-1] == Close()


def test_a_second_connection_of_a_key_drops_the_first() -> None:
    v = venue()
    first, _ = opened(v)
    second, actions = opened(v)
    assert [action.session for action in actions if isinstance(action, Drop)] == [first]
    first.closed(NOW)
    third, actions = opened(v)
    # the first one's end must not free the place of the second
    assert [action.session for action in actions if isinstance(action, Drop)] == [second]
    third.closed(NOW)
    assert not [action for action in opened(v)[1] if isinstance(action, Drop)]


def test_clusters_are_apart() -> None:
    v = venue()
    opened(v, "/cws")
    assert not [action for action in opened(v, "/stock")[1] if isinstance(action, Drop)]
    assert [action for action in opened(v, "/crypto")[1] if isinstance(action, Drop)], (
        "/cws and /crypto are one cluster"
    )
    for path in ("/sws", "/fws", "/forex", "/iws", "/indices"):
        assert texts(opened(venue(), path)[1])[0] == HELLO
    assert opened(v, "/other")[1] == [Refuse(404)]
    session, _ = opened(venue(), "/forex")
    ask(session, {"ac": "subscribe", "params": "EURUSD,ETHUSDT", "types": "quote"})
    assert list(session.topics) == [("quote", "EURUSD"), ("quote", "?ETHUSDT")]


def test_subscriptions() -> None:
    session, _ = opened(venue())
    assert texts(ask(session, {"ac": "subscribe", "params": "BTCUSDT,ETHUSDT", "types": "quote"})) == [SUBSCRIBED]
    ask(session, {"ac": "subscribe", "params": "BTCUSDT$BA", "types": "depth,tick,kline@1,kline@10"})
    assert list(session.topics) == [
        ("quote", "BTC/USDT"),
        ("quote", "ETH/USDT"),
        ("depth", "BTC/USDT"),
        ("trade", "BTC/USDT"),
        ("bar:1m", "BTC/USDT"),
        ("bar:1M", "BTC/USDT"),
    ]
    assert (
        b"unsubscribe Successfully"
        in texts(ask(session, {"ac": "unsubscribe", "params": "BTCUSDT", "types": "quote,tick,kline@1,kline@10"}))[0]
    )
    assert list(session.topics) == [("quote", "ETH/USDT"), ("depth", "BTC/USDT")]


def test_the_plans_limit_refuses_the_whole_request_and_counts_a_topic_once() -> None:
    session, _ = opened(venue(max_subscriptions=2))
    assert texts(ask(session, {"ac": "subscribe", "params": "BTCUSDT", "types": "quote,depth"})) == [SUBSCRIBED]
    assert ask(session, {"ac": "subscribe", "params": "ETHUSDT", "types": "quote"}) == [Send(LIMIT, "nack")]
    assert texts(ask(session, {"ac": "subscribe", "params": "BTCUSDT", "types": "quote"})) == [SUBSCRIBED]
    assert len(session.topics) == 2


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"nonsense",
        b"[1]",
        b"\xff\xfe",
        {},
        {"ac": "dance"},
        {"ac": 1},
        {"ac": "subscribe"},
        {"ac": "subscribe", "params": "ETHUSDT"},
        {"ac": "subscribe", "params": "", "types": "quote"},
        {"ac": "subscribe", "params": ["ETHUSDT"], "types": "quote"},
        {"ac": "subscribe", "params": "ETHUSDT", "types": "news"},
        {"ac": "subscribe", "params": "ETHUSDT", "types": "quote,kline@11"},
        {"ac": "ping", "params": 1731688569840},
    ],
)
def test_bad_requests_cannot_be_resolved(message: object) -> None:
    session, _ = opened(venue())
    assert ask(session, message) == [Send(UNRESOLVED, "nack")]
    assert not session.topics


def test_a_pong_echoes_its_ping() -> None:
    session, _ = opened(venue())
    (pong,) = texts(ask(session, {"ac": "ping", "params": "1731688569840"}))
    assert pong == b'{"resAc":"pong","data":{"params":"1731688569840"}}'


def test_a_quote_is_as_printed() -> None:
    v = venue()
    state = stepped(v, "ETH/USDT")
    text = v.render("quote", state, state.trade)
    assert text is not None
    number = rb"(\d+(?:\.\d*[1-9])?)"
    match = re.fullmatch(
        rb'\{"code":1,"data":\{"s":"ETH_USDT","ld":%b,"t":(\d{13}),"v":%b,"tu":%b,"ts":0,"type":"quote"\}\}'
        % (number, number, number),
        text,
    )
    assert match is not None, text
    price, ts_ms, size, turnover = match.groups()
    assert state.trade is not None
    assert Decimal(price.decode()) == Decimal(state.trade.price) / 100
    assert Decimal(turnover.decode()) == Decimal(price.decode()) * Decimal(size.decode())
    assert int(ts_ms) == state.trade.ts_ms
    assert v.render("quote", state, None) is None


def test_the_extended_quote_has_the_days_prices_and_depth_its_time() -> None:
    v = venue(extended=True)
    state = stepped(v, "ETH/USDT")
    quote = json.loads(v.render("quote", state, state.trade) or b"", parse_float=str, parse_int=str)["data"]
    day, text = state.bars.day(), state.instrument.price_numbers
    assert (quote["o"], quote["h"], quote["l"]) == (text[day.open], text[day.high], text[day.low])
    assert json.loads(v.render("depth", state, None) or b"")["data"]["t"] == state.ts_ms


def test_depth_is_as_printed_and_equals_the_book() -> None:
    v = venue()
    for _ in range(300):
        state = v.market.step()
        text = v.render("depth", state, state.trade)
        assert text is not None
        message = json.loads(text, parse_float=str, parse_int=str)
        assert list(message) == ["code", "data"]
        assert list(message["data"]) == ["s", "a", "b", "type"], "no time stamp"
        assert message["data"]["type"] == "depth"
        bids, asks = v.market.book_text(state.instrument.symbol)
        for side, levels in (("a", asks), ("b", bids)):
            assert message["data"][side] == [
                {"po": str(number), "p": price, "v": size, "o": size} for number, (price, size) in enumerate(levels, 1)
            ]


def test_a_bar_has_code_0_no_type_and_the_trades_numbers() -> None:
    v = venue()
    for _ in range(50):
        state = stepped(v, "ETH/USDT")
    text = v.render("bar:5m", state, state.trade)
    assert text is not None
    assert text.startswith(b'{"code":0,"msg":null,"data":{"s":"ETH_USDT","t":2,"k":{"tu":')
    message = json.loads(text, parse_float=str, parse_int=str)
    assert "type" not in message["data"]
    bar, inst = v.market.bar("ETH/USDT", "5m"), state.instrument
    assert bar is not None
    assert message["data"]["k"] == {
        "tu": inst.turnover_text(bar.turnover),
        "c": inst.price_numbers[bar.close],
        "t": str(bar.open_ms),
        "v": inst.sizes[bar.volume],
        "h": inst.price_numbers[bar.high],
        "l": inst.price_numbers[bar.low],
        "o": inst.price_numbers[bar.open],
    }
    assert v.render("bar:5m", state, None) is None


def test_a_tick_is_as_printed_and_stocks_keep_their_spelling() -> None:
    v = venue()
    state = stepped(v, "AAPL.US")
    assert state.trade is not None
    v.clock_offset_ms = 5000
    assert json.loads(v.render("trade", state, state.trade) or b"", parse_float=Decimal) == {
        "code": 1,
        "data": {
            "s": "AAPL.US",
            "ld": Decimal(state.trade.price) / 100,
            "v": state.trade.size,
            "t": state.trade.ts_ms + 5000,
            "type": "tick",
        },
    }


def test_logins_may_be_refused_by_fault() -> None:
    v = venue()
    v.refuse_login = lambda: True
    assert texts(opened(v)[1]) == [HELLO, FAILED]
