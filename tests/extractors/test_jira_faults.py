"""Faults of a Jira site, each really injected: nothing lost, nothing doubled, and a clear word about it."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.errors import AccessDenied, NotFound
from extractors.jira.client import SourceClient
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import PROJECTS, Life, living
from tests.extractors.sandbox_site import held_by_source, jira, landed_issues

NOW = datetime(2027, 5, 3, 12, tzinfo=UTC)
Site = tuple[Life, str]


@pytest.fixture(params=[Tool.JIRA_CLOUD, Tool.JIRA_DC], ids=["cloud", "data_center"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    with living(tmp_path, request.param, "Europe/Berlin", NOW, random.Random(5)) as (life, url):  # noqa: S311
        for _ in range(12):
            life.create()
        yield life, url


def extract(home: Path, url: str, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    report = JiraSource(jira(url)).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def set_faults(url: str, *faults: dict[str, Any]) -> None:
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    if faults:
        requests.post(f"{url}/_sandbox/faults", json=list(faults), timeout=10).raise_for_status()


def test_histories_of_any_length_are_whole(site: Site, tmp_path: Path) -> None:
    """Case 3: answers that embed 40 or 100 histories at most."""
    life, url = site
    for issue, count in zip(list(life.issues.values()), (39, 40, 41, 99, 100, 101, 250), strict=False):
        for _ in range(count):
            life.at(life.now + timedelta(seconds=1))
            life.change(issue)
    report = extract(tmp_path / "pmo", url)
    assert report.is_complete
    landed = landed_issues(Landing(tmp_path / "pmo"))
    assert landed == held_by_source(url)
    assert sorted(len(one[3]) for one in landed.values())[-7:] == [39, 40, 41, 99, 100, 101, 250]


@pytest.mark.parametrize(("status", "error"), [("403", AccessDenied), ("404", NotFound)])
def test_a_project_that_is_refused_is_red_by_name_and_the_others_go_on(
    site: Site, tmp_path: Path, status: str, error: type[Exception]
) -> None:
    """Case 4."""
    life, url = site
    home = tmp_path / "pmo"
    extract(home, url)
    before = landed_issues(Landing(home))
    life.at(life.now + timedelta(hours=1))
    for issue in life.issues.values():
        life.change(issue)
    set_faults(url, {"match": "search", "asks": "10002", "kind": status, "times": None})
    report = extract(home, url)
    set_faults(url)
    assert [type(failure) for failure in report.failures] == [error]
    assert "project BLUE" in str(report.failures[0])
    assert status in str(report.failures[0])
    now = held_by_source(url)
    expected = {i: one if one[0].startswith("RED") else before[i] for i, one in now.items()}
    assert landed_issues(Landing(home)) == expected
    assert extract(home, url).is_complete
    assert landed_issues(Landing(home)) == now


def test_issues_that_change_between_pages_are_neither_lost_nor_doubled(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 14: each page moves an issue of the first page to the end of what was changed."""
    life, url = site
    monkeypatch.setattr("extractors.jira.search.IDS_PER_PAGE", 3)
    monkeypatch.setattr("extractors.jira.key_walk.PAGE", 3)
    lock, post = threading.Lock(), SourceClient.post

    def post_and_bump(client: SourceClient, path: str, *rest: Any) -> Any:
        answer = post(client, path, *rest)
        if path.endswith(("/search/jql", "/search")):
            with lock:  # projects are walked side by side
                life.at(life.now + timedelta(seconds=1))
                life.change(next(iter(life.issues.values())))
        return answer

    monkeypatch.setattr(SourceClient, "post", post_and_bump)
    extract(tmp_path / "pmo", url)
    monkeypatch.setattr(SourceClient, "post", post)
    rows = Landing(tmp_path / "pmo").latest("jira/issues", "jira-a", ["record_id"])["record_id"].to_pylist()
    assert sorted(rows) == sorted(str(number) for number in life.issues)
    extract(tmp_path / "pmo", url)
    assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)


def test_who_is_renamed_or_deactivated_stays_one_person(site: Site, tmp_path: Path) -> None:
    """Case 39: identity is the account id (Cloud) or the user key (Data Center)."""
    life, url = site
    person = {"accountId": "u9", "key": "u9", "displayName": "Ann Old", "emailAddress": "a@x.invalid", "active": True}
    issues = list(life.issues.values())
    life.write(issues[0], assignee=person)
    extract(tmp_path / "pmo", url)
    for change in ({"displayName": "Ann New"}, {"emailAddress": None}, {"active": False}):
        person = person | change
        life.at(life.now + timedelta(hours=1))
        life.write(issues[0], assignee=person)
        extract(tmp_path / "pmo", url)
    landing = Landing(tmp_path / "pmo")
    columns = ["record_id", "display_name", "email", "is_active"]
    users = [row for row in landing.latest("jira/users", "jira-a", columns).to_pylist() if row["record_id"] == "u9"]
    assert users == [{"record_id": "u9", "display_name": "Ann New", "email": None, "is_active": False}]


def test_a_huge_issue_is_landed_among_the_others(site: Site, tmp_path: Path) -> None:
    """Case 50: 20 MB in one field."""
    life, url = site
    issue = next(iter(life.issues.values()))
    life.write(issue, summary="x" * 20_000_000)
    assert extract(tmp_path / "pmo", url).is_complete
    rows = Landing(tmp_path / "pmo").latest("jira/issues", "jira-a", ["record_id", "summary"]).to_pylist()
    assert max(len(row["summary"]) for row in rows) == 20_000_000
    assert len(rows) == len(life.issues)


def test_a_site_with_other_projects_only_shows_its_own(site: Site, tmp_path: Path) -> None:
    """Case 44: odd keys in the settings are literals, never JQL."""
    life, url = site
    odd = ('A" OR project = BLUE', "IN", "'; drop")
    landing = Landing(tmp_path / "pmo")
    connection = jira(url, projects=("RED", *odd))
    limiters._limiters.clear()
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC)))
    assert [type(failure) for failure in report.failures] == [NotFound] * len(odd)
    red = {str(one.number) for one in life.issues.values() if PROJECTS[one.project] == "RED"}
    assert set(landed_issues(landing)) == red
