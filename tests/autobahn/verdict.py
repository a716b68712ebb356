"""Reads the suite's report: every case must pass, in what was echoed and in how the connection was closed."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

PASS = {"OK", "NON-STRICT", "INFORMATIONAL"}
SECTIONS = {"1", "2", "3", "4", "5", "6", "7", "10"}


def main(path: str) -> int:
    agents = json.loads(Path(path).read_text(encoding="utf-8"))
    (cases,) = agents.values()
    failed = {
        name: result
        for name, result in cases.items()
        if result["behavior"] not in PASS or result["behaviorClose"] not in PASS
    }
    tally = collections.Counter(result["behavior"] for result in cases.values())
    missing = SECTIONS - {name.split(".")[0] for name in cases}
    print(f"autobahn: {len(cases)} cases: " + ", ".join(f"{count} {name}" for name, count in sorted(tally.items())))  # noqa: T201
    for name, result in sorted(failed.items()):
        print(f"autobahn: case {name}: {result['behavior']}, close: {result['behaviorClose']}")  # noqa: T201
    if missing:
        print(f"autobahn: sections that did not run: {', '.join(sorted(missing))}")  # noqa: T201
    return 1 if failed or missing or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
