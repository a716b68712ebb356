"""A plain client of the quant trading API, and what its messages must look like. Numbers are exact."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import threading
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

D = Decimal
ETH = "ETH/USDT"
DEADLINE_S = 30.0
Message = dict[str, Any]
_T = TypeVar("_T")


def _once(pairs: list[tuple[str, Any]]) -> Message:
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"a name twice: {names}"
    return dict(pairs)


def _never(text: str) -> None:
    raise AssertionError(f"no JSON number: {text}")


def read(text: str | bytes) -> Message:
    """Every number becomes a Decimal: what should be one and is text or a boolean is told apart."""
    message = json.loads(text, parse_int=Decimal, parse_float=Decimal, parse_constant=_never, object_pairs_hook=_once)
    assert isinstance(message, dict)
    return message


def write(message: Message) -> str:
    """Decimals as JSON numbers with all their digits."""
    text = json.dumps(
        {name: f"\0{value}\0" if isinstance(value, Decimal) else value for name, value in message.items()}
    )
    return text.replace('"\\u0000', "").replace('\\u0000"', "")


# expectations


def text(value: object) -> bool:
    """Any text that is not empty."""
    return isinstance(value, str) and value != ""


def number(value: object) -> bool:
    """Any number."""
    return isinstance(value, Decimal)


def millis(value: object) -> bool:
    """A time of the last day, in whole ms."""
    now = time.time_ns() // 1_000_000
    return isinstance(value, Decimal) and value == int(value) and now - 86_400_000 < value <= now + 60_000


def exact(found: object, wanted: object, path: str = "message") -> None:
    """The same names, types and values; a function in ``wanted`` judges a value."""
    if callable(wanted):
        assert wanted(found), f"{path}: {found!r} is no {getattr(wanted, '__name__', wanted)}"
    elif isinstance(wanted, dict):
        assert isinstance(found, dict), f"{path}: {found!r}"
        assert found.keys() == wanted.keys(), f"{path}: {sorted(found)}, expected {sorted(wanted)}"
        for name, value in wanted.items():
            exact(found[name], value, f"{path}.{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), f"{path}: {found!r}"
        assert len(found) == len(wanted), f"{path}: {found!r}, expected {wanted!r}"
        for at, value in enumerate(wanted):
            exact(found[at], value, f"{path}[{at}]")
    elif isinstance(wanted, bool | str):
        assert type(found) is type(wanted), f"{path}: {found!r}, expected {wanted!r}"
        assert found == wanted, f"{path}: {found!r}, expected {wanted!r}"
    else:
        assert isinstance(found, Decimal), f"{path}: {found!r} is no number, expected {wanted!r}"
        assert found == wanted, f"{path}: {found}, expected {wanted}"


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


def _wait(for_: Coroutine[Any, Any, _T]) -> _T:
    """All connections live on one thread: over TLS, ``websockets.sync`` writes on one and reads on another.

    Which OpenSSL forbids, and CPython does not prevent (its issue 151508): one request in a thousand was never sent.
    """
    return asyncio.run_coroutine_threadsafe(for_, _loop()).result()


class Client:
    """One connection."""

    def __init__(self, url: str, **options: Any) -> None:
        settings = {"ping_interval": None, "compression": None, "proxy": None, **options}

        async def made() -> ClientConnection:
            return await connect(url, **settings)

        self._socket = _wait(made())
        self.got: list[Message] = []
        """Everything that came, in order."""
        self.cids = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye, and wait for the answer."""
        _wait(self._socket.close())

    def send(self, message: Message | str | bytes) -> None:
        _wait(self._socket.send(write(message) if isinstance(message, dict) else message))

    def receive(self, timeout_s: float = DEADLINE_S) -> Message:
        message = read(_wait(asyncio.wait_for(self._socket.recv(), timeout_s)))
        self.got.append(message)
        return message

    def find(self, wanted: Callable[[Message], object], since: int = 0) -> Message:
        """The first such message from number ``since`` on, which may have come already."""
        for message in self.got[since:]:
            if wanted(message):
                return message
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                message = self.receive(max(0.001, end - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"never came, among {self.got[since:]}") from None
            if wanted(message):
                return message

    def ask(self, op: str, **fields: Any) -> Message:
        """Ask, and wait for the answer with that cid."""
        cid = f"c{next(self.cids)}"
        since = len(self.got)
        self.send({"op": op, "cid": cid, **fields})
        return self.find(lambda message: message.get("cid") == cid and message["op"] == op, since)

    def barrier(self) -> None:
        """Wait until all that was sent before is read."""
        mark = time.monotonic_ns()
        self.send({"op": "ping", "ts": mark})
        self.find(lambda message: message["op"] == "pong" and message["ts"] == mark)

    def login(self, platform: str, key: tuple[str, str], *symbols: str) -> Login:
        """Log in and wait until it is ready."""
        answer = self.ask(
            "login", platform=platform, symbols=list(symbols or (ETH,)), access_key=key[0], secret_key=key[1]
        )
        assert answer["result"] is True, answer
        login = Login(self, answer["token"])
        login.state(6)
        return login

    def closed(self) -> tuple[int | None, str]:
        """Wait for the end; returns code and reason of the server's close frame."""
        end = time.monotonic() + DEADLINE_S
        try:
            while time.monotonic() < end:
                self.receive(max(0.001, end - time.monotonic()))
        except ConnectionClosed as error:
            return (error.rcvd.code, error.rcvd.reason) if error.rcvd else (None, "")
        except TimeoutError:
            pass
        raise AssertionError("it was not closed")


class Login:
    """One login on a connection."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token

    def ask(self, op: str, **fields: Any) -> Message:
        return self.client.ask(op, token=self.token, **fields)

    def state(self, code: int, since: int = 0) -> Message:
        return self.client.find(lambda m: m["op"] == "state" and m["token"] == self.token and m["code"] == code, since)

    def notices(self, topic: str, since: int = 0) -> list[Any]:
        """The data of all notifications of a topic so far."""
        return [
            m["data"]
            for m in self.client.got[since:]
            if m["op"] == "notify" and m["topic"] == topic and m["token"] == self.token
        ]

    def heard(self, topic: str) -> list[Any]:
        """The same, when all that was sent before this is read."""
        self.client.barrier()
        return self.notices(topic)

    def notice(self, topic: str, since: int = 0, **wanted: Any) -> Any:
        """Wait for a notification with these values; returns its data."""

        def that(m: Message) -> bool:
            mine = m["op"] == "notify" and m["topic"] == topic and m["token"] == self.token
            return mine and all(m["data"].get(name) == value for name, value in wanted.items())

        return self.client.find(that, since)["data"]

    def place(self, action: str, price: str, quantity: str, kind: str = "LIMIT", symbol: str = ETH) -> Message:
        return self.ask(
            "place_order", symbol=symbol, action=action, price=D(price), quantity=D(quantity), order_type=kind
        )

    def placed(self, *args: str) -> str:
        """Place an order that is taken; returns its number."""
        answer = self.place(*args)
        assert answer["result"] is True, answer
        return str(answer["order_no"])

    def assets(self) -> dict[str, dict[str, Decimal]]:
        found: dict[str, dict[str, Decimal]] = self.ask("asset")["data"]
        return found
