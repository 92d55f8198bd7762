"""The ledger `pmo/batches`: the one table whose rows say which raw rows count.

A batch exists from the one commit that adds its row. Its verdict is `pending` until it is judged;
`accepted` and `pending` batches are visible to extraction, only accepted ones to dbt.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, WriterProperties, write_deltalake

from extractors.arrow import dataset as ds
from extractors.locks import exclusive
from extractors.streams import LEDGER, LEDGER_SCHEMA, TIMESTAMP
from extractors.tables import DeltaHandle

PENDING, ACCEPTED, HELD = "pending", "accepted", "held"
_ZSTD = WriterProperties(compression="ZSTD")
_LOCK_SECONDS = 120.0
_FILES_BEFORE_COMPACTION = 30
FORGOTTEN = "{}"  # the cursor of a batch that nobody can go on from any more


@dataclass(frozen=True)
class LedgerRow:
    """One batch, as LEDGER_SCHEMA says."""

    batch_id: str
    run_id: str
    run_started_at: datetime
    connection_id: str
    kind: str
    sequence: int
    cursors: str
    streams: str
    committed_at: datetime
    is_final: bool
    verdict: str = PENDING
    verdict_reason: str | None = None
    judged_at: datetime | None = None

    @property
    def is_visible(self) -> bool:
        return self.verdict in (PENDING, ACCEPTED)

    @property
    def cursor(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.cursors)
        return decoded


class Ledger:
    """Reads are cached by the table's version, so asking often is cheap.

    The rows stay in Arrow, and only those asked for become objects: after a year of hourly runs there are tens of
    thousands of them.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        self._handle = DeltaHandle(self.path)
        self._rows = LEDGER_SCHEMA.empty_table()
        self._version = -1
        self._sequences: dict[str, dict[str, int]] = {}

    def table(self) -> pa.Table:
        """The whole ledger in the order of the commits."""
        delta = self._handle.current()
        if delta is not None and delta.version() != self._version:
            files = ds.dataset(delta.file_uris(), schema=LEDGER_SCHEMA, format="parquet")
            order = [("committed_at", "ascending"), ("connection_id", "ascending"), ("sequence", "ascending")]
            self._take(files.to_table().sort_by(order), delta.version())
        return self._rows

    def _take(self, rows: pa.Table, version: int) -> None:
        self._rows, self._version, self._sequences = rows, version, {}

    def rows(self, connection_id: str | None = None, verdicts: Sequence[str] = ()) -> list[LedgerRow]:
        """Batches in the order of their commits, of one connection or with certain verdicts only."""
        return [LedgerRow(**row) for row in self._select(connection_id, verdicts).to_pylist()]

    def visible(self, connection_id: str) -> list[LedgerRow]:
        return self.rows(connection_id, (PENDING, ACCEPTED))

    def accepted(self, as_of: datetime | None = None) -> pa.Table:
        """The batches that dbt reads, up to `as_of`."""
        rows = self._select(None, (ACCEPTED,))
        return rows if as_of is None else rows.filter(pc.less_equal(rows["committed_at"], pa.scalar(as_of, TIMESTAMP)))

    def sequences(self, connection_id: str) -> Mapping[str, int]:
        """The visible batches of a connection: id → sequence."""
        self.table()
        if connection_id not in self._sequences:
            rows = self._select(connection_id, (PENDING, ACCEPTED))
            pairs = zip(rows["batch_id"].to_pylist(), rows["sequence"].to_pylist(), strict=True)
            self._sequences[connection_id] = dict(pairs)
        return self._sequences[connection_id]

    def last_sequence(self, connection_id: str) -> int:
        """Of all batches, also the held ones; 0 before the first."""
        last: int | None = pc.max(self._select(connection_id)["sequence"]).as_py()
        return last or 0

    def last_visible(self, connection_id: str) -> LedgerRow | None:
        """The batch whose cursor the next run goes on from."""
        rows = self._select(connection_id, (PENDING, ACCEPTED))
        if not rows.num_rows:
            return None
        position = pc.index(rows["sequence"], pc.max(rows["sequence"])).as_py()
        return LedgerRow(**rows.slice(position, 1).to_pylist()[0])

    def watermark(self, connection_id: str) -> datetime | None:
        """Start of the last accepted run that read the source to its end."""
        rows = self._select(connection_id, (ACCEPTED,))
        started: datetime | None = pc.max(rows.filter(rows["is_final"])["run_started_at"]).as_py()
        return started

    def _select(self, connection_id: str | None, verdicts: Sequence[str] = ()) -> pa.Table:
        rows = self.table()
        if connection_id is not None:
            rows = rows.filter(pc.equal(rows["connection_id"], connection_id))
        if verdicts:
            rows = rows.filter(pc.is_in(rows["verdict"], pa.array(verdicts)))
        return rows

    def commit(self, row: LedgerRow) -> None:
        """Make the batch visible: one Delta commit."""
        self.path.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist([vars(row)], schema=LEDGER_SCHEMA)
        with self.writing():
            known = self.table()
            write_deltalake(self._handle.current() or self.path, table, mode="append", writer_properties=_ZSTD)
        delta = self._handle.current()
        if delta is not None and delta.version() == self._version + 1:  # nobody else's commit came between
            self._take(pa.concat_tables([known, table]), delta.version())

    def judge(self, connection_id: str, verdict: str, reason: str | None) -> int:
        """Turn the pending batches of a connection into `verdict`; how many there were."""
        if verdict not in (ACCEPTED, HELD):
            raise ValueError(f"a verdict is '{ACCEPTED}' or '{HELD}', not '{verdict}'")
        pending: int = self._select(connection_id, (PENDING,)).num_rows
        if pending:
            values: dict[str, Any] = {"verdict": verdict, "judged_at": datetime.now(UTC)}
            if reason:
                values["verdict_reason"] = _escaped(reason)
            predicate = f"connection_id = {_quote(connection_id)} AND verdict = '{PENDING}'"
            with self.writing():
                if (delta := self._handle.current()) is not None:
                    delta.update(new_values=values, predicate=predicate, writer_properties=_ZSTD)
                    self._compact(delta)
        return pending

    def compact(self) -> None:
        """Everything into as few files as there can be, without the cursors that nobody can go on from."""
        if (delta := self._handle.current()) is None:
            return
        with self.writing():
            for connection_id in pc.unique(self.table()["connection_id"]).to_pylist():
                self._forget_cursors(delta, connection_id)
            if len(delta.file_uris()) > 1:
                delta.optimize.compact(writer_properties=_ZSTD)
        self._handle.forget()

    def rewrite_streams(self, streams: Mapping[str, str]) -> None:
        """Another text in the column `streams` of some batches, by batch id: one commit."""
        with self.writing():
            rows = self.table()
            pairs = zip(rows["batch_id"].to_pylist(), rows["streams"].to_pylist(), strict=True)
            texts = pa.array([streams.get(batch_id, text) for batch_id, text in pairs], pa.string())
            position = rows.schema.get_field_index("streams")
            rows = rows.set_column(position, rows.schema.field(position), texts)
            write_deltalake(self._handle.current() or self.path, rows, mode="overwrite", writer_properties=_ZSTD)
        self._handle.forget()

    def _forget_cursors(self, delta: DeltaTable, connection_id: str) -> None:
        """Of all batches before the last accepted one: whatever is held later, a run goes on from that one."""
        rows = self._select(connection_id, (ACCEPTED,))
        last = pc.max(rows["sequence"]).as_py() or 0
        kept = self._select(connection_id)
        old = pc.and_(pc.less(kept["sequence"], last), pc.not_equal(kept["cursors"], FORGOTTEN))
        if pc.any(old).as_py():
            delta.update(
                new_values={"cursors": FORGOTTEN},
                predicate=f"connection_id = {_quote(connection_id)} AND sequence < {last} AND cursors != '{FORGOTTEN}'",
                writer_properties=_ZSTD,
            )

    def _compact(self, delta: DeltaTable) -> None:
        """Every judgement leaves a file behind; put them together before they slow reading down."""
        if len(delta.file_uris()) > _FILES_BEFORE_COMPACTION:
            delta.optimize.compact(writer_properties=_ZSTD)

    def writing(self) -> contextlib.AbstractContextManager[None]:
        """Connections are extracted at the same time, and Delta lets no append pass an update: one after the other."""
        return exclusive(self.path.parent.parent.parent, "ledger", wait_seconds=_LOCK_SECONDS)


def _escaped(text: str) -> str:
    """`text` as it stands between the quotes of SQL, which the Delta library sets without looking inside."""
    return text.replace("'", "''")


def _quote(text: str) -> str:
    return f"'{_escaped(text)}'"


def streams_json(written: Mapping[str, tuple[int, Sequence[str]]]) -> str:
    """The ledger's `streams`: rows and files per stream."""
    return json.dumps([{"stream": name, "rows": rows, "files": list(files)} for name, (rows, files) in written.items()])
