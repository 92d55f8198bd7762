"""The sheet that hangs in the team room for one sprint: who was on the board at the start, what came, what went.

A line per item is kept up as things happen. When the sprint ends, the sheet is added up. The rules
are those of the KPI contract, section 6, under the policy `default`; they are written here a second
time, in another way than the product's, so that the two can be held against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sandbox.organisation.books import DayFigures, SprintBook
from sandbox.organisation.clock import local_day, local_ms, to_datetime

OPEN = frozenset({"backlog", "todo", "in_progress", "waiting"})


class Mark(msgspec.Struct, array_like=True, gc=False):
    """What an item is worth to its sprint from an instant on: open work, or completed work, or neither."""

    at: int
    open_items: int
    open_points: float
    completed_items: int
    completed_points: float
    open_hours: float


class Line(msgspec.Struct):
    """One item on the sheet of one sprint. Points None: not estimated."""

    item_id: int
    is_counted: bool  # sub-tasks are on the sheet for their hours alone
    inside: bool
    stage: str
    points: float | None
    hours: float
    committed: bool = False
    added: bool = False
    done_inside: bool = False  # last finished while on the board, after the start
    entry_points: float | None = None  # when committed or added
    exit_points: float | None = None  # when it last left
    marks: list[Mark] = []

    def mark(self, at: int) -> None:
        is_open = self.inside and self.stage in OPEN
        is_completed = self.inside and self.stage == "done" and self.done_inside
        worth = self.points or 0.0
        counted = self.is_counted
        self.marks.append(
            Mark(
                at,
                int(is_open and counted),
                worth if is_open and counted else 0.0,
                int(is_completed and counted and self.in_scope),
                worth if is_completed and counted and self.in_scope else 0.0,
                self.hours if is_open else 0.0,
            )
        )

    @property
    def in_scope(self) -> bool:
        return self.committed or self.added

    def outcome(self) -> str | None:
        """How the item ended up; None: it was never in scope and is not done on the board either."""
        if self.inside and self.stage == "done":
            return "completed" if self.in_scope and self.done_inside else "completed_elsewhere"
        if not self.in_scope:
            return None
        if not self.inside:
            return "removed"
        return "cancelled" if self.stage == "cancelled" else "not_completed"


class Ledger(msgspec.Struct):
    """The sheet of one sprint."""

    sprint_id: int
    team_id: int
    started_at: int
    zone: str
    lines: dict[int, Line] = {}
    closed_at: int | None = None

    def write_down(self, item_id: int, counted: bool, stage: str, points: float | None, hours: float) -> None:
        """At the start: this item is on the board."""
        line = Line(item_id, counted, inside=True, stage=stage, points=points, hours=hours)
        if stage in OPEN:
            line.committed = True
            line.entry_points = points
        line.mark(self.started_at)
        self.lines[item_id] = line

    def happened(
        self, at: int, item_id: int, counted: bool, inside: bool, stage: str, points: float | None, hours: float
    ) -> None:
        """Something about an item that is, was or now comes on the board changed."""
        line = self.lines.get(item_id)
        if line is None:
            line = self.lines[item_id] = Line(item_id, counted, inside=False, stage="", points=points, hours=hours)
        was_inside, was_stage = line.inside, line.stage
        if stage == "done" and was_stage != "done":
            line.done_inside = was_inside and inside
        line.inside, line.stage, line.points, line.hours = inside, stage, points, hours
        if was_inside and not inside:
            line.exit_points = points
        if inside and stage in OPEN and not line.in_scope:
            line.added = True
            line.entry_points = points
        line.mark(at)

    def book(self, now: int) -> SprintBook:
        """Add the sheet up, at the close or, while the sprint runs, as it stands now."""
        counted = [line for line in self.lines.values() if line.is_counted]
        by_outcome: dict[str | None, list[Line]] = {}
        for line in counted:
            by_outcome.setdefault(line.outcome(), []).append(line)
        committed = [line for line in counted if line.committed]
        added = [line for line in counted if line.added]
        completed = by_outcome.get("completed", [])
        cancelled = by_outcome.get("cancelled", [])
        not_completed = by_outcome.get("not_completed", [])
        elsewhere = by_outcome.get("completed_elsewhere", [])
        removed = by_outcome.get("removed", []) + [line for line in elsewhere if line.in_scope]
        kept = [*completed, *cancelled, *not_completed]
        change = sum(_known(line.points) - _known(line.entry_points) for line in kept)
        change += sum(_known(line.exit_points) - _known(line.entry_points) for line in removed)
        promised = [line for line in completed if line.committed]
        end = self.closed_at if self.closed_at is not None else now
        return SprintBook(
            sprint_id=self.sprint_id,
            team_id=self.team_id,
            started_at=to_datetime(self.started_at),
            closed_at=None if self.closed_at is None else to_datetime(self.closed_at),
            is_final=self.closed_at is not None,
            committed_items=len(committed),
            committed_points=total(line.entry_points for line in committed),
            added_items=len(added),
            added_points=total(line.entry_points for line in added),
            removed_items=len(removed),
            removed_points=total(line.exit_points for line in removed),
            cancelled_items=len(cancelled),
            cancelled_points=total(line.points for line in cancelled),
            completed_items=len(completed),
            completed_points=total(line.points for line in completed),
            not_completed_items=len(not_completed),
            not_completed_points=total(line.points for line in not_completed),
            completed_elsewhere_items=len(elsewhere),
            estimate_change_points=change,
            completed_of_committed_items=len(promised),
            completed_of_committed_points=total(line.points for line in promised),
            days=self._days(end),
        )

    def _days(self, end: int) -> list[DayFigures]:
        """What was on the board at the end of every local day; a close at 00:00 ends the day before."""
        first = local_day(self.zone, self.started_at)
        last = max(first, local_day(self.zone, end))
        if self.closed_at is not None and last > first and end == local_ms(self.zone, last):
            last -= 1
        lines = [line.marks for line in self.lines.values()]
        return [_day(day, lines, local_ms(self.zone, day + 1)) for day in range(first, last + 1)]


def _day(day: int, lines: Sequence[list[Mark]], before: int) -> DayFigures:
    figures = DayFigures.of(day)
    for marks in lines:
        latest = None
        for mark in marks:
            if mark.at >= before:
                break
            latest = mark
        if latest is not None:
            figures.remaining_items += latest.open_items
            figures.remaining_points += latest.open_points
            figures.remaining_hours += latest.open_hours
            figures.completed_items += latest.completed_items
            figures.completed_points += latest.completed_points
    figures.scope_items = figures.remaining_items + figures.completed_items
    figures.scope_points = figures.remaining_points + figures.completed_points
    return figures


def _known(points: float | None) -> float:
    return points or 0.0


def total(values: Iterable[float | None]) -> float | None:
    """No items: 0. Items none of which is estimated: unknown. Else the sum of the known ones."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return None if listed and not known else float(sum(known))
