"""Cards of items and the totals of teams by week and month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from sandbox.organisation.books import ItemBook, PeriodBook
from sandbox.organisation.clock import HOUR, local_day, to_datetime


class Period(msgspec.Struct, frozen=True, array_like=True, gc=False):
    kind: str  # week, month
    start: int  # ordinal of its first day


def week_of(day: int) -> int:
    return day - (day - 1) % 7


def month_of(day: int) -> int:
    return day - date.fromordinal(day).day + 1


def periods_of(zone: str, at: int) -> tuple[Period, Period]:
    day = local_day(zone, at)
    return Period("week", week_of(day)), Period("month", month_of(day))


class Card(msgspec.Struct):
    """What is written on one item's card. Team 0: by filter, in pencil."""

    item_id: int
    created_at: int
    is_flow: bool  # neither epic nor sub-task
    is_subtask: bool
    stage: str
    points: float | None = None
    hours: float = 0.0
    sprints: list[int] = []  # in the order in which it was put into them
    last_sprint: int = 0
    watched: list[int] = []  # running sprints that have a line for it
    team: int = 0
    filter_team: int = 0
    arrived_team: int = 0
    started_at: int | None = None
    started_team: int = 0
    done_at: int | None = None
    done_team: int = 0
    done_points: float | None = None
    cancelled_at: int | None = None
    cancelled_team: int = 0
    reopened: list[tuple[int, int]] = []  # when, team
    wip: list[tuple[Period, int]] = []
    deleted_at: int | None = None

    @property
    def is_wip(self) -> bool:
        return self.is_flow and self.deleted_at is None and self.stage in ("in_progress", "waiting")

    def moved(self, at: int, was_stage: str) -> None:
        """Write down an arrival in a stage; what else happens in the same millisecond belongs to it."""
        if self.stage != was_stage:
            self._left(at, was_stage)
            if self.stage == "in_progress" and self.started_at is None:
                self.started_at = at
            elif self.stage == "done":
                self.done_at = at
            elif self.stage == "cancelled":
                self.cancelled_at = at
        if at == self.created_at:
            self.arrived_team = self.team
        if at == self.started_at:
            self.started_team = self.team
        if at == self.done_at:
            self.done_team, self.done_points = self.team, self.points
        if at == self.cancelled_at:
            self.cancelled_team = self.team

    def _left(self, at: int, was_stage: str) -> None:
        if was_stage == "done":
            self.done_at = None
            if self.stage != "cancelled":
                self.reopened.append((at, self.team))
        elif was_stage == "cancelled":
            self.cancelled_at = None

    def reopenings(self, zone: str) -> Iterator[tuple[int, Period]]:
        """Team and period, each once, however often the item was re-opened in it."""
        found = {(team or self.filter_team, period) for at, team in self.reopened for period in periods_of(zone, at)}
        yield from sorted(found, key=lambda pair: (pair[0], pair[1].kind, pair[1].start))

    def book(self) -> ItemBook:
        return ItemBook(
            item_id=self.item_id,
            team_id=self.team or self.filter_team,
            created_at=to_datetime(self.created_at),
            started_at=_when(self.started_at),
            done_at=_when(self.done_at),
            cancelled_at=_when(self.cancelled_at),
            reopen_count=len(self.reopened),
            deleted_at=_when(self.deleted_at),
        )


def _when(at: int | None) -> datetime | None:
    return None if at is None else to_datetime(at)


class FlowBook(msgspec.Struct):
    """Totals by team and period; the key is `<team>:<week|month>:<ordinal>`."""

    totals: dict[str, PeriodBook] = {}

    def add(self, card: Card, zone: str) -> None:
        """Take a card into the totals."""
        if not card.is_flow:
            return
        for total in self._touched(card, zone, card.created_at, card.arrived_team):
            total.arrived_items += 1
        for total in self._touched(card, zone, card.started_at, card.started_team):
            total.started_items += 1
        for total in self._touched(card, zone, card.done_at, card.done_team):
            _deliver(total, card)
        for total in self._touched(card, zone, card.cancelled_at, card.cancelled_team):
            total.cancelled_items += 1
        for team, period in card.reopenings(zone):
            self._total(team, period).reopened_items += 1
        for period, team in card.wip:
            self._total(team or card.filter_team, period).wip_items += 1

    def add_current_wip(self, card: Card, zone: str, now: int) -> None:
        """The period that still runs ends now."""
        if card.is_wip:
            for period in periods_of(zone, now):
                self._total(card.team or card.filter_team, period).wip_items += 1

    def _touched(self, card: Card, zone: str, at: int | None, team: int) -> Iterator[PeriodBook]:
        for period in () if at is None else periods_of(zone, at):
            yield self._total(team or card.filter_team, period)

    def _total(self, team: int, period: Period) -> PeriodBook:
        key = _key(team, period)
        total = self.totals.get(key)
        if total is None:
            total = self.totals[key] = PeriodBook(team, period.kind, date.fromordinal(period.start))
        return total


def _key(team: int, period: Period) -> str:
    return f"{team}:{period.kind}:{period.start}"


def _deliver(total: PeriodBook, card: Card) -> None:
    done_at = card.done_at or 0
    total.delivered_items += 1
    total.lead_time_hours.append((done_at - card.created_at) / HOUR)
    if card.started_at is None:
        total.skipped_start_items += 1
    else:
        total.cycle_time_hours.append((done_at - card.started_at) / HOUR)
    if card.done_points is not None:
        total.delivered_estimated_items += 1
        total.delivered_points += card.done_points
