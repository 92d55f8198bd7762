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
import pyarrow.dataset as ds
from deltalake import DeltaTable, WriterProperties, write_deltalake

from extractors.locks import exclusive
from extractors.streams import LEDGER, LEDGER_SCHEMA
from extractors.tables import DeltaHandle

PENDING, ACCEPTED, HELD = "pending", "accepted", "held"
_ZSTD = WriterProperties(compression="ZSTD")
_LOCK_SECONDS = 120.0
_FILES_BEFORE_COMPACTION = 60


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
    """Reads are cached by the table's version, so asking often is cheap."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / LEDGER
        self._handle = DeltaHandle(self.path)
        self._rows: list[LedgerRow] = []
        self._version = -1

    def rows(self, connection_id: str | None = None) -> list[LedgerRow]:
        """Batches in the order of their commits."""
        delta = self._handle.current()
        if delta is not None and delta.version() != self._version:
            files = ds.dataset(delta.file_uris(), schema=LEDGER_SCHEMA, format="parquet")
            self._rows = sorted((LedgerRow(**row) for row in files.to_table().to_pylist()), key=_order)
            self._version = delta.version()
        return [row for row in self._rows if connection_id is None or row.connection_id == connection_id]

    def visible(self, connection_id: str) -> list[LedgerRow]:
        return [row for row in self.rows(connection_id) if row.is_visible]

    def commit(self, row: LedgerRow) -> None:
        """Make the batch visible: one Delta commit."""
        self.path.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pylist([vars(row)], schema=LEDGER_SCHEMA)
        with self._writing():
            self.rows()
            write_deltalake(self.path, table, mode="append", writer_properties=_ZSTD)
        delta = self._handle.current()
        if delta is not None and delta.version() == self._version + 1:  # nobody else's commit came between
            self._rows.append(row)
            self._version = delta.version()

    def judge(self, connection_id: str, verdict: str, reason: str | None) -> int:
        """Turn the pending batches of a connection into `verdict`; how many there were."""
        if verdict not in (ACCEPTED, HELD):
            raise ValueError(f"a verdict is '{ACCEPTED}' or '{HELD}', not '{verdict}'")
        pending = [row for row in self.rows(connection_id) if row.verdict == PENDING]
        if pending:
            values: dict[str, Any] = {"verdict": verdict, "judged_at": datetime.now(UTC)}
            if reason:
                values["verdict_reason"] = _escaped(reason)
            predicate = f"connection_id = {_quote(connection_id)} AND verdict = '{PENDING}'"
            with self._writing():
                DeltaTable(self.path).update(new_values=values, predicate=predicate, writer_properties=_ZSTD)
                self._compact()
        return len(pending)

    def _compact(self) -> None:
        """Every judgement leaves a file behind; put them together before they slow reading down."""
        delta = DeltaTable(self.path)
        if len(delta.file_uris()) > _FILES_BEFORE_COMPACTION:
            delta.optimize.compact(writer_properties=_ZSTD)

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        """Connections are extracted at the same time, and Delta lets no append pass an update: one after the other."""
        return exclusive(self.path.parent.parent.parent, "ledger", wait_seconds=_LOCK_SECONDS)


def _order(row: LedgerRow) -> tuple[datetime, str, int]:
    return row.committed_at, row.connection_id, row.sequence


def _escaped(text: str) -> str:
    """`text` as it stands between the quotes of SQL, which the Delta library sets without looking inside."""
    return text.replace("'", "''")


def _quote(text: str) -> str:
    return f"'{_escaped(text)}'"


def streams_json(written: Mapping[str, tuple[int, Sequence[str]]]) -> str:
    """The ledger's `streams`: rows and files per stream."""
    return json.dumps([{"stream": name, "rows": rows, "files": list(files)} for name, (rows, files) in written.items()])
