"""What every source needs around its batches: counting, small streams as a whole, and the closing rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from extractors.connection import Connection, Coverage, ExtractReport
from extractors.description import land_connection, land_coverage
from extractors.landing import Batch, Landing, Run
from extractors.streams import TIMESTAMP

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[tuple[Item, Result]]:
    """Results in the order of `items`, with at most twice `threads` under way: memory stays bounded.

    The first failure is raised where its result would have come; what has not begun yet is not begun.
    """
    window: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="extract") as pool:
        try:
            for item in items:
                window.append((item, pool.submit(function, item)))
                if len(window) >= 2 * threads:
                    first, future = window.popleft()
                    yield first, future.result()
            while window:
                first, future = window.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class Writer:
    """The batches of one extraction, one after the other, with the report kept in step."""

    def __init__(self, landing: Landing, run: Run, connection: Connection, report: ExtractReport) -> None:
        self.landing = landing
        self.run = run
        self.connection = connection
        self.report = report
        self._batch: Batch | None = None

    @property
    def batch(self) -> Batch:
        if self._batch is None:
            self._batch = self.landing.batch(self.run, self.connection.id, self.connection.kind)
        return self._batch

    def append(self, stream: str, rows: Sequence[Mapping[str, Any]] | pa.Table, *, are_new: bool = False) -> int:
        """Add rows to the open batch; how many were new or changed. `are_new`: none of the records is landed yet."""
        seen = rows.num_rows if isinstance(rows, pa.Table) else len(rows)
        landed = self.batch.append(stream, rows, are_new=are_new) if seen else 0
        count = self.report.count(stream)
        count.seen += seen
        count.landed += landed
        return landed

    def flush(self) -> None:
        """Write what was appended, which commits nothing."""
        if self._batch is not None:
            self._batch.flush()

    def commit_rows(self, cursor: Mapping[str, Any]) -> None:
        """Commit if anything was appended, so that `landing.latest` shows it."""
        if self._batch is not None and self._batch.has_rows:
            self.commit(cursor)

    def commit(self, cursor: Mapping[str, Any], *, is_final: bool = False) -> None:
        """Make what was appended visible and begin a new batch."""
        self.batch.commit(cursor, is_final=is_final)
        self._batch = None

    def alive(self, stream: str) -> set[str]:
        """Ids of the visible records that are not deleted."""
        known = self.landing.latest(stream, self.connection.id, ["record_id", "is_deleted"])
        pairs = zip(known["record_id"].to_pylist(), known["is_deleted"].to_pylist(), strict=True)
        return {record_id for record_id, is_deleted in pairs if not is_deleted}

    def delete(self, stream: str, record_ids: Sequence[str]) -> int:
        """Land deletions: rows that keep the columns of the last version but have no payload.

        Their `extracted_at` says when the record was first missed: the run's start, so that no deletion lies after
        the watermark; only a record that this very run has read before it went is a moment later than that.
        """
        if not record_ids:
            return 0
        table = self.landing.table(stream)
        kept = [name for name in table.schema.names if name not in ("payload", "run_id", "batch_id")]
        last = self.landing.latest(stream, self.connection.id, kept, record_ids)
        flags = pa.repeat(pa.scalar(True), last.num_rows)
        gone = last.set_column(last.schema.get_field_index("is_deleted"), "is_deleted", flags)
        read = last["extracted_at"].cast(pa.int64())
        start = pa.scalar(self.run.started_at, TIMESTAMP).cast(pa.int64())
        missed = pc.max_element_wise(pc.add(read, 1), start).cast(TIMESTAMP)
        gone = gone.set_column(gone.schema.get_field_index("extracted_at"), "extracted_at", missed)
        deleted = self.append(stream, gone)
        self.report.count(stream).deleted += deleted
        return deleted

    def replace(
        self,
        stream: str,
        rows: Sequence[Mapping[str, Any]],
        is_in_scope: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Land a small stream as a whole: known records in scope that are not among `rows` are deleted."""
        self.append(stream, rows)
        present = {self.landing.erasures.cleaned_id(row["record_id"], stream) for row in rows}
        self.delete(stream, sorted(key for key in self.alive(stream) if key not in present and is_in_scope(key)))

    def describe(
        self, *, deployment: str, name: str, url: str, time_zone: str | None, tool_version: str | None
    ) -> None:
        """The connection's own row in `pmo/connections`."""
        land_connection(
            self.batch,
            self.connection,
            deployment=deployment,
            name=name,
            url=url,
            time_zone=time_zone,
            tool_version=tool_version,
        )

    def cover(self, rows: Iterable[Coverage]) -> None:
        """This run's rows of `pmo/coverage`."""
        self.report.coverage.extend(rows)
        land_coverage(self.batch, self.report)
