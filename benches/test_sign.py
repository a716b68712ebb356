"""Signing a login: the Rust core against the standard library."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from ferrofeed import _core

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

KEY, TEXT = b"your_api_secret", b"api_key=your_api_key&timestamp=1701234567"
ANSWER = "e8f770e693e2c1cc568e870d874f9da3f34ceee4104f7addabfc3feb3c863371"


def test_ferrofeed_hmac(benchmark: BenchmarkFixture) -> None:
    assert benchmark(_core.hmac_sha256_hex, KEY, TEXT) == ANSWER


def test_ferrofeed_ziario(benchmark: BenchmarkFixture) -> None:
    assert benchmark(_core.ziario_signature, "your_api_key", "your_api_secret", 1701234567) == ANSWER


def test_hmac_new(benchmark: BenchmarkFixture) -> None:
    assert benchmark(lambda: hmac.new(KEY, TEXT, "sha256").hexdigest()) == ANSWER


def test_hmac_digest(benchmark: BenchmarkFixture) -> None:
    """The one-shot form, Python's fastest."""
    assert benchmark(lambda: hmac.digest(KEY, TEXT, "sha256").hex()) == ANSWER


def test_ferrofeed_sha256(benchmark: BenchmarkFixture) -> None:
    assert benchmark(_core.sha256_hex, TEXT) == hashlib.sha256(TEXT).hexdigest()
