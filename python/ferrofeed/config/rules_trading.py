"""What must hold between the values of the order side: journal, references, scales, limits, logins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.config import access
from ferrofeed.config.numbers import MOST_DIGITS, digits_after
from ferrofeed.config.reading import nearest, one_of
from ferrofeed.config.trading import ORDER_KINDS, RiskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ferrofeed.config.reading import Context
    from ferrofeed.spec import VenueSpec

_Read = dict[str, Any]
_NOTHING: Final = RiskConfig()
ORDER_SCALE: Final = 8
"""Digits of prices and of sizes where nothing is said."""
_LOGIN: Final = ("kind", "url", "platform", "exchange", "api_key")


def check(
    ctx: Context,
    venues: list[_Read],
    top: _Read,
    market: Mapping[str, VenueSpec],
    trading: Mapping[str, VenueSpec],
) -> None:
    """Report everything that doesn't hold, and fill the trading venues in from their kinds."""
    found = [(index, venue) for index, venue in enumerate(venues) if venue.get("kind") in ORDER_KINDS]
    orders: _Read = top.get("orders", {})
    _journal(ctx, top, trades=bool(found))
    risk: RiskConfig = orders.get("risk", _NOTHING)
    _budget(ctx, "orders.risk", risk)
    keys_are_brought = _keys_are_brought(top)
    for index, venue in found:
        path = f"venue[{index}]"
        spec = trading.get(venue["kind"])
        if spec is not None:
            access.check(ctx, path, venue, spec, keys_are_brought=keys_are_brought)
        at_venue = venue.get("risk", _NOTHING).over(risk)
        _budget(ctx, f"{path}.risk", at_venue)
        _Trades(ctx, path, venue, _Books(venues, market), spec).check(at_venue)
    _logins(ctx, found, keys_are_brought=keys_are_brought)


def _keys_are_brought(top: _Read) -> bool:
    """Whether clients of the gateway log in with keys of their own: those of a list trade with the venue's."""
    gateway: _Read | None = top.get("gateway")
    return gateway is not None and not gateway.get("client") and gateway.get("max_venue_logins") != 0


def _journal(ctx: Context, top: _Read, *, trades: bool) -> None:
    reported = {problem.path for problem in ctx.problems}
    if trades and "journal" not in top.get("orders", {}) and not {"orders", "orders.journal"} & reported:
        ctx.problem("orders.journal", "missing", 'the folder of the journal, such as "state/orders": a venue trades')
    elif not trades and "orders" in top:
        ctx.warn("orders", "no venue trades", f"a [[venue]] whose kind is {one_of(ORDER_KINDS)}")


def _budget(ctx: Context, path: str, risk: RiskConfig) -> None:
    if risk.orders_per_window is not None and (risk.cancel_reserve or 0) >= risk.orders_per_window:
        expected = f"less than orders_per_window, which is {risk.orders_per_window}"
        ctx.problem(f"{path}.cancel_reserve", f"found {risk.cancel_reserve}", expected)


class _Books:
    """Which books the market-data venues bring."""

    def __init__(self, venues: list[_Read], market: Mapping[str, VenueSpec]) -> None:
        self._known = {venue["id"]: venue for venue in venues if "id" in venue}
        self._market = market

    def check(self, ctx: Context, path: str, name: str, symbols: list[str]) -> None:
        """Report a reference that brings no book of one of these symbols."""
        venue = self._known.get(name)
        candidates = [one for one, known in self._known.items() if known.get("kind") in self._market]
        if venue is None or venue.get("kind") not in self._market:
            expected = (
                f"the id of a venue with market data, {one_of(candidates)}" if candidates else "a market-data venue"
            )
            ctx.problem(path, f"found {json.dumps(name)}", expected, nearest(name, candidates))
            return
        spec = self._market[venue["kind"]]
        brought = {
            _raw(spec, symbol)
            for item in venue.get("subscribe", ())
            if "depth" in [channel for _, channel in item.get("channels", ())]
            for _, symbol in item.get("symbols", ())
        }
        lacking = [symbol for symbol in symbols if _raw(spec, symbol) not in brought]
        if lacking:
            found = f"found {json.dumps(name)}, which doesn't subscribe depth of {', '.join(map(json.dumps, lacking))}"
            ctx.problem(path, found, "a venue that brings the books of every symbol here")


def _raw(spec: VenueSpec | None, symbol: str) -> str:
    try:
        return symbol if spec is None else spec.dialect.raw_symbol(symbol)
    except ValueError:  # reported where it is subscribed or traded
        return symbol


