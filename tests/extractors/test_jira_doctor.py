"""`pmo doctor` for Jira: which scope is missing, whether ratings and worklogs can be read, what a first load costs."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import CheckLine
from extractors.errors import AccessDenied, AuthError
from extractors.jira.cost import Size, minutes_of, requests_of
from extractors.jira.scopes import needed_for
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from tests.extractors.sandbox_site import Sandbox, jira, served

MISMATCH = "Unauthorized; scope does not match"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("sandbox") / "home", items=250) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(sandbox: Sandbox) -> Iterator[None]:
    limiters._limiters.clear()
    sandbox.faults()
    yield
    sandbox.faults()


def doctor(url: str) -> dict[str, CheckLine]:
    return {line.subject: line for line in JiraSource(jira(url)).check()}


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_everything_that_an_extraction_asks_is_tried(sandbox: Sandbox, flavour: str) -> None:
    sandbox.forget_requests()
    lines = doctor(getattr(sandbox, flavour))
    assert {line.level for line in lines.values()} == {"ok"}, lines
    assert "Satisfaction" in lines["ratings"].text
    assert "histories" in lines["issues"].text
    asked = "\n".join(request["path"] for request in sandbox.requests())
    for path in ("/search", "/worklog/updated", "/worklog/list", "/configuration", "/sprint", "/filter/", "/version"):
        assert path in asked
    if flavour == "cloud":
        assert "/issue/bulkfetch" in asked
        assert "/changelog/bulkfetch" in asked
    assert len(sandbox.requests()) < 60


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/agile/1.0/board$", "read:board-scope:jira-software"),
        ("/board/[0-9]+/configuration", "read:board-scope.admin:jira-software"),
        ("/board/[0-9]+/sprint", "read:sprint:jira-software"),
        ("/filter/", "read:filter:jira"),
        ("/search/jql", "read:issue-details:jira"),
        ("/issue/bulkfetch", "read:issue:jira"),
        ("/changelog/bulkfetch", "read:issue.changelog:jira"),
        ("/worklog/updated", "read:issue-worklog:jira"),
        ("/version", "read:project-version:jira"),
        ("/myself", "read:jira-user"),
    ],
)
def test_a_scope_that_a_token_lacks_is_named(sandbox: Sandbox, path: str, scope: str) -> None:
    sandbox.faults({"match": path, "kind": "401", "text": MISMATCH, "times": None})
    bad = [line for line in JiraSource(jira(sandbox.cloud)).check() if line.level != "ok"]
    assert bad
    assert all(f"{scope}" in line.text for line in bad), bad
    assert all("JIRA_TOKEN" in line.text or line.level == "warn" for line in bad), bad


def test_a_token_without_the_scope_of_boards_lands_the_issues(sandbox: Sandbox, tmp_path: Path) -> None:
    """The 401 of a missing scope is no wrong token: each part stands for itself."""
    sandbox.faults({"match": "/board/[0-9]+/configuration", "kind": "401", "text": MISMATCH, "times": None})
    report = JiraSource(jira(sandbox.cloud)).extract(Landing(tmp_path), Run(uuid.uuid4().hex, datetime.now(UTC)))
    (boards,) = (row for row in report.coverage if row.stream == "jira/boards")
    assert "HTTP 401 Unauthorized; scope does not match" in str(boards.reason)
    assert report.count("jira/issues").landed > 50


def test_ratings_that_no_field_holds_are_told(sandbox: Sandbox) -> None:
    sandbox.faults({"match": "/field$", "kind": "empty", "times": None})
    line = doctor(sandbox.data_center)["ratings"]
    assert line.level == "warn"
    assert "Satisfaction" in line.text


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_the_cost_is_that_of_a_first_load(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    text = doctor(getattr(sandbox, flavour))["first load"].text
    told = int(re.search(r"about ([\d,]+) requests", text)[1].replace(",", ""))  # type: ignore[index]
    run = Run(uuid.uuid4().hex, datetime.now(UTC))
    report = JiraSource(jira(getattr(sandbox, flavour))).extract(Landing(tmp_path), run)
    assert 0.7 * report.requests <= told <= 1.4 * report.requests, (text, report.requests)
    worklogs = int(re.search(r"([\d,]+) worklogs", text)[1].replace(",", ""))  # type: ignore[index]
    landed = report.count("jira/worklogs").landed
    assert 0.5 * landed <= worklogs <= 2 * landed


def test_a_project_that_is_refused_is_named_and_others_are_the_sample(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.cloud}/rest/api/3/project/search", auth=("me", "sandbox-token"), timeout=10)
    projects = answer.json()["values"]
    first, second = (project["id"] for project in projects[:2])
    sandbox.faults(
        {"match": "search/jql", "asks": rf"project in \({first}\)", "kind": "403", "times": None},
        {"match": "search/jql", "asks": rf"project in \({second}\)", "kind": "empty", "times": None},
    )
    lines = JiraSource(jira(sandbox.cloud)).check()
    (bad,) = (line for line in lines if line.level == "fail")
    assert bad.subject == f"project {projects[0]['key']}"
    assert "403" in bad.text
    (cost,) = (line for line in lines if line.subject == "first load")
    assert " 0 changes each" not in cost.text


def test_the_cost_counts_what_there_is_by_kind() -> None:
    """100,000 issues: on Cloud ids by 5,000, issues by 100, histories by 500; on Data Center by 1,000 and 50."""
    size = Size(
        True, 100_000, 3, boards=40, sprints=900, scrum_boards=30, histories=15, worklogs=2, reports_per_board=6
    )
    cloud = requests_of(size)
    assert cloud["ids"] == 3 + 20
    assert cloud["issues"] == 1_000
    assert cloud["histories"] == 200 + 200, "of each answer one is counted where they differ in length"
    assert cloud["worklogs"] == 2 + 2 * 200
    assert cloud["sprints"] == 30 * (1 + 1 + 6)
    data_center = requests_of(Size(False, 100_000, 3, histories=15))
    assert data_center["ids"] == 3 + 100
    assert data_center["issues"] == 2_000
    assert data_center["histories"] == 0
    slow = Size(True, 100_000, 3, histories=15, issue_seconds=0.02, call_seconds=0.3)
    assert minutes_of(slow) == 4  # 2,000 s of issues and 430 small calls, ten at a time


def test_only_a_lack_of_scope_is_called_one() -> None:
    refused = AccessDenied("a", "GET /rest/agile/1.0/board/3/sprint on x", 401, detail=MISMATCH)
    assert needed_for(refused) == "The token needs the scope read:sprint:jira-software."
    assert needed_for(AccessDenied("a", "GET /rest/api/3/field on x", 403, detail="No permission")) == ""
    assert needed_for(AuthError("a", "GET /rest/api/3/field on x", 401, detail="Expired")) == ""
    assert needed_for(AccessDenied("a", "GET /other on x", 401, detail=MISMATCH)) == "The token lacks a scope."
