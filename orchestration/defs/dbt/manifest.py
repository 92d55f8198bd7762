"""The dbt manifest that the definitions are made from, parsed once per process when it is missing or old."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.dbt_files import ensure_manifest
from orchestration.defs.dbt.translator import Translator
from orchestration.paths import Home


@cache
def manifest_file() -> Path:
    """The present project's manifest."""
    return ensure_manifest(Home.of())


@cache
def manifest() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(manifest_file().read_bytes())
    return content


def keys_of_layers(*schemas: str) -> list[dg.AssetKey]:
    """The asset keys of the tables in these schemas; a part of other models (ephemeral) is none."""
    translator = Translator()
    return [
        translator.get_asset_key(node)
        for node in manifest()["nodes"].values()
        if node["resource_type"] == "model"
        and node["schema"] in schemas
        and node["config"]["materialized"] != "ephemeral"
    ]
