"""The raw tables of surveys: landed and judged in one step, all connections side by side."""

from collections.abc import Iterator

import dagster as dg

from extractors.streams import STREAMS
from orchestration.defs.raw import check_specs, land_and_judge, raw_spec
from orchestration.defs.resources import PipelineResource

TOOL = "surveys"


@dg.multi_asset(
    name=f"raw_{TOOL}",
    specs=[raw_spec(stream) for stream in STREAMS.values() if stream.tool == TOOL],
    check_specs=check_specs(TOOL),
)
def raw_surveys(
    context: dg.AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    yield from land_and_judge(context, pipeline, TOOL)
