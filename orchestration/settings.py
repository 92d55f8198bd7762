"""pmo.toml → plain typed settings. The only code that reads it, and the only code that reads secrets.

`load_settings` either returns `Settings`, or raises `InvalidFile` that names every problem at once: file, line, key,
the nearest known key and what is allowed.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from extractors.connection import (
    NO_SECRET,
    ApiQuestion,
    AzureDevOpsConnection,
    Connection,
    JiraConnection,
    QualtricsConnection,
    Secret,
    SurveyApiConnection,
    SurveyFileConnection,
    SurveyMonkeyConnection,
    SurveyQuestion,
    TypeformConnection,
)
from orchestration.config.checks import Checker
from orchestration.config.messages import problems
from orchestration.config.model import (
    AnyConnection,
    AzureDevOpsSection,
    JiraSection,
    PmoToml,
    PostgresSection,
    QualtricsSection,
    QuestionSection,
    SurveyApiSection,
    SurveyFileSection,
    SurveyMonkeySection,
    TypeformSection,
)
from orchestration.config.positions import Positions
from orchestration.errors import InvalidFile, PmoError, Problem


@dataclasses.dataclass(frozen=True)
class PostgresServer:
    """The serving database of `[serving.postgres]`, password resolved."""

    host: str
    port: int
    database: str
    user: str
    password: Secret
    schema: str
    reader_role: str


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run needs to know. `connections` are in the order of the file."""

    file: Path
    connections: tuple[Connection, ...]
    reporting_time_zone: str | None
    seeds: Path | None
    daily_history_days: int
    fiscal_year_start_month: int
    min_responses: int
    postgres: PostgresServer | None
    is_sandbox: bool = False

    def connection(self, connection_id: str) -> Connection | None:
        return next((each for each in self.connections if each.id == connection_id), None)

    def secrets(self) -> list[str]:
        """Every secret value, so that nothing that is written can hold one."""
        holders: list[object] = [*self.connections, *([self.postgres] if self.postgres else [])]
        found = {
            value.reveal()
            for holder in holders
            for value in vars(holder).values()
            if isinstance(value, Secret) and value
        }
        return sorted(found, key=len, reverse=True)


