"""Which of several answers with one id holds, and which landed answers are gone. No I/O.

The rule: of all rows with the same survey, response id and question the one submitted last holds; at
the same instant the one in the file whose name sorts last, and in one file the later line. Files with
the answers of a person who answered twice under two ids are two responses: that is for the survey
tool to decide. An answer vanishes when the file that it was landed from is still there and no file
holds it any more; a file that is gone takes nothing with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Rank:
    """What decides between two answers with one id: the greater holds."""

    submitted_at: datetime
    file: str
    line: int


@dataclass
class Outcome:
    """`kept`: the rows to land. `vanished`: ids that the files no longer have. `repeated`: rows left out, by file."""

    kept: list[pa.Table] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)


def settle(read: Mapping[str, pa.Table], landed: Sequence[Mapping[str, Any]], read_again: frozenset[str]) -> Outcome:
    """Decide between the rows just `read` (by file) and those `landed` before.

    `read_again` are the files whose landed rows the reading replaces; rows landed from others stand as they are.
    """
    best: dict[str, Rank] = {}
    for file, table in read.items():
        for record_id, rank in _ranks(file, table):
            if record_id not in best or rank > best[record_id]:
                best[record_id] = rank
    outcome = Outcome()
    standing: dict[str, Rank] = {}
    for row in landed:
        record_id = row["record_id"]
        if row["source_file"] not in read_again:
            standing[record_id] = Rank(row["submitted_at"] or EARLIEST, row["source_file"], row["source_line"])
        elif record_id not in best:
            outcome.vanished.append(record_id)
    for file, table in read.items():
        keep = []
        for position, (record_id, rank) in enumerate(_ranks(file, table)):
            is_beaten = record_id in standing and standing[record_id] > rank
            if best[record_id] == rank and not is_beaten:
                keep.append(position)
            else:
                outcome.repeated[file] += 1
        outcome.kept.append(table.take(pa.array(keep, pa.int64())))
    return outcome


def _ranks(file: str, table: pa.Table) -> list[tuple[str, Rank]]:
    columns = [table.column(name).to_pylist() for name in ("record_id", "submitted_at", "source_line")]
    return [(record_id, Rank(at or EARLIEST, file, line)) for record_id, at, line in zip(*columns, strict=True)]
