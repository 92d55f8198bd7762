"""Suites of what the product says of its own figures: coverage, restatements, parity, data hygiene.

Each measure passes on good rows and fails on a row that breaks it, and no other measure with it.
"""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import duckdb
import pytest

from quality.marts import MartRequest, MartTable, judge_marts, suite_of
from quality.measuring import measures_sql
from quality.runner import Runner
from quality.suites.marts import MART_SUITES

Row = dict[str, Any]
KEYS = [f"k{number}" for number in range(21)]
COVERED = """
create schema core; create schema marts;
create table core.dim_connection as select 'c' as connection_id, 'jira' as tool, timestamp '2024-03-18' as watermark_at;
create table core.dim_work_item as select 'c:1' as item_key, false as is_deleted union all select 'c:9', true;
create table core.dim_hygiene_rule as select 'no_estimate' as rule_id, 'medium' as severity;
create table marts.kpi_scorecard as select 'f' as figure_key, 'this' as run_id, 8.0 as value;
create table core.fct_coverage (connection_id text, stream text, project text, expected bigint, got bigint,
    missing bigint, deleted bigint, skipped bigint, reason text, coverage_ratio double, read_at timestamp);
create table core.fct_hygiene_finding (finding_key text, rule_id text, severity text, subject_type text,
    connection_id text, item_key text, sprint_key text, subject text, finding text, source_url text);
create table marts.kpi_restatement (restatement_key text, figure_key text, run_id text, kpi_id text, scope_name text,
    scope_key text, period_start_date date, old_value double, new_value double, change_value double, cause text,
    cause_text text, cause_items bigint, first_published_at timestamp, old_published_at timestamp, is_latest boolean);
create table marts.kpi_restatement_item (restatement_key text, item_key text, response_key text, item_ref text,
    change text, old_contribution double, new_contribution double, record_count bigint, raw_record_keys text[]);
create table marts.kpi_parity (sprint_key text, policy_id text, measure text, connection_id text, sprint_name text,
    our_value double, tool_value double, difference double, unexplained_difference double, differing_items bigint,
    is_equal boolean);
create table marts.kpi_parity_item (sprint_key text, policy_id text, measure text, item_key text, connection_id text,
    item_ref text, our_value double, tool_value double, reason_id text, reason text);
"""
GOOD: dict[str, Row] = {
    "fct_coverage": {
        "connection_id": "c", "stream": "jira/issues", "project": "P", "expected": 10, "got": 10, "missing": 0,
        "deleted": 1, "skipped": 0, "reason": None, "coverage_ratio": 1.0, "read_at": "2024-03-18",
    },
    "fct_hygiene_finding": {
        "finding_key": "no_estimate|c:1", "rule_id": "no_estimate", "severity": "medium", "subject_type": "item",
        "connection_id": "c", "item_key": "c:1", "sprint_key": None, "subject": "P-1", "finding": "No estimate.",
        "source_url": "https://jira.example.com/browse/P-1",
    },
    "kpi_restatement": {
        "restatement_key": "r", "figure_key": "f", "run_id": "this", "kpi_id": "throughput", "scope_name": "T",
        "scope_key": "t", "period_start_date": "2024-01-01", "old_value": 9.0, "new_value": 8.0, "change_value": -1.0,
        "cause": "records", "cause_text": "1 item left.", "cause_items": 1, "first_published_at": "2024-02-03",
        "old_published_at": "2024-02-10", "is_latest": True,
    },
    "kpi_restatement_item": {
        "restatement_key": "r", "item_key": "c:1", "response_key": None, "item_ref": "P-1", "change": "left",
        "old_contribution": 1.0, "new_contribution": None, "record_count": 1, "raw_record_keys": ["jira/issues|1"],
    },
    "kpi_parity": {
        "sprint_key": "s", "policy_id": "default", "measure": "completed_items", "connection_id": "c",
        "sprint_name": "S 1", "our_value": 3.0, "tool_value": 4.0, "difference": -1.0, "unexplained_difference": 0.0,
        "differing_items": 1, "is_equal": False,
    },
    "kpi_parity_item": {
        "sprint_key": "s", "policy_id": "default", "measure": "completed_items", "item_key": "c:1",
        "connection_id": "c", "item_ref": "P-1", "our_value": 0.0, "tool_value": 1.0, "reason_id": "not_delivered",
        "reason": "It was closed as Won't Do.",
    },
}  # fmt: skip
GRAINS = {
    "fct_coverage": ("connection_id", "stream", "project"),
    "fct_hygiene_finding": ("finding_key",),
    "kpi_restatement": ("restatement_key",),
    "kpi_restatement_item": ("restatement_key", "item_key", "response_key"),
    "kpi_parity": ("sprint_key", "policy_id", "measure"),
    "kpi_parity_item": ("sprint_key", "policy_id", "measure", "item_key"),
}


