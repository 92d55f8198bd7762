"""Publish the judged marts, keep a copy of the scorecard, and end red if a connection was held."""

import dagster as dg

from bi.publication import PublishError
from orchestration.defs.dbt.manifest import keys_of_layers
from orchestration.defs.resources import PipelineResource
from orchestration.pipeline.publishing import keep_scorecard, publish_marts
from orchestration.pipeline.reporting import reporter

OWNER = "team:pmo"


@dg.asset(
    key=["published", "marts"],
    deps=keys_of_layers("core", "marts"),
    group_name="published",
    description="What BI tools read: marts.duckdb, Parquet, Hyper, CSV, dashboard, PostgreSQL; each swapped at once.",
    kinds={"duckdb", "parquet", "tableau", "postgres"},
    owners=[OWNER],
)
def published_marts(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
    opened = pipeline.open(context)
    reporter().stage("Publish")
    try:
        published = publish_marts(opened)
    except PublishError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": published.rows,
            "tables": published.tables,
            "folder": dg.MetadataValue.path(published.folder),
            "data_as_of": str(published.data_as_of),
            "postgres": published.postgres or "not configured",
        }
    )


@dg.asset(
    key=["raw", "pmo", "publications"],
    deps=[["published", "marts"]],
    group_name="published",
    description="One row per publication and scorecard value: what was published when, for restatements.",
    kinds={"deltalake"},
    owners=[OWNER],
)
def publications(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
    rows = keep_scorecard(pipeline.open(context))
    return dg.MaterializeResult(metadata={"rows_added": rows})


@dg.asset(
    key=["published", "verdicts"],
    deps=[["raw", "pmo", "publications"]],
    group_name="published",
    description="Says whether every connection is at the state of this run; the run fails here if one was held.",
    kinds={"python"},
    owners=[OWNER],
)
def verdicts(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> dg.MaterializeResult[None]:
    record = pipeline.open(context).record
    bad = [result for result in record.connections.values() if not result.is_good]
    if bad:
        reasons = [text for result in bad for text in [result.held_reason, *result.failures] if text]
        raise dg.Failure("\n".join(reasons), allow_retries=False)
    return dg.MaterializeResult(metadata={"connections": len(record.connections)})
