"""Calls of the SurveyMonkey API v3, one method per endpoint. HTTP only.

The quotas of a minute and of a day are kept by the HTTP layer, which reads their headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from extractors.access import RetryPolicy
from extractors.connection import SurveyMonkeyConnection
from extractors.errors import RepeatedPage, Truncated
from extractors.session import BearerAuth
from extractors.surveys.api.client import SurveyClient

PAGE = 100  # the most that the tool gives at once
WALKS = 3  # a response that changes while pages are read moves the others; then the pages are read again


class Choice(msgspec.Struct):
    """An answer that can be chosen; `weight` only in rating questions."""

    id: str = ""
    text: str = ""
    position: int = 0
    weight: float | None = None
    is_na: bool = False


class Row(msgspec.Struct):
    """A line of a matrix."""

    id: str = ""
    text: str = ""


class Options(msgspec.Struct):
    """What a question offers."""

    choices: list[Choice] = []
    rows: list[Row] = []


class Heading(msgspec.Struct):
    """A question's words."""

    heading: str = ""


class Validation(msgspec.Struct):
    """Bounds of a slider; the tool sends numbers or text."""

    min: Any = None
    max: Any = None


class Display(msgspec.Struct):
    """How a question looks: `emoji` are stars and faces, `slider` a number."""

    display_type: str | None = None


class SurveyQuestion(msgspec.Struct):
    """A question of a page."""

    id: str
    family: str = ""
    subtype: str = ""
    headings: list[Heading] = []
    answers: Options | None = None
    validation: Validation | None = None
    display_options: Display | None = None


class SurveyPage(msgspec.Struct):
    """A page of a survey."""

    questions: list[SurveyQuestion] = []


class Details(msgspec.Struct):
    """GET /v3/surveys/{id}/details."""

    id: str
    title: str = ""
    pages: list[SurveyPage] = []


class GivenAnswer(msgspec.Struct):
    """What was chosen or written."""

    choice_id: str | None = None
    row_id: str | None = None
    text: str | None = None


class GivenQuestion(msgspec.Struct):
    """An answered question."""

    id: str
    answers: list[GivenAnswer] = []


class GivenPage(msgspec.Struct):
    """An answered page."""

    questions: list[GivenQuestion] = []


class Given(msgspec.Struct):
    """One response."""

    id: str
    date_modified: str
    date_created: str = ""
    response_status: str = ""
    collection_mode: str = ""
    email_address: str | None = None
    custom_variables: dict[str, Any] | None = None
    custom_value: str | None = None
    pages: list[GivenPage] | None = None


class Links(msgspec.Struct):
    """Addresses of other pages; only whether there is a next one is used."""

    next: str | None = None


class GivenList(msgspec.Struct):
    """GET /v3/surveys/{id}/responses/bulk."""

    data: list[Given]
    total: int = 0
    links: Links = msgspec.field(default_factory=Links)


class SurveyMonkeyClient(SurveyClient):
    """One account."""

    def __init__(self, connection: SurveyMonkeyConnection, retry: RetryPolicy | None = None) -> None:
        super().__init__(connection, BearerAuth(connection.token), retry)
        self._details: dict[str, Details] = {}
        self.repeated = 0  # entries of the last reading that were there before: the tool's lists may hold one twice

    def details(self, survey_id: str) -> Details:
        if survey_id not in self._details:
            self._details[survey_id] = self.get(f"/v3/surveys/{quote(survey_id, safe='')}/details", Details)
        return self._details[survey_id]

    def total(self, survey_id: str) -> int:
        return self._bulk(survey_id, {"page": 1, "per_page": 1}).total

    def pages(self, survey_id: str, since: datetime | None) -> Iterator[GivenList]:
        """Responses changed since then, the oldest change first; a page may come twice.

        Raises Truncated if the tool counts more than it gives, RepeatedPage if its pages do not move on.
        """
        seen: set[str] = set()
        known = -1
        for _ in range(WALKS):
            received, total, own = 0, 0, set[str]()
            for page in self._walk(survey_id, since):
                received, total = received + len(page.data), page.total
                own.update(given.id for given in page.data)
                yield page
            seen |= own
            # A list with fewer ids than entries has shifted while it was read, or it holds entries twice:
            # then another reading brings nothing new.
            if len(seen) >= total or (received >= total and len(seen) == known):
                self.repeated = received - len(own)
                return
            known = len(seen)
        detail = f"Of {total:,} responses {len(seen):,} came"
        raise Truncated(self.connection.id, f"survey {survey_id}", remedy="Run again", detail=detail)

    def _walk(self, survey_id: str, since: datetime | None) -> Iterator[GivenList]:
        asked: dict[str, Any] = {"per_page": PAGE, "sort_by": "date_modified", "sort_order": "ASC"}
        if since is not None:
            asked["start_modified_at"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        number, before = 1, frozenset[str]()
        while True:
            page = self._bulk(survey_id, asked | {"page": number})
            ids = frozenset(given.id for given in page.data)
            if ids and ids == before:
                detail = "The same page of responses came twice"
                raise RepeatedPage(self.connection.id, f"survey {survey_id}", detail=detail)
            yield page
            if not page.links.next or not page.data:
                return
            number, before = number + 1, ids

    def _bulk(self, survey_id: str, params: dict[str, Any]) -> GivenList:
        return self.get(f"/v3/surveys/{quote(survey_id, safe='')}/responses/bulk", GivenList, params)
