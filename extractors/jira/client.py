"""Jira over HTTP, no more: what is asked and how answers are paged. Facts and limits: README.md.

The `jira` package does authentication, server information and the small lists of metadata. Bulk reads go
through our own session, because the package has no bulk endpoints, stops at page limits without an error
and follows a repeated page token for ever. Both sessions use the HTTP layer of http.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Raw

from extractors.connection import JiraConnection
from extractors.errors import BadRequest, ExtractError, NotFound, RepeatedPage, SchemaChanged
from extractors.http import Access, check_url, mount
from extractors.jira.documents import (
    ApproximateCount,
    ChangeLogPage,
    EmbeddedChangelog,
    FoundIssue,
    HistoryPage,
    OffsetPage,
    Page,
    RawIssues,
    TokenPage,
)
from extractors.jira.jql import key_after
from extractors.session import Answer, BasicAuth, BearerAuth, SourceClient

IDS_PER_PAGE = 5000  # what search/jql gives when only ids are asked for
DC_IDS_PER_PAGE = 1000  # the usual jira.search.views.default.max
DC_ISSUES_PER_PAGE = 50  # with full histories
BULK = 100
CHANGES_PER_PAGE = 10_000
EMPTY_PAGES = 10
THREADS = 8


@dataclass
class FetchedIssue:
    """One issue as sent, without its embedded history. `change_count` is what the tool says, None if it does not."""

    payload: Raw
    histories: list[Raw]
    change_count: int | None
    sent_at: datetime


class JiraClient:
    """One Jira site. Threads may share it."""

    def __init__(self, connection: JiraConnection) -> None:
        self.connection = connection
        self.site_url = check_url(connection.id, connection.url)
        self.api_url = (
            f"https://api.atlassian.com/ex/jira/{connection.cloud_id}" if connection.cloud_id else self.site_url
        )
        self.access = Access(
            connection=connection.id,
            origins=tuple(dict.fromkeys((self.api_url, self.site_url))),
            token_env=connection.token_env,
            ca_bundle=connection.ca_bundle,
        )
        self._auth = (
            BasicAuth(connection.username, connection.token) if connection.username else BearerAuth(connection.token)
        )
        self.http = SourceClient(self.access, self.api_url, self._auth, pool_size=2 * THREADS)

    # -- what the server is ------------------------------------------------------------------------

    @cached_property
    def package(self) -> Any:
        """The `jira` package's client on our HTTP layer. It asks nothing while it is made."""
        from jira import JIRA
        from jira.resources import Resource

        client = JIRA(
            server=self.api_url,
            options={"rest_api_version": self.api_version, "check_update": False},
            get_server_info=False,
            default_batch_sizes={Resource: None},  # the server's own page size
            max_retries=0,
            validate=False,
        )
        client._session.auth = self._auth  # noqa: SLF001 - the package has no other way to bring one's own session
        mount(client._session, self.access)  # noqa: SLF001
        return client

    @cached_property
    def server_info(self) -> dict[str, Any]:
        """Asked over version 2, which both deployments serve."""
        info = self.http.get("/rest/api/2/serverInfo", dict[str, Any]).value
        if "version" not in info and "deploymentType" not in info:
            raise SchemaChanged(
                self.connection.id, f"{self.site_url}/rest/api/2/serverInfo", 200, "Check that `url` is a Jira site"
            )
        return info

    @property
    def is_cloud(self) -> bool:
        return str(self.server_info.get("deploymentType", "Server")).lower() == "cloud"

    @property
    def api_version(self) -> str:
        return "3" if self.is_cloud else "2"

    @property
    def api(self) -> str:
        return f"/rest/api/{self.api_version}"

    @property
    def requests(self) -> int:
        return self.http.adapter.requests + (
            self.package._session.get_adapter(self.api_url).requests if "package" in self.__dict__ else 0  # noqa: SLF001
        )

    def server_time(self) -> datetime | None:
        """The server's clock when `server_info` was asked, if it says."""
        text = self.server_info.get("serverTime")
        try:
            return datetime.fromisoformat(str(text)).astimezone(UTC) if text else None
        except ValueError:
            return None

    # -- lists of metadata, through the jira package -----------------------------------------------

    def myself(self) -> dict[str, Any]:
        return self._object("myself", self.package.myself())

    def fields(self) -> list[dict[str, Any]]:
        return self._objects("field", self.package.fields())

    def statuses(self) -> list[dict[str, Any]]:
        return self._objects("status", [status.raw for status in self.package.statuses()])

    def resolutions(self) -> list[dict[str, Any]]:
        return self._objects("resolution", [resolution.raw for resolution in self.package.resolutions()])

    def issue_types(self) -> list[dict[str, Any]]:
        return self._objects("issuetype", [issue_type.raw for issue_type in self.package.issue_types()])

    def projects(self) -> list[dict[str, Any]]:
        """All projects that the token may see; on Cloud archived ones, too."""
        if self.is_cloud:
            return self.pages(f"{self.api}/project/search", {"status": ["live", "archived"], "maxResults": 100})
        return self._objects("project", [project.raw for project in self.package.projects(expand="description")])

    def versions(self, project_id: str) -> list[dict[str, Any]]:
        return self._objects("version", [version.raw for version in self.package.project_versions(project_id)])

    def boards(self, project_key: str | None = None) -> list[dict[str, Any]]:
        boards = self.package.boards(maxResults=False, projectKeyOrID=project_key)
        return self._objects("board", [board.raw for board in boards])

    def sprints(self, board_id: str) -> list[dict[str, Any]]:
        return self._objects("sprint", [sprint.raw for sprint in self.package.sprints(board_id, maxResults=False)])

    def sprint(self, sprint_id: str) -> dict[str, Any] | None:
        """A sprint that no readable board lists; None if it is gone."""
        try:
            return self.http.get(f"/rest/agile/1.0/sprint/{sprint_id}", dict[str, Any]).value
        except NotFound:
            return None

    def board_configuration(self, board_id: str) -> dict[str, Any]:
        return self.http.get(f"/rest/agile/1.0/board/{board_id}/configuration", dict[str, Any]).value

    def filter(self, filter_id: str) -> dict[str, Any]:
        return self.http.get(f"{self.api}/filter/{filter_id}", dict[str, Any]).value

    def _objects(self, subject: str, found: Any) -> list[dict[str, Any]]:
        if not isinstance(found, list) or any(not isinstance(entry, dict) for entry in found):
            raise SchemaChanged(self.connection.id, f"the list {subject}", 200, "Check that `url` is a Jira site")
        return found

    def _object(self, subject: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise SchemaChanged(self.connection.id, subject, 200, "Check that `url` is a Jira site")
        return found

    def pages(self, path: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All entries of a list that is paged by startAt."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.http.get(path, Page, {**params, "startAt": len(found)}).value
            found.extend(msgspec.json.decode(entry, type=dict[str, Any]) for entry in page.values)
            is_last = page.is_last if page.is_last is not None else len(found) >= (page.total or 0)
            if is_last or not page.values:
                return found

    # -- walking ids -------------------------------------------------------------------------------

    def walk(self, jql: str, *, with_updated: bool = False) -> Iterator[list[FoundIssue]]:
        """Pages of the issues that `jql` (without ORDER BY) finds on Cloud, each once; no order is promised.

        Raises RepeatedPage if a page token comes again or pages stay empty.
        """
        tokens: set[str] = set()
        token, empty = None, 0
        body: dict[str, Any] = {
            "jql": f"{jql} ORDER BY id ASC",
            "fields": ["updated"] if with_updated else ["id"],
            "maxResults": IDS_PER_PAGE,
        }
        while True:
            page = self.http.post(
                f"{self.api}/search/jql", TokenPage, body | ({"nextPageToken": token} if token else {})
            )
            token = page.value.next_page_token
            empty = 0 if page.value.issues else empty + 1
            yield page.value.issues
            if not token or page.value.is_last:
                return
            if token in tokens or empty > EMPTY_PAGES:
                raise self._endless("the same page token came twice" if token in tokens else "pages stay empty")
            tokens.add(token)

    def walk_keys(self, jql: str, *, with_updated: bool = False) -> Iterator[list[FoundIssue]]:
        """The same on Data Center, for the JQL of one project: pages that begin after the last key.

        Pages by startAt end at 10,000 and skip issues when others move; a page after the last key does neither.
        """
        last: list[str] = []
        while True:
            page = self._page_after(jql, last, with_updated=with_updated)
            if last and any(issue.key == last[-1] for issue in page.issues):
                raise self._endless("a page holds the issue that it should come after")
            yield [FoundIssue(issue.id, issue.fields) for issue in page.issues]
            if not page.issues or len(page.issues) >= page.total:
                return
            last = [issue.key for issue in page.issues]

    def first_page(self, jql: str, *, with_updated: bool) -> list[FoundIssue] | None:
        """All issues that `jql` finds on Data Center if one page holds them, else None."""
        page = self._page_after(jql, [], with_updated=with_updated)
        if len(page.issues) < page.total:
            return None
        return [FoundIssue(issue.id, issue.fields) for issue in page.issues]

    def exists(self, issue_id: str) -> bool:
        """Whether an issue can still be read, wherever it was moved."""
        try:
            self.http.get(f"{self.api}/issue/{issue_id}", dict[str, Any], {"fields": "project"})
        except NotFound:
            return False
        return True

    def _page_after(self, jql: str, keys: Sequence[str], *, with_updated: bool) -> OffsetPage:
        """The page after the last of `keys` that still exists: Jira refuses to compare with a key that is gone."""
        body = {"startAt": 0, "maxResults": DC_IDS_PER_PAGE, "fields": ["updated"] if with_updated else ["id"]}
        for key in reversed(keys[-20:]):
            try:
                asked = {**body, "jql": f"{jql} AND {key_after(key)} ORDER BY key ASC"}
                page = self.http.post(f"{self.api}/search", OffsetPage, asked).value
            except BadRequest as error:
                if "exist" not in error.detail:
                    raise
                continue
            page.issues = [issue for issue in page.issues if issue.key not in keys]
            return page
        return self.http.post(f"{self.api}/search", OffsetPage, {**body, "jql": f"{jql} ORDER BY key ASC"}).value

    def _endless(self, detail: str) -> ExtractError:
        path = f"{self.api}/search/jql" if self.is_cloud else f"{self.api}/search"
        return RepeatedPage(
            self.connection.id,
            f"POST {path}",
            None,
            "Nothing of this walk was kept; run again",
            detail=detail.capitalize(),
        )

    def approximate_count(self, jql: str) -> int:
        """How many issues there are, about: Cloud estimates, Data Center counts."""
        if self.is_cloud:
            return self.http.post(f"{self.api}/search/approximate-count", ApproximateCount, {"jql": jql}).value.count
        return self.http.post(
            f"{self.api}/search", OffsetPage, {"jql": jql, "maxResults": 1, "fields": ["id"]}
        ).value.total

    # -- issues with their whole history -----------------------------------------------------------

    def fetch(self, ids: Sequence[int], fields: Sequence[str]) -> list[FetchedIssue]:
        """The issues that exist and may be read, with all their histories; at most BULK ids on Cloud."""
        return self._fetch_cloud(ids, fields) if self.is_cloud else self._fetch_data_center(ids, fields)

    def _fetch_cloud(self, ids: Sequence[int], fields: Sequence[str]) -> list[FetchedIssue]:
        answer = self.bulk_fetch(ids, fields)
        if not answer.value.issues:
            return []
        histories = self._changelogs([str(number) for number in ids])
        return [
            FetchedIssue(payload, histories.get(issue_id_of(payload), []), None, answer.sent_at)
            for payload in answer.value.issues
        ]

    def bulk_fetch(self, ids: Sequence[int], fields: Sequence[str]) -> Answer[RawIssues]:
        """At most BULK issues by id on Cloud, moved ones too; unknown ones are left out."""
        body = {"issueIdsOrKeys": [str(number) for number in ids], "fields": list(fields)}
        return self.http.post(f"{self.api}/issue/bulkfetch", RawIssues, body)

    def _changelogs(self, ids: Sequence[str]) -> dict[str, list[Raw]]:
        """Histories by issue id; an issue may be split over pages."""
        found: dict[str, list[Raw]] = {}
        body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "maxResults": CHANGES_PER_PAGE}
        tokens: set[str] = set()
        while True:
            page = self.http.post(f"{self.api}/changelog/bulkfetch", ChangeLogPage, body).value
            for log in page.logs:
                found.setdefault(log.issue_id, []).extend(log.histories)
            token = page.next_page_token
            if not token:
                return found
            if token in tokens:
                raise RepeatedPage(
                    self.connection.id,
                    f"POST {self.api}/changelog/bulkfetch",
                    None,
                    "Run again",
                    detail="The same page token came twice",
                )
            tokens.add(token)
            body["nextPageToken"] = token

    def change_count(self, issue_id: str) -> int:
        """How many histories an issue has, says Cloud."""
        path, params = f"{self.api}/issue/{issue_id}/changelog", {"startAt": 0, "maxResults": 1}
        return self.http.get(path, HistoryPage, params).value.total

    def changelog(self, issue_id: str) -> tuple[list[Raw], int]:
        """All histories of one issue on Cloud, and how many the tool says there are."""
        found: list[Raw] = []
        while True:
            params = {"startAt": len(found), "maxResults": 100}
            page = self.http.get(f"{self.api}/issue/{issue_id}/changelog", HistoryPage, params).value
            found.extend(page.values)
            if len(found) >= page.total or not page.values:
                return found, page.total

    def _fetch_data_center(self, ids: Sequence[int], fields: Sequence[str]) -> list[FetchedIssue]:
        """Ids that are gone make Jira refuse the whole question; then it is asked in halves."""
        body = {
            "jql": f"id in ({', '.join(map(str, ids))})",
            "startAt": 0,
            "maxResults": len(ids),
            "fields": list(fields),
            "expand": ["changelog"],
        }
        try:
            answer = self.http.post(f"{self.api}/search", RawIssues, body)
        except BadRequest as error:
            if "exist" not in error.detail:
                raise
            if len(ids) == 1:
                return []
            half = len(ids) // 2
            return [*self._fetch_data_center(ids[:half], fields), *self._fetch_data_center(ids[half:], fields)]
        return [split_changelog(raw, answer.sent_at) for raw in answer.value.issues]


class _Id(msgspec.Struct):
    id: str


_decode_id = msgspec.json.Decoder(_Id)
_decode_parts = msgspec.json.Decoder(dict[str, Raw])
_decode_changelog = msgspec.json.Decoder(EmbeddedChangelog)


def issue_id_of(payload: Raw) -> str:
    return _decode_id.decode(payload).id


def split_changelog(raw: Raw, sent_at: datetime) -> FetchedIssue:
    """An issue that was asked for with expand=changelog, taken apart."""
    parts = _decode_parts.decode(raw)
    log = parts.pop("changelog", None)
    changelog = _decode_changelog.decode(log) if log is not None else EmbeddedChangelog([], 0)
    payload = Raw(msgspec.json.encode(parts))
    total = changelog.total if changelog.total is not None else len(changelog.histories)
    return FetchedIssue(payload, changelog.histories, total, sent_at)
