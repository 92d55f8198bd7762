"""What the marts say of scopes: portfolios and programs, policies that change on a day, windows of days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import at, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

NOW = datetime(2024, 4, 10, 12, tzinfo=UTC)
DOING: dict[str, Any] = {"stage": "in_progress"}
DONE: dict[str, Any] = {"stage": "done"}
TODO: dict[str, Any] = {"stage": "todo"}

POLICIES = """
policy_id,is_active,valid_from,start_rule,done_rule,day_count,skipped_start,flow_types,commitment_grace_hours,completion_cutoff,estimate_as_of,velocity_window,sprint_subtasks,flow_efficiency_base
default,true,,first,last,elapsed,null,bug,0,actual_close,event,3,exclude,from_start
default,true,2024-03-20,last,last,elapsed,null,all,0,actual_close,event,3,exclude,from_start
asleep,false,,first,last,elapsed,null,all,0,actual_close,event,3,exclude,from_start
"""
PORTFOLIOS = """
connection_id,project,epic_ref,program,portfolio
west,PROJ,,Rockets,Space
east,PROJ,,,Space
east,,PROJ-1,Seas,Earth
"""
BEFORE = story("10", 1, ("03-01", {}), ("03-04", DOING), ("03-05", TODO), ("03-06", DOING), ("03-10", DONE))
AFTER = story("11", 1, ("03-01", {}), ("03-04", DOING), ("03-05", TODO), ("03-06", DOING), ("03-25", DONE))
EPIC = story("1", None, ("02-01", {}))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    seeds = {"metric_policies": POLICIES, "portfolio_mapping": PORTFOLIOS}
    settings = {"daily_history_days": 10, "reporting_time_zone": "Asia/Tokyo"}
    built = Warehouse(tmp_path_factory.mktemp("scopes"), now=NOW, seeds=seeds, settings=settings)
    built.jira("west", time_zone="America/New_York", **jira_rows([BEFORE, AFTER]))
    east = jira_rows([EPIC, BEFORE, AFTER])
    for issue in east["issues"]:
        if issue["issue_id"] == "1":
            issue.update(issue_type_id="9", issue_type="Epic")
        if issue["issue_id"] == "10":
            issue["epic_ref"] = "PROJ-1"
    built.jira("east", **east)
    return built.build(select="+kpi_flow +kpi_cfd +kpi_wip +dim_work_item")


def months(warehouse: duckdb.DuckDBPyConnection, scope_type: str) -> dict[tuple[str, str], int]:
    rows = records(
        warehouse,
        "select * from marts.kpi_flow where scope_type = ? and period_type = 'month' order by all",
        scope_type,
    )
    return {
        (row["scope_key"], f"{row['period_start_date']:%m}"): row["delivered_items"]
        for row in rows
        if row["delivered_items"]
    }


def test_the_policy_of_the_day_on_which_an_item_was_done(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = records(warehouse, "select * from core.fct_item_flow where connection_id = 'west' order by item_key")
    assert [(row["policy_version"], row["started_at"], row["is_in_flow"]) for row in rows] == [
        (1, at("03-04"), False),  # first start; stories do not count yet
        (2, at("03-06"), True),
    ]


def test_a_period_has_the_flow_types_of_its_first_day(warehouse: duckdb.DuckDBPyConnection) -> None:
    weeks = records(
        warehouse,
        "select period_start_date as week, delivered_items from marts.kpi_flow "
        "where scope_type = 'connection' and scope_key = 'west' and period_type = 'week' and delivered_items > 0",
    )
    # 03-10 lies in a week, and March in a month, that began when only bugs counted. In New York 03-25 00:00 is 03-24.
    assert weeks == []
    assert months(warehouse, "connection") == {}
    days = records(
        warehouse,
        "select day_date, items from marts.kpi_cfd where scope_type = 'connection' and scope_key = 'east' "
        "and stage = 'done' and day_date in ('2024-03-17', '2024-03-24', '2024-03-31')",
    )
    assert sorted((row["day_date"].day, row["items"]) for row in days) == [(17, 0), (24, 1), (31, 2)]


def test_portfolios_and_programs(warehouse: duckdb.DuckDBPyConnection) -> None:
    nodes = records(warehouse, "select portfolio_key, parent_portfolio_key, level from core.dim_portfolio order by all")
    assert [tuple(node.values()) for node in nodes] == [
        ("Earth", None, 1), ("Earth/Seas", "Earth", 2), ("Space", None, 1), ("Space/Rockets", "Space", 2)
    ]  # fmt: skip
    homes = records(
        warehouse, "select item_key, portfolio_key, epic_item_key from core.dim_work_item order by item_key"
    )
    assert [tuple(home.values()) for home in homes] == [
        ("east:1", "Earth/Seas", None),
        ("east:10", "Earth/Seas", "east:1"),  # the epic goes before the project
        ("east:11", "Space", None),
        ("west:10", "Space/Rockets", None),
        ("west:11", "Space/Rockets", None),
    ]
    done = records(
        warehouse,
        "select scope_key, items from marts.kpi_cfd "
        "where scope_type = 'portfolio' and day_date = '2024-04-09' and stage = 'done' order by scope_key",
    )
    assert [tuple(row.values()) for row in done] == [
        ("Earth", 1),
        ("Earth/Seas", 1),
        ("Space", 3),
        ("Space/Rockets", 2),
    ]


def test_days_of_the_latest_history_only(warehouse: duckdb.DuckDBPyConnection) -> None:
    days = records(
        warehouse,
        "select scope_key, min(period_start_date) as first, max(period_start_date) as last from marts.kpi_flow "
        "where period_type = 'day' and scope_type in ('connection', 'all') group by all order by all",
    )
    assert [tuple(day.values()) for day in days] == [
        (key, date(2024, 4, 1), date(2024, 4, 10)) for key in ("all", "east", "west")
    ]
    # Cumulative flow has days from the Monday of that week, Sundays before it.
    before = records(
        warehouse,
        "select distinct day_date from marts.kpi_cfd "
        "where scope_key = 'east' and day_date < '2024-04-01' order by day_date desc",
    )
    assert [row["day_date"] for row in before[:3]] == [date(2024, 3, 31), date(2024, 3, 24), date(2024, 3, 17)]
    weeks = records(
        warehouse,
        "select min(period_start_date) as first from marts.kpi_flow where scope_key = 'east' and period_type = 'week'",
    )
    assert weeks == [{"first": date(2024, 1, 29)}]  # the week of the first creation
