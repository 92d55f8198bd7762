"""Whether bulk answers hold whole histories. Cloud does not say how many changes there are, so some are counted."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Raw

from extractors.decoding import decode
from extractors.errors import NotFound, Truncated
from extractors.jira.bulk import Bulk, FetchedIssue, scattered
from extractors.jira.client import JiraClient
from extractors.jira.columns import instant_of

AUDITED = 8  # histories of a load that are counted; of a large one more: at least one of each answer


class HistoryAudit:
    """Counts the longest histories of a load of `expected` issues, beside whatever is done with them meanwhile.

    A cut hits the longest of an answer first, so that one tells about all. It is a sample: of equally long ones three
    are taken, and all of them may be whole.
    """

    def __init__(self, client: JiraClient, bulk: Bulk, expected: int) -> None:
        self._client = client
        self._bulk = bulk
        self._expected = expected
        self._pool = ThreadPoolExecutor(AUDITED, thread_name_prefix="audit")
        self._open: list[Future[None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, fetched: Sequence[FetchedIssue]) -> None:
        """Ask how long some of these histories are. Of the issues nothing is kept: each would hold its whole answer."""
        if not self._client.is_cloud:
            return
        share = math.ceil(AUDITED * len(fetched) / self._expected)
        asked = [*heapq.nlargest(share, fetched, key=_length), *(one for one in fetched if one.is_longest)]
        for issue_id, issue in {one.issue_id: one for one in asked}.items():
            self._open.append(self._pool.submit(self._count, issue_id, len(issue.histories), issue.sent_at))

    def end(self) -> None:
        """Wait until all is counted that was begun. Raises Truncated if a history was cut."""
        begun, self._open = self._open, []
        for audit in begun:
            audit.result()

    def _count(self, issue_id: str, held: int, sent_at: datetime) -> None:
        earlier = self._changes_at(sent_at, issue_id, held)
        if earlier > held:
            raise Truncated(
                self._client.connection.id,
                f"POST {self._client.api}/changelog/bulkfetch",
                200,
                "Nothing of this batch was kept. Run again; if it stays so, tell the vendor",
                detail=f"It gave {held} histories of issue {issue_id}, which has {earlier}",
            )

    def _changes_at(self, sent_at: datetime, issue_id: str, held: int) -> int:
        """How many histories an issue had when it was sent, if more than `held`; 0 if it is gone by now."""
        try:
            if self._bulk.change_count(issue_id) <= held:
                return held
            histories, _ = self._bulk.changelog(issue_id)
        except NotFound:
            return 0
        return sum(_created_at(history) <= sent_at for history in histories)


class _HistoryCreated(msgspec.Struct):
    created: str | int | float


def _created_at(history: Raw) -> datetime:
    created = instant_of(decode(history, _HistoryCreated).created)
    return created or datetime.max.replace(tzinfo=UTC)


def _length(issue: FetchedIssue) -> tuple[int, str]:
    return len(issue.histories), scattered(issue.issue_id)
