"""The scorecard of the worked example: values, targets, trust, and that the evidence tests can fail."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.dbt.stories import Row, azure_rows, jira_rows, records
from tests.dbt.test_satisfaction import answers
from tests.dbt.test_sprints_worked_example import BOARD, CORNERS, EXAMPLE, SPRINT, before_the_first_day
from tests.dbt.warehouse import Warehouse, run_dbt

TARGETS = """
kpi_id,scope_type,scope_name,target,at_risk,valid_from
throughput,,,100,1,
throughput,connection,jira,5,1,
velocity,team,Board,11,8,
velocity,team,Board,30,20,2024-06-01
say_do,,,0.9,0.5,
nps,,,0,,
"""
ACTIVE = {"sprint_id": "8", "name": "T", "state": "active", "board_id": "1", "start_at": "2024-03-18 12:00",
          "end_at": "2024-04-05 17:00"}  # fmt: skip
EVIDENCE_TESTS = {
    "flow": "flow_values_equal_their_evidence",
    "wip": "wip_values_equal_their_evidence",
    "sprints": "sprint_values_equal_their_evidence",
    "satisfaction": "satisfaction_values_equal_their_evidence",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole warehouse, dbt tests included: the example and its corners in Jira, the example in Azure DevOps."""
    folder = tmp_path_factory.mktemp("scorecard")
    told = Warehouse(folder, seeds={"kpi_targets": TARGETS})
    rows = jira_rows([*EXAMPLE, *CORNERS])
    for row in rows["issues"]:
        if row["issue_id"] == "4":
            row["points"] = 8.0  # the history ends at 3
    lost = [row for row in rows["issue_changes"] if row["issue_id"] == "2" and row["attribute"] == "status"][1]
    rows["issue_changes"] = [row for row in rows["issue_changes"] if row is not lost]
    told.jira("jira", sprints=[SPRINT, ACTIVE], boards=[BOARD], **rows)
    told.azure("azure", **azure_rows([before_the_first_day(item) for item in EXAMPLE]))
    told.surveys(responses=answers("pulse", "nps", [10, 10, 9, 8, 0, 7], scope_type="team", scope_name="Board"))
    told.build().close()
    return folder


@pytest.fixture(scope="module")
def warehouse(home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)


def value_of(warehouse: duckdb.DuckDBPyConnection, kpi_id: str, scope: str, start: str) -> Row:
    sql = (
        "select * from marts.kpi_scorecard where kpi_id = ? and scope_type || ':' || scope_name = ? "
        "and period_start_date = ? and period_type in ('month', 'sprint') and policy_id = 'default'"
    )
    (row,) = records(warehouse, sql, kpi_id, scope, start)
    return row


def test_every_kpi_has_a_row_and_a_definition(warehouse: duckdb.DuckDBPyConnection) -> None:
    told = {row["kpi_id"] for row in records(warehouse, "select distinct kpi_id from marts.kpi_scorecard")}
    defined = {row["kpi_id"] for row in records(warehouse, "select kpi_id from core.dim_kpi")}
    assert told == defined - {"csat"}


def test_sprint_values(warehouse: duckdb.DuckDBPyConnection) -> None:
    velocity = value_of(warehouse, "velocity", "team:Board", "2024-03-04")
    assert (velocity["value"], velocity["sprint_key"], velocity["status"]) == (11 + 2, "jira:7", "on_target")
    say_do = value_of(warehouse, "say_do", "team:Board", "2024-03-04")
    assert (say_do["numerator"], say_do["status"]) == (8, "off_target")
    assert say_do["value"] == pytest.approx(8 / say_do["denominator"])
    assert value_of(warehouse, "sprint_remaining", "team:Board", "2024-03-18")["value"] == 0


def test_the_most_specific_target_holds(warehouse: duckdb.DuckDBPyConnection) -> None:
    everywhere = value_of(warehouse, "throughput", "all:all", "2024-03-01")
    assert (everywhere["target_value"], everywhere["status"]) == (100, "at_risk")
    connection = value_of(warehouse, "throughput", "connection:jira", "2024-03-01")
    assert (connection["target_value"], connection["status"]) == (5, "on_target")
    assert value_of(warehouse, "lead_time_p85", "all:all", "2024-03-01")["status"] == "no_target"


