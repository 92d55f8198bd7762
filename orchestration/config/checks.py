"""What pydantic cannot say about pmo.toml: ids, environment, addresses, time zones, what belongs together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from orchestration.config.messages import nearest
from orchestration.config.model import (
    AnyConnection,
    AzureDevOpsSection,
    JiraSection,
    PmoToml,
    QuestionSection,
    SurveyApiSection,
    SurveyFileSection,
)
from orchestration.config.positions import Path, Positions
from orchestration.errors import Problem

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Checker:
    """Checks a parsed file; `environ` must hold the variables that it names."""

    def __init__(self, parsed: PmoToml, environ: Mapping[str, str], file: str, positions: Positions) -> None:
        self._parsed = parsed
        self._environ = environ
        self._file = file
        self._positions = positions

    def problems(self) -> list[Problem]:
        found = [*self._general(), *self._duplicates()]
        for number, connection in enumerate(self._parsed.connections):
            found += [
                replace(problem, text=f"connection `{connection.id}`: {problem.text}")
                for problem in self._connection(("connections", number), connection)
            ]
        return sorted(found, key=lambda problem: problem.line or 0)

    def _problem(self, path: Path, text: str) -> Problem:
        return Problem(self._file, self._positions.line(path), text)

    def _general(self) -> Iterator[Problem]:
        yield from self._zone(("reporting_time_zone",), self._parsed.reporting_time_zone)
        if postgres := self._parsed.serving.postgres:
            yield from self._variable(("serving", "postgres", "password_env"), postgres.password_env)

    def _duplicates(self) -> Iterator[Problem]:
        first: dict[str, int] = {}
        for number, connection in enumerate(self._parsed.connections):
            if connection.id in first:
                other = self._positions.line(("connections", first[connection.id], "id"))
                path: Path = ("connections", number, "id")
                yield self._problem(path, f'`id = "{connection.id}"` is already taken in line {other}; ids are unique.')
            first.setdefault(connection.id, number)

    def _connection(self, path: Path, connection: AnyConnection) -> Iterator[Problem]:
        yield from self._zone((*path, "time_zone"), connection.time_zone)
        if connection.ca_bundle and not connection.ca_bundle.is_absolute() and ".." in connection.ca_bundle.parts:
            yield self._problem((*path, "ca_bundle"), "`ca_bundle` may not lead out of this folder with `..`.")
        match connection:
            case JiraSection():
                yield from self._url((*path, "url"), connection.url)
                yield from self._variable((*path, "token_env"), connection.token_env)
            case AzureDevOpsSection():
                yield from self._url((*path, "url"), connection.url)
                yield from self._azure_credentials(path, connection)
            case SurveyFileSection():
                yield from self._survey(path, connection)
            case SurveyApiSection():
                yield from self._url((*path, "url"), connection.url)
                yield from self._variable((*path, "token_env"), connection.token_env)
                yield from self._online_survey(path, connection)

    def _azure_credentials(self, path: Path, connection: AzureDevOpsSection) -> Iterator[Problem]:
        principal = (connection.tenant_id, connection.client_id, connection.client_secret_env)
        if connection.token_env and not any(principal):
            yield from self._variable((*path, "token_env"), connection.token_env)
        elif all(principal) and not connection.token_env:
            yield from self._variable((*path, "client_secret_env"), connection.client_secret_env or "")
        else:
            text = "needs either `token_env`, or all of `tenant_id`, `client_id` and `client_secret_env`."
            yield self._problem(path, text)

    def _survey(self, path: Path, connection: SurveyFileSection) -> Iterator[Problem]:
        single = connection.metric is not None and connection.score_column is not None
        if bool(connection.questions) == single or (connection.questions and connection.score_column):
            text = "needs either `metric` and `score_column`, or [[connections.questions]] tables."
            yield self._problem(path, text)
        scales: list[tuple[Path, SurveyFileSection | QuestionSection]] = [(path, connection)]
        scales += [((*path, "questions", n), q) for n, q in enumerate(connection.questions)]
        for where, scale in scales:
            if scale.scale_min >= scale.scale_max:
                yield self._problem((*where, "scale_max"), "`scale_max` must be above `scale_min`.")
        if (connection.scope_type == "all") != (connection.scope_column is None):
            text = "`scope_column` and a `scope_type` other than all go together."
            yield self._problem((*path, "scope_column"), text)
        if connection.submitted_at_column is None and connection.survey_date is None:
            yield self._problem(path, f"connection `{connection.id}` needs `submitted_at_column` or `survey_date`.")
        try:
            "".encode(connection.encoding)
        except LookupError:
            yield self._problem((*path, "encoding"), f"`encoding = {connection.encoding!r}` is not known to Python.")

    def _online_survey(self, path: Path, connection: SurveyApiSection) -> Iterator[Problem]:
        for number, question in enumerate(connection.questions):
            where = (*path, "questions", number)
            if (question.scale_min is None) != (question.scale_max is None):
                yield self._problem(where, "`scale_min` and `scale_max` go together.")
            elif question.scale_min is not None and question.scale_min >= (question.scale_max or 0):
                yield self._problem((*where, "scale_max"), "`scale_max` must be above `scale_min`.")
            if question.survey is not None and question.survey not in connection.survey_ids:
                hint = nearest(question.survey, connection.survey_ids)
                text = f'`survey = "{question.survey}"` is none of this connection\'s `survey_ids`.{hint}'
                yield self._problem((*where, "survey"), text)
        if (connection.scope_type == "all") != (connection.scope_field is None):
            text = "`scope_field` and a `scope_type` other than all go together."
            yield self._problem((*path, "scope_field"), text)

    def _zone(self, path: Path, name: str | None) -> Iterator[Problem]:
        if name is not None and name not in available_timezones():
            hint = nearest(name, sorted(available_timezones()))
            text = f'`{path[-1]} = "{name}"` is no IANA time zone.{hint} Allowed: e.g. Europe/Berlin.'
            yield self._problem(path, text)

    def _variable(self, path: Path, name: str) -> Iterator[Problem]:
        if not self._environ.get(name):
            # Someone may have pasted the secret itself here: only what looks like a variable is repeated.
            shown = f" {name}" if name.isupper() and len(name) <= 40 else ""
            text = f"the environment variable{shown} that `{path[-1]}` names is not set. Set it and run again."
            yield self._problem(path, text)

    def _url(self, path: Path, url: str) -> Iterator[Problem]:
        try:
            parts = urlsplit(url)
            host = parts.hostname
            _ = parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in {"http", "https"}:
            yield self._problem(
                path, f'`url = "{_bare(url)}"` is no address. Allowed: https://host or https://host/path.'
            )
        elif parts.username or parts.password:
            yield self._problem(path, "`url` holds a user name or password; they belong into `token_env`.")
        elif parts.scheme == "http" and host not in LOOPBACK:
            text = f"plain http would send the token readable to {host}. Allowed: https, or http to this machine."
            yield self._problem(path, text)


def _bare(url: str) -> str:
    """`url` without what might be a password."""
    scheme, mark, rest = url.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"
