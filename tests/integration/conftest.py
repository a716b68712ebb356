"""The real feed against the real simulators, over loopback sockets."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.integration.support import Harness, Tls  # noqa: E402  # importable only now, however pytest is started


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate authority of this session's own."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    ca = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    return Tls(server, ca)


@pytest.fixture
def harness(tls: Tls, request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Simulators and feeds that are stopped and held to account when the test ends."""
    harness = Harness(tls, busy_poll=getattr(request, "param", "sleeps") == "polls")
    try:
        yield harness
    finally:
        harness.finish()
