"""Calls of the Typeform API, one method per endpoint. HTTP only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from extractors.access import RetryPolicy
from extractors.connection import TypeformConnection
from extractors.errors import RepeatedPage, Truncated
from extractors.session import BearerAuth
from extractors.surveys.api.client import SurveyClient

PAGE = 1000  # the most that the tool gives at once
FINISHED = "completed"


class Properties(msgspec.Struct):
    """Of a field: its scale, or the fields of a group."""

    steps: int | None = None
    start_at_one: bool = False
    fields: list[Field] = []


class Field(msgspec.Struct):
    """A question of a form."""

    id: str
    title: str = ""
    ref: str = ""
    type: str = ""
    properties: Properties = msgspec.field(default_factory=Properties)


class Form(msgspec.Struct):
    """GET /forms/{id}."""

    id: str
    title: str = ""
    fields: list[Field] = []


class AnsweredField(msgspec.Struct):
    """The question that an answer belongs to."""

    id: str = ""
    ref: str = ""
    type: str = ""


class Answer(msgspec.Struct):
    """One answer; which of the values is there depends on the question's type."""

    field: AnsweredField
    type: str = ""
    number: float | None = None
    text: str | None = None
    email: str | None = None


class Item(msgspec.Struct):
    """One response. `token` is what pages go on from; older responses have no other id."""

    token: str
    response_id: str = ""
    submitted_at: str = ""
    answers: list[Answer] | None = None
    hidden: dict[str, Any] | None = None


class ItemPage(msgspec.Struct):
    """GET /forms/{id}/responses. `total_items` counts what the request asks for on all its pages."""

    items: list[Item]
    total_items: int = 0
    page_count: int = 0


class TypeformClient(SurveyClient):
    """One account."""

    def __init__(self, connection: TypeformConnection, retry: RetryPolicy | None = None) -> None:
        super().__init__(connection, BearerAuth(connection.token), retry)
        self._forms: dict[str, Form] = {}
        self.repeated = 0  # entries of the last reading that were there before: the tool's lists may hold one twice

    def form(self, form_id: str) -> Form:
        if form_id not in self._forms:
            self._forms[form_id] = self.get(f"/forms/{quote(form_id, safe='')}", Form)
        return self._forms[form_id]

    def total(self, form_id: str) -> int:
        return self._responses(form_id, {"page_size": 1}).total_items

    def pages(self, form_id: str, since: datetime | None) -> Iterator[ItemPage]:
        """Finished responses submitted since then, newest first. Raises if the tool does not give them all."""
        asked: dict[str, Any] = {"page_size": PAGE}
        if since is not None:
            asked["since"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        before: str | None = None
        seen: set[str] = set()
        received, expected = 0, None
        while expected is None or received < expected:
            page = self._responses(form_id, asked | ({"before": before} if before else {}))
            expected = page.total_items if expected is None else expected
            if not page.items:
                break
            fresh = {item.token for item in page.items} - seen
            if not fresh:
                detail = "The same page of responses came twice"
                raise RepeatedPage(self.connection.id, f"form {form_id}", detail=detail)
            seen |= fresh
            received += len(page.items)
            before = page.items[-1].token
            yield page
        if received < (expected or 0):
            detail = f"Of {expected:,} responses {received:,} came"
            raise Truncated(self.connection.id, f"form {form_id}", remedy="Run again", detail=detail)
        self.repeated = received - len(seen)

    def _responses(self, form_id: str, params: dict[str, Any]) -> ItemPage:
        path = f"/forms/{quote(form_id, safe='')}/responses"
        return self.get(path, ItemPage, params | {"response_type": FINISHED})