def warehouse_of(folder: Path, tables: dict[str, list[Row]]) -> Path:
    """A warehouse with these rows; tables that are not given have their good one."""
    warehouse = folder / "warehouse.duckdb"
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as session:
        session.execute(COVERED)
        for name, good in GOOD.items():
            for row in tables.get(name, [good]):
                marks = ", ".join("?" for _ in row)
                columns = ", ".join(row)
                session.execute(f"insert into {_schema(name)}.{name} ({columns}) values ({marks})", list(row.values()))
    return warehouse


def mart(name: str) -> MartTable:
    return MartTable(_schema(name), name, GRAINS[name])


def out_of_bounds(folder: Path, **tables: list[Row]) -> set[str]:
    """Measures of the tables given that are out of their bounds, as `table measure`."""
    found = set()
    with duckdb.connect(str(warehouse_of(folder, tables)), read_only=True) as session:
        for name in tables:
            suite = suite_of(mart(name))
            measured = session.execute(measures_sql(suite, f"select * from {_schema(name)}.{name}")).fetchall()[0]
            for measure, value in zip(suite.measures, measured, strict=True):
                low = -inf if measure.minimum is None else measure.minimum
                high = inf if measure.maximum is None else measure.maximum
                if not low <= value <= high:
                    found.add(f"{name} {measure.name}")
    return found


def _schema(name: str) -> str:
    return "marts" if name.startswith("kpi_") else "core"


def test_good_tables_pass(tmp_path: Path):
    assert out_of_bounds(tmp_path, **{name: [row] for name, row in GOOD.items()}) == set()


def test_a_company_without_findings_reports_or_restatements_passes(tmp_path: Path):
    assert out_of_bounds(tmp_path, **{name: [] for name in GOOD if name != "fct_coverage"}) == set()


