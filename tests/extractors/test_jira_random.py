"""Random lives of issues on both kinds of Jira, around every change of the clocks: landed equals source.

Changes, comments, moves, deletions and permissions that go and come; an index that lags; accounts in zones from -8 to
+13 hours. After each run everything that a search tells is landed; after each census everything there is, worklogs too.
"""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from extractors import limiter as limiters
from extractors.connection import ExtractReport
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from sandbox.model import Tool
from tests.extractors.jira_life import Life, living
from tests.extractors.sandbox_site import held_by_source, jira, landed_issues

# An account's zone, and instants around which its clocks change (or, where they never do, others' do).
ZONES = {
    "America/Los_Angeles": ("2027-03-14T10:00", "2027-11-07T09:00"),
    "Europe/London": ("2027-03-28T01:00", "2027-10-31T01:00"),
    "Europe/Moscow": ("2027-03-28T01:00", "2027-10-31T01:00"),
    "Asia/Kolkata": ("2027-03-28T01:00", "2027-10-31T01:00"),
    "Pacific/Auckland": ("2027-04-03T14:00", "2027-09-25T14:00"),
}
LAG = 40 * 60  # seconds that the index is behind in some runs


def extract(home: Path, url: str, overlap_hours: float, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    connection = jira(url, overlap_hours=overlap_hours, max_deleted_ratio=1.0)
    landing = Landing(home)
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge(connection.id, "accepted")
    assert report.is_complete, [str(failure) for failure in report.failures]
    return report


def something_happens(life: Life, *, is_quiet: bool) -> None:
    """One event. Deletions and permissions are seen by a census only; `is_quiet` leaves them out."""
    dice = life.dice
    issue = dice.choice(list(life.issues.values()))
    acts = [life.change] * 6 + [life.comment] * 2 + [life.move] * 2 + [life.log_work] * 2
    if not is_quiet and len(life.issues) > 5:
        acts += [life.delete, life.hide]
        if life.hidden and dice.random() < 0.2:
            life.show()
    dice.choice(acts)(issue)
    if dice.random() < 0.3:
        life.create()


def live_through(life: Life, until: datetime, events: int, *, is_quiet: bool) -> None:
    start = life.now
    for number in range(events):
        step = (until - start) / events
        life.at(start + number * step + life.dice.random() * step)
        something_happens(life, is_quiet=is_quiet)
    life.at(until)


def set_faults(url: str, *faults: dict[str, Any]) -> None:
    requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()
    if faults:
        requests.post(f"{url}/_sandbox/faults", json=list(faults), timeout=10).raise_for_status()


def landed_worklogs(home: Path) -> dict[str, tuple[str, int]]:
    """Worklogs that are landed and not deleted: id → issue, seconds."""
    columns = ["record_id", "is_deleted", "issue_id", "spent_seconds"]
    rows = Landing(home).latest("jira/worklogs", "jira-a", columns).to_pylist()
    return {row["record_id"]: (row["issue_id"], row["spent_seconds"]) for row in rows if not row["is_deleted"]}


QUICK = {("America/Los_Angeles", Tool.JIRA_CLOUD), ("Pacific/Auckland", Tool.JIRA_DC)}


@pytest.mark.parametrize(
    ("zone", "tool"),
    [
        pytest.param(zone, tool, marks=[] if (zone, tool) in QUICK else pytest.mark.slow)
        for zone in ZONES
        for tool in (Tool.JIRA_CLOUD, Tool.JIRA_DC)
    ],
)
def test_landed_equals_source_around_every_change_of_the_clocks(tmp_path: Path, zone: str, tool: Tool) -> None:
    for number, text in enumerate(ZONES[zone]):
        dice = random.Random(f"{zone}{tool}{number}")  # noqa: S311 - lives that can be lived again
        change = datetime.fromisoformat(text).replace(tzinfo=UTC)
        folder = tmp_path / str(number)
        folder.mkdir()
        with living(folder, tool, zone, change - timedelta(hours=4), dice) as (life, url):
            for _ in range(8):
                life.log_work(life.create())
            _live_and_compare(life, url, folder / "pmo", change)
            assert landed_worklogs(folder / "pmo")


def _live_and_compare(life: Life, url: str, home: Path, change: datetime) -> None:
    """Runs every half hour or so from before the change of the clocks to after it."""
    extract(home, url, 0.75)
    for number in range(7):
        until = life.now + timedelta(minutes=life.dice.randint(20, 90), seconds=life.dice.randint(0, 59))
        live_through(life, until, 5, is_quiet=number % 3 != 2)
        if number % 3 == 1:  # what the index does not show yet is caught by the next run
            set_faults(url, {"match": "search", "kind": "hide", "seconds": LAG, "times": None})
            extract(home, url, 0.75)
            set_faults(url)
        extract(home, url, 0.75, is_census=number % 3 == 2)
        assert landed_issues(Landing(home)) == held_by_source(url), (number, life.now)
        if number % 3 == 2:
            fresh = home.with_name(f"fresh-{number}")
            extract(fresh, url, 0.75)
            assert landed_worklogs(home) == landed_worklogs(fresh), (number, life.now)
    assert life.now > change
