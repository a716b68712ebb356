"""``ferrofeed check``: whether a configuration is fit to run, and what it would do."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ferrofeed.config.plan import plan, render
from ferrofeed.config.schema import Config
from ferrofeed.config.secrets import redact

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ferrofeed.spec import VenueSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the configuration, in TOML")
    parser.add_argument("--json", action="store_true", help="print the plan as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Check, print the plan on standard output and warnings on standard error; nothing is connected to."""
    from ferrofeed.venues import SPECS  # noqa: PLC0415  # not needed for --help

    return check(args.config, SPECS, as_json=args.json)


def check(path: Path, specs: Mapping[str, VenueSpec], *, as_json: bool) -> int:
    """Print the plan of a file for these venues; a bad file raises :class:`~ferrofeed.errors.ConfigError`."""
    config = Config.load(path, specs=specs)
    resolved = plan(config, specs)
    for warning in config.warnings:
        sys.stderr.write(redact(f"warning: {warning}\n"))
    text = json.dumps(resolved, indent=2, ensure_ascii=False) if as_json else f"{render(resolved)}\n\n{path}: fine"
    sys.stdout.write(redact(f"{text}\n"))
    return 0
