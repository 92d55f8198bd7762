"""Random lives of a site of both kinds of Jira, around every change of the clocks: landed equals source.

Changes, comments, moves, links, sprints, worklogs, filters that are edited or move by themselves; deletions, and
permissions that go and come; an index that lags; accounts in zones from -8 to +13 hours. After any plain run everything
is landed but what no search tells: issues that were deleted, hidden or shown again. After each census these, too.
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
from tests.extractors.jira_life import living_as
from tests.extractors.jira_site_life import SiteLife
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


def something_happens(life: SiteLife, *, is_quiet: bool) -> None:
    """One event. Deletions and permissions are seen by a census only; `is_quiet` leaves them out."""
    dice = life.dice
    issue = dice.choice(list(life.issues.values()))
    acts = [life.change] * 6 + [life.link] * 3 + [life.plan] * 3
    acts += 2 * [life.comment, life.move, life.log_work, life.unlink, life.organise, life.refilter]
    if not is_quiet and len(life.issues) > 5:
        acts += 3 * [life.delete, life.hide]
        if life.hidden and dice.random() < 0.3:
            life.show()
    dice.choice(acts)(issue)
    if dice.random() < 0.3:
        life.create()


def live_through(life: SiteLife, until: datetime, events: int, *, is_quiet: bool) -> None:
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


Facts = dict[str, dict[Any, Any]]
"""By stream: id of a record → what counts of it."""


def landed(home: Path) -> Facts:
    """Everything that is landed and not deleted."""
    landing = Landing(home)

    def alive(stream: str, *columns: str) -> list[tuple[Any, ...]]:
        rows = landing.latest(f"jira/{stream}", "jira-a", [*columns, "is_deleted"]).to_pylist()
        return [tuple(row[name] for name in columns) for row in rows if not row["is_deleted"]]

    return {
        "issues": landed_issues(landing),
        "links": {n: ends for n, *ends in alive("issue_links", "record_id", "source_issue_id", "target_issue_id")},
        "worklogs": {n: rest for n, *rest in alive("worklogs", "record_id", "issue_id", "spent_seconds")},
        "sprints": {n: rest for n, *rest in alive("sprints", "sprint_id", "name", "state")},
        "board_items": {pair: [pair[1]] for pair in alive("board_items", "board_id", "issue_id")},
        "in_sprints": {n: [n, *(ids or [])] for n, ids in alive("issues", "record_id", "sprint_ids")},
    }


def there(life: SiteLife, url: str) -> Facts:
    """The same as the site has it: issues, histories and boards asked for one by one, the rest as it was made."""
    return {
        "issues": held_by_source(url),
        "links": {n: list(ends) for n, ends in life.shown_links().items()},
        "worklogs": {n: list(log) for n, log in life.shown_worklogs().items()},
        "sprints": {n: list(one) for n, one in life.shown_sprints().items()},
        "board_items": {(str(board), n): [n] for board in life.filters for n in _on_board(url, board)},
        "in_sprints": {str(n): [str(n), *map(str, one.sprints)] for n, one in life.issues.items()},
    }


def _on_board(url: str, board: int) -> list[str]:
    params = {"fields": "id", "maxResults": 1000}
    path = f"{url}/rest/agile/1.0/board/{board}/issue"
    answer = requests.get(path, params=params, auth=("me", "sandbox-token"), timeout=10).json()
    assert answer["total"] == len(answer["issues"])
    return [issue["id"] for issue in answer["issues"]]


def without(facts: Facts, issues: set[int]) -> Facts:
    """Without all that has to do with some issues."""
    names = {str(number) for number in issues}
    return {
        stream: {key: value for key, value in found.items() if key not in names and names.isdisjoint(map(str, value))}
        for stream, found in facts.items()
    }


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
        with living_as(SiteLife, folder, tool, zone, change - timedelta(hours=4), dice) as (life, url):
            for _ in range(8):
                life.log_work(life.create())
            life.begin_sprint()
            seen = _live_and_compare(life, url, folder / "pmo", change)
            assert all(seen.values()), seen


def _live_and_compare(life: SiteLife, url: str, home: Path, change: datetime) -> dict[str, int]:
    """Runs every half hour or so from before the change of the clocks to after it; how much each comparison saw."""
    extract(home, url, 0.75)
    seen: dict[str, int] = {}
    for number in range(7):
        until = life.now + timedelta(minutes=life.dice.randint(20, 90), seconds=life.dice.randint(0, 59))
        live_through(life, until, 7, is_quiet=number % 3 != 2)
        if number % 3 == 1:  # what the index does not show yet is caught by the next run
            set_faults(url, {"match": "search", "kind": "hide", "seconds": LAG, "times": None})
            extract(home, url, 0.75)
            set_faults(url)
        extract(home, url, 0.75)
        source = there(life, url)
        if {board for board, _ in source["board_items"]} != set(map(str, life.filters)):
            extract(home, url, 0.75)  # a board that is empty at once is believed the second time
        # What no search tells is all that a plain run may miss.
        assert without(landed(home), life.unseen) == without(source, life.unseen), (number, life.now)
        if number % 3 == 2:
            extract(home, url, 0.75, is_census=True)
            assert landed(home) == source, (number, life.now)
            life.unseen.clear()
        seen = {stream: seen.get(stream, 0) + len(found) for stream, found in source.items()}
    assert life.now > change
    return seen