class _Trades:
    """What may be traded at one venue."""

    def __init__(self, ctx: Context, path: str, venue: _Read, books: _Books, spec: VenueSpec | None) -> None:
        self._ctx = ctx
        self._path = path
        self._venue = venue
        self._books = books
        self._spec = spec
        """None: the paper exchange, which has no spelling of its own."""
        self._seen: dict[str, str] = {}

    def check(self, at_venue: RiskConfig) -> None:
        ctx, path, venue = self._ctx, self._path, self._venue
        tables: list[_Read] = venue.get("trade", [])
        if not tables and f"{path}.trade" not in {problem.path for problem in ctx.problems}:
            ctx.warn(f"{path}.trade", "missing", "at least one [[venue.trade]]: nothing can be traded there")
        market: str = venue.get("market", "")
        if market:
            symbols = [symbol for one in tables for _, symbol in one.get("symbols", ())]
            self._books.check(ctx, f"{path}.market", market, symbols)
        for number, one in enumerate(tables):
            here = f"{path}.trade[{number}]"
            self._symbols(number, one)
            if venue["kind"] == "paper":
                _scales(ctx, here, one)
            if one.get("reference"):
                symbols = [symbol for _, symbol in one.get("symbols", ())]
                self._books.check(ctx, f"{here}.reference", one["reference"], symbols)
            elif market:
                one["reference"] = market
            risk = one.get("risk", _NOTHING).over(at_venue)
            _limits(ctx, here, one, risk, real=self._spec is not None)

    def _symbols(self, number: int, one: _Read) -> None:
        ctx, path, spec = self._ctx, self._path, self._spec
        named_in_two = spec is None or one.get("product", "spot") == "spot"
        for index, symbol in one.get("symbols", ()):
            place = f"trade[{number}].symbols[{index}]"
            shown = json.dumps(symbol)
            try:
                raw = symbol if spec is None else spec.dialect.raw_symbol(symbol)
            except ValueError as error:
                ctx.problem(f"{path}.{place}", f"found {shown} ({error})", "a symbol that the venue can spell")
                continue
            if named_in_two and not all(symbol.partition("/")):
                ctx.problem(f"{path}.{place}", f"found {shown}", 'a symbol such as "ETH/USDT"')
            first = self._seen.setdefault(raw, place)
            if first != place:
                ctx.problem(f"{path}.{place}", f"found {shown} again", f"a symbol that {first} isn't")


def _scales(ctx: Context, path: str, one: _Read) -> None:
    tick, lot = one.get("tick"), one.get("lot")
    if tick is not None and lot is not None and digits_after(tick) + digits_after(lot) > MOST_DIGITS:
        found = f"found {tick:f} and {lot:f}"
        ctx.problem(f"{path}.lot", found, f"tick and lot with at most {MOST_DIGITS} digits after the point together")
    least = one.get("min_size")
    if least is not None and lot is not None and least % lot:
        ctx.problem(f"{path}.min_size", f"found {least:f}", f"a multiple of the lot, {lot:f}")
    if one.get("product", "spot") == "spot" and one.get("leverage", 1) != 1:
        ctx.problem(f"{path}.leverage", f"found {one['leverage']} for spot", '1, or product = "contract"')


def _limits(ctx: Context, path: str, one: _Read, risk: RiskConfig, *, real: bool) -> None:
    if risk.collar_bps is not None and not one.get("reference") and risk.collar_without_book != "allow":
        expected = 'the id of a venue whose book the collar looks at, or collar_without_book = "allow"'
        ctx.problem(f"{path}.reference", "missing with collar_bps: every order would be refused", expected)
    if real and risk.max_quantity is None and risk.max_notional is None:
        ctx.warn(f"{path}.risk", "no limit of an order's size", "max_quantity or max_notional")
    if real and risk.max_position is None:
        ctx.warn(f"{path}.risk", "no limit of the position", "max_position")


def _logins(ctx: Context, found: list[tuple[int, _Read]], *, keys_are_brought: bool) -> None:
    """One login twice: a gateway refuses the second, a venue would show each what the other does.

    So it is with two venues without keys at one place: a client with the same keys at both has one login twice.
    """
    for at, (index, venue) in enumerate(found):
        keyless = "api_key" not in venue
        if venue["kind"] == "paper" or (keyless and not keys_are_brought):
            continue
        for other, earlier in found[:at]:
            if all(venue.get(name) == earlier.get(name) for name in _LOGIN):
                ctx.problem(
                    f"venue[{index}].api_key",
                    f"found {f'none, as at venue[{other}]' if keyless else f'the login of venue[{other}] again'}",
                    f"one [[venue]] for each {'place; gateway.aliases give it more names' if keyless else 'login'}",
                )
                break


def check_scales(ctx: Context, path: str, instrument: _Read, venue: _Read) -> None:
    """Scales of a traded instrument, set by hand: price and size share the digits of money."""
    if venue.get("kind") == "paper":
        ctx.problem(path, "found scales for a paper venue", "none: there they are the digits of tick and lot")
        return
    scales = instrument.get("price_scale", ORDER_SCALE), instrument.get("size_scale", ORDER_SCALE)
    if sum(scales) > MOST_DIGITS:
        found = f"found price_scale {scales[0]} and size_scale {scales[1]}"
        ctx.problem(path, found, f"at most {MOST_DIGITS} digits together where orders are placed")
    if "turnover_scale" in instrument:
        ctx.warn(f"{path}.turnover_scale", "found for a venue that trades", "price_scale and size_scale only")
