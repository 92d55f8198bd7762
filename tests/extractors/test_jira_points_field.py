"""The field of story points that only one board names: it keeps its meaning while that board cannot be read."""

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
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import Issue, living_as
from tests.extractors.jira_site_life import SCRUM, SiteLife
from tests.extractors.sandbox_site import jira

SIZE = "customfield_77777"
NUMBER = "com.atlassian.jira.plugin.system.customfieldtypes:float"
COLUMNS = ["record_id", "filter_id", "filter_jql", "is_filter_readable", "points_field_id", "is_deleted"]


class SizedLife(SiteLife):
    """Its estimates are in a field that is called after nothing; one board says that it is the one."""

    def _more(self, issue: Issue) -> dict[str, Any]:
        return super()._more(issue) | {SIZE: 5.0}

    def _put_site(self) -> None:
        super()._put_site()
        field = {"id": SIZE, "name": "Size", "schema": {"type": "number", "custom": NUMBER}}
        self.store.put_resources("field", [(SIZE, "", field)])

    def put_boards(self) -> None:
        super().put_boards()
        columns = [{"name": "To do", "statuses": [{"id": "1"}]}]
        configuration = {
            "id": SCRUM,
            "filter": {"id": str(10_000 + SCRUM)},
            "columnConfig": {"columns": columns},
            "estimation": {"type": "field", "field": {"fieldId": SIZE}},
        }
        self.store.put_resources("configuration", [(str(SCRUM), "", configuration)])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[SizedLife, str]]:
    dice, now = random.Random(11), datetime(2027, 5, 3, 12, tzinfo=UTC)  # noqa: S311
    with living_as(SizedLife, tmp_path, Tool.JIRA_CLOUD, "UTC", now, dice) as (life, url):
        for _ in range(10):
            life.create()
        yield life, url


def extract(home: Path, url: str) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    report = JiraSource(jira(url)).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC)))
    landing.judge("jira-a", "accepted")
    return report


def points(home: Path) -> list[float | None]:
    return [row["points"] for row in Landing(home).latest("jira/issues", "jira-a", ["points"]).to_pylist()]


def boards(home: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = Landing(home).latest("jira/boards", "jira-a", COLUMNS).to_pylist()
    return sorted(rows, key=lambda row: str(row["record_id"]))


UNREADABLE: list[tuple[str, dict[str, Any], bool]] = [
    (f"board/{SCRUM}/configuration", {"kind": "403"}, True),
    (f"board/{SCRUM}/configuration", {"kind": "merge", "document": {"columnConfig": {"columns": [5]}}}, True),
    ("agile/1.0/board$", {"kind": "403"}, False),
    ("agile/1.0/board$", {"kind": "merge", "document": {"values": [], "total": 0, "isLast": True}}, False),
]


def test_an_unreadable_board_takes_no_points_away(site: tuple[SizedLife, str], tmp_path: Path) -> None:
    life, url = site
    home, faults = tmp_path / "pmo", f"{url}/_sandbox/faults"
    assert extract(home, url).is_complete
    assert points(home) == 10 * [5.0]
    before = boards(home)
    assert before[0]["points_field_id"] == SIZE
    for match, fault, is_complete in UNREADABLE:
        requests.post(faults, json=[{"match": match, "times": None, **fault}], timeout=10).raise_for_status()
        for _ in range(2):
            report = extract(home, url)
            assert report.is_complete == is_complete, (match, fault, report.failures)
            assert report.count("jira/issues").landed == 0, (match, fault)
            assert points(home) == 10 * [5.0]
            assert boards(home) == before, (match, fault)
        requests.delete(faults, timeout=10).raise_for_status()
    # One that can be read and names no field any more is believed.
    life.store.put_resources("configuration", [(str(SCRUM), "", {"id": SCRUM, "filter": {"id": str(10_000 + SCRUM)}})])
    extract(home, url)
    assert boards(home)[0]["points_field_id"] is None
    assert points(home) == 10 * [None]
