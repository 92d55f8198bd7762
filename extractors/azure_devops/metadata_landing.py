"""Lands what `metadata.py` read: each stream as a whole, as far as its parts could be read.

A part that was refused is a failure of the run that names it, and nothing that was landed of it before is
taken for deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

from extractors.azure_devops import metadata_records as rows_of
from extractors.azure_devops.metadata import Metadata, Part
from extractors.azure_devops.people import People
from extractors.writing import Writer

PROJECTS = "azure_devops/projects"
AREAS, ITERATIONS = "azure_devops/areas", "azure_devops/iterations"
ITEM_TYPES, STATES = "azure_devops/item_types", "azure_devops/states"
TEAMS = "azure_devops/teams"
TEAM_AREAS = "azure_devops/team_areas"
TEAM_ITERATIONS = "azure_devops/team_iterations"
BOARDS = "azure_devops/boards"
CAPACITIES = "azure_devops/capacities"
TEAM_DAYS_OFF = "azure_devops/team_days_off"
BY_TEAM = (TEAMS, TEAM_AREAS, TEAM_ITERATIONS, BOARDS)
Rows = dict[str, list[dict[str, Any]]]


class MetadataLanding:
    """Puts one reading into the open batch."""

    def __init__(self, writer: Writer, people: People) -> None:
        self.writer, self.people = writer, people
        self._rows: Rows = defaultdict(list)
        self._read: dict[str, set[str]] = defaultdict(set)  # by stream: names of projects, ids of teams or iterations

    def land(self, read: Metadata, visible: Iterable[Mapping[str, Any]], hidden: Container[str]) -> None:
        """`visible`: all projects. `hidden`: ids of projects that are out of sight, not gone."""
        self.writer.replace(
            PROJECTS, [rows_of.project_row(record) for record in visible], lambda key: key not in hidden
        )
        for part in (*read.projects, *read.teams):
            for error in part.errors:
                error.detail = f"It concerns {part.subject}. {error.detail}".strip()
            self.writer.report.failures += part.errors
        for part in read.projects:
            self._project(part)
        for part in read.teams:
            self._team(part)
        self._replace(read)

    def _replace(self, read: Metadata) -> None:
        for stream in (AREAS, ITERATIONS, ITEM_TYPES, STATES):
            owners = self._owners(stream)
            for key in self._former() if stream == STATES else ():
                del owners[key]
            names = self._read[stream]
            self.writer.replace(stream, self._rows[stream], lambda key, o=owners, n=names: o.get(key) in n)  # type: ignore[misc]
        gone = self._gone_teams(read)
        for stream in BY_TEAM:
            own = self._read[stream] | gone
            self.writer.replace(stream, self._rows[stream], lambda key, own=own: key.split(":")[0] in own)  # type: ignore[misc]
        for stream in (CAPACITIES, TEAM_DAYS_OFF):
            own = self._read[stream]
            self.writer.replace(stream, self._rows[stream], lambda key, own=own: ":".join(key.split(":")[:2]) in own)  # type: ignore[misc]

    def _gone_teams(self, read: Metadata) -> set[str]:
        """Known teams that a project whose teams were listed does not have any more."""
        listed = {part.team["id"] for part in read.teams if part.team}
        owners = self._owners(TEAMS).items()
        return {key for key, project in owners if project in self._read["teams"] and key not in listed}

    def _owners(self, stream: str) -> dict[str, str]:
        """Record id -> name of the project that it belonged to when it was landed last."""
        known = self.writer.landing.latest(stream, self.writer.connection.id, ["record_id", "project"])
        return dict(zip(known["record_id"].to_pylist(), known["project"].to_pylist(), strict=True))

    def _former(self) -> list[str]:
        """States that are landed for the sake of histories: no list has them."""
        known = self.writer.landing.latest(STATES, self.writer.connection.id, ["record_id", "state_number"])
        pairs = zip(known["record_id"].to_pylist(), known["state_number"].to_pylist(), strict=True)
        return [record_id for record_id, number in pairs if number is None]

    def _project(self, part: Part) -> None:
        name, answers = part.project["name"], part.answers
        if "nodes" in answers:
            areas, iterations = rows_of.node_rows(name, answers["nodes"])
            self._put(AREAS, name, areas)
            self._put(ITERATIONS, name, iterations)
        if "types" in answers:
            types = answers["types"]
            self._put(ITEM_TYPES, name, [rows_of.item_type_row(name, record) for record in types])
            for record in types:
                self._put(STATES, name, rows_of.state_rows(name, record["name"], record["states"]))
        if "teams" in answers:
            self._read["teams"].add(name)

    def _team(self, part: Part) -> None:
        team, answers = part.team or {}, part.answers
        team_id = team["id"]
        if "areas" in answers:
            self._put(TEAM_AREAS, team_id, rows_of.team_area_rows(team_id, answers["areas"]))
        if "iterations" in answers:
            rows = [rows_of.team_iteration_row(team_id, record) for record in answers["iterations"]]
            self._put(TEAM_ITERATIONS, team_id, rows)
        if "settings" in answers:
            self._put(TEAMS, team_id, [rows_of.team_row(part.project, team, answers["settings"])])
        self._boards(team_id, answers)
        for name, answer in answers.items():
            kind, _, guid = name.partition("/")
            if kind == "capacities":
                members = answer.get("value") or answer.get("teamMembers") or []
                rows = rows_of.capacity_rows(team_id, guid, members, self.people)
                self._put(CAPACITIES, f"{team_id}:{guid}", rows)
            elif kind == "days_off":
                self._put(TEAM_DAYS_OFF, f"{team_id}:{guid}", [rows_of.team_days_off_row(team_id, guid, answer)])

    def _boards(self, team_id: str, answers: Mapping[str, Any]) -> None:
        """Complete only with the columns of every board."""
        boards = answers.get("boards")
        if boards is not None and all(f"columns/{board['id']}" in answers for board in boards):
            rows = [
                row for board in boards for row in rows_of.board_rows(team_id, board, answers[f"columns/{board['id']}"])
            ]
            self._put(BOARDS, team_id, rows)

    def _put(self, stream: str, owner: str, rows: Iterable[dict[str, Any]]) -> None:
        """Rows of one project, team or iteration: all of them there are, or there would be none."""
        self._rows[stream] += rows
        self._read[stream].add(owner)
