"""The suites of the marts as asset checks: a blocking failure stops the publication, and the last good one stays."""

from collections.abc import Iterator

import dagster as dg

from orchestration.defs.dbt.manifest import keys_of_layers
from orchestration.defs.raw import suite_result
from orchestration.defs.resources import PipelineResource
from orchestration.pipeline.judging import judge_marts
from orchestration.pipeline.reporting import reporter

MARTS = keys_of_layers("core", "marts")


@dg.multi_asset_check(
    name="mart_quality",
    can_subset=True,  # a person may build one table alone
    specs=[
        dg.AssetCheckSpec(
            "expectations",
            asset=key,
            blocking=True,
            description="Great Expectations suite of what is about to be published.",
        )
        for key in MARTS
    ],
)
def mart_quality(context: dg.AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[dg.AssetCheckResult]:
    opened = pipeline.open(context)
    reporter().stage("Judge the marts")
    checks = judge_marts(opened)
    opened.records.add(opened.run.run_id, checks=checks)
    selected = {check.asset_key for check in context.selected_asset_check_keys}
    for key in [key for key in MARTS if key in selected]:
        name = "/".join(key.path)
        yield suite_result(key, [check for check in checks if check.asset == name])
