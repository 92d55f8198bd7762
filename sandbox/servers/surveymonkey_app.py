"""A stand-in of the SurveyMonkey API v3: details of surveys, responses in bulk, the quotas of a minute and a day."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.survey_common import bearer, json_response, visible
from sandbox.servers.survey_desk import FORMS, Desk, Reply, SurveyForm

SURVEY_IDS = {"400000001": "nps", "400000002": "csat"}
LARGEST_PAGE = 100
_QUESTION, _WORDS, _ROW, _FIRST_CHOICE, _FIRST_RESPONSE = "500000001", "500000002", "600000001", 700_000_000, 10**10


class Quota:
    """How many requests are left in this minute and this day; a test makes both shorter."""

    def __init__(
        self, minute: int = 120, day: int = 500_000, minute_seconds: float = 60, day_seconds: float = 86_400
    ) -> None:
        self._limits = {"Minute": (minute, minute_seconds), "Day": (day, day_seconds)}
        self._begun = dict.fromkeys(self._limits, 0.0)
        self._used = dict.fromkeys(self._limits, 0)

    def take(self) -> tuple[bool, dict[str, str]]:
        """Whether there was one left, and the headers that tell what is left now."""
        now = time.monotonic()
        for name, (_, seconds) in self._limits.items():
            if now >= self._begun[name] + seconds:
                self._begun[name], self._used[name] = now, 0
        is_left = all(self._used[name] < limit for name, (limit, _) in self._limits.items())
        if is_left:
            self._used = {name: used + 1 for name, used in self._used.items()}
        headers = {}
        for name, (limit, seconds) in self._limits.items():
            prefix = f"X-Ratelimit-App-Global-{name}"
            headers[f"{prefix}-Limit"] = str(limit)
            headers[f"{prefix}-Remaining"] = str(limit - self._used[name])
            headers[f"{prefix}-Reset"] = str(max(1, round(self._begun[name] + seconds - now)))
        return is_left, headers


class SurveyMonkey:
    """The pages below /v3."""

    def __init__(self, desk: Desk, quota: Quota | None = None) -> None:
        self._desk = desk
        self._quota = quota or Quota()

    def routes(self) -> list[Route]:
        return [
            Route("/v3/surveys/{survey}/details", self.details),
            Route("/v3/surveys/{survey}/responses/bulk", self.bulk),
        ]

    async def details(self, request: Request) -> Response:
        return self._answer(request, lambda form: {
            "id": request.path_params["survey"], "title": form.title, "language": "en",
            "pages": [{"id": "450000001", "questions": [_question(form), _words()]}],
        })  # fmt: skip

    async def bulk(self, request: Request) -> Response:
        return self._answer(request, lambda form: self._page(request, form))

    def _answer(self, request: Request, body: Any) -> Response:
        if bearer(request) is None:
            return _error(401, "1012", "Authorization Error", "The authorization token provided was invalid.", {})
        is_left, headers = self._quota.take()
        if not is_left:
            return _error(429, "1040", "Rate limit reached", "Too many requests were made, try again later.", headers)
        key = SURVEY_IDS.get(request.path_params["survey"])
        if key is None:
            return _error(404, "1020", "Resource Not Found", "There was an error retrieving the survey.", headers)
        return json_response(body(FORMS[key]), headers=headers)

    def _page(self, request: Request, form: SurveyForm) -> dict[str, Any]:
        asked = request.query_params
        replies = visible(request, self._desk, form.key)
        if since := asked.get("start_modified_at"):
            start = datetime.fromisoformat(since).replace(tzinfo=UTC)
            replies = [reply for reply in replies if reply.modified_at >= start]
        replies.sort(key=lambda reply: (reply.modified_at, reply.id), reverse=asked.get("sort_order") == "DESC")
        size = min(int(asked.get("per_page", "50")), LARGEST_PAGE)
        page = int(asked.get("page", "1"))
        part = replies[(page - 1) * size : page * size]
        links = {"self": str(request.url)}
        if page * size < len(replies):
            links["next"] = str(request.url.include_query_params(page=page + 1))
        survey = request.path_params["survey"]
        data = [_response(survey, reply) for reply in part]
        return {"data": data, "per_page": size, "page": page, "total": len(replies), "links": links}


def _question(form: SurveyForm) -> dict[str, Any]:
    """NPS as the tool itself weighs it: -100, 0 and 100; a rating with stars has its number as its weight."""
    scores = range(form.low, form.high + 1)
    choices = [
        {
            "id": str(_FIRST_CHOICE + score),
            "position": position,
            "visible": True,
            "is_na": False,
            "text": _words_of(form, score),
            "weight": (100 if score >= 9 else 0 if score >= 7 else -100) if form.key == "nps" else score,
        }
        for position, score in enumerate(scores, start=1)
    ]
    display = None if form.key == "nps" else {"display_type": "emoji", "display_subtype": "star"}
    return {
        "id": _QUESTION, "family": "matrix", "subtype": "rating", "headings": [{"heading": form.question}],
        "display_options": display, "validation": None,
        "answers": {"rows": [{"id": _ROW, "text": "", "position": 1, "visible": True}], "choices": choices},
    }  # fmt: skip


def _words_of(form: SurveyForm, score: int) -> str:
    if form.key != "nps":
        return ""
    ends = {0: "Not at all likely - 0", 10: "Extremely likely - 10"}
    return ends.get(score, str(score))


def _words() -> dict[str, Any]:
    return {"id": _WORDS, "family": "open_ended", "subtype": "essay", "headings": [{"heading": "Why?"}]}


def _response(survey: str, reply: Reply) -> dict[str, Any]:
    questions: list[dict[str, Any]] = []
    if reply.score is not None:
        choice = {"choice_id": str(_FIRST_CHOICE + reply.score), "row_id": _ROW}
        questions.append({"id": _QUESTION, "answers": [choice]})
    if reply.comment:
        questions.append({"id": _WORDS, "answers": [{"text": reply.comment}]})
    return {
        "id": str(_FIRST_RESPONSE + reply.id), "survey_id": survey, "collector_id": "800000001", "recipient_id": "",
        "response_status": "completed" if reply.is_finished else "partial",
        "collection_mode": "preview" if reply.is_preview else "default",
        "date_created": f"{reply.submitted_at:%Y-%m-%dT%H:%M:%S}+00:00",
        "date_modified": f"{reply.modified_at:%Y-%m-%dT%H:%M:%S}+00:00",
        "email_address": reply.email, "ip_address": "192.0.2.1",
        "custom_variables": {"team": reply.team, "product": reply.product},
        "pages": [{"id": "450000001", "questions": questions}],
    }  # fmt: skip


def _error(status: int, code: str, name: str, message: str, headers: dict[str, str]) -> Response:
    error = {"id": code, "name": name, "docs": "", "message": message, "http_status_code": status}
    return json_response({"error": error}, status, headers)
