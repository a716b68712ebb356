"""Signatures against Python's own hmac and hashlib."""

from __future__ import annotations

import hashlib
import hmac

from hypothesis import example, given
from hypothesis import strategies as st

from ferrofeed import _core

keys = st.binary(max_size=200)


@given(keys, st.binary(max_size=300))
@example(b"", b"")
@example(b"k" * 64, b"m")
@example(b"k" * 65, b"m")
def test_hmac(key: bytes, message: bytes) -> None:
    assert _core.hmac_sha256_hex(key, message) == hmac.new(key, message, hashlib.sha256).hexdigest()


@given(st.binary(max_size=300))
def test_sha256(message: bytes) -> None:
    assert _core.sha256_hex(message) == hashlib.sha256(message).hexdigest()


@given(st.text(max_size=80), st.text(max_size=80), st.integers(0, 2**40))
def test_ziario_signs_key_and_time(key: str, secret: str, seconds: int) -> None:
    text = f"api_key={key}&timestamp={seconds}"
    assert (
        _core.ziario_signature(key, secret, seconds) == hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()
    )


names = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", min_size=1, max_size=12)


@given(
    st.dictionaries(names, st.text(max_size=20), max_size=8), st.text(max_size=40), st.randoms(use_true_random=False)
)
def test_coinceres_signs_sorted_parameters(params: dict[str, str], secret: str, order: object) -> None:
    pairs = list(params.items())
    order.shuffle(pairs)  # type: ignore[attr-defined]
    text = "&".join([*(f"{name}={value}" for name, value in sorted(params.items())), f"secret={secret}"])
    assert _core.coinceres_signature(pairs, secret) == hashlib.sha256(text.encode()).hexdigest()
