"""Signals come at any moment, also while the main thread holds what their action needs."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "python"
WAITS = """
import faulthandler, logging, signal, threading
from ferrofeed.signals import on_signals

faulthandler.dump_traceback_later(40, exit=True)
logging.basicConfig(format="%(message)s")
over, heard, told = threading.Event(), threading.Event(), 0

def tell(number):
    global told
    told += 1
    logging.error("%s", number.name)
    heard.set()

def stop(number):
    assert number is signal.SIGTERM
    over.set()

on_signals({signal.SIGUSR1: tell, signal.SIGTERM: stop})
print("ready", flush=True)
while not over.is_set():
    heard.wait(0.0001)
    heard.clear()
    logging.error("main")
print(told)
"""
FAULTY = """
import os, signal, threading
from ferrofeed.signals import on_signals

over = threading.Event()
on_signals({signal.SIGUSR1: lambda _: {}["nothing"], signal.SIGTERM: lambda _: over.set()})
os.kill(os.getpid(), signal.SIGUSR1)
os.kill(os.getpid(), signal.SIGTERM)
assert over.wait(20)
"""


DEAF = """
import faulthandler, os, signal, threading
from ferrofeed.signals import on_signals

faulthandler.dump_traceback_later(40, exit=True)
heard = threading.Event()
on_signals({signal.SIGUSR1: lambda _: heard.set()})
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.kill(os.getpid(), signal.SIGUSR1)
heard.wait()
"""
FORKED = """
import os, signal, time
from ferrofeed.signals import on_signals

told = []
on_signals(dict.fromkeys((signal.SIGTERM, signal.SIGUSR1), told.append))
signal.signal(signal.SIGRTMIN + 1, lambda *_: None)
ours, childs = os.pipe()
child = os.fork()
if child == 0:
    os.write(childs, b"!")
    signal.pause()
os.read(ours, 1)
os.kill(child, signal.SIGTERM)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
os.kill(os.getpid(), signal.SIGRTMIN + 1)
os.kill(os.getpid(), signal.SIGUSR1)
while not told:
    time.sleep(0.001)
assert told == [signal.SIGUSR1], told
"""
ENVIRONMENT = {"PYTHONPATH": str(PACKAGE)}


def test_a_signal_finds_no_lock_of_the_code_it_interrupts(tmp_path: Path) -> None:
    """Each is acted on, while the main thread does nothing but wait for the very event, and log."""
    with (
        (tmp_path / "stderr").open("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-c", WAITS], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(1000):
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.0005)
        process.terminate()
        told, _ = process.communicate()
        errors.seek(0)
        said = errors.read().splitlines()
    assert process.returncode == 0, "\n".join(said[-30:])
    assert int(told) > 10
    assert said.count("SIGUSR1") == int(told)
    assert set(said) == {"SIGUSR1", "main"}


def finished(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_main_thread_that_hears_nothing_keeps_none_from_being_heard() -> None:
    done = finished(DEAF)
    assert done.returncode == 0, done.stderr


def test_what_a_child_and_others_are_sent_is_not_for_us() -> None:
    done = finished(FORKED)
    assert done.returncode == 0, done.stderr


def test_an_action_that_fails_is_told_and_the_next_one_done() -> None:
    done = finished(FAULTY)
    assert done.returncode == 0, done.stderr
    assert "SIGUSR1 could not be obeyed" in done.stderr
    assert "KeyError: 'nothing'" in done.stderr
