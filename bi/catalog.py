"""Which tables are published, and what is known of them: dbt's manifest joined with the warehouse.

The manifest gives names, descriptions and grain; the warehouse gives the columns as they are. The
published tables are the models of the layers `core` and `marts` (by their schema) but those with
`config.meta.published: false`. A model's grain is `config.meta.grain` (a list of columns), else the
primary key of its contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from bi.publication import PublishError

PUBLISHED_LAYERS = ("core", "marts")


@dataclass(frozen=True)
class Column:
    """One column: DuckDB's name of its type, and the description of the dbt model (may be empty)."""

    name: str
    type: str
    description: str

    @property
    def is_text(self) -> bool:
        return self.type == "VARCHAR"

    @property
    def is_nested(self) -> bool:
        """Lists, structs and maps: delivered as JSON where a format knows no such types."""
        return self.type.endswith("]") or self.type.startswith(("STRUCT", "MAP", "UNION", "JSON"))


@dataclass(frozen=True)
class Table:
    """One published table. `layer` is its schema in the warehouse; `grain` may be empty (unknown)."""

    name: str
    layer: str
    description: str
    columns: tuple[Column, ...]
    grain: tuple[str, ...]

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def ordering(self) -> str:
        """The `order by` that makes the rows' order depend on their content alone."""
        names = self.grain or tuple(column.name for column in self.columns)
        return ", ".join(f"{quoted(name)} nulls first" for name in names)


def quoted(name: str) -> str:
    """An identifier for SQL; doubles the quotes that it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text literal for SQL statements that take no parameters (comment on, copy)."""
    return "'" + text.replace("'", "''") + "'"


def read_catalog(manifest: Path, connection: duckdb.DuckDBPyConnection, database: str) -> list[Table]:
    """The tables to publish, by name; `database` is the alias under which the warehouse is attached.

    Raises PublishError where the manifest cannot be read, is empty, or names a table that the warehouse lacks.
    """
    columns = _warehouse_columns(connection, database)
    tables = []
    for model in _published_models(manifest):
        layer, name = model["schema"], model.get("alias") or model["name"]
        found = columns.get((layer, name))
        if found is None:
            raise PublishError(
                f"Nothing was published: the dbt manifest {manifest} names the model {layer}.{name}, "
                "but the warehouse has no such table. Build it first (dbt build), then publish again."
            )
        tables.append(_table(model, layer, name, found))
    if not tables:
        raise PublishError(
            f"Nothing was published: the dbt manifest {manifest} has no model in the schemas "
            f"{' and '.join(PUBLISHED_LAYERS)}. Check which dbt project it was written by."
        )
    return sorted(tables, key=lambda table: table.name)


def _published_models(manifest: Path) -> Iterator[Mapping[str, Any]]:
    try:
        nodes = json.loads(manifest.read_bytes())["nodes"].values()
    except (OSError, ValueError, KeyError) as error:
        raise PublishError(
            f"Nothing was published: the dbt manifest {manifest} cannot be read ({error}). "
            "dbt writes it into its target folder on every build; run the build first."
        ) from error
    for node in nodes:
        config = node.get("config", {})
        meta = {**node.get("meta", {}), **config.get("meta", {})}
        is_built = node.get("resource_type") == "model" and config.get("materialized") != "ephemeral"
        if is_built and node.get("schema") in PUBLISHED_LAYERS and meta.get("published", True):
            yield {**node, "meta": meta}


def _warehouse_columns(
    connection: duckdb.DuckDBPyConnection, database: str
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    rows = connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = ? order by schema_name, table_name, column_index",
        [database],
    ).fetchall()
    columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, column, data_type in rows:
        columns.setdefault((schema, table), []).append((column, data_type))
    return columns


def _table(model: Mapping[str, Any], layer: str, name: str, found: list[tuple[str, str]]) -> Table:
    described = {key.lower(): value.get("description", "") for key, value in model.get("columns", {}).items()}
    names = {column for column, _ in found}
    return Table(
        name=name,
        layer=layer,
        description=model.get("description", ""),
        columns=tuple(Column(column, data_type, described.get(column.lower(), "")) for column, data_type in found),
        grain=tuple(column for column in _grain(model) if column in names),
    )


def _grain(model: Mapping[str, Any]) -> list[str]:
    if grain := model["meta"].get("grain"):
        return [grain] if isinstance(grain, str) else list(grain)
    for constraint in model.get("constraints", []):
        if constraint.get("type") == "primary_key":
            return list(constraint.get("columns", []))
    return [
        name
        for name, column in model.get("columns", {}).items()
        if any(constraint.get("type") == "primary_key" for constraint in column.get("constraints", []))
    ]
