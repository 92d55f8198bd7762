"""The shape of pmo.toml. Each field's description says what is allowed; error messages quote it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from extractors.connection import ATLASSIAN_GATEWAY

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
FilePath = Annotated[Path, Field(strict=False)]
Metric = Literal["nps", "csat", "ces"]
ScopeType = Literal["team", "project", "product", "release", "all"]

REPEAT_RULE = "days; an answer that the same person gives again within so many does not count; 0: all count"
VARIABLE_RULE = "the name of an environment variable; the secret itself never stands in this file"


class Section(BaseModel):
    """Strict: no unknown keys, no number where text belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ConnectionSection(Section):
    """What `[[connections]]` of every kind may say."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)] = Field(
        description="letters, digits, _ . and -; it is part of every key, so do not change it later"
    )
    time_zone: Text | None = Field(None, description='an IANA time zone such as "Europe/Berlin"')
    projects: list[Text] = Field(default_factory=list, description="a list of project keys or names; empty: all")
    overlap_hours: Annotated[float, Field(ge=0, le=24 * 31, strict=False)] = Field(
        12, description="hours from 0 to 744 that each run reads again before its last start"
    )
    max_deleted_ratio: Annotated[float, Field(ge=0, le=1, strict=False)] = Field(0.3, description="a share from 0 to 1")
    ca_bundle: FilePath | None = Field(None, description="the path of a PEM file with your own certificate authority")
    include_comments: bool = Field(False, description="true or false")
    fields: dict[Text, Text] = Field(
        default_factory=dict, description='a table of field ids, e.g. {points = "customfield_10016"}'
    )


class JiraSection(ConnectionSection):
    """Jira Cloud or Data Center; the server says which."""

    kind: Literal["jira"]
    url: Text = Field(description="https://…; plain http for this machine's own addresses only")
    token_env: Variable = Field(description=VARIABLE_RULE)
    username: Text | None = Field(None, description="Cloud: the account's e-mail; left out: the token goes as Bearer")
    cloud_id: Text | None = Field(None, description="the site's cloud id, for scoped tokens and OAuth")
    gateway: Text = Field(
        ATLASSIAN_GATEWAY, description="where scoped tokens and OAuth go; another one for government clouds and proxies"
    )
    sprint_reports: Annotated[int, Field(ge=0, le=1000)] = Field(
        6, description="how many closed sprints of a board are compared with Jira's own report; 0: none"
    )


class AzureDevOpsSection(ConnectionSection):
    """An organisation of Azure DevOps Services or a collection of Azure DevOps Server."""

    kind: Literal["azure_devops"]
    url: Text = Field(description="https://dev.azure.com/<organisation>, or your server's collection")
    token_env: Variable | None = Field(None, description=VARIABLE_RULE)
    tenant_id: Text | None = Field(None, description="the Entra tenant, with client_id and client_secret_env")
    client_id: Text | None = Field(None, description="the service principal")
    client_secret_env: Variable | None = Field(None, description=VARIABLE_RULE)
    authority: Text = Field(
        "https://login.microsoftonline.com", description="where the service principal signs in; sovereign clouds differ"
    )


class QuestionSection(Section):
    """`[[connections.questions]]`: one scored column of a survey file."""

    metric: Metric = Field(description="nps, csat or ces")
    score_column: Text = Field(description="the column's heading, exactly as in the file")
    scale_min: Annotated[float, Field(strict=False)] = Field(0, description="a number")
    scale_max: Annotated[float, Field(strict=False)] = Field(10, description="a number above scale_min")


class SurveyFileSection(ConnectionSection):
    """Survey answers in CSV or XLSX files with a declared dialect."""

    kind: Literal["survey_file"]
    path: Text = Field(description="a file or glob, relative to this file")
    survey: Text = Field(description="the survey's name")
    metric: Metric | None = Field(None, description="nps, csat or ces; or give [[connections.questions]]")
    score_column: Text | None = Field(None, description="the column's heading, exactly as in the file")
    questions: list[QuestionSection] = Field(default_factory=list, description="[[connections.questions]] tables")
    scale_min: Annotated[float, Field(strict=False)] = Field(0, description="a number")
    scale_max: Annotated[float, Field(strict=False)] = Field(10, description="a number above scale_min")
    submitted_at_column: Text | None = Field(None, description="a column's heading")
    date_format: Text | None = Field(None, description="a strptime format, e.g. %d.%m.%Y; left out: ISO 8601")
    survey_date: date | Text | None = Field(None, description="a date, for files whose rows have none")
    response_id_column: Text | None = Field(None, description="a column's heading; left out: file and row")
    respondent_column: Text | None = Field(None, description="a column's heading; its values are hashed at once")
    scope_type: ScopeType = Field("all", description="team, project, product, release or all")
    scope_column: Text | None = Field(None, description="a column's heading")
    comment_column: Text | None = Field(None, description="a column's heading; read only with include_comments")
    invited: Annotated[int, Field(ge=0)] | None = Field(None, description="how many people were asked")
    null_values: list[str] = Field(
        default_factory=lambda: ["", "NA"], description="a list of texts that mean no answer"
    )
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = Field(
        ",", description='one character, e.g. ";" or "\\t"'
    )
    encoding: Text = Field("utf-8", description="an encoding such as utf-8, cp1252 or utf-16")
    decimal: Literal[".", ","] = Field(".", description='"." or ","')
    repeat_days: Annotated[int, Field(ge=0, le=3650)] = Field(0, description=REPEAT_RULE)


class ApiQuestionSection(Section):
    """`[[connections.questions]]`: one scored question of an online survey."""

    metric: Metric = Field(description="nps, csat or ces")
    question: Text = Field(description="the question's id in the tool, or its reference or export tag")
    survey: Text | None = Field(None, description="the id of its survey; left out: every survey of the connection")
    scale_min: Annotated[float, Field(strict=False)] | None = Field(None, description="a number")
    scale_max: Annotated[float, Field(strict=False)] | None = Field(None, description="a number above scale_min")


class SurveyApiSection(ConnectionSection):
    """What the online survey tools have in common."""

    url: Text = Field(description="https://…; the address of the tool's API")
    token_env: Variable = Field(description=VARIABLE_RULE)
    survey_ids: list[Text] = Field(min_length=1, description="a list of the surveys' ids in the tool")
    questions: list[ApiQuestionSection] = Field(default_factory=list, description="[[connections.questions]] tables")
    scope_type: ScopeType = Field("all", description="team, project, product, release or all")
    scope_field: Text | None = Field(
        None, description="the embedded data, custom variable or hidden field that names what an answer is about"
    )
    respondent_field: Text | None = Field(None, description="the field that names the person; hashed at once")
    comment_question: Text | None = Field(None, description="a question's id; its text only with include_comments")
    repeat_days: Annotated[int, Field(ge=0, le=3650)] = Field(0, description=REPEAT_RULE)


class QualtricsSection(SurveyApiSection):
    """A Qualtrics brand; the address is that of its data centre, https://<data centre>.qualtrics.com."""

    kind: Literal["qualtrics"]