def load_settings(
    file: Path,
    environ: Mapping[str, str],
    pseudonym_key: Secret = NO_SECRET,
    *,
    folder: Path | None = None,
) -> Settings:
    """Read and check `file`. Relative paths in it start at `folder` (default: where the file lies).

    Raises InvalidFile, or PmoError if the file cannot be read at all.
    """
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        raise PmoError(f"{file} does not exist. Copy pmo.example.toml to pmo.toml and edit it.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PmoError(f"{file} cannot be read: {error}. It must be a text file in UTF-8.") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFile([_syntax(file.name, text, error)]) from None
    positions = Positions(text)
    try:
        parsed = PmoToml.model_validate(content)
    except ValidationError as error:
        raise InvalidFile(problems(error, file.name, positions)) from None
    checker = Checker(parsed, environ, file.name, positions)
    if found := checker.problems():
        raise InvalidFile(found)
    return _resolve(parsed, file, folder or file.resolve().parent, environ, pseudonym_key)


def _syntax(name: str, text: str, error: tomllib.TOMLDecodeError) -> Problem:
    """tomllib says `… (at line 3, column 9)` or `… (at end of document)`."""
    message = str(error)
    place = message.rpartition(" (at ")[2]
    is_line = place.startswith("line ")
    line = int(place.removeprefix("line ").split(",")[0]) if is_line else text.count("\n") + 1
    lines = text.splitlines()
    shown = lines[line - 1].strip() if line <= len(lines) else ""
    seen = f" in `{shown}`" if shown and "_env" not in shown else ""
    return Problem(name, line, f"this is not valid TOML: {message.rpartition(' (at ')[0] or message}{seen}.")


def _resolve(parsed: PmoToml, file: Path, folder: Path, environ: Mapping[str, str], key: Secret) -> Settings:
    return Settings(
        file=file,
        connections=tuple(_connection(each, folder, environ, key) for each in parsed.connections),
        reporting_time_zone=parsed.reporting_time_zone,
        seeds=folder / parsed.seeds if parsed.seeds else None,
        daily_history_days=parsed.daily_history_days,
        fiscal_year_start_month=parsed.fiscal_year_start_month,
        min_responses=parsed.min_responses,
        postgres=_postgres(parsed.serving.postgres, environ) if parsed.serving.postgres else None,
    )


def _postgres(section: PostgresSection, environ: Mapping[str, str]) -> PostgresServer:
    return PostgresServer(
        host=section.host,
        port=section.port,
        database=section.database,
        user=section.user,
        password=Secret(environ[section.password_env]),
        schema=section.schema_,
        reader_role=section.reader_role,
    )


def _connection(section: AnyConnection, folder: Path, environ: Mapping[str, str], key: Secret) -> Connection:
    """The section as the plain object that its source takes; secrets come from the environment."""
    common: dict[str, Any] = {
        "id": section.id,
        "time_zone": section.time_zone,
        "projects": tuple(section.projects),
        "overlap_hours": section.overlap_hours,
        "max_deleted_ratio": section.max_deleted_ratio,
        "ca_bundle": folder / section.ca_bundle if section.ca_bundle else None,
        "include_comments": section.include_comments,
        "fields": dict(section.fields),
    }
    match section:
        case JiraSection():
            return JiraConnection(
                **common,
                url=section.url.rstrip("/"),
                token=Secret(environ[section.token_env]),
                token_env=section.token_env,
                username=section.username,
                cloud_id=section.cloud_id,
                gateway=section.gateway.rstrip("/"),
                sprint_reports=section.sprint_reports,
            )
        case AzureDevOpsSection():
            return AzureDevOpsConnection(
                **common,
                url=section.url.rstrip("/"),
                token=Secret(environ[section.token_env]) if section.token_env else NO_SECRET,
                token_env=section.token_env or "",
                tenant_id=section.tenant_id,
                client_id=section.client_id,
                client_secret=Secret(environ[section.client_secret_env]) if section.client_secret_env else NO_SECRET,
                client_secret_env=section.client_secret_env or "",
                authority=section.authority,
            )
        case SurveyFileSection():
            return _survey_file(section, common, folder, key)
        case QualtricsSection():
            return _online_survey(QualtricsConnection, section, common, environ, key)
        case SurveyMonkeySection():
            return _online_survey(SurveyMonkeyConnection, section, common, environ, key)
        case TypeformSection():
            return _online_survey(TypeformConnection, section, common, environ, key)


def _online_survey(
    kind: type[SurveyApiConnection],
    section: SurveyApiSection,
    common: dict[str, Any],
    environ: Mapping[str, str],
    key: Secret,
) -> Connection:
    same = ("scope_type", "scope_field", "respondent_field", "comment_question", "repeat_days", "token_env")
    return kind(
        **common,
        **{name: getattr(section, name) for name in same},
        url=section.url.rstrip("/"),
        token=Secret(environ[section.token_env]),
        survey_ids=tuple(dict.fromkeys(section.survey_ids)),
        questions=tuple(ApiQuestion(**question.model_dump()) for question in section.questions),
        pseudonym_key=key,
    )


def _survey_file(section: SurveyFileSection, common: dict[str, Any], folder: Path, key: Secret) -> Connection:
    same = {"submitted_at_column", "date_format", "response_id_column", "respondent_column", "scope_type", "survey"}
    same |= {"scope_column", "comment_column", "invited", "delimiter", "encoding", "decimal", "repeat_days"}
    return SurveyFileConnection(
        **common,
        **{name: getattr(section, name) for name in same},
        path=str(folder / Path(section.path).expanduser()),
        questions=_questions(section),
        survey_date=None if section.survey_date is None else str(section.survey_date),
        null_values=tuple(section.null_values),
        pseudonym_key=key,
    )


def _questions(section: SurveyFileSection) -> tuple[SurveyQuestion, ...]:
    if section.questions:
        given = section.questions
    else:
        given = [
            QuestionSection(
                metric=section.metric or "nps",
                score_column=section.score_column or "",
                scale_min=section.scale_min,
                scale_max=section.scale_max,
            )
        ]
    return tuple(SurveyQuestion(**question.model_dump()) for question in given)
