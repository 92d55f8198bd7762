"""The jobs and their schedules. A run is one process: one warehouse writer, one import of everything."""

from __future__ import annotations

import dagster as dg

DESCRIPTION = "Extract every connection, judge, build the warehouse, judge, publish."

refresh = dg.define_asset_job(
    "refresh", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor, description=DESCRIPTION,
    tags={"pmo/writes": "warehouse", "dagster/max_runtime": 4 * 3600},
)  # fmt: skip

census = dg.define_asset_job(
    "census", selection=dg.AssetSelection.all(), executor_def=dg.in_process_executor,
    description=f"{DESCRIPTION} Compares which records there are, so that deletions and silent gaps are found.",
    config={"resources": {"pipeline": {"config": {"census": True}}}},
    tags={"pmo/writes": "warehouse", "dagster/max_runtime": 12 * 3600},
)  # fmt: skip

hourly_refresh = dg.ScheduleDefinition(
    name="hourly_refresh", job=refresh, cron_schedule="5 * * * *", execution_timezone="UTC",
    description="What changed since the last run.",
)  # fmt: skip

nightly_census = dg.ScheduleDefinition(
    name="nightly_census", job=census, cron_schedule="35 1 * * *", execution_timezone="UTC",
    description="What changed, and which records there are, compared with what the sources hold.",
)  # fmt: skip
