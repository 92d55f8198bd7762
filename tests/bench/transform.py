"""The transformation beside its limit: `dbt build` of every model and test, and a hand-written reading in DuckDB.

The limit is *not* the same work. It reads the same Parquet files once and computes two tables, status intervals and
weekly throughput, with no teams, policies, sprints, scorecard, evidence, contracts or tests. It says what reading and
the least of computing cost here; the ratio says what everything else costs on top of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.landing import Landing
from orchestration.dbt_files import dbt_environment, dbt_executable, ensure_manifest
from orchestration.paths import DBT_PROJECT, Home
from orchestration.pipeline.inputs import CONNECTIONS, SETTINGS
from orchestration.seeds import merge_seeds
from tests.bench.measure import Sample, SideFailedError, measured, module, ratios, row, table
from tests.bench.side_ours import CONNECTION


def compare(name: str, url: str, folder: Path, runs: int) -> Iterator[str]:
    """The lines of the report on what was landed in `folder`."""
    home = Home.of({"PMO_HOME": str(folder)})
    _write_inputs(home, url)
    ensure_manifest(home)  # parsing is done once for a version of the project and not counted
    command = [str(dbt_executable()), "--quiet", "build", "--exclude-resource-type", "unit_test"]
    command += ["--project-dir", str(DBT_PROJECT)]
    dbt: list[Sample] = []
    limit: list[Sample] = []
    for _ in range(runs):
        home.warehouse.unlink(missing_ok=True)
        dbt.append(measured(command, dbt_environment(home), cwd=DBT_PROJECT))
        limit.append(measured(module("side_limit", home.dbt_inputs / "streams.json", folder / "limit.duckdb")))
    models, tests = _ran(home)
    said = limit[-1].said
    size = f"{said['issues']:,} issues, {said['intervals']:,} status intervals"
    yield f"Transformation, {name}: {size}, {runs} runs a side"
    yield table(
        [
            row(f"dbt build: {models} models and seeds, {tests} tests", dbt),
            row("limit: DuckDB by hand, 2 tables", limit),
            ratios("dbt build / limit", dbt, limit),
        ]
    )


def _ran(home: Home) -> tuple[int, int]:
    results = json.loads((home.dbt_target / "run_results.json").read_bytes())["results"]
    tests = sum(result["unique_id"].startswith("test.") for result in results)
    if bad := [result["unique_id"] for result in results if result["status"] in ("error", "fail", "skipped")]:
        raise SideFailedError(f"dbt did not build {bad[:5]}")
    return len(results) - tests, tests


def _write_inputs(home: Home, url: str) -> None:
    merge_seeds(None, home.dbt_seeds)
    Landing(home.root).write_inputs(home.dbt_inputs)
    connection = {
        "connection_id": CONNECTION, "kind": "jira", "tool": "jira", "url": url,
        "position": 1, "is_held": False, "last_checked_at": datetime.now(UTC),
    }  # fmt: skip
    settings = {
        "daily_history_days": 400, "fiscal_year_start_month": 1, "min_responses": 5, "run_id": "bench",
        "pseudonym_salt": "bench",
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([connection], CONNECTIONS), home.dbt_inputs / "connections.parquet")
    pq.write_table(pa.Table.from_pylist([settings], SETTINGS), home.dbt_inputs / "settings.parquet")
