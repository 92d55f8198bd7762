"""A rebuild of the same raw data gives the same numbers, to the last bit, however many threads add them up.

Every table is computed twice from what it reads: with the rows as they lie in the warehouse, and with the same rows in
any other order, shared out among four threads in the smallest portions that DuckDB knows.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from tests.dbt.company import ZONES, Company, land
from tests.dbt.warehouse import Warehouse, compiled_models

NOW = datetime(2024, 4, 20, 10, tzinfo=UTC)
BEGIN = datetime(2024, 2, 20, tzinfo=UTC)
ITEMS = 100  # for each of four tools
EVERYTHING = """
    select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' and schema_name <> 'state'
    union all
    select schema_name, view_name from duckdb_views() where database_name = 'warehouse' and not internal
"""


@pytest.mark.slow
def test_threads_and_order_do_not_show_in_any_number(tmp_path: Path) -> None:
    company = Company(11, BEGIN, NOW, ITEMS)
    warehouse = Warehouse(tmp_path, now=NOW, seeds=company.seeds)
    for connection_id, streams in company.rows_at(NOW).items():
        land(warehouse, connection_id, streams, ZONES.get(connection_id, "UTC"))
    warehouse.build(select="resource_type:seed resource_type:model").close()
    models = compiled_models()
    with duckdb.connect(config={"threads": 4, "preserve_insertion_order": "false"}) as session:
        session.execute("set TimeZone = 'UTC'")
        session.execute("pragma verify_parallelism")
        session.execute(f"attach '{tmp_path / 'warehouse.duckdb'}' as warehouse (read_only)")
        session.execute("attach ':memory:' as shuffled")
        built = session.execute(EVERYTHING).fetchall()
        for schema, table in built:
            session.execute(f"create schema if not exists shuffled.{schema}")
            session.execute(
                f"create table shuffled.{schema}.{table} as"
                f" from warehouse.{schema}.{table} as landed order by md5(cast(landed as varchar))"
            )
        computed = sorted(table for schema, table in built if schema not in ("seeds", "staging"))
        assert len(computed) > 60
        assert [name for name in computed if _is_different(session, models[name])] == []


def _is_different(session: duckdb.DuckDBPyConnection, sql: str) -> bool:
    """Whether a model gives other rows over the shuffled tables."""
    shuffled = sql.replace('"warehouse".', '"shuffled".')
    session.execute(f"create or replace temp table one as {sql}")
    session.execute(f"create or replace temp table other as {shuffled}")
    both = "(from one except all from other) union all (from other except all from one)"
    return session.execute(f"select 1 from ({both}) limit 1").fetchone() is not None
