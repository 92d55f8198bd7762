"""`pmo doctor` for Azure DevOps: what works, what is missing, what a first load will cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from extractors.azure_devops.census import live_ids
from extractors.azure_devops.client import FEED_PAGE, AzureDevOpsClient
from extractors.azure_devops.records import field_names
from extractors.connection import CheckLine
from extractors.errors import AccessDenied, BadRequest, ExtractError, NotFound

REVISIONS_PER_ITEM = 8  # what teams' histories usually come to; only for the estimate
SECONDS_PER_PAGE = 1.5
REQUESTS_PER_TEAM = 12


def check_connection(
    client: AzureDevOpsClient,
    select: Callable[[Sequence[dict[str, Any]]], tuple[dict[str, dict[str, Any]], list[ExtractError]]],
) -> list[CheckLine]:
    """One line per thing that an extraction needs. Stops where nothing further could work."""
    lines: list[CheckLine] = []
    try:
        discovery = client.discovery()
        site = discovery.site()
        visible = discovery.projects()
    except ExtractError as error:
        return [CheckLine("fail", "sign-in", str(error))]
    who = f" as {site.user}" if site and site.user else ""
    lines.append(CheckLine("ok", "sign-in", f"{client.base_url}{who}; {len(visible)} projects can be seen"))
    try:
        projects, missing = select(visible)
    except ExtractError as error:
        return [*lines, CheckLine("fail", "projects", str(error))]
    lines += [CheckLine("fail", "projects", str(error)) for error in missing]
    lines += _fields(client)
    counts: list[int] = []
    for project in projects.values():
        lines += _project(client, project, counts)
    teams = sum(len(discovery.teams(project_id)) for project_id in projects)
    lines.append(_cost(sum(counts), teams, len(projects)))
    return lines


def _fields(client: AzureDevOpsClient) -> list[CheckLine]:
    try:
        known = [record["referenceName"] for record in client.fields()]
        names, lacking = field_names(client.connection.id, client.connection.fields, known)
        client.revisions(list(names.values()), None, page_size=1)
    except ExtractError as error:
        return [CheckLine("fail", "revisions feed", str(error))]
    lines = [CheckLine("ok", "revisions feed", "can be read")]
    if lacking:
        lines.append(CheckLine("warn", "fields", f"The organisation has no {', '.join(lacking)}; they stay empty"))
    return lines


def _project(client: AzureDevOpsClient, project: dict[str, Any], counts: list[int]) -> list[CheckLine]:
    name, project_id = project["name"], project["id"]

    def count() -> str:
        counts.append(len(live_ids(client, project_id)))
        return f"{counts[-1]:,} work items"

    def bin_size() -> str:
        return f"{len(client.recycle_bin(project_id)):,} in the recycle bin"

    def nodes() -> str:
        return f"{len(client.nodes(project_id))} trees of areas and iterations"

    found: list[str] = []
    lines: list[CheckLine] = []
    for check in (count, bin_size, nodes):
        try:
            found.append(check())
        except (AccessDenied, NotFound, BadRequest) as error:
            lines.append(CheckLine("fail", f"project {name}", str(error)))
        except ExtractError as error:
            return [*lines, CheckLine("fail", f"project {name}", str(error))]
    return [*lines, CheckLine("ok", f"project {name}", ", ".join(found))] if found else lines


def _cost(items: int, teams: int, projects: int) -> CheckLine:
    pages = max(1, items * REVISIONS_PER_ITEM // FEED_PAGE)
    requests = pages + teams * REQUESTS_PER_TEAM + projects * 6
    minutes = max(1, round((pages * SECONDS_PER_PAGE + teams * REQUESTS_PER_TEAM * 0.05) / 60))
    text = f"{items:,} items and {teams} teams: about {requests:,} requests and {minutes} minutes"
    return CheckLine("ok", "first load", text)