def test_previous_value(warehouse: duckdb.DuckDBPyConnection) -> None:
    march = value_of(warehouse, "throughput", "all:all", "2024-03-01")
    april = value_of(warehouse, "throughput", "all:all", "2024-04-01")
    assert (march["previous_value"], april["previous_value"]) == (None, march["value"])


def test_trust_names_its_reasons(warehouse: duckdb.DuckDBPyConnection) -> None:
    faults = records(warehouse, "select item_key, reasons from core.fct_item_trust where not is_complete order by 1")
    assert faults == [
        {"item_key": "jira:2", "reasons": "status: 1 gap(s) in the history"},
        {"item_key": "jira:4", "reasons": "points: the history does not end at the current value"},
    ]
    # Of the thirteen items of Jira all but F, J and K were in the scope of the sprint.
    assert value_of(warehouse, "velocity", "team:Board", "2024-03-04")["trust_ratio"] == pytest.approx(8 / 10)
    assert value_of(warehouse, "data_trust", "connection:jira", "2024-03-01")["value"] < 1
    assert value_of(warehouse, "data_trust", "connection:azure", "2024-03-01")["value"] == 1


def test_evidence_leads_to_raw_records(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = (
        "select raw.landed_file, raw.payload_hash, raw.run_id from marts.kpi_evidence as evidence "
        "join core.fct_sprint_event as event using (sprint_key, item_key, policy_id) "
        "join core.raw_record as raw on raw.connection_id = event.connection_id "
        "and raw.raw_record_key = event.raw_record_key "
        "where evidence.kpi_id = 'velocity' and evidence.item_key = 'jira:1' and event.event_type = 'completed'"
    )
    (row,) = records(warehouse, sql)
    assert row["landed_file"].endswith("jira__issue_changes.parquet")


@pytest.mark.parametrize(
    "lies",
    [
        {
            "flow": "delete from marts.kpi_evidence where kpi_id = 'throughput' and item_key = 'jira:1'",
            "wip": "update marts.kpi_scorecard set value = 7 where kpi_id = 'wip' and scope_type = 'all'",
            "sprints": "delete from marts.kpi_evidence where kpi_id = 'say_do' and role = 'committed'",
            "satisfaction": "update marts.kpi_evidence set contribution = 1 where kpi_id = 'nps'",
        },
        {"flow": "update marts.kpi_evidence set contribution = contribution + 1 where kpi_id = 'cycle_time_p50'"},
        {
            "flow": "delete from marts.kpi_scorecard where kpi_id = 'defect_ratio' and scope_type = 'project'",
            "wip": "update marts.kpi_scorecard set value = null where kpi_id = 'wip' and scope_type = 'all'",
            "sprints": "delete from marts.kpi_scorecard where kpi_id = 'velocity'",
            "satisfaction": "delete from marts.kpi_evidence where kpi_id = 'nps' and role = 'passive'",
        },
    ],
    ids=["missing or wrong evidence", "wrong contributions", "missing values"],
)
def test_the_evidence_tests_can_fail(home: Path, tmp_path: Path, lies: dict[str, str]) -> None:
    copy_warehouse(home, tmp_path)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        for lie in lies.values():
            warehouse.execute(lie)
    with pytest.raises(AssertionError) as failure:
        run_dbt(tmp_path, {"kpi_targets": TARGETS}, "test", " ".join(EVIDENCE_TESTS.values()))
    failed = {family for family, test in EVIDENCE_TESTS.items() if f"{test}:" in str(failure.value)}
    assert failed == lies.keys()


def test_dbt_unit_tests(home: Path, tmp_path: Path) -> None:
    """The unit tests beside the models need the warehouse only for the types of its columns."""
    copy_warehouse(home, tmp_path)
    run_dbt(tmp_path, {}, "test", "test_type:unit")


def copy_warehouse(home: Path, folder: Path) -> None:
    (folder / "dbt").symlink_to(home / "dbt")
    (folder / "warehouse.duckdb").write_bytes((home / "warehouse.duckdb").read_bytes())
