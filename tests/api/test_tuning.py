"""The knobs, put into effect: on the sockets, the thread and the process, as the system itself sees them."""

from __future__ import annotations

import gc
import logging
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.api.conftest import Market

from ferrofeed import Feed, ServiceConfig, _core
from ferrofeed.commands import run
from ferrofeed.config import LoopConfig
from ferrofeed.net.tuning import SO_BUSY_POLL, Tuning

Until = Callable[..., None]


def sockets(feed: Feed) -> list[socket.socket]:
    """Duplicates of the sockets of a feed's links."""
    found = []
    for link, _ in feed.snapshots():
        assert link.carrier.socket is not None
        transport = link.carrier.socket._transport
        assert transport is not None
        found.append(transport.underlying_transport.get_extra_info("socket").dup())
    return found


def option(feed: Feed, level: int, name: int) -> int:
    (sock,) = feed._supervisor.call(lambda: sockets(feed))
    with sock:
        return sock.getsockopt(level, name)


def test_nodelay_is_on_and_nothing_else_by_default(market: Market, until: Until) -> None:
    with market.feed() as feed:
        until(feed.ready, "ready")
        assert option(feed, socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert feed._supervisor.tuning.poller is None
        thread = next(thread for thread in threading.enumerate() if thread.name == "ferrofeed")
        assert thread.native_id is not None
        assert os.sched_getscheduler(thread.native_id) == os.SCHED_OTHER


def test_the_sockets_have_what_was_asked_for(market: Market, until: Until) -> None:
    loop = LoopConfig(tcp_quickack=True, receive_buffer_bytes=100_000, so_busy_poll_us=20)
    with market.feed(loop=loop) as feed:
        until(feed.ready, "ready")
        assert option(feed, socket.SOL_SOCKET, socket.SO_RCVBUF) == 200_000
        until(lambda: option(feed, socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1, "set again whenever it is taken back")
        if os.geteuid() == 0:
            assert option(feed, socket.SOL_SOCKET, SO_BUSY_POLL) == 20


def test_polling_reads_the_plain_sockets(market: Market, until: Until) -> None:
    with market.feed(loop=LoopConfig(busy_poll=True)) as feed:
        until(feed.ready, "ready")
        poller = feed._supervisor.tuning.poller
        assert poller is not None
        assert poller.watched == 1
    assert poller.watched == 0


class Refusing:
    """A transport whose socket has no option but those a test needs."""

    def get_extra_info(self, _name: str) -> Refusing:
        return self

    def setsockopt(self, *_arguments: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    def getsockopt(self, *_arguments: int) -> int:
        return 4096


def test_what_the_system_refuses_is_told_once_and_done_without(caplog: pytest.LogCaptureFixture) -> None:
    tuning = Tuning(LoopConfig(so_busy_poll_us=50, tcp_quickack=True, receive_buffer_bytes=1 << 20))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            tuning.connected(Refusing())
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "can't set SO_RCVBUF",
        "can't set SO_BUSY_POLL",
        "can't set TCP_QUICKACK",
    ]


def test_a_smaller_buffer_than_asked_for_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as sock:

        class Transport:
            def get_extra_info(self, _name: str) -> socket.socket:
                return sock

        with caplog.at_level(logging.WARNING):
            Tuning(LoopConfig(receive_buffer_bytes=1 << 30)).connected(Transport())
    (record,) = caplog.records
    assert "net.core.rmem_max is the limit" in record.getMessage()


def test_a_scheduling_class_and_a_cpu_that_are_not_to_be_had(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.MonkeyPatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("os.sched_setscheduler", refuse)
        patch.setattr("os.sched_setaffinity", refuse)
        Tuning(LoopConfig(cpu=4000, fifo_priority=7)).thread(None)  # type: ignore[arg-type]
    texts = [record.getMessage() for record in caplog.records]
    assert texts[0].startswith("can't pin the feed's thread to CPU 4000")
    assert "LimitRTPRIO=7" in texts[1]


@pytest.mark.skipif(os.geteuid() != 0, reason="real-time scheduling needs CAP_SYS_NICE")
def test_the_thread_is_scheduled_as_asked(market: Market) -> None:
    with market.feed({"itick": ["trade"]}, loop=LoopConfig(fifo_priority=3)) as feed:
        own = feed._supervisor.call(lambda: (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority))
        # what it starts itself is ordinary again
        assert own == (os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, 3)


# the process: what `ferrofeed run` does


@pytest.fixture
def process() -> Iterator[None]:
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("process")
@pytest.mark.parametrize(
    ("mode", "frozen", "enabled"), [("freeze", True, True), ("off", True, False), ("on", False, True)]
)
def test_the_collector(mode: str, frozen: bool, enabled: bool) -> None:
    gc.unfreeze()
    run.collect(mode)
    assert (gc.get_freeze_count() > 0, gc.isenabled()) == (frozen, enabled)


@pytest.mark.usefixtures("process")
def test_the_switch_interval() -> None:
    run.tune(ServiceConfig(switch_interval_us=250))
    assert sys.getswitchinterval() == pytest.approx(250e-6)
    run.tune(ServiceConfig())
    assert sys.getswitchinterval() == pytest.approx(250e-6)


def locked_kb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmLck:")))


def test_memory_is_not_locked_where_a_limit_would_break_it_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_may_lock", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (8 << 20, 8 << 20))
    with caplog.at_level(logging.WARNING):
        run.tune(ServiceConfig(lock_memory=True))
    (record,) = caplog.records
    assert "at most 8192 kB" in record.getMessage()
    assert "LimitMEMLOCK=infinity" in record.getMessage()
    assert locked_kb() == 0


def test_memory_is_locked_where_it_may_be() -> None:
    """In a process of its own: this one's memory is not for the test to lock."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            _core.lock_memory()
            grown = bytearray(1 << 22)
            code = 0 if locked_kb() > len(grown) // 1024 else 1
        except OSError as error:
            code = 2 if error.errno else 3
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    may = run._may_lock() or resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    assert os.waitstatus_to_exitcode(status) == (0 if may else 2)
