"""Issues that an answer leaves out, or that go while they are read."""

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
from extractors.errors import SchemaChanged, Truncated
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import PROJECTS, Life, living
from tests.extractors.sandbox_site import held_by_source, jira, landed_issues

NOW = datetime(2027, 5, 3, 12, tzinfo=UTC)
Site = tuple[Life, str]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with living(tmp_path, Tool.JIRA_CLOUD, "UTC", NOW, random.Random(3)) as (life, url):  # noqa: S311
        for _ in range(8):
            life.create()
        yield life, url


def extract(home: Path, url: str, projects: tuple[str, ...] = (), **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    report = JiraSource(jira(url, projects=projects)).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge("jira-a", "accepted")
    return report


def set_faults(url: str, *faults: dict[str, Any]) -> None:
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    if faults:
        requests.post(f"{url}/_sandbox/faults", json=list(faults), timeout=10).raise_for_status()


def gaps(home: Path) -> list[int]:
    cursor = Landing(home).cursor("jira-a")
    assert cursor is not None
    return list(cursor["gaps"])


def test_a_change_that_one_answer_leaves_out_is_not_lost(site: Site, tmp_path: Path) -> None:
    life, url = site
    extract(tmp_path / "pmo", url)
    issue = next(iter(life.issues.values()))
    life.at(life.now + timedelta(hours=1))
    life.change(issue)
    set_faults(url, {"match": "issue/bulkfetch", "kind": "empty", "times": 1})
    assert extract(tmp_path / "pmo", url).is_complete
    assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)
    assert gaps(tmp_path / "pmo") == []


def test_a_change_that_is_left_out_again_and_again_is_red_until_it_comes(site: Site, tmp_path: Path) -> None:
    life, url = site
    extract(tmp_path / "pmo", url)
    issue = next(iter(life.issues.values()))
    life.at(life.now + timedelta(hours=1))
    life.change(issue)
    set_faults(url, {"match": "issue/bulkfetch", "kind": "empty", "times": None})
    for _ in range(2):
        report = extract(tmp_path / "pmo", url)
        assert [type(failure) for failure in report.failures] == [Truncated]
        assert str(issue.number) in str(report.failures[0])
        assert gaps(tmp_path / "pmo") == [issue.number]
        life.at(life.now + timedelta(days=3))  # beyond the overlap: no search of changes shows it again
    set_faults(url)
    assert extract(tmp_path / "pmo", url).is_complete
    assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)
    assert gaps(tmp_path / "pmo") == []


def test_an_issue_that_goes_between_the_walk_and_its_fetch_settles(site: Site, tmp_path: Path) -> None:
    life, url = site
    extract(tmp_path / "pmo", url)
    issue = next(iter(life.issues.values()))
    life.at(life.now + timedelta(hours=1))
    life.change(issue)
    set_faults(
        url,
        {"match": "issue/bulkfetch", "kind": "empty", "times": None},
        {"match": f"issue/{issue.number}$", "kind": "404", "times": None},
    )
    assert extract(tmp_path / "pmo", url).is_complete
    assert gaps(tmp_path / "pmo") == [issue.number]
    life.delete(issue)
    set_faults(url)
    assert extract(tmp_path / "pmo", url, is_census=True).is_complete
    assert extract(tmp_path / "pmo", url).is_complete
    assert gaps(tmp_path / "pmo") == []
    assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)


def test_an_issue_that_goes_before_its_history_is_counted_stops_nothing(site: Site, tmp_path: Path) -> None:
    """In the count of the longest histories, and where a history does not lead to its status."""
    life, url = site
    issue = next(iter(life.issues.values()))
    for _ in range(3):
        life.change(issue)
    set_faults(url, {"match": f"issue/{issue.number}/changelog", "kind": "404", "times": None})
    assert extract(tmp_path / "audited", url).is_complete
    assert len(landed_issues(Landing(tmp_path / "audited"))) == len(life.issues)
    issue.status = next(one for one in ("1", "2", "3") if one != issue.status)
    life._write(issue)
    rows = [row for row in extract(tmp_path / "pmo", url).coverage if row.stream == "jira/issues"]
    assert sum(row.expected or 0 for row in rows) == sum(row.got or 0 for row in rows) + 1, "it is missed"
    assert len(landed_issues(Landing(tmp_path / "pmo"))) == len(life.issues) - 1
    set_faults(url)
    assert extract(tmp_path / "pmo", url).is_complete
    assert landed_issues(Landing(tmp_path / "pmo")) == held_by_source(url)


def test_a_new_gap_of_a_run_stays_one_beyond_its_batches(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first batch is committed, and the cursor with it, before the run asks again for what it could not read."""
    life, url = site
    monkeypatch.setattr("extractors.jira.issues.BATCH_ISSUES", 1)
    monkeypatch.setattr("extractors.jira.bulk.BULK", 1)
    monkeypatch.setattr("extractors.jira.bulk.CHUNKS_TOGETHER", 1)
    issue = next(iter(life.issues.values()))
    first = next(key for number, key in PROJECTS.items() if number != issue.project)
    assert extract(tmp_path / "pmo", url, (first,)).is_complete  # with the day's census
    good = {"accountId": "u7", "key": "u7", "displayName": "Odd", "active": True}
    life.write(issue, assignee=good | {"active": "yes"})
    report = extract(tmp_path / "pmo", url, tuple(PROJECTS.values()))
    assert [type(failure) for failure in report.failures] == [SchemaChanged]
    assert gaps(tmp_path / "pmo") == [issue.number]
