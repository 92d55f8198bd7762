"""Lands what `metadata.py` read: each stream as a whole, as far as its parts could be read.

A part that was refused is a failure of the run that names it, and nothing that was landed of it before is
taken for deleted. Neither is a list that is empty at once, or has lost too much: that is a failure, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from extractors.azure_devops import metadata_records as rows_of
from extractors.azure_devops.isolation import ODD, odd_record
from extractors.azure_devops.metadata import Metadata, Part
from extractors.azure_devops.people import People
from extractors.brake import allows
from extractors.connection import Connection
from extractors.errors import TooManyDeleted
from extractors.streams import STREAMS
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
Rows = list[dict[str, Any]]


class MetadataLanding:
    """Puts one reading into the open batch."""

    def __init__(self, writer: Writer, people: People) -> None:
        self.writer, self.people = writer, people
        self.is_stopped = False  # a list that is not read in every run has lost too much: it is due again
        self._rows: dict[str, Rows] = defaultdict(list)
        self._read: dict[str, set[str]] = defaultdict(set)  # by stream: names of projects, ids of teams or iterations

    def land(self, read: Metadata, visible: Iterable[Mapping[str, Any]], hidden: Container[str]) -> None:
        """`visible`: all projects. `hidden`: ids of projects that are out of sight, not gone."""
        self.writer.replace(
            PROJECTS, [rows_of.project_row(record) for record in visible], lambda key: key not in hidden
        )
        for part in read.projects:
            self._project(part)
        for part in read.teams:
            self._team(part)
        for part in (*read.projects, *read.teams):
            for error in part.errors:
                error.detail = f"It concerns {part.subject}. {error.detail}".strip()
            self.writer.report.failures += part.errors
        self._replace(read)

    def _replace(self, read: Metadata) -> None:
        for stream in (AREAS, ITERATIONS, ITEM_TYPES, STATES):
            owners = self._owners(stream)
            for key in self._former() if stream == STATES else ():
                del owners[key]
            names, came = self._read[stream], {row["project"] for row in self._rows[stream]}
            names = names - self._stopped(stream, owners, self._ids(stream), names, came)
            self.writer.replace(stream, self._rows[stream], lambda key, o=owners, n=names: o.get(key) in n)  # type: ignore[misc]
        gone = self._gone_teams(read)
        for stream in BY_TEAM:
            of_read = self._read[stream] - gone
            everything = {key: "" for key in self.writer.alive(stream) if key.split(":")[0] in of_read}
            came = {""} if self._rows[stream] else set()
            is_stopped = bool(self._stopped(stream, everything, self._ids(stream), {""}, came))
            self.is_stopped |= is_stopped
            own = gone if is_stopped else of_read | gone
            self.writer.replace(stream, self._rows[stream], lambda key, own=own: key.split(":")[0] in own)  # type: ignore[misc]
        for stream in (CAPACITIES, TEAM_DAYS_OFF):
            own = self._read[stream]
            self.writer.replace(stream, self._rows[stream], lambda key, own=own: ":".join(key.split(":")[:2]) in own)  # type: ignore[misc]

    def _gone_teams(self, read: Metadata) -> set[str]:
        """Known teams that a project whose teams were listed does not have any more."""
        listed = {part.team["id"] for part in read.teams if part.team}
        owners = self._owners(TEAMS)
        projects, came = self._read["teams"], {part.project["name"] for part in read.teams}
        projects = projects - self._stopped(TEAMS, owners, listed, projects, came)
        return {key for key, project in owners.items() if project in projects and key not in listed}

    def _ids(self, stream: str) -> set[str]:
        """Of the rows that came, as they are landed."""
        return {self.writer.landing.erasures.cleaned_id(row["record_id"], stream) for row in self._rows[stream]}

    def _stopped(
        self,
        stream: str,
        owners: Mapping[str, str],
        present: Container[str],
        read: Container[str],
        came: Container[str],
    ) -> set[str]:
        """Which projects in `read` ("" for all at once) have lost more of a list than may go at once: they keep it.

        `owners`: record id -> project, of all that was ever landed. `came`: the projects whose list is not empty.
        """
        connection, alive = self.writer.connection, self.writer.alive(stream)
        known: Counter[str] = Counter()
        gone: Counter[str] = Counter()
        for key, project in owners.items():
            if project in read and key in alive:
                known[project] += 1
                gone[project] += key not in present
        ratio = connection.max_deleted_ratio
        has_others = stream in (ITEM_TYPES, STATES)  # as another process does: only none at all is not believed
        stopped = {
            name
            for name, count in gone.items()
            if count and ratio < 1 and (name not in came or not (has_others or allows(count, known[name], ratio)))
        }
        for name in sorted(stopped):
            subject = f"the list of {_words(stream)}" + (f" of project '{name}'" if name else "")
            error = _too_many(connection, subject, known[name], gone[name])
            self.writer.report.failures.append(error)
        return stopped

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
            nodes = list(rows_of.nodes_of(answers["nodes"]))
            areas, iterations = ([node for node in nodes if node[0] is is_area] for is_area in (True, False))
            self._put(AREAS, name, part, _named(areas), lambda node: [rows_of.area_row(name, *node[1:])])
            self._put(ITERATIONS, name, part, _named(iterations), lambda node: [rows_of.iteration_row(name, *node[1:])])
        if "types" in answers:
            types = [(_name(record), record) for record in answers["types"]]
            self._put(ITEM_TYPES, name, part, types, lambda record: [rows_of.item_type_row(name, record)])
            self._put(
                STATES, name, part, types, lambda record: rows_of.state_rows(name, record["name"], record["states"])
            )
        if "teams" in answers:
            self._read["teams"].add(name)

    def _team(self, part: Part) -> None:
        team, answers = part.team or {}, part.answers
        team_id = team["id"]
        if "areas" in answers:
            areas = [("", answers["areas"])]
            self._put(TEAM_AREAS, team_id, part, areas, lambda found: rows_of.team_area_rows(team_id, found))
        if "iterations" in answers:
            iterations = [(_name(record), record) for record in answers["iterations"]]
            self._put(
                TEAM_ITERATIONS,
                team_id,
                part,
                iterations,
                lambda record: [rows_of.team_iteration_row(team_id, record)],
            )
        if "settings" in answers:
            settings = [("", answers["settings"])]
            self._put(TEAMS, team_id, part, settings, lambda found: [rows_of.team_row(part.project, team, found)])
        if "boards" in answers:
            self._boards(part, team_id)
        for name, answer in answers.items():
            kind, _, guid = name.partition("/")
            if kind == "capacities":
                self._put(
                    CAPACITIES, f"{team_id}:{guid}", part, [(guid, answer)], partial(self._capacities, team_id, guid)
                )
            elif kind == "days_off":
                make = partial(self._days_off, team_id, guid)
                self._put(TEAM_DAYS_OFF, f"{team_id}:{guid}", part, [(guid, answer)], make)

    def _capacities(self, team_id: str, guid: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        members = answer.get("value") or answer.get("teamMembers") or []
        return rows_of.capacity_rows(team_id, guid, members, self.people)

    def _days_off(self, team_id: str, guid: str, answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [rows_of.team_days_off_row(team_id, guid, answer)]

    def _boards(self, part: Part, team_id: str) -> None:
        """Each board with its columns; complete only with those of every board."""
        answers, found = part.answers, part.answers["boards"]
        known = [board for board in found if not _has_id(board) or f"columns/{board['id']}" in answers]
        self._put(
            BOARDS,
            team_id,
            part,
            [(_name(board), board) for board in known],
            lambda board: rows_of.board_rows(team_id, board, answers[f"columns/{board['id']}"]),
        )
        if len(known) < len(found):  # what was refused is an error already
            self._read[BOARDS].discard(team_id)

    def _put(
        self,
        stream: str,
        owner: str,
        part: Part,
        records: Iterable[tuple[str, Any]],
        make: Callable[[Any], Iterable[dict[str, Any]]],
    ) -> None:
        """Rows of one project, team or iteration, of (name, record) pairs.

        An odd record is an error of the part. Then the others are landed, and none is taken for deleted.
        """
        errors = len(part.errors)
        pairs = [(name, self._made(stream, part, name, lambda r=record: list(make(r)))) for name, record in records]  # type: ignore[misc]
        schema = STREAMS[stream].schema
        try:
            pa.Table.from_pylist([row for _, rows in pairs for row in rows], schema)
        except ODD:
            pairs = [(name, self._made(stream, part, name, lambda r=rows: _fitting(r, schema))) for name, rows in pairs]  # type: ignore[misc]
        self._rows[stream] += [row for _, rows in pairs for row in rows]
        if len(part.errors) == errors:
            self._read[stream].add(owner)

    def _made(self, stream: str, part: Part, name: str, make: Callable[[], Rows]) -> Rows:
        try:
            return make()
        except ODD as error:
            what = f"{_words(stream)} {name}".strip()
            part.errors.append(odd_record(self.writer.connection.id, what, error))
            return []


def _fitting(rows: Rows, schema: pa.Schema) -> Rows:
    """The same rows, or one of ODD if a value is of another type than its column."""
    pa.Table.from_pylist(rows, schema)
    return rows


def _too_many(connection: Connection, subject: str, known: int, gone: int) -> TooManyDeleted:
    may_go = f"{connection.max_deleted_ratio:.0%}"
    return TooManyDeleted(
        connection.id,
        subject,
        None,
        "Check that the account may still see them; if they really were deleted, set max_deleted_ratio to 1 for one "
        "run",
        detail=f"{gone:,} of {known:,} are not listed any more (allowed: {may_go}); nothing was deleted",
    )


def _words(stream: str) -> str:
    return stream.partition("/")[2].replace("_", " ")


def _has_id(record: Any) -> bool:
    return isinstance(record, dict) and isinstance(record.get("id"), str)


def _name(record: Any) -> str:
    return f"'{record.get('name') or record.get('id')}'" if isinstance(record, dict) else "without a name"


def _named(nodes: Iterable[tuple[bool, str, Any]]) -> list[tuple[str, Any]]:
    return [(f"'{node[1]}'", node) for node in nodes]
