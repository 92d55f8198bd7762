"""How dbt's models appear in Dagster: keys by layer, groups by folder, dependencies down to the raw streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from extractors.streams import STREAMS
from orchestration.defs.ledger.assets import LEDGER_KEY
from orchestration.defs.raw import raw_key

OWNER = "team:analytics-engineering"
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=26), warn_window=timedelta(hours=3))


class Translator(DagsterDbtTranslator):
    """dbt node → asset. The manifest stays in dbt; nothing is written twice."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """`core/dim_team`, `marts/kpi_flow`, `seeds/calendars`: the schema in the warehouse and the name."""
        if dbt_resource_props["resource_type"] in {"model", "seed"}:
            return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])
        key: dg.AssetKey = super().get_asset_key(dbt_resource_props)
        return key

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer and the subject, e.g. `marts_sprints`: the folders below models/."""
        if dbt_resource_props["resource_type"] == "seed":
            return "seeds"
        return "_".join(dbt_resource_props["fqn"][1:-1][:2]) or None

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str] | None:
        return super().get_owners(dbt_resource_props) or [OWNER]

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec: dg.AssetSpec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        if props["resource_type"] != "model":
            return spec
        return spec.replace_attributes(
            deps=[*spec.deps, *raw_dependencies(props.get("raw_code", ""))], freshness_policy=FRESH
        )


def raw_dependencies(sql: str) -> list[dg.AssetDep]:
    """The raw assets that a model's SQL names, e.g. `raw('jira/issues')`; whoever reads one waits for the ledger."""
    named = [name for name in STREAMS if f"'{name}'" in sql or f'"{name}"' in sql]
    keys = [raw_key(name) for name in named]
    if named or "input(" in sql:
        keys.append(LEDGER_KEY)
    return [dg.AssetDep(key) for key in keys]
