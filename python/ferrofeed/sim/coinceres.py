"""CoinCeres' server side: a signed URL, requests by ``biz_type``, answers in text numbers, pushes by ``messageType``.

Facts: the venue page and its seed. Silent there, and so chosen here: error codes are those of HTTP; a refused order's
answer repeats its ``client_oid``; an id is used up by the order that was taken under it; a contract order that says
nothing of ``future_dir`` is refused, a spot order that does has it ignored, as the seed's example does; an order is
not reported (1), submitting (2) and submitted (3) in turn where forwarding takes time, else submitted at once;
a cancel that came before that gives 13 and 11, later 12 and 15 (14 where there was a fill).
"""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ferrofeed.sim import coinceres_words as words
from ferrofeed.sim.order_hall import Answer, Ask, Hall
from ferrofeed.sim.order_json import load, number_text, plain, word
from ferrofeed.sim.order_types import Draft, Refusal
from ferrofeed.sim.protocol import Action, Options, Refuse, Request, Send, Topic, compact, never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ferrofeed.sim.market import Market, State, Trade
    from ferrofeed.sim.order_ledger import Change
    from ferrofeed.sim.order_types import Account, Fill, Listing, Offset, Op, Order, OrderOptions, Product, Side
    from ferrofeed.sim.orders_engine import Engine

MARKETS: Mapping[str, Product] = {"TEST": "spot", "FUTURE": "contract"}
"""Exchanges behind the venue, unless told otherwise."""
PLACE, CANCEL, CONTRACTS, ACCOUNT, ORDERS, POSITIONS, TRADES = range(11, 18)
MOST_IDS = 15
MOST_TRADES = 50
_OPS: dict[int, Op] = {PLACE: "place", CANCEL: "cancel"}
_SIDES: dict[str, Side] = {"buy": "buy", "sell": "sell"}
_OFFSETS: dict[str, Offset] = {"": "net", "open": "open", "close": "close"}
_CODES = {"throttled": "429", "unknown_order": "404", "request": "400", "unavailable": "503"}


def signature(key: str, secret: str) -> str:
    """The ``sign`` of a URL."""
    return hashlib.sha256(f"api_key={key}&secret={secret}".encode()).hexdigest()


class CoinceresVenue:
    """CoinCeres with the exchanges behind it."""

    name = "coinceres"
    path = "/"

    def __init__(
        self,
        market: Market,
        options: Options,
        orders: OrderOptions,
        seed: int,
        engine: Callable[[Mapping[str, Product]], Engine],
    ) -> None:
        self.market = market
        self.options = options
        self.orders = orders
        self.clock_offset_ms = 0
        self.refuse_login: Callable[[], bool] = never
        self.hall = Hall(engine(orders.markets or MARKETS), orders, seed, self)
        self._listeners: dict[CoinceresSession, None] = {}

    def session(self) -> CoinceresSession:
        """Make the session of a new connection."""
        return CoinceresSession(self)

    def render(self, _channel: str, _state: State, _trade: Trade | None, /) -> bytes | None:
        """Render no market data: there is none here."""
        return None

    def page(self, _path: str, /) -> tuple[bytes, str] | None:
        """Show no page."""
        return None

    def local_time(self, time_ns: int) -> str:
        """Write a time as the venue does: to the second, on its own clock."""
        return words.local_time(time_ns + self.clock_offset_ms * 1_000_000, self.orders.utc_offset_s)

    # pushes

    def told(self, order: Order, change: Change, fill: Fill | None, now_ns: int, /) -> None:
        """Push an order's change to every connection of its key that gets pushes."""
        row = words.pushed_order(order, change, fill, self.local_time(order.created_ns))
        self._push(order.draft.account, row, change, order.draft.listing.symbol, now_ns)

    def balances(self, _account: Account, _now_ns: int, /) -> None:
        """Say nothing: money is asked for here."""

    def position(self, account: Account, listing: Listing, now_ns: int, /) -> None:
        """Push what became of the margin, for the latest order of that contract."""
        ours = [order for order in self.hall.ledger.known(account.key) if order.draft.listing is listing]
        if ours:
            margin = sum((leg.margin for leg in self.hall.engine.position(account, listing)), start=Decimal(0))
            self._push(account, words.pushed_margin(ours[-1], margin), "", listing.symbol, now_ns)

    def upstream(self, _state: int, _now_ns: int, /) -> None:
        """Say nothing: there are no states here."""

    def _push(self, account: Account, row: Mapping[str, Any], change: str, symbol: str, now_ns: int) -> None:
        topic = "position" if row["messageType"] == "2" else "order"
        for session in list(self._listeners):
            if session.key == account.key:
                self.hall.push(session, compact(row), (topic, symbol), now_ns, change)

    def joined(self, session: CoinceresSession) -> None:
        """Let a connection have pushes."""
        self._listeners[session] = None

    def left(self, session: CoinceresSession) -> None:
        """Forget a connection."""
        self._listeners.pop(session, None)
        self.hall.closed(session)


