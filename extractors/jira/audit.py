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
from extractors.jira.bulk import Bulk, FetchedIssue
from extractors.jira.client import JiraClient
from extractors.jira.columns import instant_of

AUDITED = 8  # histories of a load of `expected` issues whose length is checked; at least one of each answer
_SCATTER = 2_654_435_761  # times an id: an order that has nothing to do with age


class HistoryAudit:
    """Counts the longest histories of each answer, beside whatever is done with them meanwhile.

    A cut hits the longest first, so a few of them tell about all; of equally long ones any.
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
        """Ask for some of the issues of an answer."""
        if self._client.is_cloud:
            count = math.ceil(AUDITED * len(fetched) / self._expected)
            self._open += [self._pool.submit(self._count, one) for one in heapq.nlargest(count, fetched, key=_length)]

    def end(self) -> None:
        """Wait until all is counted that was begun. Raises Truncated if a history was cut."""
        begun, self._open = self._open, []
        for audit in begun:
            audit.result()

    def _count(self, issue: FetchedIssue) -> None:
        held = len(issue.histories)
        earlier = self._changes_when_sent(issue)
        if earlier > held:
            raise Truncated(
                self._client.connection.id,
                f"POST {self._client.api}/changelog/bulkfetch",
                200,
                "Nothing of this batch was kept. Run again; if it stays so, tell the vendor",
                detail=f"It gave {held} histories of issue {issue.issue_id}, which has {earlier}",
            )

    def _changes_when_sent(self, issue: FetchedIssue) -> int:
        """How many histories an issue had when it was sent, if more than came with it; 0 if it is gone by now."""
        held = len(issue.histories)
        try:
            if self._bulk.change_count(issue.issue_id) <= held:
                return held
            histories, _ = self._bulk.changelog(issue.issue_id)
        except NotFound:
            return 0
        return sum(_created_at(history) <= issue.sent_at for history in histories)


class _HistoryCreated(msgspec.Struct):
    created: str | int | float


def _created_at(history: Raw) -> datetime:
    created = instant_of(decode(history, _HistoryCreated).created)
    return created or datetime.max.replace(tzinfo=UTC)


def _length(issue: FetchedIssue) -> tuple[int, int]:
    """How long its history is, and its place among equals."""
    return len(issue.histories), int(issue.issue_id) * _SCATTER % 2**32
