"""The log of publications: what it keeps, that it grows with changes only, and what dbt is told of it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from orchestration.paths import Home
from orchestration.pipeline.publications import COMPARED, LOG, PublicationLog

Row = dict[str, Any]
SCORECARD = pa.schema(
    [
        *[field for field in LOG if field.name not in ("is_withdrawn", "published_at", "publication", "data_as_of_at")
          and not field.name.startswith("cause")],
        pa.field("data_as_of_at", pa.timestamp("us")),
    ]
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path, build=tmp_path)


def figure(key: str, value: float | None, *, is_final: bool = True, **more: Any) -> Row:
    return {
        "figure_key": key, "kpi_id": key, "scope_type": "all", "scope_key": "all", "period_type": "month",
        "period_start_date": date(2024, 1, 1), "policy_id": "default", "definition_version": 1, "value": value,
        "is_final": is_final, "data_as_of_at": datetime.fromisoformat("2024-03-01"), **more,
    }  # fmt: skip


def publish(home: Home, number: int, *figures: Row) -> None:
    folder = home.published / "parquet"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{**each, "run_id": f"run{number}"} for each in figures]
    pq.write_table(pa.Table.from_pylist(rows, SCORECARD), folder / "kpi_scorecard.parquet")
    receipt = {"version": f"v{number}", "published_at": f"2024-03-{number:02}T10:00:00Z", "run_id": f"run{number}"}
    (home.published / "publication.json").write_text(json.dumps(receipt))


def told(home: Home, *, is_past: bool = False) -> list[Row]:
    folder = home.dbt_inputs
    folder.mkdir(parents=True, exist_ok=True)
    PublicationLog(home).write_inputs(folder, is_past=is_past)
    rows: list[Row] = pq.read_table(folder / "publications.parquet").to_pylist()
    return rows


def test_a_publication_is_recorded_once_and_only_what_changed(home: Home) -> None:
    log = PublicationLog(home)
    assert log.record() == 0  # nothing is published
    publish(home, 1, figure("a", 1.0), figure("b", 0.1 + 0.2), figure("c", None))
    assert log.record() == 3
    assert log.record() == 0  # the same publication
    publish(home, 2, figure("a", 1.0), figure("b", 0.3), figure("c", None))
    assert log.record() == 0  # nothing has changed but a rounding
    publish(home, 3, figure("a", 2.0), figure("b", 0.3), figure("c", 5.0))
    assert log.record() == 2


def test_final_values_that_change_are_restatements(home: Home) -> None:
    log = PublicationLog(home)
    publish(home, 1, figure("a", 1.0), figure("open", 1.0, is_final=False), figure("gone", 4.0))
    log.record()
    publish(home, 2, figure("a", 2.0), figure("open", 2.0, is_final=False))
    log.record()
    publish(home, 3, figure("a", 3.0), figure("open", 2.0))  # its period has ended: from now on it is final
    log.record()
    publish(home, 4, figure("a", 3.0), figure("open", 9.0))
    log.record()
    rows = {(row["figure_key"], row["run_id"]): row for row in told(home)}
    restated = {key: (row["old_value"], row["value"]) for key, row in rows.items() if row["is_restatement"]}
    assert restated == {
        ("a", "run2"): (1, 2),
        ("a", "run3"): (2, 3),
        ("gone", "run2"): (4, None),
        ("open", "run4"): (2, 9),
    }
    last = rows["a", "run3"]
    assert (last["first_value"], last["first_published_at"]) == (1, datetime(2024, 3, 1, 10, tzinfo=UTC))
    assert last["last_published_at"] == datetime(2024, 3, 4, 10, tzinfo=UTC)
    assert {key for key, row in rows.items() if row["is_last"]} == {("a", "run3"), ("gone", "run2"), ("open", "run4")}
    assert rows["gone", "run2"]["is_withdrawn"]


def test_causes_are_kept_with_the_restatement(home: Home) -> None:
    log = PublicationLog(home)
    publish(home, 1, figure("a", 1.0))
    log.record()
    publish(home, 2, figure("a", 2.0))
    folder = home.published / "parquet"
    cause = {"restatement_key": "k", "item_key": "jira:1", "change": "left", "old_contribution": 1.0,
             "new_contribution": None, "record_count": 1, "raw_record_keys": ["jira/issues|1"], "batch_ids": ["b"],
             "extraction_run_ids": ["r"], "response_key": None}  # fmt: skip
    head = {"restatement_key": "k", "figure_key": "a", "run_id": "run2", "cause": "records", "cause_text": "1 left",
            "cause_items": 1}  # fmt: skip
    pq.write_table(pa.Table.from_pylist([head]), folder / "kpi_restatement.parquet")
    pq.write_table(pa.Table.from_pylist([cause]), folder / "kpi_restatement_item.parquet")
    log.record()
    (row,) = told(home)
    assert (row["cause"], row["cause_text"], row["is_restatement"]) == ("records", "1 left", True)
    assert row["causes"][0]["item_key"] == "jira:1"
    assert row["causes"][0]["raw_record_keys"] == ["jira/issues|1"]


def test_a_build_of_the_past_compares_with_nothing(home: Home) -> None:
    publish(home, 1, figure("a", 1.0))
    PublicationLog(home).record()
    evidence = pa.Table.from_pylist([{"kpi_id": "a"}], COMPARED["kpi_evidence"])
    pq.write_table(evidence, home.published / "parquet" / "kpi_evidence.parquet")
    assert told(home, is_past=True) == []
    assert pq.read_table(home.dbt_inputs / "published" / "kpi_evidence.parquet").num_rows == 0
    assert len(told(home)) == 1
    assert pq.read_table(home.dbt_inputs / "published" / "kpi_evidence.parquet").num_rows == 1


def test_what_an_earlier_version_kept_is_left_alone(home: Home) -> None:
    table = home.root / "raw" / "pmo" / "publications"
    table.mkdir(parents=True)
    write_deltalake(table, pa.table({"kpi_id": ["a"], "value": [1.0], "run_id": ["old"]}))
    publish(home, 1, figure("a", 2.0))
    assert PublicationLog(home).record() == 1
    assert [row["is_restatement"] for row in told(home)] == [False]
