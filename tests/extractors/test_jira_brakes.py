"""The brakes on deletions: what goes at once in too great a number, or cannot be asked for, stays."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.errors import HistoryCut, TooManyDeleted
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import PROJECTS, living_as
from tests.extractors.jira_site_life import SCRUM, SiteLife
from tests.extractors.sandbox_site import held_by_source, jira, landed_issues

NOW = datetime(2027, 5, 3, 12, tzinfo=UTC)
Site = tuple[SiteLife, str]


@pytest.fixture(params=[Tool.JIRA_CLOUD, Tool.JIRA_DC], ids=["cloud", "data_center"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Two projects with some twenty issues each, linked, and three sprints."""
    dice = random.Random(11)  # noqa: S311
    with living_as(SiteLife, tmp_path, request.param, "Europe/Berlin", NOW, dice) as (life, url):
        for _ in range(45):
            life.create()
        for issue in list(life.issues.values()):
            life.link(issue)
        for _ in range(3):
            life.begin_sprint()
        yield life, url


def extract(home: Path, url: str, ratio: float = 0.3, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    source = JiraSource(jira(url, max_deleted_ratio=ratio))
    report = source.extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def alive(home: Path, stream: str) -> set[str]:
    rows = Landing(home).latest(stream, "jira-a", ["record_id", "is_deleted"]).to_pylist()
    return {row["record_id"] for row in rows if not row["is_deleted"]}


def test_too_many_deletions_of_a_project_stop_until_they_are_allowed(site: Site, tmp_path: Path) -> None:
    life, url = site
    home = tmp_path / "pmo"
    extract(home, url)
    before, links = alive(home, "jira/issues"), alive(home, "jira/issue_links")
    of_projects = [[one for one in life.issues.values() if one.project == project] for project in PROJECTS]
    many, few = sorted(of_projects, key=len)
    assert 0.3 * len(many) < 8
    assert 0.3 * len(few) > 6
    for issue in [*many[:8], *few[:6]]:  # more than 30 % of one project, and less of the other
        life.delete(issue)
    gone = {str(issue.number) for issue in few[:6]}
    for run in ({"is_census": True}, {}):  # a refused census is taken again by every run
        report = extract(home, url, **run)
        assert [type(one) for one in report.failures] == [TooManyDeleted]
        assert all(word in str(report.failures[0]) for word in ("8 of", "30%", "max_deleted_ratio"))
        assert alive(home, "jira/issues") == before - gone
        assert alive(home, "jira/issue_links") < links
    assert extract(home, url, ratio=1, is_census=True).is_complete
    assert landed_issues(Landing(home)) == held_by_source(url)
    assert alive(home, "jira/issue_links") == life.shown_links().keys()


def test_a_small_project_that_is_empty_at_once_stops_until_it_is_allowed(site: Site, tmp_path: Path) -> None:
    """So few issues may go in any project, but not the last ones."""
    life, url = site
    home = tmp_path / "pmo"
    own = [one for one in life.issues.values() if one.project == min(PROJECTS)]
    for issue in own[3:]:
        life.delete(issue)
    extract(home, url)
    before = alive(home, "jira/issues")
    for issue in own[:3]:
        life.delete(issue)
    assert [type(one) for one in extract(home, url, is_census=True).failures] == [TooManyDeleted]
    assert alive(home, "jira/issues") == before
    assert extract(home, url, ratio=1, is_census=True).is_complete
    assert landed_issues(Landing(home)) == held_by_source(url)


@pytest.mark.parametrize("site", [Tool.JIRA_CLOUD], indirect=True)
def test_a_cut_history_that_leads_to_its_status_again_stays_red(site: Site, tmp_path: Path) -> None:
    """On Cloud, where bulk answers do not say how many changes there are: it was cut before, so it is counted."""
    life, url = site
    home, issue = tmp_path / "pmo", next(iter(life.issues.values()))
    for _ in range(3):
        life.change(issue)
    told = issue.status
    path = f"issue/{issue.number}/changelog"
    fault = {"match": path, "kind": "merge", "document": {"total": 99}, "times": None}
    requests.post(f"{url}/_sandbox/faults", json=[fault], timeout=10).raise_for_status()
    for status in (next(one for one in ("1", "2", "3") if one != told), told, told):
        issue.status = status
        life.comment(issue)
        report = extract(home, url)
        assert [type(one) for one in report.failures] == [HistoryCut], status
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    assert extract(home, url).is_complete
    assert landed_issues(Landing(home)) == held_by_source(url)


def test_sprints_of_a_board_that_cannot_be_asked_stay(site: Site, tmp_path: Path) -> None:
    """Whoever may not see the board may not see its sprints one by one either."""
    life, url = site
    home = tmp_path / "pmo"
    extract(home, url)
    assert alive(home, "jira/sprints") == life.shown_sprints().keys()
    faults = [
        {"match": f"board/{SCRUM}/sprint", "kind": "403", "times": None},
        {"match": "agile/1.0/sprint/[0-9]+$", "kind": "404", "times": None},
    ]
    requests.post(f"{url}/_sandbox/faults", json=faults, timeout=10).raise_for_status()
    report = extract(home, url)
    assert alive(home, "jira/sprints") == life.shown_sprints().keys()
    (boards,) = (row for row in report.coverage if row.stream == "jira/boards")
    assert "its sprints cannot be read" in str(boards.reason)
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    life.sprints.popitem()
    life.put_boards()
    extract(home, url)
    assert alive(home, "jira/sprints") == life.shown_sprints().keys()


def test_sprints_that_are_gone_all_at_once_stay_until_that_is_allowed(site: Site, tmp_path: Path) -> None:
    """An empty list of sprints is not believed, nor is one sprint gone that the account may not ask for by id."""
    life, url = site
    home, faults = tmp_path / "pmo", f"{url}/_sandbox/faults"
    extract(home, url)
    before = alive(home, "jira/sprints")
    assert len(before) == 3
    emptied = {"match": "board/[0-9]+/sprint", "kind": "empty", "times": None}
    unseen = [{"match": "agile/1.0/sprint/[0-9]+$", "kind": kind, "times": None} for kind in ("403", "404")]
    requests.post(faults, json=[emptied, unseen[0]], timeout=10).raise_for_status()
    assert extract(home, url).is_complete
    assert alive(home, "jira/sprints") == before
    requests.delete(faults, timeout=10).raise_for_status()
    requests.post(faults, json=[emptied, unseen[1]], timeout=10).raise_for_status()
    for _ in range(2):
        (failure,) = extract(home, url).failures
        assert isinstance(failure, TooManyDeleted)
        assert all(word in str(failure) for word in ("jira/sprints", "3 of 3", "max_deleted_ratio"))
        assert alive(home, "jira/sprints") == before
    requests.delete(faults, timeout=10).raise_for_status()
    life.sprints.clear()
    life.put_boards()
    assert extract(home, url, ratio=1).is_complete
    assert not alive(home, "jira/sprints")
