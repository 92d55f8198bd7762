"""SurveyMonkey's JSON -> surveys and responses. No I/O.

A response holds ids of choices only; what was chosen stands in the survey's details. An NPS question is a rating with
the eleven weights -100 (0 to 6), 0 (7, 8) and 100 (9, 10): its score is the place of the choice, not its weight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from extractors.connection import SurveyApiConnection
from extractors.rows import digest
from extractors.surveys.api.model import Asked, Illegible, Question, Response, Survey, choose_questions, instant
from extractors.surveys.surveymonkey.client import Choice, Details, Given, GivenAnswer, SurveyQuestion

NPS_WEIGHTS = [-100.0] * 7 + [0.0] * 2 + [100.0] * 2
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
UNCOUNTED_MODES = {"preview", "survey_preview"}


@dataclass(frozen=True)
class Chosen:
    """Scores by id of the choice; None: it says "not applicable", which is no response."""

    scores: Mapping[str, float | None]


def survey_of(connection: SurveyApiConnection, details: Details) -> tuple[Survey, dict[str, Chosen]]:
    """The survey, and the scores of the choices of its questions by question id."""
    questions = [question for page in details.pages for question in page.questions]
    asked = [one for question in questions for one in asked_of(question)]
    chosen = {question.id: Chosen(scores_of(_choices(question)) | _not_applicable(question)) for question in questions}
    counted = choose_questions(connection, details.id, asked)
    definition = digest(msgspec.json.encode(details.pages))
    return Survey(details.id, details.title or details.id, counted, definition), chosen


def asked_of(question: SurveyQuestion) -> Iterator[Asked]:
    """A question with one line is one score; each line of a matrix is a score of its own, `<question>.<line>`."""
    title = re.sub(r"<[^>]+>", "", question.headings[0].heading) if question.headings else ""
    choices = _choices(question)
    rows = question.answers.rows if question.answers else []
    scale = _scale(question, choices)
    metric = _metric(question, choices) if len(rows) <= 1 else None
    yield Asked(question.id, title, frozenset({question.id}), metric, scale, key=rows[0].id if len(rows) == 1 else "")
    if len(rows) > 1:
        for row in rows:
            name = f"{question.id}.{row.id}"
            yield Asked(name, f"{title}: {row.text}", frozenset({name}), None, scale, key=row.id)


def _metric(question: SurveyQuestion, choices: Sequence[Choice]) -> str | None:
    if question.family != "matrix" or question.subtype != "rating":
        return None
    if is_nps(choices):
        return "nps"
    is_symbols = question.display_options is not None and question.display_options.display_type == "emoji"
    return "csat" if is_symbols else None


def is_nps(choices: Sequence[Choice]) -> bool:
    return [choice.weight for choice in choices] == NPS_WEIGHTS


def _choices(question: SurveyQuestion) -> list[Choice]:
    """Those that are scores, in their order."""
    choices = question.answers.choices if question.answers else []
    return sorted((choice for choice in choices if not choice.is_na), key=lambda choice: choice.position)


def _not_applicable(question: SurveyQuestion) -> dict[str, float | None]:
    return {choice.id: None for choice in (question.answers.choices if question.answers else []) if choice.is_na}


def scores_of(choices: Sequence[Choice]) -> dict[str, float | None]:
    """By id of the choice: its place in an NPS question, else its weight, else the number that its text begins with."""
    if is_nps(choices):
        return {choice.id: float(place) for place, choice in enumerate(choices)}
    return {choice.id: score for choice in choices if (score := _weight(choice)) is not None}


def _weight(choice: Choice) -> float | None:
    if choice.weight is not None:
        return choice.weight
    number = NUMBER.match(choice.text.strip())
    return float(number[0]) if number else None


def _scale(question: SurveyQuestion, choices: Sequence[Choice]) -> tuple[float, float] | None:
    scores = [score for score in scores_of(choices).values() if score is not None]
    if len(set(scores)) > 1 and len(scores) == len(choices):
        return min(scores), max(scores)
    bounds = question.validation
    if question.family == "open_ended" and bounds and NUMBER.fullmatch(str(bounds.min)) and bounds.max is not None:
        return float(bounds.min), float(bounds.max)
    return None


def response_of(
    connection: SurveyApiConnection, survey: Survey, chosen: Mapping[str, Chosen], given: Given
) -> Response:
    answers = {question.id: question.answers for page in given.pages or [] for question in page.questions}
    variables = given.custom_variables or {}
    comments = [answer.text for answer in answers.get(connection.comment_question or "", []) if answer.text]
    subject = f"the date of response {given.id}"
    return Response(
        id=given.id,
        submitted_at=instant(connection.id, subject, given.date_created or given.date_modified),
        modified_at=instant(connection.id, subject, given.date_modified),
        scores={question.id: _score(question, answers, chosen) for question in survey.questions},
        respondent=_text(variables.get(connection.respondent_field))
        if connection.respondent_field
        else given.email_address or None,
        scope_name=_text(variables.get(connection.scope_field)) if connection.scope_field else None,
        comment="\n".join(comments) or None,
        uncounted=_uncounted(given),
    )


def _uncounted(given: Given) -> str | None:
    if given.collection_mode in UNCOUNTED_MODES:
        return "a preview"
    return None if given.response_status == "completed" else f"not finished ({given.response_status or 'no status'})"


def _score(
    question: Question, answers: Mapping[str, Sequence[GivenAnswer]], chosen: Mapping[str, Chosen]
) -> float | Illegible | None:
    """`question.id` may name a line of a matrix; `key` is the line's id."""
    name = question.id.partition(".")[0]
    own = [one for one in answers.get(name, []) if not question.key or one.row_id in (None, question.key)]
    if not own:
        return None
    if len(own) > 1:
        return Illegible("several choices were given to one score")
    return _chosen(own[0], chosen.get(name, Chosen({})))


def _chosen(answer: GivenAnswer, chosen: Chosen) -> float | Illegible | None:
    if answer.choice_id is not None:
        if answer.choice_id in chosen.scores:
            return chosen.scores[answer.choice_id]
        return Illegible(f"the choice {answer.choice_id} is none of the survey's scores")
    text = (answer.text or "").strip()
    if not text:
        return None
    return float(text) if NUMBER.fullmatch(text) else Illegible("the answer is a text, not a number")


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None
