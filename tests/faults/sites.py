"""What the trials of this folder extract: each source with its smallest connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from extractors.azure_devops.source import AzureDevOpsSource
from extractors.connection import (
    AzureDevOpsConnection,
    JiraConnection,
    QualtricsConnection,
    Secret,
    SurveyFileConnection,
    SurveyMonkeyConnection,
    SurveyQuestion,
    TypeformConnection,
)
from extractors.jira.source import JiraSource
from extractors.surveys.api.source import SurveyApiSource
from extractors.surveys.qualtrics.client import Polling
from extractors.surveys.qualtrics.source import QualtricsSource
from extractors.surveys.source import SurveyFileSource
from extractors.surveys.surveymonkey.source import SurveyMonkeySource
from extractors.surveys.typeform.source import TypeformSource
from tests.extractors.survey_tools import CSAT_OF_QUALTRICS, IDS, NPS_OF_QUALTRICS, TOOLS

TOKEN = Secret("any-token-of-the-tests")


@dataclass(frozen=True)
class Site:
    """What is extracted: `name` in tests, `tool` jira, azure_devops or surveys; `target` a URL or a pattern of files.

    `kind`: of surveys the online tool, or survey_file.
    """

    name: str
    tool: str
    target: str
    is_census: bool = False  # every run compares all ids, too
    kind: str = ""

    @property
    def connection_id(self) -> str:
        return f"{self.tool}-a"

    @property
    def fewest_batches(self) -> int:
        """With rows, in a first load. Survey files come in one, whatever their number; some tools' surveys in one."""
        return {"survey_file": 1, "qualtrics": 2, "typeform": 2}.get(self.kind, 4)

    def source(self) -> JiraSource | AzureDevOpsSource | SurveyFileSource | SurveyApiSource:
        if self.tool == "jira":
            return JiraSource(
                JiraConnection(id=self.connection_id, url=self.target, token=TOKEN, username="me@example.com")
            )
        if self.tool == "azure_devops":
            return AzureDevOpsSource(AzureDevOpsConnection(id=self.connection_id, url=self.target, token=TOKEN))
        if self.kind in TOOLS:
            return self._online()
        return SurveyFileSource(
            SurveyFileConnection(
                id=self.connection_id,
                path=self.target,
                survey="customer",
                questions=(SurveyQuestion(metric="nps", score_column="score"),),
                submitted_at_column="submitted_at",
                response_id_column="response_id",
            )
        )

    def _online(self) -> SurveyApiSource:
        """A survey of an online tool."""
        settings: dict[str, Any] = {"id": self.connection_id, "url": self.target, "token": TOKEN}
        if self.kind == "qualtrics":
            asked = QualtricsConnection(
                survey_ids=IDS["qualtrics"], questions=(NPS_OF_QUALTRICS, CSAT_OF_QUALTRICS), **settings
            )
            return QualtricsSource(asked, polling=Polling(first=0.01, longest=0.02, total=10))
        if self.kind == "surveymonkey":
            return SurveyMonkeySource(SurveyMonkeyConnection(survey_ids=IDS["surveymonkey"], **settings))
        return TypeformSource(TypeformConnection(survey_ids=IDS["typeform"], **settings))
