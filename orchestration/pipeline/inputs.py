"""The small tables that dbt reads beside the raw streams: connections and settings of this run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from extractors.connection import Connection
from extractors.streams import FLAG, TEXT, TIMESTAMP, WHOLE
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.publications import PublicationLog
from orchestration.pipeline.record import ConnectionResult
from orchestration.seeds import merge_seeds

CONNECTIONS = pa.schema(
    {
        "connection_id": TEXT,
        "kind": TEXT,
        "tool": TEXT,
        "url": TEXT,
        "time_zone": TEXT,
        "position": WHOLE,
        "is_held": FLAG,
        "held_reason": TEXT,
        "last_checked_at": TIMESTAMP,
    }
)
SETTINGS = pa.schema(
    {
        "reporting_time_zone": TEXT,
        "daily_history_days": WHOLE,
        "fiscal_year_start_month": WHOLE,
        "min_responses": WHOLE,
        "run_id": TEXT,
        "as_of_at": TIMESTAMP,
        "pseudonym_salt": TEXT,
    }
)


def write_inputs(pipeline: Pipeline) -> list[str]:
    """Write everything that dbt reads; returns the names of the seeds that the user replaced."""
    replaced = merge_seeds(pipeline.settings.seeds, pipeline.home.dbt_seeds)
    folder = pipeline.home.dbt_inputs
    pipeline.landing.write_inputs(folder, pipeline.as_of_at)
    outcomes = pipeline.records.last_asked(
        [connection.id for connection in pipeline.settings.connections], before=pipeline.as_of_at
    )
    rows = [
        _connection(position, connection, outcomes.get(connection.id))
        for position, connection in enumerate(pipeline.settings.connections, start=1)
    ]
    _write(pa.Table.from_pylist(rows, CONNECTIONS), folder / "connections.parquet")
    _write(pa.Table.from_pylist([_settings(pipeline)], SETTINGS), folder / "settings.parquet")
    log, is_past = PublicationLog(pipeline.home), pipeline.as_of_at is not None
    if not is_past:
        log.record()  # a run that was killed after it had published left this to the next one
    log.write_inputs(folder, is_past=is_past)
    return replaced


def _connection(
    position: int, connection: Connection, outcome: tuple[datetime, ConnectionResult] | None
) -> dict[str, object]:
    """A connection that this run did not ask keeps the state of the last run that did: held stays held."""
    checked_at, result = outcome or (None, None)
    return {
        "connection_id": connection.id,
        "kind": connection.kind,
        "tool": connection.tool,
        "url": getattr(connection, "url", None),
        "time_zone": connection.time_zone,
        "position": position,
        "is_held": result is not None and result.is_held,
        "held_reason": result.held_reason if result else None,
        "last_checked_at": checked_at,
    }


def _settings(pipeline: Pipeline) -> dict[str, object]:
    settings = pipeline.settings
    return {
        "reporting_time_zone": settings.reporting_time_zone,
        "daily_history_days": settings.daily_history_days,
        "fiscal_year_start_month": settings.fiscal_year_start_month,
        "min_responses": settings.min_responses,
        "run_id": pipeline.run.run_id,
        "as_of_at": pipeline.as_of_at,
        "pseudonym_salt": pipeline.salt,
    }


def _write(table: pa.Table, file: Path) -> None:
    """Readers see the old file or the new one."""
    part = file.with_name(file.name + ".part")
    pq.write_table(table, part, compression="zstd")
    part.replace(file)
