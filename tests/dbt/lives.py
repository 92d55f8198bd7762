"""Random lives of items with everything that may happen to them, as raw rows of Jira and of Azure DevOps.

A `Life` is told in the terms of neither tool. `jira_rows` and `azure_rows` write down what the tools would hold;
`flow_oracle.py` says in plain Python what follows from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]

# Status → (Jira id, name today, name in old changes, Jira category, Azure DevOps category).
STATUSES: dict[str, tuple[str, str, str, str | None, str | None]] = {
    "shelf": ("11", "Shelf", "Shelf", "new", "Proposed"),
    "open": ("12", "Open", "Open", "new", "Proposed"),
    "doing": ("13", "Doing", "In Work", "indeterminate", "InProgress"),
    "review": ("14", "Review", "Review", "indeterminate", "InProgress"),
    "resolved": ("15", "Resolved", "Resolved", "done", "Resolved"),
    "closed": ("16", "Closed", "Closed", "done", "Completed"),
    "unknown": ("17", "Mystery", "Mystery", None, None),  # no category anywhere
}
RESOLUTIONS = {"fixed": ("1", "Fixed"), "declined": ("2", "Declined"), "odd": ("3", "Strange")}
TYPES = {"story": ("21", "Story"), "bug": ("22", "Bug"), "epic": ("23", "Epic")}
PROJECTS = {"alpha": ("100", "ALPHA"), "beta": ("200", "BETA")}

STAGE_MAPPING = """
connection_id,project,item_type,status_id,status,stage
,,,,Shelf,backlog
,,,14,,waiting
,,,,review,in_progress
azure,,,,Review,waiting
,,Bug,,Open,backlog
,BETA,,,Open,waiting
"""


@dataclass(frozen=True)
class State:
    """What an item is after one of its changes."""

    status: str = "open"
    resolution: str | None = None
    item_type: str = "story"
    project: str = "alpha"
    is_flagged: bool = False
    points: float | None = None


@dataclass(frozen=True)
class Life:
    """An item: its creation, then its changes as (instant, history number, state afterwards), as they took effect."""

    item_id: str
    created_at: datetime
    first: State
    changes: tuple[tuple[datetime, int, State], ...] = ()
    deleted_at: datetime | None = None


@dataclass
class Dice:
    """Where random lives come from. All instants lie between `begin` and `end`."""

    seed: int
    begin: datetime
    end: datetime
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - dice of a test

    def instant(self, after: datetime) -> datetime:
        span = int((self.end - after) / timedelta(milliseconds=1))
        instant = after + timedelta(milliseconds=self.random.randint(0, span))
        if self.random.random() < 0.15:  # midnight in some zone is where days go wrong
            return max(instant.replace(minute=0, second=0, microsecond=0), after)
        return instant

    def state(self, before: State) -> State:
        roll = self.random.random
        after = before
        if roll() < 0.7:
            after = replace(after, status=self.random.choice(list(STATUSES)))
        if roll() < 0.3:
            after = replace(after, resolution=self.random.choice([None, *RESOLUTIONS]))
        if roll() < 0.1:
            after = replace(after, item_type=self.random.choice(list(TYPES)))
        if roll() < 0.15:
            after = replace(after, project=self.random.choice(list(PROJECTS)))
        if roll() < 0.2:
            after = replace(after, is_flagged=not after.is_flagged)
        if roll() < 0.2:
            after = replace(after, points=self.random.choice([None, 0.5, 1.0, 3.0, 8.0]))
        return after

    def life(self, number: int) -> Life:
        created_at = self.instant(self.begin)
        state = self.state(State(item_type=self.random.choice(list(TYPES))))
        first, instants = state, sorted(self.instant(created_at) for _ in range(self.random.randint(0, 8)))
        changes, history = [], 7
        for position, instant in enumerate(instants):
            if self.random.random() < 0.15 and position:
                instant = instants[position] = instants[position - 1]  # histories of one millisecond
            if self.random.random() < 0.05:
                instant = created_at - timedelta(days=3, seconds=-history)  # brought along by an import
            history += self.random.choice([1, 2, 90])  # 9, 99, 101: ordered as numbers, not as text
            changes.append((instant, history, state))
        told = []
        # What is older than the item counts as of its creation; histories of one millisecond go by their number.
        for instant, number_, _ in sorted(changes, key=lambda change: (max(change[0], created_at), change[1])):
            state = self.state(state)
            told.append((instant, number_, state))
        deleted_at = self.instant(created_at) if self.random.random() < 0.1 else None
        return Life(str(number), created_at, first, tuple(told), deleted_at)


def jira_rows(lives: Iterable[Life]) -> dict[str, Sequence[Row]]:
    """Issues as they are today, and all their changes."""
    issues: list[Row] = []
    changes: list[Row] = []
    for life in lives:
        today = life.changes[-1][2] if life.changes else life.first
        issues.append(_jira_issue(life, today))
        if life.deleted_at is not None:
            issues.append({"issue_id": life.item_id, "is_deleted": True, "extracted_at": life.deleted_at})
            issues[-2]["extracted_at"] = life.created_at
        before = life.first
        for instant, history, after in life.changes:
            for number, item in enumerate(_jira_items(before, after)):
                key = {"issue_id": life.item_id, "history_id": history, "item_number": number, "changed_at": instant}
                changes.append(key | item)
            before = after
    return {
        "issues": issues,
        "issue_changes": changes,
        "statuses": [
            {"status_id": identity, "name": name, "category": category}
            for identity, name, _, category, _ in STATUSES.values()
            if category is not None
        ],
        "projects": [{"project_id": i, "project_key": key, "name": key.title()} for i, key in PROJECTS.values()],
    }


def _jira_issue(life: Life, today: State) -> Row:
    status_id, name, _, category, _ = STATUSES[today.status]
    resolution_id, resolution = RESOLUTIONS[today.resolution] if today.resolution else (None, None)
    type_id, type_name = TYPES[today.item_type]
    project_id, project_key = PROJECTS[today.project]
    return {
        "issue_id": life.item_id,
        "issue_key": f"{project_key}-{life.item_id}",
        "project_id": project_id,
        "project_key": project_key,
        "issue_type_id": type_id,
        "issue_type": type_name,
        "is_subtask": False,
        "status_id": status_id,
        "status": name,
        "status_category": category,
        "resolution_id": resolution_id,
        "resolution": resolution,
        "created_at": life.created_at,
        "points": today.points,
        "is_flagged": today.is_flagged,
    }


def _jira_items(before: State, after: State) -> list[Row]:
    def item(attribute: str, old: tuple[str | None, str | None], new: tuple[str | None, str | None]) -> Row:
        return {"attribute": attribute, "from_id": old[0], "from_text": old[1], "to_id": new[0], "to_text": new[1]}

    def status(state: State) -> tuple[str, str]:
        return STATUSES[state.status][0], STATUSES[state.status][2]

    nothing: tuple[None, None] = (None, None)
    items = []
    if before.status != after.status:
        items.append(item("status", status(before), status(after)))
    if before.resolution != after.resolution:
        old, new = (RESOLUTIONS[s.resolution] if s.resolution else nothing for s in (before, after))
        items.append(item("resolution", old, new))
    if before.item_type != after.item_type:
        items.append(item("item_type", TYPES[before.item_type], TYPES[after.item_type]))
    if before.project != after.project:
        items.append(item("project", PROJECTS[before.project], PROJECTS[after.project]))
    if before.is_flagged != after.is_flagged:
        flags = [("10019", "Impediment") if s.is_flagged else (None, "") for s in (before, after)]
        items.append(item("flagged", *flags))
    if before.points != after.points:
        old, new = ((None, None if s.points is None else str(s.points)) for s in (before, after))
        items.append(item("points", old, new))
    return items


def azure_rows(lives: Iterable[Life]) -> dict[str, Sequence[Row]]:
    """All revisions, the teams that own an area each (one per project), the states and their categories."""
    revisions: list[Row] = []
    deleted: list[Row] = []
    for life in lives:
        told = [(life.created_at, 1, life.first), *life.changes]
        for instant, rev, state in told:
            revisions.append(_revision(life, instant, rev, state))
        if life.deleted_at is not None:
            deleted.append({"item_id": life.item_id, "deleted_at": life.deleted_at})
    return {
        "revisions": revisions,
        "deleted_items": deleted,
        "projects": [{"project_id": i, "name": key, "record_id": i} for i, key in PROJECTS.values()],
        "teams": [
            {"team_id": f"t{key}", "name": key, "project": key, "record_id": key} for _, key in PROJECTS.values()
        ],
        "team_areas": [
            {"team_id": f"t{key}", "area_path": key, "includes_children": True, "is_default": True}
            for _, key in PROJECTS.values()
        ],
        "states": [
            {"project": project, "item_type": item_type, "state": name, "category": category}
            for _, project in PROJECTS.values()
            for _, item_type in TYPES.values()
            for _, name, _, _, category in STATUSES.values()
            if category is not None
        ],
    }


def _revision(life: Life, instant: datetime, rev: int, state: State) -> Row:
    project = PROJECTS[state.project][1]
    return {
        "item_id": life.item_id,
        "rev": rev,
        "changed_at": instant,
        "created_at": life.created_at,
        "project": project,
        "item_type": TYPES[state.item_type][1],
        "state": STATUSES[state.status][1],
        "reason": "Moved",
        "resolved_reason": RESOLUTIONS[state.resolution][1] if state.resolution else None,
        "area_path": f"{project}\\Below",
        "iteration_path": project,
        "points": state.points,
        "is_blocked": state.is_flagged,
    }
