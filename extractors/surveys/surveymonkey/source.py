"""SurveyMonkey as a source."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from extractors.access import RetryPolicy
from extractors.connection import SILENT, Progress, SurveyMonkeyConnection
from extractors.surveys.api.model import Page, Survey
from extractors.surveys.api.source import SurveyApiSource
from extractors.surveys.surveymonkey.client import PAGE, SurveyMonkeyClient
from extractors.surveys.surveymonkey.records import Chosen, response_of, survey_of


class SurveyMonkeySource(SurveyApiSource):
    """One configured account."""

    responses_per_request = PAGE
    requests_per_day = 500  # of an app that is not public

    def __init__(
        self, connection: SurveyMonkeyConnection, *, progress: Progress = SILENT, retry: RetryPolicy | None = None
    ) -> None:
        super().__init__(connection, progress=progress)
        self._client = SurveyMonkeyClient(connection, retry)
        self._chosen: dict[str, dict[str, Chosen]] = {}

    @property
    def client(self) -> SurveyMonkeyClient:
        return self._client

    def survey(self, survey_id: str) -> Survey:
        survey, self._chosen[survey_id] = survey_of(self.connection, self._client.details(survey_id))
        return survey

    def total(self, survey: Survey) -> int | None:
        return self._client.total(survey.id)

    def repeated(self) -> int:
        return self._client.repeated

    def pages(self, survey: Survey, since: datetime | None) -> Iterator[Page]:
        chosen = self._chosen[survey.id]
        reached: datetime | None = None
        for page in self._client.pages(survey.id, since):
            responses = [response_of(self.connection, survey, chosen, given) for given in page.data]
            changes = [response.modified_at for response in responses if response.modified_at]
            reached = max([*changes, *([reached] if reached else [])], default=None)
            yield Page(responses, reached=reached, expected=page.total)
