"""Small CSV and JSON files per KPI, for Klipfolio, Excel and scripts that fetch one file.

`csv/<kpi_id>.csv` and `json/<kpi_id>.json` hold the scorecard rows of one KPI; beside them lie the
series that are charts of their own (velocity, burndown, cumulative flow …). A file stays below
Klipfolio's limit of 10 MB: of a longer one the newest rows are kept, and the notices say so.

In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front (CWE-1236);
numbers, negative ones too, stay numbers. JSON needs none of this and holds texts as they are.
Instants are UTC, written as 2024-03-18T10:00:00Z.
"""

# ruff: noqa: S608 - identifiers and literals are quoted by bi.catalog; nothing of it comes from a user

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from bi.catalog import Column, Table, literal, quoted

LIMIT_BYTES = 10_000_000
SCORECARD = "kpi_scorecard"
SERIES = {  # table: which of its rows
    "kpi_velocity": "true",
    "kpi_burndown": "true",
    "kpi_cfd": "true",
    "kpi_satisfaction": "true",
    "kpi_flow": "period_type in ('week', 'month', 'quarter')",
}
FORMULA_START = r"^[=+\-@\t\r\x{FF0B}\x{FF0D}\x{FF1D}\x{FF20}]"  # the last four: full-width = + - @
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class _Export:
    """One pair of files: `name`.csv and `name`.json, rows of `table` for which `condition` holds."""

    name: str
    table: Table
    condition: str


def write_exports(
    connection: duckdb.DuckDBPyConnection, tables: list[Table], folder: Path, limit: int = LIMIT_BYTES
) -> list[str]:
    """Write csv/ and json/ into `folder` from its marts (open as `connection`); returns notices on cut files."""
    (folder / "csv").mkdir()
    (folder / "json").mkdir()
    notices = []
    for export in _exports(connection, {table.name: table for table in tables}):
        for form in ("csv", "json"):
            file = folder / form / f"{export.name}.{form}"
            total, kept = _write(connection, export, file, limit)
            if kept < total:
                notices.append(f"{form}/{file.name} holds the newest {kept} of {total} rows (files stay below 10 MB)")
    return notices


def _exports(connection: duckdb.DuckDBPyConnection, tables: dict[str, Table]) -> list[_Export]:
    exports = [_Export(name, tables[name], where) for name, where in SERIES.items() if name in tables]
    if SCORECARD in tables:
        kpis = connection.execute(f"select distinct kpi_id from {SCORECARD} order by 1").fetchall()
        exports += [
            _Export(kpi_id, tables[SCORECARD], f"kpi_id = {literal(kpi_id)}")
            for (kpi_id,) in kpis
            if re.fullmatch(r"[a-z0-9_]+", kpi_id)
        ]
    return exports


def _write(connection: duckdb.DuckDBPyConnection, export: _Export, file: Path, limit: int) -> tuple[int, int]:
    """Rows there are, rows that fitted."""
    source = f"from {quoted(export.table.name)} where {export.condition}"
    row = connection.execute(f"select count(*) {source}").fetchone()
    total = kept = int(row[0]) if row else 0
    while True:
        columns = ", ".join(_cell(column, file.suffix) for column in export.table.columns)
        newest = f"from (select * {source} order by {_newest_first(export.table)} limit {kept})"
        how = "format csv, header, " if file.suffix == ".csv" else "format json, array true, "
        connection.execute(
            f"copy (select {columns} {newest} order by {export.table.ordering}) "
            f"to {literal(str(file))} ({how} timestampformat {literal(INSTANT)})"
        )
        size = file.stat().st_size
        if size < limit or not kept:
            return total, kept
        kept = int(kept * limit / size * 0.95)


def _newest_first(table: Table) -> str:
    dates = [f"{quoted(column.name)} desc nulls last" for column in table.columns if column.type == "DATE"]
    return ", ".join([*dates, table.ordering])


def _cell(column: Column, suffix: str) -> str:
    name = quoted(column.name)
    if suffix == ".json":
        return name
    text = f"to_json({name})::varchar" if column.is_nested else name
    if column.is_nested or column.is_text:
        pattern = literal(FORMULA_START)
        return f"case when regexp_matches({text}, {pattern}) then '''' || {text} else {text} end as {name}"
    return name
