"""Where a message's time goes, stage by stage: the layers of the criterion bench ``pipeline``, and their instructions.

Layers contain one another, so a stage is a difference: ``book`` less ``decode`` is the book; ``pipeline`` less
``wire`` less ``book`` is accounting, stamps and histograms; ``conflate`` less ``pipeline`` is handing on. A
difference of two noisy medians is noisier still, and a pipeline that does two layers at once makes one negative:
believe the instructions first.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches import cargo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LAYERS: Final = ("wire", "decode", "book", "pipeline", "conflate")
STAGES: Final = ("wire", "decode", "book", "accounts and histograms", "hand on")
MESSAGES: Final = 4_000
"""Of a pass."""
SHORT, LONG = 2, 6
LOADS: Final = ("ziario ticker", "itick quote", "itick trade", "itick depth 5x5", "itick depth 20x20", "itick mix")


def split(layers: Mapping[str, float]) -> dict[str, float]:
    """Stages from layers."""
    parts = (
        layers["wire"],
        layers["decode"],
        layers["book"] - layers["decode"],
        layers["pipeline"] - layers["wire"] - layers["book"],
        layers["conflate"] - layers["pipeline"],
    )
    return dict(zip(STAGES, parts, strict=True))


def known() -> list[str]:
    """Loads of the bench."""
    return cargo.output("pipeline", "--list-loads").splitlines()


def measure(progress: Callable[[str], None], *, counted: bool = True) -> dict[str, Any]:
    """Times (every pass, ns a message) and instructions by load and layer; ``without``: why there are none."""
    loads = [load for load in LOADS if load in known()]
    progress("stages: times")
    rows = json.loads(cargo.output("pipeline", "--json", *loads))
    for row in rows:
        medians = {name: statistics.median(samples) for name, samples in row["layers"].items()}
        row["stages_ns"] = split(medians)
    without = "not asked for" if not counted else "" if shutil.which("valgrind") else "valgrind is not installed"
    if not without:
        with tempfile.TemporaryDirectory(prefix="ferrofeed-bench-") as folder:
            for row in rows:
                progress(f"stages: instructions of {row['load']}")
                layers = {layer: instructions(layer, row["load"], Path(folder)) for layer in LAYERS}
                row["instructions"] = layers
                row["stages_instructions"] = split(layers)
    return {"rows": rows, "without": without}


def instructions(layer: str, load: str, folder: Path) -> float:
    """Of a message: two runs of different length subtracted, so that start-up falls out."""
    short, long = (_collected(layer, load, passes, folder / f"out.{passes}") for passes in (SHORT, LONG))
    return (long - short) / ((LONG - SHORT) * MESSAGES)


def profile(folder: Path, most: int) -> str:
    """The functions of the last count that cost most."""
    file = folder / f"out.{LONG}"
    text = _run(["callgrind_annotate", "--auto=no", str(file)]).stdout
    lines = [line for line in text.splitlines() if re.match(r"\s*[\d,]+ \(", line)]
    # the binary's and the toolchain's folders say nothing
    return "\n".join(re.sub(r" \[.*\]$|/rustc/\w+/", "", line) for line in lines[1 : most + 1])


def _collected(layer: str, load: str, passes: int, out: Path) -> int:
    done = _run(
        [
            "valgrind",
            "--tool=callgrind",
            "--toggle-collect=*Layer*::pass*",
            f"--callgrind-out-file={out}",
            str(cargo.binary("pipeline")),
            *("--count", layer, load, str(passes)),
        ]
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind said nothing of use:\n{done.stderr}")
    return int(found[1])


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
