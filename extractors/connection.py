"""Configured connections, as plain typed settings with their secrets already resolved.

`orchestration/settings.py` reads pmo.toml and builds these; nothing in here reads files or the
environment. Field names are the keys of pmo.toml; `token_env` is kept beside the token, because
messages name the variable that a person has to correct.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from extractors.errors import ExtractError


class Secret:
    """A secret that no repr, log line, traceback or pickle of a container shows by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


NO_SECRET = Secret("")
ATLASSIAN_GATEWAY = "https://api.atlassian.com"  # where scoped tokens and OAuth go


@dataclass(frozen=True, kw_only=True)
class Connection:
    """What all kinds have. `id` is the connection_id of every row."""

    id: str
    time_zone: str | None = None  # IANA name; None: the tool's own
    projects: tuple[str, ...] = ()  # keys or names; empty: all that the token may see
    overlap_hours: float = 12
    max_deleted_ratio: float = 0.3
    ca_bundle: Path | None = None
    include_comments: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)  # attribute → field id, over what is found by schema

    kind = ""
    tool = ""


@dataclass(frozen=True, kw_only=True)
class JiraConnection(Connection):
    """Jira Cloud or Data Center; which of them the server says itself."""

    url: str
    token: Secret
    token_env: str = ""
    username: str | None = None  # Cloud: the account's e-mail; without it the token goes as Bearer
    cloud_id: str | None = None  # scoped tokens: calls go to <gateway>/ex/jira/<cloud_id>
    gateway: str = ATLASSIAN_GATEWAY
    sprint_reports: int = 6  # closed sprints of a board whose own report is read for comparison; 0: none

    kind = "jira"
    tool = "jira"


@dataclass(frozen=True, kw_only=True)
class AzureDevOpsConnection(Connection):
    """An organisation of Azure DevOps Services or a collection of Azure DevOps Server."""

    url: str
    token: Secret = NO_SECRET  # personal access token, or else the three below
    token_env: str = ""
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: Secret = NO_SECRET
    client_secret_env: str = ""
    authority: str = "https://login.microsoftonline.com"  # where the three sign in; sovereign clouds have others

    kind = "azure_devops"
    tool = "azure_devops"


@dataclass(frozen=True, kw_only=True)
class SurveyQuestion:
    """One scored column of a survey file."""

    metric: Literal["nps", "csat", "ces"]
    score_column: str
    scale_min: float = 0
    scale_max: float = 10


@dataclass(frozen=True, kw_only=True)
class SurveyFileConnection(Connection):
    """Survey answers from files with a declared dialect."""

    path: str  # glob
    survey: str
    questions: tuple[SurveyQuestion, ...]
    submitted_at_column: str | None = None
    date_format: str | None = None  # strptime format; None: ISO 8601
    survey_date: str | None = None  # ISO date, where rows have no date of their own
    response_id_column: str | None = None  # None: file + row
    respondent_column: str | None = None
    scope_type: str = "all"  # team, project, product, release, all
    scope_column: str | None = None
    comment_column: str | None = None
    invited: int | None = None
    null_values: tuple[str, ...] = ("", "NA")
    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    repeat_days: int = 0  # see SurveyApiConnection
    pseudonym_key: Secret = NO_SECRET  # keys the respondent hashes

    kind = "survey_file"
    tool = "surveys"


@dataclass(frozen=True, kw_only=True)
class ApiQuestion:
    """A question of an online survey that counts. The scale may be left to the tool where it knows it."""

    metric: Literal["nps", "csat", "ces"]
    question: str  # the tool's id of the question, or its reference or export tag
    survey: str | None = None  # id of the survey; None: in all of the connection that have such a question
    scale_min: float | None = None
    scale_max: float | None = None


@dataclass(frozen=True, kw_only=True)
class SurveyApiConnection(Connection):
    """An account of an online survey tool and the surveys that are read from it."""

    url: str
    token: Secret
    token_env: str = ""
    survey_ids: tuple[str, ...]
    questions: tuple[ApiQuestion, ...] = ()  # empty: what the tool itself marks as NPS or rating
    scope_type: str = "all"  # team, project, product, release, all
    scope_field: str | None = None  # embedded data, custom variable or hidden field that names what an answer is about
    respondent_field: str | None = None  # the same for the person; None: the recipient that the tool names
    comment_question: str | None = None
    repeat_days: int = 0  # an answer of the same person that is followed by another within so many days does not count
    pseudonym_key: Secret = NO_SECRET

    tool = "surveys"


@dataclass(frozen=True, kw_only=True)
class QualtricsConnection(SurveyApiConnection):
    """A Qualtrics brand; `url` is that of its data centre."""

    kind = "qualtrics"


@dataclass(frozen=True, kw_only=True)
class SurveyMonkeyConnection(SurveyApiConnection):
    """A SurveyMonkey account."""

    kind = "surveymonkey"


@dataclass(frozen=True, kw_only=True)
class TypeformConnection(SurveyApiConnection):
    """A Typeform account."""

    kind = "typeform"


class Progress(Protocol):
    """Whoever shows progress. `done` and `total` count records of `stream`; `total` None: not known."""

    def advance(self, stream: str, done: int, total: int | None) -> None: ...


class _Silent:
    def advance(self, stream: str, done: int, total: int | None) -> None:
        """Show nothing."""


SILENT: Progress = _Silent()


@dataclass
class StreamCount:
    """Records of one stream in one run: `seen` in the source's answers, `landed` as new rows, of them `deleted`."""

    seen: int = 0
    landed: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Coverage:
    """One row of `pmo/coverage`, see streams.py."""

    stream: str
    project: str = "*"
    expected: int | None = None
    got: int | None = None
    deleted: int = 0
    skipped: int = 0
    reason: str | None = None


@dataclass
class ExtractReport:
    """What one run of one connection did.

    `failures` are the parts (a project, a board) that could not be read while the rest was: the run is red and
    names them, but what was read is landed. What makes the connection useless as a whole is raised instead.
    """

    connection_id: str
    run_id: str
    streams: dict[str, StreamCount] = field(default_factory=dict)
    coverage: list[Coverage] = field(default_factory=list)
    failures: list[ExtractError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    requests: int = 0
    waited_seconds: float = 0.0  # spent waiting because the tool asked for it

    @property
    def is_complete(self) -> bool:
        return not self.failures

    def count(self, stream: str) -> StreamCount:
        return self.streams.setdefault(stream, StreamCount())


@dataclass(frozen=True)
class CheckLine:
    """One line of `pmo doctor`."""

    level: Literal["ok", "warn", "fail"]
    subject: str
    text: str
