"""Issues with their whole histories, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw

from extractors.errors import BadRequest, NotFound, RepeatedPage
from extractors.jira.client import JiraClient
from extractors.jira.documents import ChangeLogPage, EmbeddedChangelog, HistoryPage, RawIssues
from extractors.session import Answer

BULK = 100  # issues that Cloud gives at a time
DC_ISSUES_PER_PAGE = 50  # with full histories
CHANGES_PER_PAGE = 10_000


@dataclass
class FetchedIssue:
    """One issue as sent, without its embedded history. `change_count` is what the tool says, None if it does not."""

    payload: Raw
    histories: list[Raw]
    change_count: int | None
    sent_at: datetime


class Bulk:
    """Bulk reads of one site. Threads may share it."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client

    @property
    def chunk_size(self) -> int:
        """How many issues go into one `fetch`."""
        return BULK if self._client.is_cloud else DC_ISSUES_PER_PAGE

    def fetch(self, ids: Sequence[int], fields: Sequence[str]) -> list[FetchedIssue]:
        """The issues that exist and may be read, with all their histories; at most BULK ids on Cloud."""
        return self._fetch_cloud(ids, fields) if self._client.is_cloud else self._fetch_data_center(ids, fields)

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
        return self._client.http.post(f"{self._client.api}/issue/bulkfetch", RawIssues, body)

    def _changelogs(self, ids: Sequence[str]) -> dict[str, list[Raw]]:
        """Histories by issue id; an issue may be split over pages."""
        found: dict[str, list[Raw]] = {}
        body: dict[str, Any] = {"issueIdsOrKeys": list(ids), "maxResults": CHANGES_PER_PAGE}
        tokens: set[str] = set()
        while True:
            page = self._client.http.post(f"{self._client.api}/changelog/bulkfetch", ChangeLogPage, body).value
            for log in page.logs:
                found.setdefault(log.issue_id, []).extend(log.histories)
            token = page.next_page_token
            if not token:
                return found
            if token in tokens:
                raise RepeatedPage(
                    self._client.connection.id,
                    f"POST {self._client.api}/changelog/bulkfetch",
                    None,
                    "Run again",
                    detail="The same page token came twice",
                )
            tokens.add(token)
            body["nextPageToken"] = token

    def change_count(self, issue_id: str) -> int:
        """How many histories an issue has, says Cloud."""
        path, params = f"{self._client.api}/issue/{issue_id}/changelog", {"startAt": 0, "maxResults": 1}
        return self._client.http.get(path, HistoryPage, params).value.total

    def changelog(self, issue_id: str) -> tuple[list[Raw], int]:
        """All histories of one issue on Cloud, and how many the tool says there are."""
        found: list[Raw] = []
        while True:
            params = {"startAt": len(found), "maxResults": 100}
            page = self._client.http.get(f"{self._client.api}/issue/{issue_id}/changelog", HistoryPage, params).value
            found.extend(page.values)
            if len(found) >= page.total or not page.values:
                return found, page.total

    def exists(self, issue_id: str) -> bool:
        """Whether an issue can still be read, wherever it was moved."""
        try:
            self._client.http.get(f"{self._client.api}/issue/{issue_id}", dict[str, Any], {"fields": "project"})
        except NotFound:
            return False
        return True

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
            answer = self._client.http.post(f"{self._client.api}/search", RawIssues, body)
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
