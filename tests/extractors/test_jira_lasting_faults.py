"""Faults that outlast one run: no later run is green before what is wrong has been put right."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.errors import HistoryCut, NotFound, SchemaChanged, TooManyDeleted, Truncated
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import Life, living
from tests.extractors.sandbox_site import Sandbox, held_by_source, jira, landed_issues, served

NOW = datetime(2027, 5, 3, 12, tzinfo=UTC)
Site = tuple[Life, str]


@pytest.fixture(params=[Tool.JIRA_CLOUD, Tool.JIRA_DC], ids=["cloud", "data_center"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with living(tmp_path, request.param, "Europe/Berlin", NOW, random.Random(5)) as (life, url):  # noqa: S311
        for _ in range(12):
            life.create()
        yield life, url


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with served(tmp_path_factory.mktemp("sandbox") / "home", items=150) as one:
        yield one


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "sandbox" in request.fixturenames:
        request.getfixturevalue("sandbox").faults()


def extract(home: Path, url: str, *, settings: dict[str, Any] | None = None, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    connection = jira(url, **(settings or {}))
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def set_faults(url: str, *faults: dict[str, Any]) -> None:
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    if faults:
        requests.post(f"{url}/_sandbox/faults", json=list(faults), timeout=10).raise_for_status()


def failed(report: ExtractReport) -> set[type[Exception]]:
    return {type(failure) for failure in report.failures}


def reasons(report: ExtractReport) -> dict[str, str]:
    return {row.project: row.reason for row in report.coverage if row.stream == "jira/issues" and row.reason}


def alive(home: Path, stream: str) -> int:
    return len(
        [one for one in Landing(home).latest(stream, "jira-a", ["is_deleted"])["is_deleted"].to_pylist() if not one]
    )


def test_a_cut_history_is_red_until_it_is_whole(site: Site, tmp_path: Path) -> None:
    life, url = site
    home = tmp_path / "pmo"
    issue = next(iter(life.issues.values()))
    for _ in range(4):
        life.at(life.now + timedelta(minutes=1))
        life.change(issue)
    if life.tool is Tool.JIRA_CLOUD:  # the history does not lead to the status, and is short of its total
        issue.status = next(one for one in ("1", "2", "3") if one != issue.status)
        life._write(issue)
        path = f"issue/{issue.number}/changelog"
        set_faults(url, {"match": path, "kind": "merge", "document": {"total": 9}, "times": None})
    else:
        set_faults(url, {"match": "/search$", "kind": "truncate_changelog", "keep": 1, "times": None})
    for _ in range(3):
        report = extract(home, url)
        assert failed(report) == {HistoryCut}
        assert str(issue.number) in str(report.failures[0])
        life.at(life.now + timedelta(days=3))  # beyond the overlap: no search of changes shows it again
    set_faults(url)
    assert extract(home, url).is_complete
    assert landed_issues(Landing(home)) == held_by_source(url)


def test_an_issue_that_cannot_be_decoded_is_red_until_it_can(site: Site, tmp_path: Path) -> None:
    """Its version is odd in a way that only this issue shows; nothing else of the batch is lost."""
    life, url = site
    home = tmp_path / "pmo"
    issue = next(iter(life.issues.values()))
    good = {"accountId": "u7", "key": "u7", "displayName": "Odd", "active": True}
    life.write(issue, assignee=good | {"active": "yes"})
    first = extract(home, url)
    assert failed(first) == {SchemaChanged}
    assert len(landed_issues(Landing(home))) == len(life.issues) - 1
    life.at(life.now + timedelta(days=3))
    again = extract(home, url)
    assert failed(again) == {SchemaChanged}
    assert str(issue.number) in str(again.failures[0])
    updated = issue.updated
    issue.assignee, issue.updated = good, updated
    life._write(issue)  # put right without a change of `updated`
    life.at(life.now + timedelta(days=3))
    assert extract(home, url).is_complete
    assert landed_issues(Landing(home)) == held_by_source(url)
    assert extract(home, url).count("jira/issues").seen == 0


def test_a_refused_census_is_repeated_until_it_is_done(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, sandbox.cloud)
    sandbox.faults({"match": "search/jql|issue/bulkfetch", "kind": "empty", "times": None})
    assert failed(extract(tmp_path, sandbox.cloud, is_census=True)) == {TooManyDeleted}
    assert failed(extract(tmp_path, sandbox.cloud)) == {TooManyDeleted}
    sandbox.faults()
    assert extract(tmp_path, sandbox.cloud).is_complete
    assert landed_issues(Landing(tmp_path)) == held_by_source(sandbox.cloud)


def test_an_emptied_search_takes_nothing_off_the_boards(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, sandbox.cloud)
    before = alive(tmp_path, "jira/board_items")
    assert before > 5
    sandbox.faults({"match": "search/jql", "kind": "empty", "times": None})
    for _ in range(2):
        assert not extract(tmp_path, sandbox.cloud, is_census=True).is_complete
        assert alive(tmp_path, "jira/board_items") == before
    # Only the boards' own questions: told in the coverage, and believed when it is still so in the next run.
    sandbox.faults({"match": "search/jql", "asks": "filter", "kind": "empty", "times": None})
    report = extract(tmp_path, sandbox.cloud, is_census=True)
    (boards,) = (row for row in report.coverage if row.stream == "jira/boards")
    assert "finds none" in str(boards.reason)
    assert alive(tmp_path, "jira/board_items") == before
    extract(tmp_path, sandbox.cloud, is_census=True)
    assert alive(tmp_path, "jira/board_items") < before
    sandbox.faults()
    extract(tmp_path, sandbox.cloud, is_census=True)
    assert alive(tmp_path, "jira/board_items") == before


@pytest.mark.parametrize("is_last", [True, False])
def test_an_emptied_list_deletes_nothing(sandbox: Sandbox, tmp_path: Path, is_last: bool) -> None:
    extract(tmp_path, sandbox.cloud)
    streams = ("jira/boards", "jira/board_columns", "jira/board_items", "jira/versions", "jira/sprints")
    before = {stream: alive(tmp_path, stream) for stream in streams}
    match, document = "agile/1.0/board$|project/[0-9]+/version", {"values": [], "isLast": is_last}
    sandbox.faults({"match": match, "kind": "merge", "document": document, "times": None})
    if is_last:
        report = extract(tmp_path, sandbox.cloud)
        assert failed(report) == {TooManyDeleted}
        assert {failure.subject for failure in report.failures} == {
            f"the list {one}" for one in streams[:2] + streams[3:4]
        }
    else:
        with pytest.raises(Truncated, match="not the last one"):
            extract(tmp_path, sandbox.cloud)
    sandbox.faults()
    assert {stream: alive(tmp_path, stream) for stream in streams} == before
    assert extract(tmp_path, sandbox.cloud).is_complete
    assert {stream: alive(tmp_path, stream) for stream in streams} == before


def projects_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    url = f"{sandbox.cloud}/rest/api/3/project/search"
    found: list[dict[str, Any]] = requests.get(url, auth=("me", "sandbox-token"), timeout=10).json()["values"]
    return found


def test_a_project_in_the_trash_is_deleted(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, sandbox.cloud)
    first, *rest = projects_of(sandbox)
    values = [first | {"deleted": True}, *rest]
    sandbox.faults({"match": "project/search", "kind": "merge", "document": {"values": values}, "times": None})
    report = extract(tmp_path, sandbox.cloud, is_census=True)
    assert report.is_complete, report.failures
    assert set(reasons(report)) == {first["key"]}
    assert "trash" in reasons(report)[first["key"]]
    assert first["key"] not in {key.split("-")[0] for key, *_ in landed_issues(Landing(tmp_path)).values()}
    with pytest.raises(NotFound, match="trash"):
        extract(tmp_path / "b", sandbox.cloud, settings={"projects": (first["key"],)})
    sandbox.faults()
    assert extract(tmp_path, sandbox.cloud).is_complete
    assert landed_issues(Landing(tmp_path)) == held_by_source(sandbox.cloud)


def test_a_hidden_project_is_named_and_kept_until_somebody_decides(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, sandbox.cloud)
    first, *rest = projects_of(sandbox)
    fault = {
        "match": "project/search",
        "kind": "merge",
        "document": {"values": rest, "total": len(rest)},
        "times": None,
    }
    sandbox.faults(fault)
    for is_census in (True, False):  # it stays red
        report = extract(tmp_path, sandbox.cloud, is_census=is_census)
        assert failed(report) == {NotFound}
        assert f"project {first['key']} was not found" in str(report.failures[0])
        assert "max_deleted_ratio" in str(report.failures[0])
        assert "cannot be seen" in reasons(report)[first["key"]]
    assert landed_issues(Landing(tmp_path)) == held_by_source(sandbox.cloud)
    rest_only = {"projects": tuple(one["key"] for one in rest)}
    chosen = extract(tmp_path, sandbox.cloud, settings=rest_only, is_census=True)
    assert chosen.is_complete
    assert set(reasons(chosen)) == {first["key"]}
    released = extract(tmp_path, sandbox.cloud, settings={"max_deleted_ratio": 1}, is_census=True)
    assert released.is_complete
    assert first["key"] not in {key.split("-")[0] for key, *_ in landed_issues(Landing(tmp_path)).values()}


def test_a_narrowed_selection_and_a_new_key_say_so(sandbox: Sandbox, tmp_path: Path) -> None:
    extract(tmp_path, sandbox.cloud)
    first, *rest = projects_of(sandbox)
    narrowed = extract(tmp_path, sandbox.cloud, settings={"projects": tuple(one["key"] for one in rest)})
    assert narrowed.is_complete, narrowed.failures
    assert "not selected" in reasons(narrowed)[first["key"]]
    values = [first | {"key": "RENAMED"}, *rest]
    sandbox.faults({"match": "project/search", "kind": "merge", "document": {"values": values}, "times": None})
    renamed = extract(tmp_path, sandbox.cloud)
    sandbox.faults()
    assert reasons(renamed) == {first["key"]: "the project is called RENAMED now"}


def test_a_walk_without_a_next_page_is_cut(sandbox: Sandbox, tmp_path: Path) -> None:
    document = {"isLast": False, "nextPageToken": None}
    sandbox.faults({"match": "search/jql", "kind": "merge", "document": document, "times": None})
    with pytest.raises(Truncated, match="names no next one"):
        extract(tmp_path, sandbox.cloud)
    sandbox.faults()


def test_an_unknown_zone_is_told_and_asked_for_widely(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults({"match": "myself", "kind": "merge", "document": {"timeZone": "Mars/Base"}, "times": None})
    extract(tmp_path, sandbox.cloud)
    sandbox.forget_requests()
    report = extract(tmp_path, sandbox.cloud)
    sandbox.faults()
    assert any("'Mars/Base' is not known" in text for text in report.warnings)
    assert any("26 hours back" in text for text in report.warnings)


def walks_of(url: str, project: str) -> int:
    """Searches for all ids of a project."""
    asked = [one["body"] for one in requests.get(f"{url}/_sandbox/requests", timeout=10).json()]
    return len([body for body in asked if f"project in ({project})" in body and "updated >=" not in body])


def test_a_lastingly_refused_project_costs_the_others_no_census(site: Site, tmp_path: Path) -> None:
    """The refused one is red and owed its census; the others are counted once a day all the same."""
    life, url = site
    home = tmp_path / "pmo"
    red, blue = "10001", "10002"
    assert extract(home, url).is_complete
    refusal = {"match": "/search", "asks": blue, "kind": "403", "times": None}
    set_faults(url, refusal)
    assert not extract(home, url, is_census=True).is_complete
    requests.delete(f"{url}/_sandbox/requests", timeout=10)
    gone = {key: next(one for one in life.issues.values() if one.project == key) for key in (red, blue)}
    for issue in gone.values():
        life.delete(issue)
    for _ in range(3):
        report = extract(home, url)
        assert not report.is_complete
        assert "BLUE" in str(report.failures[0])
    assert walks_of(url, red) == 0
    assert str(gone[red].number) in landed_issues(Landing(home))
    set_faults(url)
    assert extract(home, url).is_complete  # BLUE is counted as soon as it can be
    assert walks_of(url, red) == 0
    assert walks_of(url, blue) == 1
    assert str(gone[blue].number) not in landed_issues(Landing(home))
    extract(home, url, is_census=True)
    assert landed_issues(Landing(home)) == held_by_source(url)
