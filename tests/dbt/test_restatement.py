"""Restatements: which published figures have another value now, and which items and records made the difference."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import duckdb
import pytest

from tests.dbt.stories import Row, at, jira_rows, records, story
from tests.dbt.warehouse import Warehouse, instant

DOING, DONE = {"stage": "in_progress"}, {"stage": "done"}
BEFORE = [
    story("1", 1, ("01-02", {}), ("01-03", DOING), ("01-10", DONE)),
    story("2", 1, ("01-02", {}), ("01-04", DOING), ("01-12", DONE)),
]
REOPENED = story("1", 1, ("01-02", {}), ("01-03", DOING), ("01-10", DONE), ("03-20", DOING))  # after the publication
FEBRUARY = [story(str(number), 1, ("01-02", {}), ("01-03", DOING), ("02-10", DONE)) for number in range(10, 31)]
DELETED = replace(
    story("05", 1, ("01-02", {}), ("01-03", DOING), ("02-02", DONE), ("03-20", DOING)), deleted_at=at("03-25")
)
PUBLISHED_AT = instant("2024-03-15 10:00")


def figure(kpi_id: str, value: float | None, start: str = "2024-01-01", **more: Any) -> Row:
    """A figure of scope `all` as it was last published."""
    key = f"{kpi_id}|default|all|all|month|{start}"
    return {
        "figure_key": key, "kpi_id": kpi_id, "scope_type": "all", "scope_key": "all", "scope_name": "all",
        "period_type": "month", "period_start_date": date.fromisoformat(start), "policy_id": "default",
        "policy_version": 1, "definition_version": 1, "value": value, "is_final": True, "is_withdrawn": False,
        "published_at": PUBLISHED_AT, "first_value": value, "first_published_at": PUBLISHED_AT,
        "last_published_at": PUBLISHED_AT, "data_as_of_at": PUBLISHED_AT, "run_id": "earlier", "is_last": True,
        "is_restatement": False, **more,
    }  # fmt: skip


def delivered(item_id: str, day: str) -> Row:
    return {"kpi_id": "throughput", "policy_id": "default", "event_date": date.fromisoformat(day), "role": "delivered",
            "item_key": f"jira:{item_id}", "event_sequence": 3, "contribution": 1.0}  # fmt: skip


EARLIER: Row = {  # a restatement that an earlier publication told, of a figure that has not changed since
    "old_value": 9.0, "old_published_at": instant("2024-02-10"), "first_value": 9.0, "is_restatement": True,
    "cause": "records", "cause_text": "1 left", "cause_items": 1,
    "causes": [{"item_key": "jira:2", "change": "left", "old_contribution": 1.0, "record_count": 1,
                "raw_record_keys": ["jira/issues|2"], "batch_ids": ["b"], "extraction_run_ids": ["r"]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    told = Warehouse(tmp_path_factory.mktemp("restated"), settings={"run_id": "this"})
    told.connection("jira", "jira")
    told.batches.append({
        "batch_id": "jira:old", "run_id": "old", "run_started_at": instant("2024-03-15"), "connection_id": "jira",
        "kind": "jira", "sequence": 1, "committed_at": instant("2024-03-15"), "is_final": True, "verdict": "accepted",
    })  # fmt: skip
    for stream, rows in jira_rows(BEFORE).items():
        name = f"jira/{stream}"
        known = [{"record_id": _record_id(stream, row), "extracted_at": at("03-15"), **row} for row in rows]
        told.land(name, known, "jira", batch="jira:old")
    now = jira_rows([REOPENED, DELETED, *FEBRUARY])
    told.jira("jira", issues=now["issues"], issue_changes=now["issue_changes"][2:])  # the first two were known
    told.published_figures = [
        figure("throughput", 2),  # now 1: item 1 is not done any more
        figure("defect_ratio", 0),  # the same
        figure("data_trust", 0.5, is_final=False),  # not final when it was published
        figure("throughput", 4, "2019-01-01"),  # a period that is no longer reported
        figure("nps", None, "2024-02-01"),  # nothing was known, and is not now
        figure("throughput", 1, "2024-02-01"),  # item 05 was re-opened and deleted, all others came later
        figure("reopen_ratio", 0, **EARLIER),
    ]
    told.published["kpi_evidence"] = [
        delivered("1", "2024-01-10"),
        delivered("2", "2024-01-12"),
        delivered("05", "2024-02-02"),
    ]
    return told.build(select="+kpi_restatement")


def _record_id(stream: str, row: Row) -> str:
    keys = {"issues": ("issue_id",), "issue_changes": ("issue_id", "history_id", "item_number")}
    found = keys.get(stream, (stream.rstrip("s").replace("statuse", "status") + "_id",))
    return ":".join(str(row[key]) for key in found)


def restatements(warehouse: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], Row]:
    rows = records(warehouse, "select * from marts.kpi_restatement")
    return {(row["kpi_id"], row["period_start_date"].isoformat()): row for row in rows}


def test_final_figures_that_changed_are_listed_and_no_others(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = restatements(warehouse)
    months = ("2024-01-01", "2024-02-01", "2019-01-01")
    assert rows.keys() == {*(("throughput", month) for month in months), ("reopen_ratio", "2024-01-01")}
    row = rows["throughput", "2024-01-01"]
    assert (row["old_value"], row["new_value"], row["change_value"], row["first_value"]) == (2, 1, -1, 2)
    assert (row["run_id"], row["restated_at"], row["old_published_at"]) == ("this", at("04-01"), at("03-15 10:00"))
    assert row["is_latest"]


def test_the_item_and_its_new_records_are_named(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = restatements(warehouse)["throughput", "2024-01-01"]
    assert (row["cause"], row["cause_items"]) == ("records", 1)
    assert row["cause_text"] == "1 item left. It has 2 new records."
    sql = "select * from marts.kpi_restatement_item where restatement_key = ?"
    (item,) = records(warehouse, sql, row["restatement_key"])
    assert (item["item_key"], item["item_ref"], item["change"]) == ("jira:1", "PROJ-1", "left")
    assert (item["old_contribution"], item["new_contribution"]) == (1, None)
    assert sorted(item["raw_record_keys"]) == ["jira/issue_changes|1:1002:0", "jira/issues|1"]
    assert item["changes"] == "2024-03-20 Doing"  # re-opened
    assert (item["batch_ids"], item["record_count"]) == (["jira:final"], 2)


def test_a_deleted_item_is_told_once_and_records_of_more_than_twenty_are_those_of_the_twenty(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    rows = restatements(warehouse)
    row = rows["throughput", "2024-02-01"]
    count = "select sum(record_count) from marts.kpi_restatement_item where restatement_key = ?"
    (told,) = warehouse.execute(count, [row["restatement_key"]]).fetchone() or (0,)
    assert row["cause_items"] == 22
    said = "Of 22 items the 20 that weigh most: 19 items came in, 1 item left (deleted since). "
    assert row["cause_text"] == f"{said}The 20 have {told} new records."


def test_a_figure_that_is_gone_is_withdrawn(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = restatements(warehouse)["throughput", "2019-01-01"]
    assert (row["cause"], row["old_value"], row["new_value"]) == ("withdrawn", 4, None)


def test_restatements_of_earlier_publications_stay(warehouse: duckdb.DuckDBPyConnection) -> None:
    row = restatements(warehouse)["reopen_ratio", "2024-01-01"]
    assert (row["old_value"], row["new_value"], row["run_id"], row["cause_text"]) == (9, 0, "earlier", "1 left")
    sql = "select * from marts.kpi_restatement_item where restatement_key = ?"
    (item,) = records(warehouse, sql, row["restatement_key"])
    assert (item["item_key"], item["raw_record_keys"]) == ("jira:2", ["jira/issues|2"])
