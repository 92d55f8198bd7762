"""Estimates that nobody can mean stop no build and no other figure; fractions leave no trace of binary arithmetic."""

from __future__ import annotations

from typing import Any

import duckdb
import jinja2
import pytest

from tests.dbt.stories import at, jira_rows, records, story
from tests.dbt.warehouse import PROJECT, Warehouse

EXACT: Any = jinja2.Environment(autoescape=False).from_string((PROJECT / "macros" / "exact.sql").read_text()).module  # noqa: S701 - SQL
DONE: dict[str, Any] = {"stage": "done"}
BOARD = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100", "points_field_id": "points"}
ABSURD = 9e25  # fits into a decimal(38, 12) once, not twice


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    sprints = [
        {"sprint_id": number, "board_id": "1", "name": f"S{number}", "state": "closed", "start_at": at(f"{day} 09:00"),
         "end_at": at(f"{last} 17:00"), "complete_at": at(f"{last} 18:00")}
        for number, day, last in [("1", "03-04", "03-08"), ("2", "03-11", "03-15")]
    ]  # fmt: skip
    stories = [
        story("1", 0.3, ("03-01", {"sprints": ("1",)}), ("03-06", DONE)),
        story("2", ABSURD, ("03-09", {"sprints": ("2",)}), ("03-12", DONE)),
        story("3", ABSURD, ("03-09", {"sprints": ("2",)}), ("03-12", DONE)),
        story("4", 5, ("03-09", {"sprints": ("2",)}), ("03-12", DONE)),
    ]
    report = [
        {"sprint_id": "1", "board_id": "1", "record_id": "1:1", "issue_id": "1", "issue_key": "PROJ-1",
         "outcome": "completed", "is_added": False, "estimate_at_start": 0.3, "estimate_at_close": 0.1},
        {"sprint_id": "1", "board_id": "1", "record_id": "1:*", "complete_at": at("03-08 18:00"),
         "committed_points": 0.3, "completed_points": 0.1},
    ]  # fmt: skip
    told = Warehouse(tmp_path_factory.mktemp("absurd"))
    held = [{"board_id": "1", "issue_id": one.item_id} for one in stories]
    told.jira("jira", boards=[BOARD], sprints=sprints, board_items=held, sprint_reports=report, **jira_rows(stories))
    return told.build()


def test_an_absurd_estimate_counts_as_unknown(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = "select sprint_name, completed_points, completed_items from marts.kpi_velocity order by sprint_name"
    assert [tuple(row.values()) for row in records(warehouse, sql)] == [("S1", 0.3, 1), ("S2", 5, 3)]


def test_a_difference_of_fractions_is_wholly_explained(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = "select * from marts.kpi_parity where measure = 'completed_points'"
    row = records(warehouse, sql)[0]
    assert (row["our_value"], row["tool_value"]) == (0.3, 0.1)
    assert (row["difference"], row["unexplained_difference"]) == (0.2, 0)


@pytest.mark.parametrize(
    ("numbers", "total", "mean"),
    [
        ("9e25, 9e25", None, None),
        ("1e30, 4", 4, 4),
        ("'nan'::double, 4, '-inf'::double", 4, 4),
        ("-9e14, -9e14", -1.8e15, -9e14),
        ("0.1, 0.2, null", 0.3, 0.15),
    ],
)
def test_a_sum_and_a_mean_are_of_the_same_numbers(numbers: str, total: float | None, mean: float | None) -> None:
    sums = f"{EXACT.exact_sum('n')}, {EXACT.exact_mean('n', 'true')}"
    query = f"select {sums} from (select unnest([{numbers}]::double[]) as n)"
    assert duckdb.execute(query).fetchone() == (total, mean)
