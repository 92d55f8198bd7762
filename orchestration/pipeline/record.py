"""What a run did, kept in `$PMO_HOME/runs/<run id>.json`: its steps may run in different processes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec
from filelock import FileLock

from extractors.decoding import decode

KEPT_RUNS = 200


class StreamResult(msgspec.Struct):
    """Records of one stream: in the source's answers, new rows, of them deletions."""

    seen: int = 0
    landed: int = 0
    deleted: int = 0


class CoverageResult(msgspec.Struct):
    """What was got of one stream and project (`*`: the stream has none). `expected` None: the source does not say."""

    stream: str
    project: str = "*"
    expected: int | None = None
    got: int | None = None
    deleted: int = 0
    skipped: int = 0
    reason: str | None = None

    @property
    def missing(self) -> int:
        """Records that the source has and we have not."""
        unread = max(0, self.expected - (self.got or 0)) if self.expected is not None else 0
        return max(unread, self.skipped)

    def __str__(self) -> str:
        of = f"{self.stream} of {self.project}" if self.project != "*" else self.stream
        held = f": {self.got or 0:,} of {self.expected:,}" if self.expected is not None else ""
        skipped = f", {self.skipped:,} skipped" if self.skipped else ""
        return f"{of}{held}{skipped}; {self.reason or 'the source does not say why'}"


class CheckOutcome(msgspec.Struct):
    """One quality check of this run. `asset` is the key of what it judges, joined by slashes."""

    name: str
    asset: str
    passed: bool
    is_blocking: bool
    detail: str = ""


class ConnectionResult(msgspec.Struct):
    """What became of one connection. `held_reason` None: it is at the state of this run."""

    connection_id: str
    kind: str
    tool: str
    is_asked: bool = True  # False: left out by --only
    held_reason: str | None = None
    failures: list[str] = []
    warnings: list[str] = []
    cut_histories: list[str] = []  # records whose history the tool gives only in part; `failures` tell so too
    streams: dict[str, StreamResult] = {}
    coverage: list[CoverageResult] = []
    expected: int | None = None
    got: int | None = None
    requests: int = 0
    waited_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def is_held(self) -> bool:
        return self.held_reason is not None

    @property
    def is_good(self) -> bool:
        return not self.is_held and not self.failures

    @property
    def gaps(self) -> list[CoverageResult]:
        """The parts that are not whole, the largest gap first."""
        return sorted((row for row in self.coverage if row.missing), key=lambda row: -row.missing)

    @property
    def landed(self) -> int:
        return sum(stream.landed for stream in self.streams.values())


class PublicationResult(msgspec.Struct):
    """What was published where."""

    folder: str
    tables: int
    rows: int
    data_as_of: datetime | None
    postgres: str | None = None
    notices: list[str] = []


class RunRecord(msgspec.Struct):
    """The whole run."""

    run_id: str
    started_at: datetime
    connections: dict[str, ConnectionResult] = {}
    checks: list[CheckOutcome] = []
    publication: PublicationResult | None = None


class RunRecords:
    """The folder of records. Every change is one atomic replacement."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "runs"

    def path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}.json"

    def read(self, run_id: str) -> RunRecord | None:
        try:
            return decode(self.path(run_id).read_bytes(), RunRecord)
        except FileNotFoundError:
            return None

    def last_asked(
        self, connection_ids: Iterable[str], before: datetime | None = None
    ) -> dict[str, tuple[datetime, ConnectionResult]]:
        """What became of connections when they were last asked, and when that run started.

        `before`: only runs that started until then. A connection that no kept run has asked is left out.
        """
        missing = set(connection_ids)
        found: dict[str, tuple[datetime, ConnectionResult]] = {}
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for file in files:
            if not missing:
                break
            record = decode(file.read_bytes(), RunRecord)
            if before is not None and record.started_at > before:
                continue
            asked = {key: each for key, each in record.connections.items() if key in missing and each.is_asked}
            found |= {key: (record.started_at, each) for key, each in asked.items()}
            missing -= asked.keys()
        return found

    def begin(self, run_id: str, started_at: datetime) -> RunRecord:
        """The record of `run_id`, made if this is its first step."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock():
            record = self.read(run_id)
            if record is None:
                record = RunRecord(run_id, started_at)
                self._write(record)
                self._forget_old()
            return record

    def add(
        self,
        run_id: str,
        connections: list[ConnectionResult] | None = None,
        checks: list[CheckOutcome] | None = None,
        publication: PublicationResult | None = None,
    ) -> RunRecord:
        """Add what a step did; a repeated step replaces what it said before."""
        with self._lock():
            record = self.read(run_id)
            if record is None:
                raise FileNotFoundError(self.path(run_id))
            for result in connections or []:
                record.connections[result.connection_id] = result
            if checks:
                told = {(check.asset, check.name) for check in checks}
                record.checks = [each for each in record.checks if (each.asset, each.name) not in told] + checks
            record.publication = publication or record.publication
            self._write(record)
            return record

    def _write(self, record: RunRecord) -> None:
        part = self.path(record.run_id).with_suffix(f".{os.getpid()}.part")
        part.write_bytes(msgspec.json.encode(record))
        part.replace(self.path(record.run_id))

    def _lock(self) -> FileLock:
        return FileLock(self._folder / ".lock")

    def _forget_old(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for file in files[:-KEPT_RUNS]:
            file.unlink(missing_ok=True)
