"""Requests gone wrong, in a way that a seed decides."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from tests.gateway.client import ETH
from tests.gateway.hostile import order

WORDS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 10**400, -(10**30), 1e308, 5e-324, "", " ", "\0", "\ud83d\ude00", "\u202e", "x" * 5000),
    *([], {}, [[]], {"": {}}, ["1", 1], [None] * 300, {"a": {"b": {"c": []}}}, "NaN", "1e999", "-0", "BUY", "1000"),
)
CHARS = '{}[]",:\\/ \t\n0123456789.eE+-truefalsn\x7fé€\U0001f600'


def requests(token: str) -> list[dict[str, Any]]:
    """A good one of every operation but the login, which would be taken."""
    return [
        order(token),
        order(token, order_type="MARKET", price=0),
        {"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": ["1", "2"]},
        {"op": "cancel_order", "cid": "c", "token": token, "symbol": ETH, "order_nos": []},
        *({"op": op, "cid": "c", "token": token, "symbol": ETH} for op in ("open_orders", "position", "symbol_info")),
        *({"op": op, "cid": "c", "token": token} for op in ("asset", "logout", "status")),
        {"op": "kill", "cid": "c", "token": token, "reason": "abuse"},
        {"op": "clear_kill", "cid": "c", "token": token, "who": "abuse"},
        {"op": "ping", "ts": 1},
    ]


def mutations(seed: int, count: int, tokens: list[str]) -> Iterator[bytes]:
    """So many texts in UTF-8: most are no request any more, none has a token that is good where it is sent."""
    rng = random.Random(seed)
    good = [one for token in tokens for one in requests(token)]
    ways = (_cut, _swapped, _doubled, _typed, _typed, _without, _renamed, _deep, _random, _repeated)
    for _ in range(count):
        yield rng.choice(ways)(rng, rng.choice(good)).encode("utf-8", "replace")


def _cut(rng: random.Random, message: dict[str, Any]) -> str:
    text = json.dumps(message)
    return text[: rng.randrange(len(text))]


def _swapped(rng: random.Random, message: dict[str, Any]) -> str:
    chars = list(json.dumps(message))
    for _ in range(rng.randint(1, 4)):
        chars[rng.randrange(len(chars))] = rng.choice(CHARS)
    return "".join(chars)


def _doubled(rng: random.Random, message: dict[str, Any]) -> str:
    text = json.dumps(message)
    start, end = sorted(rng.sample(range(len(text)), 2))
    return text[:end] + text[start:]


def _typed(rng: random.Random, message: dict[str, Any]) -> str:
    return json.dumps({**message, rng.choice(list(message)): rng.choice(WORDS)}, ensure_ascii=rng.random() < 0.5)


def _without(rng: random.Random, message: dict[str, Any]) -> str:
    left_out = rng.choice(list(message))
    return json.dumps({name: value for name, value in message.items() if name != left_out})


def _renamed(rng: random.Random, message: dict[str, Any]) -> str:
    op = rng.choice(["", "PLACE_ORDER", "place_orders", "notify", "state", "error", "pong", "\0", "x" * 3000])
    return json.dumps({**message, "op": op})


def _deep(rng: random.Random, message: dict[str, Any]) -> str:
    depth = rng.choice([10, 200, 3000])
    opening, closing = rng.choice([("[", "]"), ('{"a":', "}")])
    return json.dumps(message)[:-1] + ',"deep":' + opening * depth + "1" + closing * depth + "}"


def _random(rng: random.Random, message: dict[str, Any]) -> str:  # noqa: ARG001  # as all of them
    return "".join(rng.choice(CHARS) for _ in range(rng.randrange(60)))


def _repeated(rng: random.Random, message: dict[str, Any]) -> str:
    name = rng.choice(list(message))
    return json.dumps(message)[:-1] + f", {json.dumps(name)}: {json.dumps(rng.choice(WORDS))}}}"
