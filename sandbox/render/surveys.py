"""The organisation's survey answers as the files that survey tools hand over, each in a dialect of its own.

Every answer is in one file only. Columns and dialects: sandbox/README.md.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from sandbox.model import Answer

NPS_FILE, CSAT_FILE, CSAT_WORKBOOK = "nps_relationship.csv", "csat_delivery_de.csv", "csat_delivery.xlsx"
_COLUMNS = ("response_id", "submitted_at", "respondent", "team", "product", "score", "comment")
_GERMAN = ("Antwort-Nr", "Eingang", "Kunde", "Team", "Produkt", "Bewertung", "Begründung")
_WORKBOOK = ("Response", "Submitted", "Respondent", "Team", "Product", "Rating", "Comment")
_MADE = datetime(2024, 1, 1)  # noqa: DTZ001 - a workbook's properties know no zone; fixed, so that bytes repeat


def write_surveys(answers: Iterable[Answer], folder: Path) -> None:
    """Writes the three files anew where their content changed; each replaces its predecessor at once."""
    folder.mkdir(parents=True, exist_ok=True)
    nps: list[Answer] = []
    csat: list[Answer] = []
    for answer in answers:
        (nps if answer.metric == "nps" else csat).append(answer)
    by_workbook = set(sorted({answer.team for answer in csat})[::2])  # every other team hands over a workbook
    german = [answer for answer in csat if answer.team not in by_workbook]
    english = [answer for answer in csat if answer.team in by_workbook]
    _replace(folder / NPS_FILE, _csv(_COLUMNS, map(_plain, nps), ",").encode())
    _replace(folder / CSAT_FILE, _csv(_GERMAN, map(_german, german), ";").encode("cp1252", "replace"))
    _replace(folder / CSAT_WORKBOOK, _workbook(english))


def _replace(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _plain(answer: Answer) -> tuple[Any, ...]:
    score = "" if answer.score is None else answer.score
    at = answer.submitted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    who = answer.respondent_email
    return (answer.answer_id, at, who, answer.team, answer.product, score, answer.comment)


def _german(answer: Answer) -> tuple[Any, ...]:
    score = "" if answer.score is None else f"{answer.score:.1f}".replace(".", ",")
    at = answer.submitted_at.strftime("%d.%m.%Y %H:%M:%S")
    who = answer.respondent_email
    return (answer.answer_id, at, who, answer.team, answer.product, score, answer.comment)


def _workbook(answers: Iterable[Answer]) -> bytes:
    """Real dates and numbers in the cells; a blank answer is an empty cell."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": _MADE})
        dates = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet = book.add_worksheet("Answers")
        sheet.write_row(0, 0, _WORKBOOK)
        for line, answer in enumerate(answers, start=1):
            sheet.write_number(line, 0, answer.answer_id)
            sheet.write_datetime(line, 1, answer.submitted_at.replace(tzinfo=None), dates)
            sheet.write_row(line, 2, (answer.respondent_email, answer.team, answer.product))
            if answer.score is not None:
                sheet.write_number(line, 5, answer.score)
            sheet.write_string(line, 6, answer.comment)
    return content.getvalue()
