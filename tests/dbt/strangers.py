"""Another company moved into new projects and teams of the same tools: people who have nothing to do with the first.

Their ids are the old ones plus 50,000, their projects, boards and teams have names and ids of their own, so that every
key of theirs can be told from the first company's by `STRANGE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.dbt.company import Streams
from tests.dbt.lives import Row

STRANGE = r"\b(t?50\d{3}|GAMMA|Gamma|Strangers)\b"  # what their keys and names contain, and no other
SITE_WIDE = {"statuses", "resolutions", "users"}  # a Jira site has them once for all projects
IDS = {"issue_id", "item_id", "parent_id", "sprint_id", "board_id", "iteration_guid", "response_id",
       "version_id"}  # fmt: skip
PROJECTS = {"project_key", "project"}


def strangers(shown: dict[str, Streams]) -> dict[str, Streams]:
    """The rows of each connection, moved. What a tool holds once per site is left out."""
    return {
        connection_id: {
            stream: _without_repeats(_moved(row) for row in rows if row.get("attribute") != "project")
            for stream, rows in streams.items()
            if stream not in SITE_WIDE
        }
        for connection_id, streams in shown.items()
    }


def _moved(row: Row) -> Row:
    moved: Row = {}
    for column, value in row.items():
        if value is None:
            moved[column] = None
        elif column in IDS:
            moved[column] = _id(value)
        elif column == "project_id":
            moved[column] = "50300"
        elif column in PROJECTS:
            moved[column] = "GAMMA"
        elif column == "epic_ref":
            moved[column] = f"GAMMA-{_id(value.partition('-')[2])}"
        elif column == "sprint_ids":
            moved[column] = [_id(each) for each in value]
        elif column == "team_id":
            moved[column] = "t50001"
        elif column in ("area_path", "iteration_path"):
            moved[column] = _path(value)
        else:
            moved[column] = value
    return moved | _named(row, moved)


def _named(row: Row, moved: Row) -> Row:
    """Values that name the thing itself or hold several ids."""
    if row.get("attribute") == "sprint":
        ends = {end: row[end] and ", ".join(map(_id, row[end].split(", "))) for end in ("from_id", "to_id")}
        return {**ends, "from_text": ends["from_id"], "to_text": ends["to_id"]}
    if "complete_at" in row and "start_at" not in row:
        return {"record_id": f"{moved['sprint_id']}:*"}
    if "outcome" in row:
        return {"issue_key": f"GAMMA-{moved['issue_id']}", "record_id": f"{moved['sprint_id']}:{moved['issue_id']}"}
    if "version_id" in row:
        return {"record_id": moved["version_id"], "name": "Strangers"}
    if "issue_key" in row:
        return {"issue_key": f"GAMMA-{moved['issue_id']}"}
    if "survey" in row:
        record_id = f"pulse:{moved['response_id']}:{row['metric']}"
        person = f"stranger {row['respondent_key']}"
        return {"record_id": record_id, "respondent_key": person, "scope_type": "team", "scope_name": "Strangers"}
    if "team_id" in row and "name" in row and "iteration_guid" not in row:
        return {"name": "Strangers", "record_id": "t50001"}
    if "board_id" in row and "board_type" in row:
        return {"name": "Strangers"}
    if set(row) <= {"project_id", "project_key", "name", "record_id"}:
        return {"name": "Gamma", **({"record_id": "50300", "name": "GAMMA"} if "record_id" in row else {})}
    return {}


def _id(value: str) -> str:
    return str(50_000 + int(value))


def _path(path: str) -> str:
    """An area or iteration below the new project; iterations are numbered."""
    return "\\".join(["GAMMA", *(_id(part) if part.isdigit() else part for part in path.split("\\")[1:])])


def _without_repeats(rows: Iterable[dict[str, Any]]) -> Sequence[Row]:
    """Two projects that became one are told once."""
    told: list[Row] = []
    for row in rows:
        if row not in told:
            told.append(row)
    return told
