"""What follows from an item's life, in plain Python: stages, intervals, flow per policy.

Written from the KPI rules alone: nothing is shared with the SQL. Figures per scope and day come from
asking each item for its state at that instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

from tests.dbt.lives import STATUSES, Life, State

OPEN = ("backlog", "todo", "in_progress", "waiting")
RANK = {"backlog": 0, "todo": 1, "in_progress": 2, "waiting": 2, "done": 3}


@dataclass(frozen=True)
class Rules:
    """One policy of the seed."""

    policy_id: str
    start_rule: str = "first"
    done_rule: str = "last"
    day_count: str = "elapsed"
    skipped_start: str = "null"
    flow_types: str = "no_epics_no_subtasks"
    flow_efficiency_base: str = "from_start"

    @property
    def line(self) -> str:
        """The policy's line of metric_policies.csv."""
        return (
            f"{self.policy_id},true,,{self.start_rule},{self.done_rule},{self.day_count},{self.skipped_start},"
            f"{self.flow_types},0,actual_close,event,3,exclude,{self.flow_efficiency_base}"
        )

    def counts(self, state: State) -> bool:
        if self.flow_types == "all":
            return True
        if self.flow_types == "no_epics_no_subtasks":
            return state.item_type != "epic"
        return state.item_type in self.flow_types.split(";")


def stage_of(tool: str, state: State) -> str:
    """Stage by the mapping of lives.STAGE_MAPPING, else by the tool's category."""
    jira_category, azure_category = STATUSES[state.status][3:]
    if state.status == "open" and state.project == "beta":
        stage = "waiting"  # project before item type
    elif state.status == "shelf" or (state.status == "open" and state.item_type == "bug"):
        stage = "backlog"
    elif state.status == "review":
        stage = "waiting"  # Jira: id before name; Azure DevOps: its own connection before any
    elif tool == "jira":
        stage = {"new": "todo", "indeterminate": "in_progress", "done": "done", None: "todo"}[jira_category]
    else:
        stage = {"Proposed": "todo", "InProgress": "in_progress", "Resolved": "in_progress", "Completed": "done",
                 "Removed": "cancelled", None: "todo"}[azure_category]  # fmt: skip
    return "cancelled" if stage == "done" and state.resolution == "declined" else stage


@dataclass(frozen=True)
class Interval:
    """A stay in one status and stage; `left_at` None: still there."""

    status: str
    stage: str
    state: State  # at entry
    entered_at: datetime
    left_at: datetime | None
    blocked_hours: float
    hours: float


@dataclass(frozen=True)
class Course:
    """An item's course as one tool records it, judged at `now`."""

    tool: str
    life: Life
    now: datetime

    @cached_property
    def states(self) -> list[tuple[datetime, State]]:
        life = self.life
        told = [(life.created_at, life.first)]
        for instant, _, state in life.changes:
            if life.deleted_at is None or max(instant, life.created_at) < life.deleted_at:
                told.append((max(instant, life.created_at), state))
        return told

    @cached_property
    def end(self) -> datetime:
        return self.life.deleted_at or self.now

    @cached_property
    def intervals(self) -> list[Interval]:
        groups: list[list[tuple[datetime, State]]] = []
        for instant, state in self.states:
            key = (state.status, stage_of(self.tool, state))
            if groups and (groups[-1][-1][1].status, stage_of(self.tool, groups[-1][-1][1])) == key:
                groups[-1].append((instant, state))
            else:
                groups.append([(instant, state)])
        intervals = []
        for number, group in enumerate(groups):
            is_last = number == len(groups) - 1
            left_at = self.life.deleted_at if is_last else groups[number + 1][0][0]
            until = [*[instant for instant, _ in group[1:]], left_at or self.now]
            blocked = sum(
                _hours(since, to) for (since, state), to in zip(group, until, strict=True) if state.is_flagged
            )
            (entered_at, state) = group[0]
            hours = _hours(entered_at, left_at or self.now)
            intervals.append(
                Interval(state.status, stage_of(self.tool, state), state, entered_at, left_at, blocked, hours)
            )
        return intervals

    def entries(self, stage: str) -> list[int]:
        """Positions of the intervals with which the item came into a stage from another."""
        found = self.intervals
        return [n for n, each in enumerate(found) if each.stage == stage and (n == 0 or found[n - 1].stage != stage)]

    def state_at(self, instant: datetime) -> State | None:
        """What the item was just before an instant; None before its creation and after its deletion."""
        if self.life.deleted_at is not None and self.life.deleted_at < instant:
            return None
        return next((state for at, state in reversed(self.states) if at < instant), None)

    def points_at(self, position: int) -> float | None:
        """Estimate at an interval's start, all changes of that instant included."""
        instant = self.intervals[position].entered_at
        return [state for at, state in self.states if at == instant][-1].points


