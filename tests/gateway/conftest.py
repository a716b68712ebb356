"""Makes the helpers beside the tests importable however pytest is started; browsers and what they look at."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.gateway.chromium import Browser, Page, find_chromium  # noqa: E402 - after the path
from tests.gateway.desk import Desk, gateway  # noqa: E402
from tests.gateway.targets import Certificate  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all tests of a run."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium on this machine: `make debian` installs it, FERROFEED_CHROMIUM=/path names another")
    with Browser(program) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own, on which nothing may go wrong."""
    page = browser.page()
    page.look(1440, 900)
    yield page
    page.close()


@pytest.fixture
def desk(page: Page) -> Iterator[Desk]:
    """The console before a simulated gateway, not yet logged in."""
    with gateway(page) as sim:
        yield Desk(page, sim)


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    """A server's certificate, and whom a client trusts for it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = Certificate(*(tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem")))
    authority.cert_pem.write_to_path(str(files.authority))
    issued.private_key_pem.write_to_path(str(files.key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(files.cert), append=True)
    return files
