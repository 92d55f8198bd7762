"""Typeform's JSON -> surveys and responses. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from extractors.connection import SurveyApiConnection
from extractors.surveys.api.model import Asked, Illegible, Response, Survey, choose_questions, instant
from extractors.surveys.typeform.client import Answer, Field, Form, Item

NPS_SCALE = (0.0, 10.0)


def survey_of(connection: SurveyApiConnection, form: Form) -> Survey:
    asked = [asked_of(field) for field in _all_fields(form.fields)]
    return Survey(form.id, form.title or form.id, choose_questions(connection, form.id, asked))


def asked_of(field: Field) -> Asked:
    """`nps` counts as NPS, as does an opinion scale from 0 to 10, its older form; other scales and stars as CSAT."""
    metric, scale = None, None
    first = 1.0 if field.properties.start_at_one else 0.0
    steps = field.properties.steps
    if field.type == "nps":
        metric, scale = "nps", NPS_SCALE
    elif field.type == "opinion_scale":
        scale = (first, first + (steps or 11) - 1)
        metric = "nps" if scale == NPS_SCALE else "csat"
    elif field.type == "rating":
        metric, scale = "csat", (1.0, float(steps or 5))
    return Asked(field.id, field.title, frozenset({field.id, field.ref}), metric, scale)


def _all_fields(fields: Sequence[Field]) -> Iterator[Field]:
    for field in fields:
        yield field
        yield from _all_fields(field.properties.fields)


def response_of(connection: SurveyApiConnection, survey: Survey, item: Item) -> Response:
    answers = {answer.field.id: answer for answer in item.answers or []}
    by_ref = {answer.field.ref: answer for answer in item.answers or [] if answer.field.ref}
    comment = answers.get(connection.comment_question or "") or by_ref.get(connection.comment_question or "")
    subject = f"the submission time of response {item.response_id or item.token}"
    return Response(
        id=item.response_id or item.token,
        submitted_at=instant(connection.id, subject, item.submitted_at),
        modified_at=None,  # a submitted response does not change any more
        scores={question.id: _score(answers.get(question.id)) for question in survey.questions},
        respondent=_hidden(item, connection.respondent_field) or _answered_address(answers, connection),
        scope_name=_hidden(item, connection.scope_field),
        comment=(comment.text or "").strip() or None if comment else None,
    )


def _score(answer: Answer | None) -> float | Illegible | None:
    if answer is None:
        return None
    if answer.number is None:
        return Illegible(f"the answer is of type {answer.type or 'unknown'}, not a number")
    return answer.number


def _hidden(item: Item, name: str | None) -> str | None:
    value = (item.hidden or {}).get(name) if name else None
    return str(value).strip() or None if value is not None else None


def _answered_address(answers: dict[str, Answer], connection: SurveyApiConnection) -> str | None:
    """Without a field of its own the first e-mail question says who answered."""
    if connection.respondent_field:
        named = answers.get(connection.respondent_field)
        return named.email or named.text if named else None
    return next((answer.email for answer in answers.values() if answer.email), None)
