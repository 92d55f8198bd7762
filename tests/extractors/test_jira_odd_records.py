"""Records that old servers, add-ons or half a permission make odd: each is told by name, and the others land."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.errors import BadRequest, RepeatedPage, SchemaChanged
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from extractors.oddities import PROJECT, Oddities
from sandbox.model import Tool
from tests.extractors.jira_life import living
from tests.extractors.sandbox_site import Sandbox, held_by_source, jira, landed_issues, served


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("sandbox") / "home", items=150) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "sandbox" in request.fixturenames:
        request.getfixturevalue("sandbox").faults()


def extract(home: Path, url: str, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    report = JiraSource(jira(url)).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def alive(home: Path, stream: str) -> set[str]:
    table = Landing(home).latest(stream, "jira-a", ["record_id", "is_deleted"])
    return {row["record_id"] for row in table.to_pylist() if not row["is_deleted"]}


def odd_reasons(report: ExtractReport) -> dict[str, str]:
    return {row.stream: str(row.reason) for row in report.coverage if row.project == PROJECT}


def boards_reason(report: ExtractReport) -> str:
    (row,) = (row for row in report.coverage if row.stream == "jira/boards" and row.project == "*")
    return str(row.reason)


ODD = [
    ("jira/boards", "agile/1.0/board$", {"id": None}),
    ("jira/boards", "agile/1.0/board$", {"location": "nowhere"}),
    ("jira/sprints", "board/[0-9]+/sprint$", {"id": "x"}),
    ("jira/sprints", "board/[0-9]+/sprint$", {"name": {"en": "Sprint"}}),
    ("jira/statuses", "rest/api/./status$", {"statusCategory": 4}),
    ("jira/issue_types", "rest/api/./issuetype$", {"name": 7}),
    ("jira/versions", "project/[0-9]+/versions?$", {"id": None}),
    ("jira/versions", "project/[0-9]+/versions?$", {"name": ["1.0"]}),
    ("jira/fields", "rest/api/./field$", {"schema": "text"}),
    ("jira/projects", "rest/api/.*/project(/search)?$", {"projectCategory": "none"}),
]


@pytest.mark.parametrize("flavour", ["cloud", "data_center"])
def test_one_odd_entry_of_a_list_is_told_and_nothing_is_lost(sandbox: Sandbox, tmp_path: Path, flavour: str) -> None:
    """In a first load the odd ones are missing, later the landed ones stay, and they come when they are good again."""
    url = getattr(sandbox, flavour)
    extract(tmp_path / "good", url)
    for number, (stream, match, document) in enumerate(ODD):
        fault = {"match": match, "kind": "merge", "entry": 0, "document": document, "times": None}
        before = alive(tmp_path / "good", stream)
        items = alive(tmp_path / "good", "jira/board_items")
        sandbox.faults(fault)
        later = extract(tmp_path / "good", url, is_census=True)
        assert later.is_complete, (stream, document, [str(one) for one in later.failures])
        assert "unknown form" in odd_reasons(later)[stream], (stream, document)
        assert alive(tmp_path / "good", stream) == before, (stream, document)
        assert alive(tmp_path / "good", "jira/board_items") == items, (stream, document)
        if number in (2, 5):  # a list that is read many times and one that is read once
            assert extract(tmp_path / f"{number}", url).is_complete
            missing = before - alive(tmp_path / f"{number}", stream)
            assert missing
            assert landed_issues(Landing(tmp_path / f"{number}")) == held_by_source(url)
            sandbox.faults()
            assert odd_reasons(extract(tmp_path / f"{number}", url)) == {}
            assert alive(tmp_path / f"{number}", stream) == before


def test_boards_fail_each_for_itself(sandbox: Sandbox, tmp_path: Path) -> None:
    """Case 43: unshared, of no columns, without sprints, odd: listed; a refusal that nobody knows is red by name."""
    extract(tmp_path, sandbox.cloud)
    landing = Landing(tmp_path)
    boards = landing.latest("jira/boards", "jira-a", ["board_id", "board_type"]).to_pylist()
    scrum = sorted((row["board_id"] for row in boards if row["board_type"] == "scrum"), key=int)
    kanban = sorted((row["board_id"] for row in boards if row["board_type"] == "kanban"), key=int)
    place = sorted((row["board_id"] for row in boards), key=int).index(kanban[0])
    before = {stream: alive(tmp_path, stream) for stream in ("jira/sprints", "jira/board_columns", "jira/boards")}
    lasting: dict[str, Any] = {"times": None}
    sandbox.faults(
        {"match": "agile/1.0/board$", "kind": "merge", "entry": place, "document": {"type": "simple"}, **lasting},
        {
            "match": f"board/{scrum[0]}/configuration",
            "kind": "422",
            "text": "No columns with a mapped status",
            **lasting,
        },
        {
            "match": f"board/{scrum[1]}/configuration",
            "kind": "merge",
            "document": {"columnConfig": "none"},
            **lasting,
        },
    )
    report = extract(tmp_path, sandbox.cloud)
    assert report.is_complete, [str(one) for one in report.failures]
    told = boards_reason(report)
    assert f"board {kanban[0]} " in told
    assert "it has no sprints" in told
    assert "422" in told
    assert f"board {scrum[1]} " in told
    assert "unknown form" in told
    assert {stream: alive(tmp_path, stream) for stream in before} == before
    # What is no board without sprints, and what is no list, is red, and names its board.
    sandbox.faults(
        {"match": "agile/1.0/board$", "kind": "merge", "entry": place, "document": {"type": "simple"}, **lasting},
        {"match": f"board/{kanban[0]}/sprint", "kind": "400", "text": "A reason that nobody knows", **lasting},
        {"match": f"board/{scrum[0]}/sprint", "kind": "merge", "document": {"values": "none"}, **lasting},
    )
    report = extract(tmp_path, sandbox.cloud)
    by_type = {type(failure): str(failure) for failure in report.failures}
    assert set(by_type) == {BadRequest, SchemaChanged}
    assert f"board {kanban[0]} " in by_type[BadRequest]
    assert "A reason that nobody knows" in by_type[BadRequest]
    assert f"board {scrum[0]} " in by_type[SchemaChanged]
    assert {stream: alive(tmp_path, stream) for stream in before} == before
    assert landed_issues(Landing(tmp_path)) == held_by_source(sandbox.cloud)
    sandbox.faults()
    assert extract(tmp_path, sandbox.cloud).is_complete


def test_an_old_server_says_less(sandbox: Sandbox, tmp_path: Path) -> None:
    """No end of a list, no board of a sprint, no time zone, no way to its worklogs."""
    url = sandbox.data_center
    extract(tmp_path / "new", url)
    sandbox.faults(
        {
            "match": "agile/1.0/board$|/sprint$",
            "kind": "merge",
            "times": None,
            "document": {"isLast": None, "total": None},
        },
        {"match": "/sprint$", "kind": "merge", "entry": 0, "times": None, "document": {"originBoardId": None}},
        {"match": "worklog/updated", "kind": "merge", "times": None, "document": {"values": [{"id": 1}]}},
        {"match": "serverInfo", "kind": "merge", "times": None, "document": {"deploymentType": "Server"}},
    )
    report = extract(tmp_path / "old", url)
    assert report.is_complete, [str(one) for one in report.failures]
    for stream in ("jira/boards", "jira/sprints", "jira/board_columns", "jira/versions"):
        assert alive(tmp_path / "old", stream) == alive(tmp_path / "new", stream)
    sprints = Landing(tmp_path / "old").latest("jira/sprints", "jira-a", ["board_id"])["board_id"]
    assert sprints.null_count == 0
    (worklogs,) = (row for row in report.coverage if row.stream == "jira/worklogs")
    assert "cannot be read" in str(worklogs.reason)


def test_a_list_that_ignores_its_pages_comes_to_an_end(sandbox: Sandbox, tmp_path: Path) -> None:
    """A server that says neither `isLast` nor `total`, and sends the same page whatever is asked for."""
    url = sandbox.data_center
    extract(tmp_path, url)
    before = alive(tmp_path, "jira/sprints")
    document = {"isLast": None, "total": None, "values": [{"id": 1, "name": "Sprint 1", "state": "future"}]}
    sandbox.faults({"match": "board/[0-9]+/sprint$", "kind": "merge", "times": 40, "document": document})
    report = extract(tmp_path, url)
    assert {type(failure) for failure in report.failures} == {RepeatedPage}
    assert "does not page to an end" in str(report.failures[0])
    assert alive(tmp_path, "jira/sprints") == before


def test_an_odd_history_stops_its_issue_only(tmp_path: Path) -> None:
    with living(tmp_path, Tool.JIRA_DC, "UTC", datetime(2027, 5, 3, 12, tzinfo=UTC), random.Random(5)) as (life, url):  # noqa: S311
        issues = [life.create() for _ in range(4)]
        life.change(issues[0])
        number, at, items = issues[0].histories[0]
        issues[0].histories[0] = ("x1", at, items)  # type: ignore[assignment]
        life._write(issues[0])
        report = extract(tmp_path / "pmo", url)
        assert [type(failure) for failure in report.failures] == [SchemaChanged]
        assert f"issue {issues[0].number}" in str(report.failures[0])
        assert len(landed_issues(Landing(tmp_path / "pmo"))) == 3
        issues[0].histories[0] = (number, at, items)
        life._write(issues[0])
        assert extract(tmp_path / "pmo", url).is_complete
        assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)


def test_entries_are_told_by_name_and_only_some_of_many() -> None:
    oddities = Oddities()
    assert oddities.rows("jira/resolutions", [None, {"id": "1", "name": "Done"}], lambda raw: _row(raw)) == [
        _row({"id": "1", "name": "Done"})
    ]
    oddities.identified("jira/boards", [{"name": f"Board {number}"} for number in range(9)])
    resolutions, boards = sorted(oddities.coverage(), key=lambda row: row.stream, reverse=True)
    assert "entry 1: " in str(resolutions.reason)
    assert boards.skipped == 9
    assert "entry 1 (Board 0): it has no id" in str(boards.reason)
    assert "and 4 more" in str(boards.reason)
    assert oddities.may_hold("jira/boards", "17")
    assert not oddities.may_hold("jira/sprints", "17")


def _row(raw: dict[str, Any]) -> dict[str, Any]:
    return {"record_id": raw["id"], "resolution_id": raw["id"], "name": raw["name"]}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _: {"record_id": "1", "hierarchy_level": "Vera's words"}, "hierarchy_level: a str that does not fit"),
        (lambda raw: {"record_id": str(int(raw["odd"]))}, "a value of it cannot be read (ValueError)"),
        (lambda raw: {"record_id": str(date.fromisoformat(raw["odd"]))}, "a value of it cannot be read (ValueError)"),
        (lambda raw: {"record_id": raw["key"]}, "it has no 'key'"),
        (lambda raw: {"record_id": raw["odd"]["id"]}, "string indices must be integers, not 'str'"),
    ],
)
def test_what_is_odd_is_told_without_its_value(make: Callable[[Any], dict[str, Any]], told: str) -> None:
    """It may be anybody's words, or a secret; no message and no coverage row takes it on."""
    oddities = Oddities()
    assert oddities.rows("jira/issue_types", [{"id": "1", "odd": "Vera's words"}], make) == []
    oddities.identified("jira/boards", [{"id": "x7"}])
    reasons = [str(row.reason) for row in oddities.coverage()]
    assert "Vera" not in reasons[1]
    assert told in reasons[1]
    assert "entry x7: its id is no number" in reasons[0]
