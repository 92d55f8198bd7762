"""One survey file, read: its rows in columns, and what became of its lines. Bounded by the file size limits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from extractors.streams import STREAMS
from extractors.surveys.records import Plan, read_lines, reject_row
from extractors.surveys.tables import Table

RESPONSES = "surveys/responses"
REJECTS = "surveys/rejects"
CHUNK_ROWS = 20_000
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


@dataclass
class FileReading:
    """`answers` has the columns of surveys/responses, `rejects` rows of surveys/rejects."""

    name: str
    facts: FileFacts
    answers: pa.Table
    rejects: list[dict[str, Any]] = field(default_factory=list)


def read_file(plan: Plan, table: Table, data: bytes, mtime_ns: int, read_at: datetime) -> FileReading:
    """Read all lines. Raises ConfigError or FileRefused for what makes the file as a whole unusable."""
    chunks: list[pa.Table] = []
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
            chunks.append(pa.Table.from_pylist(rows, ROW_SCHEMA))
            rows = []
    chunks.append(pa.Table.from_pylist(rows, ROW_SCHEMA))
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
    return FileReading(table.name, facts, pa.concat_tables(chunks), rejects)