class SurveyMonkeySection(SurveyApiSection):
    """A SurveyMonkey account."""

    kind: Literal["surveymonkey"]
    url: Text = Field("https://api.surveymonkey.com", description="https://api.surveymonkey.com, or .eu or .ca")


class TypeformSection(SurveyApiSection):
    """A Typeform account."""

    kind: Literal["typeform"]
    url: Text = Field(
        "https://api.typeform.com",
        description="https://api.typeform.com; European accounts https://api.eu.typeform.com",
    )


AnyConnection = Annotated[
    JiraSection | AzureDevOpsSection | SurveyFileSection | QualtricsSection | SurveyMonkeySection | TypeformSection,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[ConnectionSection]] = {
    "jira": JiraSection,
    "azure_devops": AzureDevOpsSection,
    "survey_file": SurveyFileSection,
    "qualtrics": QualtricsSection,
    "surveymonkey": SurveyMonkeySection,
    "typeform": TypeformSection,
}


class PostgresSection(Section):
    """`[serving.postgres]`: the server that BI tools read."""

    host: Text = Field(description="a host name or address")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="a port from 1 to 65535")
    database: Text = Field(description="the database's name")
    user: Text = Field(description="a role that may create schemas in the database")
    password_env: Variable = Field(description=VARIABLE_RULE)
    schema_: Text = Field("marts", alias="schema", description="the schema that BI tools read")
    reader_role: Text = Field("bi_reader", description="the role that may only read; made if it does not exist")


class ServingSection(Section):
    """`[serving]`."""

    postgres: PostgresSection | None = Field(None, description="a table [serving.postgres]")


class PmoToml(Section):
    """The whole file."""

    reporting_time_zone: Text | None = Field(None, description='an IANA time zone such as "Europe/Berlin"')
    seeds: FilePath | None = Field(None, description="a folder with CSV files, relative to this file")
    daily_history_days: Annotated[int, Field(ge=1, le=36_500)] = Field(400, description="days, 1 or more")
    fiscal_year_start_month: Annotated[int, Field(ge=1, le=12)] = Field(1, description="a month from 1 to 12")
    min_responses: Annotated[int, Field(ge=1)] = Field(5, description="a whole number, 1 or more")
    serving: ServingSection = Field(ServingSection(postgres=None), description="a table [serving]")
    connections: list[AnyConnection] = Field(min_length=1, description="one [[connections]] table for each source")
