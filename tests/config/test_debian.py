"""``scripts/debian``: what it says, and that it installs what is missing and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Machine:
    """A machine with these programs, and a package manager that only notes what it is told."""

    def __init__(self, folder: Path, *programs: str, user: int = 0) -> None:
        self.folder = folder
        self.program("id", f"echo {user}")
        self.program("env", 'shift; exec "$@"')
        for name in programs:
            self.program(name, f'echo {name} "$@" >>{folder}/told; [ {name} = sudo ] && exec "$@"; exit 0')

    def program(self, name: str, does: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/bash", str(ROOT / "scripts" / "debian"), *arguments]
        environment = {"PATH": str(self.folder)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=10)

    def told(self) -> list[str]:
        """What its programs were asked to do."""
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []


def test_it_installs_what_is_missing_and_nothing_else(tmp_path: Path) -> None:
    done = Machine(tmp_path, "apt-get", "google-chrome").run()
    assert (done.returncode, done.stderr) == (0, "")
    states = [line.split()[:2] for line in done.stdout.splitlines()[:2]]
    assert states == [["there", "chromium"], ["missing", "systemd"]]
    assert done.stdout.splitlines()[2] == "installing: systemd"
    commands = ["update --quiet", "install --yes --quiet --no-install-recommends systemd"]
    assert Machine(tmp_path).told() == [f"apt-get {command}" for command in commands]


def test_printing_installs_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "apt-get", "sudo")
    done = machine.run("--print")
    assert (done.returncode, [line.split()[0] for line in done.stdout.splitlines()]) == (0, ["missing", "missing"])
    assert machine.told() == []


def test_where_all_is_there_nothing_is_done(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "apt-get", "chromium", "systemd-analyze")
    assert machine.run().returncode == 0
    assert machine.told() == []


def test_who_is_not_root_asks_sudo(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "apt-get", "sudo", "chromium", user=1000)
    assert machine.run().returncode == 0
    assert [line.split()[0] for line in machine.told()] == ["sudo", "apt-get", "sudo", "apt-get"]


@pytest.mark.parametrize(
    ("programs", "user", "why"),
    [(("apt-get",), 1000, "run this as root"), ((), 0, "apt-get was not found")],
)
def test_what_can_not_be_installed_is_said(tmp_path: Path, programs: tuple[str, ...], user: int, why: str) -> None:
    machine = Machine(tmp_path, *programs, user=user)
    done = machine.run()
    assert done.returncode == 1
    assert why in done.stderr
    assert "chromium systemd" in done.stderr
    assert machine.told() == []
