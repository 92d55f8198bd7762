"""Qualtrics' JSON -> surveys and responses. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from extractors.connection import SurveyApiConnection
from extractors.surveys.api.model import Asked, Illegible, Response, Survey, choose_questions, instant
from extractors.surveys.qualtrics.client import DefinedQuestion, Definition, Given

NPS_SCALE = (0.0, 10.0)
PREVIEW, TEST, SPAM = 1, 2, 8  # bits of a response's status
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def survey_of(connection: SurveyApiConnection, survey_id: str, definition: Definition) -> Survey:
    asked = [one for name, question in definition.questions.items() for one in asked_of(name, question)]
    return Survey(survey_id, definition.survey_name or survey_id, choose_questions(connection, survey_id, asked))


def asked_of(name: str, question: DefinedQuestion) -> Iterator[Asked]:
    """The tool marks NPS questions; others count if pmo.toml names them. A matrix has a score in each line."""
    title = " ".join(re.sub(r"<[^>]+>|&nbsp;", " ", question.question_text).split())
    if question.selector == "NPS" or question.question_type == "NPS":
        yield Asked(name, title, frozenset({name, question.data_export_tag}), "nps", NPS_SCALE)
        return
    if question.question_type == "Matrix" and isinstance(question.choices, dict):
        for line, words in question.choices.items():
            tag = f"{question.data_export_tag}_{line}"
            text = words.get("Display", line) if isinstance(words, dict) else line
            scale = _scale(question.recode_values, question.answers)
            yield Asked(f"{name}_{line}", f"{title}: {text}", frozenset({f"{name}_{line}", tag}), None, scale)
        return
    scale = _scale(question.recode_values, question.choices)
    yield Asked(name, title, frozenset({name, question.data_export_tag}), None, scale)


def _scale(recoded: object, offered: object) -> tuple[float, float] | None:
    """From the recode values, else from the ids of the choices, which are their values then."""
    values: list[object] = []
    if isinstance(recoded, dict) and recoded:
        values = list(recoded.values())
    elif isinstance(offered, dict):
        values = list(offered)
    if len(values) < 2 or not all(NUMBER.fullmatch(str(value)) for value in values):
        return None
    numbers = [float(str(value)) for value in values]
    return min(numbers), max(numbers)


def response_of(connection: SurveyApiConnection, survey: Survey, given: Given) -> Response:
    values = given.values
    recorded = str(values.get("recordedDate") or values.get("endDate") or "")
    return Response(
        id=given.response_id,
        submitted_at=instant(connection.id, f"the recorded date of response {given.response_id}", recorded),
        modified_at=None,  # the export is sorted by changes, but does not date them
        scores={question.id: score_of(values.get(question.id)) for question in survey.questions},
        respondent=_text(values, connection.respondent_field or "recipientEmail"),
        scope_name=_text(values, connection.scope_field),
        comment=_comment(values, connection.comment_question),
        uncounted=_uncounted(values),
    )


def score_of(value: object) -> float | Illegible | None:
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        return float(value)
    return Illegible("the answer is not a number")


def _uncounted(values: Mapping[str, Any]) -> str | None:
    status = values.get("status")
    bits = int(status) if isinstance(status, (int, float)) else 0
    for bit, words in ((PREVIEW, "a preview"), (TEST, "a test"), (SPAM, "marked as spam")):
        if bits & bit:
            return words
    return None if values.get("finished", 1) in (1, True, "1", "true") else "not finished"


def _comment(values: Mapping[str, Any], question: str | None) -> str | None:
    """Texts are exported as `QID5_TEXT`."""
    return (_text(values, f"{question}_TEXT") or _text(values, question)) if question else None


def _text(values: Mapping[str, Any], name: str | None) -> str | None:
    value = values.get(name) if name else None
    return str(value).strip() or None if value is not None else None
