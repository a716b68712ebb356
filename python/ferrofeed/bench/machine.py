"""What a figure was measured on: without it, it says nothing."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferrofeed.bench.measure import Pinning

if TYPE_CHECKING:
    from collections.abc import Iterable

BUSY = 0.3
"""A load average above so much a CPU, before anything was started, spoils figures."""


def describe(packages: Iterable[str] = ()) -> dict[str, Any]:
    """CPU, kernel, Python, load average now, and the versions of ferrofeed and of these packages."""
    versions = {}
    for package in ("ferrofeed", "picows", "aiofastnet", "uvloop", "numpy", *packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "kernel": platform.release(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_average": list(os.getloadavg()),
        "versions": versions,
    }


def busy() -> bool:
    """Whether other work runs here that will show in the figures."""
    return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)


def pinning() -> Pinning:
    """The sender on a CPU of its own, the receiver on another; as the kernel likes where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return Pinning()
    cpus = sorted(os.sched_getaffinity(0))
    return Pinning(sender=cpus[-1], receiver=cpus[0]) if len(cpus) > 1 else Pinning()


def _cpu() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""
