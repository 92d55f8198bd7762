"""Raw streams on disk: append-only Delta tables of zstd Parquet files.

Writing goes through pyarrow and one Delta transaction per file set; reading through pyarrow over the
files of the current version, pruned by the statistics that the transaction carries. (`to_pyarrow_dataset`
of the Delta library can abort the process at its exit, so it is not used.)
"""

from __future__ import annotations

import bisect
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from extractors.arrow import dataset as ds

_STATISTICS = ["connection_id", "record_id", "batch_id"]
_UNIQUE_TEXT = {"record_id", "payload", "payload_hash", "summary"}  # a dictionary would not pay
_ROW_GROUP = 10_000  # rows that are decoded together; their bounds prune look-ups by record
FULL_BYTES = 24 * 1024 * 1024  # in memory: a file of so much is not put together with others
_ATTEMPTS = 20  # of a commit, when other processes write the same table


class DeltaHandle:
    """A Delta table that is opened once and then only asked for what is new. For one thread.

    Asking is cheap: it looks for the files that a newer version has, and bothers the Delta library only if there are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path / "_delta_log"
        self._delta: DeltaTable | None = None
        self._checkpoint = -1  # when the last checkpoint was made that `_delta` was read with

    def current(self) -> DeltaTable | None:
        """The table at its newest version; None while there is none."""
        checkpoint = _modified(self._log / "_last_checkpoint")
        try:
            if self._delta is None:
                self._delta = DeltaTable(self.path) if self._log.exists() else None
            elif checkpoint != self._checkpoint or self._next_commit().exists():
                self._delta.update_incremental()
        except TableNotFoundError:
            self._delta = None
        self._checkpoint = checkpoint
        return self._delta

    def _next_commit(self) -> Path:
        """Commits follow each other without a gap; only those before a checkpoint are ever removed."""
        version = self._delta.version() if self._delta is not None else -1
        return self._log / f"{version + 1:020d}.json"

    def forget(self) -> None:
        """Open anew next time, after a lost race."""
        self._delta = None


@dataclass(frozen=True)
class RawFile:
    """One Parquet file of a table with the least and greatest values that prune reading."""

    path: Path
    size: int
    rows: int
    connections: tuple[str, str]
    records: tuple[str, str]
    batches: tuple[str, str]

    @property
    def is_full(self) -> bool:
        return self.path.name.startswith("full-")

    @property
    def batch_id(self) -> str | None:
        """The batch of all rows; None where maintenance has put several together."""
        return self.batches[0] if self.batches[0] == self.batches[1] else None


def _modified(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 if there is none."""
    try:
        return path.stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


