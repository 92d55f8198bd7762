"""The worked example of the KPI contract and its corners, every figure, through the raw rows of
Jira Cloud, Jira Data Center and Azure DevOps.

Azure DevOps iterations have days only, so there the sprint lasts from 00:00 of 03-04 to 00:00 after 03-17, and what
happens on the morning of its first day before 09:00 is told a day earlier.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Story, at, azure_rows, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

IN: dict[str, Any] = {"sprints": ("7",)}
OUT: dict[str, Any] = {"sprints": ()}
DOING, DONE, TODO = {"stage": "in_progress"}, {"stage": "done"}, {"stage": "todo"}

EXAMPLE = [
    story("1", 5, ("03-01", IN), ("03-05 10:00", DOING), ("03-08 16:00", DONE)),
    story("2", 3, ("03-01", IN), ("03-06 09:00", DOING), ("03-07 12:00", DONE),
          ("03-11 09:00", DOING), ("03-16 11:00", DONE)),
    story("3", 8, ("03-01", IN)),
    story("4", 2, ("03-05 08:00", {}), ("03-06 12:00", IN), ("03-07 09:00", DOING),
          ("03-08 10:00", {"points": 3.0}), ("03-12 15:00", DONE)),
    story("5", 5, ("03-01", IN), ("03-07 09:00", OUT)),
    story("6", 1, ("03-01", IN), ("03-04 08:00", DONE)),
    story("7", 2, ("03-01", IN), ("03-05 11:00", OUT), ("03-06 09:00", IN),
          ("03-13 09:00", DOING), ("03-18 11:00", DONE)),
]  # fmt: skip
NAMES = dict(zip("1234567", "ABCDEFG", strict=True)) | dict(
    zip(("11", "12", "13", "14", "15", "16"), "HIJKLM", strict=True)
)
CORNERS = [
    story("11", 3, ("03-01", IN), ("03-10", {"stage": "cancelled"})),
    story("12", 5, ("03-01", IN), ("03-05", OUT), ("03-06", DONE), ("03-07", IN)),
    story("13", 2, ("03-05", {}), ("03-08", IN | DONE)),
    story("14", 1, ("03-06", IN | DONE)),
    story("15", 2, ("03-01 08:00", IN), ("03-01 09:00", DONE), ("03-06", TODO), ("03-09", DONE)),
    story("16", 3, ("03-05", {}), ("03-06", IN), ("03-08", OUT)),
]

POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,event,3,exclude,from_start
planned,true,,first,last,elapsed,null,no_epics_no_subtasks,0,planned_end,event,3,exclude,from_start
current,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,current,3,exclude,from_start
"""
SPRINT = {"sprint_id": "7", "name": "S", "state": "closed", "board_id": "1", "start_at": "2024-03-04 09:00",
          "end_at": "2024-03-15 17:00", "complete_at": "2024-03-18 10:00"}  # fmt: skip
BOARD = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100"}
ITERATION = {"team_id": "team", "iteration_guid": "7", "iteration_path": "Project\\7", "name": "S",
             "start_date": "2024-03-04", "finish_date": "2024-03-17"}  # fmt: skip
CLOUD, DATA_CENTER, AZURE = "cloud:7", "dc:7", "azure:team:7"
SPRINTS = {CLOUD: "Jira Cloud", DATA_CENTER: "Jira Data Center", AZURE: "Azure DevOps"}


def before_the_first_day(told: Story) -> Story:
    """F was done on the morning before the sprint started; an iteration has started at midnight."""
    if told.item_id != "6":
        return told
    return story("6", 1, ("03-01", IN), ("03-03 08:00", DONE))


def build(folder: Path, stories: list[Story]) -> duckdb.DuckDBPyConnection:
    """A warehouse with the sprint three times: Cloud, Data Center (which says when it was activated), Azure DevOps."""
    activated = SPRINT | {"start_at": "2024-03-04 08:30", "activated_at": "2024-03-04 09:00"}
    warehouse = Warehouse(folder, seeds={"metric_policies": POLICIES})
    warehouse.jira("cloud", sprints=[SPRINT], boards=[BOARD], **jira_rows(stories))
    warehouse.jira("dc", sprints=[activated], boards=[BOARD], **jira_rows(stories))
    azure = azure_rows([before_the_first_day(told) for told in stories])
    warehouse.azure("azure", team_iterations=[ITERATION], **azure)
    return warehouse.build(select="+kpi_velocity +kpi_burndown")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return build(tmp_path_factory.mktemp("example"), EXAMPLE)


