"""Calls of the Qualtrics API v3, one method per endpoint. HTTP only.

Responses come as files: an export is asked for, its progress is asked after, then it is downloaded as a zip of JSON.
"""

from __future__ import annotations

import io
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
import requests
from requests.auth import AuthBase

from extractors import redaction
from extractors.access import RetryPolicy
from extractors.connection import QualtricsConnection, Secret
from extractors.decoding import decode
from extractors.errors import NotJson, RepeatedPage, Truncated
from extractors.surveys.api.client import SurveyClient
from extractors.text import repair_json

T = TypeVar("T")
EXPORT_RESPONSES = 10_000  # in one file, so that memory stays bounded
EXPORTS = 3  # attempts, if the tool says that one failed
MAX_UNPACKED_BYTES = 512 * 2**20


class TokenAuth(AuthBase):
    """`X-API-TOKEN: …`."""

    def __init__(self, token: Secret) -> None:
        self._token = token
        redaction.remember(token.reveal())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["X-API-TOKEN"] = self._token.reveal()
        return request


@dataclass(frozen=True)
class Polling:
    """How to wait for an export: seconds before the first look, at most between two, and in all."""

    first: float = 1.0
    longest: float = 15.0
    total: float = 3600.0


class Result(msgspec.Struct, Generic[T]):
    """The tool's wrapper of every answer."""

    result: T


class DefinedQuestion(msgspec.Struct, rename="pascal"):
    """A question; `choices`, `answers` and `recode_values` are objects by id, or lists in an NPS question."""

    question_text: str = ""
    data_export_tag: str = ""
    question_type: str = ""
    selector: str = ""
    choices: Any = None
    answers: Any = None
    recode_values: Any = None


class Definition(msgspec.Struct, rename="pascal"):
    """GET /survey-definitions/{id}."""

    survey_name: str = ""
    questions: dict[str, DefinedQuestion] = {}


class ResponseCounts(msgspec.Struct):
    """How many responses are recorded (`auditable`)."""

    auditable: int | None = None


class SurveyFacts(msgspec.Struct, rename="camel"):
    """GET /surveys/{id}."""

    response_counts: ResponseCounts | None = None


class Progress(msgspec.Struct, rename="camel"):
    """Of an export."""

    status: str
    progress_id: str = ""
    percent_complete: float = 0
    file_id: str | None = None
    continuation_token: str | None = None


class Given(msgspec.Struct, rename="camel"):
    """One response. Answers, dates and embedded data lie side by side in `values`."""

    response_id: str
    values: dict[str, Any] = {}


class ResponseFile(msgspec.Struct):
    """What is in the zip."""

    responses: list[Given]


class QualtricsClient(SurveyClient):
    """One brand."""

    def __init__(
        self, connection: QualtricsConnection, retry: RetryPolicy | None = None, polling: Polling | None = None
    ) -> None:
        super().__init__(connection, TokenAuth(connection.token), retry)
        self._polling = polling or Polling()
        self._definitions: dict[str, Definition] = {}
        self.repeated = 0  # entries of the last reading of everything that were there before

    def definition(self, survey_id: str) -> Definition:
        if survey_id not in self._definitions:
            path = f"/API/v3/survey-definitions/{quote(survey_id, safe='')}"
            self._definitions[survey_id] = self.get(path, Result[Definition]).result
        return self._definitions[survey_id]

    def total(self, survey_id: str) -> int | None:
        """Recorded responses, where the tool says how many."""
        facts = self.get(f"/API/v3/surveys/{quote(survey_id, safe='')}", Result[SurveyFacts]).result
        return facts.response_counts.auditable if facts.response_counts else None

    def exports(self, survey_id: str, since: datetime | None) -> Iterator[list[Given]]:
        """Recorded responses changed since then, in one file; all of them in files of EXPORT_RESPONSES."""
        if since is not None:
            start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            yield self._export(survey_id, {"startDate": start, "sortByLastModifiedDate": True})[0]
            return
        asked: dict[str, Any] = {"limit": EXPORT_RESPONSES, "allowContinuation": True}
        seen: set[str] = set()
        received = 0
        token: str | None = None
        while True:
            given, token = self._export(survey_id, asked | ({"continuationToken": token} if token else {}))
            fresh = {one.response_id for one in given} - seen
            if given and not fresh:
                raise RepeatedPage(self.connection.id, f"survey {survey_id}", detail="The same file came twice")
            seen |= fresh
            received += len(given)
            yield given
            if len(given) < EXPORT_RESPONSES or not token:
                self.repeated = received - len(seen)
                return

    def _export(self, survey_id: str, asked: dict[str, Any]) -> tuple[list[Given], str | None]:
        path = f"/API/v3/surveys/{quote(survey_id, safe='')}/export-responses"
        for _ in range(EXPORTS):
            begun = self.post(path, Result[Progress], {"format": "json", "compress": True, **asked}).result
            done = self._wait(survey_id, f"{path}/{quote(begun.progress_id, safe='')}")
            if done.status == "complete" and done.file_id:
                content = self.http.download(f"{path}/{quote(done.file_id, safe='')}/file")
                return self._unpacked(survey_id, content), done.continuation_token
        raise Truncated(
            self.connection.id,
            f"the export of survey {survey_id}",
            remedy="Run again later; if it goes on, export the survey by hand once to see what the tool says",
            detail=f"{EXPORTS} exports were begun, and each one failed",
        )

    def _wait(self, survey_id: str, path: str) -> Progress:
        """Ask until the export is ready or has failed, less and less often."""
        pause, waited = self._polling.first, 0.0
        while waited < self._polling.total:
            time.sleep(pause)
            waited += pause
            progress = self.get(path, Result[Progress]).result
            if progress.status != "inProgress":
                return progress
            pause = min(self._polling.longest, 1.5 * pause)
        raise Truncated(
            self.connection.id,
            f"the export of survey {survey_id}",
            remedy="Run again at a quieter time",
            detail=f"It was not ready after {self._polling.total / 60:,.0f} minutes",
        )

    def _unpacked(self, survey_id: str, content: bytes) -> list[Given]:
        subject = f"the export of survey {survey_id}"
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                (entry,) = archive.infolist()
                if entry.file_size > MAX_UNPACKED_BYTES:
                    detail = f"Unpacked it has {entry.file_size / 2**20:,.0f} MB"
                    raise Truncated(self.connection.id, subject, remedy="Read fewer surveys at once", detail=detail)
                with archive.open(entry) as packed:
                    text = packed.read(entry.file_size + 1)
            try:
                return decode(text, ResponseFile).responses
            except UnicodeDecodeError:
                return decode(repair_json(text), ResponseFile).responses
        except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
            raise NotJson(self.connection.id, subject, remedy="Run again", detail=f"No zip of JSON: {error}") from None
