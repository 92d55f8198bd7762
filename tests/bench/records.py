"""Raw tables of a made-up company, written straight into Delta: `python -m tests.bench.records HOME ITEMS`.

Seven of ten teams work in Jira, three in Azure DevOps. Every item has twelve changes (revisions), every team of about
2,500 items fifty sprints of three weeks over three years: 1,000,000 items are 12,000,000 changes and 20,000 sprints.
Most items are done within weeks; one in twelve never starts, one in thirty stays in progress, one in twenty-five is
re-opened, a quarter is carried over into the next sprint, a fifth are sub-tasks. All of it is drawn from the item's
number, so the same number of items gives the same rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from extractors.landing import Batch, Landing, Run
from extractors.streams import STREAMS
from orchestration.paths import Home
from orchestration.pipeline.inputs import CONNECTIONS, SETTINGS
from orchestration.pipeline.publications import PublicationLog
from orchestration.seeds import merge_seeds
from tests.bench.records_sql import AZURE_DEVOPS, ITEMS, JIRA, SURVEYS

NOW = datetime(2024, 4, 1, tzinfo=UTC)
SLICE = 50_000  # items; each slice is a file in every stream
ITEMS_OF_TEAM = 2_500
SOURCES = {"jira": JIRA, "azure_devops": AZURE_DEVOPS, "surveys": SURVEYS}


def generate(home: Home, items: int) -> None:
    """Land the raw tables of `items` work items, one accepted batch per connection, and write dbt's inputs."""
    landing = Landing(home.root)
    run = Run("bench", NOW)
    batches = {connection_id: landing.batch(run, connection_id, connection_id) for connection_id in SOURCES}
    numbers = {"items": items, "teams": max(10, items // ITEMS_OF_TEAM // 10 * 10)}
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as session:
        session.execute("set TimeZone = 'UTC'")
        session.execute("create macro chance(i, salt) as hash(i, salt) % 1000000 / 1000000.0")
        for connection_id, queries in SOURCES.items():
            for stream, query in queries.items():
                if "from items" not in query:
                    _land(session, landing, batches[connection_id], stream, query, numbers)
        for start in range(0, items, SLICE):
            span = {**numbers, "from": start, "to": min(start + SLICE, items)}
            session.execute(f"create or replace table items as {_filled(ITEMS, span)}")
            for connection_id, queries in SOURCES.items():
                for stream, query in queries.items():
                    if "from items" in query:
                        _land(session, landing, batches[connection_id], stream, query, numbers)
    for connection_id, batch in batches.items():
        batch.commit({}, is_final=True)
        landing.judge(connection_id, "accepted")
    write_inputs(home, landing)


def _filled(query: str, numbers: Mapping[str, int]) -> str:
    for name, number in numbers.items():
        query = query.replace(f"${name}", str(number))
    return query


def _land(
    session: duckdb.DuckDBPyConnection,
    landing: Landing,
    batch: Batch,
    stream: str,
    query: str,
    numbers: Mapping[str, int],
) -> None:
    """Append the query's rows to the stream, with the key columns that it does not give."""
    rows = session.sql(f"select *, md5(record_id) as payload_hash from ({_filled(query, numbers)})").to_arrow_table()
    given = {
        "connection_id": stream.split("/", maxsplit=1)[0],
        "extracted_at": NOW,
        "run_id": "bench",
        "batch_id": batch.batch_id,
        "is_deleted": False,
    }
    schema = STREAMS[stream].schema
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.column_names
        else pa.repeat(pa.scalar(given.get(field.name), field.type), rows.num_rows)
        for field in schema
    ]
    landing.table(stream).append(pa.table(columns, schema=schema))


def write_inputs(home: Home, landing: Landing, run_id: str = "bench") -> None:
    """What orchestration writes for dbt before a build."""
    merge_seeds(None, home.dbt_seeds)
    landing.write_inputs(home.dbt_inputs)
    PublicationLog(home).write_inputs(home.dbt_inputs, is_past=False)
    connections = [
        {
            "connection_id": connection_id, "kind": kind, "tool": connection_id, "url": "https://bench.example.com",
            "time_zone": time_zone, "position": position, "is_held": False, "last_checked_at": NOW,
        }
        for position, (connection_id, kind, time_zone) in enumerate(
            [("jira", "jira", "Europe/Berlin"), ("azure_devops", "azure_devops", "America/New_York"),
             ("surveys", "survey_file", None)]
        )
    ]  # fmt: skip
    settings = {
        "daily_history_days": 400, "fiscal_year_start_month": 1, "min_responses": 5, "run_id": run_id,
        "pseudonym_salt": "bench",
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist(connections, CONNECTIONS), home.dbt_inputs / "connections.parquet")
    pq.write_table(pa.Table.from_pylist([settings], SETTINGS), home.dbt_inputs / "settings.parquet")


if __name__ == "__main__":
    generate(Home.of({"PMO_HOME": sys.argv[1]}), int(sys.argv[2]))
