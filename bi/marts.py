"""The published DuckDB file and the Parquet files: read from the warehouse, write, count again.

The warehouse is opened read-only. Every table goes, ordered by its grain, into schema `marts` of
`marts.duckdb`, in the oldest storage format that DuckDB 1.0 drivers read; the Parquet files are
copied from there, so both hold the same rows in the same order. NUL characters, which PostgreSQL
and Hyper refuse, are removed here and counted, so that all deliveries agree.
"""

# ruff: noqa: S608 - identifiers and literals are quoted by bi.catalog; nothing of it comes from a user

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from bi.catalog import Column, Table, literal, quoted
from bi.publication import PublishError

STORAGE_VERSION = "v1.0.0"
SCHEMA = "marts"
FILE = "marts.duckdb"
ROWS_PER_GROUP = 122_880


@contextmanager
def open_warehouse(warehouse: Path, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection with the warehouse attached read-only as `warehouse`; sorts spill into `spill`."""
    if not warehouse.is_file():
        raise PublishError(f"Nothing was published: there is no warehouse at {warehouse}. Build it first (dbt build).")
    with duckdb.connect(config={"temp_directory": str(spill)}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        _attach(connection, warehouse)
        yield connection


def _attach(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    try:
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
    except duckdb.IOException as error:
        raise PublishError(
            f"Nothing was published: the warehouse {warehouse} cannot be opened ({_first_line(error)}). "
            "While dbt writes it nobody can read it; publish when the build has ended."
        ) from error


def write_marts(connection: duckdb.DuckDBPyConnection, tables: list[Table], folder: Path) -> dict[str, int]:
    """Write marts.duckdb and parquet/; returns the cells per table from which NUL characters were removed.

    Raises PublishError if a written table does not have as many rows as the warehouse's.
    """
    (folder / "parquet").mkdir()
    connection.execute(
        f"attach {literal(str(folder / FILE))} as published (storage_version {literal(STORAGE_VERSION)})"
    )
    connection.execute(f"create schema published.{quoted(SCHEMA)}")
    cleaned = {table.name: _write_table(connection, table, folder) for table in tables}
    _audit(connection, tables, folder)
    connection.execute("checkpoint published")
    connection.execute("detach published")
    return {name: cells for name, cells in cleaned.items() if cells}


@contextmanager
def open_marts(folder: Path, warehouse: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published DuckDB file, read-only, with schema `marts` first in the search path.

    `warehouse`: attached beside it as `warehouse`, for what is not published (where records were landed).
    """
    with duckdb.connect(folder / FILE, read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        if warehouse is not None:
            _attach(connection, warehouse)
        connection.execute(f"set schema = {literal(SCHEMA)}")
        yield connection


def count_rows(connection: duckdb.DuckDBPyConnection, tables: list[Table], database: str) -> dict[str, int]:
    """Rows per table name in schema `marts` of the attached `database`."""
    counts = " union all ".join(
        f"select {literal(table.name)}, count(*) from {database}.{quoted(SCHEMA)}.{quoted(table.name)}"
        for table in tables
    )
    return dict(connection.execute(counts).fetchall())


def _write_table(connection: duckdb.DuckDBPyConnection, table: Table, folder: Path) -> int:
    source = f"warehouse.{quoted(table.layer)}.{quoted(table.name)}"
    target = f"published.{quoted(SCHEMA)}.{quoted(table.name)}"
    dirty = _columns_with_nul(connection, table, source)
    columns = ", ".join(
        f"{_without_nul(column)} as {quoted(column.name)}" if column.name in dirty else quoted(column.name)
        for column in table.columns
    )
    connection.execute(f"create table {target} as select {columns} from {source} order by {table.ordering}")
    connection.execute(f"comment on table {target} is {literal(table.description)}")
    for column in table.columns:
        if column.description:
            connection.execute(f"comment on column {target}.{quoted(column.name)} is {literal(column.description)}")
    connection.execute(
        f"copy (select * from {target}) to {literal(str(folder / 'parquet' / f'{table.name}.parquet'))} "
        f"(format parquet, compression zstd, row_group_size {ROWS_PER_GROUP})"
    )
    return sum(dirty.values())


def _columns_with_nul(connection: duckdb.DuckDBPyConnection, table: Table, source: str) -> dict[str, int]:
    """Cells that hold a NUL character, by column; columns without any are left out."""
    texts = [column for column in table.columns if column.is_text or column.type == "VARCHAR[]"]
    if not texts:
        return {}
    counts = connection.execute(
        "select " + ", ".join(f"count(*) filter (contains({_as_text(c)}, chr(0)))" for c in texts) + f" from {source}"
    ).fetchone()
    assert counts is not None  # noqa: S101 - an aggregate always has one row
    return {column.name: count for column, count in zip(texts, counts, strict=True) if count}


def _as_text(column: Column) -> str:
    return quoted(column.name) if column.is_text else f"array_to_string({quoted(column.name)}, '')"


def _without_nul(column: Column) -> str:
    if column.is_text:
        return f"replace({quoted(column.name)}, chr(0), '')"
    return f"list_transform({quoted(column.name)}, lambda cell: replace(cell, chr(0), ''))"


def _audit(connection: duckdb.DuckDBPyConnection, tables: list[Table], folder: Path) -> None:
    written = count_rows(connection, tables, "published")
    for table in tables:
        query = f"select count(*) from warehouse.{quoted(table.layer)}.{quoted(table.name)}"
        expected = _one(connection, query)
        file = folder / "parquet" / f"{table.name}.parquet"
        parquet = _one(connection, "select count(*) from read_parquet(?)", str(file))
        if not expected == written[table.name] == parquet:
            raise PublishError(
                f"Nothing was published: {table.name} has {expected} rows in the warehouse, but "
                f"{written[table.name]} were written to {FILE} and {parquet} to Parquet. "
                "The last good publication stays. Check the disk, then publish again."
            )


def _one(connection: duckdb.DuckDBPyConnection, query: str, *parameters: str) -> int:
    row = connection.execute(query, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
