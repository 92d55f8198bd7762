"""Issues with their histories: fetched several chunks at a time, landed in batches, checked for completeness."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import pyarrow.compute as pc
from msgspec import Raw

from extractors.connection import ExtractReport, Progress
from extractors.decoding import decode
from extractors.errors import AccessDenied, HistoryCut, NotFound, SchemaChanged, Truncated
from extractors.jira.audit import HistoryAudit
from extractors.jira.bulk import Bulk, FetchedIssue
from extractors.jira.client import JiraClient
from extractors.jira.fields import FieldRoles
from extractors.jira.records import IssueRows
from extractors.oddities import UNREADABLE
from extractors.writing import Writer, in_parallel

STREAM = "jira/issues"
ROWS_ISSUES, ROWS_BYTES = 500, 8 * 1024 * 1024  # that are turned into rows together
BATCH_ISSUES, BATCH_BYTES = 5_000, 80 * 1024 * 1024  # that become visible together, and where a first load resumes
COLLECT_EVERY = 100_000  # objects made between two looks of Python's garbage collection
_MOST_BROKEN = 20  # issues that cannot be read before the run gives up
_PROBED = 8  # issues that were left out of answers twice and are asked for alone


class IssueLoader:
    """Lands issues by id. `sprints` collects the sprints that they name.

    `gaps` are the issues that could not be read whole or were not given, now or in an earlier run.
    """

    def __init__(
        self,
        client: JiraClient,
        writer: Writer,
        roles: FieldRoles,
        report: ExtractReport,
        progress: Progress,
        gaps: Iterable[int] = (),
    ) -> None:
        self.gaps = set(gaps)
        self._old_gaps = frozenset(self.gaps)
        self._tried: set[int] = set()  # of the old gaps: given by this run
        self._omitted: set[int] = set()  # asked for, and not given: gone by now, or left out by a broken answer
        self._client = client
        self._bulk = Bulk(client)
        self._writer = writer
        self._report = report
        self._progress = progress
        self._fields = roles.requested
        self._rows = IssueRows(roles, keeps_comments=client.connection.include_comments)
        self._batch_issues = self._batch_bytes = 0
        self._broken: set[int] = set()
        self.sprints: dict[str, dict[str, Any]] = {}

    def load(self, ids: Sequence[int], after_batch: Callable[[int], None] = lambda _: None) -> None:
        """Fetch and land issues, in the order of `ids`; what is not given is a gap until `mend` or a census settles it.

        `after_batch` is called with the last id of every full batch, when all up to it is appended.
        """
        done = 0
        with (
            _few_collections(),
            HistoryAudit(self._client, self._bulk, len(ids)) as audit,
            contextlib.closing(self._bulk.fetch_all(ids, self._fields)) as groups,
        ):
            for group, fetched in groups:
                audit.begin(fetched)
                for issue in fetched:
                    self._add(issue)
                omitted = set(group) - {int(issue.issue_id) for issue in fetched}
                self._omitted |= omitted
                self.gaps |= omitted
                done += len(group)
                self._progress.advance(STREAM, done, len(ids))
                if self._is_batch_full():
                    self._finish(audit)
                    after_batch(group[-1])
                elif len(self._rows) >= ROWS_ISSUES or self._rows.bytes >= ROWS_BYTES:
                    self._append()
            self._finish(audit)

    def mend(self, active: Collection[str]) -> None:
        """Ask again for the issues that could not be read whole or were not given: they may never change again.

        What the source does not give is no gap if it is not landed either: then the census finds it. What is landed is
        asked for in every run until the census says that it is gone; while it can be read alone, the run is red.
        `active` are the projects whose issues may be read.
        """
        left = (self.gaps & self._old_gaps - self._tried) | self._omitted
        if not left:
            return
        ids, columns = [str(number) for number in sorted(left)], ["record_id", "project_id", "is_deleted"]
        rows = self._writer.landing.latest(STREAM, self._client.connection.id, columns, ids).to_pylist()
        landed = {int(row["record_id"]): row["project_id"] for row in rows if not row["is_deleted"]}
        asked = left - {number for number, project_id in landed.items() if project_id not in active}
        self.load(sorted(asked))
        omitted = asked & self._omitted
        self.gaps -= omitted - set(landed)
        self._tell_omitted(sorted(omitted & set(landed)))

    def _tell_omitted(self, numbers: Sequence[int]) -> None:
        """Landed issues that were asked for twice and not given: an error if one of them can be read alone."""
        probed = in_parallel(self._can_be_read, numbers[:_PROBED], _PROBED)
        readable = [str(number) for number, is_readable in probed if is_readable]
        if readable:
            self._report.failures.append(
                Truncated(
                    self._client.connection.id,
                    f"issue {', '.join(readable)}",
                    None,
                    "Run again; if it stays so, tell the vendor",
                    detail=f"{len(numbers)} issues were left out of answers twice; what is landed of them may be old",
                )
            )

    def _can_be_read(self, number: int) -> bool:
        try:
            return self._bulk.exists(str(number))
        except AccessDenied:
            return False

    def _is_batch_full(self) -> bool:
        issues, size = self._batch_issues + len(self._rows), self._batch_bytes + self._rows.bytes
        return issues >= BATCH_ISSUES or size >= BATCH_BYTES

    def _add(self, issue: FetchedIssue) -> None:
        issue_id = issue.issue_id
        number = int(issue_id)
        is_old_gap = number in self._old_gaps
        if is_old_gap:
            self._tried.add(number)
        self.gaps.discard(number)
        self._omitted.discard(number)
        try:
            # An issue that was cut before is counted: that it leads to its status does not say that it is whole.
            if is_old_gap or self._rows.add(issue) is not None:
                again = self._again(issue_id, issue)
                if again is not None:
                    self._rows.add(again, is_final=True)
                else:
                    self.gaps.add(number)
                    self._omitted.add(number)
        except UNREADABLE as error:
            self.gaps.add(number)
            self._tell_broken(number, error)

    def _tell_broken(self, number: int, error: Exception) -> None:
        """An issue that no row can be made of, once in a run. Raises the error if there are many."""
        if number in self._broken:
            return
        self._broken.add(number)
        failure = SchemaChanged(
            self._client.connection.id,
            f"issue {number}",
            200,
            "The other issues were landed; this one needs an update of this program",
            detail=str(error),
        )
        if len(self._broken - self._old_gaps) > _MOST_BROKEN:
            raise failure from None
        self._report.failures.append(failure)

    def _again(self, issue_id: str, first: FetchedIssue) -> FetchedIssue | None:
        """The issue and its whole history once more, in the way that says how many changes there are; None: it is gone.

        The history did not lead to the current state: it was cut, or the issue changed between two requests.
        """
        again = self._bulk.fetch([int(issue_id)], self._fields)
        issue = again[0] if again else first
        try:
            histories, total = self._histories(issue_id, issue)
        except NotFound:
            return None
        if len({_history_id(history) for history in histories}) < total:
            self.gaps.add(int(issue_id))
            self._report.failures.append(
                HistoryCut(
                    self._client.connection.id,
                    f"the history of issue {issue_id}",
                    None,
                    "Run again; if it stays so, the tool has lost changes of this issue",
                    detail=f"The tool says that there are {total} changes but gave {len(histories)}",
                )
            )
        return FetchedIssue(issue.payload, histories, total, issue.sent_at)

    def _histories(self, issue_id: str, issue: FetchedIssue) -> tuple[list[Raw], int]:
        if self._client.is_cloud:
            return self._bulk.changelog(issue_id)
        return issue.histories, issue.change_count or 0

    def _append(self) -> None:
        """Turn what was fetched into rows of the open batch."""
        if not len(self._rows):
            return
        for stream, rows in self._rows.tables().items():
            self._writer.append(stream, rows)
        self._drop_lost_links()
        self.sprints.update(self._rows.sprints)
        if self._rows.unreadable_sprints:
            text = f"{self._rows.unreadable_sprints} issues have a Sprint field of an unknown form; they have no sprint"
            self._report.warnings.append(text)
        self._batch_issues += len(self._rows)
        self._batch_bytes += self._rows.bytes
        self._rows.clear()

    def _finish(self, audit: HistoryAudit) -> None:
        """Append the rest of the batch. Then it may be committed: its histories are whole.

        Raises Truncated if they are not. The tool was asked beside all this: nothing of the batch is to be seen yet.
        """
        self._append()
        self._writer.flush()
        audit.end()
        self._batch_issues = self._batch_bytes = 0

    def _drop_lost_links(self) -> None:
        """Links that an issue of this batch had and has no more. Issues that are new here have none to lose."""
        landing, connection_id = self._writer.landing, self._writer.connection.id
        ids = self._rows.issue_ids
        landed = landing.latest("jira/issues", connection_id, ["record_id"], record_ids=ids)["record_id"]
        if not len(landed):
            return
        known = landing.latest("jira/issue_links", connection_id, ["record_id", "source_issue_id", "is_deleted"])
        here = pc.is_in(known["source_issue_id"], value_set=landed)
        held = known.filter(pc.and_(here, pc.invert(known["is_deleted"])))["record_id"].to_pylist()
        self._writer.delete("jira/issue_links", [link for link in held if link not in self._rows.links])


@contextlib.contextmanager
def _few_collections() -> Iterator[None]:
    """Millions of objects are made and let go, none in a circle: looking for circles would take half of the time."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], COLLECT_EVERY), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _HistoryId(msgspec.Struct):
    id: str


def _history_id(history: Raw) -> str:
    return decode(history, _HistoryId).id
