"""Run `dbt build` and hand its events to Dagster, each table with its row count and the columns it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource

from orchestration.dbt_files import in_dbt_environment
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.record import CheckOutcome
from orchestration.pipeline.reporting import reporter

ARGUMENTS = ["build", "--exclude-resource-type", "unit_test"]


def build(context: dg.AssetExecutionContext, dbt: DbtCliResource, pipeline: Pipeline) -> Iterator[Any]:
    """Check results pass at once; materializations wait until the warehouse can be read, for their row counts."""
    reporter().stage("Build the warehouse with dbt")
    total = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
    materialized: list[Any] = []
    checks: list[CheckOutcome] = []
    try:
        with in_dbt_environment(pipeline.home):
            invocation = dbt.cli(ARGUMENTS, context=context, target_path=pipeline.home.dbt_target)
        for number, event in enumerate(invocation.stream(), start=1):
            reporter().step("dbt", number, total)
            if isinstance(event, dg.AssetCheckResult):
                checks.append(_outcome(event))
                yield event
            else:
                materialized.append(event)
    finally:
        pipeline.records.add(pipeline.run.run_id, checks=checks)
    yield from materialized


def _outcome(event: dg.AssetCheckResult) -> CheckOutcome:
    key = event.asset_key.to_user_string() if event.asset_key else ""
    is_error = event.severity is dg.AssetCheckSeverity.ERROR
    failures = event.metadata.get("dagster_dbt/failed_row_count") if event.metadata else None
    detail = "" if event.passed else f"{failures.value if failures else 'some'} rows violate it"
    return CheckOutcome(f"dbt: {event.check_name}", key, event.passed, is_error, detail)
