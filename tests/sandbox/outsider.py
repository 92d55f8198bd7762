"""Somebody who reads the simulated organisation's items as a tool would show them, and works figures out from that.

The organisation's books are written while it lives. Here the histories are read afterwards and the
figures are worked out a second time, plainly and slowly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sandbox.model import Category, Item, Site, Sprint, Tool
from sandbox.organisation import Organisation
from sandbox.organisation.books import ItemBook, SprintBook
from sandbox.organisation.workflow import DROPPED

OPEN = ("todo", "in_progress")
STAGES = {
    Category.TODO: "todo",
    Category.IN_PROGRESS: "in_progress",
    Category.RESOLVED: "in_progress",
    Category.DONE: "done",
    Category.REMOVED: "cancelled",
}


@dataclass(frozen=True)
class Moment:
    """How an item stands from an instant on."""

    at: datetime
    stage: str
    points: float | None
    sprints: frozenset[int]


def gone_at(item: Item) -> datetime | None:
    """When it was deleted or moved out of sight."""
    return item.deleted_at or item.hidden_at


class Reader:
    """Reads a site's items as an outsider does: from the initial values and the changes."""

    def __init__(self, organisation: Organisation, tool: Tool) -> None:
        self.site: Site = organisation.site(tool)
        self.now = organisation.now
        self.is_jira = tool is not Tool.AZURE_DEVOPS
        self.stages = {str(status.status_id): STAGES[status.category] for status in self.site.statuses}
        self.sprint_teams = {sprint.sprint_id: sprint.team_id for sprint in self.site.sprints}
        self.items = [item for item in organisation.items(tool) if not self.is_gone(item)]

    def is_gone(self, item: Item) -> bool:
        return gone_at(item) is not None and (self.is_jira or item.is_destroyed)

    def moment(self, at: datetime, values: dict[str, str | None]) -> Moment:
        stage = self.stages[values["status"] or ""]
        if stage == "done" and values["resolution"] in DROPPED:
            stage = "cancelled"
        sprints = {int(part) for part in (values["sprint"] or "").split(",") if part}
        if not self.is_jira:
            sprints = {sprint for sprint in sprints if str(self.sprint_teams[sprint]) == values["team"]}
        points = values["points"]
        return Moment(at, stage, None if points is None else float(points), frozenset(sprints))

    def moments(self, item: Item) -> list[Moment]:
        values = dict(item.initial)
        found = [self.moment(item.created_at, values)]
        for changes in item.history:
            for change in changes.changes:
                assert values[change.attribute] == change.old, (item.key, change)
                values[change.attribute] = change.new
            found.append(self.moment(changes.at, values))
        assert values == item.current
        if (gone := gone_at(item)) is not None:
            missed = self.now if self.is_jira else gone  # Jira does not say when
            found.append(Moment(missed, found[-1].stage, found[-1].points, frozenset()))
        return found


class SeenReader(Reader):
    """Somebody who has read the organisation before: he knows of items that were there then."""

    def __init__(self, organisation: Organisation, tool: Tool, before: dict[tuple[Tool, int], Item]) -> None:
        self.known = {
            item_id
            for (of_tool, item_id), item in before.items()
            if of_tool is tool and not (gone_at(item) and (tool is not Tool.AZURE_DEVOPS or item.is_destroyed))
        }
        super().__init__(organisation, tool)

    def is_gone(self, item: Item) -> bool:
        return super().is_gone(item) and item.item_id not in self.known


def is_structure(item: Item) -> bool:
    """Epics and sub-tasks enter no flow figure."""
    return item.is_subtask or item.current["type"] == "Epic"


def work_out(reader: Reader, sprint: Sprint, now: datetime) -> Counter[str]:
    """The figures of a sprint, item by item, from the histories."""
    figures: Counter[str] = Counter()
    for item in reader.items:
        if not item.is_subtask:
            _judge(reader, sprint, now, reader.moments(item), figures)
    return figures


def _judge(reader: Reader, sprint: Sprint, now: datetime, moments: list[Moment], figures: Counter[str]) -> None:
    assert sprint.started_at is not None
    close, key = sprint.closed_at or now, sprint.sprint_id
    includes_close = reader.is_jira or sprint.closed_at is None
    includes_start = sprint.started_at + timedelta(milliseconds=reader.is_jira)
    before = [moment for moment in moments if moment.at < includes_start]
    during = [moment for moment in moments if includes_start <= moment.at <= close]
    during = [moment for moment in during if includes_close or moment.at < close]
    first = before[-1] if before else Moment(sprint.started_at, "", None, frozenset())
    if any(key in moment.sprints for moment in [first, *during]):
        _count(key, first, during, figures)


