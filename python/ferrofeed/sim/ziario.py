"""Ziario's server side: an HMAC login, then tickers.

Facts: the venue page and its seed. Silent there, and so chosen here: refusals are ``status`` ``error`` and end the
connection, requests before the login and unknown ones are answered with ``{"type":"error",...}``, unsubscribing is
acknowledged.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from ferrofeed.sim.instruments import trimmed_text
from ferrofeed.sim.protocol import (
    NS,
    Action,
    Close,
    Options,
    Refuse,
    Request,
    Send,
    Topic,
    compact,
    never,
    parse_object,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ferrofeed.sim.market import Market, State, Trade

_POLICY = 1008


def signature(secret: str, api_key: str, timestamp: int) -> str:
    """Sign as the venue does: the separator is ``&timestamp=``, not what its page prints by accident."""
    message = f"api_key={api_key}&timestamp={timestamp}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def percent_text(value: int, base: int) -> str:
    """Return the change from ``base`` in percent, cut (not rounded) to two decimals, trailing zeros dropped."""
    scaled = abs(value - base) * 10_000 // base
    return trimmed_text(scaled if value >= base else -scaled, 2)


class ZiarioVenue:
    """Ziario."""

    name = "ziario"
    path = "/ws"

    def __init__(self, market: Market, options: Options) -> None:
        self.market = market
        self.options = options
        self.clock_offset_ms = 0
        self.refuse_login: Callable[[], bool] = never

    def session(self) -> ZiarioSession:
        """Make the session of a new connection."""
        return ZiarioSession(self)

    def render(self, channel: str, state: State, trade: Trade | None, /) -> bytes | None:
        """Render a ticker, one per trade."""
        if trade is None or channel != "quote":
            return None
        instrument, day = state.instrument, state.bars.day()
        return (
            f'{{"type":"ticker","symbol":"{instrument.raw}","price":"{instrument.prices[trade.price]}",'
            f'"change_24h":"{percent_text(day.last, day.open)}","volume_24h":"{instrument.sizes[day.volume]}",'
            f'"timestamp":{(trade.ts_ms + self.clock_offset_ms) // 1000}}}'
        ).encode()


class ZiarioSession:
    """One connection to Ziario."""

    def __init__(self, venue: ZiarioVenue) -> None:
        self._venue = venue
        self._opened_ns = 0
        self.topics: dict[Topic, None] = {}
        self.key: str | None = None

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Accept any connection to the path; the login comes as a message."""
        if request.path != ZiarioVenue.path:
            return [Refuse(404)]
        self._opened_ns = now_ns
        return []

    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        """Take a login or a subscription."""
        message = parse_object(text)
        if message is None:
            return [_error("not a JSON object")]
        action = message.get("action")
        if action == "auth":
            return self._auth(message, now_ns)
        if action not in ("subscribe", "unsubscribe"):
            return [_error("unknown action")]
        if self.key is None:
            return [_error("not authenticated")]
        return self._subscribe(action, message.get("symbols"))

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """End a connection that never logs in."""
        limit = self._venue.options.auth_timeout_s
        if self.key is None and now_ns - self._opened_ns > limit * NS:
            return [_refused("login timeout"), Close(_POLICY, "login timeout")]
        return []

    def closed(self, now_ns: int, /) -> None:
        """Nothing outlives the connection."""

    def _auth(self, message: dict[str, Any], now_ns: int) -> Sequence[Action]:
        reason = self._judge(message, now_ns)
        if reason is None and self._venue.refuse_login():
            reason = "login refused"
        if reason is not None:
            return [_refused(reason), Close(_POLICY, reason)]
        self.key = message["api_key"]
        return [Send(compact({"type": "auth", "status": "success", "message": "认证成功"}))]

    def _judge(self, message: dict[str, Any], now_ns: int) -> str | None:
        key, given, timestamp = message.get("api_key"), message.get("signature"), message.get("timestamp")
        if not isinstance(key, str) or not isinstance(given, str):
            return "api_key or signature missing"
        if not isinstance(timestamp, int) or isinstance(timestamp, bool):
            return "timestamp is not an integer"
        secret = self._venue.options.keys.get(key)
        # an unknown key takes as long as a known one
        expected = signature(secret or "", key, timestamp)
        if not hmac.compare_digest(expected.encode(), given.encode()) or secret is None:
            return "invalid signature"
        if abs(now_ns - timestamp * NS) > self._venue.options.auth_window_s * NS:
            return "timestamp expired"
        return None

    def _subscribe(self, action: str, symbols: object) -> Sequence[Action]:
        if not isinstance(symbols, list) or not symbols or not all(isinstance(symbol, str) for symbol in symbols):
            return [_error("symbols: a list of symbols is expected")]
        limit = self._venue.options.max_subscriptions
        taken: list[str] = []
        for symbol in symbols:
            state = self._venue.market.find(symbol)
            if state is None:
                continue
            topic = ("quote", state.instrument.symbol)
            if action == "unsubscribe":
                self.topics.pop(topic, None)
            elif topic not in self.topics and limit is not None and len(self.topics) >= limit:
                continue
            else:
                self.topics[topic] = None
            taken.append(symbol)
        return [Send(compact({"type": action, "status": "success", "symbols": taken}))]


def _error(message: str) -> Send:
    return Send(compact({"type": "error", "status": "error", "message": message}), "nack")


def _refused(message: str) -> Send:
    return Send(compact({"type": "auth", "status": "error", "message": message}), "nack")
