"""The console's own behaviour, before a simulated gateway that does what a good one seldom does."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tests.gateway.chromium import Page
from tests.gateway.desk import SYMBOLS, Desk, gateway

STALE = "document.body.dataset.link === 'lost'"
BOOK: dict[str, object] = {
    "bids": [["44999.50", "0.25"], ["44999.10", "1.5"]],
    "asks": [["45000.5", "0.125"]],
    "depth": 2,
    "valid": True,
}


def test_typed_numbers_go_out_as_they_are(desk: Desk) -> None:
    desk.login()
    assert desk.order("40000.10", "0.00030").startswith("Taken: Buy 0.00030 BTC/USDT at 40000.10.")
    (text,) = desk.sim.sent("place_order")
    assert '"price":40000.10,"quantity":0.00030,' in text
    assert desk.sim.live()[0]["price"] == "40000.1"


def test_numbers_that_come_keep_every_digit(desk: Desk) -> None:
    desk.login()
    page = desk.page
    desk.sim.push({"op": "notify", "topic": "asset", "data": {"TINY": {"free": 0.5, "locked": 0, "total": 0}}})
    page.wait("document.querySelector('#assets').innerText.includes('TINY')")
    # no float, no double and no Number could say these
    exact = '{"free":12345678901234567890.123456789012345678,"locked":1e-8,"total":-0.1000}'
    desk.sim.push_text(f'{{"op":"notify","topic":"asset","token":"TOKEN","data":{{"TINY":{exact}}}}}')
    page.wait("document.querySelector('#assets').innerText.includes('0.00000001')")
    cells = page.js(
        "[...[...document.querySelectorAll('#assets tr')].find(row => row.cells[0].textContent === 'TINY').cells]"
        ".map(cell => cell.textContent)"
    )
    assert cells == ["TINY", "12345678901234567890.123456789012345678", "0.00000001", "-0.1000"]


def test_the_book_sums_exactly_and_says_when_it_is_broken(desk: Desk) -> None:
    desk.login()
    page = desk.page
    sizes = [["45000.5", "0.1"], ["45000.6", "0.2"], ["45001", "0.000000000000000001"]]
    desk.sim.event("depth", **{**BOOK, "asks": sizes})
    page.wait("document.querySelectorAll('#book .asks tr').length === 3")
    totals = page.js("[...document.querySelectorAll('#book .asks tr')].map(row => row.cells[2].textContent)")
    assert totals == ["0.300000000000000001", "0.300000000000000000", "0.100000000000000000"]  # the best is the lowest
    assert page.texts("#book .bids button") == ["44999.50", "44999.10"]
    assert page.text("#spread") == "spread 1.00"
    page.click("#book .bids tr:nth-child(2) button")
    assert page.js("document.querySelector('#ticket-price').value") == "44999.10"
    desk.sim.event("depth", **{**BOOK, "valid": False})
    page.wait("document.querySelector('#book-tag').textContent.startsWith('stale')")
    desk.sim.event("depth", **{**BOOK, "venue": "market"})
    page.wait("document.querySelector('#book-tag').textContent === ''")
    desk.sim.notify("status", venue="market", symbol="", state="disconnected", reason="connection_lost")
    page.wait("document.querySelector('#book-tag').textContent.startsWith('stale')")


def test_text_from_the_wire_is_never_markup(desk: Desk) -> None:
    bad = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    desk.login()
    page, sim = desk.page, desk.sim
    order = {
        "symbol": bad,
        "order_no": bad,
        "action": "BUY",
        "price": bad,
        "quantity": 1,
        "remain": 1,
        "status": "SUBMITTED",
        "order_type": bad,
        "ctime": 1,
        "utime": 1,
    }
    sim.notify("order", **order)
    sim.notify("order", **{**order, "order_no": f"{bad}2", "status": "FAILED"})
    fill = {"fill_no": bad, "side": bad, "liquidity": bad}
    sim.notify("fill", **{**order, **fill})
    sim.notify("position", symbol=bad, long_quantity=bad, short_quantity=1, short_margin=bad)
    sim.notify("asset", **{bad: {"free": bad, "locked": bad, "total": bad}})
    sim.event("ticker", last=bad, change=bad, volume=bad)
    sim.event("trade", price=bad, size=bad, side=bad)
    sim.event("bar", interval=bad, open=bad, high=bad, low=bad, close=bad)
    sim.event("depth", **{**BOOK, "bids": [[bad, bad]]})
    sim.status(kill=bad, mode=bad, kind=bad, latency={bad: {"count": 1, "p50_ns": bad, "p99_ns": 1}})
    sim.push({"op": "state", "code": 7, "msg": bad})
    sim.push({"op": "error", "error_message": bad})
    for box in ("orders", "fills", "assets", "trades", "messages", "facts", "latency"):
        page.wait(f"document.querySelector('#{box}').textContent.includes('<img')")
    page.wait("document.querySelector('#note-kill-text').textContent.includes('<img')")
    assert page.js("document.querySelectorAll('img').length") == 0
    assert page.js("document.querySelectorAll('script').length") == 2  # its own, and the JSON of the gateway
    assert "owned" not in page.js("document.title").replace(bad, "")
    assert page.problems == []


def test_rows_are_bounded(desk: Desk) -> None:
    desk.login()
    page = desk.page
    trade = {"symbol": "BTC/USDT", "size": "1", "side": "buy"}
    fill = {"symbol": "BTC/USDT", "order_no": "1", "side": "BUY", "price": 1, "quantity": 1, "liquidity": "TAKER"}
    for number in range(6):
        prices = [f"4500{number}.{cents:02}" for cents in range(90)]
        desk.sim.push(*[{"op": "notify", "topic": "trade", "data": {**trade, "price": price}} for price in prices])
        desk.sim.push(*[{"op": "notify", "topic": "fill", "data": {**fill, "fill_no": price}} for price in prices])
    page.wait("document.querySelector('#trades tr')?.cells[1].textContent === '45005.89'")
    page.wait("document.querySelector('#n-fills').textContent === '200 latest'")
    assert page.js("document.querySelectorAll('#trades tr').length") == 60
    assert page.js("document.querySelectorAll('#fills tr').length") == 200
    assert page.js("document.querySelectorAll('#messages li').length") == 200
    desk.sim.push({"op": "notify", "topic": "trade", "dropped": 7, "data": {**trade, "price": "1"}})
    page.wait("document.querySelector('#trades').textContent.includes('7 trades left out')")


def test_a_fill_that_is_told_twice_is_one(desk: Desk) -> None:
    desk.login()
    desk.sim.inject("fill_twice n=5")
    desk.page.click("#ticket input[value=MARKET]")
    assert desk.order("", "0.00001").startswith("Taken")
    desk.page.wait("document.querySelector('#n-past').textContent === '1'")
    desk.page.rest(0.3)
    assert desk.page.text("#n-fills") == "1"


def test_a_broken_line_makes_all_stale_and_comes_back(desk: Desk) -> None:
    desk.login()
    page = desk.page
    desk.order("40000", "0.001")
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    desk.sim.inject("restart mode=cancelled down=1.5")
    page.wait(STALE)
    assert page.shown("#note-link")
    assert page.texts(".tag[data-stale]")[0].startswith("as of ")
    page.wait("document.querySelector('#send').disabled && document.querySelector('#orders button').disabled")
    page.wait("document.title.startsWith('Disconnected')")
    page.wait(f"!({STALE})")
    assert not page.shown("#note-link")
    # what became of it nobody told: it is not shown as open, and nothing is claimed
    page.wait("document.querySelectorAll('#orders tr').length === 0")
    page.click("#tab-past")
    page.wait("document.querySelector('#orders tr')")
    assert "Ended, unknown how" in page.text("#orders")
    assert desk.order("40000", "0.002").startswith("Taken")


def test_an_order_whose_answer_is_lost_is_not_called_refused(desk: Desk) -> None:
    desk.login()
    desk.sim.inject("cut mode=place_done how=rst")
    said = desk.order("40000", "0.001")
    assert said.startswith("The connection ended before the answer. The request may have been carried out.")
    # and it was: it shows as soon as the line is back
    desk.page.wait("document.querySelectorAll('#orders tr').length === 1")
    assert len(desk.sim.sent("place_order")) == 1


def test_troubles_behind_the_gateway_are_told(desk: Desk) -> None:
    desk.login()
    page = desk.page
    desk.sim.inject("upstream mode=reconnect for=1.5")
    page.wait("document.querySelector('#st-state').textContent === 'Reconnecting to the venue'")
    page.wait("document.querySelector('#send').disabled")
    assert page.shown("#note-state")
    assert page.js(STALE)
    page.wait(f"!document.querySelector('#send').disabled && !({STALE})")
    assert not page.shown("#note-state")


def test_what_the_venue_would_refuse_is_not_sent(desk: Desk) -> None:
    desk.login()
    page = desk.page
    for price, quantity, said, where in [
        ("45000.001", "1", "The price must be a multiple of 0.01 (the tick).", "ticket-price"),
        ("45000", "0.000001", "The quantity must be a multiple of 0.00001 (the lot).", "ticket-qty"),
        ("45000", "-1", "The quantity must be a number with a decimal point, such as 12.5.", "ticket-qty"),
        ("45,000", "1", "The price must be a number with a decimal point, such as 12.5.", "ticket-price"),
        ("0", "1", "The price must be more than zero.", "ticket-price"),
        ("1e3", "1", "The price must be a number with a decimal point, such as 12.5.", "ticket-price"),
    ]:
        assert desk.order(price, quantity) == said
        assert page.focus() == where
        assert page.js(f"document.querySelector('#{where}').getAttribute('aria-invalid')") == "true"
    assert desk.sim.sent("place_order") == []
    desk.sim.inject("refuse op=place reason=no_more_today")
    assert desk.order("45000", "1") == "Not taken: no more today"


def test_the_side_of_a_contract_is_a_sign(desk: Desk) -> None:
    desk.login("huobi_future")
    page = desk.page
    # that it is a contract shows by its leverage
    page.wait("document.querySelectorAll('#sides input').length === 4")
    page.click("#ticket input[value=MARKET]")
    for index, said in enumerate(["Open long", "Open short", "Close long", "Close short"]):
        page.click(f"#sides input[value='{index}']")
        assert desk.order("", "0.001").startswith(f"Taken: {said} 0.001 BTC/USDT at market")
    sent = [json.loads(text) for text in desk.sim.sent("place_order")]
    assert [(entry["action"], entry["quantity"], entry["price"]) for entry in sent] == [
        ("BUY", 0.001, 0),
        ("SELL", -0.001, 0),
        ("SELL", 0.001, 0),
        ("BUY", -0.001, 0),
    ]
    page.wait("document.querySelectorAll('#fills tr').length === 4")
    sides = page.js("[...document.querySelectorAll('#fills tr')].map(row => row.cells[2].textContent)")
    assert sides == ["Close short", "Close long", "Open short", "Open long"]


def test_the_keyboard_alone_trades(desk: Desk) -> None:
    desk.begin()
    page = desk.page
    page.wait("!document.querySelector('#send').disabled && document.querySelectorAll('#rules dd').length")
    assert page.focus() == "ticket-qty"
    page.key("Escape")
    assert page.focus() == "BODY"
    page.key("?")
    assert page.shown("#help")
    page.key("Escape")
    assert not page.shown("#help")
    page.key("2")
    page.wait("document.querySelector('#ticket-symbol').textContent === 'ETH/USDT'")
    page.key("p")
    page.write("2000")
    page.key("ArrowUp")
    page.key("ArrowDown", shift=True)
    assert page.js("document.activeElement.value") == "1999.91"
    page.key("Escape")
    page.key("s")
    page.write("0.5")
    page.key("Escape")
    page.key("b")
    page.write("0.01")
    page.key("Enter")
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    (order,) = desk.sim.live()
    assert (order["symbol"], order["side"], order["price"]) == ("ETH/USDT", "buy", "1999.91")
    page.key("Escape")
    page.key("o")
    assert page.js("document.activeElement.getAttribute('aria-label')") == "Cancel: Buy 0.01 ETH/USDT at 1999.91"
    page.key("Enter")
    page.wait("document.querySelectorAll('#orders tr').length === 0")
    assert desk.sim.live() == []
    assert page.problems == []


def test_shortcuts_can_be_turned_off(desk: Desk) -> None:
    desk.login()
    page = desk.page
    page.key("Escape")
    page.key("?")
    page.click("#keys-on")
    page.key("Escape")
    page.key("k")
    page.rest(0.2)
    assert not page.shown("#kill")


def test_all_of_a_symbol_are_cancelled(desk: Desk) -> None:
    desk.login()
    page = desk.page
    for price in ("40000", "40001"):
        desk.order(price, "0.001")
    page.key("Escape")
    page.key("2")
    page.wait("document.querySelector('#ticket-symbol').textContent === 'ETH/USDT'")
    desk.order("2000", "0.01")
    page.wait("document.querySelectorAll('#orders tr').length === 3")
    page.key("Escape")
    page.key("1")
    page.key("x")
    assert page.focus() == "cancel-all"
    page.key("Enter")
    page.wait("document.querySelectorAll('#orders tr').length === 1")
    assert [order["symbol"] for order in desk.sim.live()] == ["ETH/USDT"]
    assert json.loads(desk.sim.sent("cancel_order")[0])["order_nos"] == []


def test_the_kill_switch_takes_two_steps(desk: Desk) -> None:
    desk.login()
    page, sim = desk.page, desk.sim
    page.wait("!document.querySelector('#kill-open').disabled")
    page.click("#kill-open")
    x, y = page.press_at("#kill-hold")
    page.release(x, y)  # too short
    page.fill("#kill-word", "KIL")
    page.key("Enter")
    assert page.text("#kill-error") == "Type KILL, or hold the button."
    assert sim.asked() == []
    page.fill("#kill-why", "a runaway strategy")
    page.press_at("#kill-hold")
    page.wait("!document.querySelector('#note-kill').hidden")
    page.release(x, y)
    assert [(entry["op"], entry["reason"]) for entry in sim.asked()] == [("kill", "a runaway strategy")]
    assert "a runaway strategy" in page.text("#note-kill")
    assert page.js("document.querySelector('#send').textContent") == "Kill switch is on"
    assert page.js("document.querySelector('#kill-open').disabled")
    page.click("#clear-open")
    page.key("Enter")
    assert page.text("#clear-error") == "Enter your name."
    page.write("Ann")
    page.key("Enter")
    page.wait("document.querySelector('#note-kill').hidden")
    assert [entry.get("who") for entry in sim.asked()] == [None, "Ann"]
    page.wait("!document.querySelector('#kill-open').disabled")
    page.click("#kill-open")
    page.fill("#kill-word", "kill")
    page.key("Enter")
    page.wait("!document.querySelector('#note-kill').hidden")
    assert [entry["op"] for entry in sim.asked()] == ["kill", "clear_kill", "kill"]


def test_who_may_only_read_sees_so(desk: Desk) -> None:
    desk.sim.status(permission="read")
    desk.begin()
    desk.page.wait("document.querySelector('#send').textContent === 'This login may only read'")
    assert desk.page.js("document.querySelector('#send').disabled")
    assert desk.page.js("document.querySelector('#kill-open').disabled")


def test_a_gateway_without_the_extensions_serves(desk: Desk) -> None:
    desk.sim.call(lambda sim: setattr(sim.venue, "extended", False))
    desk.login()
    page = desk.page
    page.wait("document.querySelector('#kill-open').title === 'This gateway has no kill switch'")
    assert desk.order("40000", "0.001").startswith("Taken")
    assert page.text("#messages").count("refused a message") == 0


def test_logins_that_fail_say_why(desk: Desk) -> None:
    page = desk.page
    desk.open()
    page.fill("#secret", "")
    page.key("Enter")
    assert page.text("#login-error") == "Enter the secret key."
    desk.begin(secret="wrong")
    page.wait("document.querySelector('#st-state').textContent === 'Trouble'")
    page.click("#logout")
    desk.login()
    other = page._browser.page()
    second = Desk(other, desk.sim)
    second.begin()
    other.wait("!document.querySelector('#login-error').hidden")
    assert other.text("#login-error").startswith("This access key is already logged in on this platform")
    assert other.focus() == "access"
    other.close()


def test_paper_offers_a_key_and_keeps_it(desk: Desk) -> None:
    desk.open()
    page = desk.page
    key = page.js("document.querySelector('#access').value")
    assert len(key) == len("console-") + 16
    desk.open()
    assert page.js("document.querySelector('#access').value") == key
    page.click("#new-key")
    assert page.js("document.querySelector('#access').value") != key
    # where clients are known, no key is made up, and none is kept
    desk.sim.call(lambda sim: sim.venue.about.update(clients=True))
    desk.open()
    assert page.js("document.querySelector('#access').value") == ""
    assert not page.shown("#new-key")
    page.fill("#access", "sim-key")
    page.fill("#secret", "sim-secret")
    page.key("Enter")
    page.wait("document.querySelector('#st-state').textContent === 'Ready'")
    kept = page.js("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie")
    assert "sim-key" not in kept
    assert "sim-secret" not in kept


def test_platforms_that_trade_money_ask_before_each_order(page: Page) -> None:
    with gateway(page) as sim:
        platform = {"name": "huobi", "venue": "huobi", "kind": "coinceres", "symbols": SYMBOLS, "market_data": False}
        sim.call(lambda simulator: simulator.venue.about.update(platforms=[platform]))
        sim.status(kind="coinceres")
        desk = Desk(page, sim)
        desk.login()
        assert page.text("#st-kind") == "LIVE"
        page.fill("#ticket-price", "40000")
        page.fill("#ticket-qty", "0.001")
        page.key("Enter")
        page.wait("document.querySelector('#sure').open")
        assert page.text("#sure-text") == "Buy 0.001 BTC/USDT at 40000, worth 40 USDT. Platform huobi."
        page.key("Escape")
        page.wait("!document.querySelector('#sure').open")
        assert sim.sent("place_order") == []
        page.click("#send")
        page.wait("document.querySelector('#sure').open")
        page.key("Enter")
        page.wait("document.querySelectorAll('#orders tr').length === 1")
        assert len(sim.sent("place_order")) == 1


def test_the_line_is_kept_alive(page: Page) -> None:
    with gateway(page, idle_s=9) as sim:
        desk = Desk(page, sim)
        desk.login()
        page.wait("document.querySelector('#st-link').textContent.includes('Connected, ')")
        assert sim.call(lambda simulator: simulator.stats.accepted) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_window_and_can_be_read(desk: Desk, scheme: str) -> None:
    desk.login()
    page = desk.page
    desk.order("40000", "0.001")
    # much of everything
    long = "1234567.12345678"
    ends = {"open": long, "high": long, "low": long}
    desk.sim.event("depth", **{**BOOK, "asks": [[long, long]] * 12})
    desk.sim.event("trade", price=long, size=long, side="buy")
    desk.sim.event("ticker", last=long, change=long, volume=f"{long}{long[-8:]}", turnover=f"9{long}", **ends)
    desk.sim.event("bar", interval="1m", close=long, **ends)
    desk.sim.notify("asset", USDT={"free": Decimal(f"9{long}"), "locked": Decimal(long), "total": Decimal(f"9{long}")})
    desk.sim.status(kill="a reason of many words, or " + "without-any-room-to-break-" * 4)
    desk.sim.push({"op": "error", "error_message": "an-error-of-one-word-" * 8})
    page.wait("!document.querySelector('#note-kill').hidden && document.querySelector('.facts .bar')")
    for width, height, phone in [(360, 640, True), (768, 1024, False), (1440, 900, False), (2560, 1300, False)]:
        page.look(width, height, scheme, phone=phone)
        for view in ("market", "trade", "orders", "account"):
            page.js(f"document.querySelector('.views [data-view={view}]').click()")
            assert page.js("document.documentElement.scrollWidth") <= width, (width, view)
            assert page.js("innerWidth") == width, (width, view)  # phones zoom out to what does not fit
            # the way to stop everything is never out of sight
            top, bottom, right = page.js(
                "(node => (box => [box.top, box.bottom, box.right])(node.getBoundingClientRect()))"
                "(document.querySelector('#kill-open'))"
            )
            assert 0 <= top < bottom <= height
            assert right <= width
    ratios = page.js(_CONTRASTS)
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
    nameless = page.js(
        "[...document.querySelectorAll('button, input, select, [role=tab], section, dialog')].filter(node =>"
        " !(node.labels?.length || node.getAttribute('aria-label') || node.getAttribute('aria-labelledby') ||"
        " (node.tagName === 'BUTTON' && node.textContent.trim()))).map(node => node.outerHTML)"
    )
    assert nameless == []


_CONTRASTS = """(() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = name => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    context.fillStyle = getComputedStyle(probe).color;
    probe.remove();
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map(value => value / 255)
      .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  const pair = (ink, ground) => {
    const [a, b] = [light(ink), light(ground)];
    found[`${ink} on ${ground}`] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  for (const ink of ["--text", "--muted", "--buy", "--sell", "--accent", "--warn"])
    for (const ground of ["--panel", "--raised", "--page"]) pair(ink, ground);
  for (const ground of ["--buy-solid", "--sell-solid"]) pair("--on-solid", ground);
  pair("--text", "--warn-bg");
  pair("--text", "--bad-bg");
  return found;
})()"""
