"""Rendering a site: alone or shared by several processes it comes to the same, and long work says how far it is."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.first_load import load
from sandbox.model import Tool
from sandbox.organisation import simulate
from sandbox.progress import Progress, silent
from sandbox.store import Store

TABLES = {
    Tool.JIRA_CLOUD: ("issues", "documents", "issue_keys", "issue_sprints", "issue_links", "worklogs", "resources"),
    Tool.AZURE_DEVOPS: ("work_items", "revisions", "links", "item_sprints", "resources"),
}


@pytest.mark.slow
def test_sharing_the_work_changes_nothing(tmp_path: Path) -> None:
    simulate(6, 2500, datetime(2026, 6, 1, tzinfo=UTC), tmp_path)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for tool, tables in TABLES.items():
            contents = []
            for workers in (None, pool):
                path = tmp_path / f"{tool.value}-{workers is None}.sqlite"
                make = Store.azure_devops if tool is Tool.AZURE_DEVOPS else Store.jira
                store = make(path, is_new=True)
                load(tmp_path, tool, store, Progress(silent, "Rendered", 1), workers)
                contents.append({table: store.rows(f"select * from {table}") for table in tables})
                store.close()
            assert all(contents[0].values())
            assert contents[0] == contents[1]


def test_progress_is_said_with_counts_and_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 4.0, 5.0, 10.0, 10.0])
    monkeypatch.setattr("sandbox.progress.time.monotonic", lambda: next(clock))
    said: list[str] = []
    progress = Progress(said.append, "Rendered", 1_000)
    for more in (100, 300, 100, 500):
        progress(more)
    progress.end()
    assert said == [
        "Rendered: 400 of 1,000 items (40%), 100 a second, 6 s left",
        "Rendered: 1,000 of 1,000 items (100%), 100 a second, 0 s left",
        "Rendered: 1,000 items in 10 s (100 a second)",
    ]


def test_short_work_says_nothing() -> None:
    said: list[str] = []
    progress = Progress(said.append, "Rendered", 10)
    progress(10)
    progress.end()
    assert said == []
