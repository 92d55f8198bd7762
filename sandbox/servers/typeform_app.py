"""A stand-in of the Typeform API: forms and responses. Answers of the last ten minutes are not in its index yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.survey_common import bearer, iso, json_response, visible
from sandbox.servers.survey_desk import FORMS, Desk, Reply, SurveyForm

FORM_IDS = {"npsForm1": "nps", "csatForm": "csat"}
LARGEST_PAGE = 1000
LAG = timedelta(minutes=10)
_SCORE, _WORDS = "aScore000001", "aWords000001"


class Typeform:
    """The pages below /forms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        return [Route("/forms/{form}", self.form), Route("/forms/{form}/responses", self.responses)]

    async def form(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        return json_response(
            {
                "id": request.path_params["form"],
                "title": form.title,
                "hidden": ["team", "product", "email"],
                "fields": [_scored(form), {"id": _WORDS, "ref": "why", "type": "long_text", "title": "Why?"}],
            }
        )

    async def responses(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        asked = request.query_params
        if asked.get("sort") and (asked.get("after") or asked.get("before")):
            return _error(400, "INVALID_PARAMETERS", "sort cannot be used with after or before")
        replies = [reply for reply in visible(request, self._desk, form.key, LAG) if reply.is_finished]
        replies.sort(key=lambda reply: (reply.submitted_at, reply.id), reverse=True)
        replies = [reply for reply in replies if _is_between(reply, asked.get("since"), asked.get("until"))]
        total = len(replies)
        if before := asked.get("before"):
            place = next((i for i, reply in enumerate(replies) if _token(reply) == before), None)
            if place is None:
                return _error(400, "INVALID_PARAMETERS", "unknown token")
            replies = replies[place + 1 :]
        size = min(int(asked.get("page_size", "25")), LARGEST_PAGE)
        pages = -(-total // size)
        items = [_item(form, reply) for reply in replies[:size]]
        return json_response({"total_items": total, "page_count": pages, "items": items})

    def _form(self, request: Request) -> SurveyForm | Response:
        if bearer(request) is None:
            return _error(401, "AUTHENTICATION_FAILED", "Authentication credentials not found on the Request Headers")
        key = FORM_IDS.get(request.path_params["form"])
        return FORMS[key] if key else _error(404, "FORM_NOT_FOUND", "Form not found")


def _is_between(reply: Reply, since: str | None, until: str | None) -> bool:
    at = reply.submitted_at
    return (since is None or at >= _instant(since)) and (until is None or at <= _instant(until))


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _scored(form: SurveyForm) -> dict[str, Any]:
    kind = "nps" if form.key == "nps" else "rating"
    properties = {"steps": form.high - form.low + 1, "start_at_one": form.low == 1}
    return {"id": _SCORE, "ref": "score", "type": kind, "title": form.question, "properties": properties}


def _token(reply: Reply) -> str:
    return f"{reply.id:032x}"


def _item(form: SurveyForm, reply: Reply) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []
    if reply.score is not None:
        field = {"id": _SCORE, "ref": "score", "type": "nps" if form.key == "nps" else "rating"}
        answers.append({"field": field, "type": "number", "number": reply.score})
    if reply.comment:
        field = {"id": _WORDS, "ref": "why", "type": "long_text"}
        answers.append({"field": field, "type": "text", "text": reply.comment})
    at = iso(reply.submitted_at)
    return {
        "landing_id": _token(reply), "token": _token(reply), "response_id": _token(reply), "response_type": "completed",
        "landed_at": at, "submitted_at": at, "answers": answers,
        "hidden": {"team": reply.team, "product": reply.product, "email": reply.email},
    }  # fmt: skip


def _error(status: int, code: str, description: str) -> Response:
    return json_response({"code": code, "description": description}, status)
