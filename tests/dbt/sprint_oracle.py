"""The sprint rules of the KPI contract once more, in plain Python, to compare the models with.

Written from the contract's words and independent of the SQL: it asks for the state of an item *at* an instant and
walks through its changes one by one; it knows no deltas. Slow and readable on purpose.

Vocabulary of the contract:
  open work of the sprint   in the sprint, and neither done nor cancelled
  committed                 open work of the sprint at its start
  added                     not committed, and became open work of the sprint between start and close
  in scope                  committed or added
  completed work            in scope, in the sprint and done, last entered done while in it and after the start
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.dbt.stories import State, Story, states

CLOSED_STAGES = ("done", "cancelled")


@dataclass(frozen=True)
class Policy:
    policy_id: str
    grace_hours: float = 0
    ends_as_planned: bool = False
    uses_current_estimate: bool = False
    includes_subtasks: bool = False


@dataclass(frozen=True)
class Sprint:
    """A sprint with a start and a close (active: the watermark). All instants are naive UTC."""

    sprint_id: str
    start: datetime
    planned_end: datetime | None
    close: datetime
    includes_bounds: bool  # Jira: changes of the very start and close count as before them
    is_closed: bool = True

    def close_under(self, policy: Policy) -> datetime:
        if policy.ends_as_planned and self.planned_end is not None and self.planned_end > self.start:
            return min(self.planned_end, self.close)
        return self.close

    def includes_close(self, policy: Policy) -> bool:
        return self.includes_bounds or (not self.is_closed and self.close_under(policy) == self.close)


@dataclass(frozen=True)
class Moment:
    """The item's state from `at` on, as one sprint sees it."""

    at: datetime
    stage: str
    is_in: bool
    points: float | None
    hours: float | None

    @property
    def is_open_work(self) -> bool:
        return self.is_in and self.stage not in CLOSED_STAGES

    @property
    def is_done(self) -> bool:
        return self.is_in and self.stage == "done"


@dataclass
class ItemFacts:
    """A row of fct_sprint_item."""

    is_committed: bool = False
    added_at: datetime | None = None
    removed_at: datetime | None = None
    points_at_start: float | None = None
    points_at_add: float | None = None
    points_at_remove: float | None = None
    points_at_close: float | None = None
    completed_at: datetime | None = None
    outcome: str | None = None

    @property
    def is_in_scope(self) -> bool:
        return self.is_committed or self.added_at is not None


def effective_states(told: Story, by_id: dict[str, Story], subtasks_follow: bool) -> list[tuple[datetime, State]]:
    """The item's states; a Jira sub-task is at each instant in the sprints that its parent is in.

    A sub-task and its parent must not change at the same instant: which came first is not told.
    """
    own = states(told)
    if not (subtasks_follow and told.parent_id):
        return own
    created = own[0][0]
    result: list[tuple[datetime, State]] = []
    mine, sprints = own[0][1], ()
    changes = [(at, "own", state) for at, state in own]
    changes += [(at, "parent", state) for at, state in states(by_id[told.parent_id])]
    for at, whose, state in sorted(changes, key=lambda change: change[0]):
        mine, sprints = (state, sprints) if whose == "own" else (mine, state.sprints)
        if at >= created:
            result.append((at, State(mine.stage, sprints, mine.points, mine.hours)))
    return result


@dataclass
class Course:
    """What became of an item in the sprint, up to some instant."""

    facts: ItemFacts = field(default_factory=ItemFacts)
    moment: Moment | None = None  # the state now
    left: Moment | None = None  # the state after it last left the sprint
    done_in_sprint_at: datetime | None = None  # last entered done, if that was while in the sprint and after the start
    was_ever_in: bool = False
    has_changed: bool = False  # since the start


