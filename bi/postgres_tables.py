"""One table into PostgreSQL: create it with explicit types, COPY the rows, add key and comments.

Rows go from DuckDB over Arrow to COPY's CSV text, batch by batch, so memory stays small.
"""

# ruff: noqa: S608 - identifiers are quoted by bi.catalog (DuckDB) and psycopg.sql (PostgreSQL)

from __future__ import annotations

import re

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from bi.catalog import Column, Table, quoted

BATCH_ROWS = 65_536
PRINTED_BY_DUCKDB = {"HUGEINT", "UUID", "INTERVAL", "TIME"}  # Arrow's CSV writer has no or another form for these
CSV = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
TYPES = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "UTINYINT": "smallint",
    "INTEGER": "integer",
    "USMALLINT": "integer",
    "BIGINT": "bigint",
    "UINTEGER": "bigint",
    "UBIGINT": "numeric(20)",
    "HUGEINT": "numeric(39)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "INTERVAL": "interval",
}


def postgres_type(column: Column) -> str:
    """PostgreSQL's type for a DuckDB column: the same value range; lists, structs and maps become jsonb."""
    if column.is_nested:
        return "jsonb"
    if decimal := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", column.type):
        return f"numeric({decimal[1]}, {decimal[2]})"
    return TYPES.get(column.type, "text")


def load_table(
    connection: psycopg.Connection[tuple[object, ...]], marts: duckdb.DuckDBPyConnection, schema: str, table: Table
) -> int:
    """Create `schema`.`table` and fill it from `marts`; returns the number of rows."""
    name = sql.Identifier(schema, table.name)
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(postgres_type(column))) for column in table.columns
    )
    connection.execute(sql.SQL("create table {} ({})").format(name, columns))
    rows = _copy_rows(connection, marts, name, table)
    _add_key(connection, marts, name, table)
    _add_comments(connection, name, table)
    connection.execute(sql.SQL("analyze {}").format(name))
    return rows


def _copy_rows(
    connection: psycopg.Connection[tuple[object, ...]],
    marts: duckdb.DuckDBPyConnection,
    name: sql.Identifier,
    table: Table,
) -> int:
    selected = ", ".join(_csv_expression(column) for column in table.columns)
    into = sql.SQL("copy {} from stdin (format csv)").format(name)
    rows = 0
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for batch in marts.sql(f"select {selected} from {quoted(table.name)}").to_arrow_reader(BATCH_ROWS):
            buffer = pa.BufferOutputStream()
            pa.csv.write_csv(batch, buffer, CSV)
            copy.write(memoryview(buffer.getvalue()))
            rows += batch.num_rows
    return rows


def _csv_expression(column: Column) -> str:
    """What Arrow's CSV writer can print; NULL stays an empty unquoted field, an empty text is quoted."""
    name = quoted(column.name)
    if column.is_nested:
        return f"to_json({name})::varchar as {name}"
    if column.type in TYPES and column.type not in PRINTED_BY_DUCKDB:
        return name
    return f"{name}::varchar as {name}"


def _add_key(
    connection: psycopg.Connection[tuple[object, ...]],
    marts: duckdb.DuckDBPyConnection,
    name: sql.Identifier,
    table: Table,
) -> None:
    """A primary key over the grain; where the grain knows NULL (all scopes, no sprint) a unique index instead."""
    if not table.grain:
        return
    has_null = " or ".join(f"{quoted(column)} is null" for column in table.grain)
    found = marts.execute(f"select 1 from {quoted(table.name)} where {has_null} limit 1").fetchall()
    key = sql.SQL(", ").join(sql.Identifier(column) for column in table.grain)
    if not found:
        connection.execute(sql.SQL("alter table {} add primary key ({})").format(name, key))
        return
    nulls = sql.SQL("nulls not distinct" if connection.info.server_version >= 150_000 else "")
    connection.execute(sql.SQL("create unique index on {} ({}) {}").format(name, key, nulls))


def _add_comments(connection: psycopg.Connection[tuple[object, ...]], name: sql.Identifier, table: Table) -> None:
    comment = sql.SQL("comment on table {} is {}")
    connection.execute(comment.format(name, sql.Literal(table.description)))
    for column in table.columns:
        if column.description:
            on_column = sql.SQL("comment on column {}.{} is {}")
            connection.execute(on_column.format(name, sql.Identifier(column.name), sql.Literal(column.description)))