def _count(key: int, first: Moment, during: list[Moment], figures: Counter[str]) -> None:
    committed = key in first.sprints and first.stage in OPEN
    entry = first.points if committed else None
    added, finished_inside, leaving, last = False, False, None, first
    for moment in during:
        inside, was_inside = key in moment.sprints, key in last.sprints
        if moment.stage == "done" and last.stage != "done":
            finished_inside = inside and was_inside
        if was_inside and not inside:
            leaving = moment.points
        if inside and moment.stage in OPEN and not committed and not added:
            added, entry = True, moment.points
        last = moment
    scope = committed or added
    outcome = _outcome(scope, key in last.sprints, finished_inside, last.stage)
    is_removed = outcome == "removed" or (outcome == "completed_elsewhere" and scope)
    exit_points = leaving if is_removed else last.points
    figures["completed_elsewhere_items"] += outcome == "completed_elsewhere"
    figures["estimate_change_points"] += int(2 * ((exit_points or 0) - (entry or 0))) if scope else 0
    for name, counts, points in (
        ("committed", committed, entry),
        ("added", added, entry),
        ("removed", is_removed, exit_points),
        *((name, outcome == name, exit_points) for name in ("completed", "cancelled", "not_completed")),
    ):
        figures[f"{name}_items"] += counts
        figures[f"{name}_points"] += int(2 * (points or 0)) if counts else 0


def _outcome(scope: bool, inside: bool, finished_inside: bool, stage: str) -> str | None:
    if inside and stage == "done":
        return "completed" if scope and finished_inside else "completed_elsewhere"
    if not scope:
        return None
    if not inside:
        return "removed"
    return "cancelled" if stage == "cancelled" else "not_completed"


def booked(book: SprintBook) -> Counter[str]:
    """The book's figures; points doubled, so that they are whole."""
    names = [name for name in book.__struct_fields__ if name.endswith(("_items", "_points"))]
    names = [name for name in names if not name.startswith("completed_of_committed")]
    return Counter({name: int((getattr(book, name) or 0) * (2 if name.endswith("_points") else 1)) for name in names})


def team_moments(reader: Reader, item: Item) -> list[tuple[datetime, int]]:
    """From when on the item belongs to which team: Azure DevOps by area; Jira by sprint, else by the lowest board."""
    values = dict(item.initial)
    states = [(item.created_at, dict(values))]
    for changes in item.history:
        values.update({change.attribute: change.new for change in changes.changes})
        states.append((changes.at, dict(values)))
    if not reader.is_jira:
        return [(at, int(values["team"] or 0)) for at, values in states]
    boards = {
        (str(team.project_id), team.label): team.team_id
        for team in sorted(reader.site.teams, key=lambda team: -team.board_id)
    }
    labels = {None, *(item.current["labels"] or "").split()}
    held = [team for (project, label), team in boards.items() if project == item.current["project"] and label in labels]
    order: list[int] = []
    last, found = min(held), []
    for at, values in states:
        sprints = [int(part) for part in (values["sprint"] or "").split(",") if part]
        if order:
            last = reader.sprint_teams[order[-1]]
        order = [*(sprint for sprint in order if sprint in sprints), *(s for s in sprints if s not in order)]
        found.append((at, reader.sprint_teams[order[-1]] if order else last))
    return found


def at_instant(moments: list[tuple[datetime, int]], at: datetime) -> int:
    return [team for since, team in moments if since <= at][-1]


def hours_of(item: Item) -> list[tuple[datetime, float]]:
    edits = ((changes.at, change) for changes in item.history for change in changes.changes)
    later = [(at, float(change.new or 0)) for at, change in edits if change.attribute == "remaining_hours"]
    return [(item.created_at, float(item.initial["remaining_hours"] or 0)), *later]


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def weeks_until(begin: datetime, now: datetime, zone: ZoneInfo) -> Iterator[tuple[date, datetime]]:
    """Mondays of the weeks and the instants before which they end; the last one ends just after now."""
    week = monday(begin.astimezone(zone).date())
    while True:
        end = datetime.combine(week + timedelta(days=7), time(), zone).astimezone(UTC)
        yield week, min(end, now + timedelta(milliseconds=1))
        if end > now:
            return
        week += timedelta(days=7)


def told(book: ItemBook) -> tuple[datetime | None, datetime | None, datetime | None, int]:
    return book.started_at, book.done_at, book.cancelled_at, book.reopen_count


def life(moments: list[Moment]) -> tuple[datetime | None, datetime | None, datetime | None, int]:
    stages = [(moment.at, moment.stage) for moment in moments]
    entries = [stages[0], *(new for old, new in pairwise(stages) if old[1] != new[1])]
    started = next((at for at, stage in entries if stage == "in_progress"), None)
    last = stages[-1][1]
    entered = max(at for at, stage in entries if stage == last)
    reopened = sum(old[1] == "done" and new[1] in OPEN for old, new in pairwise(entries))
    return started, entered if last == "done" else None, entered if last == "cancelled" else None, reopened
