"""Which projects are read: those that are configured, by key, id or name."""

from __future__ import annotations

import difflib
from typing import Any

from extractors.connection import JiraConnection
from extractors.errors import NotFound

Json = dict[str, Any]


def select_projects(connection: JiraConnection, found: list[Json]) -> tuple[dict[str, Json], list[NotFound]]:
    """Projects by id, and an error for every configured one that the account does not see, or that is in the trash."""
    trash = {
        str(project.get(name)).lower() for project in found if project.get("deleted") for name in ("key", "id", "name")
    }
    found = [project for project in found if not project.get("deleted")]
    if not connection.projects:
        return {str(project["id"]): project for project in found}, []
    by_name = {
        str(project[attribute]).lower(): project
        for attribute in ("name", "id", "key")  # the key wins, then the id
        for project in found
        if project.get(attribute)
    }
    selected: dict[str, Json] = {}
    unknown: list[NotFound] = []
    for name in connection.projects:
        if (project := by_name.get(name.lower())) is not None:
            selected[str(project["id"])] = project
        else:
            unknown.append(_unknown(connection.id, name, found, is_in_trash=name.lower() in trash))
    return selected, unknown


def _unknown(connection_id: str, name: str, found: list[Json], *, is_in_trash: bool) -> NotFound:
    if is_in_trash:
        remedy, detail = "Take it out of `projects`, or restore it", "It is in the tool's trash"
        return NotFound(connection_id, f"project '{name}'", None, remedy, detail=detail)
    names = {
        str(project[name]).lower(): str(project[name])
        for project in found
        for name in ("name", "key")
        if name in project
    }
    near = [names[text] for text in difflib.get_close_matches(name.lower(), list(names), n=2)]
    if near:
        remedy = f"Correct `projects`: did you mean {' or '.join(repr(text) for text in near)}?"
    else:
        remedy = "Correct `projects`, or let the account of the token browse the project"
    return NotFound(connection_id, f"project '{name}'", None, remedy)
