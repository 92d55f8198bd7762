"""Qualtrics as a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from extractors.access import RetryPolicy
from extractors.connection import SILENT, Progress, QualtricsConnection
from extractors.surveys.api.model import Page, Survey
from extractors.surveys.api.source import SurveyApiSource
from extractors.surveys.qualtrics.client import EXPORT_RESPONSES, Polling, QualtricsClient
from extractors.surveys.qualtrics.records import response_of, survey_of


class QualtricsSource(SurveyApiSource):
    """One configured brand."""

    responses_per_request = EXPORT_RESPONSES
    seconds_per_request = 10.0  # an export is prepared before it comes

    def __init__(
        self,
        connection: QualtricsConnection,
        *,
        progress: Progress = SILENT,
        retry: RetryPolicy | None = None,
        polling: Polling | None = None,
    ) -> None:
        super().__init__(connection, progress=progress)
        self._client = QualtricsClient(connection, retry, polling)

    @property
    def client(self) -> QualtricsClient:
        return self._client

    def survey(self, survey_id: str) -> Survey:
        return survey_of(self.connection, survey_id, self._client.definition(survey_id))

    def total(self, survey: Survey) -> int | None:
        return self._client.total(survey.id)

    def repeated(self) -> int:
        return self._client.repeated

    def pages(self, survey: Survey, since: datetime | None) -> Iterator[Page]:
        for given in self._client.exports(survey.id, since):
            yield Page([response_of(self.connection, survey, one) for one in given])
