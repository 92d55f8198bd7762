"""Random item histories in random sprints, as stories that Jira or Azure DevOps would record.

Instants come from a coarse grid that contains starts, closes and midnights, so that changes often fall on them, or
together.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import nan
from zoneinfo import ZoneInfo

from tests.dbt.sprint_oracle import Sprint
from tests.dbt.stories import Change, Row, Story

ZONE = "Europe/Berlin"
BOARD: Row = {"board_id": "1", "name": "Board", "board_type": "scrum", "project_id": "100"}


@dataclass
class SprintDice:
    """Where random sprints and stories come from. `start` and `now` are naive UTC: the first sprint, the watermark."""

    seed: int
    start: datetime
    now: datetime
    items: int
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - dice of a test

    def instant(self) -> datetime:
        """Some full hour between the creation of the first item and now."""
        hour = self.random.choice([0, 6, 8, 9, 17, 22, 23])
        return self.start - timedelta(days=4) + timedelta(hours=hour, days=self.random.randrange(self._days + 3))

    def sprints(self) -> list[Sprint]:
        """Six Jira sprints, some at the same time, with early and late closes; the last is active."""
        dice, sprints = self.random, []
        for number in range(6):
            start = self.start + timedelta(days=self._days // 8 * number, hours=dice.choice([8, 9]))
            planned = dice.choice([None, start + timedelta(days=6), start + timedelta(days=8, hours=14), start])
            close = start + timedelta(days=dice.randrange(1, 12), hours=dice.choice([0, 8, 14]))
            is_closed = number < 5
            sprints.append(Sprint(str(number + 1), start, planned, close if is_closed else self.now, True, is_closed))
        return sprints

    def iterations(self) -> list[Sprint]:
        """Four Azure DevOps iterations in the team's zone, one after the other; the last one is active."""
        found, length = [], self._days // 4 - 1
        for number in range(4):
            start, end = (_midnight(self.start + timedelta(days=length * number + days)) for days in (0, length))
            if number == 3:
                end = _midnight(self.now + timedelta(days=2))
            is_closed = end <= self.now
            found.append(Sprint(str(number + 1), start, end, end if is_closed else self.now, False, is_closed))
        return found

    def stories(self, sprints: Sequence[Sprint], most: int) -> list[Story]:
        """Items in up to `most` sprints at once, with up to twelve changes; every fifth is a sub-task of an earlier
        item; some are deleted.

        Sub-tasks change at odd minutes, so that their order among their parent's changes is no matter of ids.
        """
        sprint_ids, stories = [sprint.sprint_id for sprint in sprints], list[Story]()
        for number in range(self.items):
            parents = [told for told in stories if told.parent_id is None and told.deleted_at is None]
            parent = self.random.choice(parents) if parents and number % 5 == 4 else None
            instants = sorted(self.instant() for _ in range(self.random.randint(1, 12)))
            if parent:
                instants = [max(instant, parent.changes[0].at) + timedelta(minutes=7) for instant in instants]
            changes = [self._change(instant, sprint_ids, most) for instant in instants]
            deleted_at = None
            if parent is None and self.random.random() < 0.1:
                deleted_at = min(instants[-1] + timedelta(hours=self.random.choice([1, 24, 200])), self.now)
            stories.append(Story(str(number + 1), tuple(changes), parent.item_id if parent else None, deleted_at))
        return stories

    def _change(self, instant: datetime, sprint_ids: list[str], most: int) -> Change:
        dice = self.random
        return Change(
            instant,
            stage=dice.choice([None, None, "todo", "in_progress", "done", "done", "cancelled"]),
            sprints=tuple(sorted(dice.sample(sprint_ids, dice.randint(0, most)))) if dice.random() < 0.5 else None,
            points=dice.choice([None, None, None, 1.0, 3.0, 5.5, nan]),
            hours=dice.choice([None, None, None, 0.0, 2.0, 8.0]),
        )

    @property
    def _days(self) -> int:
        return (self.now - self.start).days


def story_until(told: Story, now: datetime) -> Story | None:
    """What a tool knows of a story at an instant; None before its creation."""
    if told.changes[0].at > now:
        return None
    deleted_at = told.deleted_at if told.deleted_at and told.deleted_at <= now else None
    return replace(told, changes=tuple(each for each in told.changes if each.at <= now), deleted_at=deleted_at)


def sprint_row(sprint: Sprint, now: datetime) -> Row:
    """A Jira sprint as it is shown at `now`."""
    is_closed = sprint.is_closed and sprint.close <= now
    state = "closed" if is_closed else "active" if sprint.start <= now else "future"
    return {
        "sprint_id": sprint.sprint_id,
        "name": f"Sprint {sprint.sprint_id}",
        "board_id": "1",
        "state": state,
        "start_at": sprint.start,
        "end_at": sprint.planned_end,
        # An old completion of a sprint that was activated again is ignored.
        "complete_at": sprint.close if is_closed else sprint.start + timedelta(days=1),
    }


def iteration_row(sprint: Sprint) -> Row:
    """An Azure DevOps iteration; its dates say at each instant whether it has begun or ended."""
    assert sprint.planned_end is not None
    start, end = (
        instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(ZONE)).date()
        for instant in (sprint.start, sprint.planned_end)
    )
    return {
        "team_id": "team",
        "iteration_guid": sprint.sprint_id,
        "iteration_path": f"Project\\{sprint.sprint_id}",
        "name": f"Iteration {sprint.sprint_id}",
        "start_date": start,
        "finish_date": end - timedelta(days=1),
    }


def _midnight(day: datetime) -> datetime:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONE))
    return local.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
