"""Projects, teams and all that belongs to them: few records per request, so requests go in parallel.

A part that cannot be read (no permission on one team's boards) is a failure of the run that names the
part; the rest is landed, and nothing that was landed of that part before is taken for deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
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
PROJECTS = "azure_devops/projects"
TEAMS = "azure_devops/teams"
BY_PROJECT = ("azure_devops/areas", "azure_devops/iterations", "azure_devops/item_types", "azure_devops/states")
BY_TEAM = ("azure_devops/team_areas", "azure_devops/team_iterations", "azure_devops/boards")
BY_ITERATION = ("azure_devops/capacities", "azure_devops/team_days_off")
READ_ITERATIONS = "read iterations"  # not a stream: which of them were read
Rows = dict[str, list[dict[str, Any]]]


@dataclass
class Part:
    """What was read of one project or team; `error` if it was not."""

    rows: Rows = field(default_factory=lambda: defaultdict(list))
    error: ExtractError | None = None


class Metadata:
    """Reads and lands the metadata of the selected projects."""

    def __init__(
        self, client: AzureDevOpsClient, discovery: Discovery, writer: Writer, people: People, today: date
    ) -> None:
        self.client, self.discovery, self.writer, self.people, self.today = client, discovery, writer, people, today
        self._has_capacities = bool(writer.alive("azure_devops/team_iterations"))

    def land(
        self,
        projects: Mapping[str, dict[str, Any]],
        visible: Iterable[Mapping[str, Any]],
        hidden: Container[str] = (),
    ) -> None:
        """`projects`: the selected ones by id. `visible`: all. `hidden`: ids that are out of sight, not gone."""
        rows = [rows_of.project_row(record) for record in visible]
        self.writer.replace(PROJECTS, rows, lambda key: key not in hidden)
        found: Rows = defaultdict(list)
        read_projects, read_teams, teams = set(), set(), []
        for project, part in in_parallel(self._project, projects.values(), THREADS):
            if self._is_read(part, f"project '{project['name']}'"):
                read_projects.add(project["name"])
                teams += [(project, team) for team in part.rows.pop("teams")]
                _merge(found, part.rows)
        for (project, team), part in in_parallel(lambda pair: self._team(*pair), teams, THREADS):
            if self._is_read(part, f"team '{team['name']}' of project '{project['name']}'"):
                read_teams.add(team["id"])
                _merge(found, part.rows)
        self._land_by_project(found, read_projects)
        self._land_by_team(found, read_projects, read_teams, {team["id"] for _, team in teams})

    def _land_by_project(self, found: Rows, read_projects: set[str]) -> None:
        for stream in BY_PROJECT:
            owners = self._owners(stream)
            readable = {key for key, project in owners.items() if project in read_projects}
            self.writer.replace(stream, found[stream], readable.__contains__)

    def _land_by_team(self, found: Rows, read_projects: set[str], read_teams: set[str], listed: set[str]) -> None:
        """A team that is listed but could not be read keeps what was landed of it."""
        gone = {key for key, project in self._owners(TEAMS).items() if project in read_projects and key not in listed}
        settled = read_teams | gone
        self.writer.replace(TEAMS, found[TEAMS], settled.__contains__)
        for stream in BY_TEAM:
            self.writer.replace(stream, found[stream], lambda key: key.split(":")[0] in settled)
        # Only recent iterations are read again, so a missing row says something about those alone.
        read = {row["key"] for row in found[READ_ITERATIONS]}
        for stream in BY_ITERATION:
            self.writer.replace(stream, found[stream], lambda key: ":".join(key.split(":")[:2]) in read)

    def _owners(self, stream: str) -> dict[str, str]:
        """Record id -> name of the project that it belonged to when it was landed last."""
        known = self.writer.landing.latest(stream, self.client.connection.id, ["record_id", "project"])
        return dict(zip(known["record_id"].to_pylist(), known["project"].to_pylist(), strict=True))

    def _is_read(self, part: Part, subject: str) -> bool:
        if part.error is None:
            return True
        part.error.detail = f"It concerns {subject}. {part.error.detail}".strip()
        self.writer.report.failures.append(part.error)
        return False

    def _project(self, project: dict[str, Any]) -> Part:
        return _attempt(lambda part: self._read_project(project, part))

    def _read_project(self, project: dict[str, Any], part: Part) -> None:
        name, project_id = project["name"], project["id"]
        roots = self.client.nodes(project_id)
        if (path := rows_of.cut_node(roots)) is not None:
            raise Truncated(
                self.client.connection.id,
                f"the areas and iterations of '{name}'",
                detail=f"Children of {path} are missing",
            )
        areas, iterations = rows_of.node_rows(name, roots)
        part.rows["azure_devops/areas"], part.rows["azure_devops/iterations"] = areas, iterations
        for record in self.client.item_types(project_id):
            part.rows["azure_devops/item_types"].append(rows_of.item_type_row(name, record))
            states = record.get("states") or self.client.item_states(project_id, record["name"])
            part.rows["azure_devops/states"] += rows_of.state_rows(name, record["name"], states)
        part.rows["teams"] = self.discovery.teams(project_id)

    def _team(self, project: dict[str, Any], team: dict[str, Any]) -> Part:
        return _attempt(lambda part: self._read_team(project, team, part))

    def _read_team(self, project: dict[str, Any], team: dict[str, Any], part: Part) -> None:
        project_id, team_id = project["id"], team["id"]
        settings = self.client.team(project_id, team_id, "teamsettings")
        areas = self.client.team(project_id, team_id, "teamsettings/teamfieldvalues")
        iterations = self.client.team_list(project_id, team_id, "teamsettings/iterations")
        part.rows[TEAMS].append(rows_of.team_row(project, team, settings))
        part.rows["azure_devops/team_areas"] += rows_of.team_area_rows(team_id, areas)
        for record in iterations:
            row = rows_of.team_iteration_row(team_id, record)
            part.rows["azure_devops/team_iterations"].append(row)
            if self._is_worth_reading(row):
                self._read_iteration(project_id, team_id, record["id"], part)
        for board in self.client.team_list(project_id, team_id, "boards"):
            columns = self.client.team_list(project_id, team_id, f"boards/{board['id']}/columns")
            part.rows["azure_devops/boards"] += rows_of.board_rows(team_id, board, columns)

    def _is_worth_reading(self, row: Mapping[str, Any]) -> bool:
        """All of them in the first run; later the ones that can still change."""
        finish = row["finish_date"]
        return finish is not None and (not self._has_capacities or finish >= self.today - timedelta(days=RECENT_DAYS))

    def _read_iteration(self, project_id: str, team_id: str, guid: str, part: Part) -> None:
        path = f"teamsettings/iterations/{guid}"
        capacities = self.client.team(project_id, team_id, f"{path}/capacities")
        members = capacities.get("value") or capacities.get("teamMembers") or []
        days_off = self.client.team(project_id, team_id, f"{path}/teamdaysoff")
        part.rows["azure_devops/capacities"] += rows_of.capacity_rows(team_id, guid, members, self.people)
        part.rows["azure_devops/team_days_off"].append(rows_of.team_days_off_row(team_id, guid, days_off))
        part.rows[READ_ITERATIONS].append({"key": f"{team_id}:{guid}"})


def _attempt(read: Callable[[Part], None]) -> Part:
    """A part that the tool refuses is a failure of its own; everything else ends the run."""
    part = Part()
    try:
        read(part)
    except (AccessDenied, NotFound, BadRequest) as error:
        part.error = error
    return part


def _merge(found: Rows, rows: Rows) -> None:
    for stream, part in rows.items():
        found[stream] += part
