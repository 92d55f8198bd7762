"""The worked example of the KPI contract as flow: cycle times, re-openings, and what one day's end shows.

The same stories go through the raw rows of Jira and of Azure DevOps and give the same figures.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import at, azure_rows, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

DOING: dict[str, Any] = {"stage": "in_progress"}
DONE: dict[str, Any] = {"stage": "done"}
TODO: dict[str, Any] = {"stage": "todo"}
CANCELLED: dict[str, Any] = {"stage": "cancelled"}

STORIES = {
    "A": story("1", 5, ("03-01", {}), ("03-05 10:00", DOING), ("03-08 16:00", DONE)),
    "B": story(
        "2",
        3,
        ("03-01", {}),
        ("03-06 09:00", DOING),
        ("03-07 12:00", DONE),
        ("03-11 09:00", DOING),
        ("03-16 11:00", DONE),
    ),
    "C": story("3", 8, ("03-01", {})),
    "D": story(
        "4", 2, ("03-05 08:00", {}), ("03-07 09:00", DOING), ("03-08 10:00", {"points": 3.0}), ("03-12 15:00", DONE)
    ),
    "F": story("6", 1, ("03-01", {}), ("03-04 08:00", DONE)),
    "G": story("7", 2, ("03-01", {}), ("03-13 09:00", DOING), ("03-18 11:00", DONE)),
    "H": story("11", 3, ("03-01", {}), ("03-10", CANCELLED)),
    "L": story("15", 2, ("03-01 08:00", {}), ("03-01 09:00", DONE), ("03-06", TODO), ("03-09", DONE)),
}
TOOLS = ("jira", "azure")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    warehouse = Warehouse(tmp_path_factory.mktemp("flow"), now=datetime.fromisoformat("2024-03-20T12:00:00+00:00"))
    warehouse.jira("jira", **jira_rows(STORIES.values())).azure("azure", **azure_rows(STORIES.values()))
    return warehouse.build(select="+kpi_flow +kpi_cfd +kpi_wip")


def flow_of(example: duckdb.DuckDBPyConnection, tool: str, name: str) -> dict[str, Any]:
    key = f"{tool}:{STORIES[name].item_id}"
    return records(example, "select * from core.fct_item_flow where item_key = ?", key)[0]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("name", "hours"), [("A", 78), ("B", 242), ("D", 126), ("F", None), ("G", 122), ("C", None)])
def test_cycle_times(example: duckdb.DuckDBPyConnection, tool: str, name: str, hours: float | None) -> None:
    assert flow_of(example, tool, name)["cycle_time_hours"] == hours


@pytest.mark.parametrize("tool", TOOLS)
def test_reopened_and_skipped(example: duckdb.DuckDBPyConnection, tool: str) -> None:
    b, f, resumed = (flow_of(example, tool, name) for name in "BFL")
    assert (b["reopen_count"], b["backward_move_count"]) == (1, 1)
    assert b["active_hours"] == 27 + 122  # 03-06 09:00 to 03-07 12:00, 03-11 09:00 to 03-16 11:00: not while done
    assert (f["has_skipped_start"], f["lead_time_hours"]) == (True, 3 * 24 + 8)
    assert (resumed["reopen_count"], resumed["has_skipped_start"], resumed["done_at"]) == (
        1,
        True,
        at("03-09"),
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_cancelled_is_not_delivered(example: duckdb.DuckDBPyConnection, tool: str) -> None:
    cancelled = flow_of(example, tool, "H")
    assert (cancelled["done_at"], cancelled["cancelled_at"]) == (None, at("03-10"))


@pytest.mark.parametrize("tool", TOOLS)
def test_month(example: duckdb.DuckDBPyConnection, tool: str) -> None:
    (month,) = records(
        example,
        "select * from marts.kpi_flow where scope_type = 'connection' and scope_key = ? and period_type = 'month'",
        tool,
    )
    delivered = ["A", "B", "D", "F", "G", "L"]
    assert (month["arrived_items"], month["started_items"], month["cancelled_items"]) == (8, 4, 1)
    assert (month["delivered_items"], month["delivered_points"]) == (len(delivered), 5 + 3 + 3 + 1 + 2 + 2)
    assert (month["cycle_time_items"], month["skipped_start_count"], month["reopened_items"]) == (4, 2, 2)
    # 78, 122, 126, 242: the median lies half way, the 85th percentile at 0.55 of the last step.
    assert month["cycle_time_p50_hours"] == 124
    assert month["cycle_time_p85_hours"] == pytest.approx(126 + 0.55 * 116)
    assert (month["wip_items"], month["wip_age_p85_hours"], month["defect_ratio"]) == (0, None, 0)
    assert month["is_complete"] is False


@pytest.mark.parametrize("tool", TOOLS)
def test_work_in_progress_by_day(example: duckdb.DuckDBPyConnection, tool: str) -> None:
    days = records(
        example,
        """
        select flow.period_start_date as day, flow.wip_items, cfd.items, flow.wip_age_p85_hours as age
        from marts.kpi_flow as flow
        inner join marts.kpi_cfd as cfd
            on flow.scope_type = cfd.scope_type and flow.scope_key = cfd.scope_key
            and flow.period_start_date = cfd.day_date and cfd.stage = 'in_progress'
        where flow.scope_type = 'connection' and flow.scope_key = ? and flow.period_type = 'day'
        order by day
        """,
        tool,
    )
    expected = {5: 1, 6: 2, 7: 2, 8: 1, 9: 1, 10: 1, 11: 2, 12: 1, 13: 2, 14: 2, 15: 2, 16: 1, 17: 1}
    assert [(day["day"], day["wip_items"]) for day in days] == [
        (date(2024, 3, number), expected.get(number, 0)) for number in range(1, 21)
    ]
    assert all(day["wip_items"] == day["items"] for day in days)
    by_day = {day["day"].day: day["age"] for day in days}
    assert by_day[5] == 14
    assert by_day[6] == pytest.approx(15 + 0.85 * (38 - 15))  # A since 38 hours, B since 15


@pytest.mark.parametrize("tool", TOOLS)
def test_cumulative_flow(example: duckdb.DuckDBPyConnection, tool: str) -> None:
    (seventh,) = records(
        example,
        """
        select * from marts.kpi_cfd
        where scope_type = 'connection' and scope_key = ? and day_date = '2024-03-07' and stage = 'in_progress'
        """,
        tool,
    )
    # D came in, B went out.
    assert (seventh["items"], seventh["entered"], seventh["left"]) == (2, 1, 1)
