"""What the stand-ins of the survey tools hold: the organisation's answers as replies that may change and vanish.

The organisation knows each answer's last word only. The stand-ins also play what happens in between, by fixed rules:
every 23rd answer was given one lower (or higher) at first and put right 36 hours later, every 97th is deleted by an
administrator after 20 days. The survey files hold all answers, as their people left them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from sandbox.model import Answer
from sandbox.organisation import Organisation

EDITED_EVERY, EDITED_AFTER = 23, timedelta(hours=36)
WITHDRAWN_EVERY, WITHDRAWN_AFTER = 97, timedelta(days=20)


class SurveyForm(msgspec.Struct, frozen=True):
    """A survey with one scored question, a comment, and hidden fields for team and product."""

    key: str  # nps, csat
    title: str
    question: str
    low: int
    high: int


FORMS = {
    "nps": SurveyForm("nps", "Relationship survey", "How likely are you to recommend us to a colleague?", 0, 10),
    "csat": SurveyForm("csat", "Delivery feedback", "How satisfied are you with what we delivered?", 1, 5),
}


class Reply(msgspec.Struct):
    """One response as a survey tool holds it."""

    id: int
    form: str
    submitted_at: datetime
    modified_at: datetime
    email: str
    score: int | None
    comment: str = ""
    team: str = ""
    product: str = ""
    is_finished: bool = True
    is_preview: bool = False


class Desk(Protocol):
    """Where the stand-ins take replies from."""

    @property
    def now(self) -> datetime: ...

    def replies(self, form: str) -> Sequence[Reply]:
        """Those that are there now, by id."""
        ...


class ListDesk:
    """Replies that a test puts down, edits and takes away."""

    def __init__(self, now: datetime, replies: Sequence[Reply] = ()) -> None:
        self.now = now
        self.all = list(replies)

    def replies(self, form: str) -> Sequence[Reply]:
        return sorted((reply for reply in self.all if reply.form == form), key=lambda reply: reply.id)


class OrganisationDesk:
    """The simulated organisation's answers, read anew when it has been advanced."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._version = -1
        self._now: datetime | None = None
        self._replies: dict[str, list[Reply]] = {}

    @property
    def now(self) -> datetime:
        self._refresh()
        assert self._now is not None  # noqa: S101 - set by the line above
        return self._now

    def replies(self, form: str) -> Sequence[Reply]:
        self._refresh()
        return self._replies[form]

    def _refresh(self) -> None:
        with Organisation(self._home) as organised:
            if organised.version == self._version:
                return
            self._version, self._now = organised.version, organised.now
            self._replies = {key: [] for key in FORMS}
            for answer in organised.answers():
                if (reply := reply_of(answer, organised.now)) is not None:
                    self._replies[reply.form].append(reply)


def reply_of(answer: Answer, now: datetime) -> Reply | None:
    """The answer as the tools hold it at `now`; None: deleted by then."""
    at = answer.submitted_at
    if answer.answer_id % WITHDRAWN_EVERY == 0 and now >= at + WITHDRAWN_AFTER:
        return None
    score, modified_at = answer.score, at
    if answer.answer_id % EDITED_EVERY == 0 and score is not None:
        if now >= at + EDITED_AFTER:
            modified_at = at + EDITED_AFTER
        else:
            score = score - 1 if score > answer.scale_min else score + 1
    return Reply(
        id=answer.answer_id,
        form=answer.metric,
        submitted_at=at,
        modified_at=modified_at,
        email=answer.respondent_email,
        score=score,
        comment=answer.comment,
        team=answer.team,
        product=answer.product,
    )