EXPLAINED_GAP = {"got": 7, "missing": 3, "coverage_ratio": 0.7, "skipped": 3, "reason": "3 rows have no date"}
# (table, what one row says instead, the measures that fail)
BROKEN: list[tuple[str, Row, set[str]]] = [
    ("fct_coverage", {"deleted": -1}, {"negative_counts"}),
    ("fct_coverage", {"missing": None}, {"missing_does_not_add_up"}),
    ("fct_coverage", {"coverage_ratio": 0.5}, {"ratio_differs_from_its_parts"}),
    ("fct_coverage", {"coverage_ratio": None}, {"ratio_differs_from_its_parts"}),
    ("fct_coverage", {"read_at": None}, {"without_instant"}),
    ("fct_coverage", EXPLAINED_GAP, {"gaps"}),
    ("fct_coverage", {**EXPLAINED_GAP, "reason": None}, {"gaps", "unexplained"}),
    ("fct_coverage", {"skipped": 2}, {"unexplained"}),
    ("fct_coverage", {"connection_id": "d"}, {"foreign_connections", "connections_without_coverage"}),
    ("fct_hygiene_finding", {"severity": "high"}, {"severity_of_another_rule"}),
    ("fct_hygiene_finding", {"rule_id": "other"}, {"undescribed_rules", "severity_of_another_rule"}),
    ("fct_hygiene_finding", {"item_key": None}, {"without_subject"}),
    ("fct_hygiene_finding", {"subject": None}, {"without_subject"}),
    ("fct_hygiene_finding", {"item_key": "c:9"}, {"of_deleted_items"}),
    ("fct_hygiene_finding", {"source_url": None}, {"without_link"}),
    ("fct_hygiene_finding", {"finding": ""}, {"wordless"}),
    ("fct_hygiene_finding", {"connection_id": None}, {"foreign_connections"}),
    ("kpi_restatement", {"old_value": 8.0, "change_value": 0.0}, {"nothing_changed"}),
    ("kpi_restatement", {"change_value": 1.0}, {"change_does_not_add_up"}),
    ("kpi_restatement", {"new_value": 7.0, "change_value": -2.0}, {"another_value_than_the_scorecard"}),
    ("kpi_restatement", {"cause": None}, {"unknown_causes"}),
    ("kpi_restatement", {"cause": "unknown"}, {"without_a_known_cause"}),
    ("kpi_restatement", {"cause_text": None}, {"wordless"}),
    ("kpi_restatement", {"cause_items": 2}, {"items_that_are_not_named"}),
    ("kpi_restatement", {"cause_items": 0}, {"causes_without_items", "items_that_are_not_named"}),
    ("kpi_restatement", {"first_published_at": "2024-02-11"}, {"published_before_it_was_published"}),
    ("kpi_restatement", {"is_latest": False}, {"figures_without_one_latest"}),
    ("kpi_restatement_item", {"item_key": None}, {"nameless"}),
    ("kpi_restatement_item", {"response_key": "a"}, {"nameless"}),
    ("kpi_restatement_item", {"change": "moved"}, {"unknown_changes"}),
    ("kpi_restatement_item", {"new_contribution": 1.0}, {"contradictions"}),
    ("kpi_restatement_item", {"change": "came in"}, {"contradictions"}),
    ("kpi_restatement_item", {"raw_record_keys": None}, {"records_not_named"}),
    ("kpi_restatement_item", {"record_count": 0}, {"records_not_named"}),
    ("kpi_parity", {"unexplained_difference": 1.0}, {"unexplained"}),
    ("kpi_parity", {"difference": 1.0}, {"difference_does_not_add_up"}),
    ("kpi_parity", {"is_equal": True}, {"difference_does_not_add_up"}),
    ("kpi_parity", {"differing_items": 2}, {"items_that_are_not_named"}),
    ("kpi_parity", {"connection_id": "d"}, {"foreign_connections"}),
    ("kpi_parity_item", {"reason_id": "unexplained"}, {"without_a_reason"}),
    ("kpi_parity_item", {"reason": ""}, {"wordless"}),
    ("kpi_parity_item", {"our_value": 1.0}, {"no_difference"}),
    ("kpi_parity_item", {"connection_id": "d"}, {"foreign_connections"}),
]


@pytest.mark.parametrize(("table", "values", "measures"), BROKEN)
def test_a_broken_row_is_caught(tmp_path: Path, table: str, values: Row, measures: set[str]):
    found = out_of_bounds(tmp_path, **{table: [{**GOOD[table], **values}]})
    assert found == {f"{table} {measure}" for measure in measures}


def test_items_of_nothing_and_more_than_twenty_are_caught(tmp_path: Path):
    item = GOOD["kpi_restatement_item"]
    lost = [item, {**item, "restatement_key": "gone"}]
    assert out_of_bounds(tmp_path, kpi_restatement_item=lost) == {"kpi_restatement_item orphans"}
    both = {"kpi_restatement": [{**GOOD["kpi_restatement"], "cause_items": 30}]}
    many = [{**item, "item_key": key} for key in KEYS]
    found = out_of_bounds(tmp_path, **both, kpi_restatement_item=many)
    assert found == {"kpi_restatement_item too_many_items", "kpi_restatement items_that_are_not_named"}
    assert out_of_bounds(tmp_path, **both, kpi_restatement_item=many[:20]) == set()


def test_gaps_are_reported_and_contradictions_stop_the_publication(runner: Runner, tmp_path: Path):
    """As the run judges, through Great Expectations."""
    gap = {**GOOD["fct_coverage"], **EXPLAINED_GAP, "reason": None}
    negative = {**GOOD["fct_coverage"], "project": "Q", "deleted": -1}
    warehouse = warehouse_of(tmp_path, {"fct_coverage": [gap, negative]})
    results = judge_marts(runner, MartRequest(warehouse, "run", tuple(map(mart, GOOD))))
    assert {each.name: each.is_blocking for each in results if not each.passed} == {
        "gaps": False,
        "unexplained": False,
        "negative_counts": True,
    }


def test_every_measure_of_these_suites_is_broken_here():
    tried = {(table, measure) for table, _, measures in BROKEN for measure in measures}
    tried |= {("kpi_restatement_item", "orphans"), ("kpi_restatement_item", "too_many_items")}
    assert tried == {(table, measure.name) for table in GOOD for measure in MART_SUITES[table]}
