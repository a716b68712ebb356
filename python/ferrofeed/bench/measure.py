"""One measurement: a sender process, a receiver process, and what came of it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ferrofeed.bench import workload
from ferrofeed.bench.meter import ReceiveJob
from ferrofeed.bench.scraping import scraping
from ferrofeed.bench.sender import SendJob
from ferrofeed.errors import FerrofeedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ferrofeed.bench.workload import Books, Workload

SETUP_S: Final = 30.0
PATIENCE_S: Final = 180.0
END_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A receiver: a command that takes a :class:`ReceiveJob` in JSON as its last argument."""

    name: str
    command: tuple[str, ...]
    mode: str = ""
    counts: bool = True
    """Whether it knows how many frames came; where not, the sender ends the connection behind the last one."""
    books: bool = True
    """Whether it keeps books."""
    folder: str | None = None
    """Where the command runs; None: here."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is sent, and how."""

    load: str
    frames: int
    instruments: int = 10
    connections: int = 1
    tls: bool = False
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Pinning:
    """CPUs of the two processes; None: as the kernel likes."""

    sender: int | None = None
    receiver: int | None = None


OURS: Final = (sys.executable, "-m", "ferrofeed.bench.receiver")
FERROFEED: Final = Contestant("ferrofeed", OURS, mode="plain")


class MeasurementError(FerrofeedError):
    """A contestant did not do its work: there is no figure to show."""


@functools.cache
def _load(name: str, instruments: int) -> Workload:
    return workload.build(name, instruments=instruments)


def whole_blocks(frames: int, load: Workload, connections: int = 1) -> int:
    """The nearest number of frames that is whole blocks on every connection, at least one."""
    unit = len(load.payloads) * connections
    return max(1, round(frames / unit)) * unit


def measure(contestant: Contestant, setting: Setting, pinning: Pinning, *, scrape_every: int = 1) -> dict[str, Any]:
    """Run once; gives what the receiver measured and both sides' ``stamps``. Raises :class:`MeasurementError`.

    ``scrape_every``: of a receiver that has metrics, in seconds; what was seen is in ``scrapes`` then.
    """
    load = _load(setting.load, setting.instruments)
    block = sum(map(len, load.frames()))
    with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-") as folder, contextlib.ExitStack() as stack:
        paced = setting.rate > 0
        sent_at, got_at = (str(Path(folder) / name) if paced else "" for name in ("sent", "got"))
        send = SendJob(
            load=setting.load,
            frames=setting.frames,
            instruments=setting.instruments,
            connections=setting.connections,
            tls=setting.tls,
            rate=setting.rate,
            close=not contestant.counts,
            cpu=pinning.sender,
            stamps=sent_at,
        )
        sender = _Process(stack, "the sender", [sys.executable, "-m", "ferrofeed.bench.sender", send.to_json()])
        where = json.loads(sender.line(SETUP_S))
        receive = ReceiveJob(
            url=where["url"],
            ca=where["ca"],
            load=setting.load,
            frames=setting.frames,
            bytes=block * (setting.frames // len(load.payloads)) if not paced else 0,
            instruments=setting.instruments,
            connections=setting.connections,
            mode=contestant.mode,
            cpu=pinning.receiver,
            stamps=got_at,
        )
        receiver = _Process(stack, contestant.name, [*contestant.command, receive.to_json()], contestant.folder)
        word, _, metrics = receiver.line(SETUP_S).strip().partition(" ")
        if word != "ready":
            raise MeasurementError(f"{contestant.name} did not get ready")
        scrapes = stack.enter_context(scraping(metrics, receiver.pid, scrape_every)) if metrics else None
        sender.say("go")
        sent = json.loads(sender.line())
        result: dict[str, Any] = json.loads(receiver.line())
        sender.say("end")
        _check(contestant, setting, load, result)
        if scrapes is not None:
            result["scrapes"] = asdict(scrapes)
        if paced:
            result["stamps"] = (sent["start_ns"], _stamps(sent_at), _stamps(got_at))
        result["ns_per_frame"] = result["cpu_ns"] / setting.frames
        return result


def _stamps(path: str) -> Any:
    import numpy as np  # noqa: PLC0415  # slow to import, and only latencies need it

    return np.fromfile(path, dtype=np.int64)


def _check(contestant: Contestant, setting: Setting, load: Workload, result: dict[str, Any]) -> None:
    if contestant.counts and result["frames"] != setting.frames:
        raise MeasurementError(f"{contestant.name} saw {result['frames']} of {setting.frames} frames")
    if contestant.books and load.books and not setting.rate:
        wrong = different_books(load.books, result["books"])
        if wrong:
            raise MeasurementError(f"{contestant.name}: the book of {wrong[0]} is not what was sent")
    result.pop("books")


def different_books(expected: Books, found: dict[str, Any]) -> list[str]:
    """Symbols whose books differ, as exact decimals."""

    def exact(book: Sequence[Any]) -> list[list[tuple[Decimal, Decimal]]]:
        return [[(Decimal(str(price)), Decimal(str(size))) for price, size in side] for side in book]

    return [symbol for symbol, book in expected.items() if symbol not in found or exact(book) != exact(found[symbol])]


class _Process:
    """A process that talks in lines; ended with its stack, whatever happens."""

    def __init__(self, stack: contextlib.ExitStack, name: str, command: list[str], folder: str | None = None) -> None:
        self._name = name
        # NumPy's idle threads would spin into the measurement; nothing here multiplies matrices
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=env, cwd=folder)  # noqa: S603
        stack.callback(self._end)

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self, patience_s: float = PATIENCE_S) -> str:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], patience_s)
        if not readable:
            raise MeasurementError(f"{self._name} said nothing for {patience_s:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise MeasurementError(f"{self._name} ended with exit code {self._process.wait(END_S)}")
        return line

    def say(self, word: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        for last_word in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(END_S)
            except subprocess.TimeoutExpired:
                last_word()
        self._process.wait()
