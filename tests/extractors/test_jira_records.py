"""Jira's JSON → rows: forms that differ, values that changed their type, text that is no text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from msgspec import Raw

from extractors.jira.bulk import FetchedIssue, split_changelog
from extractors.jira.fields import find_roles
from extractors.jira.records import IssueRows, column_of, instant_of, number_of
from extractors.landing import Landing, Run
from tests.extractors.sandbox_site import ROOT
from tests.extractors.test_jira_fields import FIELDS

SENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ROLES = find_roles(FIELDS, ["customfield_4"], {})


def issue(number: int = 10, **fields: Any) -> dict[str, Any]:
    known = {
        "summary": "A",
        "created": "2026-03-01T10:00:00.123+0530",
        "updated": "2026-03-01T12:00:00.000+0000",
        "status": {"id": "3", "name": "Doing", "statusCategory": {"key": "indeterminate"}},
        "issuetype": {"id": "1", "name": "Story", "subtask": False},
        "project": {"id": "7", "key": "ABC"},
    }
    return {"id": str(number), "key": f"ABC-{number}", "fields": {**known, **fields}}


def history(number: int, *items: dict[str, Any], created: Any = "2026-03-01T11:00:00.000+0000") -> dict[str, Any]:
    return {
        "id": str(number),
        "created": created,
        "author": {"accountId": "u1", "displayName": "U"},
        "items": list(items),
    }


def status_change(before: str, after: str) -> dict[str, Any]:
    return {"field": "status", "fieldtype": "jira", "fieldId": "status", "from": before, "to": after}


def fetched(document: dict[str, Any], *histories: dict[str, Any], count: int | None = None) -> FetchedIssue:
    return FetchedIssue(
        Raw(json.dumps(document).encode()), [Raw(json.dumps(each).encode()) for each in histories], count, SENT
    )


def rows(*all_fetched: FetchedIssue) -> dict[str, list[dict[str, Any]]]:
    collected = IssueRows(ROLES)
    for one in all_fetched:
        assert collected.add(one) is None
    tables = collected.tables()
    return {name: table.to_pylist() if isinstance(table, pa.Table) else table for name, table in tables.items()}


def test_an_issue_becomes_a_typed_row() -> None:
    document = issue(
        customfield_4=5,
        customfield_5=[{"value": "Impediment"}],
        customfield_1=[{"id": 12, "name": "S", "state": "active"}, {"id": 9, "name": "R", "state": "closed"}],
        customfield_2="ABC-1",
        parent={"id": "4", "key": "ABC-4"},
        labels=["a", "b"],
        fixVersions=[{"id": "2", "name": "1.0"}],
        components=[{"id": "1", "name": "UI"}],
        duedate="2026-03-09",
        timeestimate=3600,
        resolution={"id": "1", "name": "Done"},
        assignee={"accountId": "u2", "displayName": "V", "active": True},
    )
    (row,) = rows(fetched(document))["jira/issues"]
    assert row["created_at"] == datetime(2026, 3, 1, 4, 30, 0, 123_000, tzinfo=UTC)
    assert row["points"] == 5
    assert row["is_flagged"] is True
    assert row["sprint_ids"] == ["12", "9"]
    assert (row["epic_ref"], row["parent_id"]) == ("ABC-1", "4")
    assert (row["labels"], row["fix_version_ids"], row["component_names"]) == (["a", "b"], ["2"], ["UI"])
    assert row["due_date"].isoformat() == "2026-03-09"
    assert row["remaining_estimate_seconds"] == 3600
    assert row["assignee_id"] == "u2"
    assert json.loads(row["payload"]) == document


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (3, 3.0),
        (2.5, 2.5),
        ("8", 8.0),
        ("2,5", 2.5),
        *((odd, None) for odd in ("large", {"value": "3"}, [3], True, None)),
    ],
)
def test_a_points_field_may_change_its_type(value: object, points: float | None) -> None:
    assert number_of(value) == points
    (row,) = rows(fetched(issue(customfield_4=value)))["jira/issues"]
    assert row["points"] == points


def test_of_several_points_fields_the_one_with_a_value_counts() -> None:
    (row,) = rows(fetched(issue(customfield_4=None, customfield_3=2)))["jira/issues"]
    assert row["points"] == 2


def test_changes_are_rows_in_the_order_of_history_ids_and_carry_the_history_once() -> None:
    late, early = history(100, status_change("2", "3")), history(99, status_change("1", "2"), {"field": "labels"})
    found = rows(fetched(issue(), late, early, early))
    changes = found["jira/issue_changes"]
    assert [row["record_id"] for row in changes] == ["10:99:0", "10:99:1", "10:100:0"]
    assert [row["attribute"] for row in changes] == ["status", None, "status"]
    assert [bool(row["payload"]) for row in changes] == [True, False, True]
    assert found["jira/issues"][0]["landed_change_count"] == 2
    assert {row["record_id"] for row in found["jira/users"]} == {"u1"}


def test_the_hash_covers_the_history() -> None:
    (plain,) = rows(fetched(issue()))["jira/issues"]
    (changed,) = rows(fetched(issue(), history(1, {"field": "labels"})))["jira/issues"]
    assert plain["payload"] == changed["payload"]
    assert plain["payload_hash"] != changed["payload_hash"]


def test_a_history_that_leads_elsewhere_is_asked_for_again() -> None:
    collected = IssueRows(ROLES)
    assert collected.add(fetched(issue(), history(1, status_change("1", "2")))) == "10"
    assert collected.issue_ids == []
    assert collected.add(fetched(issue(), history(1, status_change("1", "3")), count=2)) == "10"
    assert collected.add(fetched(issue(), history(1, status_change("1", "2"))), is_final=True) is None


@pytest.mark.parametrize(
    "created",
    ["2026-03-01T11:00:00.500+0000", "2026-03-01T12:00:00.500+01:00", "2026-03-01T11:00:00.500Z", 1772362800500],
)
def test_times_come_in_several_forms(created: object) -> None:
    (row,) = rows(fetched(issue(), history(1, {"field": "x"}, created=created)))["jira/issue_changes"]
    assert row["changed_at"] == datetime(2026, 3, 1, 11, 0, 0, 500_000, tzinfo=UTC)


def test_a_column_of_mixed_times_is_read_value_by_value() -> None:
    instant = datetime(2026, 3, 1, 11, tzinfo=UTC)
    values = ["2026-03-01T11:00:00Z", 1772362800, 1772362800000, "1772362800000", None, "soon", instant]
    column = column_of(values, pa.timestamp("us", tz="UTC"))
    assert column.to_pylist() == [instant, instant, instant, instant, None, None, instant]
    assert instant_of("2026-03-01T11:00:00") == instant
    assert [instant_of(value) for value in ("0001-01-01T00:00:00+01:00", "", True, [])] == [None] * 4


def test_an_issue_without_updated_is_landed() -> None:
    document = issue()
    del document["fields"]["updated"]
    (row,) = rows(fetched(document))["jira/issues"]
    assert row["updated_at"] is None


def test_an_answer_with_ids_only_is_no_issue() -> None:
    with pytest.raises(msgspec.ValidationError, match="fields"):
        IssueRows(ROLES).add(FetchedIssue(Raw(b'{"id": "1", "key": "A-1"}'), [], None, SENT))


def test_links_seen_from_both_ends_are_one_row() -> None:
    kind = {"name": "Blocks", "outward": "blocks", "inward": "is blocked by"}
    one = issue(10, issuelinks=[{"id": "5", "type": kind, "outwardIssue": {"id": "11", "key": "ABC-11"}}])
    other = issue(11, issuelinks=[{"id": "5", "type": kind, "inwardIssue": {"id": "10", "key": "ABC-10"}}])
    (from_one,) = rows(fetched(one))["jira/issue_links"]
    (from_other,) = rows(fetched(other))["jira/issue_links"]
    assert from_one == from_other
    assert (from_one["source_issue_id"], from_one["target_issue_id"]) == ("10", "11")


def test_data_center_issues_are_taken_apart() -> None:
    document = issue() | {"changelog": {"startAt": 0, "total": 3, "histories": [history(1, status_change("1", "3"))]}}
    one = split_changelog(Raw(json.dumps(document).encode()), SENT)
    assert one.change_count == 3
    assert len(one.histories) == 1
    assert "changelog" not in json.loads(bytes(one.payload))


def test_broken_utf8_is_repaired_and_counts_as_text(tmp_path: Path) -> None:
    raw = json.dumps(issue(summary="a@b")).encode().replace(b"a@b", b"a\xffb")
    found = rows(FetchedIssue(Raw(raw), [], None, SENT))
    landing = Landing(tmp_path)
    batch = landing.batch(Run("r", SENT), "jira-a", "jira")
    assert batch.append("jira/issues", found["jira/issues"]) == 1
    batch.commit({}, is_final=True)
    assert landing.latest("jira/issues", "jira-a", ["summary"]).to_pylist() == [{"summary": "a\ufffdb"}]


REAL = ROOT.parent / "shared" / "data" / "jira_apache" / "issues.jsonl"


@pytest.mark.skipif(not REAL.exists(), reason="real records are not here")
def test_real_issues_lose_nothing() -> None:
    collected = IssueRows(find_roles([], [], {}))
    documents = [json.loads(line) for line in REAL.read_text(encoding="utf-8").splitlines()]
    for line in REAL.read_bytes().splitlines():
        collected.add(split_changelog(Raw(line), SENT), is_final=True)
    changes = collected.tables()["jira/issue_changes"]
    assert isinstance(changes, pa.Table)
    expected = {
        (document["id"], int(entry["id"]), number, item["field"], item["from"], item["toString"])
        for document in documents
        for entry in document["changelog"]["histories"]
        for number, item in enumerate(entry["items"])
    }
    columns = ["issue_id", "history_id", "item_number", "field", "from_id", "to_text"]
    assert {tuple(row.values()) for row in changes.select(columns).to_pylist()} == expected
