"""The gateway's load: many sockets, more logins, requests on a schedule that waits for nobody.

Request ``slot`` is due at ``start + slot / rate`` and is sent then, whatever is still unanswered; its latency counts
from when it was due. So a server that stops for a moment shows it in every request that was due meanwhile.

What comes is kept whole, with its time, and judged afterwards (:mod:`benches.gateway_check`): the generator is to
take as little of its CPU as it can. Only the number of an order is looked for at once, for its cancel.
"""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benches.gateway_servers import PLATFORM, SYMBOL

if TYPE_CHECKING:
    from collections.abc import Callable

SETTLE_S: Final = 15.0
"""How long the last answers may take."""
QUIET_S: Final = 0.5
LAST_S: Final = 0.1
READY_S: Final = 60.0
AT_ONCE: Final = 50
"""Sockets that log in at a time."""
PING_S: Final = 5.0
NS: Final = 1_000_000_000
STALLED_ORDERS: Final = 400
"""Orders that rest for each login of a client before it stalls: what it is told of them and does not read soon is more
than a server holds for anybody."""
STALLED_RATE: Final = 20
"""Of these at a time, some times a second: below the limit of a connection."""

_PLACED: Final = b'{"op":"place_order","cid":"'
_NUMBER: Final = b'"order_no":"'
CID: Final = 8
"""Digits of an id."""

REST, TAKE, AWAY, CANCEL, CANCEL_OLD, OPEN, ASSET = "rest", "take", "away", "cancel", "cancel_old", "open", "asset"
CYCLE: Final = (REST, OPEN, AWAY, CANCEL, ASSET, TAKE, OPEN, CANCEL_OLD, AWAY, CANCEL)
"""What a login does, over and over: a sale at the one price that all trade at, purchases that nobody meets and that
are cancelled, a purchase that takes from other logins' sales, and questions in between."""
OLD: Final = CYCLE.index(CANCEL_OLD) - CYCLE.index(REST)
OPS: Final = {
    REST: "place_order",
    TAKE: "place_order",
    AWAY: "place_order",
    CANCEL: "cancel_order",
    CANCEL_OLD: "cancel_order",
    OPEN: "open_orders",
    ASSET: "asset",
}


