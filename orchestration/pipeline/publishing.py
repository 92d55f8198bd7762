"""Publish through bi/, and keep each publication's scorecard in the log of publications."""

from __future__ import annotations

from datetime import UTC, datetime

from bi.publication import PostgresTarget, PublicationRun
from bi.publish import publish
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.prepared import Publish, prepare, show
from orchestration.pipeline.publications import PublicationLog
from orchestration.pipeline.record import PublicationResult
from orchestration.pipeline.seed_matches import rows_without_effect
from orchestration.seeds import own_seeds
from orchestration.settings import PostgresServer


def prepare_publication(pipeline: Pipeline) -> None:
    """Begin to write the publication aside; only `publish_marts` makes it visible."""
    prepare(pipeline.run.run_id, _publisher(pipeline))


def publish_marts(pipeline: Pipeline) -> PublicationResult:
    """Publish the warehouse of this run. Raises bi.publication.PublishError."""
    publication = show(pipeline.run.run_id, _publisher(pipeline))
    own = own_seeds(pipeline.settings.seeds)
    result = PublicationResult(
        folder=str(publication.folder),
        tables=len(publication.tables),
        rows=sum(publication.tables.values()),
        data_as_of=publication.data_as_of,
        postgres=str(publication.postgres) if publication.postgres else None,
        notices=[*publication.notices, *rows_without_effect(own, pipeline.home.warehouse)],
    )
    pipeline.records.add(pipeline.run.run_id, publication=result)
    return result


def _publisher(pipeline: Pipeline) -> Publish:
    server = pipeline.settings.postgres
    run = PublicationRun(run_id=pipeline.run.run_id, published_at=datetime.now(UTC))
    return lambda before_visible: publish(
        pipeline.home.warehouse,
        pipeline.home.root,
        run=run,
        postgres=_target(server) if server else None,
        as_of=pipeline.options.as_of,
        manifest=pipeline.home.manifest,
        before_visible=before_visible,
    )


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
    """Write what this publication has changed to the log; how many figures. Builds of the past are no publications."""
    return 0 if pipeline.options.as_of is not None else PublicationLog(pipeline.home).record()
