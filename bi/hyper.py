"""The Tableau extract: all published tables in one `.hyper` file, loaded from the Parquet files.

Types stay what they are (dates, timestamps, whole numbers, booleans); lists, which Hyper tables do
not hold, become JSON text. Tables lie in Hyper's schema `marts`. The Hyper engine runs as a local
process for as long as the file is written, without usage data to the vendor and without log files.
"""

# ruff: noqa: S608 - identifiers and literals are quoted by bi.catalog; nothing of it comes from a user

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from bi.catalog import Table, literal, quoted
from bi.publication import PublishError

FILE = "marts.hyper"
SCHEMA = "marts"


def write_hyper(connection: duckdb.DuckDBPyConnection, tables: list[Table], folder: Path) -> None:
    """Write marts.hyper into `folder` from its parquet/; `connection` turns what Hyper cannot read into text.

    Raises PublishError if the engine cannot start or refuses a table, or if a table's row count differs.
    """
    from tableauhyperapi import Connection, CreateMode, HyperException, HyperProcess, Telemetry

    usage_data = Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU
    try:
        with (
            HyperProcess(usage_data, parameters={"log_config": ""}) as process,
            Connection(process.endpoint, folder / FILE, CreateMode.CREATE_AND_REPLACE) as hyper,
        ):
            hyper.execute_command(f"create schema {quoted(SCHEMA)}")
            for table in tables:
                _load(connection, table, folder, hyper)
        (folder / FILE).chmod(0o644)  # the engine makes it readable by its user alone
    except HyperException as error:
        raise PublishError(
            f"Nothing was published: the Tableau extract could not be written ({error.main_message}). "
            "The last good publication stays. Check free disk space and memory, then publish again."
        ) from error


def texts_of_hyper(path: Path) -> Iterator[str]:
    """Every text in any table of a Tableau file, in lower case, row by row. Raises OSError if it cannot be read."""
    from tableauhyperapi import Connection, CreateMode, HyperException, HyperProcess, Telemetry

    usage_data = Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU
    try:
        with (
            HyperProcess(usage_data, parameters={"log_config": ""}) as process,
            Connection(process.endpoint, path, CreateMode.NONE) as hyper,
        ):
            for schema in hyper.catalog.get_schema_names():
                for table in hyper.catalog.get_table_names(schema):
                    with hyper.execute_query(f"select * from {table}") as rows:
                        for row in rows:
                            yield from (value.lower() for value in row if isinstance(value, str))
    except HyperException as error:
        raise OSError(f"{path} cannot be read: {error.main_message}") from error


def _load(connection: duckdb.DuckDBPyConnection, table: Table, folder: Path, hyper: object) -> None:
    from tableauhyperapi import Connection

    assert isinstance(hyper, Connection)  # noqa: S101 - typed by a package that is imported late
    file = folder / "parquet" / f"{table.name}.parquet"
    flat = _without_nested(connection, table, file)
    target = f"{quoted(SCHEMA)}.{quoted(table.name)}"
    columns = ", ".join(quoted(column.name) for column in table.columns)
    hyper.execute_command(f"create table {target} as select {columns} from external({literal(str(flat))})")
    loaded = hyper.execute_scalar_query(f"select count(*) from {target}")
    row = connection.execute("select count(*) from read_parquet(?)", [str(file)]).fetchone()
    if flat != file:
        flat.unlink()
    if row is None or loaded != row[0]:
        raise PublishError(f"Nothing was published: {table.name} has {row and row[0]} rows but {loaded} in {FILE}.")


def _without_nested(connection: duckdb.DuckDBPyConnection, table: Table, file: Path) -> Path:
    """The Parquet file itself, or a copy whose types Hyper holds (JSON text for lists, decimals for huge integers)."""
    odd = {column.name: _hyper_expression(column.name, column.type, column.is_nested) for column in table.columns}
    if not any(odd.values()):
        return file
    flat = file.with_name(f".{file.name}")
    replaced = ", ".join(f"{expression} as {quoted(name)}" for name, expression in odd.items() if expression)
    connection.execute(
        f"copy (select * replace ({replaced}) from read_parquet({literal(str(file))})) "
        f"to {literal(str(flat))} (format parquet)"
    )
    return flat


def _hyper_expression(name: str, data_type: str, is_nested: bool) -> str | None:
    if is_nested:
        return f"to_json({quoted(name)})::varchar"
    if data_type in ("HUGEINT", "UHUGEINT", "UBIGINT"):
        return f"{quoted(name)}::decimal(18, 0)"
    if data_type in ("UUID", "INTERVAL"):
        return f"{quoted(name)}::varchar"
    return None
