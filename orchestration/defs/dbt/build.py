"""Run `dbt build` and hand its events to Dagster, each table with its row count and the columns it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DbtCliInvocation, DbtCliResource

from extractors.streams import STREAMS
from orchestration.dbt_files import in_dbt_environment
from orchestration.defs.dbt.invocation import BUILD, start_build
from orchestration.lineage import RAW_SCHEMA, Columns, Schema, column_lineage
from orchestration.paths import Home
from orchestration.pipeline.context import Pipeline
from orchestration.pipeline.judging import begin_judging_marts, write_docs
from orchestration.pipeline.publishing import prepare_publication
from orchestration.pipeline.record import CheckOutcome
from orchestration.pipeline.reporting import reporter
from orchestration.warehouse import doubt, forget, seal, unseal

PUBLISHING_JOBS = {"refresh", "census"}


def build(context: dg.AssetExecutionContext, dbt: DbtCliResource, pipeline: Pipeline) -> Iterator[Any]:
    """Check results pass at once; tables wait until the warehouse can be read, for their row counts."""
    reporter().stage("Build the warehouse with dbt")
    if reason := doubt(pipeline.home):
        forget(pipeline.home)
        reporter().note(f"{pipeline.home.warehouse.name} is built anew from the raw data: {reason}.")
    unseal(pipeline.home)
    total = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
    tables: list[Any] = []
    checks: list[CheckOutcome] = []
    try:
        for number, event in enumerate(_invocation(context, dbt, pipeline.home).stream(), start=1):
            reporter().step("dbt", number, max(total, number))
            if isinstance(event, dg.AssetCheckResult):
                checks.append(_outcome(event))
                yield event
            elif isinstance(event, dg.Output):
                tables.append(event)
            else:
                yield event
    except Exception:
        write_docs(pipeline)  # what was judged before dbt failed; the step that judges the marts will not come
        raise
    else:
        seal(pipeline.home)
        if context.run.job_name in PUBLISHING_JOBS and not context.is_subset:
            # Both only read the warehouse, and go on while the events of a hundred tables are written down here.
            begin_judging_marts(pipeline)
            prepare_publication(pipeline)
    finally:
        pipeline.records.add(pipeline.run.run_id, checks=checks)
    yield from _described(context, pipeline, tables)


def _invocation(context: dg.AssetExecutionContext, dbt: DbtCliResource, home: Home) -> DbtCliInvocation:
    """The whole project, or what a person has selected in the Dagster UI."""
    if not context.is_subset:
        return start_build(context, home)
    with in_dbt_environment(home):
        return dbt.cli(list(BUILD), context=context, target_path=home.dbt_target)


def _outcome(event: dg.AssetCheckResult) -> CheckOutcome:
    key = event.asset_key.to_user_string() if event.asset_key else ""
    is_error = event.severity is dg.AssetCheckSeverity.ERROR
    failures = event.metadata.get("dagster_dbt/failed_row_count") if event.metadata else None
    detail = "" if event.passed else f"{failures.value if failures else 'some'} rows violate it"
    return CheckOutcome(f"dbt: {event.check_name}", key, event.passed, is_error, detail)


def _described(context: dg.AssetExecutionContext, pipeline: Pipeline, tables: list[Any]) -> Iterator[dg.Output[Any]]:
    """The tables' events with row counts and column lineage."""
    counts, schema = _warehouse(pipeline)
    lineage = column_lineage(_compiled(pipeline), schema, pipeline.home.dbt_target.parent / "lineage.json")
    for event in tables:
        asset = "/".join(context.asset_key_for_output(event.output_name).path)
        added: dict[str, Any] = {}
        if asset in counts:
            added["dagster/row_count"] = counts[asset]
        if lineage.get(asset):
            added["dagster/column_lineage"] = _table_lineage(lineage[asset])
        yield event.with_metadata({**event.metadata, **added})


def _warehouse(pipeline: Pipeline) -> tuple[dict[str, int], Schema]:
    """Rows per table (views have no count of their own), and the columns of everything, once dbt has let go of it."""
    with duckdb.connect(str(pipeline.home.warehouse), read_only=True) as session:
        found = session.execute("select schema_name, table_name, estimated_size from duckdb_tables()").fetchall()
        columns = session.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() where not internal"
        ).fetchall()
    schema: Schema = {}
    for schema_name, table, column, data_type in columns:
        schema.setdefault(schema_name, {}).setdefault(table, {})[column] = data_type
    return {f"{schema_name}/{table}": int(rows) for schema_name, table, rows in found}, schema


def _compiled(pipeline: Pipeline) -> dict[str, str]:
    """The SQL of every model that this build ran."""
    target = pipeline.home.dbt_target
    nodes = json.loads(pipeline.home.manifest.read_bytes())["nodes"]
    results = json.loads((target / "run_results.json").read_bytes())["results"]
    compiled = {}
    for result in results:
        node = nodes.get(result["unique_id"])
        if node and node["resource_type"] == "model" and result.get("compiled_code"):
            compiled[f"{node['schema']}/{node['name']}"] = result["compiled_code"]
    return compiled


def _table_lineage(columns: Columns) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(_key(asset), source) for asset, source in sources]
            for column, sources in columns.items()
            if sources
        }
    )


def _key(asset: str) -> dg.AssetKey:
    """`raw/jira__issues` is the stream jira/issues; anything else is `<schema>/<table>`."""
    schema, table = asset.split("/")
    if schema != RAW_SCHEMA:
        return dg.AssetKey([schema, table])
    stream = next((name for name in STREAMS if name.replace("/", "__") == table), table.replace("__", "/", 1))
    return dg.AssetKey([RAW_SCHEMA, *stream.split("/")])
