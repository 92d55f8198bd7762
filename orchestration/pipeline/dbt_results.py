"""What dbt's last run says about the nodes that failed."""

from __future__ import annotations

import json
from pathlib import Path

SHOWN = 5
MESSAGE_LENGTH = 400


def failed_nodes(target: Path) -> list[str]:
    """One sentence per failed model, seed or test, the first few of them."""
    try:
        results = json.loads((target / "run_results.json").read_bytes())["results"]
    except (OSError, ValueError, KeyError):
        return []
    failed = [result for result in results if result["status"] in {"error", "fail", "runtime error"}]
    told = [
        f"{_named(result['unique_id'])} failed: {' '.join(str(result.get('message') or '').split())[:MESSAGE_LENGTH]}."
        for result in failed[:SHOWN]
    ]
    if len(failed) > SHOWN:
        told.append(f"{len(failed) - SHOWN} more failed; see run_results.json in {target}.")
    return told


def _named(unique_id: str) -> str:
    kind, _, name = unique_id.partition(".")
    return f"dbt {kind} {name.split('.')[1] if '.' in name else name}"
