"""Typeform as a source: one form is one survey."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from extractors.access import RetryPolicy
from extractors.connection import SILENT, Progress, TypeformConnection
from extractors.surveys.api.model import Page, Survey
from extractors.surveys.api.source import SurveyApiSource
from extractors.surveys.typeform.client import PAGE, TypeformClient
from extractors.surveys.typeform.records import response_of, survey_of


class TypeformSource(SurveyApiSource):
    """One configured account."""

    responses_per_request = PAGE

    def __init__(
        self, connection: TypeformConnection, *, progress: Progress = SILENT, retry: RetryPolicy | None = None
    ) -> None:
        super().__init__(connection, progress=progress)
        self._client = TypeformClient(connection, retry)

    @property
    def client(self) -> TypeformClient:
        return self._client

    def survey(self, survey_id: str) -> Survey:
        return survey_of(self.connection, self._client.form(survey_id))

    def total(self, survey: Survey) -> int | None:
        return self._client.total(survey.id)

    def repeated(self) -> int:
        return self._client.repeated

    def pages(self, survey: Survey, since: datetime | None) -> Iterator[Page]:
        expected: int | None = None
        for page in self._client.pages(survey.id, since):
            expected = page.total_items if expected is None else expected
            yield Page([response_of(self.connection, survey, item) for item in page.items], expected=expected)
