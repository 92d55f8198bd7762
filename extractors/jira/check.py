"""`pmo doctor` for Jira: what works, what is missing, what a first load costs. Reads only, a few requests."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from extractors.connection import CheckLine
from extractors.errors import ExtractError
from extractors.jira.bulk import Bulk
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.fields import OVERRIDABLE
from extractors.jira.jql import in_projects
from extractors.jira.metadata import Metadata
from extractors.jira.search import IDS_PER_PAGE, Search
from extractors.jira.selection import select_projects
from extractors.jira.worklogs import check_worklogs

T = TypeVar("T")
_FIELD_MEANING = {
    "sprint": "sprint membership",
    "points": "story points (set fields.points if they are kept in another field)",
    "epic": "epic links (not needed where the parent field is used)",
    "flagged": "blocked time",
}


def check(client: JiraClient) -> list[CheckLine]:
    """All findings; the first failure that makes the rest pointless ends the list."""
    lines: list[CheckLine] = []
    try:
        lines.extend(_findings(client))
    except ExtractError as error:
        lines.append(CheckLine("fail", error.subject, str(error)))
    return lines


def _findings(client: JiraClient) -> Iterator[CheckLine]:
    info = client.server_info
    kind = "Jira Cloud" if client.is_cloud else "Jira Data Center"
    yield CheckLine("ok", "server", f"{kind} {info.get('version', '')} at {client.site_url}")
    account = client.myself()
    name = account.get("displayName") or account.get("name")
    yield CheckLine("ok", "account", f"{name}; times in JQL are read in {account.get('timeZone', 'UTC')}")
    projects, unknown = select_projects(client.connection, client.projects())
    for error in unknown:
        yield CheckLine("fail", error.subject, str(error))
    keys = ", ".join(sorted(str(project["key"]) for project in projects.values())[:10])
    more = f" and {len(projects) - 10} more" if len(projects) > 10 else ""
    yield CheckLine("ok" if projects else "fail", "projects", f"{len(projects)} can be read: {keys}{more}")
    failures: list[ExtractError] = []
    metadata = Metadata(client, projects, failures.append)
    metadata.read_boards()
    yield from _boards(metadata, failures)
    yield from _fields(metadata)
    yield check_worklogs(client)
    if projects:
        yield _cost(client, list(projects))


def _boards(metadata: Metadata, failures: list[ExtractError]) -> Iterator[CheckLine]:
    yield CheckLine(
        "warn" if metadata.no_boards else "ok", "boards", metadata.no_boards or f"{len(metadata.boards)} can be read"
    )
    for board in metadata.boards:
        for problem in board.problems:
            yield CheckLine("warn", f"board {board.board_id} ({board.name})", problem)
    for error in failures:
        yield CheckLine("fail", error.subject, str(error))


def _fields(metadata: Metadata) -> Iterator[CheckLine]:
    for attribute in OVERRIDABLE:
        ids = metadata.roles.ids(attribute)
        names = ", ".join(f"{metadata.roles.names.get(field_id, '?')} ({field_id})" for field_id in ids)
        text = names or f"no field found for {_FIELD_MEANING[attribute]}"
        missing = [field_id for field_id in ids if field_id not in metadata.roles.names]
        if missing:
            text = f"the site has no field {', '.join(missing)}"
        level: Any = "fail" if missing else "ok" if ids or attribute == "epic" else "warn"
        yield CheckLine(level, f"field {attribute}", text)


def _cost(client: JiraClient, project_ids: list[str]) -> CheckLine:
    """Requests and minutes of a first load, from the number of issues and the time of one request."""
    seconds, issues = _timed(lambda: Search(client).approximate_count(in_projects(project_ids)))
    size = Bulk(client).chunk_size
    if client.is_cloud:
        requests = math.ceil(issues / IDS_PER_PAGE) + len(project_ids) + 2 * math.ceil(issues / size)
    else:
        requests = len(project_ids) + math.ceil(issues / size)
    # A page of full issues takes a few times as long as a count.
    minutes = max(1, math.ceil(requests * max(seconds, 0.1) * 3 / THREADS / 60))
    text = f"about {issues:,} issues; a first load takes about {requests:,} requests and {minutes:,} min"
    return CheckLine("ok", "first load", text)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result