class CoinceresSession:
    """One connection to CoinCeres."""

    def __init__(self, venue: CoinceresVenue) -> None:
        self._venue = venue
        self._hall = venue.hall
        self.topics: dict[Topic, None] = {}
        self.key: str | None = None
        self.number = 0
        self.gone = False

    def opened(self, request: Request, now_ns: int, /) -> Sequence[Action]:
        """Judge the signature in the URL."""
        if request.path not in ("/", "/push"):
            return [Refuse(404)]
        key, sign = request.query.get("api_key", ""), request.query.get("sign", "")
        secret = self._venue.options.keys.get(key)
        good = secret is not None and hmac.compare_digest(signature(key, secret).encode(), sign.encode())
        if not good or self._venue.refuse_login():
            return [Refuse(401, b"signature is wrong\n")]
        if not self._hall.opened(self, now_ns):
            return [Refuse(503)]
        self.key = key
        for market in self._hall.engine.markets:
            self._hall.engine.account(key, market)
        pushes = self._venue.orders.pushes
        if pushes == "same" or (pushes == "path" and request.path == "/push"):
            self._venue.joined(self)
        return []

    def received(self, text: bytes, now_ns: int, /) -> Sequence[Action]:
        """Take a heartbeat or a request; answers come from the hall."""
        self._hall.settle(now_ns)
        if text.strip() == b"ping":
            return [Send(b"pong", "pong")]
        message = load(text)
        biz_type = message.get("biz_type") if message is not None else None
        if message is None or not isinstance(biz_type, Decimal) or biz_type not in range(PLACE, TRADES + 1):
            return [
                Send(compact({"biz_type": None, "code": "400", "data": None, "message": "illegal request"}), "nack")
            ]
        self._ask(int(biz_type), message, text, now_ns)
        return []

    def tick(self, now_ns: int, /) -> Sequence[Action]:
        """Let time pass."""
        self._hall.settle(now_ns)
        return []

    def closed(self, _now_ns: int, /) -> None:
        """Forget the connection; its orders live on."""
        self._venue.left(self)

    def _ask(self, biz_type: int, message: Mapping[str, Any], text: bytes, now_ns: int) -> None:
        client = message.get("client_oid")
        client = client if isinstance(client, str) else ""
        asked = message.get("system_oid")
        targets = asked.split(",") if biz_type == CANCEL and isinstance(asked, str) else ()

        def refused(refusal: Refusal) -> Answer:
            data = (
                {"client_oid": client} if biz_type == PLACE and client and self._venue.orders.named_refusals else None
            )
            code = _CODES.get(refusal.rule, "500")
            return Answer(compact({"biz_type": biz_type, "code": code, "data": data, "message": str(refusal)}), "nack")

        def work(then_ns: int) -> Answer:
            if self._hall.trouble is not None and biz_type in (PLACE, CANCEL):
                raise Refusal("unavailable", "exchange is not connected")
            order, data = _WORK[biz_type](self, message, then_ns)
            return Answer(
                compact({"biz_type": biz_type, "code": "200", "data": data, "message": "SUCESS"}), "ack", order
            )

        key = self.key or ""
        op: Op = _OPS.get(biz_type, "query")
        self._hall.ask(Ask(self, op, key, str(biz_type), client, work, refused, targets), text, now_ns)

    # what each biz_type does: the order it took, if it took one, and the data of its answer

    def place(self, message: Mapping[str, Any], now_ns: int) -> tuple[Order | None, object]:
        """11: take an order."""
        listing = self._listing(word(message, "exchange"), word(message, "contract"))
        kind, side = word(message, "price_type"), _SIDES.get(word(message, "entrust_bs"))
        if kind not in ("limit", "market"):
            raise Refusal("request", "price_type: expected limit or market")
        if side is None:
            raise Refusal("request", "entrust_bs: expected buy or sell")
        offset = _OFFSETS.get(word(message, "future_dir", need=listing.product == "contract"))
        if offset is None:
            raise Refusal("request", "future_dir: expected open or close")
        if message.get("lever") is not None:
            number_text(message, "lever")
        price = number_text(message, "entrust_price", need=kind == "limit")
        draft = Draft(
            self._hall.engine.account(self.key or "", listing.market),
            listing,
            word(message, "client_oid", need=False),
            side,
            "limit" if kind == "limit" else "market",
            offset if listing.product == "contract" else "net",
            price if kind == "limit" else Decimal(0),
            number_text(message, "entrust_vol"),
            # a contract's quantity is never money
            kind == "market" and side == "buy" and listing.product == "spot",
            {name: plain(number_text(message, name, need=False)) for name in ("profit_value", "stop_value")},
        )
        order = self._hall.ledger.place(draft, now_ns, unique=self._venue.orders.refuse_repeats)
        return order, {"client_oid": draft.client, "system_oid": order.id}

    def cancel(self, message: Mapping[str, Any], now_ns: int) -> tuple[Order | None, object]:
        """12: cancel up to 15 orders, each by itself."""
        good: list[dict[str, str]] = []
        bad: list[dict[str, str]] = []
        for order_id in _ids(message, need=True):
            try:
                self._hall.ledger.cancel(self._hall.ledger.find(self.key or "", order_id), now_ns)
                good.append({"system_oid": order_id})
            except Refusal:
                bad.append({"system_oid": order_id})
        return None, {"SUCCESS": good, "ERROR": bad}

    def contracts(self, message: Mapping[str, Any], _now_ns: int) -> tuple[Order | None, object]:
        """13: the contracts and their rules."""
        return None, [words.contract(listing) for listing in self._listings(message)]

    def account(self, message: Mapping[str, Any], _now_ns: int) -> tuple[Order | None, object]:
        """14: balances, by exchange."""
        wanted = word(message, "exchange", need=False)
        engine = self._hall.engine
        rows: list[dict[str, str]] = []
        for market, product in engine.markets.items():
            if wanted in ("", market):
                account = engine.account(self.key or "", market)
                rows += words.balances(market, product, engine.balances(account))
        return None, rows

    def order_list(self, message: Mapping[str, Any], _now_ns: int) -> tuple[Order | None, object]:
        """15: orders, the newest first."""
        ids = _ids(message, need=False)
        status = word(message, "status", need=False)
        rows: list[dict[str, str]] = []
        for order in reversed(self._orders(message)):
            row = words.order(order, self._venue.local_time(order.created_ns))
            if (ids and order.id not in ids) or (status and row["status"] != status):
                continue
            if len(rows) == self._venue.orders.most_orders:
                break
            rows.append(row)
        return None, rows

    def positions(self, message: Mapping[str, Any], _now_ns: int) -> tuple[Order | None, object]:
        """16: positions that are not empty."""
        wanted = word(message, "position_dir", need=False)
        rows: list[dict[str, str]] = []
        engine = self._hall.engine
        for listing in self._listings(message):
            if listing.product == "contract":
                account = engine.account(self.key or "", listing.market)
                rows += words.positions(account, listing, engine.position(account, listing), engine.mark(listing))
        return None, [row for row in rows if wanted in ("", row["position_dir"])]

    def trades(self, message: Mapping[str, Any], _now_ns: int) -> tuple[Order | None, object]:
        """17: the latest fills, the newest first."""
        count = number_text(message, "count", need=False) or Decimal(MOST_TRADES)
        if not 1 <= count <= MOST_TRADES:
            raise Refusal("request", f"count: expected 1 to {MOST_TRADES}")
        found = [(fill, order) for order in self._orders(message) for fill in order.fills]
        found.sort(key=lambda entry: entry[0].time_ns)
        rows = [words.trade(fill, order, self._venue.local_time(fill.time_ns)) for fill, order in found[-int(count) :]]
        return None, rows[::-1]

    def _listing(self, exchange: str, contract: str) -> Listing:
        listing = self._hall.engine.listings.get((exchange, contract.replace("_", "/")))
        if listing is None:
            raise Refusal("request", f"no contract {contract} on exchange {exchange}")
        return listing

    def _listings(self, message: Mapping[str, Any]) -> list[Listing]:
        exchange, contract = word(message, "exchange", need=False), word(message, "contract", need=False)
        return [
            listing
            for listing in self._hall.engine.listings.values()
            if exchange in ("", listing.market) and contract in ("", listing.instrument.pair)
        ]

    def _orders(self, message: Mapping[str, Any]) -> list[Order]:
        exchange, contract = word(message, "exchange", need=False), word(message, "contract", need=False)
        return [
            order
            for order in self._hall.ledger.known(self.key or "", exchange)
            if contract in ("", order.draft.listing.instrument.pair)
        ]


def _ids(message: Mapping[str, Any], *, need: bool) -> list[str]:
    text = word(message, "system_oid", need=need)
    ids = text.split(",") if text else []
    if len(ids) > MOST_IDS:
        raise Refusal("request", f"system_oid: at most {MOST_IDS}")
    return ids


_WORK: dict[int, Callable[[CoinceresSession, Mapping[str, Any], int], tuple[Order | None, object]]] = {
    PLACE: CoinceresSession.place,
    CANCEL: CoinceresSession.cancel,
    CONTRACTS: CoinceresSession.contracts,
    ACCOUNT: CoinceresSession.account,
    ORDERS: CoinceresSession.order_list,
    POSITIONS: CoinceresSession.positions,
    TRADES: CoinceresSession.trades,
}
