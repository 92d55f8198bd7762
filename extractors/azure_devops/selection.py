"""Which projects are read: those that the connection names, or all that the token sees; and which are lost."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extractors.azure_devops.metadata_landing import PROJECTS
from extractors.azure_devops.sdk import Discovery
from extractors.connection import AzureDevOpsConnection
from extractors.errors import AccessDenied, ExtractError, NotFound
from extractors.landing import Landing


def select_projects(
    connection: AzureDevOpsConnection, visible: Sequence[dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[ExtractError]]:
    """The configured projects by id (all, if none is named), and one error per name that cannot be seen."""
    if not visible:
        raise AccessDenied(
            connection.id,
            "the list of projects",
            remedy="Give the token's account (or service principal) access to the projects: Work Items (read)",
            detail="The token is accepted, but it may see no project",
        )
    if not connection.projects:
        return {project["id"]: project for project in visible}, []
    names = {project["name"].casefold(): project for project in visible}
    by_id = {project["id"].casefold(): project for project in visible}
    found: dict[str, dict[str, Any]] = {}
    missing: list[ExtractError] = []
    for wanted in connection.projects:
        project = names.get(wanted.casefold()) or by_id.get(wanted.casefold())
        if project is not None:
            found[project["id"]] = project
            continue
        near = difflib.get_close_matches(wanted.casefold(), list(names), n=1)
        guess = f"Did you mean '{names[near[0]]['name']}'? " if near else ""
        remedy = f"{guess}Correct `projects`, or give the token's account access to it"
        missing.append(NotFound(connection.id, f"project '{wanted}'", None, remedy))
    if not found:
        raise missing[0]
    return found, missing


@dataclass(frozen=True)
class LostProjects:
    """Names by id: `hidden` projects are out of the token's sight, `deleted` ones the tool itself calls deleted.

    `failures`: one per hidden project, unless the connection names its projects.
    """

    hidden: Mapping[str, str] = field(default_factory=dict)
    deleted: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[ExtractError] = ()


def lost_projects(
    landing: Landing, connection: AzureDevOpsConnection, discovery: Discovery, visible: Sequence[dict[str, Any]]
) -> LostProjects:
    """Projects that were landed and cannot be seen any more."""
    landed = landing.latest(PROJECTS, connection.id, ["record_id", "name", "is_deleted"]).to_pylist()
    here = {project["id"] for project in visible}
    lost = {row["record_id"]: row["name"] for row in landed if not row["is_deleted"] and row["record_id"] not in here}
    if not lost:
        return LostProjects()
    try:
        gone = {project["id"] for project in discovery.projects("deleted")}
    except (AccessDenied, NotFound):
        gone = set()
    hidden = {project_id: name for project_id, name in lost.items() if project_id not in gone}
    remedy = "Give the token's account access to it again, or name the remaining ones in `projects`"
    detail = "It was there before. Nothing of it is taken for deleted"
    failures = [
        NotFound(connection.id, f"project '{name}'", None, remedy, detail=detail)
        for name in hidden.values()
        if not connection.projects
    ]
    return LostProjects(hidden, {project_id: lost[project_id] for project_id in lost.keys() & gone}, failures)