@dataclass
class SprintItem:
    """One item as one sprint and policy see it."""

    told: Story
    moments: list[Moment]
    sprint: Sprint
    policy: Policy
    is_counted: bool = True  # False: a sub-task that the policy leaves out; only its hours count

    def estimate(self, moment: Moment) -> float | None:
        return self.moments[-1].points if self.policy.uses_current_estimate else moment.points

    def is_before_start(self, instant: datetime) -> bool:
        """Whether a change counts as before the start (with a grace: the start and the grace, at most the close)."""
        start = self.sprint.start + timedelta(hours=self.policy.grace_hours)
        close = self.sprint.close_under(self.policy)
        if start >= close:
            return _reached(instant, close, self.sprint.includes_close(self.policy))
        return _reached(instant, start, self.sprint.includes_bounds)

    def at_start(self) -> Moment | None:
        if self.told.deleted_at is not None and self.is_before_start(self.told.deleted_at):
            return None
        known = [moment for moment in self.moments if self.is_before_start(moment.at)]
        return known[-1] if known else None

    def done_in_grace_at(self) -> datetime | None:
        """When open work of the sprint was done in it within the grace, if it still is done in it when that ends."""
        at_start = self.at_start()
        if at_start is None or not at_start.is_done:
            return None
        entries = [
            (before, after)
            for before, after in pairwise(self.moments)
            if after.stage == "done" and before.stage != "done" and self.is_before_start(after.at)
        ]
        if not entries:
            return None
        before, after = entries[-1]
        is_within_grace = not _reached(after.at, self.sprint.start, self.sprint.includes_bounds)
        return after.at if is_within_grace and before.is_open_work and after.is_in else None

    def changes(self) -> list[tuple[Moment | None, Moment]]:
        """Changes after the start and up to the close, as (before, after). A deletion takes the item out."""
        close, included = self.sprint.close_under(self.policy), self.sprint.includes_close(self.policy)
        life = [moment for moment in self.moments if self.told.deleted_at is None or moment.at < self.told.deleted_at]
        if self.told.deleted_at is not None and life:
            life.append(Moment(self.told.deleted_at, life[-1].stage, False, life[-1].points, life[-1].hours))
        return [
            (before, after)
            for before, after in pairwise([None, *life])
            if after is not None and not self.is_before_start(after.at) and _reached(after.at, close, included)
        ]

    def course(self, until: datetime | None = None) -> Course:
        """What became of the item up to the close, or up to all changes before `until`."""
        at_start, in_grace = self.at_start(), self.done_in_grace_at()
        course = Course(moment=at_start, done_in_sprint_at=in_grace)
        course.was_ever_in = at_start is not None and at_start.is_in
        if at_start is not None and (at_start.is_open_work or in_grace):
            course.facts.is_committed, course.facts.points_at_start = True, self.estimate(at_start)
        for before, after in self.changes():
            if until is None or after.at < until:
                self._happen(course, before, after)
        return course

    def _happen(self, course: Course, before: Moment | None, after: Moment) -> None:
        was_in = before is not None and before.is_in
        course.was_ever_in = course.was_ever_in or after.is_in
        if after.stage == "done" and (before is None or before.stage != "done"):
            course.done_in_sprint_at = after.at if was_in and after.is_in else None
        if after.is_open_work and not course.facts.is_in_scope:
            course.facts.added_at, course.facts.points_at_add = after.at, self.estimate(after)
        if was_in and not after.is_in:
            course.left = after
        course.moment, course.has_changed = after, True

    def facts(self) -> ItemFacts | None:
        """The row of fct_sprint_item. None: the item was never in the sprint from start to close."""
        course = self.course()
        facts, at_close = course.facts, course.moment
        if not course.was_ever_in:
            return None
        is_done = at_close is not None and at_close.is_done
        if not facts.is_in_scope:
            facts.outcome = "completed_elsewhere" if is_done else None
        elif at_close is None or not at_close.is_in or (is_done and course.done_in_sprint_at is None):
            assert course.left is not None
            facts.removed_at, facts.points_at_remove = course.left.at, self.estimate(course.left)
            facts.outcome = "completed_elsewhere" if is_done else "removed"
        elif is_done:
            facts.outcome, facts.completed_at = "completed", course.done_in_sprint_at
        else:
            facts.outcome = "cancelled" if at_close.stage == "cancelled" else "not_completed"
        if at_close is not None and facts.is_in_scope and not facts.removed_at:
            facts.points_at_close = self.estimate(at_close)
        return facts

    def work_before(self, instant: datetime) -> Work:
        """What the item is to the sprint after all changes before `instant`. Until the end of a grace the
        commitment stands as it is taken then, less what was done in it already."""
        course = self.course(until=instant)
        moment = course.moment
        if moment is None:
            return Work()
        in_grace = self.done_in_grace_at()
        is_still_to_do = in_grace is not None and not course.has_changed and instant <= in_grace
        if moment.is_open_work or is_still_to_do:
            points = self.estimate(moment) or 0 if self.is_counted else 0
            return Work(
                remaining_items=int(self.is_counted), remaining_points=points, remaining_hours=moment.hours or 0
            )
        if moment.is_done and course.done_in_sprint_at and course.facts.is_in_scope and self.is_counted:
            return Work(completed_items=1, completed_points=self.estimate(moment) or 0)
        return Work()


