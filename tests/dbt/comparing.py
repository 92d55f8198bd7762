"""Whether two warehouses hold the same."""

from __future__ import annotations

from pathlib import Path

import duckdb

SCHEMAS = ("core", "marts", "restricted")
# A sum of doubles depends on the order of its rows in its last bits.
DIGITS = 6


def differences(one: Path, other: Path, leave_out: tuple[str, ...] = ()) -> dict[str, tuple[int, int]]:
    """Per table of core and marts that differs: how many rows only the one has, and only the other."""
    with duckdb.connect() as session:
        session.execute("set TimeZone = 'UTC'")
        for name, home in (("one", one), ("other", other)):
            session.execute(f"attach '{home / 'warehouse.duckdb'}' as {name} (read_only)")
        found = {}
        names = {name: _tables(session, name) for name in ("one", "other")}
        assert names["one"] == names["other"]
        assert len(names["one"]) > 20
        for table in sorted(names["one"] - set(leave_out)):
            sides = [_only_in(session, table, *pair) for pair in (("one", "other"), ("other", "one"))]
            if any(sides):
                found[table] = (sides[0], sides[1])
    return found


def _tables(session: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    rows = session.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = ? and schema_name in ?",
        [database, list(SCHEMAS)],
    ).fetchall()
    return {name for (name,) in rows}


def _only_in(session: duckdb.DuckDBPyConnection, table: str, here: str, there: str) -> int:
    """`except all`: rows that stand more often here count too."""
    columns = ", ".join(
        f'round("{name}", {DIGITS}) as "{name}"' if kind == "DOUBLE" else f'"{name}"'
        for name, kind, *_ in session.execute(f"describe {here}.{table}").fetchall()
    )
    query = (
        f"select count(*) from (select {columns} from {here}.{table} except all select {columns} from {there}.{table})"
    )
    row = session.execute(query).fetchone()
    assert row is not None
    return int(row[0])
