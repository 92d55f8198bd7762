"""Projects, teams and all that belongs to them: few records per request, so requests go in parallel.

A part that cannot be read (no permission on one team's boards) is a failure of the run that names the
part; the rest is landed, and nothing that was landed of that part before is taken for deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from extractors.azure_devops import metadata_records as rows_of
from extractors.azure_devops.client import AzureDevOpsClient
from extractors.azure_devops.records import People
from extractors.azure_devops.sdk import Discovery
from extractors.errors import AccessDenied, BadRequest, ExtractError, NotFound, Truncated
from extractors.writing import Writer, in_parallel

THREADS = 8
RECENT_DAYS = 35  # capacities of iterations that ended earlier do not change any more
ALWAYS_DEEP_BELOW = 50  # teams
PROJECTS = "azure_devops/projects"
TEAMS = "azure_devops/teams"
TEAM_AREAS = "azure_devops/team_areas"
TEAM_ITERATIONS = "azure_devops/team_iterations"
BOARDS = "azure_devops/boards"
CAPACITIES = "azure_devops/capacities"
TEAM_DAYS_OFF = "azure_devops/team_days_off"
BY_PROJECT = ("azure_devops/areas", "azure_devops/iterations", "azure_devops/item_types", "azure_devops/states")
BY_TEAM = (TEAMS, TEAM_AREAS, TEAM_ITERATIONS, BOARDS)
BY_ITERATION = (CAPACITIES, TEAM_DAYS_OFF)
Json = dict[str, Any]
Rows = dict[str, list[Json]]


@dataclass
class Part:
    """What was read of one project or team.

    `complete`: streams of which all rows of the part are there. `iterations`: `<team>:<guid>` whose capacities are.
    """

    rows: Rows = field(default_factory=lambda: defaultdict(list))
    complete: set[str] = field(default_factory=set)
    iterations: set[str] = field(default_factory=set)
    teams: list[Json] = field(default_factory=list)
    errors: list[ExtractError] = field(default_factory=list)

    @contextmanager
    def attempt(self, *streams: str) -> Iterator[None]:
        """What the tool refuses inside is an error of the part; everything else ends the run."""
        try:
            yield
        except (AccessDenied, NotFound, BadRequest) as error:
            self.errors.append(error)
        else:
            self.complete.update(streams)


class Metadata:
    """Reads and lands the metadata of the selected projects.

    A deep reading takes everything. One that is not deep takes what sprints and teams of items hang on (areas and
    iterations), and everything of new teams: with hundreds of teams the rest is some ten requests for each.
    """

    def __init__(
        self, client: AzureDevOpsClient, discovery: Discovery, writer: Writer, people: People, today: date
    ) -> None:
        self.client, self.discovery, self.writer, self.people, self.today = client, discovery, writer, people, today
        self._known_teams = writer.alive(TEAMS)
        self.is_deep = True

    def land(
        self,
        projects: Mapping[str, Json],
        visible: Iterable[Mapping[str, Any]],
        hidden: Container[str] = (),
        *,
        is_deep: bool = True,
    ) -> None:
        """`projects`: the selected ones by id. `visible`: all. `hidden`: ids that are out of sight, not gone."""
        rows = [rows_of.project_row(record) for record in visible]
        self.writer.replace(PROJECTS, rows, lambda key: key not in hidden)
        found: Rows = defaultdict(list)
        read_projects: set[str] = set()
        teams: list[tuple[Json, Json]] = []
        for project, part in in_parallel(self._project, projects.values(), THREADS):
            self._fail(part, f"project '{project['name']}'")
            if part.complete:
                read_projects.add(project["name"])
                teams += [(project, team) for team in part.teams]
                _merge(found, part.rows)
        self._land_by_project(found, read_projects)
        self.is_deep = is_deep or len(teams) < ALWAYS_DEEP_BELOW
        self._land_by_team(teams, read_projects)

    def _land_by_project(self, found: Rows, read_projects: set[str]) -> None:
        for stream in BY_PROJECT:
            owners = self._owners(stream)
            readable = {key for key, project in owners.items() if project in read_projects}
            self.writer.replace(stream, found[stream], readable.__contains__)

    def _land_by_team(self, teams: Sequence[tuple[Json, Json]], read_projects: set[str]) -> None:
        """A stream of a team that is listed but could not be read keeps what was landed of it."""
        listed = {team["id"] for _, team in teams}
        gone = {key for key, project in self._owners(TEAMS).items() if project in read_projects and key not in listed}
        settled: dict[str, set[str]] = {stream: set(gone) for stream in BY_TEAM}
        read_iterations: set[str] = set()
        found: Rows = defaultdict(list)
        for (project, team), part in in_parallel(lambda pair: self._team(*pair), teams, THREADS):
            self._fail(part, f"team '{team['name']}' of project '{project['name']}'")
            for stream in part.complete:
                settled[stream].add(team["id"])
            read_iterations |= part.iterations
            _merge(found, part.rows)
        for stream in BY_TEAM:
            own = settled[stream]
            self.writer.replace(stream, found[stream], lambda key, own=own: key.split(":")[0] in own)  # type: ignore[misc]
        for stream in BY_ITERATION:
            self.writer.replace(stream, found[stream], lambda key: ":".join(key.split(":")[:2]) in read_iterations)

    def _owners(self, stream: str) -> dict[str, str]:
        """Record id -> name of the project that it belonged to when it was landed last."""
        known = self.writer.landing.latest(stream, self.client.connection.id, ["record_id", "project"])
        return dict(zip(known["record_id"].to_pylist(), known["project"].to_pylist(), strict=True))

    def _fail(self, part: Part, subject: str) -> None:
        for error in part.errors:
            error.detail = f"It concerns {subject}. {error.detail}".strip()
        self.writer.report.failures += part.errors

    def _project(self, project: Json) -> Part:
        part = Part()
        name, project_id = project["name"], project["id"]
        with part.attempt(*BY_PROJECT):
            roots = self.client.nodes(project_id)
            if (path := rows_of.cut_node(roots)) is not None:
                subject, detail = f"the areas and iterations of '{name}'", f"Children of {path} are missing"
                raise Truncated(self.client.connection.id, subject, detail=detail)
            part.rows["azure_devops/areas"], part.rows["azure_devops/iterations"] = rows_of.node_rows(name, roots)
            for record in self.client.item_types(project_id):
                part.rows["azure_devops/item_types"].append(rows_of.item_type_row(name, record))
                states = record.get("states") or self.client.item_states(project_id, record["name"])
                part.rows["azure_devops/states"] += rows_of.state_rows(name, record["name"], states)
            part.teams = self.discovery.teams(project_id)
        return part

    def _team(self, project: Json, team: Json) -> Part:
        part = Part()
        project_id, team_id = project["id"], team["id"]
        with part.attempt(TEAM_AREAS):
            values = self.client.team(project_id, team_id, "teamsettings/teamfieldvalues")
            part.rows[TEAM_AREAS] = rows_of.team_area_rows(team_id, values)
        with part.attempt(TEAM_ITERATIONS):
            records = self.client.team_list(project_id, team_id, "teamsettings/iterations")
            part.rows[TEAM_ITERATIONS] = [rows_of.team_iteration_row(team_id, record) for record in records]
        if self.is_deep or team_id not in self._known_teams:
            self._team_deep(project, team, part)
        return part

    def _team_deep(self, project: Json, team: Json, part: Part) -> None:
        project_id, team_id = project["id"], team["id"]
        with part.attempt(TEAMS):
            settings = self.client.team(project_id, team_id, "teamsettings")
            part.rows[TEAMS] = [rows_of.team_row(project, team, settings)]
        with part.attempt(BOARDS):
            for board in self.client.team_list(project_id, team_id, "boards"):
                columns = self.client.team_list(project_id, team_id, f"boards/{board['id']}/columns")
                part.rows[BOARDS] += rows_of.board_rows(team_id, board, columns)
        with part.attempt():
            for row in part.rows[TEAM_ITERATIONS]:
                if self._is_worth_reading(row):
                    self._iteration(project_id, team_id, row["iteration_guid"], part)

    def _is_worth_reading(self, row: Mapping[str, Any]) -> bool:
        """All iterations of a new team; later the ones that can still change."""
        finish: date | None = row["finish_date"]
        is_new = row["team_id"] not in self._known_teams
        return finish is not None and (is_new or finish >= self.today - timedelta(days=RECENT_DAYS))

    def _iteration(self, project_id: str, team_id: str, guid: str, part: Part) -> None:
        path = f"teamsettings/iterations/{guid}"
        capacities = self.client.team(project_id, team_id, f"{path}/capacities")
        members = capacities.get("value") or capacities.get("teamMembers") or []
        days_off = self.client.team(project_id, team_id, f"{path}/teamdaysoff")
        part.rows[CAPACITIES] += rows_of.capacity_rows(team_id, guid, members, self.people)
        part.rows[TEAM_DAYS_OFF].append(rows_of.team_days_off_row(team_id, guid, days_off))
        part.iterations.add(f"{team_id}:{guid}")


def _merge(found: Rows, rows: Rows) -> None:
    for stream, part in rows.items():
        found[stream] += part
