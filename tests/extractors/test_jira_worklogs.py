"""Worklogs: all of the landed issues, whenever these are landed, and a refusal is a reason."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extractors import limiter as limiters
from extractors.connection import Coverage, ExtractReport
from extractors.jira.source import JiraSource
from extractors.landing import Landing, Run
from tests.extractors.sandbox_site import Sandbox, jira, served

DAY = 24 * 3600


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Sandbox]:
    with served(tmp_path / "site", items=250, seed=4) as sandbox:
        yield sandbox


def extract(home: Path, url: str, *, overlap_hours: float = 24, **run: Any) -> ExtractReport:
    limiters._limiters.clear()
    landing = Landing(home)
    connection = jira(url, overlap_hours=overlap_hours)
    report = JiraSource(connection).extract(landing, Run(uuid.uuid4().hex, datetime.now(UTC), **run))
    landing.judge(connection.id, "accepted")
    return report


def held(home: Path) -> dict[str, Any]:
    columns = ["record_id", "is_deleted", "issue_id", "spent_seconds"]
    rows = Landing(home).latest("jira/worklogs", "jira-a", columns).to_pylist()
    return {row["record_id"]: (row["issue_id"], row["spent_seconds"]) for row in rows if not row["is_deleted"]}


def until(home: Path) -> int:
    cursor = Landing(home).cursor("jira-a")
    assert cursor is not None
    return int(cursor["worklogs_until"])


def coverage(report: ExtractReport) -> Coverage:
    (row,) = [row for row in report.coverage if row.stream == "jira/worklogs"]
    return row


def test_worklogs_of_issues_that_land_later_are_landed_with_them(tmp_path: Path, own: Sandbox) -> None:
    extract(tmp_path / "pmo", own.cloud)
    own.advance(14)
    own.faults({"match": "search/jql", "kind": "hide", "seconds": 5 * DAY, "times": None})
    extract(tmp_path / "pmo", own.cloud)
    own.faults()
    extract(tmp_path / "fresh", own.cloud)
    assert held(tmp_path / "pmo") != held(tmp_path / "fresh"), "the index hid issues with worklogs"
    report = extract(tmp_path / "pmo", own.cloud, overlap_hours=7 * 24, is_census=True)
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh")
    assert coverage(report).expected == coverage(report).got == len(held(tmp_path / "fresh"))


def test_a_feed_of_deletions_that_reaches_further_hides_no_change(tmp_path: Path, own: Sandbox) -> None:
    later = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)
    own.faults({"match": "worklog/deleted", "kind": "merge", "document": {"until": later}, "times": None})
    extract(tmp_path / "pmo", own.cloud)
    own.faults()
    assert 0 < until(tmp_path / "pmo") < later


def test_coverage_fails_where_an_issue_gives_fewer_than_it_has(tmp_path: Path, own: Sandbox) -> None:
    own.faults(
        {"match": "worklog/updated", "kind": "merge", "document": {"values": []}, "times": None},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": {"worklogs": []}, "times": None},
    )
    row = coverage(extract(tmp_path / "pmo", own.cloud))
    assert row.got == 0
    assert row.expected
    own.faults()
    extract(tmp_path / "fresh", own.cloud)
    row = coverage(extract(tmp_path / "pmo", own.cloud, is_full=True))
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh")
    assert row.expected == row.got == len(held(tmp_path / "fresh"))


def test_a_worklog_that_does_not_name_its_issue_belongs_to_the_one_that_was_asked(tmp_path: Path, own: Sandbox) -> None:
    old = {"id": "77", "timeSpentSeconds": 60, "author": {"name": "ann"}}  # as Jira 6 sends it
    none: dict[str, Any] = {"worklogs": [], "total": 0}
    own.faults(
        {"match": "worklog/updated", "kind": "merge", "document": {"values": []}, "times": None},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": {"worklogs": [old], "total": 1}, "times": 1},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": none, "times": None, "after": 1},
    )
    row = coverage(extract(tmp_path / "pmo", own.cloud))
    issues = Landing(tmp_path / "pmo").latest("jira/issues", "jira-a", ["record_id"])["record_id"].to_pylist()
    ((worklog_id, (issue_id, seconds)),) = held(tmp_path / "pmo").items()
    assert (worklog_id, seconds) == ("77", 60)
    assert issue_id in issues
    assert (row.expected, row.got, row.reason) == (1, 1, None)


def test_a_worklog_of_an_unknown_form_is_told_and_stops_nothing_else(tmp_path: Path, own: Sandbox) -> None:
    odd = {"timeSpentSeconds": 60}
    own.faults(
        {"match": "worklog/updated", "kind": "merge", "document": {"values": []}, "times": None},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": {"worklogs": [odd], "total": 1}, "times": None},
    )
    report = extract(tmp_path / "pmo", own.cloud)
    row = coverage(report)
    assert row.got == 0
    assert row.expected
    assert "missing required field `id`" in str(row.reason)
    assert report.failures == []
    assert Landing(tmp_path / "pmo").latest("jira/issues", "jira-a", ["record_id"]).num_rows > 0


@pytest.mark.parametrize("match", ["worklog/updated", "worklog/deleted", "worklog/list", "worklog/"])
def test_a_token_whose_scopes_hold_no_worklogs_is_a_reason(tmp_path: Path, own: Sandbox, match: str) -> None:
    own.faults({"match": match, "kind": "401", "times": None})
    report = extract(tmp_path / "pmo", own.cloud)
    assert report.failures == []
    assert "worklogs cannot be read" in str(coverage(report).reason)
    assert until(tmp_path / "pmo") == 0
    limiters._limiters.clear()
    (line,) = [line for line in JiraSource(jira(own.cloud)).check() if line.subject == "worklogs"]
    assert line.level == ("ok" if match == "worklog/deleted" else "warn")
    own.faults()
    extract(tmp_path / "fresh", own.cloud)
    extract(tmp_path / "pmo", own.cloud)
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh") != {}


LATER = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)  # the feed ends there: no later run reads it again


def owed(home: Path) -> dict[str, Any]:
    cursor = Landing(home).cursor("jira-a")
    assert cursor is not None
    return dict(cursor["worklogs_owed"])


def test_more_differing_issues_than_one_run_may_ask_are_asked_by_the_next_ones(
    tmp_path: Path, own: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that stay different, for their worklogs are hidden, keep none of the others waiting."""
    extract(tmp_path / "fresh", own.cloud)
    whole = held(tmp_path / "fresh")
    issues = {issue_id for issue_id, _ in whole.values()}
    most = -(-len(issues) // 3)
    monkeypatch.setattr("extractors.jira.worklogs.MOST_ASKED", most)
    none: dict[str, Any] = {"worklogs": [], "total": 0}
    own.faults(
        {"match": "worklog/updated", "kind": "merge", "document": {"values": [], "until": LATER}, "times": None},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": none, "times": most},
    )
    row = coverage(extract(tmp_path / "pmo", own.cloud))
    assert held(tmp_path / "pmo") == {}
    assert f"{len(issues) - most} more issues" in str(row.reason)
    hidden = set(owed(tmp_path / "pmo")["asked"])
    assert len(hidden) == most
    for _ in range(2):
        row = coverage(extract(tmp_path / "pmo", own.cloud))
    assert held(tmp_path / "pmo") == {key: value for key, value in whole.items() if value[0] not in hidden}
    assert row.reason is None
    assert owed(tmp_path / "pmo") == {"odd": [], "since": None, "asked": {}}


@pytest.mark.parametrize(
    ("match", "odd"),
    [("worklog/list", {"timeSpentSeconds": 60}), ("issue/[0-9]+/worklog", {"id": "77", "timeSpentSeconds": "1h"})],
)
def test_odd_worklogs_are_counted_and_asked_for_until_they_are_good(
    tmp_path: Path, own: Sandbox, match: str, odd: dict[str, Any]
) -> None:
    """The feed and what is landed name them once; an updated program reads them all the same."""
    extract(tmp_path / "fresh", own.cloud)
    end: dict[str, Any] = {"until": LATER} | ({} if match == "worklog/list" else {"values": []})
    bad: dict[str, Any] = {"worklogs": [odd], "total": 1}
    faults: list[dict[str, Any]] = [
        {"match": "worklog/updated", "kind": "merge", "document": end, "times": None},
        {"match": "issue/[0-9]+/worklog", "kind": "merge", "document": bad, "times": None},
    ]
    if match == "worklog/list":
        faults += [{"match": match, "kind": "merge", "entry": 0, "document": dict(odd) | {"id": None}, "times": None}]
    own.faults(*faults)
    for _ in range(2):
        row = coverage(extract(tmp_path / "pmo", own.cloud))
        assert row.skipped > 0
        assert "unknown form" in str(row.reason)
        assert held(tmp_path / "pmo") != held(tmp_path / "fresh")
    own.faults()
    row = coverage(extract(tmp_path / "pmo", own.cloud))
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh")
    assert (row.skipped, row.reason) == (0, None)
    assert owed(tmp_path / "pmo") == {"odd": [], "since": None, "asked": {}}


@pytest.mark.parametrize("told", [["w-1"], ["w-1", None], [None, None]])
def test_worklogs_under_other_ids_are_odd_and_not_landed(tmp_path: Path, own: Sandbox, told: list[str | None]) -> None:
    """An answer names some worklogs by what is no number, or not at all: they are owed, and nothing is held twice.

    Their issues are asked, which give them under their own ids.
    """
    own.faults(
        *({"match": "worklog/list", "kind": "merge", "entry": entry, "document": {"id": one}, "times": None}
          for entry, one in enumerate(told)),
    )  # fmt: skip
    report = extract(tmp_path / "pmo", own.cloud)
    row = coverage(report)
    assert report.failures == []
    assert row.skipped == len(told)
    assert "unknown form" in str(row.reason)
    assert len(owed(tmp_path / "pmo")["odd"]) == len(told)
    own.faults()
    extract(tmp_path / "fresh", own.cloud)
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh")
    extract(tmp_path / "pmo", own.cloud)
    assert held(tmp_path / "pmo") == held(tmp_path / "fresh")


@pytest.mark.parametrize("match", ["worklog/updated", "issue/[0-9]+/worklog"])
def test_a_broken_endpoint_of_worklogs_stops_nothing_else(
    tmp_path: Path, own: Sandbox, match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    faults: list[dict[str, Any]] = [{"match": match, "kind": "500", "times": None}]
    if match.startswith("issue"):
        faults += [{"match": "worklog/updated", "kind": "merge", "document": {"values": []}, "times": None}]
    own.faults(*faults)
    report = extract(tmp_path / "pmo", own.cloud)
    assert report.failures == []
    assert "worklogs cannot be read" in str(coverage(report).reason)
    assert coverage(report).got is None
    assert until(tmp_path / "pmo") == 0
    own.faults()
    assert coverage(extract(tmp_path / "pmo", own.cloud)).reason is None
