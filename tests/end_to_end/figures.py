"""What is published, in a form that two builds of the same raw data share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.end_to_end.workspace import Workspace

OF_A_RUN = {"run_id", "published_at", "restated_at", "last_checked_at"}


def figures(user: Workspace, tables: Sequence[str] = ()) -> dict[str, list[str]]:
    """Every published table (or `tables`) with its rows, but for what names the run.

    Numbers to ten digits: a mean adds floating numbers in the order in which threads bring them.
    """
    names = tables or [
        name for (name,) in user.query("select table_name from duckdb_tables() where schema_name = 'marts'")
    ]
    return {name: sorted(_rows(user, name)) for name in sorted(names)}


def _rows(user: Workspace, table: str) -> list[str]:
    columns = [
        name
        for (name,) in user.query(f"select column_name from duckdb_columns() where table_name = '{table}'")
        if name not in OF_A_RUN
    ]
    quoted = ", ".join(f'"{name}"' for name in dict.fromkeys(columns))
    return [str(tuple(map(_shown, row))) for row in user.query(f"select {quoted} from marts.{table}")]


def _shown(value: Any) -> Any:
    return f"{value:.10g}" if isinstance(value, float) else value
