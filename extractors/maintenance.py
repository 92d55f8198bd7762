"""Maintenance of the raw tables: many small files become few, rows that count for nobody go, old files are removed.

Every step is one Delta commit of its own, so a kill at any instant leaves a table as it was before that step or as it
is after it, with the same visible rows. Files that a killed step left are unknown to the table; the vacuum of a later
maintenance removes them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import DeltaTable, WriterProperties

from extractors.arrow import dataset as ds
from extractors.batch_files import set_right
from extractors.landing import Landing, storing
from extractors.ledger import ACCEPTED, HELD, PENDING
from extractors.streams import LEDGER, STREAMS
from extractors.tables import RawFile, RawTable

RETENTION = timedelta(days=7)  # of files that are in no table any more: a reader may still have them open
LOOSE_FILES = 30  # of one table, before a run tidies it up: each one costs every look-up of every run
_GROUP_BYTES = 48 * 1024 * 1024  # of uncompressed Parquet in one new file: bounds the memory
_GROUP_ROWS = 200_000
_ZSTD = WriterProperties(compression="ZSTD")
_ORDER = [("connection_id", "ascending"), ("record_id", "ascending"), ("extracted_at", "ascending")]


@dataclass
class TableReport:
    """What was done to one table, or would be. `rows_removed`: of batches that never counted, or were held."""

    name: str
    files_before: int
    files_after: int = 0
    rows_removed: int = 0
    files_vacuumed: int = 0
    bytes_freed: int = 0

    @property
    def has_work(self) -> bool:
        return self.files_after != self.files_before or bool(self.rows_removed or self.files_vacuumed)


@dataclass
class MaintenanceReport:
    """All tables that exist, in the order of streams.py; the ledger and other tables behind them."""

    tables: list[TableReport] = field(default_factory=list)

    def total(self, name: str) -> int:
        return sum(int(getattr(table, name)) for table in self.tables)


Told = Callable[[str, int, int], None]
"""Progress: name of the table, which one of how many."""


def maintain(
    landing: Landing, *, retention: timedelta = RETENTION, is_dry: bool = False, told: Told = lambda *_: None
) -> MaintenanceReport:
    """Maintain every table. Raises AlreadyRunning if a connection is being extracted, LandingError if a disk fails."""
    report = MaintenanceReport()
    with alone(landing):
        tables = [table for table in landing.tables() if table.open() is not None]
        others = other_tables(landing)
        for number, table in enumerate(tables, start=1):
            told(table.name, number, len(tables) + len(others))
            report.tables.append(_Work(landing, table, retention, is_dry=is_dry).run())
        if not is_dry:
            set_right(landing)
        for number, other in enumerate(others, start=len(tables) + 1):
            told(other.relative_to(landing.folder).as_posix(), number, len(tables) + len(others))
            report.tables.append(_maintain_other(landing, other, retention, is_dry=is_dry))
    return report


def tidy_up(landing: Landing, most_loose: int = LOOSE_FILES) -> list[TableReport]:
    """Maintain only the tables with more than `most_loose` small files: what a run does so that the next stay fast."""
    due = [table for table in landing.tables() if len(_loose(table, landing)) > most_loose]
    if not due:
        return []
    with alone(landing):
        done = [_Work(landing, table, RETENTION, is_dry=False).run() for table in due]
        set_right(landing)
    return done


@contextlib.contextmanager
def alone(landing: Landing) -> Iterator[None]:
    """Nobody lands while files are put together, also where somebody extracts without the lock of a run."""
    known = {name for table in landing.tables() for file in table.all_files() for name in file.connections}
    known |= set(landing.ledger.table()["connection_id"].unique().to_pylist())
    with contextlib.ExitStack() as stack:
        for connection_id in sorted(known):
            stack.enter_context(landing.exclusive(connection_id))
        yield


def _verdicts(landing: Landing) -> dict[str, str]:
    rows = landing.ledger.table()
    return dict(zip(rows["batch_id"].to_pylist(), rows["verdict"].to_pylist(), strict=True))


def _loose(table: RawTable, landing: Landing) -> list[RawFile]:
    """Small files whose rows are accepted. Those of a pending batch wait: they may be held yet, and then go whole."""
    files = [file for file in table.all_files() if not file.is_full]
    if not files:
        return []
    verdicts = _verdicts(landing)
    return [file for file in files if file.batch_id is None or verdicts.get(file.batch_id) == ACCEPTED]


class _Work:
    """Maintenance of one raw table."""

    def __init__(self, landing: Landing, table: RawTable, retention: timedelta, *, is_dry: bool) -> None:
        self._landing = landing
        self._table = table
        self._retention = retention
        self._is_dry = is_dry
        self._report = TableReport(table.name, files_before=len(table.all_files()))

    def run(self) -> TableReport:
        with storing("*", f"stream {self._table.name}"):
            after = self._remove_dead() + self._put_together()
            self._report.files_after = self._report.files_before + after
            _vacuum(DeltaTable(self._table.path), self._report, self._retention, is_dry=self._is_dry)
        return self._report

    def _remove_dead(self) -> int:
        """Files of batches that are not in the ledger or are held; by how many files the table grew (less than 0).

        A file of several batches holds accepted ones only, for only those are ever put together.
        """
        verdicts = _verdicts(self._landing)
        dead = [
            file
            for file in self._table.all_files()
            if file.batch_id is not None and verdicts.get(file.batch_id, HELD) not in (ACCEPTED, PENDING)
        ]
        self._report.rows_removed = sum(file.rows for file in dead)
        if dead and not self._is_dry:
            self._table.replace(dead, self._table.schema.empty_table(), "part", data_change=True)
        return -len(dead)

    def _put_together(self) -> int:
        growth = 0
        for group, is_full in _groups(_loose(self._table, self._landing)):
            if len(group) < 2:
                continue
            growth += 1 - len(group)
            if not self._is_dry:
                paths = [str(file.path) for file in group]
                rows = ds.dataset(paths, schema=self._table.schema, format="parquet").to_table(use_threads=False)
                self._table.replace(group, rows.sort_by(_ORDER), "full" if is_full else "part", data_change=False)
        return growth


def _groups(files: Sequence[RawFile]) -> Iterator[tuple[list[RawFile], bool]]:
    """Files to put together, neighbours by connection and record, and whether they make a full file."""
    group: list[RawFile] = []
    size = rows = 0
    for file in sorted(files, key=lambda each: (each.connections, each.records)):
        metadata = pq.read_metadata(file.path)
        more = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if group and (size + more > _GROUP_BYTES or rows + file.rows > _GROUP_ROWS):
            yield group, True
            group, size, rows = [], 0, 0
        group.append(file)
        size, rows = size + more, rows + file.rows
    yield group, size > _GROUP_BYTES / 2 or rows > _GROUP_ROWS / 2


def _vacuum(delta: DeltaTable, report: TableReport, retention: timedelta, *, is_dry: bool) -> None:
    """Remove files that are in no table any more, and those that a killed writer left, once they are old enough."""
    hours = int(retention.total_seconds() // 3600)
    folder = Path(delta.table_uri.removeprefix("file://"))
    told = delta.vacuum(hours, dry_run=True, enforce_retention_duration=False, full=True)
    old = [file for name in told if (file := folder / name).exists()]  # the log also tells of those long gone
    report.files_vacuumed = len(old)
    report.bytes_freed = sum(file.stat().st_size for file in old)
    if is_dry:
        return
    if old:
        delta.vacuum(hours, dry_run=False, enforce_retention_duration=False, full=True)
    if report.has_work:
        delta.create_checkpoint()
        delta.cleanup_metadata()


def other_tables(landing: Landing) -> list[Path]:
    """Tables below raw that streams.py does not know, by their full path: the ledger, past publications."""
    known = {landing.folder / name for name in STREAMS}
    return sorted(log.parent for log in landing.folder.glob("*/*/_delta_log") if log.parent not in known)


def _maintain_other(landing: Landing, path: Path, retention: timedelta, *, is_dry: bool) -> TableReport:
    delta = DeltaTable(path)
    name = path.relative_to(landing.folder).as_posix()
    report = TableReport(name, files_before=len(delta.file_uris()))
    report.files_after = min(report.files_before, 1) if is_dry else report.files_before
    with storing("*", name):
        if not is_dry:
            if name == LEDGER:
                landing.ledger.compact()
            elif report.files_before > 1:
                delta.optimize.compact(writer_properties=_ZSTD)
            delta = DeltaTable(path)
            report.files_after = len(delta.file_uris())
        _vacuum(delta, report, retention, is_dry=is_dry)
    return report
