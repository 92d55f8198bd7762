"""Publish through bi/, and keep each publication's scorecard in the Delta table `pmo/publications`."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake

from bi.publication import PostgresTarget, PublicationRun
from bi.publish import publish
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import PublicationResult
from orchestration.settings import PostgresServer


def publish_marts(pipeline: Pipeline) -> PublicationResult:
    """Publish the warehouse of this run. Raises bi.publication.PublishError."""
    server = pipeline.settings.postgres
    publication = publish(
        pipeline.home.warehouse,
        pipeline.home.root,
        run=PublicationRun(run_id=pipeline.run.run_id, published_at=datetime.now(UTC)),
        postgres=_target(server) if server else None,
        as_of=pipeline.options.as_of,
        manifest=pipeline.home.manifest,
    )
    result = PublicationResult(
        folder=str(publication.folder),
        tables=len(publication.tables),
        rows=sum(publication.tables.values()),
        data_as_of=publication.data_as_of,
        postgres=str(publication.postgres) if publication.postgres else None,
        notices=list(publication.notices),
    )
    pipeline.records.add(pipeline.run.run_id, publication=result)
    return result


def _target(server: PostgresServer) -> PostgresTarget:
    return PostgresTarget(
        host=server.host,
        port=server.port,
        database=server.database,
        user=server.user,
        password=server.password.reveal(),
        schema=server.schema,
        reader_role=server.reader_role,
    )


def keep_scorecard(pipeline: Pipeline) -> int:
    """Append the published scorecard to `pmo/publications`; how many rows. Builds of the past are not publications."""
    file = pipeline.home.published / "parquet" / "kpi_scorecard.parquet"
    if pipeline.options.as_of is not None or not file.exists():
        return 0
    scorecard = pq.read_table(file)
    stamps = {
        "run_id": pa.array([pipeline.run.run_id] * scorecard.num_rows, pa.string()),
        "published_at": pa.array([datetime.now(UTC)] * scorecard.num_rows, pa.timestamp("us", "UTC")),
    }
    kept = {name: scorecard[name] for name in scorecard.column_names if name not in stamps}
    # From columns alone, without the model's own not-null marks: what a model promises may change, the past may not.
    scorecard = pa.table({**kept, **stamps})
    target = pipeline.home.root / "raw" / "pmo" / "publications"
    target.mkdir(parents=True, exist_ok=True)
    write_deltalake(target, scorecard, mode="append", schema_mode="merge")
    return int(scorecard.num_rows)
