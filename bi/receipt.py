"""`publication.json`: what a reader or script asks first - which run, when, as of when, which tables."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from bi.catalog import Table
from bi.marts import FILE, count_rows, open_marts
from bi.publication import PublicationRun
from bi.versions import version_name

RECEIPT = "publication.json"


def write_receipt(
    folder: Path, run: PublicationRun, tables: list[Table], cleaned: dict[str, int]
) -> tuple[dict[str, int], datetime | None]:
    """Write publication.json for the files in `folder`; returns the rows per table and the latest watermark.

    Instants are UTC in ISO 8601. `connections` says how fresh each source is.
    """
    with open_marts(folder) as connection:
        rows = count_rows(connection, tables, Path(FILE).stem)
        connections = _connections(connection, tables)
    watermarks = [each["watermark_at"] for each in connections if each["watermark_at"]]
    as_of = max(watermarks, default=None)
    receipt = {
        "run_id": run.run_id,
        "version": version_name(folder),
        "published_at": _instant(run.published_at_utc.replace(tzinfo=None)),
        "data_as_of_at": _instant(as_of),
        "connections": [{**each, "watermark_at": _instant(each["watermark_at"])} for each in connections],
        "tables": [_describe(table, rows[table.name], cleaned.get(table.name, 0)) for table in tables],
        "files": {
            str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
        },
    }
    (folder / RECEIPT).write_text(json.dumps(receipt, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return rows, as_of


def _describe(table: Table, rows: int, cleaned_cells: int) -> dict[str, Any]:
    return {
        "name": table.name,
        "layer": table.layer,
        "rows": rows,
        "grain": list(table.grain),
        "description": table.description,
        "nul_cleaned_cells": cleaned_cells,
        "columns": [{"name": c.name, "type": c.type, "description": c.description} for c in table.columns],
    }


def _connections(connection: duckdb.DuckDBPyConnection, tables: list[Table]) -> list[dict[str, Any]]:
    known = next((table for table in tables if table.name == "dim_connection"), None)
    if known is None or not known.column("watermark_at"):
        return []
    rows = connection.execute(
        "select connection_id, watermark_at, is_stale from dim_connection order by connection_id"
    ).fetchall()
    return [{"connection_id": name, "watermark_at": at, "is_stale": stale} for name, at, stale in rows]


def _instant(value: datetime | None) -> str | None:
    return f"{value.isoformat(timespec='seconds')}Z" if value else None