@dataclass(frozen=True)
class Work:
    """Remaining and completed work at some instant."""

    remaining_items: int = 0
    remaining_points: float = 0
    remaining_hours: float = 0
    completed_items: int = 0
    completed_points: float = 0


def _reached(happened: datetime, instant: datetime, included: bool) -> bool:
    return happened <= instant if included else happened < instant


def sprint_items(
    stories: list[Story], sprint: Sprint, policy: Policy, *, subtasks_follow: bool
) -> dict[str, SprintItem]:
    """All items of the stories as the sprint sees them, by id. Sub-tasks follow their parent in Jira alone."""
    by_id = {told.item_id: told for told in stories}
    found = {}
    for told in stories:
        moments = [
            Moment(at, state.stage, sprint.sprint_id in state.sprints, state.points, state.hours)
            for at, state in effective_states(told, by_id, subtasks_follow)
        ]
        if any(moment.is_in for moment in moments):
            is_counted = policy.includes_subtasks or told.parent_id is None
            found[told.item_id] = SprintItem(told, moments, sprint, policy, is_counted)
    return found


def sum_points(estimates: list[float | None]) -> float | None:
    """0 over no items, None over items none of which is estimated, else of the known ones."""
    known = [points for points in estimates if points is not None]
    return sum(known) if known or not estimates else None


def velocity(items: list[ItemFacts]) -> dict[str, float | None]:
    """The sums of kpi_velocity over one sprint's items."""
    chosen = {
        "committed": [item.points_at_start for item in items if item.is_committed],
        "added": [item.points_at_add for item in items if item.added_at],
        "removed": [item.points_at_remove for item in items if item.removed_at],
        "cancelled": [item.points_at_close for item in items if item.outcome == "cancelled"],
        "completed": [item.points_at_close for item in items if item.outcome == "completed"],
        "not_completed": [item.points_at_close for item in items if item.outcome == "not_completed"],
    }
    sums: dict[str, float | None] = {f"{name}_items": len(estimates) for name, estimates in chosen.items()}
    sums |= {f"{name}_points": sum_points(estimates) for name, estimates in chosen.items()}
    sums["completed_elsewhere_items"] = sum(item.outcome == "completed_elsewhere" for item in items)
    sums["estimate_change_points"] = sum(
        ((item.points_at_remove if item.removed_at else item.points_at_close) or 0)
        - ((item.points_at_start if item.is_committed else item.points_at_add) or 0)
        for item in items
        if item.is_in_scope
    )
    return sums


def burndown(items: list[SprintItem], sprint: Sprint, policy: Policy, zone: ZoneInfo) -> dict[date, dict[str, float]]:
    """Remaining and completed work at the end of each day in the team's time zone; on the last day at the close."""
    close = sprint.close_under(policy)
    end_of_sprint = close + timedelta(microseconds=1) if sprint.includes_close(policy) else close
    day = _local(sprint.start, zone).date()
    days = {}
    while day <= _local(end_of_sprint - timedelta(microseconds=1), zone).date():
        midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        work = [asdict(item.work_before(min(midnight, end_of_sprint))) for item in items]
        days[day] = {name: sum(part[name] for part in work) for name in asdict(Work())}
        day += timedelta(days=1)
    return days


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.replace(tzinfo=UTC).astimezone(zone)
