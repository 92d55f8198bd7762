"""Survey files as tests write and read them: a connection, four answers, a workbook with every kind of cell."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from extractors.connection import Secret, SurveyFileConnection, SurveyQuestion
from extractors.surveys.client import Drop, find_drops, open_table, read_drop
from extractors.surveys.reading import FileReading, read_file
from extractors.surveys.records import make_plan

NOW = datetime(2026, 4, 1, tzinfo=UTC)
NPS = SurveyQuestion(metric="nps", score_column="score", scale_min=0, scale_max=10)
# The same four answers in every dialect: a fraction, a blank, a quoted line break, a comment that reads NA.
TEXT = """id,when,who,score,team,comment
r1,2026-03-01,Ann@example.org,9.5,Café,"two
lines"
r2,2026-03-02,bob@example.org,,Rhine,NA
r3,2026-03-03,ann@example.org ,7,Rhine,
r4,2026-03-04,,10,Rhine,"semi; comma, tab\t"
"""


def connection(folder: Path, pattern: str = "*", **changes: Any) -> SurveyFileConnection:
    settings: dict[str, Any] = {
        "id": "nps",
        "path": str(folder / pattern),
        "survey": "customer",
        "questions": (NPS,),
        "submitted_at_column": "when",
        "response_id_column": "id",
        "respondent_column": "who",
        "scope_type": "team",
        "scope_column": "team",
        "comment_column": "comment",
        "null_values": ("", "NA"),
        "pseudonym_key": Secret("canary-key"),
    }
    return SurveyFileConnection(**{**settings, **changes})


def read(folder: Path, name: str, data: bytes | str, **changes: Any) -> FileReading:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    source = connection(folder, name, **changes)
    plan = make_plan(source)
    drop = only_drop(source)
    content = read_drop(source, drop)
    return read_file(plan, open_table(source, drop.name, content, plan.columns), content, drop.mtime_ns, NOW)


def only_drop(source: SurveyFileConnection) -> Drop:
    found = find_drops(source)
    for error in found.refused.values():
        raise error
    (drop,) = found.drops
    return drop


def rows(reading: FileReading) -> list[dict[str, Any]]:
    return [row for table in reading.answers.tables() for row in table.to_pylist()]


def workbook(*, is_1904: bool = False) -> bytes:
    """2026-03-01 in all the forms in which sheets hold it, and the cells that hold nothing to trust."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "date_1904": is_1904})
    hidden, sheet = book.add_worksheet("notes"), book.add_worksheet("answers")
    sheet.activate()
    hidden.hide()
    style = book.add_format({"num_format": "dd.mm.yyyy"})
    for column, title in enumerate(["id", "when", "score"]):
        sheet.write(2, column, title)
    serial = (date(2026, 3, 1) - (date(1904, 1, 1) if is_1904 else date(1899, 12, 30))).days
    day = datetime(2026, 3, 1)  # noqa: DTZ001 - sheets know no zones
    sheet.write_datetime(3, 1, day, style)
    sheet.write_number(4, 1, serial)
    sheet.write_string(5, 1, "01.03.2026")
    sheet.write_formula(6, 1, "=DATE(2026,3,1)", None, serial)
    sheet.write_formula(7, 1, "=DATE(2026,3,1)", None, "")
    sheet.write_formula(8, 1, "=NA()", None, "#N/A")
    sheet.write_string(9, 1, "2026-03-01")
    sheet.write_number(10, 1, 60)
    sheet.write_datetime(11, 1, day, style)
    for row in range(3, 12):
        sheet.write_number(row, 0, row + 1)
        sheet.write_number(row, 2, 9)
    sheet.write_formula(11, 2, "=1+8", None, "")
    book.close()
    return buffer.getvalue()
