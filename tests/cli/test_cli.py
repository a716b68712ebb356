"""Exit codes, help, and how every kind of ending is told: one clear line, and no trace unless asked for."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferrofeed import cli
from ferrofeed.config import ConfigError, Problem, Secret
from ferrofeed.errors import UsageError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Capture = pytest.CaptureFixture[str]
PACKAGE = Path(cli.__file__).parents[1]
Install = Callable[[Callable[[argparse.Namespace], int]], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a command of the test's own in the place of ``check``."""

    def install(run: Callable[[argparse.Namespace], int]) -> None:
        module = ModuleType("ferrofeed.commands.check")
        module.run = run  # type: ignore[attr-defined]
        module.add_arguments = lambda parser: parser.add_argument("--level", type=int)  # type: ignore[attr-defined]
        monkeypatch.setattr("ferrofeed.cli.import_module", {"ferrofeed.commands.check": module}.__getitem__)

    return install


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(_: argparse.Namespace) -> int:
        raise error

    return run


def test_help_lists_the_commands_that_are_there_and_teaches(run: Run) -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "check a configuration and print what it comes to" in done.stdout
    assert "first steps:" in done.stdout
    assert "exit codes:" in done.stdout


def test_a_command_explains_itself_with_examples(run: Run) -> None:
    done = run("check", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ferrofeed check -c feed.toml --json" in done.stdout
    assert "wrong usage or configuration" in done.stdout


def test_version(run: Run) -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("ferrofeed ")
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "usage: ferrofeed"),
        (("chekc",), "invalid choice: 'chekc'"),
        (("check",), "the following arguments are required: -c/--config"),
        (("check", "-c", "x.toml", "--jsn"), "unrecognized arguments: --jsn"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("check", "--conf", "x.toml"), "the following arguments are required: -c/--config"),
    ],
)
def test_wrong_usage_is_2_and_on_stderr(run: Run, arguments: tuple[str, ...], word: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_commands_whose_module_is_missing_are_not_offered(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    there = {"ferrofeed.commands.sim", "ferrofeed.commands.check"}
    monkeypatch.setattr(cli, "_exists", there.__contains__)  # of sim, the simulators themselves are missing
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    commands = capsys.readouterr().out.partition("COMMAND\n")[2].partition("\n\n")[0]
    assert re.findall(r"^    (\w+)", commands, re.MULTILINE) == ["check"]


def test_help_imports_no_command() -> None:
    code = (
        "import sys\nfrom ferrofeed.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules if m.startswith('ferrofeed.commands.')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_arguments_and_the_result_pass_through(install: Install) -> None:
    install(lambda args: args.level)
    assert cli.main(["check", "--level", "7"]) == 7
    assert cli.main(["--debug", "check", "--level", "0"]) == 0


def test_a_bad_configuration_is_2_with_a_line_per_problem(install: Install, capsys: Capture) -> None:
    install(raising(ConfigError([Problem("f", "a", "found 1", "2"), Problem("f", "b", "found 3", "4", '"5"')])))
    assert cli.main(["check"]) == 2
    assert capsys.readouterr().err == (
        "error: f: a: found 1, expected 2\n"
        'error: f: b: found 3, expected 4; did you mean "5"?\n'
        "ferrofeed: 2 problems in the configuration\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("no such venue"), 2, "ferrofeed: no such venue\n"),
        (KeyboardInterrupt(), 130, ""),
        (ValueError("two\nlines"), 1, "ferrofeed: ValueError: two lines (--debug shows where)\n"),
        (RuntimeError(), 1, "ferrofeed: RuntimeError (--debug shows where)\n"),
        (
            FileNotFoundError(2, "No such file or directory", "frames.txt"),
            1,
            "ferrofeed: FileNotFoundError: [Errno 2] No such file or directory: 'frames.txt' (--debug shows where)\n",
        ),
    ],
)
def test_every_ending_has_its_code_and_its_line(
    install: Install, capsys: Capture, error: BaseException, code: int, line: str
) -> None:
    install(raising(error))
    assert cli.main(["check"]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", line)


@pytest.mark.parametrize("arguments", [["check", "--debug"], ["--debug", "check"]])
def test_debug_shows_the_trace(install: Install, capsys: Capture, arguments: list[str]) -> None:
    install(raising(ValueError("why")))
    assert cli.main(arguments) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("ValueError: why\nferrofeed: ValueError: why\n")


# the fixtures of this test hold no state that one example could leave to the next
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.text(st.characters(exclude_categories=("C", "Z")), min_size=4).map("§{}§".format),
    debug=st.booleans(),
    kind=st.sampled_from([ValueError, UsageError, OSError, KeyError]),
)
def test_no_secret_in_any_ending(
    install: Install, capsys: Capture, value: str, kind: type[Exception], *, debug: bool
) -> None:
    secret = Secret(value)
    install(raising(kind(f"handshake with {secret.reveal()} failed")))
    cli.main(["check", *["--debug"] * debug])
    out, err = capsys.readouterr()
    assert "***" in err
    assert value not in out + err


def test_a_reader_that_leaves_early_is_no_drama() -> None:
    code = (
        "import sys, types\nfrom ferrofeed import cli\n"
        "m = types.SimpleNamespace(add_arguments=lambda p: None,"
        " run=lambda a: [sys.stdout.write('x' * 1000 + chr(10)) for _ in range(10_000)] and 0)\n"
        "cli.import_module = lambda name: m\n"
        "sys.exit(cli.main(['check']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("xxx")
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(20) == 1


def test_ctrl_c_is_130_and_quiet() -> None:
    code = (
        "import os, signal, types\nfrom ferrofeed import cli\nimport sys\n"
        "m = types.SimpleNamespace(add_arguments=lambda p: None,"
        " run=lambda a: os.kill(os.getpid(), signal.SIGINT) or signal.pause())\n"
        "cli.import_module = lambda name: m\n"
        "sys.exit(cli.main(['check']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGINT, "", "")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, ferrofeed\n"
        "heavy = {'numpy', 'picows', 'uvloop', 'asyncio', 'rich', 'prometheus_client', 'ferrofeed._core'}\n"
        "heavy &= sys.modules.keys()\n"
        "print(sorted(heavy), ferrofeed.__version__, ferrofeed.Feed.__name__)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\] \d+\.\d+\.\d+\S* Feed\n", done.stdout)
