"""Survey files as a source: what to read again, what to land, what to remember.

Reads the files that the connection's pattern names and lands surveys/responses, surveys/rejects and
surveys/invitations, with one coverage row per file. The cursor remembers every file with size, time
and hash. A run is one batch: answers of several files can replace one another. A file that cannot be used is
quarantined: nothing of it is read, what was landed of it stays, the run is red and names it, the others go on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from extractors.connection import SILENT, CheckLine, Coverage, ExtractReport, Progress, SurveyFileConnection
from extractors.decoding import convert
from extractors.errors import ExtractError
from extractors.landing import Landing, Run
from extractors.surveys.client import Drop, Found, find_drops, open_table, read_drop, split_pattern
from extractors.surveys.reading import REJECTS, RESPONSES, FileFacts, FileReading, read_file
from extractors.surveys.records import Plan, invitation_rows, locate, make_plan, quarantine_row
from extractors.surveys.repeats import KEY_COLUMNS, Outcome, settle
from extractors.writing import Writer

INVITATIONS = "surveys/invitations"
CURSOR_VERSION = 1
MINUTES_PER_MB = 0.02  # measured with one question per line
SETTLED = timedelta(seconds=2)  # a file written so shortly before it was read may change without a newer time


class SurveyCursor(msgspec.Struct):
    """`declaration` is a hash of everything that decides how a line is read; `files` also holds those now gone."""

    version: int = CURSOR_VERSION
    declaration: str = ""
    files: dict[str, FileFacts] = {}


class SurveyFileSource:
    """One configured set of survey files."""

    def __init__(self, connection: SurveyFileConnection, *, progress: Progress = SILENT) -> None:
        self.connection = connection
        self.progress = progress

    def extract(self, landing: Landing, run: Run) -> ExtractReport:
        """Land what is new or changed; files that cannot be used are failures of the report. Raises if all are."""
        plan = make_plan(self.connection)
        with landing.exclusive(self.connection.id):
            return self._extract(landing, run, plan)

    def _extract(self, landing: Landing, run: Run, plan: Plan) -> ExtractReport:
        before = self._cursor(landing, plan, is_full=run.is_full)
        present = _Present(plan, before, find_drops(self.connection), run.started_at, landing.home)
        present.read(self.progress)
        report = ExtractReport(self.connection.id, run.run_id, failures=list(present.quarantined.values()))
        here = {*present.facts, *map(landing.erasures.cleaned, present.facts)}  # a cursor is erased like anything else
        kept = {name: facts for name, facts in before.files.items() if name not in here}
        gone = {name: facts for name, facts in kept.items() if name not in present.quarantined}
        writer = Writer(landing, run, self.connection, report)
        repeated = self._land(writer, plan, present)
        facts = {
            name: msgspec.structs.replace(known, repeated=repeated[name]) if name in repeated else known
            for name, known in present.facts.items()
        }
        writer.commit_rows(msgspec.to_builtins(before))  # so that what is counted is what is landed
        held = _held(landing, self.connection.id)
        writer.cover([*coverage_rows(facts, gone, held), *quarantine_coverage(present.quarantined, held)])
        _, pattern = split_pattern(self.connection)
        # Where the folder lies says nothing about the answers, and differs between machines: the pattern is the url.
        name, zone = self.connection.survey, plan.zone.key
        writer.describe(deployment="file", name=name, url=pattern, time_zone=zone, tool_version=None)
        cursor = SurveyCursor(declaration=declaration_hash(plan), files={**kept, **facts})
        writer.commit(msgspec.to_builtins(cursor), is_final=True)
        return report

    def check(self) -> list[CheckLine]:
        """For `pmo doctor`: which files are there, and whether their columns are."""
        try:
            plan = make_plan(self.connection)
            found = find_drops(self.connection)
        except ExtractError as error:
            return [CheckLine("fail", "files", str(error))]
        lines = [CheckLine("fail", name, str(error)) for name, error in found.refused.items()]
        for drop in found.drops:
            try:
                data = read_drop(self.connection, drop)
                table = open_table(self.connection, drop.name, data, plan.columns)
                locate(plan, table)
                lines.append(CheckLine("ok", drop.name, f"{drop.size:,} bytes, {len(table.header)} columns"))
            except ExtractError as error:
                lines.append(CheckLine("fail", drop.name, str(error)))
        size = sum(drop.size for drop in found.drops) / 2**20
        minutes = max(1, round(size * MINUTES_PER_MB))
        lines.append(
            CheckLine("ok", "first load", f"{len(found.drops)} files, {size:,.1f} MB: about {minutes} minutes")
        )
        return lines

    def _cursor(self, landing: Landing, plan: Plan, *, is_full: bool) -> SurveyCursor:
        stored = landing.cursor(self.connection.id)
        if stored is None or stored.get("version") != CURSOR_VERSION:
            return SurveyCursor()
        cursor = convert(stored, SurveyCursor)
        if cursor.declaration == declaration_hash(plan) and not is_full:
            return cursor
        # Lines are read otherwise than before, or all again: every file counts as changed, though as known.
        unread = {name: msgspec.structs.replace(facts, sha256="", size=-1) for name, facts in cursor.files.items()}
        return SurveyCursor(declaration=cursor.declaration, files=unread)

    def _land(self, writer: Writer, plan: Plan, present: _Present) -> dict[str, int]:
        """Append rows and deletions; how many answers of each file just read are repeats."""
        outcome = self._settle(writer.landing, present.readings)
        for name, reading in present.readings.items():
            place = 0
            for table in reading.answers.tables():
                keep = outcome.kept[name][place : place + table.num_rows]
                place += table.num_rows
                writer.append(RESPONSES, table.filter(pa.array(keep)))
        writer.delete(RESPONSES, outcome.vanished)
        rejects = [row for reading in present.readings.values() for row in reading.rejects]
        rejects += [quarantine_row(name, str(error)) for name, error in present.quarantined.items()]
        # Of the files just read; a line or file that has been put right is no reject any more.
        known = {writer.landing.erasures.cleaned_id(name, REJECTS) for name in present.readings}
        writer.replace(REJECTS, rejects, lambda key: _is_settled(key, known))
        writer.append(INVITATIONS, invitation_rows(plan))
        return {name: outcome.repeated[name] for name in present.readings}

    def _settle(self, landing: Landing, read: Mapping[str, FileReading]) -> Outcome:
        if not read:
            return Outcome()
        landed = landing.latest(RESPONSES, self.connection.id, [*KEY_COLUMNS, "source_file", "is_deleted"])
        # Ids and names of files as they are landed: without the persons who were erased.
        keys = {name: landing.erasures.clean(reading.keys, RESPONSES) for name, reading in read.items()}
        names = {name: landing.erasures.cleaned(name) for name in read}
        return settle(keys, landed.filter(pc.invert(landed["is_deleted"])), names)


def _held(landing: Landing, connection_id: str) -> Callable[[str], int]:
    """How many answers of a file are landed and not deleted."""
    table = landing.latest(RESPONSES, connection_id, ["source_file", "is_deleted"])
    alive = table.filter(pc.invert(table["is_deleted"]))["source_file"]
    counts = {row["values"]: row["counts"] for row in alive.value_counts().to_pylist()}
    return lambda name: counts.get(landing.erasures.cleaned(name), 0)


def _is_settled(key: str, read: set[str]) -> bool:
    """Whether this run knows all rejects of the file that `key` (`<file>:<line>`) belongs to; line 0 is the file."""
    file, _, line = key.rpartition(":")
    return line == "0" or file in read


class _Present:
    """The files that are there: which of them had to be read, and what is now known of each.

    `quarantined` are those that cannot be used, with the reason; they are tried again in every run.
    """

    def __init__(self, plan: Plan, before: SurveyCursor, found: Found, now: datetime, folder: Path) -> None:
        self.plan, self.before, self.drops, self.now, self.folder = plan, before, found.drops, now, folder
        self.readings: dict[str, FileReading] = {}
        self.facts: dict[str, FileFacts] = {}
        self.quarantined: dict[str, ExtractError] = dict(found.refused)

    def read(self, progress: Progress) -> None:
        """Read what is new or changed; where answers have ids of their own, all files if one has changed.

        Ids tie files together: what a changed file no longer holds, an unchanged one may.
        """
        for number, drop in enumerate(self.drops, start=1):
            self._visit(drop, is_forced=False)
            progress.advance(RESPONSES, number, len(self.drops))
        if self.readings and self.plan.connection.response_id_column is not None:
            for drop in self.drops:
                if drop.name not in self.readings and drop.name not in self.quarantined:
                    self._visit(drop, is_forced=True)
        if self.quarantined and not self.facts:
            raise _joined(list(self.quarantined.values()))

    def _visit(self, drop: Drop, *, is_forced: bool) -> None:
        known = self.before.files.get(drop.name)
        if known is not None and not is_forced and _is_untouched(known, drop):
            self.facts[drop.name] = known
            return
        source = self.plan.connection
        try:
            data = read_drop(source, drop)
            if known is not None and not is_forced and known.sha256 == hashlib.sha256(data).hexdigest():
                self.facts[drop.name] = msgspec.structs.replace(known, mtime_ns=drop.mtime_ns, read_at=self.now)
                return
            table = open_table(source, drop.name, data, self.plan.columns)
            reading = read_file(self.plan, table, data, drop.mtime_ns, self.now, self.folder)
        except ExtractError as error:
            self.quarantined[drop.name] = error
            self.facts.pop(drop.name, None)
            return
        self.readings[drop.name] = reading
        self.facts[drop.name] = reading.facts


def coverage_rows(present: Mapping[str, FileFacts], gone: Iterable[str], held: Callable[[str], int]) -> list[Coverage]:
    """One row per file, the files that are gone included: their answers are kept. `held`: what is landed of a file."""
    rows = []
    for name, facts in sorted(present.items()):
        reasons = [
            f"{number:,} {words}"
            for number, words in (
                (facts.rejected, "cannot be read as declared, see surveys/rejects"),
                (facts.repeated, "repeat an answer that is kept in a newer form"),
            )
            if number
        ]
        rows.append(
            Coverage(
                RESPONSES,
                name,
                expected=facts.answers,
                got=held(name),
                skipped=facts.rejected + facts.repeated,
                reason="; ".join(reasons) or None,
            )
        )
    for name in sorted(gone):
        reason = "the file is gone; the answers landed from it are kept"
        rows.append(Coverage(RESPONSES, name, got=held(name), reason=reason))
    return rows


def quarantine_coverage(quarantined: Mapping[str, ExtractError], held: Callable[[str], int]) -> list[Coverage]:
    """One row per file that cannot be used; what an earlier form of it gave is kept."""
    return [
        Coverage(RESPONSES, name, got=held(name), reason=f"quarantined: {error}")
        for name, error in sorted(quarantined.items())
    ]


def declaration_hash(plan: Plan) -> str:
    """Changes with everything that decides how lines are read, the pseudonym key included (as a keyed hash)."""
    settings = dataclasses.asdict(dataclasses.replace(plan.connection, path="", ca_bundle=None))
    settings.pop("pseudonym_key")
    text = msgspec.json.encode(settings, order="sorted", enc_hook=str)
    return hmac.new(plan.key, text, hashlib.sha256).hexdigest()[:32]


def _is_untouched(known: FileFacts, drop: Drop) -> bool:
    is_same = known.size == drop.size and known.mtime_ns == drop.mtime_ns
    return is_same and drop.mtime_ns < (known.read_at - SETTLED).timestamp() * 1e9


def _joined(problems: Sequence[ExtractError]) -> ExtractError:
    """The first problem as the error; the others are named in it, so that one run shows all there is to mend."""
    first, others = problems[0], problems[1:]
    if others:
        named = " ".join(str(error) for error in others[:5])
        more = f" {len(others) - 5} more files have problems." if len(others) > 5 else ""
        first.remedy = f"{first.remedy.rstrip('.')}. Also: {named}{more}"
    return first
