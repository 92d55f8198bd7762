"""The Dagster definitions load, and their assets are those that people know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from extractors.streams import LEDGER, STREAMS
from orchestration.lineage import column_lineage, readable


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Parsed once: dbt takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PMO_HOME", str(tmp_path_factory.mktemp("home")))
        from orchestration.definitions import defs

        yield defs()


def keys(definitions: Any) -> set[str]:
    return {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}


def test_asset_keys(definitions: Any):
    found = keys(definitions)
    assert {f"raw/{name}" for name in STREAMS} | {f"raw/{LEDGER}", "raw/pmo/publications"} == {
        key for key in found if key.startswith("raw/")
    }
    assert {key for key in found if key.startswith("published/")} == {"published/marts", "published/verdicts"}
    assert {key.split("/")[0] for key in found} == {
        "raw", "seeds", "staging", "intermediate", "core", "marts", "restricted", "published",
    }  # fmt: skip
    assert {
        "core/dim_work_item", "core/dim_team", "core/dim_sprint", "core/fct_item_flow", "core/fct_sprint_item",
        "core/fct_state_interval", "core/fct_survey_response", "core/dim_kpi", "marts/kpi_flow", "marts/kpi_cfd",
        "marts/kpi_wip", "marts/kpi_velocity", "marts/kpi_burndown", "marts/kpi_satisfaction", "marts/kpi_scorecard",
        "marts/kpi_evidence",
    } <= found  # fmt: skip


def test_every_asset_is_described_owned_and_grouped(definitions: Any):
    for spec in definitions.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.description, name
        assert spec.owners, name
        assert spec.group_name not in {None, "", "default"}, name
        assert spec.kinds, name


def test_schemas_are_known_before_the_first_run(definitions: Any):
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    for name in ("raw/jira/issues", "marts/kpi_velocity"):
        columns = {column.name for column in specs[name].metadata["dagster/column_schema"].columns}
        assert len(columns) > 10, name


def test_staging_depends_on_the_streams_that_it_reads(definitions: Any):
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    for name, stream in [("stg_jira__sprints", "jira/sprints"), ("stg_surveys__responses", "surveys/responses")]:
        deps = {dep.asset_key.to_user_string() for dep in specs[f"staging/{name}"].deps}
        assert {f"raw/{stream}", f"raw/{LEDGER}"} <= deps


def test_marts_never_read_staging(definitions: Any):
    for spec in definitions.resolve_all_asset_specs():
        if spec.key.path[0] == "marts":
            assert not [dep for dep in spec.deps if dep.asset_key.path[0] == "staging"], spec.key


def test_checks_stand_on_raw_and_on_everything_published(definitions: Any):
    checks = {
        (check.asset_key.to_user_string(), check.name)
        for checks in definitions.asset_checks or []
        for check in checks.check_keys
    } | {
        (key.asset_key.to_user_string(), key.name)
        for assets in definitions.assets or []
        for key in getattr(assets, "check_keys", [])
    }
    for name, stream in STREAMS.items():
        if stream.tool != "pmo":
            assert (f"raw/{name}", "expectations") in checks
    for key in keys(definitions):
        if key.startswith(("core/", "marts/")):
            assert (key, "expectations") in checks


def test_jobs_and_schedules(definitions: Any):
    assert {schedule.name for schedule in definitions.schedules} == {
        "hourly_refresh", "nightly_census", "weekly_maintenance",
    }  # fmt: skip
    for name in ("refresh", "census"):
        job = definitions.resolve_job_def(name)
        assert {"raw_jira", "raw_azure_devops", "raw_surveys", "raw_ledger", "dbt_build", "mart_quality"} <= {
            node.name for node in job.nodes
        }
    census = definitions.resolve_job_def("census")
    assert census.run_config["resources"]["pipeline"]["config"] == {"census": True}


@pytest.mark.parametrize(
    ("name", "job", "hour", "options"),
    [("hourly_refresh", "refresh", 14, {}), ("nightly_census", "census", 1, {"census": True})],
)
def test_a_tick_of_a_schedule_asks_for_its_job(
    definitions: Any, name: str, job: str, hour: int, options: dict[str, Any]
):
    import dagster as dg

    (schedule,) = [each for each in definitions.schedules if each.name == name]
    assert schedule.job_name == job
    tick = datetime(2026, 3, 2, hour, 5 if job == "refresh" else 35, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, scheduled_execution_time=tick)
        (request,) = schedule.evaluate_tick(context).run_requests
    config = {**(definitions.resolve_job_def(job).run_config or {}), **(request.run_config or {})}
    assert config.get("resources", {}).get("pipeline", {}).get("config", {}) == options
    assert definitions.resolve_job_def(job).tags["pmo/writes"] == "warehouse"


def test_lineage_reaches_the_raw_streams(tmp_path: Path):
    landed = """read_parquet(
        ['/home/dbt/inputs/empty/jira__issues.parquet', '/home/raw/jira/issues/part-1.parquet'],
        union_by_name = true
    )"""
    staging = f"select issue_id as item_id, lower(summary) as title from {landed} as stream"
    mart = "with items as (select * from staging.items) select title, count(*) as items from items group by title"
    schema = {"staging": {"items": {"item_id": "varchar", "title": "varchar"}}}
    models = {"staging/items": staging, "marts/kpi": mart}
    cache = tmp_path / "lineage.json"
    expected = {
        "staging/items": {"item_id": [("raw/jira__issues", "issue_id")], "title": [("raw/jira__issues", "summary")]},
        "marts/kpi": {"title": [("staging/items", "title")], "items": []},
    }
    assert column_lineage(models, schema, cache) == expected
    before = cache.stat().st_mtime_ns
    assert column_lineage(models, schema, cache) == expected
    assert cache.stat().st_mtime_ns == before


def test_the_files_of_a_stream_do_not_change_the_sql():
    one = readable("select * from read_parquet(['/a/empty/jira__boards.parquet'], union_by_name = true) as b")
    two = readable(
        "select * from read_parquet(['/b/empty/jira__boards.parquet', '/b/x(1).parquet'], union_by_name = true) as b"
    )
    assert one == two == "select * from raw.jira__boards as b"


def test_sql_that_cannot_be_parsed_has_no_lineage(tmp_path: Path):
    assert column_lineage({"marts/odd": "select from where ("}, {}, tmp_path / "l.json") == {"marts/odd": {}}
