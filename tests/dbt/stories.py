"""Item histories in plain words, told as Jira or as Azure DevOps would have recorded them.

A `Story` is an item's life: its creation and what changed at which instant. `jira_rows` and `azure_rows` turn
stories into raw rows (columns of `extractors/streams.py`) for `Warehouse.jira(...)` and `Warehouse.azure(...)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

import duckdb

Row = dict[str, Any]

JIRA_STATUSES = {
    "todo": ("1", "To Do", "new"),
    "in_progress": ("2", "Doing", "indeterminate"),
    "done": ("3", "Done", "done"),
}
AZURE_STATES = {"todo": "New", "in_progress": "Active", "done": "Closed", "cancelled": "Removed"}
AZURE_CATEGORIES = {"New": "Proposed", "Active": "InProgress", "Closed": "Completed", "Removed": "Removed"}
NOT_DELIVERED = ("10001", "Won't Do")


@dataclass(frozen=True)
class Change:
    """What changed in one history. Fields that are None did not change; `points` may become NaN for "no estimate"."""

    at: datetime
    stage: str | None = None  # todo, in_progress, done, cancelled
    sprints: tuple[str, ...] | None = None  # all sprints that the item is in from now on
    points: float | None = None
    hours: float | None = None


@dataclass(frozen=True)
class Story:
    """One item. The first change is its creation and gives the values that it was created with."""

    item_id: str
    changes: tuple[Change, ...]
    parent_id: str | None = None  # a sub-task of this item
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class State:
    """All that a story says of an item after one of its changes."""

    stage: str = "todo"
    sprints: tuple[str, ...] = ()
    points: float | None = None
    hours: float | None = None

    def after(self, change: Change) -> State:
        return State(
            stage=change.stage or self.stage,
            sprints=self.sprints if change.sprints is None else change.sprints,
            points=_known(self.points, change.points),
            hours=_known(self.hours, change.hours),
        )


def at(day: str) -> datetime:
    """'03-04 09:00' of 2024, UTC."""
    return datetime.fromisoformat(f"2024-{day}")


def story(item_id: str, points: float | None, *changes: tuple[str, dict[str, Any]], **values: Any) -> Story:
    """A story from (instant, changed values) pairs; the first pair is the creation."""
    told = [Change(at(day), **change) for day, change in changes]
    told[0] = Change(told[0].at, told[0].stage, told[0].sprints, points, told[0].hours)
    return Story(item_id, tuple(told), **values)


def states(told: Story) -> list[tuple[datetime, State]]:
    """The item's state after each of its changes."""
    result: list[tuple[datetime, State]] = []
    state = State()
    for change in told.changes:
        state = state.after(change)
        result.append((change.at, state))
    return result


@dataclass
class _Jira:
    issues: list[Row] = field(default_factory=list)
    issue_changes: list[Row] = field(default_factory=list)


def jira_rows(stories: Iterable[Story], project_id: str = "100") -> dict[str, Sequence[Row]]:
    """Issues as they are today, their histories with all changes, the statuses."""
    rows = _Jira()
    for told in stories:
        history = states(told)
        rows.issues.append(_jira_issue(told, history[0][0], history[-1][1], project_id))
        if told.deleted_at is not None:
            rows.issues.append({**rows.issues[-1], "is_deleted": True, "extracted_at": told.deleted_at})
            rows.issues[-2]["extracted_at"] = history[-1][0]
        for number, (before, (instant, after)) in enumerate(pairwise(history)):
            items = _jira_items(before[1], after)
            rows.issue_changes += [
                {
                    "issue_id": told.item_id,
                    "history_id": int(told.item_id) * 1000 + number,
                    "item_number": position,
                    "changed_at": instant,
                    "author_id": "somebody",
                    **item,
                }
                for position, item in enumerate(items)
            ]
    statuses = [{"status_id": i, "name": name, "category": category} for i, name, category in JIRA_STATUSES.values()]
    return {
        "issues": rows.issues,
        "issue_changes": rows.issue_changes,
        "statuses": statuses,
        "projects": [{"project_id": project_id, "project_key": "PROJ", "name": "Project"}],
        "resolutions": [{"resolution_id": NOT_DELIVERED[0], "name": NOT_DELIVERED[1]}],
    }


