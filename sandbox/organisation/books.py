"""The organisation's own records, as typed rows. They are written while it lives (`scribe.py`), not computed later.

Ids are those of the tool: a sprint, team or item is found again in the product by tool and id.
Points None: unknown (no item of the sum is estimated). Days and periods are local to the team's
time zone, which is the time zone of the account at that site.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec


class DayFigures(msgspec.Struct):
    """A sprint's board at the end of one local day. A missing estimate counts 0."""

    day: date
    remaining_items: int = 0
    remaining_points: float = 0.0
    remaining_hours: float = 0.0
    scope_items: int = 0
    scope_points: float = 0.0
    completed_items: int = 0
    completed_points: float = 0.0

    @classmethod
    def of(cls, ordinal: int) -> DayFigures:
        return cls(date.fromordinal(ordinal))


class SprintBook(msgspec.Struct):
    """One sprint that has started. `is_final` is false while it runs: figures are as of now."""

    sprint_id: int
    team_id: int
    started_at: datetime
    closed_at: datetime | None
    is_final: bool
    committed_items: int
    committed_points: float | None
    added_items: int
    added_points: float | None
    removed_items: int
    removed_points: float | None
    cancelled_items: int
    cancelled_points: float | None
    completed_items: int
    completed_points: float | None
    not_completed_items: int
    not_completed_points: float | None
    completed_elsewhere_items: int
    estimate_change_points: float
    completed_of_committed_items: int
    completed_of_committed_points: float | None
    days: list[DayFigures]
    tool: str = ""

    @property
    def say_do_ratio(self) -> float | None:
        done, promised = self.completed_of_committed_points, self.committed_points
        return None if not promised or done is None else done / promised


class PeriodBook(msgspec.Struct):
    """One team and week (from Monday) or month, without epics and sub-tasks.

    A team of 0 stands for items that no board's filter holds. `wip_items` is at the end of the period; of the
    period that still runs, now. Hours of the delivered items are listed one by one, in no order.
    """

    team_id: int
    period_type: str  # week, month
    period_start: date
    arrived_items: int = 0
    started_items: int = 0
    delivered_items: int = 0
    delivered_points: float = 0.0  # of the estimated ones
    delivered_estimated_items: int = 0
    cancelled_items: int = 0
    reopened_items: int = 0
    wip_items: int = 0
    skipped_start_items: int = 0
    lead_time_hours: list[float] = []
    cycle_time_hours: list[float] = []
    tool: str = ""


class ItemBook(msgspec.Struct):
    """One item, of whatever type. `done_at` is the last time it was finished, None when it is not finished now."""

    item_id: int
    team_id: int  # now; 0: no board holds it
    created_at: datetime
    started_at: datetime | None
    done_at: datetime | None
    cancelled_at: datetime | None
    reopen_count: int
    deleted_at: datetime | None = None  # Jira does not say when: the run after which it was missed
    tool: str = ""


class SurveyBook(msgspec.Struct):
    """One survey, team and month (UTC). `blanks` are answers without a score; they are no responses."""

    survey: str
    metric: str
    team: str
    month: date
    responses: int = 0
    blanks: int = 0
    promoters: int = 0
    passives: int = 0
    detractors: int = 0
    top_two: int = 0  # scores in the upper two boxes of the scale
    score_sum: int = 0
