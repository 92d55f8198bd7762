"""Worklogs: who worked on an issue, when and for how long. Jira has a feed of those that were changed and deleted.

The feed goes by the millisecond, leaves out the last minute by itself, and is not bound to projects: worklogs of issues
that are not landed are left out here.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pyarrow.compute as pc

from extractors.connection import Coverage
from extractors.errors import AccessDenied, BadRequest, NotFound, RepeatedPage
from extractors.jira.client import THREADS, JiraClient
from extractors.jira.columns import instant_of
from extractors.jira.documents import ChangedWorklogs, Worklog
from extractors.jira.metadata import short_reason
from extractors.jira.site_rows import Json
from extractors.writing import Writer, in_parallel

STREAM = "jira/worklogs"
TOGETHER = 1_000  # worklogs that Jira gives at a time
OVERLAP = 10 * 60 * 1000  # milliseconds: entries that were committed out of order


class Worklogs:
    """Lands the worklogs of one run."""

    def __init__(self, client: JiraClient, writer: Writer) -> None:
        self._client = client
        self._writer = writer
        self.until = 0  # where the next run goes on
        self._changed_ids: list[int] = []
        self._deleted_ids: list[int] = []
        self._reason: str | None = None

    def read(self, since: int) -> None:
        """Which worklogs were changed and deleted since `since` (epoch milliseconds; 0: everything)."""
        self.until = since
        start = max(0, since - OVERLAP)
        try:
            self._changed_ids = self._ids("updated", start)
            self._deleted_ids = self._ids("deleted", start)
        except (AccessDenied, NotFound, BadRequest) as error:
            self._changed_ids, self._deleted_ids, self.until = [], [], since
            self._reason = f"worklogs cannot be read: {short_reason(error)}"

    def _ids(self, kind: str, start: int) -> list[int]:
        found: list[int] = []
        for ids, until in self._changed(kind, start):
            found += ids
            self.until = max(self.until, until)
        return found

    def land(self) -> None:
        """Land what `read` found; the issues that it belongs to are visible by now."""
        self._land(self._changed_ids)
        self._writer.delete(STREAM, [str(number) for number in self._deleted_ids])

    def coverage(self) -> Coverage:
        """What is held. A site that does not let the account read worklogs is a reason, never an error."""
        if self._reason is not None:
            return Coverage(STREAM, reason=self._reason)
        held = len(self._writer.alive(STREAM))
        return Coverage(STREAM, expected=held, got=held)

    def _changed(self, kind: str, since: int) -> Iterator[tuple[list[int], int]]:
        """Pages of ids with the instant up to which they go. Raises RepeatedPage if a page leads nowhere."""
        path = f"{self._client.api}/worklog/{kind}"
        while True:
            page = self._client.http.get(path, ChangedWorklogs, {"since": since}).value
            yield [entry.id for entry in page.values], page.until
            if page.last_page or not page.values:
                return
            if page.until <= since:
                remedy, detail = "Run again", "A page of worklogs ends where it begins"
                raise RepeatedPage(self._client.connection.id, f"GET {path}", None, remedy, detail=detail)
            since = page.until

    def _land(self, ids: list[int]) -> None:
        chunks = [ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER)]
        for _, found in in_parallel(self._fetch, chunks, THREADS):
            decoded = [(raw, msgspec.json.decode(raw, type=Worklog)) for raw in found]
            known = self._landed({worklog.issue_id for _, worklog in decoded})
            rows = [worklog_row(bytes(raw), worklog) for raw, worklog in decoded if worklog.issue_id in known]
            self._writer.append(STREAM, rows)

    def _fetch(self, chunk: list[int]) -> list[msgspec.Raw]:
        return self._client.http.post(f"{self._client.api}/worklog/list", list[msgspec.Raw], {"ids": chunk}).value

    def _landed(self, issue_ids: set[str]) -> set[str]:
        """Which of the issues are landed and not deleted."""
        landing, connection_id = self._writer.landing, self._writer.connection.id
        found = landing.latest("jira/issues", connection_id, ["record_id", "is_deleted"], sorted(issue_ids))
        return set(found.filter(pc.invert(found["is_deleted"]))["record_id"].to_pylist())


def worklog_row(body: bytes, worklog: Worklog) -> Json:
    """A worklog without its comment, which may hold anything."""
    payload = {name: value for name, value in msgspec.json.decode(body).items() if name != "comment"}
    return {
        "record_id": worklog.id,
        "updated_at": instant_of(worklog.updated) if worklog.updated else None,
        "payload": msgspec.json.encode(payload).decode(),
        "worklog_id": worklog.id,
        "issue_id": worklog.issue_id,
        "author_id": worklog.author.user_id if worklog.author else None,
        "started_at": instant_of(worklog.started) if worklog.started else None,
        "created_at": instant_of(worklog.created) if worklog.created else None,
        "spent_seconds": worklog.spent_seconds,
    }
