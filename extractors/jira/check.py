"""`pmo doctor` for Jira: what works, what is missing, what a first load costs.

Reads only: a search in at most thirty projects, and some requests of each other kind.

Asks what an extraction asks, once of each kind: a token may have the scope of one address and not that of the next.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from extractors.connection import CheckLine
from extractors.decoding import decode
from extractors.errors import AuthError, ExtractError
from extractors.jira.bulk import Bulk, FetchedIssue
from extractors.jira.client import JiraClient
from extractors.jira.cost import Size, told
from extractors.jira.fields import OVERRIDABLE
from extractors.jira.jql import in_projects
from extractors.jira.metadata import Metadata
from extractors.jira.scopes import needed_for
from extractors.jira.search import Search
from extractors.jira.selection import select_projects
from extractors.jira.walks import PARTIAL
from extractors.jira.worklogs import check_worklogs

T = TypeVar("T")
Json = dict[str, Any]
SAMPLE = 50  # issues that are read with their histories
PROJECTS = 10  # that they are of
SERVICE = "service_desk"  # the type of Jira Service Management's projects
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
        lines.extend(_Check(client).findings())
    except ExtractError as error:
        lines.append(_failed(error.subject, error))
    return lines


def _failed(subject: str, error: ExtractError) -> CheckLine:
    return CheckLine("fail", subject, f"{error} {needed_for(error)}".strip())


@dataclass
class _Check:
    """One check; what was counted on the way goes into the cost."""

    client: JiraClient
    size: Size = field(init=False)

    def findings(self) -> Iterator[CheckLine]:
        client = self.client
        info = client.server_info
        kind = "Jira Cloud" if client.is_cloud else "Jira Data Center"
        yield CheckLine("ok", "server", f"{kind} {info.get('version', '')} at {client.site_url}")
        started = time.perf_counter()
        account = client.myself()
        seconds = time.perf_counter() - started
        name = account.get("displayName") or account.get("name")
        yield CheckLine("ok", "account", f"{name}; times in JQL are read in {account.get('timeZone', 'UTC')}")
        projects, unknown = select_projects(client.connection, client.projects())
        yield from (_failed(error.subject, error) for error in unknown)
        yield _projects(projects)
        self.size = Size(client.is_cloud, 0, len(projects), call_seconds=seconds)
        if projects:
            yield from self._issues(projects)
        yield from self._site(projects)
        yield self._worklogs()
        if self.size.issues:
            yield CheckLine("ok", "first load", told(self.size))

    def _issues(self, projects: Mapping[str, Json]) -> Iterator[CheckLine]:
        """One count, a search in some projects, and one bulk call for issues and their histories."""
        search = Search(self.client)
        count, refused = _try("number of issues", lambda: search.approximate_count(in_projects(projects)))
        yield from refused
        self.size = replace(self.size, issues=count or 0)
        unread: list[CheckLine] = []
        ids, refused = _try("search", lambda: self._sample(search, projects, unread))
        yield from [*unread, *refused] or [CheckLine("ok", "search", "ids of issues can be read")]
        if not ids:
            return
        started = time.perf_counter()
        found, refused = _try("issues", lambda: Bulk(self.client).fetch(ids, ["project", "worklog"]))
        seconds = time.perf_counter() - started
        yield from refused
        if found:
            histories = sum(len(issue.histories) for issue in found) / len(found)
            worklogs = sum(map(_worklogs_of, found)) / len(found)
            share = seconds / len(found)
            self.size = replace(self.size, histories=histories, worklogs=worklogs, issue_seconds=share)
            yield CheckLine("ok", "issues", f"can be read with their histories, {1 / share:,.0f} a second and call")

    def _sample(self, search: Search, projects: Mapping[str, Json], unread: list[CheckLine]) -> list[int]:
        """Ids out of the first pages of some projects: what teams log and change differs from one to the next.

        Projects that are refused go to `unread`; for them and for empty ones others are asked.
        """
        walk = search.walk if self.client.is_cloud else search.walk_keys
        read = [project_id for project_id, project in projects.items() if not project.get("archived")]
        step = math.ceil(len(read) / PROJECTS) or 1
        pages: list[list[int]] = []
        for project_id in [one for start in range(step) for one in read[start::step]][: 3 * PROJECTS]:
            try:
                page = next(walk(in_projects([project_id])), [])
            except PARTIAL as error:
                unread.append(_failed(f"project {projects[project_id].get('key')}", error))
                page = []
            if page:
                pages.append(sorted(int(issue.id) for issue in page))
            if len(pages) == PROJECTS:
                break
        ids = [number for page in pages for number in page]
        return ids[:: math.ceil(len(ids) / SAMPLE) or 1]

    def _site(self, projects: Mapping[str, Json]) -> Iterator[CheckLine]:
        """Boards with sprints and filters, fields, and what customers say."""
        failures: list[ExtractError] = []
        metadata = Metadata(self.client, projects, failures.append)
        metadata.read_boards()
        scrum = [board for board in metadata.boards if board.kind != "kanban"]
        sprints = {str(raw["id"]) for board in scrum for raw in board.sprints}
        reports = self.client.connection.sprint_reports
        self.size = replace(
            self.size,
            boards=len(metadata.boards),
            scrum_boards=len(scrum),
            sprints=len(sprints),
            reports_per_board=min(reports, len(sprints) // max(1, len(scrum))),
        )
        text = metadata.no_boards or f"{len(metadata.boards)} can be read, with {len(sprints)} sprints"
        yield CheckLine("warn" if metadata.no_boards else "ok", "boards", text)
        for board in metadata.boards:
            for problem in board.problems:
                yield CheckLine("warn", f"board {board.board_id} ({board.name})", problem)
        for row in metadata.oddities.coverage():
            yield CheckLine("warn", row.stream, str(row.reason))
        yield from (_failed(error.subject, error) for error in (*failures, *metadata.version_failures))
        yield from _fields(metadata)
        yield _ratings(metadata, projects)

    def _worklogs(self) -> CheckLine:
        line, error = check_worklogs(self.client)
        return replace(line, text=f"{line.text} {needed_for(error)}".strip()) if error else line


def _try(subject: str, ask: Callable[[], T]) -> tuple[T | None, list[CheckLine]]:
    """What the tool says, or None and a line that says what is missing. A token that is not good at all raises."""
    try:
        return ask(), []
    except AuthError as error:
        if not needed_for(error):
            raise
        return None, [_failed(subject, error)]
    except ExtractError as error:
        return None, [_failed(subject, error)]


def _projects(projects: Mapping[str, Json]) -> CheckLine:
    keys = ", ".join(sorted(str(project.get("key")) for project in projects.values())[:10])
    more = f" and {len(projects) - 10} more" if len(projects) > 10 else ""
    return CheckLine("ok" if projects else "fail", "projects", f"{len(projects)} can be read: {keys}{more}")


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


def _ratings(metadata: Metadata, projects: Mapping[str, Json]) -> CheckLine:
    """Customers' ratings are a field of the issue, so they need no scope of their own."""
    services = sorted(str(one.get("key")) for one in projects.values() if one.get("projectTypeKey") == SERVICE)
    ids = metadata.roles.ids("satisfaction")
    if not services:
        return CheckLine("ok", "ratings", "no project of Jira Service Management, so nothing to rate")
    if ids:
        names = ", ".join(f"{metadata.roles.names.get(one, '?')} ({one})" for one in ids)
        return CheckLine("ok", "ratings", f"of requests in {', '.join(services)} are read from {names}")
    text = (
        f"{', '.join(services)} are projects of Jira Service Management, but no field holds ratings: switch customer "
        "satisfaction on there, or put the field Satisfaction on their screens, else no rating is landed"
    )
    return CheckLine("warn", "ratings", text)


class _Worklogs(msgspec.Struct):
    total: int = 0


class _Fields(msgspec.Struct):
    worklog: _Worklogs | None = None


class _Issue(msgspec.Struct):
    fields: _Fields


def _worklogs_of(issue: FetchedIssue) -> int:
    try:
        logged = decode(issue.payload, _Issue).fields.worklog
    except msgspec.MsgspecError:
        return 0
    return logged.total if logged else 0
