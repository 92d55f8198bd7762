"""The dbt project as assets: `dbt build` in one step, the only writer of the warehouse."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from orchestration.defs.dbt.build import build
from orchestration.defs.dbt.manifest import manifest_file
from orchestration.defs.dbt.translator import Translator
from orchestration.defs.resources import PipelineResource

WAREHOUSE_POOL = "warehouse"


@dbt_assets(
    manifest=manifest_file(),
    dagster_dbt_translator=Translator(),
    name="dbt_build",
    exclude="resource_type:unit_test",
    pool=WAREHOUSE_POOL,
)
def dbt_build(context: dg.AssetExecutionContext, dbt: DbtCliResource, pipeline: PipelineResource) -> Iterator[Any]:
    yield from build(context, dbt, pipeline.open(context))
