"""Rows of the user's seeds that name nothing that was read: told, because such a row has no effect and says nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from orchestration.config.messages import nearest
from orchestration.errors import Problem
from orchestration.seeds import read_seed

SHOWN = 8
CONNECTIONS = "select connection_id from core.dim_connection"
PROJECTS = "select project from core.dim_project union select name from core.dim_project"
# A tool lists statuses and types that no item has been in yet: a row for one of them is right, and counts once one is.
ITEM_TYPES = """
    select item_type from core.fct_state_interval
    union select name from staging.stg_jira__issue_types
    union select item_type from staging.stg_azure_devops__states
"""
STATUSES = """
    select {column} from core.fct_state_interval
    union select {jira} from staging.stg_jira__statuses
    union select state from staging.stg_azure_devops__states
"""
SURVEYS = """
    select survey from core.fct_survey_response
    union select survey from staging.stg_surveys__invitations
"""
KNOWN = {  # (seed, column) → the names that there are
    ("stage_mapping", "connection_id"): CONNECTIONS,
    ("stage_mapping", "project"): PROJECTS,
    ("stage_mapping", "item_type"): ITEM_TYPES,
    ("stage_mapping", "status_id"): STATUSES.format(column="status_id", jira="status_id"),
    ("stage_mapping", "status"): STATUSES.format(column="status", jira="name"),
    ("not_delivered_resolutions", "connection_id"): CONNECTIONS,
    ("item_type_mapping", "connection_id"): CONNECTIONS,
    ("team_mapping", "connection_id"): CONNECTIONS,
    ("team_mapping", "project"): PROJECTS,
    ("team_mapping", "board_id"): "select distinct board_id from staging.stg_jira__boards",
    ("portfolio_mapping", "connection_id"): CONNECTIONS,
    ("portfolio_mapping", "project"): PROJECTS,
    ("portfolio_mapping", "epic_ref"): "select distinct item_ref from core.dim_work_item",
    ("kpi_targets", "scope_name"): "select distinct scope_name from marts.kpi_scorecard",
    ("survey_settings", "survey"): SURVEYS,
}
# A survey that nobody has answered yet may have the name; what else there is the sources list whole.
UNKNOWN = {"survey": "no answer or invitation that was read is of '{cell}', so the row has no effect yet."}
NOT_READ = "nothing that was read is called '{cell}', so the row has no effect."
IN_ANY_CASE = {"status", "item_type"}  # as the models compare them


def rows_without_effect(seeds: Mapping[str, Path], warehouse: Path) -> list[str]:
    """One sentence per row of the user's seed files (by name), the first few of them."""
    if not seeds:
        return []
    with duckdb.connect(str(warehouse), read_only=True) as session:
        found = [str(problem) for name, file in seeds.items() for problem in _of_seed(session, file, name)]
    if len(found) > SHOWN:
        found[SHOWN:] = [f"{len(found) - SHOWN} more rows of seeds name nothing that was read."]
    return found


def _of_seed(session: duckdb.DuckDBPyConnection, file: Path, name: str) -> Iterator[Problem]:
    rows, _ = read_seed(file, name)
    for (seed, column), query in KNOWN.items():
        if seed != name or not any(row.cells.get(column) for row in rows):
            continue
        known = [str(value) for (value,) in session.execute(query).fetchall() if value is not None]
        present = {_form(column, value) for value in known}
        for row in rows:
            cell = row.cells.get(column)
            if cell and _form(column, cell) not in present:
                text = UNKNOWN.get(column, NOT_READ).format(cell=cell)
                yield Problem(file.name, row.line, f"column `{column}`: {text}{nearest(cell, known)}")


def _form(column: str, text: str) -> str:
    return text.lower() if column in IN_ANY_CASE else text
