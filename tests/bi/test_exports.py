"""CSV and JSON per KPI: small, complete, and no formula where a spreadsheet would run it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb

from bi.catalog import Column, Table
from bi.exports import write_exports

from .conftest import Home

VELOCITY = Table(
    "kpi_velocity",
    "marts",
    "",
    (Column("sprint_key", "VARCHAR", ""), Column("day_date", "DATE", ""), Column("points", "DOUBLE", "")),
    ("sprint_key",),
)


def _write(folder: Path, query: str, limit: int = 10_000_000) -> list[str]:
    with duckdb.connect() as connection:
        connection.execute(f"create table kpi_velocity as {query}")
        return write_exports(connection, [VELOCITY], folder, limit)


def test_texts_are_no_formulas_and_numbers_stay_numbers(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tTAB=", "\rCR", f"{chr(0xFF1D)}1+1", "plain", "a=b"]
    values = ", ".join(f"('{text}', date '2024-01-01', -5.0)" for text in texts)
    _write(tmp_path, f"select * from (values {values}) t(sprint_key, day_date, points)")
    with (tmp_path / "csv" / "kpi_velocity.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["sprint_key"] for row in rows} == {
        f"'{text}" if text not in ("plain", "a=b") else text for text in texts
    }
    assert {row["points"] for row in rows} == {"-5.0"}
    read = json.loads((tmp_path / "json" / "kpi_velocity.json").read_text(encoding="utf-8"))
    assert {row["sprint_key"] for row in read} == set(texts)
    assert {row["points"] for row in read} == {-5.0}


def test_a_long_file_keeps_its_newest_rows_and_says_so(tmp_path: Path) -> None:
    rows = "select 'sprint ' || i as sprint_key, date '2020-01-01' + i::int as day_date, i * 1.5 as points"
    notices = _write(tmp_path, f"{rows} from range(2000) t(i)", limit=20_000)
    read = json.loads((tmp_path / "json" / "kpi_velocity.json").read_text())
    assert (tmp_path / "json" / "kpi_velocity.json").stat().st_size < 20_000
    assert max(row["points"] for row in read) == 1999 * 1.5
    assert min(row["points"] for row in read) == (2000 - len(read)) * 1.5
    assert f"json/kpi_velocity.json holds the newest {len(read)} of 2000 rows (files stay below 10 MB)" in notices


def test_every_scorecard_kpi_has_its_files(published: Home) -> None:
    names = {path.stem for path in (published.published / "csv").iterdir()}
    assert {"cycle_time_p85", "nps", "velocity", "kpi_cfd", "kpi_flow"} <= names
    assert names == {path.stem for path in (published.published / "json").iterdir()}
    with (published.published / "csv" / "nps.csv").open(encoding="utf-8") as file:
        first = next(iter(csv.DictReader(file)))
    assert first["kpi_id"] == "nps"
    assert first["data_as_of_at"] == "2026-03-11T04:00:00Z"
