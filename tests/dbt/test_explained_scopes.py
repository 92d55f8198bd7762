"""Scopes across projects and connections: what `pmo explain` shows is what the scorecard counts.

An item under an epic that the seed gives to a portfolio, and which changes its project after it was done; and two
connections in two time zones, of which one was read three weeks less far than the other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.explanation import Explanation
from orchestration.paths import Home
from tests.dbt.explained import explained_otherwise
from tests.dbt.lives import STAGE_MAPPING, Life, State
from tests.dbt.lives import jira_rows as rows_of_lives
from tests.dbt.stories import at, jira_rows, records, story
from tests.dbt.warehouse import Warehouse

NOW, LATE = datetime(2024, 4, 10, 12, tzinfo=UTC), datetime(2024, 3, 20, 12, tzinfo=UTC)
DOING: dict[str, Any] = {"stage": "in_progress"}
PORTFOLIOS = """
connection_id,project,epic_ref,program,portfolio
jira,ALPHA,,,P1
jira,BETA,,,P2
jira,,BETA-9,,P2
late,PROJ,,,House
soon,PROJ,,,House
"""


def _aware(day: str) -> datetime:
    return at(day).replace(tzinfo=UTC)


MOVED = Life(
    "1",
    _aware("03-01"),
    State(),
    (
        (_aware("03-02"), 10, State("doing")),
        (_aware("03-03"), 11, State("closed", "fixed")),
        (_aware("03-10"), 12, State("closed", "fixed", project="beta")),
    ),
)
EPIC = Life("9", _aware("02-01"), State(item_type="epic", project="beta"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("explained")
    seeds = {"portfolio_mapping": PORTFOLIOS, "stage_mapping": STAGE_MAPPING}
    told = Warehouse(home, now=NOW, seeds=seeds, settings={"reporting_time_zone": "Europe/Berlin"})
    told.reached_at["late"] = LATE
    rows = rows_of_lives([EPIC, MOVED])
    for issue in rows["issues"]:
        if issue["issue_id"] == "1":
            issue["epic_ref"] = "BETA-9"
    told.jira("jira", time_zone="Europe/Berlin", **rows)
    told.jira("late", time_zone="America/New_York", **jira_rows([story("1", 1, ("03-01", {}), ("03-05 09:00", DOING))]))
    told.jira("soon", time_zone="Europe/Berlin", **jira_rows([story("2", 1, ("03-01", {}), ("03-06 09:00", DOING))]))
    told.build().close()
    return home


@pytest.fixture(scope="module")
def warehouse(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)


def test_the_epic_decides_also_before_the_item_changed_its_project(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = records(
        warehouse,
        "select scope_key, value from marts.kpi_scorecard where kpi_id = 'throughput' and scope_type = 'portfolio'"
        " and period_type = 'month' and period_start_date = '2024-03-01' and scope_key in ('P1', 'P2') order by all",
    )
    assert found == [{"scope_key": "P2", "value": 1}]
    item = records(warehouse, "select * from core.dim_work_item where item_key = 'jira:1'")[0]
    assert (item["portfolio_key"], item["epic_portfolio_key"]) == ("P2", "P2")
    assert records(warehouse, "select * from core.dim_work_item where item_key = 'soon:2'")[0][
        "epic_portfolio_key"
    ] is None  # fmt: skip


def test_items_age_to_the_watermark_of_their_own_connection(warehouse: duckdb.DuckDBPyConnection) -> None:
    found = records(
        warehouse,
        "select scope_type, period_start_date as start, kpi_id, value from marts.kpi_scorecard"
        " where kpi_id in ('wip', 'wip_age_p85') and (scope_type = 'all' or scope_key = 'House')"
        " and period_type = 'month' and period_start_date >= '2024-03-01'",
    )
    shown = {(row["scope_type"], f"{row['start']:%m}", row["kpi_id"]): row["value"] for row in found}
    late = (LATE - _aware("03-05 09:00")).total_seconds() / 3600  # was read until then, in March and in April
    march = (_aware("03-31 22:00") - _aware("03-06 09:00")).total_seconds() / 3600
    april = (NOW - _aware("03-06 09:00")).total_seconds() / 3600
    for scope in ("all", "portfolio"):
        assert shown[scope, "03", "wip"] == shown[scope, "04", "wip"] == 2
        assert shown[scope, "03", "wip_age_p85"] == pytest.approx(0.15 * late + 0.85 * march)
        assert shown[scope, "04", "wip_age_p85"] == pytest.approx(0.15 * late + 0.85 * april)


def test_the_explanation_gives_every_value_back(home: Path) -> None:
    assert explained_otherwise(home, sample=1000, seed=1) == []
    with Explanation(Home(home, home)) as explanation:
        values = explanation.rows("select count(*) as n from kpi_scorecard where scope_key in ('P2', 'House')")
    assert values[0]["n"] > 20