def _jira_issue(told: Story, created_at: datetime, today: State, project_id: str) -> Row:
    status_id, status, category = _jira_status(today)
    resolution_id, resolution = _jira_resolution(today)
    return {
        "issue_id": told.item_id,
        "issue_key": f"PROJ-{told.item_id}",
        "project_id": project_id,
        "project_key": "PROJ",
        "issue_type": "Sub-task" if told.parent_id else "Story",
        "issue_type_id": "5" if told.parent_id else "1",
        "is_subtask": told.parent_id is not None,
        "parent_id": told.parent_id,
        "status_id": status_id,
        "status": status,
        "status_category": category,
        "resolution_id": resolution_id,
        "resolution": resolution,
        "created_at": created_at,
        "sprint_ids": list(today.sprints),
        "points": today.points,
        "remaining_estimate_seconds": None if today.hours is None else int(today.hours * 3600),
    }


def _jira_items(before: State, after: State) -> list[Row]:
    items: list[Row] = []
    if _jira_status(before) != _jira_status(after):
        (old_id, old, _), (new_id, new, _) = _jira_status(before), _jira_status(after)
        items.append(_item("status", old_id, old, new_id, new))
    if _jira_resolution(before) != _jira_resolution(after):
        items.append(_item("resolution", *_jira_resolution(before), *_jira_resolution(after)))
    if before.sprints != after.sprints:
        old, new = (", ".join(sprints) for sprints in (before.sprints, after.sprints))
        items.append(_item("sprint", old or None, old, new or None, new))
    if before.points != after.points:
        items.append(_item("points", None, _text(before.points), None, _text(after.points)))
    if before.hours != after.hours:
        old, new = (None if hours is None else str(int(hours * 3600)) for hours in (before.hours, after.hours))
        items.append(_item("remaining", old, old, new, new))
    return items


def _item(attribute: str, from_id: str | None, from_text: str | None, to_id: str | None, to_text: str | None) -> Row:
    return {
        "attribute": attribute,
        "field": attribute,
        "from_id": from_id,
        "from_text": from_text,
        "to_id": to_id,
        "to_text": to_text,
    }


def _jira_status(state: State) -> tuple[str, str, str]:
    return JIRA_STATUSES["done" if state.stage == "cancelled" else state.stage]


def _jira_resolution(state: State) -> tuple[str | None, str | None]:
    return NOT_DELIVERED if state.stage == "cancelled" else (None, None)


def azure_rows(stories: Iterable[Story], team_id: str = "team") -> dict[str, Sequence[Row]]:
    """Revisions of all items, the team's area, the states. Sprint S is the iteration path Project\\S."""
    revisions, deleted = [], []
    for told in stories:
        for rev, (instant, state) in enumerate(states(told), start=1):
            revisions.append(
                {
                    "item_id": told.item_id,
                    "rev": rev,
                    "changed_at": instant,
                    "changed_by_id": "somebody",
                    "created_at": told.changes[0].at,
                    "project": "Project",
                    "item_type": "Task" if told.parent_id else "User Story",
                    "state": AZURE_STATES[state.stage],
                    "title": told.item_id,
                    "area_path": "Project",
                    "iteration_path": "\\".join(["Project", *state.sprints]),
                    "points": state.points,
                    "remaining_hours": state.hours,
                }
            )
        if told.deleted_at is not None:
            deleted.append({"item_id": told.item_id, "project": "Project", "deleted_at": told.deleted_at})
    return {
        "revisions": revisions,
        "deleted_items": deleted,
        "projects": [{"project_id": "1", "name": "Project", "record_id": "1"}],
        "teams": [{"team_id": team_id, "name": "Team", "project": "Project", "record_id": team_id}],
        "team_areas": [{"team_id": team_id, "area_path": "Project", "includes_children": True, "is_default": True}],
        "states": [
            {"project": "Project", "item_type": item_type, "state": state, "category": category}
            for item_type in ("User Story", "Task")
            for state, category in AZURE_CATEGORIES.items()
        ],
    }


def records(warehouse: duckdb.DuckDBPyConnection, sql: str, *parameters: Any) -> list[Row]:
    """The rows of a query as dicts."""
    found = warehouse.execute(sql, list(parameters))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _known(old: float | None, new: float | None) -> float | None:
    if new is None:
        return old
    return None if new != new else new  # NaN: the estimate was taken away


def _text(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"
