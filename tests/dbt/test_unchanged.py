"""What is built again, and what is not, when a model itself changes."""

from __future__ import annotations

from pathlib import Path

from tests.dbt.stories import jira_rows, records, story
from tests.dbt.warehouse import Warehouse, manifest

KIND = "select table_type from information_schema.tables where table_name = 'int_policy_type'"


def test_a_model_that_becomes_a_view_or_a_table_is_built_again(tmp_path: Path) -> None:
    told = Warehouse(tmp_path).jira("jira", **jira_rows([story("1", 1, ("03-01", {}))]))
    config = manifest(tmp_path).nodes["model.agile_pmo.int_policy_type"].config
    assert config.materialized == "table"
    assert _kind(told) == "BASE TABLE"
    try:
        config.materialized = "view"
        assert _kind(told) == "VIEW"
    finally:
        config.materialized = "table"
    assert _kind(told) == "BASE TABLE"


def _kind(told: Warehouse) -> str:
    with told.build(select="+int_policy_type,resource_type:seed +int_policy_type,resource_type:model") as built:
        return str(records(built, KIND)[0]["table_type"])
