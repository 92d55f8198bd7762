"""Lines of a survey file -> rows of surveys/responses and surveys/rejects. No I/O.

A line gives one row per question. What cannot be read exactly as declared is a reject with file,
line, column, value and reason; it is never bent into shape. Only the columns that the connection
names get into the payload, and of these neither the respondent nor (unless allowed) the comment.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from extractors.connection import SurveyFileConnection, SurveyQuestion
from extractors.errors import ConfigError
from extractors.surveys.csv_table import other_delimiter
from extractors.surveys.tables import WHOLE_LINE, FileRefused, Row, Table
from extractors.surveys.values import (
    E_MAIL,
    DayAndMonthSwapped,
    Unreadable,
    cell_text,
    parse_instant,
    parse_score,
    pseudonym,
    shown,
)

NAMED_LINES = 10  # so many line numbers are listed in an error


@dataclass(frozen=True)
class Reject:
    """Why a line, or one answer of it, is not landed."""

    column: str
    value: str
    reason: str


@dataclass
class LineResult:
    """What one line gave. `is_empty`: it holds nothing at all, which is neither an answer nor a fault."""

    line: int
    answers: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rejected_answers: int = 0
    is_empty: bool = False


@dataclass(frozen=True)
class Plan:
    """A connection's declaration, made ready for reading lines."""

    connection: SurveyFileConnection
    zone: ZoneInfo
    survey_date: datetime | None
    nulls: frozenset[str]
    key: bytes

    @property
    def columns(self) -> frozenset[str]:
        """All columns that are read."""
        source = self.connection
        optional = (
            source.submitted_at_column,
            source.response_id_column,
            source.respondent_column,
            source.scope_column,
            source.comment_column,
        )
        return frozenset([*(question.score_column for question in source.questions), *filter(None, optional)])


def make_plan(connection: SurveyFileConnection) -> Plan:
    """Check what the settings cannot know to be wrong without a file, and name it."""
    if not connection.questions:
        raise ConfigError(connection.id, "questions", remedy="Name a score_column, or [[connections.questions]].")
    if connection.submitted_at_column is None and connection.survey_date is None:
        raise ConfigError(
            connection.id, "submitted_at_column", remedy="Name the column with the answers' dates, or give survey_date."
        )
    if connection.respondent_column is not None and not connection.pseudonym_key:
        raise ConfigError(
            connection.id, "respondent_column", remedy="Give PMO_PSEUDONYM_KEY; respondents are landed as keyed hashes."
        )
    zone = _zone(connection)
    return Plan(
        connection=connection,
        zone=zone,
        survey_date=_survey_date(connection, zone),
        nulls=frozenset({"", *(text.strip() for text in connection.null_values)}),
        key=connection.pseudonym_key.reveal().encode(),
    )


def locate(plan: Plan, table: Table) -> dict[str, int]:
    """Column name -> position. A missing or doubled column is an error that helps to correct it."""
    connection, header = plan.connection, table.header
    for column in sorted(plan.columns):
        if column not in header:
            raise _missing_column(connection, table, column)
        if header.count(column) > 1:
            raise ConfigError(
                connection.id,
                f"file {table.name}, column '{column}'",
                remedy="Give the columns different names in the file.",
                detail="The header has it more than once.",
            )
    return {column: header.index(column) for column in plan.columns}


def read_lines(plan: Plan, table: Table) -> Iterator[LineResult]:
    """One result per line of the file. Dates with day and month exchanged refuse the file as a whole."""
    positions = locate(plan, table)
    swapped: list[int] = []
    for row in table.rows():
        reader = _LineReader(plan, table, positions, row)
        try:
            yield reader.read()
        except DayAndMonthSwapped:
            swapped.append(row.line)
    if swapped:
        raise _swapped_dates(plan.connection, table, swapped)


