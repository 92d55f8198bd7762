"""Sprints at the edges: states, missing dates, deleted sprints, teams, the velocity's window."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Row, at, azure_rows, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

BOARD = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100"}
DONE, DOING = {"stage": "done"}, {"stage": "in_progress"}


def sprint(number: int, state: str, start: str | None, end: str | None, complete: str | None, **values: Any) -> Row:
    dates = {name: at(day) if day else None for name, day in (("start", start), ("end", end), ("complete", complete))}
    told = {f"{name}_at": instant for name, instant in dates.items()}
    return {"sprint_id": str(number), "name": f"S{number}", "state": state, "board_id": "1", **told, **values}


SPRINTS = [
    sprint(1, "closed", "01-01", "01-10", "01-12"),
    sprint(2, "closed", "01-13", "01-20", None),  # closed without a completion: the planned end
    sprint(3, "closed", "02-01", "02-10", "02-09", activated_at=at("02-02 10:00")),
    sprint(4, "closed", None, "02-20", "02-20"),  # no start
    sprint(5, "closed", "03-01", "03-10", "03-01"),  # a close not after the start
    sprint(6, "active", "03-20", "04-03", "03-25"),  # activated again: an old completion
    sprint(7, "future", "04-10", "04-20", None),
    sprint(8, "closed", "02-20", "02-25", "02-26"),  # deleted after its close, see below
]
DELETED = {**SPRINTS[-1], "is_deleted": True, "extracted_at": at("03-15")}
SPRINTS[-1]["extracted_at"] = at("03-01")
LATE = {**sprint(9, "active", "03-01", "03-09", None), "extracted_at": at("03-02")}  # deleted while it ran
LATE_DELETED = {**LATE, "is_deleted": True, "extracted_at": at("03-03")}

STORIES = [
    story("1", 5, ("01-01", {"sprints": ("1",)}), ("01-05", DONE)),
    story("2", 3, ("01-01", {"sprints": ("2",)}), ("01-15", DONE)),
    story("3", 8, ("01-01", {"sprints": ("3",)}), ("02-02 09:00", DOING), ("02-05", DONE)),
    story("4", 2, ("01-01", {"sprints": ("8",)}), ("02-22", DONE)),
    story("5", 1, ("03-01", {"sprints": ("6",)}), ("03-26", DONE)),
    story("6", None, ("03-01", {"sprints": ("6",)})),
    story("7", 1, ("03-01", {"sprints": ("6",)}), deleted_at=at("03-28")),
    story("8", 1, ("03-01", {"sprints": ("4", "5", "7", "9")})),
]
ITERATIONS = [
    {"team_id": "team", "iteration_guid": guid, "iteration_path": f"Project\\{guid}", "name": guid,
     "start_date": start, "finish_date": finish, **values}
    for guid, start, finish, values in [
        ("past", "2024-03-01", "2024-03-14", {}),
        ("now", "2024-03-25", "2024-04-05", {}),
        ("next", "2024-04-06", "2024-04-12", {}),
        ("undated", None, None, {}),
        ("dropped", "2024-02-01", "2024-02-14", {"extracted_at": at("02-01")}),
        ("dropped", "2024-02-01", "2024-02-14", {"extracted_at": at("03-30"), "is_deleted": True}),
    ]
]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    told = Warehouse(tmp_path_factory.mktemp("edges"))
    told.jira("jira", boards=[BOARD], sprints=[*SPRINTS, DELETED, LATE, LATE_DELETED], **jira_rows(STORIES))
    told.azure(
        "azure",
        "Europe/Berlin",
        team_iterations=ITERATIONS,
        **azure_rows([story("1", 3, ("03-01", {"sprints": ("past",)}))]),
    )
    return told.build(select="+kpi_velocity +kpi_burndown")


def dims(warehouse: duckdb.DuckDBPyConnection, connection: str) -> dict[str, Row]:
    rows = records(warehouse, "select * from core.dim_sprint where connection_id = ?", connection)
    return {row["sprint_id"]: row for row in rows}


def velocities(warehouse: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    rows = records(warehouse, "select * from marts.kpi_velocity where connection_id = 'jira'")
    return {row["sprint_key"].split(":")[1]: row for row in rows}


def test_starts_and_closes_of_jira_sprints(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = dims(warehouse, "jira")
    bounds = {key: (row["started_at"], row["closed_at"], row["is_measurable"]) for key, row in rows.items()}
    assert bounds == {
        "1": (at("01-01"), at("01-12"), True),
        "2": (at("01-13"), at("01-20"), True),
        "3": (at("02-02 10:00"), at("02-09"), True),
        "4": (None, at("02-20"), False),
        "5": (at("03-01"), at("03-01"), False),
        "6": (at("03-20"), None, True),
        "7": (None, None, False),
        "8": (at("02-20"), at("02-26"), True),
    }


def test_iterations_have_days_in_the_teams_zone(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = dims(warehouse, "azure")
    assert {key: row["state"] for key, row in rows.items()} == {
        "past": "closed", "now": "active", "next": "future", "undated": "future", "dropped": "closed",
    }  # fmt: skip
    assert (rows["past"]["started_at"], rows["past"]["closed_at"]) == (at("02-29 23:00"), at("03-14 23:00"))
    assert (rows["now"]["closed_at"], rows["now"]["planned_end_at"]) == (None, at("04-05 22:00"))


def test_sprints_that_cannot_be_measured_have_no_measures(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = velocities(warehouse)
    assert rows.keys() == {"1", "2", "3", "4", "5", "6", "8"}
    for key in ("4", "5"):
        assert (rows[key]["committed_items"], rows[key]["velocity_mean_points"]) == (None, None)


def test_the_window_of_the_velocity(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = velocities(warehouse)
    assert {key: row["completed_points"] for key, row in rows.items() if row["is_measurable"]} == {
        "1": 5, "2": 3, "3": 8, "8": 2, "6": 1,
    }  # fmt: skip
    assert {key: row["velocity_mean_points"] for key, row in rows.items() if row["is_measurable"]} == {
        "1": 5, "2": 4, "3": pytest.approx(16 / 3), "8": pytest.approx(13 / 3), "6": pytest.approx(13 / 3),
    }  # fmt: skip
    assert rows["1"]["predictability_ratio"] is None
    assert rows["8"]["predictability_ratio"] == pytest.approx(2 / (16 / 3))
    assert rows["6"]["predictability_ratio"] == pytest.approx(1 / (13 / 3))
    assert rows["1"]["velocity_stddev_points"] is None
    assert rows["2"]["velocity_stddev_points"] == pytest.approx(2**0.5)


def test_an_active_sprint_is_judged_at_the_watermark(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = velocities(warehouse)["6"]
    assert (row["is_final"], row["state"]) == (False, "active")
    # 5 is done, 6 has no estimate and stays, 7 was deleted.
    assert (row["committed_items"], row["committed_points"]) == (3, 2)
    assert (row["removed_items"], row["removed_points"]) == (1, 1)
    assert (row["not_completed_items"], row["not_completed_points"]) == (1, None)
    days = records(warehouse, "select * from marts.kpi_burndown where sprint_key = 'jira:6' order by day_date")
    assert [day["day_date"] for day in days] == [(at("03-20") + timedelta(days=n)).date() for n in range(13)]
    assert days[-1]["remaining_items"] == 1
    ideal = [day["ideal_points"] for day in days]
    assert (ideal[0], ideal[1]) == (pytest.approx(2 * 10 / 11), pytest.approx(2 * 9 / 11))
