"""Neutral items → revisions of Azure DevOps work items, and the link events beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from sandbox.model import Category, Change, Item
from sandbox.render.azure_words import (
    BLOCKED_FIELD,
    BLOCKED_TAG,
    COMMON,
    SCHEDULING,
    Process,
    Words,
    uses_blocked_field,
)
from sandbox.render.common import milliseconds, number, zulu

NEVER = "9999-01-01T00:00:00Z"
HIERARCHY, RELATED, DEPENDENCY = "System.LinkTypes.Hierarchy", "System.LinkTypes.Related", "System.LinkTypes.Dependency"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Revision:
    rev: int
    changed: int  # epoch milliseconds
    project: str
    document: bytes


@dataclass(frozen=True)
class _Moment:
    """When a revision was made, by whom, when the next one replaced it, and whether the item was in the bin then."""

    rev: int
    at: datetime
    author: int
    revised: datetime | None
    is_deleted: bool


def _sprints(item: Item) -> set[int]:
    changes = [
        change.new for change_set in item.history for change in change_set.changes if change.attribute == "sprint"
    ]
    return {int(sprint) for sprint in (item.initial.get("sprint"), *changes) if sprint}


def _steps(item: Item) -> list[tuple[datetime, int, list[Change]]]:
    """(instant, author, changes): the creation, each change set, the deletion if there was one."""
    steps: list[tuple[datetime, int, list[Change]]] = [(item.created_at, item.creator, [])]
    steps += [(change_set.at, change_set.author, change_set.changes) for change_set in item.history]
    if item.deleted_at is not None:
        steps.append((item.deleted_at, item.deleted_by or item.creator, []))
    return steps


@dataclass(frozen=True)
class LinkEvent:
    """`document` has the source at the parent's or the predecessor's side."""

    changed: int
    source_id: int
    kind: str
    project: str
    document: bytes


@dataclass(frozen=True)
class RenderedItem:
    """`row`: the row of table work_items."""

    row: tuple[Any, ...]
    revisions: list[Revision]
    links: list[LinkEvent]
    sprint_ids: set[int]  # that it is or was in


class WorkItems:
    """Renders the items of one site."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def render(self, item: Item) -> RenderedItem:
        """All revisions of an item: the first, one for each change set, and one for its deletion."""
        state = dict(item.initial)
        revisions: list[Revision] = []
        dates: dict[str, str] = {}
        steps = _steps(item)
        for index, (at, author, changes) in enumerate(steps):
            state.update({change.attribute: change.new for change in changes})
            if index == 0 or any(change.attribute == "status" for change in changes):
                self._note_state(dates, int(state["status"] or 0), at)
            revised = steps[index + 1][0] if index + 1 < len(steps) else None
            is_deleted = index > len(item.history) or bool(state.get("deleted"))
            moment = _Moment(index + 1, at, author, revised, is_deleted=is_deleted)
            revisions.append(self._revision(item, state, dates, moment))
        return RenderedItem(self._row(item, state, revisions[-1]), revisions, list(self._links(item)), _sprints(item))

    def _note_state(self, dates: dict[str, str], status_id: int, at: datetime) -> None:
        """Dates that the workflow sets on entering a state, and clears on leaving a later one."""
        category, text = self._words.statuses[status_id].category, zulu(at)
        dates[f"{COMMON}.StateChangeDate"] = text
        order = (Category.IN_PROGRESS, Category.RESOLVED, Category.DONE)
        names = [f"{COMMON}.ActivatedDate", f"{COMMON}.ResolvedDate", f"{COMMON}.ClosedDate"]
        reached = order.index(category) if category in order else -1
        for position, name in enumerate(names):
            if position > reached:
                dates.pop(name, None)
        if reached >= 0:
            dates[names[reached]] = text

    def _revision(self, item: Item, state: dict[str, str | None], dates: dict[str, str], moment: _Moment) -> Revision:
        words = self._words
        project = words.projects[int(state["project"] or 0)]
        process = words.process_of(project)
        status = words.statuses[int(state["status"] or 0)]
        area_id, area_path = words.area(_whole(state.get("team")), project)
        iteration_id, iteration_path = words.iteration(_whole(state.get("sprint")), project)
        changed, kind = zulu(moment.at), state["type"] or ""
        fields: dict[str, Any] = {
            "System.Id": item.item_id, "System.AreaId": area_id, "System.AreaPath": area_path,
            "System.TeamProject": project.name, "System.NodeName": area_path.rpartition("\\")[2],
            "System.Rev": moment.rev, "System.AuthorizedDate": changed,
            "System.RevisedDate": zulu(moment.revised) if moment.revised else NEVER,
            "System.IterationId": iteration_id, "System.IterationPath": iteration_path,
            "System.WorkItemType": kind, "System.State": status.name,
            "System.Reason": state.get("resolution") or process.reasons[status.category],
            "System.CreatedDate": zulu(item.created_at), "System.CreatedBy": words.people[item.creator],
            "System.ChangedDate": changed, "System.ChangedBy": words.people[moment.author],
            "System.CommentCount": _comments(item, state), "System.IsDeleted": moment.is_deleted,
            "System.Title": state.get("title") or "",
            **dates,
        }  # fmt: skip
        if kind in process.board_types:
            fields |= {"System.BoardColumn": status.name, "System.BoardColumnDone": False}
        fields.update(self._optional(item, state, process))
        fields.update(_blocked_and_tags(state, has_field=uses_blocked_field(project)))
        document = {"id": item.item_id, "rev": moment.rev, "fields": fields}
        return Revision(moment.rev, milliseconds(moment.at), project.name, _encode(document))

    def _optional(self, item: Item, state: dict[str, str | None], process: Process) -> dict[str, Any]:
        """Fields that a work item has only where they hold something."""
        assignee, parent = state.get("assignee"), state.get("parent")
        values = {
            "System.AssignedTo": self._words.people[int(assignee)] if assignee else None,
            "System.Parent": int(parent) if parent else None,
            "System.Description": f"<div>{item.description}</div>" if item.description else None,
            f"{COMMON}.Priority": _whole(state.get("priority")),
            f"{COMMON}.ResolvedReason": state.get("resolution") if process.has_resolved_reason else None,
            f"{COMMON}.StackRank": _stack_rank(state.get("rank")),
            process.points_field: number(state.get("points")),
            f"{SCHEDULING}.CompletedWork": number(state.get("spent_hours")),
            f"{SCHEDULING}.RemainingWork": number(state.get("remaining_hours")),
            f"{SCHEDULING}.OriginalEstimate": number(item.initial.get("remaining_hours")),
        }
        return {name: value for name, value in values.items() if value is not None}

    def _row(self, item: Item, state: dict[str, str | None], last: Revision) -> tuple[Any, ...]:
        words = self._words
        project = words.projects[int(state["project"] or 0)]
        return (
            item.item_id, project.name, state["type"], words.statuses[int(state["status"] or 0)].name,
            words.area(_whole(state.get("team")), project)[1], words.iteration(_whole(state.get("sprint")), project)[1],
            words.mails.get(_whole(state.get("assignee")) or 0), state.get("labels") or "", state.get("title") or "",
            _whole(state.get("parent")), milliseconds(item.created_at), last.changed, last.rev,
            int(item.deleted_at is not None or bool(state.get("deleted"))),
        )  # fmt: skip

    def _links(self, item: Item) -> Iterator[LinkEvent]:
        """Parents come and go with changes of `parent`; other links stay."""
        project = self._words.projects[int(item.initial["project"] or 0)].name
        if parent := item.initial.get("parent"):
            yield self._link(HIERARCHY, int(parent), item.item_id, item.created_at, item.creator, project)
        for change_set in item.history:
            for change in change_set.changes:
                if change.attribute != "parent":
                    continue
                for parent, is_active in ((change.old, False), (change.new, True)):
                    if parent:
                        at, author = change_set.at, change_set.author
                        yield self._link(HIERARCHY, int(parent), item.item_id, at, author, project, is_active=is_active)
        for link in item.links:
            kind = DEPENDENCY if link.kind == "Blocks" else RELATED
            yield self._link(kind, item.item_id, link.target_item_id, link.at, link.author, project)

    def _link(
        self, kind: str, source: int, target: int, at: datetime, author: int, project: str, *, is_active: bool = True
    ) -> LinkEvent:
        document = {
            "rel": kind, "sourceId": source, "targetId": target, "changedDate": zulu(at), "isActive": is_active,
            "changedBy": self._words.people[author], "changedOperation": "create" if is_active else "remove",
        }  # fmt: skip
        return LinkEvent(milliseconds(at), source, kind, project, _encode(document))


def _blocked_and_tags(state: dict[str, str | None], *, has_field: bool) -> dict[str, Any]:
    is_blocked = bool(state.get("flagged"))
    tags = (state.get("labels") or "").split()
    values: dict[str, Any] = {}
    if has_field:
        values[BLOCKED_FIELD] = "Yes" if is_blocked else "No"
    elif is_blocked:
        tags.append(BLOCKED_TAG)
    if tags:
        values["System.Tags"] = "; ".join(tags)
    return values


def _comments(item: Item, state: dict[str, str | None]) -> int:
    """As of the revision, where the simulation says so."""
    return int(state["comments"] or 0) if "comments" in state else item.comment_count


def _whole(text: str | None) -> int | None:
    return int(text) if text else None


def _stack_rank(rank: str | None) -> float | None:
    """The simulation's rank "0|i000123:" as the number that Azure DevOps keeps."""
    return float(int(rank[3:].rstrip(":") or "0", 36)) if rank else None