class _LineReader:
    """Reads one line; kept together because nearly every step needs the line's place."""

    def __init__(self, plan: Plan, table: Table, positions: dict[str, int], row: Row) -> None:
        self.plan, self.table, self.positions, self.row = plan, table, positions, row
        self.connection = plan.connection

    def read(self) -> LineResult:
        result = LineResult(self.row.line)
        if not self.row.trouble and not any(cell_text(cell) for cell in self.row.cells):
            result.is_empty = True
            return result
        try:
            self._check_form()
            shared = self._shared()
        except _Bad as bad:
            result.rejects.append(bad.reject)
            result.rejected_answers = len(self.connection.questions)
            return result
        for question in self.connection.questions:
            try:
                result.answers.append(self._answer(question, shared))
            except _Bad as bad:
                result.rejects.append(bad.reject)
                result.rejected_answers += 1
        return result

    def _check_form(self) -> None:
        cells, header = self.row.cells, self.table.header
        if WHOLE_LINE in self.row.trouble:
            raise _Bad(Reject("", "", self.row.trouble[WHOLE_LINE]))
        if len(cells) != len(header):  # an empty cell too many is one as well: `9,5` shifts a line by one
            raise _Bad(Reject("", "", f"the line has {len(cells)} cells, the header {len(header)}"))

    def _shared(self) -> dict[str, Any]:
        """What all answers of the line have in common."""
        source = self.connection
        comment = cell_text(self._cell(source.comment_column)) if source.comment_column else ""
        respondent = self._text(source.respondent_column)
        return {
            "survey": source.survey,
            "response_id": self._response_id(),
            "submitted_at": self._submitted_at(),
            "respondent_key": pseudonym(respondent, self.plan.key) if respondent else None,
            "scope_type": source.scope_type,
            "scope_name": self._text(source.scope_column),
            "has_comment": bool(comment),
            "comment": (comment or None) if source.include_comments else None,
            "source_file": self.table.name,
            "source_line": self.row.line,
            "repeat_days": source.repeat_days,
        }

    def _response_id(self) -> str:
        column = self.connection.response_id_column
        if column is None:
            return f"{self.table.name}:{self.row.line}"
        text = self._text(column)
        if text is None:
            raise self._bad(column, "is blank; every answer needs its id")
        if E_MAIL.search(text):  # an address is personal data, and record ids travel everywhere
            if not self.plan.key:
                raise self._bad(column, "is an e-mail address; give PMO_PSEUDONYM_KEY, so that it can be hashed")
            return pseudonym(text, self.plan.key)
        return text

    def _submitted_at(self) -> datetime:
        column = self.connection.submitted_at_column
        if column is None or self._text(column) is None:
            if self.plan.survey_date is None:
                raise self._bad(column or "", "is blank, and the connection gives no survey_date")
            return self.plan.survey_date
        try:
            return parse_instant(
                self._cell(column),
                self.connection.date_format,
                self.plan.zone,
                has_serial_dates=self.table.has_serial_dates,
                is_epoch_1904=self.table.is_epoch_1904,
            )
        except DayAndMonthSwapped:
            raise
        except Unreadable as error:
            raise self._bad(column, str(error)) from None

    def _answer(self, question: SurveyQuestion, shared: dict[str, Any]) -> dict[str, Any]:
        row = {
            **shared,
            "record_id": f"{shared['survey']}:{shared['response_id']}:{question.score_column}",
            "updated_at": shared["submitted_at"],
            "is_deleted": False,
            "question": question.score_column,
            "metric": question.metric,
            "score": self._score(question),
            "scale_min": float(question.scale_min),
            "scale_max": float(question.scale_max),
        }
        row["payload"] = self._payload(question, shared)
        row["payload_hash"] = hashlib.blake2b(msgspec.json.encode(row, order="sorted"), digest_size=16).hexdigest()
        return row

    def _score(self, question: SurveyQuestion) -> float | None:
        """None: left blank, which is no response."""
        column = question.score_column
        if self._text(column) is None:
            return None
        try:
            return parse_score(self._cell(column), self.connection.decimal, question.scale_min, question.scale_max)
        except Unreadable as error:
            raise self._bad(column, str(error)) from None

    def _payload(self, question: SurveyQuestion, shared: dict[str, Any]) -> str:
        source = self.connection
        columns = [question.score_column, source.submitted_at_column, source.scope_column]
        payload = {column: cell_text(self._cell(column)) for column in columns if column}
        if source.response_id_column:
            payload[source.response_id_column] = shared["response_id"]
        if source.comment_column and source.include_comments:
            payload[source.comment_column] = shared["comment"] or ""
        return msgspec.json.encode(payload).decode()

    def _cell(self, column: str) -> object:
        position = self.positions[column]
        if position in self.row.trouble:
            raise self._bad(column, self.row.trouble[position])
        return self.row.cells[position]

    def _text(self, column: str | None) -> str | None:
        """The cell's text, None where it is blank or one of the declared null values."""
        text = cell_text(self._cell(column)) if column else ""
        return None if text in self.plan.nulls else text

    def _bad(self, column: str, reason: str) -> _Bad:
        address = self.table.address(self.row, self.positions[column]) if column else None
        is_private = column in {self.connection.respondent_column, self.connection.comment_column}
        value = "" if is_private or not column else shown(self.row.cells[self.positions[column]])
        return _Bad(Reject(column, value, f"{reason} (cell {address})" if address else reason))


