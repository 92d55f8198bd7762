"""Landing: batches of records go into Delta tables and become visible by one ledger commit.

A batch writes its data files first. Until its row is in the ledger nobody reads them, so a kill at any
instant leaves all of a batch or nothing, and the cursor that the batch advances is in the same row.
A record is appended only if its hash differs from that of the latest visible row of the record.
"""

from __future__ import annotations

import contextlib
import errno
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import DeltaError

from extractors import rows as row_tables
from extractors.erasure import Erasures
from extractors.errors import AlreadyRunning, LandingError
from extractors.inputs import write_inputs
from extractors.ledger import PENDING, Ledger, LedgerRow, streams_json
from extractors.locks import exclusive
from extractors.streams import STREAMS
from extractors.tables import RawTable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FLUSH_BYTES = 24 * 1024 * 1024


@dataclass(frozen=True)
class Run:
    """One run of the pipeline; `started_at` is an aware UTC instant and becomes the watermark.

    `is_full` reads everything again from the beginning; `is_census` only compares which records there are.
    `clock_offset` is the source's clock less ours: where they differ, all instants of a run are the source's.
    """

    run_id: str
    started_at: datetime
    is_full: bool = False
    is_census: bool = False
    clock_offset: timedelta = timedelta(0)


class Landing:
    """All raw tables below `home`/raw. `home` is PMO_HOME."""

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.folder = self.home / "raw"
        self.ledger = Ledger(self.folder)
        self.erasures = Erasures(self.home)
        self._tables = {name: RawTable(self.folder, name, stream.schema) for name, stream in STREAMS.items()}

    def table(self, stream: str) -> RawTable:
        return self._tables[stream]

    def tables(self) -> Iterable[RawTable]:
        return self._tables.values()

    def cursor(self, connection_id: str) -> dict[str, Any] | None:
        """Where the last batch that counts left off; None before the first one."""
        last = self.ledger.last_visible(connection_id)
        return last.cursor if last is not None else None

    def watermark(self, connection_id: str) -> datetime | None:
        """Start of the last accepted run that read the source to its end."""
        return self.ledger.watermark(connection_id)

    def pending(self, connection_id: str) -> list[LedgerRow]:
        return self.ledger.rows(connection_id, (PENDING,))

    def batches(self, connection_id: str | None = None) -> list[LedgerRow]:
        """The whole ledger, or one connection's part, in the order of the commits."""
        return self.ledger.rows(connection_id)

    def judge(self, connection_id: str, verdict: str, reason: str | None = None) -> int:
        """Turn all pending batches of a connection into `accepted` or `held`; how many there were."""
        with storing(connection_id, "the verdict"):
            return self.ledger.judge(connection_id, verdict, reason)

    @contextlib.contextmanager
    def exclusive(self, connection_id: str) -> Iterator[None]:
        """Only one process at a time extracts a connection; AlreadyRunning names the holder.

        A disk that is full is told as such wherever in the block it was met, also in a library's own files.
        """
        with exclusive(self.home, f"connection-{connection_id}", connection=connection_id):
            try:
                yield
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise _not_stored(connection_id, "a temporary file", error) from error

    def batch(self, run: Run, connection_id: str, kind: str) -> Batch:
        return Batch(self, run, connection_id, kind)

    def latest(
        self,
        stream: str,
        connection_id: str,
        columns: Sequence[str],
        record_ids: Sequence[str] | None = None,
    ) -> pa.Table:
        """`columns` of the latest visible row of every record (or of `record_ids`), deletions included.

        Ask for `is_deleted` to tell deletions. Rows come in no particular order.
        """
        table = self.table(stream)
        if record_ids is not None and not len(record_ids):
            return table.schema.empty_table().select(list(columns))
        sequences = self.ledger.sequences(connection_id)
        files = [
            file
            for file in table.files(connection_id, record_ids)
            if file.batches[0] != file.batches[1] or file.batches[0] in sequences
        ]
        needed = list(dict.fromkeys([*columns, "record_id", "batch_id", "extracted_at"]))
        found = table.scan(files, needed, connection_id, record_ids)
        return row_tables.latest_rows(found, sequences).select(list(columns))

    def write_inputs(self, target: Path, as_of: datetime | None = None) -> None:
        """Write what dbt reads to `target`: streams.json, empty typed tables, accepted batches up to `as_of`."""
        with storing("*", "the inputs of dbt"):
            write_inputs(self.ledger, self._tables, target, as_of)


@dataclass(frozen=True)
class _Appended:
    """Record ids and hashes of rows that were appended together, and the least and greatest of the ids.

    A first load goes up in the ids: then none of what came before has to be searched.
    """

    known: pa.Table
    bounds: Mapping[str, str]

    def may_hold(self, bounds: Mapping[str, str]) -> bool:
        return self.bounds["min"] <= bounds["max"] and bounds["min"] <= self.bounds["max"]


