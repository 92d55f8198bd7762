"""Reads projects, teams and all that belongs to them. Requests only: `metadata_landing.py` lands what came.

Few records per request, so requests go in parallel, in three rounds: of projects, of teams, of what a
team's answers name (boards, iterations). A part that the tool refuses or cannot give (one team's boards) is an
error of that part.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from extractors.azure_devops.client import THREADS, AzureDevOpsClient
from extractors.azure_devops.isolation import ODD, each_by_itself, odd_record
from extractors.azure_devops.metadata_records import cut_node, day_of
from extractors.azure_devops.sdk import Discovery
from extractors.errors import ExtractError, Truncated

RECENT_DAYS = 35  # capacities of iterations that ended earlier do not change any more
ALWAYS_DEEP_BELOW = 50  # teams
Json = dict[str, Any]


@dataclass
class Part:
    """What the tool said of a project (`team` is None) or of a team: answers by name, and what it refused."""

    project: Json
    team: Json | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    errors: list[ExtractError] = field(default_factory=list)

    @property
    def subject(self) -> str:
        project = f"project '{self.project['name']}'"
        return f"team '{self.team['name']}' of {project}" if self.team else project


@dataclass(frozen=True)
class _Question:
    part: Part
    name: str
    ask: Callable[[], Any]


@dataclass(frozen=True)
class Metadata:
    """All of one reading. Not deep: teams have no settings and boards, iterations no capacities, but for new teams."""

    projects: Sequence[Part]
    teams: Sequence[Part]
    is_deep: bool


class MetadataReader:
    """Reads the metadata of the selected projects.

    A deep reading takes everything. One that is not deep takes what sprints and teams of items hang on (areas and
    iterations), and everything of new teams: with hundreds of teams the rest is some ten requests for each.
    """

    def __init__(
        self, client: AzureDevOpsClient, discovery: Discovery, known_teams: Container[str], today: date
    ) -> None:
        self.client, self.discovery, self.known_teams, self.today = client, discovery, known_teams, today

    def read(self, projects: Iterable[Json], *, is_deep_due: bool) -> Metadata:
        of_projects = [Part(project) for project in projects]
        connection_id = self.client.connection.id
        _ask((question for part in of_projects for question in self._of_project(part)), connection_id)
        of_teams = [
            Part(part.project, team)
            for part in of_projects
            if "teams" in part.answers
            for team in part.answers["teams"]
        ]
        is_deep = is_deep_due or len(of_teams) < ALWAYS_DEEP_BELOW
        deep = [part for part in of_teams if is_deep or self._is_new(part)]
        _ask(
            (
                question
                for part in of_teams
                for question in (*self._of_team(part), *(self._of_team_in_depth(part) if part in deep else ()))
            ),
            connection_id,
        )
        _ask(
            (question for part in deep for question in (*self._of_boards(part), *self._of_iterations(part))),
            connection_id,
        )
        return Metadata(of_projects, of_teams, is_deep)

    def _is_new(self, part: Part) -> bool:
        return part.team is not None and part.team["id"] not in self.known_teams

    def _of_project(self, part: Part) -> Iterator[_Question]:
        project_id = part.project["id"]
        yield _Question(part, "nodes", lambda: self._nodes(part.project))
        yield _Question(part, "types", lambda: self._types(project_id))
        yield _Question(part, "teams", lambda: self.discovery.teams(project_id))

    def _nodes(self, project: Json) -> list[Json]:
        roots = self.client.nodes(project["id"])
        if (path := cut_node(roots)) is not None:
            subject, detail = f"the areas and iterations of '{project['name']}'", f"Children of {path} are missing"
            raise Truncated(self.client.connection.id, subject, detail=detail)
        return roots

    def _types(self, project_id: str) -> list[Json]:
        """Work item types with their states, which an older server gives one by one."""
        types = self.client.item_types(project_id)
        for record in _with(types, "name"):
            record["states"] = record.get("states") or self.client.item_states(project_id, record["name"])
        return types

    def _of_team(self, part: Part) -> Iterator[_Question]:
        yield _Question(part, "areas", self._object(part, "teamsettings/teamfieldvalues"))
        yield _Question(part, "iterations", self._list(part, "teamsettings/iterations"))

    def _of_team_in_depth(self, part: Part) -> Iterator[_Question]:
        yield _Question(part, "settings", self._object(part, "teamsettings"))
        yield _Question(part, "boards", self._list(part, "boards"))

    def _of_boards(self, part: Part) -> Iterator[_Question]:
        for board in _with(part.answers.get("boards", ()), "id"):
            yield _Question(part, f"columns/{board['id']}", self._list(part, f"boards/{board['id']}/columns"))

    def _of_iterations(self, part: Part) -> Iterator[_Question]:
        """All iterations of a new team; later the ones that can still change."""
        for record in _with(part.answers.get("iterations", ()), "id"):
            dates = record.get("attributes")
            finish = day_of(dates.get("finishDate")) if isinstance(dates, dict) else None
            if finish is None or not (self._is_new(part) or finish >= self.today - timedelta(days=RECENT_DAYS)):
                continue
            path = f"teamsettings/iterations/{record['id']}"
            yield _Question(part, f"capacities/{record['id']}", self._object(part, f"{path}/capacities"))
            yield _Question(part, f"days_off/{record['id']}", self._object(part, f"{path}/teamdaysoff"))

    def _object(self, part: Part, rest: str) -> Callable[[], Any]:
        return lambda: self.client.team(*_place(part), rest)

    def _list(self, part: Part, rest: str) -> Callable[[], Any]:
        return lambda: self.client.team_list(*_place(part), rest)


def _place(part: Part) -> tuple[str, str]:
    team: Mapping[str, Any] = part.team or {}
    return part.project["id"], team["id"]


def _with(records: Iterable[Any], key: str) -> Iterator[Json]:
    """Those that can be asked about; the landing names the others."""
    return (record for record in records if isinstance(record, dict) and isinstance(record.get(key), str))


def _ask(questions: Iterable[_Question], connection_id: str) -> None:
    def answer_of(question: _Question) -> Any:
        try:
            return question.ask()
        except ODD as error:
            raise odd_record(connection_id, f"the answer on {question.name}", error) from None

    for question, answer in each_by_itself(answer_of, questions, THREADS):
        if isinstance(answer, ExtractError):
            question.part.errors.append(answer)
        else:
            question.part.answers[question.name] = answer
