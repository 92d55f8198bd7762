"""Data hygiene: every rule with an item that breaks it and one that only just does not."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Row, Story, at, azure_rows, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

DOING, DONE = {"stage": "in_progress"}, {"stage": "done"}

SPRINTS = [
    {"sprint_id": "1", "name": "Past", "state": "closed", "start_at": at("02-01"), "end_at": at("02-10"),
     "complete_at": at("02-10")},
    {"sprint_id": "2", "name": "Now", "state": "active", "start_at": at("03-25"), "end_at": at("04-05")},
    {"sprint_id": "3", "name": "Next", "state": "future", "start_at": None, "end_at": None},
    {"sprint_id": "4", "name": "Late", "state": "active", "start_at": at("03-01"), "end_at": at("03-30 12:00")},
    {"sprint_id": "5", "name": "Undated", "state": "closed", "start_at": None, "end_at": at("02-10")},
    {"sprint_id": "6", "name": "Just over", "state": "active", "start_at": at("03-20"), "end_at": at("03-31 12:00")},
]  # fmt: skip

# Ten items of an hour or two: 85 % take at most two hours, so five days without a change is stale.
DELIVERED = [
    story(str(100 + n), 2, ("03-01", {}), ("03-04 09:00", DOING), ("03-04 11:00", DONE)) for n in range(10)
]  # fmt: skip

STORIES = [
    *DELIVERED,
    story("1", 1, ("03-01", {}), ("03-02", DONE)),  # done without start
    story("2", 1, ("03-01", DONE)),  # created as done
    story("3", 3, ("03-01", {}), ("03-02", DOING), ("03-03", DONE), ("03-05", {"points": 5}), ("03-06", {"points": 8})),
    story("4", 3, ("03-01", {}), ("03-02", DOING), ("03-03", {"stage": "done", "points": 5})),  # with done: in time
    story("5", 1, ("03-01", {}), ("03-02", DOING), ("03-03", DONE), ("03-05", {"sprints": ("1",)})),
    story("6", 1, ("03-30", {"sprints": ("2", "3")})),  # two open sprints
    story("7", 1, ("03-30", {"sprints": ("1", "2")})),  # one of them is closed
    story("8", 1, ("02-01", {"sprints": ("1",)})),  # left behind
    story("9", None, ("03-30", {"sprints": ("2",)})),  # in the active sprint, no estimate
    story("10", None, ("03-30", {})),  # backlog: needs none yet
    story("11", 1, ("03-01", {}), ("03-20", DOING)),  # stale: twelve days
    story("12", 1, ("03-01", {}), ("03-28", DOING)),  # four days
    story("13", 1, ("03-30", {}), ("03-31", DOING)),  # nobody's
    story("14", 1, ("03-01", {}), ("03-02", DONE), deleted_at=at("03-10")),  # deleted: not judged
    story("20", 1, ("03-01", {}), ("03-02", DOING), ("03-03", DONE)),  # parent of 21: done, child open
    story("21", None, ("03-01", {}), parent_id="20"),
    story("22", 1, ("03-01", {}), ("03-02", DOING), ("03-03", DONE)),  # parent of 23: both done
    story("23", None, ("03-01", {}), ("03-03", DONE), parent_id="22"),
    story("30", 1, ("03-01", {}), ("03-02", DOING), ("03-03", DONE)),  # its history is broken below
]
OVERRIDES: dict[str, Row] = {
    "11": {"updated_at": at("03-20")},
    "12": {"updated_at": at("03-28")},
    "13": {"assignee_id": None, "updated_at": at("03-31")},
}


def moved_at_once(first: int, moved: int, left: int) -> list[Story]:
    """Items that all go from to do to in progress within a minute, and some that stay."""
    instants = [f"03-31 10:00:{n:02}" for n in range(moved)]
    movers = [story(str(first + n), 1, ("03-30", {}), (instant, DOING)) for n, instant in enumerate(instants)]
    return movers + [story(str(first + 500 + n), 1, ("03-30", {})) for n in range(left)]


def assigned(rows: dict[str, Any], project: str) -> dict[str, Any]:
    issues = [
        {"assignee_id": "ann", "updated_at": at("03-31"), **issue, **OVERRIDES.get(issue["issue_id"], {})}
        for issue in rows["issues"]
    ]
    return {**rows, "issues": [{**issue, "issue_key": f"{project}-{issue['issue_id']}"} for issue in issues]}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    told = Warehouse(tmp_path_factory.mktemp("hygiene"))
    main = assigned(jira_rows(STORIES), "PROJ")
    for change in main["issue_changes"]:
        if change["issue_id"] == "30" and change["to_id"] == "3":
            change["from_id"] = "7"  # the change before it led to 2
    told.jira("jira", sprints=[{"board_id": "1", **each} for each in SPRINTS], **main)
    for number, (project, left) in enumerate([("MOVED", 2), ("BUSY", 3)], start=1):
        rows = assigned(jira_rows(moved_at_once(number * 1000, 25, left), str(number)), project)
        changes, issues = rows["issue_changes"], rows["issues"]
        told.jira("jira", issues=[{**issue, "project_key": project} for issue in issues], issue_changes=changes)
    told.jira(
        "jira", projects=[{"project_id": str(n), "project_key": k, "name": k} for n, k in ((1, "MOVED"), (2, "BUSY"))]
    )
    azure = azure_rows([story("1", 1, ("03-01", {})), story("2", 1, ("03-01", {}), ("03-02", DOING))])
    azure["states"] = [state for state in azure["states"] if state["state"] != "Active"]
    undated = {"team_id": "team", "iteration_guid": "i", "iteration_path": "Project\\i", "name": "Undated iteration"}
    told.azure("azure", team_iterations=[undated], **azure)
    return told.build(select="+fct_hygiene_finding")


def findings(warehouse: duckdb.DuckDBPyConnection, rule: str) -> dict[str, Row]:
    rows = records(warehouse, "select * from core.fct_hygiene_finding where rule_id = ?", rule)
    return {row["subject"]: row for row in rows}


EXPECTED = {
    "history_incomplete": {"PROJ-30"},
    "status_unmapped": {"Active"},
    "sprint_without_dates": {"Undated", "Undated iteration"},
    "bulk_migration": {"Doing"},
    "two_open_sprints": {"PROJ-6"},
    "estimate_changed_after_done": {"PROJ-3"},
    "done_without_start": {"PROJ-1", "PROJ-2"},
    "changed_after_done": {"PROJ-5"},
    "parent_done_children_open": {"PROJ-20"},
    "no_estimate": {"PROJ-9"},
    "stale_in_progress": {"PROJ-11"},
    "sprint_overdue": {"Late"},
    "left_in_closed_sprint": {"PROJ-8"},
    "in_progress_unassigned": {"PROJ-13"},
}


@pytest.mark.parametrize("rule", EXPECTED)
def test_who_breaks_a_rule_and_who_does_not(warehouse: duckdb.DuckDBPyConnection, rule: str) -> None:
    assert findings(warehouse, rule).keys() == EXPECTED[rule]


def test_every_rule_is_described_and_tried_here(warehouse: duckdb.DuckDBPyConnection) -> None:
    rules = records(warehouse, "select * from core.dim_hygiene_rule order by position")
    assert [rule["rule_id"] for rule in rules] == list(EXPECTED)
    assert all(rule["description"] and rule["remedy"] for rule in rules)


def test_a_finding_says_what_whose_where_and_since_when(warehouse: duckdb.DuckDBPyConnection) -> None:
    estimate = findings(warehouse, "estimate_changed_after_done")["PROJ-3"]
    assert estimate["finding"] == "Estimate changed from 3 to 8 while done."
    assert (estimate["item_key"], estimate["since_at"]) == ("jira:3", at("03-06"))
    assert estimate["source_url"] == "https://jira.example.com/browse/PROJ-3"
    assert estimate["person_key"] is not None
    assert (estimate["severity"], estimate["as_of_at"]) == ("high", at("04-01"))
    assert findings(warehouse, "in_progress_unassigned")["PROJ-13"]["person_key"] is None


def test_words_of_findings(warehouse: duckdb.DuckDBPyConnection) -> None:
    words = {
        (row["rule_id"], row["subject"]): row["finding"]
        for row in records(warehouse, "select rule_id, subject, finding from core.fct_hygiene_finding")
    }
    assert words["done_without_start", "PROJ-1"] == 'Went from "To Do" to "Done" without being in progress.'
    assert words["done_without_start", "PROJ-2"] == 'Created as "Done".'
    assert words["two_open_sprints", "PROJ-6"] == "In 2 open sprints: Now, Next."
    assert words["parent_done_children_open", "PROJ-20"] == "1 child is open: PROJ-21"
    assert words["bulk_migration", "Doing"] == '25 items went from "To Do" to "Doing" within 1 minute, 2 stayed.'
    assert words["sprint_overdue", "Late"] == "Active 1 day after its planned end."
    assert words["sprint_without_dates", "Undated"] == "It has no start date."
    assert words["changed_after_done", "PROJ-5"] == "Changed while done: sprint."
    assert words["stale_in_progress", "PROJ-11"] == (
        'In "Doing", unchanged for 12 days; 85 % of the team\'s items take at most 5 from start to end.'
    )
