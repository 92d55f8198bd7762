"""Checks the records of the runs of a fresh clone: everything, then nothing new, then one more week and only that.

Usage: python .ci/runs.py PMO_HOME
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# Read as a whole in every run or computed by it: they say nothing about what was read incrementally.
NOT_COUNTED = {"pmo/connections", "pmo/coverage"}


def landed(record: dict[str, Any]) -> dict[str, int]:
    """New rows per connection."""
    return {
        name: sum(counts["landed"] for stream, counts in connection["streams"].items() if stream not in NOT_COUNTED)
        for name, connection in record["connections"].items()
    }


def main() -> int:
    folder = Path(sys.argv[1]) / "runs"
    records = [json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")]
    runs = [landed(record) for record in sorted(records, key=lambda record: record["started_at"])]
    for number, run in enumerate(runs, 1):
        print(f"run {number}: {run}")
    first, second, third = runs
    wrong = [f"{name}: nothing was landed at first" for name, rows in first.items() if not rows]
    wrong += [f"{name}: {rows} rows landed though nothing changed" for name, rows in second.items() if rows]
    wrong += [
        f"{name}: {rows} rows landed for one week, {first[name]} at first"
        for name, rows in third.items()
        if rows >= first[name] / 3 or (rows == 0 and not name.startswith("survey"))  # not every survey is weekly
    ]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
