"""Survey files as a source: what to read again, what to land, what to remember.

Reads the files that the connection's pattern names and lands surveys/responses, surveys/rejects and
surveys/invitations, with one coverage row per file. The cursor remembers every file with size, time
and hash. A run is one batch: files are small, and answers of several files can replace one another.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

import msgspec

from extractors.connection import SILENT, CheckLine, Coverage, ExtractReport, Progress, SurveyFileConnection
from extractors.errors import ExtractError
from extractors.landing import Batch, Landing, Run
from extractors.surveys.client import Drop, find_drops, open_table, read_drop, split_pattern
from extractors.surveys.reading import REJECTS, RESPONSES, FileFacts, FileReading, read_file
from extractors.surveys.records import Plan, invitation_rows, locate, make_plan
from extractors.surveys.repeats import Outcome, settle

INVITATIONS = "surveys/invitations"
CURSOR_VERSION = 1
SETTLED = timedelta(seconds=2)  # a file this young may change again without a change of its time


class SurveyCursor(msgspec.Struct):
    """`declaration` is a hash of everything that decides how a line is read."""

    version: int = CURSOR_VERSION
    declaration: str = ""
    files: dict[str, FileFacts] = {}


class SurveyFileSource:
    """One configured set of survey files."""

    def __init__(self, connection: SurveyFileConnection, *, progress: Progress = SILENT) -> None:
        self.connection = connection
        self.progress = progress

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land what is new or changed. Raises if any file cannot be used; then nothing of the run is landed."""
        plan = make_plan(self.connection)
        before = self._cursor(landing, plan)
        drops = find_drops(self.connection)
        readings, facts = self._read(plan, drops, before, run.started_at)
        report = ExtractReport(self.connection.id, run.run_id)
        batch = landing.batch(run, self.connection.id, self.connection.kind)
        gone = sorted(set(before.files) - set(facts))
        self._land(landing, batch, plan, readings, facts, report)
        self._describe(batch, plan, facts, {name: before.files[name] for name in gone}, report)
        # A file that is gone stays in the cursor, so that every later run says so as well.
        cursor = SurveyCursor(declaration=_declaration(plan), files={**{n: before.files[n] for n in gone}, **facts})
        batch.commit(msgspec.to_builtins(cursor), is_final=True)
        return report

    def check(self) -> list[CheckLine]:
        """For `pmo doctor`: which files are there, and whether their columns are."""
        try:
            plan = make_plan(self.connection)
            drops = find_drops(self.connection)
        except ExtractError as error:
            return [CheckLine("fail", "files", str(error))]
        lines = []
        for drop in drops:
            try:
                table = open_table(
                    self.connection, drop.name, read_drop(self.connection, drop), plan.columns
                )
                locate(plan, table)
                lines.append(CheckLine("ok", drop.name, f"{drop.size:,} bytes, {len(table.header)} columns"))
            except ExtractError as error:
                lines.append(CheckLine("fail", drop.name, str(error)))
        size = sum(drop.size for drop in drops)
        lines.append(CheckLine("ok", "first load", f"{len(drops)} files, {size / 2**20:,.1f} MB: under a minute"))
        return lines

    def _cursor(self, landing: Landing, plan: Plan) -> SurveyCursor:
        stored = landing.cursor(self.connection.id)
        if stored is None or stored.get("version") != CURSOR_VERSION:
            return SurveyCursor()
        cursor = msgspec.convert(stored, SurveyCursor)
        if cursor.declaration != _declaration(plan):
            # Read otherwise than before: every file counts as changed, though known.
            unread = {name: msgspec.structs.replace(facts, sha256="") for name, facts in cursor.files.items()}
            return SurveyCursor(declaration=cursor.declaration, files=unread)
        return cursor

    def _read(
        self, plan: Plan, drops: Sequence[Drop], before: SurveyCursor, now: datetime
    ) -> tuple[dict[str, FileReading], dict[str, FileFacts]]:
        """The readings of the files that have to be read, and what is now known of all files there are."""
        changed: dict[str, bytes] = {}
        facts: dict[str, FileFacts] = {}
        problems: list[ExtractError] = []
        readings: dict[str, FileReading] = {}
        for drop in drops:
            known = before.files.get(drop.name)
            if known is not None and _is_untouched(known, drop):
                facts[drop.name] = known
                continue
            data = self._try(problems, lambda drop=drop: read_drop(self.connection, drop))
            if data is None:
                continue
            if known is not None and known.sha256 == hashlib.sha256(data).hexdigest():
                facts[drop.name] = msgspec.structs.replace(known, mtime_ns=drop.mtime_ns, read_at=now)
            else:
                changed[drop.name] = data
        return readings, facts
