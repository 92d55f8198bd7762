"""The mart suites on small warehouses: good tables pass, and a mart with a violated invariant is caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from quality.marts import MartRequest, MartTable, judge_marts
from quality.runner import Runner
from quality.suites.marts import MART_SUITES

VELOCITY = {
    "connection_id": "c", "sprint_key": "c:1", "policy_id": "default", "sprint_name": "S 1",
    "committed_items": 5, "added_items": 1, "removed_items": 1, "cancelled_items": 0, "completed_items": 3,
    "not_completed_items": 2, "committed_points": 23.0, "added_points": 2.0, "removed_points": 5.0,
    "cancelled_points": 0.0, "completed_points": 11.0, "not_completed_points": 10.0, "estimate_change_points": 1.0,
    "say_do_ratio": 8 / 23, "say_do_items_ratio": 0.4, "scope_change_ratio": 7 / 23,
}  # fmt: skip
FLOW = {
    "scope_type": "all", "scope_key": "all", "period_type": "month", "period_start_date": "2024-03-01",
    "policy_id": "default", "arrived_items": 3, "started_items": 3, "delivered_items": 2, "cancelled_items": 0,
    "wip_items": 1, "reopened_items": 0, "skipped_start_count": 0, "cycle_time_items": 2,
    "lead_time_p50_hours": 10.0, "lead_time_p85_hours": 12.0, "lead_time_p95_hours": 13.0,
    "cycle_time_p50_hours": 5.0, "cycle_time_p85_hours": 6.0, "cycle_time_p95_hours": 7.0,
    "defect_ratio": 0.5, "flow_efficiency_ratio": 0.4,
}  # fmt: skip
SATISFACTION = {
    "metric": "nps", "scope_key": "all", "period_start_date": "2024-03-01", "nps": 50.0, "nps_margin": 10.0,
    "promoters": 6, "passives": 3, "detractors": 1, "responses": 11, "nps_responses": 10, "csat_ratio": None,
    "csat_mean": None, "response_ratio": 0.5, "is_suppressed": False,
}  # fmt: skip
CONNECTION = {
    "connection_id": "c", "tool": "jira", "watermark_at": "2024-03-18 10:00:00", "is_stale": False,
    "coverage_ratio": 1.0,
}  # fmt: skip
POLICY = {"policy_id": "default", "policy_version": 1, "done_rule": "last"}
ITEM_FLOW = {
    "item_key": "c:1", "policy_id": "default", "policy_version": 1, "lead_time_hours": 2.0, "cycle_time_hours": 1.0,
    "done_at": "2024-03-18 10:00:00", "cancelled_at": "2024-03-19 10:00:00", "flow_efficiency_ratio": 0.5,
    "reopen_count": 0, "backward_move_count": 0,
}  # fmt: skip
SCORE = {
    "kpi_id": "throughput", "scope_name": "T", "scope_key": "t", "period_start_date": "2024-03-01", "value": 1.0,
    "numerator": 1.0, "denominator": 1.0, "trust_ratio": 1.0, "status": "no_target", "sample_items": 1,
}  # fmt: skip
KEYS = {
    "dim_policy": ("policy_id", "policy_version"),
    "fct_item_flow": ("item_key", "policy_id"),
    "dim_kpi": ("kpi_id",),
    "kpi_scorecard": ("kpi_id",),
    "kpi_velocity": ("sprint_key", "policy_id"),
    "kpi_flow": ("scope_type", "scope_key", "period_type", "period_start_date", "policy_id"),
    "kpi_satisfaction": ("metric", "scope_key", "period_start_date"),
    "dim_connection": ("connection_id",),
}


def failures(runner: Runner, folder: Path, **tables: list[dict[str, Any]]) -> set[str]:
    """The failed measures of the tables, as `table measure`."""
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    tables = {"dim_connection": [CONNECTION], **tables}
    with duckdb.connect(str(warehouse)) as session:
        session.execute("create schema core; create schema marts")
        for name, rows in tables.items():
            schema = "marts" if name.startswith("kpi_") else "core"
            columns = rows[0] if rows else {"FLOW": FLOW}["FLOW"]
            typed = ", ".join(f'"{column}" {_type(value)}' for column, value in columns.items())
            session.execute(f"create table {schema}.{name} ({typed})")
            for row in rows:
                marks = ", ".join("?" for _ in row)
                session.execute(f"insert into {schema}.{name} values ({marks})", list(row.values()))
    request = MartRequest(
        warehouse,
        "run",
        tuple(MartTable("marts" if name.startswith("kpi_") else "core", name, KEYS[name]) for name in tables),
    )
    return {f"{each.asset.split('/')[1]} {each.name}" for each in judge_marts(runner, request) if not each.passed}


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str) and len(value) == 19:
        return "timestamp"
    return {int: "bigint", float: "double", str: "varchar"}.get(type(value), "double")


def scoped(**values: Any) -> list[dict[str, Any]]:
    """The month of everything, of the one connection and of the one team."""
    return [{**FLOW, "scope_type": scope, **values} for scope in ("all", "connection", "team")]


def test_good_marts_pass(runner: Runner, tmp_path: Path):
    found = failures(runner, tmp_path, kpi_velocity=[VELOCITY], kpi_flow=scoped(), kpi_satisfaction=[SATISFACTION])
    assert found == set()


BAD_VELOCITY = [
    ({"completed_items": 4}, "broken_identity_items"),
    ({"estimate_change_points": 0.0}, "broken_identity_points"),
    ({"estimate_change_points": None}, "broken_identity_points"),
    ({"say_do_ratio": -0.1}, "impossible_ratios"),
    ({"say_do_items_ratio": 1.5}, "impossible_ratios"),
    ({"connection_id": "other"}, "foreign_connections"),
]


@pytest.mark.parametrize(("values", "measure"), BAD_VELOCITY)
def test_a_broken_sprint_is_caught(runner: Runner, tmp_path: Path, values: dict[str, Any], measure: str):
    bad = {**VELOCITY, "sprint_key": "c:2", **values}
    assert failures(runner, tmp_path, kpi_velocity=[VELOCITY, bad]) == {f"kpi_velocity {measure}"}


def test_a_missing_estimate_is_no_broken_identity(runner: Runner, tmp_path: Path):
    names = [name for name in VELOCITY if name.endswith("_points")]
    unestimated = {**VELOCITY, **dict.fromkeys(names), "say_do_ratio": None, "scope_change_ratio": None}
    assert failures(runner, tmp_path, kpi_velocity=[VELOCITY, {**unestimated, "sprint_key": "c:2"}]) == set()


BAD_FLOW = [
    ({"wip_items": -1}, "negative_counts"),
    ({"lead_time_p85_hours": 9.0}, "unordered_percentiles"),
    ({"defect_ratio": 1.2}, "impossible_ratios"),
    ({"cycle_time_items": 3}, "more_cycles_than_deliveries"),
    ({"delivered_items": 0, "cycle_time_items": 0}, "percentiles_without_deliveries"),
]


@pytest.mark.parametrize(("values", "measure"), BAD_FLOW)
def test_a_broken_period_is_caught(runner: Runner, tmp_path: Path, values: dict[str, Any], measure: str):
    assert failures(runner, tmp_path, kpi_flow=scoped(**values)) == {f"kpi_flow {measure}"}


def test_teams_that_do_not_add_up_are_caught(runner: Runner, tmp_path: Path):
    rows = scoped()
    rows[2] = {**rows[2], "delivered_items": 3, "cycle_time_items": 2}
    assert failures(runner, tmp_path, kpi_flow=rows) == {"kpi_flow delivered_items_differ_between_scopes"}


def test_no_flow_although_work_was_read(runner: Runner, tmp_path: Path):
    assert failures(runner, tmp_path, kpi_flow=[]) == {"kpi_flow row_count"}
    only_surveys = {**CONNECTION, "tool": "surveys"}
    assert failures(runner, tmp_path, kpi_flow=[], dim_connection=[only_surveys]) == set()


BAD_SATISFACTION = [
    ({"nps": 101.0}, "impossible_nps"),
    ({"promoters": 5}, "groups_do_not_add_up"),
    ({"is_suppressed": True}, "not_suppressed"),
    ({"csat_ratio": 1.1}, "impossible_ratios"),
]


@pytest.mark.parametrize(("values", "measure"), BAD_SATISFACTION)
def test_a_broken_satisfaction_is_caught(runner: Runner, tmp_path: Path, values: dict[str, Any], measure: str):
    assert failures(runner, tmp_path, kpi_satisfaction=[{**SATISFACTION, **values}]) == {f"kpi_satisfaction {measure}"}


@pytest.mark.parametrize(("rule", "is_caught"), [("last", True), ("first", False)])
def test_done_and_cancelled_is_a_fault_where_the_last_state_counts(
    runner: Runner, tmp_path: Path, rule: str, is_caught: bool
):
    policies = [POLICY, {**POLICY, "policy_id": "other", "done_rule": rule}]
    items = [{**ITEM_FLOW, "policy_id": "other"}]
    found = failures(runner, tmp_path, dim_policy=policies, fct_item_flow=items)
    assert found == ({"fct_item_flow done_and_cancelled"} if is_caught else set())


def scorecard_failures(runner: Runner, folder: Path, kpi_id: str, value: float) -> set[str]:
    score = {**SCORE, "kpi_id": kpi_id, "value": value, "numerator": value}
    return failures(runner, folder, dim_kpi=[{"kpi_id": kpi_id}], kpi_scorecard=[score])


@pytest.mark.parametrize("kpi_id", ["reopen_ratio", "say_do", "scope_change", "predictability"])
def test_ratios_that_may_exceed_one(runner: Runner, tmp_path: Path, kpi_id: str):
    assert scorecard_failures(runner, tmp_path, kpi_id, 1.5) == set()
    assert scorecard_failures(runner, tmp_path, kpi_id, -0.5) == {"kpi_scorecard negative_ratios"}


def test_a_share_above_one_is_caught(runner: Runner, tmp_path: Path):
    assert scorecard_failures(runner, tmp_path, "defect_ratio", 1.5) == {"kpi_scorecard impossible_shares"}


def test_a_key_twice_and_a_key_missing_are_caught(runner: Runner, tmp_path: Path):
    assert failures(runner, tmp_path, kpi_velocity=[VELOCITY, VELOCITY]) == {"kpi_velocity repeated_keys"}
    nameless = {**VELOCITY, "sprint_key": None}
    assert failures(runner, tmp_path, kpi_velocity=[VELOCITY, nameless]) == {"kpi_velocity missing_keys"}


def test_a_missing_column_is_caught(runner: Runner, tmp_path: Path):
    reduced = {name: value for name, value in VELOCITY.items() if name != "say_do_ratio"}
    found = failures(runner, tmp_path, kpi_velocity=[reduced])
    assert found == {"kpi_velocity impossible_ratios", "kpi_velocity ratio_without_commitment"}


def test_stale_and_incomplete_connections_are_reported(runner: Runner, tmp_path: Path):
    held = {**CONNECTION, "connection_id": "d", "is_stale": True, "coverage_ratio": 0.5}
    assert failures(runner, tmp_path, dim_connection=[CONNECTION, held]) == {
        "dim_connection stale",
        "dim_connection incomplete_coverage",
    }
    never = {**CONNECTION, "watermark_at": None}
    assert "dim_connection connections_with_data" in failures(runner, tmp_path, dim_connection=[never])


def test_every_suite_names_its_measures_once():
    for name, measures in MART_SUITES.items():
        assert len({measure.name for measure in measures}) == len(measures), name