class Batch:
    """Rows that become visible together with a cursor. Not thread-safe: one thread appends."""

    def __init__(self, landing: Landing, run: Run, connection_id: str, kind: str) -> None:
        self._landing = landing
        self._run = run
        self._connection_id = connection_id
        self._kind = kind
        self._previous = landing.ledger.last_sequence(connection_id)
        self.batch_id = uuid.uuid4().hex
        self.opened_at = datetime.now(UTC) + run.clock_offset
        self._buffers: dict[str, list[pa.Table]] = {}
        self._sizes: dict[str, int] = {}  # bytes of the buffers
        self._own: dict[str, list[_Appended]] = {}  # what this batch appended, by stream
        self._repeated: set[str] = set()  # streams of which the batch may hold a record more than once
        self._written: dict[str, tuple[int, list[str]]] = {}

    @property
    def has_rows(self) -> bool:
        return bool(self._buffers or self._written)

    def append(self, stream: str, rows: Sequence[Mapping[str, Any]] | pa.Table, *, are_new: bool = False) -> int:
        """Add the rows that are new or changed; how many were.

        Rows carry record_id, updated_at, payload and the stream's columns; payload_hash (else made from payload),
        is_deleted (else false) and extracted_at (else when the batch was opened) may be there. Of two rows of one
        record in a call the last one counts. A deletion of a record that is not visible is dropped.
        `are_new`: the caller knows that none of the records is visible or in this batch yet; nothing is looked up.
        """
        keys = {
            "connection_id": self._connection_id,
            "run_id": self._run.run_id,
            "batch_id": self.batch_id,
            "extracted_at": self.opened_at,
            "is_deleted": False,
        }
        table = self._landing.erasures.clean(row_tables.complete(rows, STREAMS[stream].schema, keys), stream)
        table = self._remembered(stream, table) if are_new else self._only_changed(stream, table)
        if table.num_rows:
            self._buffers.setdefault(stream, []).append(table)
            self._sizes[stream] = self._sizes.get(stream, 0) + table.nbytes
            if self._sizes[stream] > _FLUSH_BYTES:
                self._flush(stream)
        return int(table.num_rows)

    def _only_changed(self, stream: str, table: pa.Table) -> pa.Table:
        if not table.num_rows:
            return table
        columns = ["record_id", "payload_hash"]
        ids = table["record_id"]
        bounds = pc.min_max(ids).as_py()
        is_near = self._landing.table(stream).may_hold(self._connection_id, bounds)
        known = self._landing.latest(stream, self._connection_id, columns, ids.to_pylist() if is_near else [])
        own = [part.known for part in self._own.get(stream, ()) if part.may_hold(bounds)]
        if own:
            self._repeated.add(stream)
            known = row_tables.newest_of_each(pa.concat_tables([known, *own]))
        is_new = row_tables.worth_landing(table, known)
        return self._remembered(stream, table if pc.all(is_new).as_py() else table.filter(is_new))

    def _remembered(self, stream: str, table: pa.Table) -> pa.Table:
        if table.num_rows:
            known = table.select(["record_id", "payload_hash"])
            self._own.setdefault(stream, []).append(_Appended(known, pc.min_max(known["record_id"]).as_py()))
        return table

    def _flush(self, stream: str) -> None:
        parts = self._buffers.pop(stream, [])
        self._sizes.pop(stream, None)
        if not parts:
            return
        table = pa.concat_tables(parts)
        if stream in self._repeated:
            table = row_tables.newest_of_each(table)
        with storing(self._connection_id, f"stream {stream}"):
            files = self._landing.table(stream).append(table)
        count, known = self._written.get(stream, (0, []))
        self._written[stream] = (count + table.num_rows, [*known, *files])

    def flush(self) -> None:
        """Write what was appended so far; it stays unseen until the commit."""
        for stream in list(self._buffers):
            self._flush(stream)

    def commit(self, cursor: Mapping[str, Any], *, is_final: bool) -> None:
        """Make all rows visible, and `cursor` the place to go on from."""
        self.flush()
        if self._landing.ledger.last_sequence(self._connection_id) != self._previous:
            raise AlreadyRunning(
                self._connection_id,
                "the ledger",
                remedy="Nothing of this run's last batch was kept; run again",
                detail="Another run committed a batch of this connection in the meantime",
            )
        row = LedgerRow(
            batch_id=self.batch_id,
            run_id=self._run.run_id,
            run_started_at=self._run.started_at,
            connection_id=self._connection_id,
            kind=self._kind,
            sequence=self._previous + 1,
            cursors=row_tables.canonical_json(cursor),
            streams=streams_json(self._written),
            committed_at=datetime.now(UTC),
            is_final=is_final,
        )
        with storing(self._connection_id, "the ledger"):
            self._landing.ledger.commit(row)


@contextlib.contextmanager
def storing(connection_id: str, subject: str) -> Iterator[None]:
    """Turn what the disk or the Delta library says into one readable paragraph."""
    try:
        yield
    except (OSError, DeltaError, pa.ArrowInvalid) as error:
        raise _not_stored(connection_id, subject, error) from error


def _not_stored(connection_id: str, subject: str, error: Exception) -> LandingError:
    return LandingError(
        connection_id,
        subject,
        remedy="Free space on the disk or repair the folder, then run again: nothing that was visible is lost",
        detail=str(error).split("\n", 1)[0][:300],
    )
