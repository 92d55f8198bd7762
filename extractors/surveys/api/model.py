"""Surveys and responses as all online tools have them. No I/O.

A tool's `records.py` makes these from its JSON; `rows.py` makes raw rows from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from extractors.connection import ApiQuestion, SurveyApiConnection
from extractors.errors import ConfigError, SchemaChanged


@dataclass(frozen=True)
class Question:
    """A scored question of one survey, on the scale that its scores are landed with.

    `key` finds the score in a response, in the tool's own terms, where the id does not.
    """

    id: str
    title: str
    metric: str
    scale_min: float
    scale_max: float
    key: str = ""


@dataclass(frozen=True)
class Survey:
    """A survey as it is defined now. `questions` are those that count.

    `definition` is a hash of what else decides how answers are read: if it changes, all are read again.
    """

    id: str
    title: str
    questions: tuple[Question, ...]
    definition: str = ""


@dataclass(frozen=True)
class Asked:
    """A question as the tool defines it, before anybody has said whether it counts.

    `names` are all names that pmo.toml may call it by; `metric` is set where the tool itself says what it measures,
    `scale` where the tool says how far its scores reach.
    """

    id: str
    title: str
    names: frozenset[str]
    metric: str | None = None
    scale: tuple[float, float] | None = None
    key: str = ""


class Illegible(Exception):  # noqa: N818 - says what the answer is
    """An answer that cannot be read as a score; the text is the reason in surveys/rejects."""


@dataclass(frozen=True)
class Response:
    """One response to a survey.

    `scores` holds a number, None for a question left blank, or why the answer cannot be read. `uncounted` says why
    a response does not count as a whole (not finished, a preview); it is landed without its scores.
    """

    id: str
    submitted_at: datetime
    modified_at: datetime | None
    scores: Mapping[str, float | Illegible | None]
    respondent: str | None = None
    scope_name: str | None = None
    comment: str | None = None
    uncounted: str | None = None


@dataclass(frozen=True)
class Page:
    """Some responses of a survey. `expected`: how many there are in all that were asked for.

    `reached`: every response changed before it has been given by now, where the tool's order lets one say so.
    """

    responses: Sequence[Response]
    reached: datetime | None = None
    expected: int | None = None


def choose_questions(connection: SurveyApiConnection, survey_id: str, asked: Sequence[Asked]) -> tuple[Question, ...]:
    """The questions that count: those that pmo.toml names, or if it names none, those that the tool itself marks.

    Raises ConfigError if a declared question does not exist, has no known scale, or nothing counts at all.
    """
    declared = [one for one in connection.questions if one.survey in (None, survey_id)]
    if connection.questions:
        chosen = [_declared(connection, survey_id, one, asked) for one in declared]
        found = tuple(one for one in chosen if one is not None)
    else:
        found = tuple(
            Question(one.id, one.title, one.metric, *one.scale, key=one.key)
            for one in asked
            if one.metric is not None and one.scale is not None
        )
    if not found:
        raise ConfigError(
            connection.id,
            f"survey {survey_id}",
            remedy="Name those that count in [[connections.questions]]: metric, question, scale_min, scale_max.",
            detail=f"None of its questions is an NPS or rating question by its type. It has {_listed(asked)}.",
        )
    return found


def _declared(
    connection: SurveyApiConnection, survey_id: str, declared: ApiQuestion, asked: Sequence[Asked]
) -> Question | None:
    known = next((one for one in asked if declared.question in one.names), None)
    if known is None:
        if declared.survey is None and len(connection.survey_ids) > 1:
            return None  # the question of another survey
        raise ConfigError(
            connection.id,
            f"survey {survey_id}, question '{declared.question}'",
            remedy="Correct `question` in [[connections.questions]].",
            detail=f"The survey has no such question; it has {_listed(asked)}.",
        )
    scale = known.scale
    if declared.scale_min is not None and declared.scale_max is not None:
        scale = (declared.scale_min, declared.scale_max)
    if scale is None:
        raise ConfigError(
            connection.id,
            f"survey {survey_id}, question '{declared.question}'",
            remedy="Give scale_min and scale_max in [[connections.questions]].",
            detail="The tool does not say which scores the question allows.",
        )
    return Question(known.id, known.title, declared.metric, *scale, key=known.key)


def _listed(asked: Sequence[Asked]) -> str:
    shown = ", ".join(f"{one.id} ({one.title[:40]})" for one in asked[:20])
    more = f" and {len(asked) - 20} more" if len(asked) > 20 else ""
    return (shown + more) or "none"


def instant(connection_id: str, subject: str, text: str) -> datetime:
    """ISO 8601 -> aware UTC; without an offset the tools mean UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SchemaChanged(
            connection_id, subject, remedy="Update this program", detail=f"No instant: {text[:40]!r}"
        ) from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