@pytest.fixture(scope="module")
def corners(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    return build(tmp_path_factory.mktemp("corners"), CORNERS)


@pytest.fixture(params=SPRINTS, ids=SPRINTS.values())
def sprint(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def velocity(warehouse: duckdb.DuckDBPyConnection, sprint: str, policy: str = "default") -> dict[str, Any]:
    return records(
        warehouse, "select * from marts.kpi_velocity where sprint_key = ? and policy_id = ?", sprint, policy
    )[0]


def items(warehouse: duckdb.DuckDBPyConnection, sprint: str, policy: str = "default") -> dict[str, dict[str, Any]]:
    rows = records(
        warehouse, "select * from core.fct_sprint_item where sprint_key = ? and policy_id = ?", sprint, policy
    )
    return {NAMES[row["item_key"].split(":")[1]]: row for row in rows}


def remaining_by_day(warehouse: duckdb.DuckDBPyConnection, sprint: str) -> list[tuple[str, float]]:
    days = records(
        warehouse,
        "select * from marts.kpi_burndown where sprint_key = ? and policy_id = 'default' order by day_date",
        sprint,
    )
    return [(f"{row['day_date']:%m-%d}", row["remaining_points"]) for row in days]


def pick(row: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def test_velocity(example: duckdb.DuckDBPyConnection, sprint: str) -> None:
    row = velocity(example, sprint)
    assert pick(row, "committed_items", "committed_points") == (5, 23)
    assert pick(row, "added_items", "added_points") == (1, 2)
    assert pick(row, "removed_items", "removed_points") == (1, 5)
    assert pick(row, "cancelled_items", "cancelled_points") == (0, 0)
    assert pick(row, "completed_items", "completed_points") == (3, 11)
    assert pick(row, "not_completed_items", "not_completed_points") == (2, 10)
    assert row["completed_elsewhere_items"] == 1
    assert row["estimate_change_points"] == 1
    assert row["say_do_ratio"] == pytest.approx((5 + 3) / 23)
    assert row["scope_change_ratio"] == pytest.approx((2 + 5) / 23)
    assert row["is_final"]


def test_items(example: duckdb.DuckDBPyConnection, sprint: str) -> None:
    rows = items(example, sprint)
    assert {name for name, row in rows.items() if row["is_committed"]} == set("ABCEG")
    assert {name for name, row in rows.items() if row["added_at"]} == {"D"}
    assert {name for name, row in rows.items() if row["removed_at"]} == {"E"}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "A": "completed", "B": "completed", "C": "not_completed", "D": "completed",
        "E": "removed", "F": "completed_elsewhere", "G": "not_completed",
    }  # fmt: skip
    assert rows["B"]["completed_at"] == at("03-16 11:00")
    assert rows["F"]["was_done_at_start"]
    assert pick(rows["D"], "points_at_start", "points_at_add", "points_at_remove", "points_at_close") == (
        None,
        2,
        None,
        3,
    )
    assert pick(rows["E"], "points_at_start", "points_at_add", "points_at_remove", "points_at_close") == (
        5,
        None,
        5,
        None,
    )


def test_completed_by_the_planned_end(example: duckdb.DuckDBPyConnection, sprint: str) -> None:
    row = velocity(example, sprint, "planned")
    if sprint == AZURE:  # an iteration ends as planned
        assert pick(row, "completed_items", "completed_points") == (3, 11)
    else:
        assert pick(row, "completed_items", "completed_points") == (2, 8)
        assert items(example, sprint, "planned")["B"]["outcome"] == "not_completed"


def test_todays_estimates(example: duckdb.DuckDBPyConnection, sprint: str) -> None:
    row = velocity(example, sprint, "current")
    assert pick(row, "added_points", "completed_points", "estimate_change_points") == (3, 11, 0)


def test_burndown(example: duckdb.DuckDBPyConnection, sprint: str) -> None:
    expected = [("03-04", 23), ("03-05", 21), ("03-06", 25), ("03-07", 17), ("03-08", 13), ("03-09", 13), ("03-10", 13),
                ("03-11", 16), ("03-12", 13), ("03-13", 13), ("03-14", 13), ("03-15", 13), ("03-16", 10), ("03-17", 10),
                ("03-18", 10)]  # fmt: skip
    days = remaining_by_day(example, sprint)
    assert days == (expected[:-1] if sprint == AZURE else expected)


def test_corner_items(corners: duckdb.DuckDBPyConnection, sprint: str) -> None:
    rows = items(corners, sprint)
    facts = {name: pick(row, "is_committed", "added_at", "removed_at", "outcome") for name, row in rows.items()}
    assert facts == {
        "H": (True, None, None, "cancelled"),
        "I": (True, None, at("03-05"), "completed_elsewhere"),
        "J": (False, None, None, "completed_elsewhere"),
        "K": (False, None, None, "completed_elsewhere"),
        "L": (False, at("03-06"), None, "completed"),
        "M": (False, at("03-06"), at("03-08"), "removed"),
    }
    assert rows["I"]["points_at_remove"] == 5


def test_corner_sums(corners: duckdb.DuckDBPyConnection, sprint: str) -> None:
    row = velocity(corners, sprint)
    assert pick(row, "committed_items", "committed_points") == (2, 8)
    assert pick(row, "added_items", "added_points") == (2, 5)
    assert pick(row, "removed_items", "removed_points") == (2, 8)
    assert pick(row, "cancelled_items", "cancelled_points") == (1, 3)
    assert pick(row, "completed_items", "completed_points") == (1, 2)
    assert pick(row, "not_completed_items", "completed_elsewhere_items") == (0, 3)
    assert [points for _, points in remaining_by_day(corners, sprint)][:8] == [8, 3, 8, 8, 5, 3, 0, 0]
