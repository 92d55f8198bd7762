"""A stand-in of the Qualtrics API v3: survey definitions and exports of responses.

An export is ready at the second look at its progress. Tokens go in `X-API-TOKEN`; `wrong` is refused.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.servers.survey_common import WRONG, iso, json_response, visible
from sandbox.servers.survey_desk import FORMS, Desk, Reply, SurveyForm

SURVEY_IDS = {"SV_nps00000000001": "nps", "SV_csat0000000001": "csat"}
LOOKS = 2


class Export(msgspec.Struct):
    """A file in preparation."""

    file_id: str
    content: bytes
    next_token: str | None
    looks: int = 0


class Qualtrics:
    """The pages below /API/v3."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._exports: dict[str, Export] = {}

    def routes(self) -> list[Route]:
        survey = "/API/v3/surveys/{survey}"
        return [
            Route("/API/v3/survey-definitions/{survey}", self.definition),
            Route(survey, self.facts),
            Route(f"{survey}/export-responses", self.begin, methods=["POST"]),
            Route(f"{survey}/export-responses/{{export}}", self.progress),
            Route(f"{survey}/export-responses/{{file}}/file", self.file),
        ]

    async def definition(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        name = request.path_params["survey"]
        return _result({"SurveyID": name, "SurveyName": form.title, "Questions": _questions(form)})

    async def facts(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        count = len(self._desk.replies(form.key))
        return _result(
            {"id": request.path_params["survey"], "name": form.title, "responseCounts": {"auditable": count}}
        )

    async def begin(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        asked = msgspec.json.decode(await request.body())
        if asked.get("format") != "json":
            return _error(400, "Invalid format", "ECRE_1")
        replies = [reply for reply in visible(request, self._desk, form.key) if _is_asked(reply, asked)]
        if asked.get("sortByLastModifiedDate"):
            replies.sort(key=lambda reply: reply.modified_at)
        start = int(asked.get("continuationToken") or 0)
        limit = int(asked.get("limit") or len(replies))
        part = replies[start : start + limit]
        token = str(start + len(part)) if asked.get("allowContinuation") else None
        number = len(self._exports) + 1
        self._exports[f"ES_{number:015d}"] = Export(f"{number:08d}-file", _zipped(form, part), token)
        return _result({"progressId": f"ES_{number:015d}", "percentComplete": 0.0, "status": "inProgress"})

    async def progress(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        export = self._exports.get(request.path_params["export"])
        if export is None:
            return _error(404, "The requested resource does not exist.", "GEN_1")
        export.looks += 1
        if export.looks < LOOKS:
            return _result({"percentComplete": 50.0, "status": "inProgress"})
        told: dict[str, Any] = {"fileId": export.file_id, "percentComplete": 100.0, "status": "complete"}
        return _result(told | ({"continuationToken": export.next_token} if export.next_token else {}))

    async def file(self, request: Request) -> Response:
        form = self._form(request)
        if isinstance(form, Response):
            return form
        export = next((one for one in self._exports.values() if one.file_id == request.path_params["file"]), None)
        if export is None:
            return _error(404, "The requested resource does not exist.", "GEN_1")
        return Response(export.content, media_type="application/zip")

    def _form(self, request: Request) -> SurveyForm | Response:
        token = request.headers.get("x-api-token", "")
        if token in ("", WRONG):
            return _error(401, "Unrecognized X-API-TOKEN.", "AUTH_6")
        key = SURVEY_IDS.get(request.path_params["survey"])
        return FORMS[key] if key else _error(404, "The requested resource does not exist.", "GEN_1")


def _is_asked(reply: Reply, asked: dict[str, Any]) -> bool:
    """startDate means the last change if the export is sorted by it, else the date of recording."""
    start = asked.get("startDate")
    date = reply.modified_at if asked.get("sortByLastModifiedDate") else reply.submitted_at
    return start is None or date >= datetime.fromisoformat(start)


def _questions(form: SurveyForm) -> dict[str, Any]:
    scores = [str(number) for number in range(form.low, form.high + 1)]
    scored: dict[str, Any] = {
        "QuestionID": "QID1",
        "QuestionText": form.question,
        "DataExportTag": "Q1",
        "QuestionType": "MC",
        "Selector": "NPS" if form.key == "nps" else "SAVR",
    }
    if form.key == "nps":
        scored["Choices"] = [{"Display": score} for score in scores]
    else:
        scored |= {
            "Choices": {str(place): {"Display": score} for place, score in enumerate(scores, start=1)},
            "RecodeValues": {str(place): score for place, score in enumerate(scores, start=1)},
        }
    words = {"QuestionID": "QID2", "QuestionText": "Why?", "DataExportTag": "Q2", "QuestionType": "TE"}
    return {"QID1": scored, "QID2": words}


def _zipped(form: SurveyForm, replies: list[Reply]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{form.title}.json", msgspec.json.encode({"responses": [_response(one) for one in replies]}))
    return content.getvalue()


def _response(reply: Reply) -> dict[str, Any]:
    values: dict[str, Any] = {
        "startDate": iso(reply.submitted_at),
        "endDate": iso(reply.submitted_at),
        "recordedDate": iso(reply.submitted_at),
        "status": 1 if reply.is_preview else 0,
        "progress": 100 if reply.is_finished else 50,
        "finished": int(reply.is_finished),
        "recipientEmail": reply.email,
        "team": reply.team,
        "product": reply.product,
    }
    if reply.score is not None:
        values["QID1"] = reply.score
    if reply.comment:
        values["QID2_TEXT"] = reply.comment
    return {"responseId": f"R_{reply.id:015d}", "values": values, "labels": {}, "displayedFields": []}


def _result(value: Any) -> Response:
    return json_response({"result": value, "meta": {"httpStatus": "200 - OK", "requestId": "sandbox"}})


def _error(status: int, message: str, code: str) -> Response:
    meta = {"httpStatus": f"{status} - Error", "error": {"errorMessage": message, "errorCode": code}}
    return json_response({"meta": meta}, status)