@dataclass(frozen=True, slots=True)
class Load:
    """How much of it."""

    sockets: int
    logins: int
    rate: int
    seconds: float
    crowded: bool = False
    """The first socket has many orders that rest, and is no part of what is measured and checked."""
    stalled: bool = False
    """It reads nothing any more when the load begins, too."""

    @property
    def requests(self) -> int:
        """Of the schedule."""
        return int(self.rate * self.seconds)

    def login(self, slot: int) -> int:
        """Whose request it is; after the schedule, each login has one."""
        return slot % self.logins if slot < self.requests else slot - self.requests

    def step(self, slot: int) -> str:
        """What it does. Logins are at different places of the cycle: the mix is the same at all times."""
        return CYCLE[(slot // self.logins + self.login(slot) * 7) % len(CYCLE)]

    def cancels(self, slot: int) -> int | None:
        """The slot of the order that it cancels; None: that was before the beginning."""
        back = OLD if self.step(slot) == CANCEL_OLD else 1
        found = slot - back * self.logins
        return found if found >= 0 else None

    def socket(self, login: int) -> int:
        """Where a login is."""
        return login % self.sockets

    def op(self, slot: int) -> str:
        """The operation of a slot; after the schedule comes a cancel of everything for each login."""
        if slot >= self.requests:
            return OPS[CANCEL]
        step = self.step(slot)
        return OPS[ASSET] if step in {CANCEL, CANCEL_OLD} and self.cancels(slot) is None else OPS[step]


class Line(WSListener):
    """A client's socket: it keeps what comes."""

    def __init__(self, numbers: dict[int, bytes], waiting: Callable[[], object]) -> None:
        super().__init__()
        self.came: list[bytes] = []
        self.times = array("q")
        self.open = False
        self.transport: Any = None
        self._numbers = numbers
        self._heard = waiting
        self.loading = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        """There it is."""
        self.transport = transport
        self.open = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002  # picows' name
        """Keep it."""
        now = time.perf_counter_ns()
        text = frame.get_payload_as_bytes()
        self.times.append(now)
        self.came.append(text)
        if not self.loading:
            self._heard()
        elif text.startswith(_PLACED):
            at = text.rfind(_NUMBER)
            if at > 0:
                start = at + len(_NUMBER)
                cid = text[len(_PLACED) : len(_PLACED) + CID]
                self._numbers[int(cid)] = text[start : text.find(b'"', start)]

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002  # picows' name
        """It is gone."""
        self.open = False

    def send(self, text: bytes) -> None:
        """Send a message now."""
        self.transport.send(WSMsgType.TEXT, text)


@dataclass(slots=True)
class Run:
    """What a load left behind."""

    load: Load
    start_ns: int
    lines: list[Line]
    tokens: list[bytes]
    sent_ns: array[int]
    """When each slot was sent; 0: its socket was gone."""
    login_s: float
    whole: bool
    """Every answer was there in the end, as far as their number goes."""
    lost_lines: list[int] = field(default_factory=list)
    """Sockets that the server closed."""
    server: dict[str, Any] = field(default_factory=dict)

    def due_ns(self, slot: int) -> int:
        """When a slot was due."""
        return self.start_ns + slot * NS // self.load.rate


class Generator:
    """Puts the load on one server. ``talks``: it logs in, and knows orders; otherwise it only answers."""

    def __init__(self, load: Load, url: str, *, talks: bool) -> None:
        self.load = load
        self._url = url
        self._talks = talks
        self._numbers: dict[int, bytes] = {}
        self._lines: list[Line] = []
        self._tokens: list[bytes] = [b"0" * 32] * load.logins
        self._sent = array("q", bytes(8 * (load.requests + load.logins)))
        self._moved = asyncio.Event()
        self._templates: list[dict[str, bytes]] = []

    async def run(self, measured: Callable[[str], None]) -> Run:
        """Connect, log in, put the load on, and wait for its last answers; ``measured`` hears "begin" and "end"."""
        begin = time.monotonic()
        for _ in range(self.load.sockets):
            _, listener = await ws_connect(
                lambda: Line(self._numbers, self._moved.set), self._url, websocket_handshake_timeout=READY_S
            )
            assert isinstance(listener, Line)
            self._lines.append(listener)
        if self._talks:
            for first in range(0, self.load.sockets, AT_ONCE):
                await self._log_in(range(first, min(first + AT_ONCE, self.load.sockets)))
        login_s = time.monotonic() - begin
        self._templates = [_templates(token) for token in self._tokens]
        for line in self._lines:
            line.came.clear()
            del line.times[:]
            line.loading = True
        if self.load.crowded:
            await self._crowd(self._lines[0])
        if self.load.stalled:
            _stall(self._lines[0])
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            measured("begin")
            start = await self._put()
            # what looks now keeps the loop from reading: the last answers would be as late as that takes
            await asyncio.sleep(LAST_S)
            measured("end")
            await self._settled(self.load.requests)
            whole = True
            if self._talks:
                await self._clear()
                whole = await self._settled(self.load.requests + self.load.logins)
        finally:
            gc.enable()
            gc.unfreeze()
        lost = [at for at, line in enumerate(self._lines) if not line.open]
        for line in self._lines:
            if line.open:
                line.transport.disconnect(graceful=False)
        await asyncio.sleep(0.1)
        return Run(self.load, start, self._lines, self._tokens, self._sent, login_s, whole, lost)

    async def _log_in(self, lines: range) -> None:
        load = self.load
        logins = [login for login in range(load.logins) if load.socket(login) in lines]
        for login in logins:
            request = {
                "op": "login",
                "cid": f"{login:08d}",
                "platform": PLATFORM,
                "symbols": [SYMBOL],
                "access_key": f"key-{login}",
                "secret_key": f"secret-{login}",
            }
            self._lines[load.socket(login)].send(json.dumps(request).encode())
        end = time.monotonic() + READY_S
        while sum(self._ready(line) for line in lines) < len(logins):
            if time.monotonic() > end:
                raise TimeoutError(f"not all of {len(logins)} logins got ready: {self._lines[lines[0]].came[:8]}")
            self._moved.clear()
            async with asyncio.timeout(READY_S):
                await self._moved.wait()
        for at in lines:
            for text in self._lines[at].came:
                if text.startswith(b'{"op":"login"'):
                    answer = json.loads(text)
                    if not answer["result"]:
                        raise RuntimeError(f"a login was refused: {answer['error_message']}")
                    self._tokens[int(answer["cid"])] = answer["token"].encode()

    def _ready(self, at: int) -> int:
        return sum(text.startswith(b'{"op":"state"') and b'"code":6' in text for text in self._lines[at].came)

    async def _put(self) -> int:
        """Send every request when it is due; gives the time of the first."""
        loop, clock, load = asyncio.get_running_loop(), time.perf_counter_ns, self.load
        done = loop.create_future()
        start = clock() + NS // 20
        slot, total, rate = 0, load.requests, load.rate
        next_ping = start + int(PING_S * NS)

        def turn() -> None:
            nonlocal slot, next_ping
            # nothing but the schedule says when: the loop looks at its sockets and comes back at once
            due = min(total, (clock() - start) * rate // NS + 1)
            while slot < due:
                self._request(slot)
                slot += 1
            if clock() >= next_ping:
                next_ping += int(PING_S * NS)
                self._ping()
            if slot < total:
                loop.call_soon(turn)
            else:
                done.set_result(None)

        loop.call_soon(turn)
        await done
        return start

    def _request(self, slot: int) -> None:
        load = self.load
        login = slot % load.logins
        at = login % load.sockets
        line = self._lines[at]
        if not line.open:
            return
        step = load.step(slot)
        cid = b"%08d" % slot
        templates = self._templates[login]
        if step in {CANCEL, CANCEL_OLD}:
            of = load.cancels(slot)
            if of is None:
                text = templates[ASSET] % cid
            else:
                # an order that is not answered yet has no number: then all of the symbol
                number = b"0" if load.crowded and at == 0 else self._numbers.get(of)
                text = templates[CANCEL] % (cid, b'"%b"' % number if number else b"")
        elif step in {OPEN, ASSET}:
            text = templates[step] % cid
        else:
            text = templates[step] % (cid, 1 + slot // load.logins % 3)
        self._sent[slot] = time.perf_counter_ns()
        line.send(text)

    async def _crowd(self, line: Line) -> None:
        """Have a client rest many orders."""
        orders = [login for login in range(0, self.load.logins, self.load.sockets) for _ in range(STALLED_ORDERS)]
        for first in range(0, len(orders), STALLED_RATE):
            for login in orders[first : first + STALLED_RATE]:
                # an id that no request of the load has
                line.send(self._templates[login][AWAY] % (b"99999999", 1))
            await asyncio.sleep(0.1)

    def _ping(self) -> None:
        text = b'{"op":"ping","ts":%d}' % (time.time_ns() // 1_000_000)
        for line in self._lines:
            if line.open:
                line.send(text)

    async def _clear(self) -> None:
        """Cancel what is left of each login, at the load's own pace."""
        for login in range(self.load.logins):
            line = self._lines[self.load.socket(login)]
            if line.open:
                self._sent[self.load.requests + login] = time.perf_counter_ns()
                line.send(self._templates[login][CANCEL] % (b"%08d" % (self.load.requests + login), b""))
            if login % 20 == 0:
                await asyncio.sleep(0.002)

    async def _settled(self, slots: int) -> bool:
        """Wait until as many answers came as there must be, and nothing more comes for a while."""
        end = time.monotonic() + SETTLE_S
        skipped = {0} if self.load.crowded else set()
        lines = [line for at, line in enumerate(self._lines) if at not in skipped]
        expected = sum(
            1 for slot in range(slots) if self._sent[slot] and self.load.socket(self.load.login(slot)) not in skipped
        )
        before, same_since = -1, time.monotonic()
        while time.monotonic() < end:
            came = sum(len(line.came) for line in lines)
            if came != before:
                before, same_since = came, time.monotonic()
            elif time.monotonic() - same_since > QUIET_S and came >= expected:
                return True
            await asyncio.sleep(0.05)
        return False


def _templates(token: bytes) -> dict[str, bytes]:
    tail = b'","token":"%b"' % token
    symbol = b'"symbol":"%b"' % SYMBOL.encode()

    def place(action: bytes, price: bytes, order_type: bytes) -> bytes:
        return (
            _PLACED
            + b"%b"
            + tail
            + b',%b,"action":"%b","price":%b,"quantity":0.00%%d,"order_type":"%b"}'
            % (symbol, action, price, order_type)
        )

    return {
        REST: place(b"SELL", b"3000", b"LIMIT"),
        TAKE: place(b"BUY", b"3000", b"IOC"),
        AWAY: place(b"BUY", b"2000.5", b"LIMIT"),
        CANCEL: b'{"op":"cancel_order","cid":"%b' + tail + b"," + symbol + b',"order_nos":[%b]}',
        OPEN: b'{"op":"open_orders","cid":"%b' + tail + b"," + symbol + b"}",
        ASSET: b'{"op":"asset","cid":"%b' + tail + b"}",
    }


def _stall(line: Line) -> None:
    """Have a client read nothing any more, and the system take little for it."""
    transport = line.transport.underlying_transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    transport.pause_reading()
