"""Whether two warehouses hold the same, to the last bit of every number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

SCHEMAS = ("core", "marts", "restricted")
Condition = Callable[[str, set[str]], str]  # a table and its columns → which of its rows count


def every_row(_table: str, _columns: set[str]) -> str:
    """All rows count."""
    return "true"


def differences(one: Path, other: Path, where: Condition = every_row) -> dict[str, tuple[int, int]]:
    """Per table of core and marts that differs: how many rows only the one has, and only the other."""
    with both(one, other) as session:
        found = {}
        names = {name: tables(session, name) for name in ("one", "other")}
        assert names["one"] == names["other"]
        assert len(names["one"]) > 20
        for table in sorted(names["one"]):
            columns = {str(name) for name, *_ in session.execute(f"describe one.{table}").fetchall()}
            condition = where(table, columns)
            sides = [_only_in(session, table, condition, *pair) for pair in (("one", "other"), ("other", "one"))]
            if any(sides):
                found[table] = (sides[0], sides[1])
    return found


@contextmanager
def both(one: Path, other: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with two warehouses attached as `one` and `other`."""
    with duckdb.connect() as session:
        session.execute("set TimeZone = 'UTC'")
        for name, home in (("one", one), ("other", other)):
            session.execute(f"attach '{home / 'warehouse.duckdb'}' as {name} (read_only)")
        yield session


def tables(session: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    """Tables of core and marts, with their schema."""
    rows = session.execute(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = ? and schema_name in ?",
        [database, list(SCHEMAS)],
    ).fetchall()
    return {name for (name,) in rows}


def _only_in(session: duckdb.DuckDBPyConnection, table: str, condition: str, here: str, there: str) -> int:
    """`except all`: rows that stand more often here count too."""
    sides = (f"select * from {side}.{table} where {condition}" for side in (here, there))
    row = session.execute(f"select count(*) from ({' except all '.join(sides)})").fetchone()
    assert row is not None
    return int(row[0])
