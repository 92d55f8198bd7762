"""Jira's own sprint reports: landed as told, once for each close, and never in the way of a run."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import ExtractReport, JiraConnection
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from tests.extractors.sandbox_site import Sandbox, jira, served

STREAM = "jira/sprint_reports"
CHARTS = "/rest/greenhopper/1.0/rapid/charts"
COLUMNS = ["record_id", "sprint_id", "board_id", "issue_key", "outcome", "estimate_at_close", "completed_points"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("reports") / "home", items=200) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(sandbox: Sandbox) -> Iterator[None]:
    limiters._limiters.clear()
    sandbox.faults()
    sandbox.forget_requests()
    yield
    sandbox.faults()


def extract(home: Path, connection: JiraConnection) -> ExtractReport:
    landing = Landing(home)
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC)))
    landing.judge(connection.id, "accepted")
    return report


def landed(home: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Landing(home).latest(STREAM, "jira-a", COLUMNS).to_pylist()
    return rows


def asked(sandbox: Sandbox) -> int:
    return sum("greenhopper" in request["path"] for request in sandbox.requests())


def test_reports_of_the_latest_closed_sprints_are_landed_once(sandbox: Sandbox, tmp_path: Path) -> None:
    report = extract(tmp_path, jira(sandbox.cloud, sprint_reports=2))
    assert report.is_complete
    totals = {row["sprint_id"]: row for row in landed(tmp_path) if row["record_id"].endswith(":*")}
    assert totals
    for sprint_id, total in totals.items():
        params = {"rapidViewId": total["board_id"], "sprintId": sprint_id}
        answer = requests.get(f"{sandbox.cloud}{CHARTS}/sprintreport", params=params, auth=("me", "t"), timeout=10)
        told = {issue["key"] for issue in answer.json()["contents"]["completedIssues"]}
        rows = [row for row in landed(tmp_path) if row["sprint_id"] == sprint_id and row["outcome"] == "completed"]
        assert {row["issue_key"] for row in rows} == told
        assert total["completed_points"] == sum(row["estimate_at_close"] or 0 for row in rows)
    boards = {row["board_id"] for row in totals.values()}
    assert len(totals) <= 2 * len(boards)
    sandbox.forget_requests()
    again = extract(tmp_path, jira(sandbox.cloud, sprint_reports=2))
    assert again.is_complete
    assert asked(sandbox) == 0
    covered = [[row for row in each.coverage if row.stream == STREAM] for each in (report, again)]
    assert covered[0] == covered[1]  # a run that no longer covers a stream would hold the connection
    assert covered[0][0].got == len(totals)


@pytest.mark.parametrize("kind", ["404", "403", "html200"])
def test_a_site_that_does_not_offer_them_is_read_all_the_same(sandbox: Sandbox, tmp_path: Path, kind: str) -> None:
    sandbox.faults({"match": "greenhopper", "kind": kind})
    report = extract(tmp_path, jira(sandbox.cloud))
    assert report.is_complete
    assert landed(tmp_path) == []
    (row,) = [row for row in report.coverage if row.stream == STREAM]
    assert row.skipped > 0
    assert row.reason is not None
    assert "unpublished" in row.reason
    sandbox.faults()
    extract(tmp_path, jira(sandbox.cloud))  # they are asked for again, as none is there
    assert landed(tmp_path)


def test_zero_asks_for_none(sandbox: Sandbox, tmp_path: Path) -> None:
    report = extract(tmp_path, jira(sandbox.cloud, sprint_reports=0))
    assert asked(sandbox) == 0
    (row,) = [row for row in report.coverage if row.stream == STREAM]
    assert row.expected is None
    assert "not asked for" in str(row.reason)
