"""Hourly runs for long: what is on the disk, and what every run has to look at, stay bounded. Scaled down: six weeks of
thirty-five runs; `python -m tests.bench.year` lives a whole year and measures it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extractors.landing import Landing
from extractors.maintenance import LOOSE_FILES
from tests.bench.year import CHANGED, CONNECTION, first_load, live

ISSUES, WEEKS, RUNS = 300, 6, 35


@pytest.mark.slow
def test_many_small_runs_leave_few_files_and_every_row(tmp_path: Path) -> None:
    first_load(tmp_path, ISSUES)
    weekly = []
    for one in live(tmp_path, WEEKS * RUNS, ISSUES, week=RUNS):
        looked_at = {table.name: len(table.all_files()) for table in Landing(tmp_path).tables()}
        assert max(looked_at.values()) <= LOOSE_FILES + 1, looked_at
        if one.maintained_cpu is not None:
            weekly.append(one)
    landing = Landing(tmp_path)
    tables = [table for table in landing.tables() if table.open() is not None]
    # One file of each table and of the ledger; of the log, a checkpoint or two and the commits of about a month.
    assert [one.files for one in weekly] == [len(tables) + 1] * WEEKS
    logs = [one.log_files or 0 for one in weekly]
    assert logs[-1] - logs[-2] < (logs[1] - logs[0]) / 2
    assert landing.latest("jira/issues", CONNECTION.id, ["record_id"]).num_rows == ISSUES + WEEKS * RUNS
    changes = landing.table("jira/issue_changes")
    assert sum(file.rows for file in changes.all_files()) == 10 * ISSUES + WEEKS * RUNS * (CHANGED + 1)
    batches = landing.batches()
    assert len(batches) == 1 + 2 * WEEKS * RUNS
    for row in batches:
        for part in json.loads(row.streams):
            names = {file.path.name for file in landing.table(part["stream"]).all_files()}
            assert names.issuperset(part["files"])
            assert part["files"]
