"""`pmo doctor` for Azure DevOps: what works, which permission or scope is missing, what a first load will cost.

Asks what an extraction asks, a page or a team of each kind. The tool's refusals seldom say what is missing, so
each question knows the scope and the permission that it needs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from extractors.azure_devops.census import live_ids
from extractors.azure_devops.client import BATCH, FEED_PAGE, THREADS, AzureDevOpsClient
from extractors.azure_devops.links_census import live_parents
from extractors.azure_devops.records import field_names
from extractors.azure_devops.sdk import Discovery, Site
from extractors.connection import CheckLine
from extractors.errors import AccessDenied, AuthError, BadRequest, ExtractError, NotFound

T = TypeVar("T")
Project = dict[str, Any]
Select = Callable[[Sequence[Project]], tuple[dict[str, Project], list[ExtractError]]]
REFUSALS = (AuthError, AccessDenied, NotFound, BadRequest)
LAST_DAY_OF_GLOBAL_TOKENS = date(2026, 11, 30)
WORK_ITEMS = "the scope Work Items (Read), vso.work"
PROJECTS = "the scope Project and Team (Read), vso.project"
SEE_PROJECT = "the permission 'View project-level information'"
SEE_ITEMS = "the permission 'View work items in this node' on the area paths"


@dataclass
class _Size:
    """What a first load will have to read."""

    items: int = 0
    revisions: int = 0
    teams: int = 0
    iterations: int = 0
    page_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)  # of single requests


def check_connection(client: AzureDevOpsClient, select: Select) -> list[CheckLine]:
    """All findings; the first failure that makes the rest pointless ends the list."""
    lines: list[CheckLine] = []
    try:
        lines.extend(_findings(client, select))
    except ExtractError as error:
        lines.append(CheckLine("fail", error.subject, str(error)))
    return lines


def _findings(client: AzureDevOpsClient, select: Select) -> Iterator[CheckLine]:
    discovery = client.discovery()
    try:
        site = discovery.site()
    except ExtractError as error:
        yield CheckLine("fail", "sign-in", str(error))
        return
    who = f" as {site.user}" if site and site.user else ""
    yield CheckLine("ok", "sign-in", f"{client.base_url}{who}")
    yield from _token(client, site)
    visible, refused = _try(discovery.projects, "projects", PROJECTS)
    if visible is None:
        yield from refused
        return
    projects, missing = select(visible)
    yield CheckLine("ok", "projects", f"{len(projects)} of the {len(visible)} that can be seen are read")
    yield from (CheckLine("fail", error.subject, str(error)) for error in missing)
    size = _Size()
    yield from _feeds(client, size)
    for project in projects.values():
        yield from _project(client, discovery, project, size)
    yield _cost(size, len(projects))


def _token(client: AzureDevOpsClient, site: Site | None) -> Iterator[CheckLine]:
    """A token does not say for how many organisations it is good, so everybody with one is told."""
    if not client.connection.token or (site is not None and site.deployment != "services"):
        return
    ended = datetime.now(UTC).date() > LAST_DAY_OF_GLOBAL_TOKENS
    verb = "have stopped working" if ended else "stop working"
    yield CheckLine(
        "warn",
        "token",
        f"Personal access tokens for all organisations (global ones) {verb} on 2026-12-01. If that in "
        f"{client.connection.token_env or 'token_env'} is one, make one for this organisation alone, or better a "
        "service principal at Entra: tenant_id, client_id, client_secret_env",
    )


def _try(ask: Callable[[], T], subject: str, need: str) -> tuple[T | None, list[CheckLine]]:
    """What the tool says; or None and a line with the name of what is missing."""
    try:
        return ask(), []
    except REFUSALS as error:
        needed = f"It needs {need}." if not isinstance(error, BadRequest) else ""
        return None, [CheckLine("fail", subject, f"{error} {needed}".strip())]


def _feeds(client: AzureDevOpsClient, size: _Size) -> Iterator[CheckLine]:
    fields, refused = _try(client.fields, "fields", WORK_ITEMS)
    yield from refused
    known = [record["referenceName"] for record in fields] if fields is not None else None
    names, lacking = field_names(client.connection.id, client.connection.fields, known)
    started = time.perf_counter()
    page, refused = _try(lambda: client.revisions(list(names.values()), None), "revisions feed", WORK_ITEMS)
    size.page_seconds = time.perf_counter() - started
    yield from refused or [CheckLine("ok", "revisions feed", f"can be read, {size.page_seconds:.1f} s a page")]
    links, refused = _try(lambda: client.links(None), "link feed", WORK_ITEMS)
    yield from refused or [CheckLine("ok", "link feed", "can be read")]
    if page is not None and links is not None and lacking:
        yield CheckLine("warn", "fields", f"The organisation has no {', '.join(lacking)}; they stay empty")


def _project(client: AzureDevOpsClient, discovery: Discovery, project: Project, size: _Size) -> Iterator[CheckLine]:
    """One line for what can be read, and one for each thing that cannot."""
    name, project_id = project["name"], project["id"]
    subject, found = f"project {name}", []
    asks: list[tuple[Callable[[], str], str]] = [
        (lambda: _items(client, project_id, size), f"{WORK_ITEMS}, and {SEE_ITEMS}"),
        (lambda: f"{len(live_parents(client, name)):,} parent links", WORK_ITEMS),
        (lambda: f"{len(client.recycle_bin(project_id)):,} in the recycle bin", f"{WORK_ITEMS}, and {SEE_ITEMS}"),
        (lambda: f"{len(client.item_types(project_id))} work item types", f"{WORK_ITEMS}, and {SEE_PROJECT}"),
        (lambda: f"{len(client.nodes(project_id))} trees of areas and iterations", f"{WORK_ITEMS}, and {SEE_PROJECT}"),
        (lambda: _teams(client, discovery, project_id, size), f"{PROJECTS}, and {WORK_ITEMS}"),
    ]
    for ask, need in asks:
        started = time.perf_counter()
        said, refused = _try(ask, subject, need)
        size.seconds.append(time.perf_counter() - started)
        yield from refused
        found += [said] if said is not None else []
    if found:
        yield CheckLine("ok", subject, ", ".join(found))


def _items(client: AzureDevOpsClient, project_id: str, size: _Size) -> str:
    """Counts the items, and estimates their revisions from some of them."""
    ids = live_ids(client, project_id)
    sample = ids[:: max(1, math.ceil(len(ids) / BATCH))].tolist()
    numbers = client.revision_numbers(sample)
    size.items += len(ids)
    size.revisions += round(len(ids) * sum(numbers) / len(numbers)) if numbers else 0
    return f"{len(ids):,} work items"


def _teams(client: AzureDevOpsClient, discovery: Discovery, project_id: str, size: _Size) -> str:
    """Counts the teams, and reads what belongs to one of them."""
    teams = discovery.teams(project_id)
    size.teams += len(teams)
    if teams:
        first = teams[0]["id"]
        iterations = client.team_list(project_id, first, "teamsettings/iterations")
        size.iterations += len(iterations) * len(teams)
        for iteration in iterations[-1:]:
            client.team(project_id, first, f"teamsettings/iterations/{iteration['id']}/capacities")
        for board in client.team_list(project_id, first, "boards")[:1]:
            client.team_list(project_id, first, f"boards/{board['id']}/columns")
    return f"{len(teams)} teams with boards and capacities"


def _cost(size: _Size, projects: int) -> CheckLine:
    """Feeds are read page by page, everything else `THREADS` requests at a time."""
    pages = math.ceil(size.revisions / FEED_PAGE) + math.ceil(size.items / FEED_PAGE) + 2
    others = 4 + 7 * projects + 6 * size.teams + 2 * size.iterations
    small = sorted(size.seconds)[len(size.seconds) // 2] if size.seconds else 0.0
    minutes = math.ceil((pages * size.page_seconds + others * small / THREADS) / 60)
    text = (
        f"{size.items:,} items with about {size.revisions:,} revisions, {size.teams} teams: about "
        f"{pages + others:,} requests and {max(1, minutes):,} min"
    )
    return CheckLine("ok", "first load", text)