@dataclass(frozen=True)
class Flow:
    """Flow figures of one item and policy; positions are those of Course.intervals."""

    course: Course
    rules: Rules
    zone: ZoneInfo

    @cached_property
    def done(self) -> int | None:
        entries = self.course.entries("done")
        if self.rules.done_rule == "first":
            return entries[0] if entries else None
        return entries[-1] if entries and self.course.intervals[-1].stage == "done" else None

    @cached_property
    def cancelled(self) -> int | None:
        return self.course.entries("cancelled")[-1] if self.course.intervals[-1].stage == "cancelled" else None

    @cached_property
    def start(self) -> int | None:
        return start_of(self.course, self.rules, len(self.course.intervals) if self.done is None else self.done)

    @property
    def lead_time_hours(self) -> float | None:
        return None if self.done is None else _hours(self.course.life.created_at, self._at(self.done))

    @property
    def cycle_time_hours(self) -> float | None:
        if self.done is None:
            return None
        if self.start is None:
            return 0 if self.rules.skipped_start == "zero" else None
        return _hours(self._at(self.start), self._at(self.done))

    @property
    def cycle_time_days(self) -> float | None:
        if self.done is None or self.start is None:
            return self.cycle_time_hours
        if self.rules.day_count == "elapsed":
            return _hours(self._at(self.start), self._at(self.done)) / 24
        first, last = (self._at(n).astimezone(self.zone).date() for n in (self.start, self.done))
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return len(days) if self.rules.day_count == "calendar_inclusive" else sum(day.weekday() < 5 for day in days)

    @property
    def spent(self) -> tuple[float, float, float] | None:
        """Active, waiting and blocked hours; None without a base."""
        base = 0 if self.rules.flow_efficiency_base == "from_created" else self.start
        if base is None:
            return None
        ends = [n for n in (self.done, self.cancelled) if n is not None]
        between = self.course.intervals[base : ends[0] if ends else None]
        active = sum(each.hours - each.blocked_hours for each in between if each.stage == "in_progress")
        total = sum(each.hours for each in between if each.stage in OPEN)
        return active, total - active, sum(each.blocked_hours for each in between if each.stage in OPEN)

    @property
    def reopen_count(self) -> int:
        stages = [each.stage for each in self.course.intervals]
        return sum(old == "done" and new in OPEN for old, new in pairwise(stages))

    @property
    def backward_move_count(self) -> int:
        ranks = [RANK.get(each.stage) for each in self.course.intervals]
        pairs = pairwise(ranks)
        return sum(old is not None and new is not None and new < old for old, new in pairs)

    def _at(self, position: int) -> datetime:
        return self.course.intervals[position].entered_at


def start_of(course: Course, rules: Rules, before: int) -> int | None:
    """The interval that starts the cycle time, among those before a position."""
    starts = [n for n in course.entries("in_progress") if n < before]
    if rules.start_rule == "after_last_todo":
        resets = [n for n, each in enumerate(course.intervals[:before]) if each.stage in ("todo", "backlog")]
        starts = [n for n in starts if not resets or n > resets[-1]]
    if not starts:
        return None
    return starts[-1] if rules.start_rule == "last" else starts[0]


def percentile(values: list[float], share: float) -> float | None:
    """Linear interpolation between the two nearest ranks."""
    if not values:
        return None
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def midnight_after(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day of a time zone ends."""
    following = day + timedelta(days=1)
    return datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(ZoneInfo("UTC"))


def _hours(since: datetime, to: datetime) -> float:
    return (to - since) / timedelta(hours=1)
