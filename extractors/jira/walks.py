"""Which issues there are: ids by project and time, over both deployments' ways of paging."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from extractors.errors import AccessDenied, BadRequest, ExtractError, NotFound
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.documents import FoundIssue
from extractors.jira.jql import in_projects, updated_since
from extractors.jira.search import Search
from extractors.writing import in_parallel

PROJECTS_PER_QUERY = 200
PARTIAL = (AccessDenied, BadRequest, NotFound)  # one project's trouble, not the connection's


class Walks:
    """Walks of one run. `fail` takes what went wrong with one project; the others go on."""

    def __init__(
        self, client: JiraClient, zone: ZoneInfo, overlap: timedelta, fail: Callable[[str, ExtractError], None]
    ) -> None:
        self._client = client
        self._search = Search(client)
        self._zone = zone
        self._overlap = overlap
        self._fail = fail

    def all_ids(self, project_ids: Iterable[str]) -> dict[str, set[int]]:
        """Every issue of each project, by project id. A project that cannot be walked is not among the keys."""
        found: dict[str, set[int]] = {}
        for project_id, ids in in_parallel(self._project_ids, sorted(project_ids), THREADS):
            if isinstance(ids, ExtractError):
                self._fail(project_id, ids)
            else:
                found[project_id] = ids
        return found

    def _project_ids(self, project_id: str) -> set[int] | ExtractError:
        try:
            return {int(issue.id) for page in self._pages([project_id], "", with_updated=False) for issue in page}
        except PARTIAL as error:
            return error

    def changed_ids(self, project_ids: Sequence[str], since: datetime) -> dict[int, str | None]:
        """Issues that changed since `since` less the overlap: id → the tool's `updated`.

        Index lag and clock differences are what the overlap is for, so there is no upper bound either.
        """
        found: dict[int, str | None] = {}
        for start in range(0, len(project_ids), PROJECTS_PER_QUERY):
            found.update(self._changed(project_ids[start : start + PROJECTS_PER_QUERY], since))
        return found

    def _changed(self, project_ids: Sequence[str], since: datetime) -> dict[int, str | None]:
        condition = self.since(since)
        try:
            pages = self._pages(project_ids, condition, with_updated=True)
            return {int(issue.id): _updated(issue) for page in pages for issue in page}
        except PARTIAL as error:
            if len(project_ids) == 1:
                self._fail(project_ids[0], error)
                return {}
        found: dict[int, str | None] = {}
        for project_id in project_ids:  # find the one that the tool refuses
            found.update(self._changed([project_id], since))
        return found

    def since(self, instant: datetime) -> str:
        return updated_since(instant - self._overlap, self._zone)

    def filter_ids(self, filter_id: str, project_ids: Sequence[str], condition: str = "") -> set[int]:
        """Issues of the projects that a saved filter holds (and that meet `condition`)."""
        parts = [f"filter = {int(filter_id)}", *([condition] if condition else [])]
        return {
            int(issue.id)
            for page in self._pages(project_ids, " AND ".join(parts), with_updated=False)
            for issue in page
        }

    def _pages(self, project_ids: Sequence[str], condition: str, *, with_updated: bool) -> Iterator[list[FoundIssue]]:
        more = f" AND {condition}" if condition else ""
        if self._client.is_cloud:
            for start in range(0, len(project_ids), PROJECTS_PER_QUERY):
                part = project_ids[start : start + PROJECTS_PER_QUERY]
                yield from self._search.walk(in_projects(part) + more, with_updated=with_updated)
            return
        # Data Center pages by key, which is an order within one project; one page needs no paging.
        if len(project_ids) > 1:
            first = self._search.first_page(in_projects(project_ids) + more, with_updated=with_updated)
            if first is not None:
                yield first
                return
        for project_id in project_ids:
            yield from self._search.walk_keys(in_projects([project_id]) + more, with_updated=with_updated)


def _updated(issue: FoundIssue) -> str | None:
    return issue.fields.updated if issue.fields else None
