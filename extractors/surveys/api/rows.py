"""Responses of an online survey -> rows of surveys/responses and surveys/rejects. No I/O.

A response gives one row per question. The payload holds only what counts: never an address, a name, or a text that
was not asked for. An answer that cannot be read is a reject; it is never bent into shape.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extractors.connection import SurveyApiConnection
from extractors.erasure import Erasures
from extractors.rows import digest
from extractors.surveys.api.model import Illegible, Question, Response, Survey
from extractors.surveys.values import pseudonym, shown

STREAM = "surveys/responses"


@dataclass
class Rows:
    """Of one page. `seen` are the response ids, `uncounted` those landed without scores."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    uncounted: set[str] = field(default_factory=set)

    def cleaned(self, erasures: Erasures) -> Rows:
        """The same with all ids as they are landed: without the persons who were erased."""
        if not erasures:
            return self
        answers, rejects = (
            [row | {"record_id": erasures.cleaned_id(row["record_id"], STREAM)} for row in rows]
            for rows in (self.answers, self.rejects)
        )
        seen, uncounted = (
            {erasures.cleaned_id(name, STREAM) for name in names} for names in (self.seen, self.uncounted)
        )
        return Rows(answers, rejects, seen, uncounted)


def rows_of(connection: SurveyApiConnection, survey: Survey, responses: Iterable[Response]) -> Rows:
    """All rows of some responses; of a response that comes twice the one changed last holds."""
    newest: dict[str, Response] = {}
    for response in responses:
        known = newest.get(response.id)
        if known is None or _changed(response) >= _changed(known):
            newest[response.id] = response
    rows = Rows(seen=set(newest))
    for response in newest.values():
        if response.uncounted:
            rows.uncounted.add(response.id)
        for question in survey.questions:
            score = None if response.uncounted else response.scores.get(question.id)
            if isinstance(score, float) and not question.scale_min <= score <= question.scale_max:
                score = Illegible(f"{score:g} is outside the scale {question.scale_min:g} to {question.scale_max:g}")
            if isinstance(score, Illegible):
                rows.rejects.append(_reject(survey, response, question, score))
            else:
                rows.answers.append(_answer(connection, survey, response, question, score))
    return rows


def _changed(response: Response) -> Any:
    return response.modified_at or response.submitted_at


def record_id(survey: Survey, response: Response, question: Question) -> str:
    return f"{survey.id}:{response.id}:{question.id}"


def _answer(
    connection: SurveyApiConnection, survey: Survey, response: Response, question: Question, score: float | None
) -> dict[str, Any]:
    comment = response.comment if connection.include_comments else None
    key = connection.pseudonym_key.reveal().encode()
    payload = {
        "survey": survey.title,
        "question": question.title,
        "score": score,
        "submitted_at": response.submitted_at.isoformat(),
        "scope": response.scope_name,
        "uncounted": response.uncounted,
        "comment": comment,
    }
    row = {
        "record_id": record_id(survey, response, question),
        "updated_at": _changed(response),
        "survey": survey.title,
        "response_id": response.id,
        "question": question.id,
        "metric": question.metric,
        "score": score,
        "scale_min": question.scale_min,
        "scale_max": question.scale_max,
        "submitted_at": response.submitted_at,
        "respondent_key": pseudonym(response.respondent, key) if response.respondent and key else None,
        "scope_type": connection.scope_type,
        "scope_name": response.scope_name,
        "has_comment": bool(response.comment),
        "comment": comment,
        "source_file": survey.id,
        "repeat_days": connection.repeat_days,
    }
    row["payload"] = msgspec.json.encode(payload).decode()
    # Over all columns, so that a respondent or a scale that changed is landed, too.
    row["payload_hash"] = digest(msgspec.json.encode(row, order="sorted"))
    return row


def _reject(survey: Survey, response: Response, question: Question, why: Illegible) -> dict[str, Any]:
    facts = {"column": question.id, "value": None, "reason": shown(str(why), 300)}
    return {
        "record_id": record_id(survey, response, question),
        "updated_at": None,
        "source_file": survey.id,
        "payload": msgspec.json.encode(facts).decode(),
        **facts,
    }