class _Bad(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, reject: Reject) -> None:
        super().__init__(reject.reason)
        self.reject = reject


def reject_row(file: str, line: int, rejects: list[Reject]) -> dict[str, Any]:
    """One row of surveys/rejects; several bad answers of one line share it."""
    row: dict[str, Any] = {
        "record_id": f"{file}:{line}",
        "updated_at": None,
        "is_deleted": False,
        "source_file": file,
        "source_line": line,
        "column": "; ".join(reject.column for reject in rejects),
        "value": "; ".join(reject.value for reject in rejects),
        "reason": "; ".join(reject.reason for reject in rejects),
    }
    row["payload"] = msgspec.json.encode({key: row[key] for key in ("column", "value", "reason")}).decode()
    return row


def quarantine_row(file: str, reason: str) -> dict[str, Any]:
    """The row of surveys/rejects for a file that could not be used at all: line 0."""
    return reject_row(file, 0, [Reject("", "", reason)])


def invitation_rows(plan: Plan) -> list[dict[str, Any]]:
    """One row of surveys/invitations per metric, if the connection says how many people were asked."""
    source = plan.connection
    if source.invited is None:
        return []
    day = date.fromisoformat(source.survey_date) if source.survey_date else None
    rows = []
    for metric in sorted({question.metric for question in source.questions}):
        row = {"survey": source.survey, "metric": metric, "invited": source.invited, "survey_date": day}
        payload = msgspec.json.encode(row).decode()
        identity = {"record_id": f"{source.survey}:{metric}", "updated_at": None, "is_deleted": False}
        rows.append({**identity, "payload": payload, **row})
    return rows


def _zone(connection: SurveyFileConnection) -> ZoneInfo:
    try:
        return ZoneInfo(connection.time_zone or "UTC")
    except (KeyError, ValueError):
        raise ConfigError(
            connection.id, f"time_zone {connection.time_zone!r}", remedy="Use an IANA name such as Europe/Berlin."
        ) from None


def _survey_date(connection: SurveyFileConnection, zone: ZoneInfo) -> datetime | None:
    if connection.survey_date is None:
        return None
    try:
        day = date.fromisoformat(connection.survey_date)
    except ValueError:
        raise ConfigError(
            connection.id, f"survey_date {connection.survey_date!r}", remedy="Write it as 2026-03-31."
        ) from None
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _missing_column(connection: SurveyFileConnection, table: Table, column: str) -> ConfigError:
    by_fold = {name.casefold(): name for name in table.header}
    near = difflib.get_close_matches(column.casefold(), list(by_fold), n=1, cutoff=0.5)
    guess = f"Did you mean '{by_fold[near[0]]}'? " if near else ""
    columns = ", ".join(f"'{shown(name, 40)}'" for name in table.header[:40])
    more = f" and {len(table.header) - 40} more" if len(table.header) > 40 else ""
    detail = f"The file has no such column; it has {columns}{more}."
    if any(connection.delimiter != mark and mark in name for name in table.header for mark in ";\t|"):
        detail += f" The header still holds {other_delimiter(table.header, connection.delimiter)!r}: "
        detail += f"the delimiter may be that and not {connection.delimiter!r}."
    return ConfigError(
        connection.id,
        f"file {table.name}, column '{column}'",
        remedy=f"{guess}Correct the column name in the configuration or in the file.",
        detail=detail,
    )


def _swapped_dates(connection: SurveyFileConnection, table: Table, lines: list[int]) -> FileRefused:
    named = ", ".join(str(line) for line in lines[:NAMED_LINES])
    more = f" and {len(lines) - NAMED_LINES} more" if len(lines) > NAMED_LINES else ""
    return FileRefused(
        connection.id,
        f"file {table.name}, column '{connection.submitted_at_column}'",
        remedy="Correct date_format, or the dates in the file. Nothing of the file was landed.",
        detail=f"The dates in lines {named}{more} fit {connection.date_format} only with day and month exchanged, "
        "so the dates of the other lines may be wrong without showing it.",
    )
