"""Our sprint figures beside Jira's own report: equal where nothing differs, else with the right reason per item."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Row, at, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

S = {"sprints": ("1",)}
OUT: dict[str, Any] = {"sprints": ()}
DOING, DONE, CANCELLED, TODO = ({"stage": stage} for stage in ("in_progress", "done", "cancelled", "todo"))
SPRINT = {"sprint_id": "1", "board_id": "1", "name": "S", "state": "closed", "start_at": at("03-04 09:00"),
          "end_at": at("03-15 17:00"), "complete_at": at("03-18 10:00")}  # fmt: skip
BOARD = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100", "points_field_id": "points"}

STORIES = [
    story("1", 5, ("03-01", S), ("03-05", DOING), ("03-08", DONE)),  # the same in both
    story("2", 3, ("03-01", S)),  # not completed in both
    story("3", 2, ("03-01", S), ("03-06", DOING), ("03-08", CANCELLED)),  # Won't Do
    story("4", 1, ("03-01", S), ("03-06", DONE), deleted_at=at("03-20")),  # deleted since
    story("5", 1, ("03-01", S), ("03-06", DONE)),  # not in the board's filter any more
    story("6", 8, ("03-01", S), ("03-07", DONE)),  # the tool has another estimate of the start
    story("7", 2, ("03-01", S), ("03-07", DOING)),  # the tool's last column holds "Doing"
    story("8", 1, ("03-04 12:00", {}), ("03-04 13:00", S), ("03-06", DONE)),  # four hours after the start
    story("9", 3, ("03-01", S), ("03-16", DONE)),  # after the planned end
    story("10", 1, ("03-01", {}), ("03-02", DONE), ("03-06", S)),  # put in when it was done
    story("12", 5, ("03-01", S), ("03-04 20:00", OUT), ("03-05", DONE), ("03-07", S)),  # finished outside, back as done
    story("13", 2, ("03-01", S), ("03-02", DONE), ("03-05 08:00", TODO), ("03-09", DONE)),  # re-opened within a day
    story("11", None, ("03-01", {}), parent_id="1"),  # a sub-task that a report lists nevertheless
]
POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,elapsed,null,no_epics_no_subtasks,0,actual_close,event,3,exclude,from_start
graceful,true,,first,last,elapsed,null,no_epics_no_subtasks,24,actual_close,event,3,exclude,from_start
planned,true,,first,last,elapsed,null,no_epics_no_subtasks,0,planned_end,event,3,exclude,from_start
"""


def reported(issue: str, outcome: str, start: float | None, close: float | None, *, is_added: bool = False) -> Row:
    return {
        "sprint_id": "1", "board_id": "1", "record_id": f"1:{issue}", "issue_id": issue, "issue_key": f"PROJ-{issue}",
        "outcome": outcome, "is_added": is_added, "estimate_at_start": start, "estimate_at_close": close,
    }  # fmt: skip


REPORT = [
    reported("1", "completed", 5, 5),
    reported("2", "not_completed", 3, 3),
    reported("3", "completed", 2, 2),
    reported("6", "completed", 5, 8),
    reported("7", "completed", 2, 2),
    reported("8", "completed", 1, 1, is_added=True),
    reported("9", "completed", 3, 3),
    reported("10", "completed_elsewhere", 1, 1, is_added=True),
    reported("12", "completed_elsewhere", 5, 5),
    reported("13", "completed", 2, 2),
    reported("11", "not_completed", None, None),
    reported("999", "not_completed", 1, 1),  # of a project that is not read
    {"sprint_id": "1", "board_id": "1", "record_id": "1:*", "complete_at": at("03-18 10:00"),
     "committed_points": 27.0, "completed_points": 23.0},
]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    told = Warehouse(tmp_path_factory.mktemp("parity"), seeds={"metric_policies": POLICIES})
    held = [{"board_id": "1", "issue_id": one.item_id} for one in STORIES if one.item_id not in ("4", "5")]
    told.jira("jira", boards=[BOARD], sprints=[SPRINT], board_items=held, sprint_reports=REPORT, **jira_rows(STORIES))
    return told.build(select="+kpi_parity")


def reasons(warehouse: duckdb.DuckDBPyConnection, measure: str, policy: str = "default") -> dict[str, str]:
    sql = "select item_ref, reason_id from marts.kpi_parity_item where measure = ? and policy_id = ?"
    return {row["item_ref"].removeprefix("PROJ-"): row["reason_id"] for row in records(warehouse, sql, measure, policy)}


def figures(warehouse: duckdb.DuckDBPyConnection, policy: str = "default") -> dict[str, Row]:
    rows = records(warehouse, "select * from marts.kpi_parity where policy_id = ?", policy)
    return {row["measure"]: row for row in rows}


def test_the_two_figures_side_by_side(warehouse: duckdb.DuckDBPyConnection) -> None:
    shown = {name: (row["our_value"], row["tool_value"]) for name, row in figures(warehouse).items()}
    assert shown == {
        "committed_points": (30, 27),
        "completed_points": (21, 23),
        "completed_items": (7, 7),
        "not_completed_items": (2, 3),
        "removed_items": (1, 0),
        "added_items": (2, 2),
        "completed_elsewhere_items": (2, 2),
    }


def test_a_reason_for_every_item_that_differs(warehouse: duckdb.DuckDBPyConnection) -> None:
    lacking = {"4": "deleted", "5": "not_on_board"}
    assert reasons(warehouse, "completed_items") == {**lacking, "3": "not_delivered", "7": "done_mapping"}
    assert reasons(warehouse, "committed_points") == {**lacking, "6": "estimate_changed", "999": "not_landed"}
    assert reasons(warehouse, "not_completed_items") == {"7": "done_mapping", "11": "sub_task", "999": "not_landed"}
    assert reasons(warehouse, "added_items") == {"10": "added_as_done", "13": "reopened_or_done"}
    assert reasons(warehouse, "removed_items") == {"12": "completed_outside"}


def test_a_difference_is_the_sum_over_its_items(warehouse: duckdb.DuckDBPyConnection) -> None:
    for policy in ("default", "graceful", "planned"):
        for name, row in figures(warehouse, policy).items():
            # The chart's commitment is one point more than its items add up to: that is said, too.
            expected = -1 if name == "committed_points" else 0
            assert row["unexplained_difference"] == expected, (policy, name)
            assert row["is_equal"] == (row["our_value"] == row["tool_value"])
    row = figures(warehouse)["completed_items"]
    assert (row["differing_items"], row["is_equal"], row["difference"]) == (4, True, 0)
    assert row["reasons"] == "deleted (1), done_mapping (1), not_delivered (1), not_on_board (1)"


def test_policies_explain_their_own_differences(warehouse: duckdb.DuckDBPyConnection) -> None:
    graceful = reasons(warehouse, "committed_points", "graceful")
    assert (graceful["8"], graceful["12"], graceful["13"]) == ("grace", "completed_outside", "grace")
    assert reasons(warehouse, "completed_items", "planned")["9"] == "planned_end"


def test_words_name_what_happened(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = "select * from marts.kpi_parity_item where item_key = 'jira:3' and measure = 'completed_points'"
    row = next(row for row in records(warehouse, sql) if row["policy_id"] == "default")
    assert "Won't Do" in row["reason"]
    assert (row["our_value"], row["tool_value"]) == (0, 2)
    assert row["source_url"] == "https://jira.example.com/browse/PROJ-3"
