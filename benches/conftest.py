"""Loads for the Python-level benches. A round is one whole block: divide by its 4,000 messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ferrofeed import _core
from ferrofeed.bench import machine, workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from ferrofeed.bench.workload import Workload


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not _core.release_build and items:
        pytest.exit("this is a debug build of the Rust core: its times say nothing", returncode=2)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:  # noqa: ARG001
    machine_info["ferrofeed"] = machine.describe(("orjson", "msgspec"))


@pytest.fixture(autouse=True)
def _groups(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> None:
    """What does the same work stands together in the table."""
    call = getattr(request.node, "callspec", None)
    benchmark.group = request.path.stem.removeprefix("test_") + (f" {call.params['name']}" if call else "")


@pytest.fixture(scope="session")
def load() -> Callable[[str], Workload]:
    made: dict[str, Workload] = {}

    def get(name: str) -> Workload:
        if name not in made:
            made[name] = workload.build(name)
        return made[name]

    return get
