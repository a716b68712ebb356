"""Running ``ferrofeed`` as its users do: as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PACKAGE = Path(__file__).parents[2] / "python"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command line in an empty folder with only this environment."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ferrofeed", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "COLUMNS": "120", **environment},
            capture_output=True,
            text=True,
            timeout=25,
            check=False,
        )

    return run
