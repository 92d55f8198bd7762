"""A story file: a few items, their sprints and what happened to them, told once for all three tools.

A JSON object; every instant has an offset, e.g. `2024-03-04T09:00:00Z`. Shape: `Story` below, an example:
`stories/worked_example.json`. `telling.py` turns a story into an organisation that is rendered and served.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

ROLES = ("new", "ready", "doing", "waiting", "review", "done")  # statuses that the workflows of all tools have
TYPES = ("epic", "story", "bug", "task", "subtask")


class StoryError(Exception):
    """A story that cannot be told; str() names the file, the place and what is wrong."""


class Project(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    name: str  # Azure DevOps names projects by it


class Team(msgspec.Struct, forbid_unknown_fields=True):
    """Jira: a Scrum board over its project. Azure DevOps: a team with an area path of its own."""

    name: str
    project: str  # its key


class Sprint(msgspec.Struct, forbid_unknown_fields=True):
    """`first_date` and `last_date` are the days of the iteration: Azure DevOps knows no instants."""

    name: str
    team: str
    planned_start_at: datetime
    planned_end_at: datetime
    first_date: date
    last_date: date
    started_at: datetime | None = None
    closed_at: datetime | None = None
    goal: str = ""


class Event(msgspec.Struct, forbid_unknown_fields=True):
    """What changed in one go. Attributes that are left out did not change; null takes a value away.

    `azure_devops_at`: when it happened there, where an iteration's days ask for another instant.
    `sprints`: all that the item is in from now on; Azure DevOps takes the last of them.
    """

    at: datetime
    azure_devops_at: datetime | None = None
    status: str | None = None  # one of ROLES
    resolution: str | None = None  # with `done`: a name; without one Jira says Done
    sprints: list[str] | None = None
    points: float | msgspec.UnsetType | None = msgspec.UNSET
    remaining_hours: float | msgspec.UnsetType | None = msgspec.UNSET


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """`history[0]` is the creation: the values that the item was created with."""

    name: str  # its title in the tools
    team: str
    history: list[Event]
    type: str = "story"  # one of TYPES
    parent: str | None = None  # name of an item that is told before


class Story(msgspec.Struct, forbid_unknown_fields=True):
    """`now` is the present of all three sites: their clocks stand there, and nothing later is told."""

    title: str
    now: datetime
    projects: list[Project]
    teams: list[Team]
    sprints: list[Sprint]
    items: list[Item]
    time_zone: str = "UTC"  # of the accounts and the teams


_story = msgspec.json.Decoder(Story)


def read_story(text: bytes, source: Path) -> Story:
    """Raises StoryError."""
    try:
        story = _story.decode(text)
    except msgspec.MsgspecError as error:
        raise StoryError(f"{source} is no story: {error}.") from error
    for problem in _problems(story):
        raise StoryError(f"{source} cannot be told: {problem}.")
    return story


def _problems(story: Story) -> Iterator[str]:
    try:
        ZoneInfo(story.time_zone)
    except (KeyError, OSError, ValueError):
        yield f"time_zone '{story.time_zone}' is unknown"
    for kind, names in (("team", story.teams), ("sprint", story.sprints), ("item", story.items)):
        seen: set[str] = set()
        for thing in names:
            if thing.name in seen:
                yield f"two {kind}s are called '{thing.name}'"
            seen.add(thing.name)
    yield from _unknown("project", [(team.name, team.project) for team in story.teams], {p.key for p in story.projects})
    teams = {team.name for team in story.teams}
    used = [(sprint.name, sprint.team) for sprint in story.sprints] + [(item.name, item.team) for item in story.items]
    yield from _unknown("team", used, teams)
    told: set[str] = set()
    for item in story.items:
        yield from _problems_of(item, {sprint.name for sprint in story.sprints}, told)
        told.add(item.name)
    instants = [story.now, *(event.at for item in story.items for event in item.history)]
    instants += [event.azure_devops_at for item in story.items for event in item.history if event.azure_devops_at]
    for sprint in story.sprints:
        instants += [sprint.planned_start_at, sprint.planned_end_at]
        instants += [instant for instant in (sprint.started_at, sprint.closed_at) if instant]
    yield from (f"the instant {instant.isoformat()} has no offset" for instant in instants if instant.tzinfo is None)


def _problems_of(item: Item, sprints: set[str], told: set[str]) -> Iterator[str]:
    if not item.history:
        yield f"item '{item.name}' has no history, not even its creation"
    yield from _unknown("type", [(item.name, item.type)], set(TYPES))
    yield from _unknown("item before it", [(item.name, item.parent)] if item.parent else [], told)
    yield from _unknown("status", [(item.name, event.status) for event in item.history if event.status], set(ROLES))
    named = [(item.name, name) for event in item.history for name in event.sprints or ()]
    yield from _unknown("sprint", named, sprints)
    for ats in (
        [event.at for event in item.history],
        [event.azure_devops_at or event.at for event in item.history],
    ):
        if any(at.tzinfo is None for at in ats):
            return  # said by name elsewhere
        if ats != sorted(ats):
            yield f"the history of item '{item.name}' is not in the order of time"


def _unknown(kind: str, named: list[tuple[str, str]], known: set[str]) -> Iterator[str]:
    for who, name in named:
        if name not in known:
            yield f"'{who}' names the {kind} '{name}', which is not there; there are: {', '.join(sorted(known))}"
