"""What the raw assets of all sources have in common: specs made from streams.py, and the step that lands and judges."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from extractors.streams import KEY_COLUMNS, STREAMS, Stream
from orchestration.defs.coverage import coverage_check, coverage_spec, coverage_table
from orchestration.defs.resources import PipelineResource
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.landing_step import landed
from orchestration.pipeline.raw_tables import row_count
from orchestration.pipeline.record import CheckOutcome, ConnectionResult

OWNER = "team:data-engineering"
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26), warn_window=timedelta(hours=3))


def raw_key(stream: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", *stream.split("/")])


def raw_spec(stream: Stream, deps: list[dg.AssetKey] | None = None) -> dg.AssetSpec:
    """One raw Delta table as an asset, described by streams.py."""
    columns = [
        dg.TableColumn(name=name, type=str(kind)) for name, kind in [*KEY_COLUMNS.items(), *stream.columns.items()]
    ]
    return dg.AssetSpec(
        raw_key(stream.name),
        deps=deps,
        group_name=f"raw_{stream.tool}",
        description=f"{stream.grain} Append-only; of several rows of one record the one extracted last holds.",
        kinds={"deltalake", "python"},
        owners=[OWNER],
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
        freshness_policy=FRESH,
    )


def check_specs(tool: str) -> list[dg.AssetCheckSpec]:
    """One check per stream, and one that says whether every connection could be read."""
    suites = [
        dg.AssetCheckSpec(
            "expectations",
            asset=raw_key(stream.name),
            description="Great Expectations suite; a blocking failure holds the connection at its last good state.",
        )
        for stream in STREAMS.values()
        if stream.tool == tool
    ]
    anchor = raw_key(anchor_stream(tool))
    text = "Every connection was reached and read to its end."
    return [*suites, dg.AssetCheckSpec("connections_were_read", asset=anchor, description=text), coverage_spec(anchor)]


def anchor_stream(tool: str) -> str:
    """The stream that stands for its tool."""
    return {"jira": "jira/issues", "azure_devops": "azure_devops/revisions", "surveys": "surveys/responses"}[tool]


def land_and_judge(
    context: dg.AssetExecutionContext, resource: PipelineResource, tool: str
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Extract every connection of `tool`, judge what was landed, and report both per stream."""
    pipeline = resource.open(context)
    may_retry = context.retry_number < pipeline.options.transient_retries
    outcome = landed(pipeline, tool, may_retry=may_retry)
    if outcome.transient and may_retry:
        context.log.warning("; ".join(str(error) for error in outcome.transient))
        raise dg.RetryRequested(pipeline.options.transient_retries, resource.retry_seconds * 2**context.retry_number)
    results, checks = outcome.connections, outcome.checks
    yield from _materializations(pipeline, tool, results)
    yield from _check_results(tool, checks, results)
    yield coverage_check(pipeline, raw_key(anchor_stream(tool)), results)


def _materializations(
    pipeline: Pipeline, tool: str, results: list[ConnectionResult]
) -> Iterator[dg.MaterializeResult[None]]:
    for stream in STREAMS.values():
        if stream.tool != tool:
            continue
        counts = {result.connection_id: result.streams.get(stream.name) for result in results}
        metadata: dict[str, Any] = {
            "dagster/row_count": row_count(pipeline.landing.table(stream.name)),
            "rows_landed": sum(count.landed for count in counts.values() if count),
            **{f"landed/{key}": count.landed for key, count in counts.items() if count},
        }
        if coverage := coverage_table(pipeline, results, stream.name):
            metadata["coverage"] = coverage
        yield dg.MaterializeResult(asset_key=raw_key(stream.name), metadata=metadata)


def _check_results(
    tool: str, checks: list[CheckOutcome], results: list[ConnectionResult]
) -> Iterator[dg.AssetCheckResult]:
    by_asset: dict[str, list[CheckOutcome]] = {}
    for check in checks:
        by_asset.setdefault(check.asset, []).append(check)
    for stream in STREAMS.values():
        if stream.tool == tool:
            yield suite_result(raw_key(stream.name), by_asset.get(stream.name, []))
    unread = {result.connection_id: result.held_reason or "; ".join(result.failures) for result in results}
    bad = {key: text for key, text in unread.items() if text}
    yield dg.AssetCheckResult(
        passed=not bad,
        asset_key=raw_key(anchor_stream(tool)),
        check_name="connections_were_read",
        metadata={"connections": len(results), **bad},
    )


def suite_result(key: dg.AssetKey, checks: list[CheckOutcome]) -> dg.AssetCheckResult:
    """All expectations of one table as one check, failures in its metadata."""
    failed = [check for check in checks if not check.passed]
    is_error = any(check.is_blocking for check in failed)
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=key,
        check_name="expectations",
        severity=dg.AssetCheckSeverity.ERROR if is_error or not failed else dg.AssetCheckSeverity.WARN,
        metadata={"expectations": len(checks), **{check.name: check.detail or "failed" for check in failed}},
    )