class RawTable:
    """The Delta table of one stream below `folder`; it comes into being with its first rows."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self.path = folder / name
        self.name = name
        self.schema = schema
        self._handle = DeltaHandle(self.path)
        self._files: tuple[int, list[RawFile]] = (-1, [])
        self._is_schema_checked = False

    def append(self, table: pa.Table) -> list[str]:
        """Write rows of one connection and batch as one file; its name relative to the table."""
        if table.num_rows == 0:
            return []
        delta = self._open_for_writing()
        action = self._write_file(table, "full" if table.nbytes >= FULL_BYTES else "part", data_change=True)
        self._commit(delta, [action])
        return [action.path]

    def replace(self, old: Sequence[RawFile], table: pa.Table, prefix: str, *, data_change: bool) -> None:
        """Put `table` in the place of the files `old` by one Delta commit. Nobody may append meanwhile.

        With `data_change` False the rows are the same as before, only put together.
        """
        if (delta := self.open()) is None:
            return
        now = int(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            RemoveAction(file.path.name, data_change, now, size=file.size, partition_values={}) for file in old
        ]
        if table.num_rows:
            actions.append(self._write_file(table, prefix, data_change=data_change))
        if actions:
            self._commit(delta, actions)

    def _write_file(self, table: pa.Table, prefix: str, *, data_change: bool) -> AddAction:
        """A file that nobody knows of until it is committed; of one that could not be written nothing stays."""
        path = self.path / f"{prefix}-{uuid.uuid4().hex}.zstd.parquet"
        texts = [n for n in self.schema.names if n not in _UNIQUE_TEXT and _is_text(self.schema, n)]
        try:
            pq.write_table(
                table,
                path,
                compression="zstd",
                row_group_size=_ROW_GROUP,
                use_dictionary=texts,
                write_statistics=[n for n in self.schema.names if n != "payload" and not _is_list(self.schema, n)],
            )
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return AddAction(
            path=path.name,
            size=path.stat().st_size,
            partition_values={},
            modification_time=int(time.time() * 1000),
            data_change=data_change,
            stats=_statistics(table),
        )

    def _commit(self, delta: DeltaTable, actions: list[AddAction | RemoveAction]) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                delta.create_write_transaction(actions, mode="append", schema=self.schema)
                return
            except CommitFailedError:
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.01 * (attempt + 1))
                self._handle.forget()
                delta = self.open() or delta

    def _open_for_writing(self) -> DeltaTable:
        """The table, created if need be, with the columns that streams.py got since it was created."""
        delta = self.open()
        if delta is None:
            self.path.mkdir(parents=True, exist_ok=True)
            configuration = {"delta.dataSkippingStatsColumns": ",".join(_STATISTICS)}
            with suppress(CommitFailedError):  # another connection created it at the same moment
                DeltaTable.create(self.path, self.schema, mode="ignore", name=self.name, configuration=configuration)
            delta = DeltaTable(self.path)
        if not self._is_schema_checked:
            if missing := self._missing(delta):
                try:
                    delta.alter.add_columns(missing)
                except CommitFailedError:
                    delta = DeltaTable(self.path)
                    if self._missing(delta):  # it was not another connection that added them
                        raise
            self._is_schema_checked = True
        return delta

    def _missing(self, delta: DeltaTable) -> list[Field]:
        known = {field.name for field in delta.schema().fields}
        return Schema.from_arrow(pa.schema([field for field in self.schema if field.name not in known])).fields

    def open(self) -> DeltaTable | None:
        return self._handle.current()

    def file_uris(self) -> list[str]:
        """Absolute paths of the current files, in a fixed order."""
        delta = self.open()
        return sorted(str(Path(uri)) for uri in delta.file_uris()) if delta is not None else []

    def files(self, connection_id: str, record_ids: Sequence[str] | None = None) -> list[RawFile]:
        """The files that may hold rows of the connection (and of any of `record_ids`)."""
        wanted = sorted(record_ids) if record_ids is not None else None
        return [
            file
            for file in self.all_files()
            if file.connections[0] <= connection_id <= file.connections[1] and _overlaps(wanted, file.records)
        ]

    def may_hold(self, connection_id: str, records: Mapping[str, str]) -> bool:
        """Whether any file may hold a record of the connection from `min` to `max`; a first load's do not."""
        return any(
            file.connections[0] <= connection_id <= file.connections[1]
            and file.records[0] <= records["max"]
            and records["min"] <= file.records[1]
            for file in self.all_files()
        )

    def all_files(self) -> list[RawFile]:
        """The current files, in a fixed order."""
        if (delta := self.open()) is None:
            return []
        if self._files[0] != delta.version():
            rows = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
            self._files = (delta.version(), sorted((self._raw_file(row) for row in rows), key=lambda file: file.path))
        return self._files[1]

    def _raw_file(self, row: dict[str, Any]) -> RawFile:
        def bounds(column: str) -> tuple[str, str]:
            least, greatest = row.get(f"min.{column}"), row.get(f"max.{column}")
            return (least if least is not None else "", greatest if greatest is not None else "\U0010ffff")

        return RawFile(
            path=self.path / row["path"],
            size=row["size_bytes"],
            rows=row["num_records"] or 0,
            connections=bounds("connection_id"),
            records=bounds("record_id"),
            batches=bounds("batch_id"),
        )

    def scan(
        self,
        files: Sequence[RawFile],
        columns: Sequence[str],
        connection_id: str,
        record_ids: Sequence[str] | None = None,
    ) -> pa.Table:
        """`columns` of the rows of a connection (and of `record_ids`) in `files`, whatever their batch."""
        if not files:
            return self.schema.empty_table().select(list(columns))
        condition = ds.field("connection_id") == connection_id
        if record_ids is not None:
            condition &= ds.field("record_id").isin(pa.array(record_ids, pa.string()))
        dataset = ds.dataset([str(file.path) for file in files], schema=self.schema, format="parquet")
        return dataset.to_table(columns=list(columns), filter=condition)


def _overlaps(wanted: list[str] | None, bounds: tuple[str, str]) -> bool:
    if wanted is None:
        return True
    position = bisect.bisect_left(wanted, bounds[0])
    return position < len(wanted) and wanted[position] <= bounds[1]


def _statistics(table: pa.Table) -> str:
    """The Delta statistics of a file: exact bounds of the columns that reading is pruned by."""
    least, greatest = {}, {}
    for column in _STATISTICS:
        bounds = pc.min_max(table[column]).as_py()
        least[column], greatest[column] = bounds["min"], bounds["max"]
    nulls = dict.fromkeys(_STATISTICS, 0)
    return json.dumps(
        {"numRecords": table.num_rows, "minValues": least, "maxValues": greatest, "nullCount": nulls},
        ensure_ascii=False,
    )


def _is_text(schema: pa.Schema, name: str) -> bool:
    return bool(pa.types.is_string(schema.field(name).type))


def _is_list(schema: pa.Schema, name: str) -> bool:
    return bool(pa.types.is_list(schema.field(name).type))
