"""A story (`story.py`) → `organisation.sqlite` with the same items in all three tools, to be rendered and served.

Nothing later than the story's present is told. `advance` tells the next days: a run before and one after it see what
one would see who looked twice. Ids follow from the order in the file, so they are the same in all tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec

from sandbox import model
from sandbox.model import Change, ChangeSet, Site, Tool
from sandbox.organisation import storage
from sandbox.organisation.clock import to_ms
from sandbox.organisation.plan import SITE_NAMES, TOOLS, Plan
from sandbox.organisation.state import encode
from sandbox.organisation.workflow import Workflow, statuses_of, workflow_of
from sandbox.story import Event, Item, Sprint, Story, StoryError, read_story

_TELLER = 101  # the person who does everything
_FIRST_ITEM = 1001
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
State = dict[str, str | None]


def tell(source: Path, home: Path) -> None:
    """Puts the story into `home`. One that is told there already stays, with the days that were advanced.

    Raises StoryError if it cannot be read, or if `home` holds something else.
    """
    try:
        text = source.read_bytes()
    except OSError as error:
        raise StoryError(f"{source} cannot be read: {error.strerror}. Give --story a file that holds one.") from error
    story = read_story(text, source)
    if not (home / storage.FILE_NAME).exists():
        _write(home, text, story, story.now, 1)
    elif told_in(home) != text:
        raise StoryError(f"{home} holds another organisation or story than {source}. Remove the folder to tell this.")


def told_in(home: Path) -> bytes | None:
    """The text of the story that is told in `home`; None: what lives there is simulated."""
    with storage.opened(home / storage.FILE_NAME) as connection:
        text = storage.about(connection).get("story")
    return text if isinstance(text, bytes) else None


def advance(home: Path, text: bytes, days: float) -> datetime:
    """Tells what happens in the next days; returns the new present."""
    with storage.opened(home / storage.FILE_NAME) as connection:
        about = storage.about(connection)
    now = msgspec.convert(about["told_until"], datetime) + timedelta(days=days)
    _write(home, text, read_story(text, home), now, msgspec.convert(about["version"], int) + 1)
    return now


def _write(home: Path, text: bytes, story: Story, now: datetime, version: int) -> None:
    """All of it into a new file, which takes the place of an earlier one when it is whole."""
    home.mkdir(parents=True, exist_ok=True)
    building = home / f"{storage.FILE_NAME}.building"
    building.unlink(missing_ok=True)
    tellers = [_Teller(story, tool, now) for tool in TOOLS]
    items = [(teller.site.tool.value, item) for teller in tellers for item in teller.items()]
    with storage.opened(building, write=True) as connection:
        storage.create(connection)
        connection.execute("begin")
        rows = [(tool, item.item_id, item.key, version, encode(item)) for tool, item in items]
        storage.insert(connection, "items", rows)
        about = {
            "format": storage.FORMAT, "plan": Plan(0, len(story.items), 0, 0, 0, 0.0), "now": to_ms(now),
            "version": version, "first_until": story.now, "sites": [teller.site for teller in tellers],
            "story": text, "told_until": now,
        }  # fmt: skip
        storage.put_about(connection, about)
        connection.execute("commit")
        storage.index(connection)
    building.replace(home / storage.FILE_NAME)


class _Teller:
    """One tool's side of the story, up to `now`."""

    def __init__(self, story: Story, tool: Tool, now: datetime) -> None:
        self._story, self._tool, self._now = story, tool, now
        self._projects = {
            one.key: model.Project(10_000 + number, one.key, one.name, story.title, tool)
            for number, one in enumerate(story.projects)
        }
        self._teams = {one.name: self._team(number, one.name, one.project) for number, one in enumerate(story.teams, 1)}
        self._sprints = {one.name: self._sprint(number, one) for number, one in enumerate(story.sprints, 1)}
        self._item_ids = {one.name: number for number, one in enumerate(story.items, _FIRST_ITEM)}
        self._project_of = {one.name: self._projects[one.project] for one in story.teams}
        self._order = self._change_ids()

    @property
    def site(self) -> Site:
        return Site(
            tool=self._tool,
            name=SITE_NAMES[self._tool],
            account_time_zone=self._story.time_zone,
            people=[model.Person(_TELLER, "Tess Teller", "tess.teller@example.com", self._story.time_zone)],
            statuses=statuses_of(self._tool, _NEVER, _NEVER, self._now),
            projects=list(self._projects.values()),
            teams=list(self._teams.values()),
            sprints=list(self._sprints.values()),
            releases=[],
            now=self._now,
            clock_stands=True,
        )

    def _team(self, number: int, name: str, project_key: str) -> model.Team:
        project = self._projects[project_key]
        jql = "" if self._tool is Tool.AZURE_DEVOPS else f"project = {project.key} ORDER BY Rank ASC"
        return model.Team(
            number, name, project.project_id, number, True, self._story.time_zone, [_TELLER], self._tool, board_jql=jql
        )

    def _sprint(self, number: int, told: Sprint) -> model.Sprint:
        team_id = self._teams[told.team].team_id
        if self._tool is Tool.AZURE_DEVOPS:
            first = datetime.combine(told.first_date, time.min, UTC)
            end = datetime.combine(told.last_date + timedelta(days=1), time.min, UTC)
            return model.Sprint(number, team_id, told.name, told.goal, first, end)
        started_at, closed_at = (
            instant.astimezone(UTC) if instant and instant <= self._now else None
            for instant in (told.started_at, told.closed_at)
        )
        start, end = (instant.astimezone(UTC) for instant in (told.planned_start_at, told.planned_end_at))
        return model.Sprint(number, team_id, told.name, told.goal, start, end, started_at, closed_at)

    def _at(self, event: Event) -> datetime:
        at = event.azure_devops_at if self._tool is Tool.AZURE_DEVOPS and event.azure_devops_at else event.at
        return at.astimezone(UTC)

    def _change_ids(self) -> dict[tuple[str, int], int]:
        """Numbers of changes in the order of their instants; by item and place in its history."""
        places = [
            (self._at(event), self._item_ids[item.name], item.name, place)
            for item in self._story.items
            for place, event in enumerate(item.history)
        ]
        return {(name, place): number for number, (_, _, name, place) in enumerate(sorted(places), 50_001)}

    def items(self) -> Iterator[model.Item]:
        numbers: dict[int, int] = {}
        for told in self._story.items:
            project = self._project_of[told.team]
            number = numbers[project.project_id] = numbers.get(project.project_id, 0) + 1
            if self._at(told.history[0]) <= self._now:
                yield self._item(told, project, number)

    def _item(self, told: Item, project: model.Project, number: int) -> model.Item:
        workflow = workflow_of(project)
        state = self._created(told, project, workflow)
        initial, at, history = dict(state), self._at(told.history[0]), []
        created_at = at
        for place, event in enumerate(told.history[1:], 1):
            if self._at(event) > self._now:
                break
            at = self._at(event)
            after = state | self._values(told, event, workflow)
            changes = [Change(name, state[name], value) for name, value in after.items() if value != state[name]]
            history.append(ChangeSet(self._order[told.name, place], at, _TELLER, changes))
            state = after
        return model.Item(
            item_id=self._item_ids[told.name],
            tool=self._tool,
            number=number,
            former_keys=[],
            key=f"{project.key}-{number}",
            created_at=created_at,
            creator=_TELLER,
            initial=initial,
            history=history,
            current=state,
            updated_at=at,
            is_subtask=told.type == "subtask",
        )

    def _created(self, told: Item, project: model.Project, workflow: Workflow) -> State:
        nothing = {
            "title": told.name, "type": workflow.types[told.type], "project": str(project.project_id),
            "team": str(self._teams[told.team].team_id), "parent": str(self._item_ids[told.parent]) if told.parent else
            None, "status": str(workflow.status("new", told.type)), "resolution": None, "sprint": None, "points": None,
            "remaining_hours": None,
        }  # fmt: skip
        return nothing | self._values(told, told.history[0], workflow)

    def _values(self, told: Item, event: Event, workflow: Workflow) -> State:
        """The attributes that an event sets."""
        values: State = {}
        if event.status is not None:
            is_done = event.status == "done"
            values["status"] = str(workflow.status(event.status, told.type))
            values["resolution"] = (event.resolution or workflow.resolved) if is_done else None
        if event.sprints is not None and not self._follows_its_parent(told):
            ids = sorted(self._sprints[name].sprint_id for name in event.sprints)
            chosen = ids[-1:] if self._tool is Tool.AZURE_DEVOPS else ids
            values["sprint"] = ",".join(map(str, chosen)) or None
        for name, number in (("points", event.points), ("remaining_hours", event.remaining_hours)):
            if number is not msgspec.UNSET:
                values[name] = None if number is None else f"{number:g}"
        return values

    def _follows_its_parent(self, told: Item) -> bool:
        """A Jira sub-task has no sprint of its own."""
        return told.type == "subtask" and self._tool is not Tool.AZURE_DEVOPS
