"""The poller: what it reads itself, what it leaves to the loop, and whose descriptors it holds."""

from __future__ import annotations

import gc
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.test_inline import inline, prices, trade
from tests.core.wire import CRYPTO, Wire

from ferrofeed import _core
from ferrofeed.sim.frames import frame


class Polled:
    """An upgraded reader on a real socket, an epoll instance that plays the event loop's, and the venue's end."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.near = socket.create_connection(server.getsockname())
            self.far, _ = server.accept()
        self.near.setblocking(False)
        self.wire = Wire("itick", symbols=CRYPTO).open()
        self.loop = select.epoll()
        self.loop.register(self.near.fileno(), select.EPOLLIN)
        self.poller = _core.Poller(self.loop.fileno())
        self.wire.reader.poll_with(self.poller, self.near.fileno())

    def close(self) -> None:
        for end in (self.near, self.far, self.loop):
            end.close()

    def data(self) -> int:
        count: int = self.wire.core.counters(0)["data"]
        return count

    def spin_until_data(self, count: int) -> None:
        end = time.monotonic() + 10
        while self.data() < count and time.monotonic() < end:
            self.poller.spin()
        assert self.data() == count


@pytest.fixture
def polled() -> Iterator[Polled]:
    polled = Polled()
    yield polled
    polled.close()


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_reads_what_comes_however_it_is_cut(polled: Polled) -> None:
    stream = b"".join(frame(trade(str(price))) for price in range(1, 50))
    for at in range(0, len(stream), 37):
        polled.far.sendall(stream[at : at + 37])
        polled.poller.spin()
    polled.spin_until_data(49)
    batch = polled.wire.take()
    assert batch is not None
    assert [str(event.price) for event in batch if event.type == "trade"] == [str(price) for price in range(1, 50)]  # type: ignore[attr-defined]


def test_callbacks_and_notices_come_from_within(polled: Polled) -> None:
    seen: list[str] = []
    inline(polled.wire, lambda batch: seen.extend(prices(polled.wire, batch)))
    polled.far.sendall(frame(trade("1")) + frame(b"are you there", 9) + frame(trade("2")))
    polled.spin_until_data(2)
    assert seen == ["1", "2"]
    assert polled.wire.notices == [("ping", b"are you there", None)]


def test_what_is_read_already_does_not_look_like_the_loop_s(polled: Polled) -> None:
    """The loop's instance watches the same socket: it is ready with every byte, until the byte is read."""
    polled.far.sendall(frame(trade("1")))
    polled.spin_until_data(1)
    assert polled.loop.poll(0) == []


def test_the_loop_s_own_work_ends_the_spinning_and_the_next_rounds_come_at_once(polled: Polled) -> None:
    near, far = os.pipe()
    try:
        polled.loop.register(near, select.EPOLLIN)
        os.write(far, b"x")
        begin = time.monotonic_ns()
        for _ in range(60):
            polled.poller.spin()
        # each whole slice is 5 ms; sixty of them would be 300
        assert time.monotonic_ns() - begin < 200_000_000
    finally:
        os.close(near)
        os.close(far)


def test_the_end_of_the_stream_is_left_to_the_loop(polled: Polled) -> None:
    polled.far.sendall(frame(trade("1")))
    polled.far.shutdown(socket.SHUT_WR)
    polled.spin_until_data(1)
    polled.poller.spin()
    assert polled.poller.watched == 0
    assert polled.loop.poll(0)
    assert polled.near.recv(10) == b""


def test_an_error_is_left_to_the_loop(polled: Polled) -> None:
    polled.far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    polled.far.close()
    polled.poller.spin()
    assert polled.poller.watched == 0
    with pytest.raises(ConnectionResetError):
        polled.near.recv(10)


def test_paused_it_leaves_the_bytes_in_the_socket(polled: Polled) -> None:
    polled.wire.reader.set_polled(False)
    polled.wire.reader.set_polled(False)
    polled.far.sendall(frame(trade("1")))
    polled.poller.spin()
    assert (polled.poller.watched, polled.data()) == (0, 0)
    polled.wire.reader.set_polled(True)
    polled.spin_until_data(1)


def test_a_lost_connection_gives_its_descriptor_back_before_the_transport_closes_its_own(polled: Polled) -> None:
    gc.collect()
    before = descriptors()
    polled.wire.reader.connection_lost(None)
    assert descriptors() == before - 1
    assert polled.poller.watched == 0
    polled.near.close()
    # the number is another socket's now, and nobody reads that
    with socket.create_server(("127.0.0.1", 0)) as server:
        again = socket.create_connection(server.getsockname())
        other, _ = server.accept()
        with again, other:
            other.sendall(b"not a frame")
            polled.poller.spin()
            again.setblocking(False)
            assert again.recv(100) == b"not a frame"
    polled.wire.reader.set_polled(True)
    assert polled.poller.watched == 0


def test_a_lent_buffer_is_not_read_into(polled: Polled) -> None:
    view = memoryview(polled.wire.reader)
    polled.far.sendall(frame(trade("1")))
    polled.poller.spin()
    assert polled.data() == 0
    view.release()
    polled.wire.reader.set_polled(True)
    polled.spin_until_data(1)


def test_an_owner_that_raises_ends_the_connection(polled: Polled) -> None:
    aborted: list[str] = []

    class Transport:
        def abort(self) -> None:
            aborted.append("abort")

    def notify(_notices: object, _full: bool) -> None:
        raise LookupError("nobody is at home")

    wire = Wire("itick", symbols=CRYPTO)
    wire.reader = _core.Reader(wire.core, wire.venue, wire.inner, notify)
    wire.inner.reader = wire.reader
    wire.reader.connection_made(Transport())
    wire.open()
    polled.wire.reader.connection_lost(None)
    wire.reader.poll_with(polled.poller, polled.near.fileno())
    polled.far.sendall(frame(b"x", 9))
    unraisable: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.unraisablehook", lambda found: unraisable.append(found.exc_value))
        polled.poller.spin()
    assert aborted == ["abort"]
    assert [str(error) for error in unraisable] == ["nobody is at home"]


def test_other_threads_run_meanwhile(polled: Polled) -> None:
    """The interpreter is free while the poller spins and reads."""
    stop = threading.Event()
    counted = 0

    def count() -> None:
        nonlocal counted
        while not stop.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        end = time.monotonic() + 10
        while counted < 10_000 and time.monotonic() < end:
            polled.poller.spin()
    finally:
        stop.set()
        thread.join()
    assert counted >= 10_000


def test_what_is_no_descriptor_is_refused(polled: Polled) -> None:
    with pytest.raises(ValueError, match="descriptor -1"):
        _core.Poller(-1)
    with pytest.raises(OSError, match="descriptor"):
        _core.Poller(1 << 20)
    with pytest.raises(RuntimeError, match="upgraded"):
        polled.wire.reader.poll_with(polled.poller, polled.near.fileno())
    fresh = Wire("itick")
    with pytest.raises(RuntimeError, match="upgraded"):
        fresh.reader.poll_with(polled.poller, polled.near.fileno())


def test_a_poller_and_its_readers_are_collected() -> None:
    gc.collect()  # what other tests left
    polled = Polled()
    gone = weakref.ref(polled.wire)
    before = descriptors()
    polled.close()
    del polled
    gc.collect()
    assert gone() is None
    # three of the test's, the poller's (its own, the loop's, the socket's), and the board's
    assert descriptors() == before - 7
