"""One survey file, read: its rows, and what became of its lines, in bounded memory.

The rows go to a spool, a nameless file on disk that vanishes with the process; only what decides between answers with
one id is kept in memory, until it is known which rows are landed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa

from extractors.streams import STREAMS
from extractors.surveys.records import Plan, read_lines, reject_row
from extractors.surveys.repeats import KEY_COLUMNS
from extractors.surveys.tables import Table

RESPONSES = "surveys/responses"
REJECTS = "surveys/rejects"
CHUNK_ROWS = 5_000
FILLED_BY_LANDING = {"connection_id", "extracted_at", "run_id", "batch_id"}
ROW_SCHEMA = pa.schema([column for column in STREAMS[RESPONSES].schema if column.name not in FILLED_BY_LANDING])


class FileFacts(msgspec.Struct, frozen=True):
    """What the cursor remembers of a file, so that it need not be read again while it stays the same."""

    size: int
    mtime_ns: int
    sha256: str
    read_at: datetime
    lines: int = 0  # with anything in them, header aside
    answers: int = 0  # one per line and question
    blank: int = 0  # of them without a score: landed, but no responses
    rejected: int = 0
    repeated: int = 0  # answers that a newer one with the same id replaces


class Spool:
    """Rows with ROW_SCHEMA on disk, in the order in which they were added."""

    def __init__(self, folder: Path | None) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the reading
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_stream(self._file, ROW_SCHEMA, options=options)

    def add(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Write the rows; their KEY_COLUMNS."""
        table = pa.Table.from_pylist(rows, ROW_SCHEMA)
        self._writer.write_table(table)
        return table.select(KEY_COLUMNS)

    def close(self) -> None:
        """No more rows."""
        self._writer.close()

    def tables(self) -> Iterator[pa.Table]:
        """All rows, some thousands at a time."""
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])


@dataclass
class FileReading:
    """`answers` are rows of surveys/responses, `keys` what decides between them, `rejects` rows of surveys/rejects."""

    name: str
    facts: FileFacts
    answers: Spool
    keys: pa.Table
    rejects: list[dict[str, Any]] = field(default_factory=list)


def read_file(
    plan: Plan, table: Table, data: bytes, mtime_ns: int, read_at: datetime, folder: Path | None = None
) -> FileReading:
    """Read all lines; the spool lies in `folder`. Raises ConfigError or FileRefused if the file is unusable."""
    spool = Spool(folder)
    keys: list[pa.Table] = []
    rows: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    lines = answers = blank = rejected = 0
    for result in read_lines(plan, table):
        if result.is_empty:
            continue
        lines += 1
        answers += len(result.answers) + result.rejected_answers
        rejected += result.rejected_answers
        blank += sum(row["score"] is None for row in result.answers)
        rows += result.answers
        if result.rejects:
            rejects.append(reject_row(table.name, result.line, result.rejects))
        if len(rows) >= CHUNK_ROWS:
            keys.append(spool.add(rows))
            rows = []
    keys.append(spool.add(rows))
    spool.close()
    facts = FileFacts(
        size=len(data),
        mtime_ns=mtime_ns,
        sha256=hashlib.sha256(data).hexdigest(),
        read_at=read_at,
        lines=lines,
        answers=answers,
        blank=blank,
        rejected=rejected,
    )
    return FileReading(table.name, facts, spool, pa.concat_tables(keys), rejects)
